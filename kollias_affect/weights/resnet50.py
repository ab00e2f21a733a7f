"""ResNet-50 (He et al., 2016) from Keras' own ImageNet files."""

from kollias_affect.backbones.resnet import BLOCKS
from kollias_affect.weights import arrays, assignment, conventions

_CONVOLUTION = ("kernel", "bias")
_NORMALISATION = ("gamma", "beta", "moving_mean", "moving_variance")


def _layers():
    """Names of all layers with weights, from the image up."""
    yield from ("conv1_conv", "conv1_bn")
    for stage, (units, _) in enumerate(BLOCKS, start=2):
        for unit in range(1, units + 1):
            for part in range(0 if unit == 1 else 1, 4):  # 0 is the shortcut
                yield from (f"conv{stage}_block{unit}_{part}_{kind}" for kind in ("conv", "bn"))


LAYERS = tuple(_layers())


def load_resnet50(model, path, fold=True):
    """Fills a ResNet-50 in Keras' form, `conv1_conv` … `conv5_block3_3_bn`.

    Args:
        model: `keras.Model` such as `backbones.resnet50(form="keras")`, or with one in it.
        path: `.h5` file of `keras.applications`, with or without its top, which is left aside. It
            expects BGR less the ImageNet mean.
        fold: rewrite `conv1_conv` so that the model takes RGB in [-1, 1]; border pixels differ
            slightly, see `conventions.fold`.

    Returns:
        `assignment.Report`.

    Raises:
        OSError: if there is no such file.
        ValueError: if the content is another, or if weights are missing or misshaped, all of
            which are named; nothing is loaded then.

    References: `keras.applications.resnet`; its files of before 2019, whose layers are called
    `res2a_branch2a` …, belong to a network with another epsilon and are refused.
    """
    layers = arrays.read_keras_h5(path)
    entries = {
        name: [parts.get(v) for v in (_NORMALISATION if name.endswith("_bn") else _CONVOLUTION)]
        for name, parts in layers.items()
        if parts
    }
    return assignment.fill(
        model,
        entries,
        required=LAYERS,
        optional=(),
        convention=conventions.IMAGENET_BGR,
        fold=fold,
        path=path,
    )
