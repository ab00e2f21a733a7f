"""CNN-M with batch normalisation, as trained on faces, from files of MatConvNet."""

import logging

import numpy as np

from kollias_affect.backbones.cnn_m import EPSILON
from kollias_affect.weights import arrays, assignment, conventions

_log = logging.getLogger(__name__)

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
# The mean of the public CNN-M of faces, `vgg_m_face_bn`, for files without an average image.
_FACES = conventions.InputConvention("RGB", 1.0, (131.4538, 103.9875, 91.4623))


def load_cnn_m(model, path, fold=True):
    """Loads the convolutions and batch normalisations of a CNN-M into paper C's baseline.

    A batch normalisation belongs to the convolution whose output it reads, whatever its name.
    MatConvNet stores its moments as mean and standard deviation, `[channels, 2]`, where the latter
    includes epsilon; they become the moving mean and variance that give the same output.

    A file without batch normalisation after a convolution gives one that does nothing: factor 1,
    shift 0. A warning and `ImportReport.neutral` name them. The warning also names layers that
    normalise over neighbouring channels, as the CNN-M of ImageNet has, since the model lacks them.

    Args:
        model: `keras.Model` such as `backbones.cnn_m()`, or a model that contains one.
        path: `.mat` file of MatConvNet, SimpleNN or DagNN, whose kernels are HWIO. The weights
            expect RGB minus the file's average image; its mean colour is used.
        fold: Whether to rewrite `conv1` so that the model takes RGB in [-1, 1]. This is exact
            everywhere, since `conv1` has no padding.

    Returns:
        `ImportReport`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: Paper C §4.1.1, table 4; Chatfield et al. (2014); MatConvNet's `vl_nnbnorm`.
    """
    layers, average = arrays.read_matconvnet_layers(path)
    entries = {layer.name: _kernel_and_bias(layer) for layer in layers if layer.arrays}
    outputs = {layer.outputs[0]: layer.name for layer in layers if layer.name in CONVOLUTIONS}
    for layer in layers:
        convolution = outputs.get(layer.inputs[0]) if layer.inputs else None
        if layer.kind == "bnorm" and convolution:
            del entries[layer.name]
            entries[f"{convolution}_bn"] = _normalization(layer, path)
    neutral = _add_neutral(entries)
    report = assignment.assign_weights(
        model,
        entries,
        required=[name for c in CONVOLUTIONS for name in (c, f"{c}_bn")],
        optional=(),
        convention=conventions.subtract_mean(_FACES, average),
        fold=fold,
        path=path,
        neutral=neutral,
    )
    _warn(path, neutral, [layer.name for layer in layers if layer.kind == "lrn"])
    return report


def _kernel_and_bias(layer):
    kernel, bias = [*layer.arrays, None][:2]
    if kernel is None:
        return [None, bias]
    kernel = kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim))
    # A convolution before a batch normalisation may have no bias, which is a bias of zeros.
    return [kernel, np.zeros(kernel.shape[-1], np.float32) if bias is None else bias.ravel()]


def _normalization(layer, path):
    """Returns gamma, beta, moving mean and moving variance of a batch normalisation."""
    gamma, beta, moments = [*layer.arrays, None, None, None][:3]
    if moments is not None and (moments.ndim != 2 or moments.shape[1] != 2):
        raise ValueError(
            "Moments of a batch normalisation must be [channels, 2], mean and standard deviation. "
            f"Received: {path} with {layer.name} {moments.shape}. Correct the file."
        )
    ravelled = [None if values is None else values.ravel() for values in (gamma, beta)]
    if moments is None:
        return [*ravelled, None, None]
    mean, deviation = np.asarray(moments, np.float64).T
    # Keras adds its epsilon to the variance; here it is in the deviation already.
    return [*ravelled, mean, deviation**2 - EPSILON]


def _add_neutral(entries):
    """Adds batch normalisations that do nothing where the file has none; returns their names."""
    neutral = []
    for name in CONVOLUTIONS:
        if name in entries and f"{name}_bn" not in entries and entries[name][0] is not None:
            channels = entries[name][0].shape[-1]
            values = (1.0, 0.0, 0.0, 1.0 - EPSILON)
            entries[f"{name}_bn"] = [np.full(channels, value) for value in values]
            neutral.append(f"{name}_bn")
    return tuple(neutral)


def _warn(path, neutral, over_channels):
    if neutral:
        lacks = (
            f" It normalises over channels instead ({', '.join(over_channels)}), which this "
            "network does not: its outputs are not those of the file's network."
            if over_channels
            else ""
        )
        _log.warning(
            "%s has no batch normalisation after %s: these do nothing at the start.%s",
            path,
            ", ".join(name.removesuffix("_bn") for name in neutral),
            lacks,
        )
