"""The command `predict`."""

from pathlib import Path

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand, raise_errors


@click.command(cls=KerasCommand)
@click.argument("inputs", nargs=-1, required=True, type=shared.PATH)
@shared.out_option("Folder of the tables and pictures.")
@click.option(
    "--model",
    help="A .keras file, or a name of `weights list`.  [default: the shipped expression model]",
)
@shared.detector_option
@click.option("--faces", default="main", show_default=True, help="In videos: main or all.")
@click.option(
    "--annotate/--no-annotate",
    default=True,
    show_default=True,
    help="Also draw the outputs on copies of the inputs, in OUT/annotated.",
)
@click.option(
    "--html",
    is_flag=True,
    help="Also write OUT/view.html, an interactive page of all tables in OUT; see `view`.",
)
@shared.detect_every_option
@shared.processes_option
def predict(inputs, out, model, detector, annotate, html, **options):
    """Runs a model on INPUTS: videos, images, or folders of them (one level deep).

    Every video gets a table and a picture of the outputs over time; all images share one table,
    OUT/predictions.csv, with a row per face. A first input that ends in .keras is the model.
    """
    from kollias_affect import prediction

    if model is None and inputs[0].suffix == ".keras":
        model, *inputs = inputs
    files = prediction.find_inputs(inputs)
    if not files.videos and not files.images:
        raise ValueError(
            f"`predict` needs a video, an image or a folder. Received: the model {model} alone. "
            "Add the inputs."
        )
    ignored = ", ".join(f"{count} {kind}" for kind, count in sorted(files.ignored.items()))
    if ignored:
        click.echo(f"Ignored in folders: {ignored}.")
    errors = {}
    common = {"detector": detector, "annotate": annotate}
    if files.images:  # first, because a model of videos is refused at once
        table, image_errors = prediction.predict_images(model, files.images, out, **common)
        _print_images(table, out / prediction.IMAGE_TABLE)
        errors.update(image_errors)
    if files.videos:
        tables, video_errors = prediction.predict_videos(
            model, files.videos, out, **common, **options
        )
        _print_videos(tables, out)
        errors.update(video_errors)
    if html and len(errors) < len(files.images) + len(files.videos):
        click.echo(prediction.write_page(out, media=[*files.videos, *files.images]))
    raise_errors(errors)


def _print_images(table, path):
    """Prints a line for every image with the outputs of its faces."""
    outputs = list(table.columns[table.columns.get_loc("FaceRectHeight") + 1 :])
    for image, rows in table.groupby("input", sort=False):
        rows = rows[rows["success"] == 1]
        results = ", ".join(_result(row[outputs]) for _, row in rows.iterrows())
        plural = "s" if len(rows) > 1 else ""
        click.echo(
            f"{image}: {len(rows)} face{plural}: {results}" if results else f"{image}: no face"
        )
    click.echo(f"{path}: {table['input'].nunique()} images, {int(table['success'].sum())} faces.")


def _result(values):
    if values.min() < 0 or len(values) < 3:  # valence and arousal
        return " ".join(f"{name} {value:+.2f}" for name, value in values.items())
    best = values.astype(float).idxmax()
    return f"{best} {values[best]:.2f}"


def _print_videos(tables, out):
    for video, table in tables.items():
        frames = table["frame"].nunique()
        with_face = table.loc[table["success"] == 1, "frame"].nunique()
        note = "" if with_face else " No face was found: no outputs."
        stem = out / Path(video).stem
        click.echo(f"{video}: {frames} frames, {with_face} with a face.{note} {stem}.csv, .png")
