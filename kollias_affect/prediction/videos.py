"""Prediction on videos: a table, plots and an annotated copy of each."""

import itertools
import statistics
from pathlib import Path

from kollias_affect import _checks, evaluation
from kollias_affect.faces import Video, extract_many
from kollias_affect.prediction import drawing, outputs, predictor, tables

DEFAULT_RATE, MAX_RATE = 25, 240  # frames per second


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
):
    """Runs a trained model on videos.

    Four kinds of files are written to `out_dir`. Files of other kinds are never replaced; earlier
    outputs are.

    - `<video>.csv`: one row per decoded frame, or per face and frame with `faces="all"`. It has the
      columns of `faces.extract` and one for each output of the model, clipped to its range and
      empty without a face.
    - `<video>.png`: the outputs over time. With several faces there is one plot for each, named
      like its crops.
    - `annotated/<video>.mp4`: the video with boxes and outputs, with the same time stamps and
      without sound.
    - `crops/`: the outputs of `faces.extract`.

    Args:
        model: `.keras` file, or a name of `weights.list_pretrained`; `None` for the default
            expression model.
        videos: List of video files.
        out_dir: Folder of the outputs.
        detector: See `faces.extract`.
        processes, progress: See `faces.extract_many`.
        faces: `"main"` for the main face, `"all"` for every face.
        annotate: Whether to write annotated videos.
        detect_every: See `faces.extract`.

    Returns:
        `(tables, errors)`: dicts from the path of a video, as text, to its `pandas.DataFrame`, and
        to the exception for videos that failed.

    Raises:
        FileNotFoundError, ValueError: If `model` is no model, or was trained on other crops.
        FileExistsError: If another file has the name of an output.
    """
    model = predictor.load(model)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    for video in videos:
        _refuse_foreign(out_dir, Path(video).stem, model.names, annotate)
    clips_of_video, errors = extract_many(
        videos,
        out_dir / "crops",
        processes,
        progress,
        detector=detector,
        size=model.size,
        faces=faces,
        layout=model.layout,
        detect_every=detect_every,
    )
    results = {}
    for video, clips in clips_of_video.items():
        people = clips if isinstance(clips, list) else [clips]
        try:
            results[video] = _predict_people(model, people, out_dir, Path(video).stem)
        except FileExistsError as error:
            errors[video] = error
            continue
        if annotate:
            path = _annotated_video(out_dir, Path(video).stem)
            _write_annotated(video, results[video], model, path)
    return results, errors


def _refuse_foreign(out_dir, stem, names, annotate):
    outputs.refuse_name_of_image_table(stem)
    outputs.refuse_foreign_table(out_dir / f"{stem}.csv", names, out_dir / f"{stem}.png")
    if annotate:
        outputs.refuse_foreign_media(_annotated_video(out_dir, stem))


def _annotated_video(out_dir, stem):
    return out_dir / outputs.ANNOTATED / f"{stem}.mp4"


def _predict_people(model, people, out_dir, stem):
    """Writes the table and the plots of one video and returns the table."""
    values = [model.outputs_of_clip(clip) for clip in people]
    table = tables.table_of_people(out_dir / "crops", people, values, model.names)
    plots = [out_dir / f"{clip.key}.png" for clip in people]
    outputs.refuse_foreign_table(out_dir / f"{stem}.csv", model.names, *plots)
    tables.write_table(table, out_dir / f"{stem}.csv")
    for clip, of_clip, plot in zip(people, values, plots, strict=True):
        evaluation.traces(clip.times, of_clip, model.names, plot, title=clip.key)
    return table


def _write_annotated(video, table, model, path):
    """Writes a copy of the video with the boxes and outputs of the table."""
    rows = dict(iter(table.groupby("frame")))

    def pictures():
        for frame in Video(video):
            of_frame = rows[frame.index]
            overlays = tables.overlays(of_frame, model.names)
            picture = drawing.draw(frame.image, overlays, model.range, tables.note(of_frame))
            yield frame.time, picture

    drawing.write_video(pictures(), path, rate=_rate(table))


def _rate(table):
    """Returns the frames per second of a video, rounded, from the time stamps of its table."""
    times = table.drop_duplicates("frame")["timestamp"]
    intervals = [b - a for a, b in itertools.pairwise(times) if b > a]
    rate = round(1 / statistics.median(intervals)) if intervals else DEFAULT_RATE
    return min(max(rate, 1), MAX_RATE)
