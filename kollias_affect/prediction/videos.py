"""Prediction on videos: a table, plots and an annotated copy of each."""

import importlib
import itertools
import statistics
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files
from kollias_affect.faces import Video, extract_many
from kollias_affect.faces.prefetch import prefetch
from kollias_affect.prediction import drawing, outputs, over_time, predictor, tables
from kollias_affect.prediction.beside import Beside
from kollias_affect.prediction.inputs import names_of
from kollias_affect.prediction.table_files import check_format, named, write_table

DEFAULT_RATE, MAX_RATE = 25, 240  # frames per second
LONGEST_SIDE = 640  # pixels


def predict_videos(
    model,
    videos,
    out_dir,
    detector="auto",
    processes=None,
    progress=True,
    faces="main",
    annotate=True,
    detect_every=1,
    max_side=LONGEST_SIDE,
    landmarks=False,
    format="csv",
    excel_safe=False,
    mode=None,
    names=None,
):
    """Runs a trained model on videos.

    Four kinds of files are written to `out_dir`. Files of other kinds are never replaced; earlier
    outputs are.

    - `<video>.csv`: one row per decoded frame, or per face and frame with `faces="all"`. It has the
      columns of `faces.extract`, those of the outputs of the model, each in its range, and `pitch`,
      `yaw` and `roll` of the head in degrees, see `faces.head_pose`. They are empty without a face.
    - `<video>.png`: the outputs over time. With several faces there is one plot for each, named
      like its crops.
    - `annotated/<video>.mp4`: the video with boxes and outputs, with the same time stamps and
      without sound.
    - `crops/`: the outputs of `faces.extract`.

    Args:
        model: `.keras` file, or a name of `weights.list_pretrained`; `None` for the default,
            `affect_vgg`.
        videos: List of video files.
        out_dir: Folder of the outputs.
        detector: See `faces.extract`.
        processes, progress: See `faces.extract_many`.
        faces: `"main"` for the main face, `"all"` for every face.
        annotate: Whether to write annotated videos.
        detect_every: See `faces.extract`.
        max_side: `longest_side` of `faces.extract`.
        landmarks: Whether the table has columns `x_0` to `x_67` and `y_0` to `y_67`, the landmarks
            in pixels of the frame.
        format: Format of the table, one of `table_files.FORMATS`.
        excel_safe: Whether no text of a csv is a formula for a spreadsheet.
        mode: How a model of windows runs on a clip, one of `over_time.MODES`.
        names: Dict from a video to its name in tables and outputs. Default: the names of
            `inputs.find_inputs`. Videos that would share an output keep their ending in its name,
            see `outputs.stems`.

    Returns:
        `(tables, errors)`: dicts from the path of a video, as text, to its `pandas.DataFrame`, and
        to the exception for videos that failed.

    Raises:
        FileNotFoundError, ValueError: If `model` is no model, was trained on other crops, or an
            argument is invalid.
        FileExistsError: If another file has the name of an output.
    """
    check_format(format, excel_safe)
    if mode is not None:
        _checks.one_of("mode", mode, over_time.MODES)
    model = predictor.load(model)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    names = names_of(videos) if names is None else names
    stems = outputs.stems(list(names.values()))
    for stem in stems.values():
        outputs.refuse_foreign_table(out_dir, stem, format, out_dir / f"{stem}.png")
        if annotate:
            outputs.refuse_foreign_media(_annotated_video(out_dir, stem))
    name_of = {str(video): name for video, name in names.items()}
    folders = {
        video: outputs.crops_folder(out_dir, name, stems[name]) for video, name in name_of.items()
    }
    options = {"detector": detector, "faces": faces, "detect_every": detect_every}
    results, failed = {}, {}

    def predict_one(video, clips):
        name = name_of[video]
        stem = stems[name]
        try:
            table, values, people = table_of_video(
                model, video, name, clips, folders[video], mode, landmarks
            )
            if annotate:  # The plots are drawn meanwhile.
                path = _annotated_video(out_dir, stem)
                beside.submit(video, _write_annotated, video, table, model, path)
            plots = [
                out_dir / f"{stem}{clip.key.removeprefix(Path(video).stem)}.png" for clip in people
            ]
            outputs.refuse_foreign_table(out_dir, stem, format, *plots)
            write_table(table, named(out_dir, stem, format), excel_safe)
            _draw_people(model, people, values, plots)
        except _files.DiskFullError:
            raise
        except (OSError, ValueError) as error:
            failed[video] = error
            return
        results[video] = table

    with Beside() as beside:  # The plots need matplotlib, whose import takes a second.
        beside.submit(None, lambda _: importlib.import_module("kollias_affect.evaluation"))
        _, errors = extract_many(
            list(name_of), folders, processes, progress, predict_one, size=model.size,
            layout=model.layout, longest_side=max_side, **options,
        )  # fmt: skip
        failed |= beside.errors()
    errors |= failed
    return {video: table for video, table in results.items() if video not in failed}, errors


