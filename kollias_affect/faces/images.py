"""Reading of common image files as upright 8-bit RGB."""

import numpy as np
import PIL.Image
import PIL.ImageOps

from kollias_affect import _checks

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
# Only these decoders are safe: others run programs (EPS) or draw what the file asks for.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_image(path):
    """Reads a JPEG, PNG, BMP, TIFF or WebP image.

    The EXIF orientation is applied. Grey and CMYK are converted to RGB, 16 bits are reduced to the
    upper 8, and transparent pixels are blended with white. Of several pictures the first is read.

    Args:
        path: Image file. Its content counts, not its ending.

    Returns:
        uint8 RGB `[height, width, 3]`.

    Raises:
        FileNotFoundError, ValueError: If the file is missing, empty, broken, of another format, or
            unreasonably large.
    """
    path = _checks.existing_file("image", path)
    try:
        with PIL.Image.open(path, formats=_FORMATS) as image:
            upright = PIL.ImageOps.exif_transpose(image)
            return np.asarray(_rgb(upright, path))
    except (PIL.UnidentifiedImageError, PIL.Image.DecompressionBombError) as error:
        raise _refusal(path, str(error).split(" '")[0]) from error
    except (OSError, SyntaxError, EOFError, ValueError) as error:
        if str(error).startswith("`image`"):
            raise
        raise _refusal(path, str(error) or type(error).__name__) from error


def _rgb(image, path):
    if image.mode in _DEEP_GREY:
        values = np.asarray(image)
        if values.max() > 65535 or values.min() < 0:
            raise _refusal(path, "32 bits per pixel")
        return PIL.Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise _refusal(path, "its pixels are floats of an unknown range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, "white")
        image = PIL.Image.alpha_composite(white, image)
    return image.convert("RGB")


def _refusal(path, reason):
    return ValueError(
        f"`image` must be a complete JPEG, PNG, BMP, TIFF or WebP image. Received: {path} "
        f"({reason}). Check that the file is complete, or save it as JPEG or PNG."
    )
