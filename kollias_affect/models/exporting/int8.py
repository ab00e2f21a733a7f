"""Static quantization of ONNX files to 8 bits, and its measured loss."""

import contextlib
import logging
import tempfile
from pathlib import Path

import numpy as np

from kollias_affect.models.exporting.request import missing
from kollias_affect.runtime import onnx_model
from kollias_affect.tasks import tasks_of


def quantize(proto, request, path):
    """Writes the quantized form of a model.

    Args:
        proto: `onnx.ModelProto` in float32.
        request: `Request`, half of whose `calibration` sets the ranges of the activations.
        path: `Path` of the file.
    """
    try:
        onnx_model.without_telemetry()
        from onnxruntime import quantization
    except ImportError as error:  # It needs onnx, too.
        raise missing("onnxruntime", "onnx") from error

    batches = request.calls[::2]

    class Reader(quantization.CalibrationDataReader):
        def __init__(self):
            self.rest = iter(batches)

        def get_next(self):
            return next(self.rest, None)

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        plain = Path(folder) / "float32.onnx"
        plain.write_bytes(proto.SerializeToString())
        quantization.quantize_static(
            plain,
            path,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        )


@contextlib.contextmanager
def _without_advice():
    """Drops the quantizer's advice to optimize the graph first, which the runtime does anyway."""
    logger = logging.getLogger()

    def is_other(record):
        return "pre-processing" not in record.getMessage()

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def loss(model, request):
    """Measures what the quantization changes, on the batches that did not set the ranges.

    Args:
        model: `OnnxModel`, quantized.
        request: `Request`.

    Returns:
        Dict from each task to a dict: `frames`; `mean` and `largest`, the differences of the
        outputs; and `agreement`: for expressions the share of frames with the same class, for
        dimensions the lowest concordance correlation of an output with that of Keras.
    """
    before, after = {}, {}
    for inputs in request.calls[1::2]:
        states = model.zero_states(len(inputs["images"]))
        outputs, _ = model.step(inputs, states)
        outputs = outputs if isinstance(outputs, dict) else {model.outputs[0]: outputs}
        expected = request.named(request.model.predict_on_batch(inputs))
        for task, (names, _) in tasks_of(request.card).items():
            before.setdefault(task, []).append(expected[task].reshape(-1, len(names)))
            after.setdefault(task, []).append(outputs[task].reshape(-1, len(names)))
    return {
        task: _compared(task, *map(np.concatenate, (before[task], after[task]))) for task in before
    }


def _compared(task, before, after):
    difference = np.abs(after - before)
    if task == "expression":
        agreement = float((before.argmax(axis=1) == after.argmax(axis=1)).mean())
    else:
        agreement = min(_ccc(x, y) for x, y in zip(before.T, after.T, strict=True))
    return {
        "frames": len(before),
        "mean": float(difference.mean()),
        "largest": float(difference.max()),
        "agreement": agreement,
    }


def _ccc(x, y):
    """Formula: `2 cov / (var_x + var_y + (mean_x - mean_y)**2)`, with population moments."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    return float(2 * np.mean((x - x.mean()) * (y - y.mean())) / spread) if spread else 1.0
