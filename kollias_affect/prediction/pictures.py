"""Pictures to predict: image files, arrays and PIL images under one form."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps

from kollias_affect import _checks
from kollias_affect.faces.images import read_image

_PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")


@dataclasses.dataclass(frozen=True)
class Picture:
    """One image with its name in the table.

    Attributes:
        name: Content of the column `input`.
        source: `Path`, uint8 RGB array or `PIL.Image.Image`.
    """

    name: str
    source: object

    def read(self):
        """Returns the image, uint8 RGB `[height, width, 3]`.

        Raises:
            FileNotFoundError, ValueError: If it is no image.
        """
        self.name.encode()  # Tables are UTF-8.
        if isinstance(self.source, Path):
            return read_image(self.source)
        if isinstance(self.source, PIL.Image.Image):
            return _from_pillow(self.source)
        return _checks.rgb_image("inputs", self.source)


def is_in_memory(value):
    """Returns whether a value is an array or a PIL image, and no path or list."""
    return isinstance(value, PIL.Image.Image) or hasattr(value, "__array__")


def pictures_of(value, number):
    """Returns the `Picture`s of an array, a batch of arrays, or a PIL image.

    Args:
        value: Array or PIL image.
        number: Its position among the inputs, which names it: `image3`, or `image3_0`, `image3_1`
            and so on for a batch.
    """
    if isinstance(value, PIL.Image.Image):
        return [Picture(f"image{number}", value)]
    array = np.asarray(value)
    if array.ndim == 4:
        return [Picture(f"image{number}_{i}", image) for i, image in enumerate(array)]
    return [Picture(f"image{number}", array)]


def _from_pillow(image):
    """Returns a PIL image as `read_image` reads files, without loss."""
    kind = "png" if image.mode in _PNG_MODES else "tif"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"image.{kind}")
        upright = PIL.ImageOps.exif_transpose(image)
        upright.save(path, **({"compress_level": 0} if kind == "png" else {}))
        return read_image(path)
