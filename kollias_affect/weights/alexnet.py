"""AlexNet (Krizhevsky et al., 2012), `bvlc_alexnet.npy` or `imagenet-caffe-alex.mat`."""

from kollias_affect.weights import arrays, assignment, conventions
from kollias_affect.weights.assignment import FULLY_CONNECTED

# Convolutions of the file, and whether they have two groups in the model.
GROUPED = {"conv1": False, "conv2": True, "conv3": False, "conv4": True, "conv5": True}
CONVOLUTIONS = tuple(
    layer
    for name, grouped in GROUPED.items()
    for layer in ((f"{name}_1", f"{name}_2") if grouped else (name,))
)


def load_alexnet(model, path, fold=True):
    """Loads the weights of AlexNet into a model, with `fc6` to `fc8` where it has them.

    Args:
        model: `keras.Model` such as `backbones.alexnet()`, or a model that contains one.
        path: `.npy` file, a dict of `[kernel, bias]`, or `.mat` file of MatConvNet: HWIO, `conv2`,
            `conv4` and `conv5` with half of the input channels, `fc6` on [H, W, C]. The weights of
            the former expect BGR minus the mean; this importer uses the mean colour of ImageNet.
            The script published with the file subtracts each image's own mean instead. The
            weights of the latter expect RGB minus the file's average image; its mean colour is
            used here, and `transfer.network` subtracts the image.
        fold: Whether to rewrite `conv1` so that the model takes RGB in [-1, 1]. This is exact
            everywhere, since `conv1` has no padding, as in Caffe; see `conventions.fold`.

    Returns:
        `ImportReport`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: Krizhevsky et al. (2012); Caffe's `bvlc_alexnet`; paper D §3.2.
    """
    convention, unused = conventions.ALEXNET, ()
    if arrays.kind(path) == "mat":
        layers, average = arrays.read_matconvnet(path)
        convention = conventions.subtract_mean(conventions.IMAGENET_RGB, average)
    else:
        layers, unused = arrays.pairs(arrays.read_npy(path))
    for name, grouped in GROUPED.items():
        if grouped and name in layers:
            layers.update(_groups(name, *layers.pop(name)))
    return assignment.assign_weights(
        model,
        layers,
        required=CONVOLUTIONS,
        optional=FULLY_CONNECTED,
        convention=convention,
        fold=fold,
        path=path,
        unused=unused,
    )


def _groups(name, *parts):
    """Splits a convolution into two groups of half the filters each."""
    filters = max((part.shape[-1] for part in parts if part is not None), default=0)
    halves = slice(None, filters // 2), slice(filters // 2, None)
    return {
        f"{name}_{number}": [None if part is None else part[..., half] for part in parts]
        for number, half in enumerate(halves, start=1)
    }
