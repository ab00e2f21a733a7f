"""CNNs as functions that return a functional `keras.Model` with named layers.

One module per family, one line in `BACKBONES` per network.
"""

from kollias_affect import _checks
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
    "alexnet",
    "build",
    "cnn_m",
    "densenet121",
    "resnet50",
    "vgg16",
    "vgg_face",
]


def build(name, **options):
    """The backbone called `name`, one of `BACKBONES`."""
    return BACKBONES[_checks.one_of("backbone", name, BACKBONES)](**options)
