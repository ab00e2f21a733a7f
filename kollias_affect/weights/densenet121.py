"""DenseNet-121 (Huang et al., 2017) from Keras' own ImageNet files."""

from kollias_affect.backbones.densenet import BLOCKS
from kollias_affect.weights import arrays, assignment, conventions


def _layers():
    """Yields the names of all layers with weights, from input to output."""
    yield from ("conv1_conv", "conv1_bn")
    for block, units in enumerate(BLOCKS, start=2):
        for unit in range(1, units + 1):
            for part in ("0_bn", "1_conv", "1_bn", "2_conv"):
                yield f"conv{block}_block{unit}_{part}"
        if block <= len(BLOCKS):
            yield from (f"pool{block}_bn", f"pool{block}_conv")
    yield "bn"


LAYERS = tuple(_layers())


def load_densenet121(model, path, fold=True):
    """Loads the ImageNet weights of Keras into a DenseNet-121.

    Args:
        model: `keras.Model` such as `backbones.densenet121()`, or a model that contains one.
        path: `.h5` or `.weights.h5` file of `keras.applications`, with or without its top, which
            is ignored. The weights expect RGB in [0, 1] minus the ImageNet mean, divided by the
            standard deviation.
        fold: Whether to rewrite `conv1_conv` and `conv1_bn` so that the model takes RGB in
            [-1, 1]. Border pixels differ slightly, see `conventions.fold`.

    Returns:
        `ImportReport`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: `keras.applications.densenet`; paper B §5.1 and §5.2.2.
    """
    return assignment.assign_weights(
        model,
        arrays.read_keras_entries(path, ("kernel",)),  # DenseNet's convolutions have no biases
        required=LAYERS,
        optional=(),
        convention=conventions.IMAGENET_STANDARDIZED,
        fold=fold,
        path=path,
    )
