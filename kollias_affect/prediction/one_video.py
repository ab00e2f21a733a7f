"""Prediction on one video whose faces are extracted: its table, its plots, its annotated copy."""

import dataclasses
import functools
import itertools
import os
import statistics
from pathlib import Path

import numpy as np

from kollias_affect import _cluster
from kollias_affect.faces import Video, batch
from kollias_affect.faces.prefetch import prefetch
from kollias_affect.prediction import drawing, outputs, predictor, summary, tables
from kollias_affect.prediction.beside import Beside
from kollias_affect.prediction.table_files import named, write_table

DEFAULT_RATE, MAX_RATE = 25, 240  # frames per second


@dataclasses.dataclass(frozen=True)
class Job:
    """What is predicted on a video.

    Attributes:
        video: Path of the video, as text.
        name: Its name in the column `input`.
        stem: Stem of its outputs.
        crops: `Path` of the folder of the outputs of `faces.extract`.
        out_dir: `Path` of the outputs.
        mode, landmarks, format, annotate, excel_safe, skip_unchanged: See `predict_videos`.
    """

    video: str
    name: str
    stem: str
    crops: Path
    out_dir: Path
    mode: str | None
    landmarks: bool
    format: str
    annotate: bool
    excel_safe: bool = False
    skip_unchanged: float | None = None

    @property
    def table(self):
        """`Path` of the table."""
        return Path(named(self.out_dir, self.stem, self.format))

    @property
    def annotated(self):
        """`Path` of the annotated copy."""
        return self.out_dir / outputs.ANNOTATED / f"{self.stem}.mp4"

    def absolute(self):
        """Returns the same job for a process with another working folder."""
        paths = {name: Path(os.path.abspath(getattr(self, name))) for name in ("crops", "out_dir")}
        return dataclasses.replace(self, video=os.path.abspath(self.video), **paths)

    @property
    def is_written(self):
        """Whether the outputs exist."""
        return self.table.exists() and (not self.annotate or self.annotated.exists())

    def check_written(self):
        """Raises `OSError` if a worker wrote the outputs elsewhere."""
        if not (_cluster.appears(self.table) and self.is_written):
            raise OSError(batch.NOT_SHARED.format(video=self.video, folder=self.out_dir))

    def refuse_foreign(self):
        """Raises `FileExistsError` if an output would replace another kind of file."""
        plot = self.out_dir / f"{self.stem}.png"
        outputs.refuse_foreign_table(self.out_dir, self.stem, self.format, plot)
        if self.annotate:
            outputs.refuse_foreign_media(self.annotated)


def predict(model, job, clips, beside):
    """Runs a model on the extracted faces of a video, and writes the outputs.

    Args:
        model: `Predictor`.
        job: `Job`.
        clips: What `faces.extract` returned.
        beside: `Beside` in which the annotated copy is written meanwhile; its key is `job.video`.

    Returns:
        `pandas.DataFrame`.
    """
    table, values, people = table_of_video(
        model, job.video, job.name, clips, job.crops, job.mode, job.landmarks
    )
    if job.annotate:  # The plots are drawn meanwhile.
        beside.submit(job.video, _write_annotated, job.video, table, model, job.annotated)
    _write_people(model, people, values, table, job)
    return table


def file_of(model):
    """Returns the path of the file of a `Predictor`, as text, which workers load.

    Raises:
        ValueError: If it was not loaded from a file.
    """
    if model.path is None:
        raise ValueError(
            "With an executor, `model` must be a file or a name. Received: a model in memory. Save "
            "it first, see `models.save`."
        )
    return os.path.abspath(model.path)


def extract_and_predict(model, job, options, keep, segment):
    """Extracts and predicts a video in a worker, or divides a long one, see `batch`.

    Args:
        model: File of a model, as text.
        job: `Job` with absolute paths.
        options: Options of `faces.extract`.
        keep: Whether the table is returned.
        segment: Frames of a segment.

    Returns:
        `(bounds, prediction)`: what `segments.plan` returned, and what `predict_extracted` returned
        if the video is not divided.
    """
    bounds, _ = batch.extract_or_plan(job.video, str(job.crops), options, segment)
    return bounds, None if bounds else predict_extracted(model, job, options, keep)


def predict_extracted(model, job, options, keep):
    """Predicts a video in a worker that has been extracted.

    Returns:
        `(table, summary)`, see `extract_and_predict` and `summary.of_table`.
    """
    loaded = _loaded(model, os.stat(model).st_mtime_ns).skipping(job.skip_unchanged)
    clips = batch.read_outputs(job.video, str(job.crops), options)
    with Beside() as beside:
        table = predict(loaded, job, clips, beside)
        for error in beside.errors().values():
            raise error
    return table if keep else None, summary.of_table(table, loaded.tasks)


@functools.lru_cache(maxsize=2)
def _loaded(path, changed):
    """Returns the `Predictor` of a file; a worker loads it once."""
    del changed
    return predictor.load(path, threads=1)


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


def _write_people(model, people, values, table, job):
    """Writes the table and the plots of one video."""
    from kollias_affect import evaluation

    start = Path(job.video).stem
    plots = [job.out_dir / f"{job.stem}{clip.key.removeprefix(start)}.png" for clip in people]
    outputs.refuse_foreign_table(job.out_dir, job.stem, job.format, *plots)
    write_table(table, job.table, job.excel_safe)
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
