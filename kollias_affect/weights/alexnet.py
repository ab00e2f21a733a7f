"""AlexNet (Krizhevsky et al., 2012) from `bvlc_alexnet.npy`."""

from kollias_affect.weights import arrays, assignment, conventions

# Convolutions of the file, and whether the model has them as two groups.
GROUPED = {"conv1": False, "conv2": True, "conv3": False, "conv4": True, "conv5": True}
CONVOLUTIONS = tuple(
    layer
    for name, grouped in GROUPED.items()
    for layer in ((f"{name}_1", f"{name}_2") if grouped else (name,))
)
FULLY_CONNECTED = ("fc6", "fc7", "fc8")


def load_alexnet(model, path, fold=True):
    """Fills `conv1`, `conv2_1`, `conv2_2` … of a model, and `fc6` … `fc8` where it has them.

    Args:
        model: `keras.Model` such as `backbones.alexnet()`, or with one in it.
        path: `.npy` file, a dict of `[kernel, bias]`: HWIO, `conv2`, `conv4` and `conv5` with half
            of the channels at the input, `fc6` on [H, W, C]. It expects BGR less mean, for which
            the mean colour of ImageNet stands; the script that the file came with takes off each
            image's own mean instead.
        fold: rewrite `conv1` so that the model takes RGB in [-1, 1]. Exact everywhere if `conv1`
            pads nothing, as in Caffe; see `conventions.fold`.

    Returns:
        `assignment.Report`.

    Raises:
        OSError: if there is no such file.
        ValueError: if the content is another, or if weights are missing or misshaped, all of
            which are named; nothing is loaded then.

    References: Krizhevsky et al. (2012); Caffe's `bvlc_alexnet`; paper D §3.2.
    """
    layers, unused = arrays.pairs(arrays.read_npy(path))
    for name, grouped in GROUPED.items():
        if grouped and name in layers:
            layers.update(_groups(name, *layers.pop(name)))
    return assignment.fill(
        model,
        layers,
        required=CONVOLUTIONS,
        optional=FULLY_CONNECTED,
        convention=conventions.ALEXNET,
        fold=fold,
        path=path,
        unused=unused,
    )


def _groups(name, *parts):
    """The two groups: each makes one half of the filters."""
    filters = max((part.shape[-1] for part in parts if part is not None), default=0)
    halves = slice(None, filters // 2), slice(filters // 2, None)
    return {
        f"{name}_{number}": [None if part is None else part[..., half] for part in parts]
        for number, half in enumerate(halves, start=1)
    }
