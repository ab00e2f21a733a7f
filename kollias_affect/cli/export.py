"""The command `export`."""

from pathlib import Path

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo

_ENDINGS = {"onnx": ".onnx", "litert": ".tflite", "saved_model": ""}
_CALIBRATION_FRAMES = 512


@click.command(cls=KerasCommand)
@click.argument("model", type=shared.MODEL)
@click.option(
    "--format",
    type=click.Choice(list(_ENDINGS)),
    default="onnx",
    show_default=True,
    help="onnx for ONNX Runtime, litert for phones, saved_model for TensorFlow's server.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file or folder.  [default: the name of MODEL with .onnx, .tflite or nothing, here]",
)
@click.option(
    "--batch", type=shared.AT_LEAST_1, help="Frames or windows per call.  [default: free]"
)
@click.option(
    "--length",
    type=shared.AT_LEAST_1,
    help="Frames per window.  [default: free in ONNX, otherwise that of MODEL]",
)
@click.option(
    "--stream", is_flag=True, help="Recurrent states are inputs and outputs, for live sequences."
)
@click.option(
    "--weights",
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="How the weights are stored; int8 (ONNX) also computes in 8 bits.",
)
@click.option(
    "--calibrate",
    metavar="DATA",
    type=shared.EXISTING,
    help="For int8: clips of real faces, see --dataset. Up to "
    f"{_CALIBRATION_FRAMES} frames are used; half of them measure the loss.",
)
@shared.dataset_options
def export(
    model, format, out, batch, length, stream, weights, calibrate, dataset, split, loader_options
):
    """Writes MODEL, a .keras file or a name of `weights list`, for use without Keras.

    The file carries the model's card. It is written only if its outputs equal those of Keras.
    """
    from kollias_affect import models
    from kollias_affect import weights as registry

    path = registry.model_file(model)
    out = Path(f"{path.stem}{_ENDINGS[format]}") if out is None else out
    calibration = None
    if calibrate is not None:
        clips = shared.load_clips(dataset, calibrate, split, loader_options)
        calibration = _inputs(models.read_card(path), clips)
    try:
        measured = models.export(
            path, out, format, batch, length, stream, weights, calibration=calibration
        )
    except ImportError as error:
        raise ValueError(str(error)) from error
    echo(
        f"{out}: {measured['bytes'] / 1e6:.1f} MB, largest difference from Keras "
        f"{measured['difference']:.1g} on random inputs."
    )
    for task, loss in measured.get("loss", {}).items():
        measure = "same class" if task.startswith("expression") else "lowest CCC with float32"
        echo(
            f"int8 on {loss['frames']} frames that did not calibrate it, {task}: {measure} "
            f"{loss['agreement']:.4f}, mean change {loss['mean']:.4f}, largest "
            f"{loss['largest']:.4f}."
        )


def _inputs(card, clips):
    """Returns batches of inputs from clips, in windows if the model takes them."""
    from kollias_affect import windows

    length = card["length"] or 1
    data = windows.dataset(
        clips,
        length=length,
        batch_size=max(1, 16 // length),
        shuffle=True,
        landmarks=card["landmarks"],
        size=card["image"]["size"],
        labels=False,
    )
    per_batch = max(1, 16 // length) * length
    for inputs in data.take(max(2, _CALIBRATION_FRAMES // per_batch)).as_numpy_iterator():
        yield inputs if card["length"] else {name: v[:, 0] for name, v in inputs.items()}
