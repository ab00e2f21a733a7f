"""CNNs: functions that return a functional `keras.Model` with named layers.

Each family has a module, and each network a line in `BACKBONES`.
"""

from kollias_affect import _checks
from kollias_affect.backbones.adapted import HUB, adapt, hub
from kollias_affect.backbones.alexnet import alexnet
from kollias_affect.backbones.cnn_m import cnn_m
from kollias_affect.backbones.densenet import densenet121
from kollias_affect.backbones.resnet import resnet50
from kollias_affect.backbones.vgg import vgg16, vgg_face

BACKBONES = {
    "vgg_face": vgg_face,
    "vgg16": vgg16,
    "resnet50": resnet50,
    "densenet121": densenet121,
    "cnn_m": cnn_m,
    "alexnet": alexnet,
}

__all__ = [
    "BACKBONES",
    "HUB",
    "adapt",
    "alexnet",
    "build",
    "cnn_m",
    "densenet121",
    "hub",
    "resnet50",
    "vgg16",
    "vgg_face",
]


def build(name, **options):
    """Builds a backbone by name.

    Args:
        name: One of `BACKBONES`, or `hub:` and a preset of KerasHub, see `hub`.
        **options: Arguments of that function.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: If the name is unknown, or an argument is out of range.

    Example:

    >>> from kollias_affect import backbones
    >>> model = backbones.build("vgg_face", input_shape=(64, 64, 3), width=0.05)
    >>> model.get_layer("pool2").output.shape
    (None, 16, 16, 6)
    """
    if name.startswith(HUB):
        return hub(name.removeprefix(HUB), **options)
    return BACKBONES[_checks.one_of("backbone", name, BACKBONES)](**options)