def _annotated_video(out_dir, stem):
    return out_dir / outputs.ANNOTATED / f"{stem}.mp4"


def table_of_video(model, video, name, clips, folder, mode=None, landmarks=False):
    """Runs a model on the extracted faces of a video.

    Args:
        model: `Predictor`.
        video: Video file.
        name: Its name in the column `input`.
        clips: What `faces.extract` returned.
        folder: Folder of the outputs of `faces.extract`.
        mode, landmarks: See `predict_videos`.

    Returns:
        `(table, values, people)`: a `pandas.DataFrame`, and the lists of outputs by task and of
        `Clip`s, one for each person.
    """
    people = clips if isinstance(clips, list) else [clips]
    values = [model.outputs_of_clip(clip, mode) for clip in people]
    shape = next(iter(Video(video))).image.shape
    table = tables.table_of_people(folder, people, values, name, shape, model.tasks, landmarks)
    return table, values, people


def _draw_people(model, people, values, plots):
    """Draws the outputs over time, a plot for each person of a video."""
    from kollias_affect import evaluation

    for clip, of_clip, plot in zip(people, values, plots, strict=True):
        names, numbers = joined(model.tasks, of_clip)
        evaluation.traces(clip.times, numbers, names, plot, title=title(plot.stem, model))


def title(name, model):
    """Returns the title of a picture, which says so if the model knows no real faces."""
    return f"{name} ({tables.SYNTHETIC})" if model.note else name


def joined(tasks, outputs_by_task):
    """Returns the names of all outputs, and their values side by side."""
    names = [name for outputs_of_task, _ in tasks.values() for name in outputs_of_task]
    return names, np.concatenate([outputs_by_task[task] for task in tasks], axis=1)


def _write_annotated(stopped, video, table, model, path):
    """Writes a copy of the video with the boxes and outputs of the table."""
    rows, spans = dict(iter(table.groupby("frame"))), tables.spans(model.tasks)

    def pictures():
        for frame in prefetch(iter(Video(video))):
            of_frame = rows[frame.index]
            overlays = tables.overlays(of_frame, model.tasks)
            yield (
                frame.time,
                drawing.draw(frame.image, overlays, spans, tables.note(of_frame, model)),
            )
            stopped.raise_if_set()

    # Frames are decoded, drawn and encoded at the same time.
    drawing.write_video(prefetch(pictures()), path, rate=_rate(table))


def _rate(table):
    """Returns the frames per second of a video, rounded, from the time stamps of its table."""
    times = table.drop_duplicates("frame")["timestamp"]
    intervals = [b - a for a, b in itertools.pairwise(times) if b > a]
    rate = round(1 / statistics.median(intervals)) if intervals else DEFAULT_RATE
    return min(max(rate, 1), MAX_RATE)
