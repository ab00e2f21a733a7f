"""The command `explain`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import import_tensorflow, raise_errors


@click.command
@click.argument("model", type=shared.MODEL)
@click.argument("inputs", nargs=-1, required=True, type=shared.EXISTING)
@shared.out_option("Folder of the pictures and arrays.")
@click.option(
    "--method",
    type=shared.one_of("auto", "gradcam", "hirescam", "occlusion"),
    default="auto",
    show_default=True,
    help="gradcam or hirescam (gradients), occlusion (a patch over each place), or auto: all, but "
    "occlusion alone for .onnx files, which have no gradients.",
)
@click.option(
    "--output",
    "of_outputs",
    multiple=True,
    metavar="NAME",
    help="Explain only this output, such as valence; may be given several times.  [default: all]",
)
@click.option(
    "--frames",
    type=shared.AT_LEAST_1,
    default=6,
    show_default=True,
    help="Frames of a video, evenly spread.",
)
@click.option(
    "--layer",
    help="Layer whose maps gradients weigh.  [default: the last one with at least 5 x 5 places]",
)
@click.option(
    "--patch", type=shared.AT_LEAST_1, help="Side of the patch in pixels.  [default: size / 6]"
)
@click.option(
    "--stride", type=shared.AT_LEAST_1, help="Pixels from patch to patch.  [default: patch / 2]"
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
@shared.processes_option
def explain(model, inputs, out, recursive, **options):
    """Shows which places of a face the outputs of MODEL depend on, for INPUTS.

    MODEL is a .keras or .onnx file, or a name of `kollias-affect weights list`. INPUTS are videos,
    images, or folders of them. For each one OUT gets a picture with a map of every output over the
    faces, and the maps as arrays (.npz). Red places raise an output, blue ones lower it.

    \b
      kollias-affect explain affect_vgg photograph.jpg --out maps
      kollias-affect explain run/best.keras video.mp4 --out maps --output valence --frames 3
    """
    from kollias_affect import catalogue, prediction

    files = prediction.find_inputs(inputs, recursive, leave_out=out)
    of_outputs = options.pop("of_outputs") or None
    find = catalogue.runtime_file if options["method"] == "occlusion" else catalogue.model_file
    if find(model).suffix != ".onnx":
        import_tensorflow(click.get_current_context())
    errors = prediction.explain_files(
        model, files, out, of_outputs=of_outputs, log=click.echo, **options
    )
    raise_errors(errors)
