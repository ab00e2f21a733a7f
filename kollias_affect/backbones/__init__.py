"""CNNs as functions that return a functional `keras.Model` with named layers.

One module per family, one line in `BACKBONES` per network.
"""

from kollias_affect import _checks
from kollias_affect.backbones.vgg import vgg_face

BACKBONES = {"vgg_face": vgg_face}

__all__ = ["BACKBONES", "build", "vgg_face"]


def build(name, **options):
    """The backbone called `name`, one of `BACKBONES`."""
    return BACKBONES[_checks.one_of("backbone", name, BACKBONES)](**options)
