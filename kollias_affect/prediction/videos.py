"""Prediction on videos: a table, plots and an annotated copy of each."""

import importlib

from kollias_affect import _checks, _cluster, _files
from kollias_affect.faces import batch, extract_many, segments
from kollias_affect.prediction import one_video, outputs, over_time, predictor, summary
from kollias_affect.prediction.beside import Beside
from kollias_affect.prediction.finished import Finished
from kollias_affect.prediction.inputs import names_of
from kollias_affect.prediction.table_files import check_format, read_table

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
    skip_unchanged=None,
    executor=None,
    segment=segments.LENGTH,
    summaries=False,
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
        skip_unchanged: Level up to which a face counts as unchanged and takes the outputs of the
            last frame that ran, see `unchanged.sources`; `None` to run every frame.
        executor: `concurrent.futures.Executor` that runs one task per video instead of `processes`,
            see `faces.extract_many`. Its workers load the model from its file. A video that was
            predicted with the same model and options is left out, see `finished`.
        segment: With an executor, frames of the segments of a long video, see
            `faces.extract_many`.
        summaries: Whether to return the summary of each video, see `summary.of_table`, in place of
            its table, so that memory does not grow with the number of frames.

    Returns:
        `(tables, errors)`: dicts from the path of a video, as text, to its `pandas.DataFrame`
        (or summary), and to the exception for videos that failed.

    Raises:
        FileNotFoundError, ValueError: If `model` is no model, was trained on other crops, or an
            argument is invalid.
        FileExistsError: If another file has the name of an output.
    """
    check_format(format, excel_safe)
    if mode is not None:
        _checks.one_of("mode", mode, over_time.MODES)
    model = predictor.load(model).skipping(skip_unchanged)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    names = names_of(videos) if names is None else names
    stems = outputs.stems(list(names.values()))
    jobs = {
        str(video): one_video.Job(
            str(video), name, stems[name], outputs.crops_folder(out_dir, name, stems[name]),
            out_dir, mode, landmarks, format, annotate, excel_safe, skip_unchanged,
        )
        for video, name in names.items()
    }  # fmt: skip
    for job in jobs.values():
        job.refuse_foreign()
    options = {
        "size": model.size, "layout": model.layout, "longest_side": max_side,
        "detector": detector, "faces": faces, "detect_every": detect_every,
    }  # fmt: skip
    if executor is not None:
        return _predict_on(executor, model, jobs, out_dir, options, segment, progress, summaries)
    return _predict_here(model, jobs, options, processes, progress, summaries)


def _predict_here(model, jobs, options, processes, progress, summaries):
    results, failed = {}, {}

    def predict_one(video, clips):
        try:
            table = one_video.predict(model, jobs[video], clips, beside)
        except _files.DiskFullError:
            raise
        except (OSError, ValueError) as error:
            failed[video] = error
            return
        results[video] = summary.of_table(table, model.tasks) if summaries else table

    with Beside() as beside:  # The plots need matplotlib, whose import takes a second.
        beside.submit(None, lambda _: importlib.import_module("kollias_affect.evaluation"))
        folders = {video: job.crops for video, job in jobs.items()}
        _, errors = extract_many(list(jobs), folders, processes, progress, predict_one, **options)
        failed |= beside.errors()
    errors |= failed
    return {video: result for video, result in results.items() if video not in failed}, errors


def _predict_on(executor, model, jobs, out_dir, options, segment, progress, summaries):
    """Runs a model in tasks of an executor, for the videos that are not finished."""
    options = batch.options_of_tasks(options)
    file = one_video.file_of(model)
    finished = Finished(out_dir, file, options)

    def work(video):
        job = jobs[video].absolute()
        arguments = (file, job, options, not summaries)
        call = _cluster.Call(one_video.extract_and_predict, (*arguments, segment))
        ((bounds, prediction),) = yield [call]
        if bounds:
            yield from batch.segment_calls(job.video, str(job.crops), options, bounds, bar)
            bar.total += 1
            (prediction,) = yield [_cluster.Call(one_video.predict_extracted, arguments)]
        table, of_table = prediction
        job.check_written()
        batch.check_outputs(job.video, str(job.crops))
        finished.add(job, of_table)
        return of_table if summaries else table

    stored = {video: finished.summary(job.absolute()) for video, job in jobs.items()}
    missing = [video for video in jobs if stored[video] is None]
    with batch.parts_bar(len(missing), progress) as bar, finished:
        works = ((video, work(video)) for video in missing)
        found, errors = batch.in_order(missing, _cluster.run(executor, works, bar.update))
    results = {}
    for video, job in jobs.items():
        if video in found:
            results[video] = found[video]
        elif stored[video] is not None:
            results[video] = stored[video] if summaries else read_table(job.table)
    return results, errors
