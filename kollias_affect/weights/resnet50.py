"""ResNet-50 (He et al., 2016) from Keras' own ImageNet files."""

from kollias_affect.backbones.resnet import BLOCKS
from kollias_affect.weights import arrays, assignment, conventions


def _layers():
    """Yields the names of all layers with weights, from input to output."""
    yield from ("conv1_conv", "conv1_bn")
    for stage, (units, _) in enumerate(BLOCKS, start=2):
        for unit in range(1, units + 1):
            for part in range(0 if unit == 1 else 1, 4):  # 0 is the shortcut
                yield from (f"conv{stage}_block{unit}_{part}_{kind}" for kind in ("conv", "bn"))


LAYERS = tuple(_layers())


def load_resnet50(model, path, fold=True):
    """Loads the ImageNet weights of Keras into a ResNet-50 of Keras' form.

    Args:
        model: `keras.Model` such as `backbones.resnet50(form="keras")`, or a model that contains
            one.
        path: `.h5` or `.weights.h5` file of `keras.applications`, with or without its top, which
            is ignored. The weights expect BGR minus the ImageNet mean.
        fold: Whether to rewrite `conv1_conv` so that the model takes RGB in [-1, 1]. Border pixels
            differ slightly, see `conventions.fold`.

    Returns:
        `ImportReport`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: `keras.applications.resnet`. Its files from before 2019, with layers named
    `res2a_branch2a` and so on, belong to a network with another epsilon and are refused.
    """
    return assignment.assign_weights(
        model,
        arrays.read_keras_entries(path),
        required=LAYERS,
        optional=(),
        convention=conventions.IMAGENET_BGR,
        fold=fold,
        path=path,
    )
