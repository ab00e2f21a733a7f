"""The one function that exports: arguments, card, and the choice of the format."""

from pathlib import Path

import keras

from kollias_affect import _checks
from kollias_affect.models import files
from kollias_affect.models.exporting import litert, onnx_file, saved_model
from kollias_affect.models.exporting.request import Request
from kollias_affect.models.fast import with_plain_layers
from kollias_affect.models.stateful import stateful
from kollias_affect.models.unit_range import for_unit_range
from kollias_affect.runtime.cards import read_card

FORMATS = {
    "onnx": (".onnx", onnx_file.write),
    "litert": (".tflite", litert.write),
    "saved_model": ("", saved_model.write),
}
WEIGHTS = ("float32", "float16", "int8")


def export(
    model,
    path,
    format="onnx",
    batch=None,
    length=None,
    stream=False,
    weights="float32",
    calibration=None,
    **metadata,
):
    """Exports a model to a file that runs without Keras, with its card.

    Inputs, outputs and their names are those of the model. Before the file appears, it is run on
    random inputs, and its outputs must equal those of Keras to 1e-4 of their size.

    Args:
        model: `keras.Model` of `kollias_affect.models`, or a `.keras` file.
        path: File that ends in `.onnx` (`format="onnx"`) or `.tflite` (`"litert"`), or a folder
            that does not exist (`"saved_model"`). It is written atomically.
        format: `"onnx"` needs `pip install 'kollias-affect[export]'` here, and ONNX Runtime where
            it runs. `"litert"` is TensorFlow Lite, for phones. `"saved_model"` is TensorFlow's
            own, for its server and C++ library.
        batch: Number of frames or windows per call. Default: free (1 in LiteRT, and in a stream
            that is not ONNX).
        length: Frames per window and call. Default: free in ONNX; otherwise the model's, or 1 in a
            stream. Only ONNX and streams allow another length than the model's.
        stream: Whether the recurrent states are inputs `state1`, … and outputs `new_state1`, …,
            for sequences that arrive piece by piece. They are zeros before the first frame.
        weights: `"float32"`; `"float16"`, rounded in the file and float32 in use; or `"int8"`
            (ONNX only), where convolutions and products compute in 8 bits.
        calibration: For `"int8"`, an iterable of dicts of inputs (`images` and, if the model takes
            them, `landmarks`), such as `windows.dataset(clips, labels=False)`: real faces, a few
            hundred. Every second batch sets the ranges of the activations, the others measure the
            loss.
        **metadata: Further entries of the card.

    Returns:
        Dict of what was measured: `difference`, the largest difference from Keras on the random
        inputs; `bytes`; and for int8 `loss`, see `int8.loss`.

    Raises:
        ValueError: If an argument is invalid, the model has a layer that the format lacks, or the
            outputs differ from those of Keras.
        ImportError: If a package is missing; the message names the extra.

    Example:

    >>> import pathlib, tempfile
    >>> from kollias_affect import backbones, models, runtime
    >>> model = models.cnn(backbones.cnn_m((32, 32, 3), width=0.02), "valence", hidden_units=8)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.onnx"
    >>> models.export(model, path)["difference"] < 1e-4
    True
    >>> runtime.OnnxModel(path).card["outputs"]
    ['valence']
    """
    _checks.one_of("format", format, FORMATS)
    _checks.one_of("weights", weights, WEIGHTS)
    ending, write = FORMATS[format]
    path = _target(path, format, ending)
    if weights == "int8" and (format != "onnx" or calibration is None):
        raise ValueError(
            "`weights='int8'` needs the format onnx, and inputs in `calibration` (--calibrate) "
            f"from which the ranges are learnt. Received: format={format!r}, calibration="
            f"{calibration!r}. Add real faces, or choose float16."
        )
    for name, number in (("batch", batch), ("length", length)):
        if number is not None:
            _checks.integer_between(name, number, 1, 100_000)
    card = None
    if not isinstance(model, keras.Model):
        card = read_card(_checks.existing_file("model", model))
        model, described = files.load(model)
        card = card or described
    model = with_plain_layers(for_unit_range(model))
    card = {**(card or files.describe(model)), **metadata}
    _check_length(model, card, format, length, stream)
    if stream and format != "onnx":
        length = length or 1  # Only ONNX leaves it free.
    request = Request(model, card, batch, length, stream, weights, calibration)
    return write(request, path)


def _target(path, format, ending):
    path = Path(path)
    if path.suffix != ending and ending:
        raise ValueError(
            f"The file of the format {format} must end in {ending}. Received: {path}. Rename it."
        )
    if not ending and path.exists():
        raise FileExistsError(
            f"A SavedModel is a new folder. Received: {path}, which exists. Choose another name."
        )
    return path


def _check_length(model, card, format, length, stream):
    own = card["length"]
    if own is None and (length is not None or stream):
        raise ValueError(
            "`length` and `stream` apply to models of windows. Received: a model of single frames. "
            "Leave them out; each call takes single frames."
        )
    if stream:
        stateful(model, 1)  # It raises if the model cannot run frame by frame.
    if own is not None and not stream and format != "onnx" and length not in (None, own):
        raise ValueError(
            f"In the format {format}, windows have the length of the model, {own}. Received: "
            f"length={length}. Leave it out, use ONNX, or export a stream."
        )
