"""The command `predict`."""

import click

from kollias_affect import _cluster
from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import import_tensorflow, raise_errors
from kollias_affect.cli._terminal import echo


def _divided(model, inputs):
    """Returns the model, which may be the first input, and the inputs."""
    from kollias_affect import catalogue

    if model is None and inputs[0].suffix in catalogue.ENDINGS:
        return str(inputs[0]), inputs[1:]
    return model, inputs


@click.command
@click.argument("inputs", nargs=-1, required=True, type=shared.EXISTING)
@shared.out_option("Folder of the tables and pictures.")
@click.option(
    "--model",
    type=shared.MODEL,
    help="A .keras or .onnx file, or a name of `weights list`.  [default: affect_vgg, which ships]",
)
@click.option("--recursive", is_flag=True, help="Also search the folders in folders.")
@click.option("--cropped", is_flag=True, help="The images are faces already: detect nothing.")
@shared.detector_option
@click.option(
    "--max-side",
    type=shared.whole(80, 100_000),
    help="Shrink larger images and frames to this number of pixels for the detection.  [default: "
    "1280 for images, 640 for videos]",
)
@click.option(
    "--faces",
    type=shared.one_of("main", "all"),
    default="main",
    show_default=True,
    help="In videos: the main face, or all.",
)
@click.option(
    "--annotate/--no-annotate",
    default=True,
    show_default=True,
    help="Also draw the outputs on copies of the inputs, in OUT/annotated.",
)
@click.option(
    "--landmarks", is_flag=True, help="Add the columns x_0 to x_67 and y_0 to y_67, in pixels."
)
@click.option(
    "--format",
    type=shared.one_of("csv", "json", "parquet"),
    default="csv",
    show_default=True,
    help="Format of the tables.",
)
@shared.excel_safe_option
@click.option(
    "--html",
    is_flag=True,
    help="Also write OUT/view.html, an interactive page of all tables in OUT; see `view`.",
)
@click.option(
    "--stream/--windows",
    default=None,
    help="Models of windows: run a video as one sequence, or in windows that do not overlap, whose "
    "outputs jump where one begins.  [default: the mean of overlapping windows]",
)
@click.option(
    "--skip-unchanged",
    type=shared.real(0, 255),
    metavar="LEVEL",
    help="In videos: do not run the model on a face that differs from the last one that ran by at "
    "most LEVEL of 255 in the root mean square. 0 leaves out equal faces only.",
)
@shared.detect_every_option
@shared.processes_option
@shared.cluster_option("one task per video")
@shared.segment_option
def predict(
    inputs, out, model, recursive, cropped, detector, max_side, faces, annotate, landmarks, format,
    excel_safe, html, stream, skip_unchanged, detect_every, processes, cluster, segment,
):  # fmt: skip
    """Runs a model on INPUTS: videos, images, or folders of them.

    Every video gets a table and a picture of the outputs over time; all images share one table,
    OUT/predictions.csv, with a row per face. OUT/summary.csv has a row per input and person. A
    first input that ends in .keras or .onnx is the model.
    """
    from kollias_affect import catalogue, prediction
    from kollias_affect.prediction.view import writing

    # What can be refused is refused before anything heavy is imported.
    prediction.check_format(format, excel_safe)
    of_cluster = shared.on_cluster(cluster, segment, processes)
    if html:
        writing.refuse_foreign(out / writing.FILE_NAME)
    model, inputs = _divided(model, inputs)
    if model is not None:
        shared.MODEL.convert(model, None, None)
    files = prediction.find_inputs(inputs, recursive, leave_out=out)
    if not files.names:
        raise ValueError(
            f"`predict` needs a video, an image or a folder. Received: the model {model} alone. "
            "Add the inputs."
        )
    if files.ignored:
        kinds = sorted(files.ignored.items())
        ignored = [count(n, "folder") if kind == "folder" else f"{n:,} {kind}" for kind, n in kinds]
        echo(f"Ignored in folders: {', '.join(ignored)}.")
    if catalogue.runtime_file(model).suffix != ".onnx":
        import_tensorflow(click.get_current_context())
    options = {"detector": detector, "annotate": annotate, "landmarks": landmarks, "format": format}
    options["excel_safe"] = excel_safe
    if max_side is not None:
        options["max_side"] = max_side
    with _cluster.executor(cluster) as executor:
        result = prediction.predict_files(
            model,
            files,
            out,
            of_images={"cropped": cropped},
            of_videos={
                "faces": faces,
                "mode": {None: None, True: "stream", False: "windows"}[stream],
                "detect_every": detect_every,
                "skip_unchanged": skip_unchanged,
                "executor": executor,
                **of_cluster,
            },
            log=echo,
            **options,
        )
    if html and result.summary is not None:
        echo(prediction.write_page(out, media=list(files.names)))
    raise_errors(result.errors)
