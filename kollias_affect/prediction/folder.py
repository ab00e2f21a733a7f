"""Predictions on files of all kinds into one folder, with a summary and a report."""

import dataclasses
from pathlib import Path

import pandas as pd

from kollias_affect import _checks, _runs
from kollias_affect._texts import count
from kollias_affect.prediction import outputs, predictor, summary
from kollias_affect.prediction.images import predict_images
from kollias_affect.prediction.table_files import check_format, named, write_table
from kollias_affect.prediction.videos import predict_videos


@dataclasses.dataclass(frozen=True)
class FolderResult:
    """What was predicted.

    Attributes:
        summary: `pandas.DataFrame`, see `summarize`; `None` if every input failed.
        errors: Dict from the path of an input that failed, as text, to its exception.
    """

    summary: pd.DataFrame | None
    errors: dict


def predict_files(
    model,
    files,
    out_dir,
    of_images=None,
    of_videos=None,
    log=print,
    format="csv",
    excel_safe=False,
    **options,
):
    """Runs `predict_images` and `predict_videos` on files, and writes `summary.csv` beside them.

    Args:
        model: See `predict_videos`.
        files: `Inputs`, see `find_inputs`.
        out_dir: Folder of the outputs.
        of_images, of_videos: Dicts of options of `predict_images` and of `predict_videos`.
        log: Function that is called with lines of text: what the outputs are of every image and
            video, and the files that were written.
        format, excel_safe: See `predict_videos`; `summary.csv` too.
        **options: Options of both.

    Returns:
        `FolderResult`.

    Raises:
        OSError: If another process works in `out_dir`.
        OSError, ValueError: See `predict_images` and `predict_videos`.
    """
    check_format(format, excel_safe)
    model = predictor.load(model)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    with _runs.Lock(out_dir):
        of_both = {**options, "format": format, "excel_safe": excel_safe}
        return _predict(model, files, out_dir, of_images, of_videos, log, of_both)


def _predict(model, files, out_dir, of_images, of_videos, log, options):
    format = options["format"]
    outputs.refuse_foreign_table(out_dir, outputs.SUMMARY, format)
    if model.note:
        log(f"Note: {model.note}")
    rows, errors = [], {}
    if files.images:  # first, because a model of videos is refused at once
        names = files.named_images
        table, failed = predict_images(
            model, list(names), out_dir, names=names, **(of_images or {}), **options
        )
        errors |= {str(path): error for path, error in failed.items()}
        if len(table):
            rows += summary.of_table(table, model.tasks)["rows"]
        _report_images(table, model.tasks, named(out_dir, outputs.IMAGES, format), log)
    videos = files.named_videos
    if videos:
        of_video, failed = predict_videos(
            model, list(videos), out_dir, names=videos, summaries=True, **(of_videos or {}),
            **options,
        )  # fmt: skip
        errors |= failed
        stems = outputs.stems(list(videos.values()))
        for path, name in videos.items():
            if str(path) in of_video:
                found = of_video[str(path)]
                rows += found["rows"]
                log(f"{name}: {found['line']} ({named(out_dir, stems[name], format)})")
    if not rows:
        return FolderResult(None, errors)
    found = summary.of_rows(rows, model.tasks)
    if model.note:
        found["note"] = model.note
    path = named(out_dir, outputs.SUMMARY, format)
    write_table(found, path, options["excel_safe"])
    log(f"{path}: {count(found['input'].nunique(), 'input')}, {count(len(found), 'row')}.")
    return FolderResult(found, errors)


def _report_images(table, tasks, path, log):
    """Reports a line for every image with the outputs of its faces, and the table."""
    for name, rows in table.groupby("input", sort=False):
        rows = rows[rows["success"] == 1]
        results = "; ".join(summary.face_text(row, tasks) for _, row in rows.iterrows())
        log(f"{name}: {count(len(rows), 'face')}: {results}" if results else f"{name}: no face")
    if len(table):
        images = count(table["input"].nunique(), "image")
        log(f"{Path(path)}: {images}, {count(int(table['success'].sum()), 'face')}.")
