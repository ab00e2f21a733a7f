"""Reading of common image files as upright 8-bit RGB."""

import struct
import warnings

import numpy as np
import PIL.features
import PIL.Image

from kollias_affect import _checks, _untrusted, shards

IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"),
    *(".heic", ".heif", ".avif"),
)
# Only these decoders are safe: others run programs (EPS) or draw what the file asks for.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
# Major brands of ISO/IEC 23008-12 files whose first content is a still picture.
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2")
_AVIF_BRANDS = (b"avif",)
_ORIENTATION = 0x0112
_TURNS = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_270,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_90,
}


def read_image(path):
    """Reads a JPEG, PNG, BMP, TIFF, WebP, HEIC or AVIF image.

    The EXIF orientation is applied; a damaged EXIF block does not matter. Grey and CMYK are
    converted to RGB, 16 bits are reduced to the upper 8, and transparent pixels are blended with
    white. Of several pictures the first is read; the tiles of a HEIC picture are joined.

    HEIC needs the extra `heic` of this package; AVIF needs a Pillow that was built with it.

    Args:
        path: Image file, or image in a shard. Its content counts, not its ending.

    Returns:
        uint8 RGB `[height, width, 3]`.

    Raises:
        FileNotFoundError, ValueError: If the file is missing, empty, broken, of another format, or
            unreasonably large.
    """
    if shards.place_of(path) is None:
        path = _checks.existing_file("image", path)
        formats = (*_FORMATS, *_formats_of_phones(path))
    else:
        formats = _FORMATS
    with (
        _untrusted.reading(
            "`image` must be a complete JPEG, PNG, BMP, TIFF, WebP, HEIC or AVIF image",
            path,
            "Check that the file is complete, or save it as JPEG or PNG.",
        ),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # of damaged tags, and of large photographs
        with shards.opened(path) as file, _opened(file, formats) as image:
            if image.width * image.height > _untrusted.MAX_PIXELS:
                raise ValueError(f"its {image.width} x {image.height} pixels are too many")
            turn = _TURNS.get(_orientation(image))
            image.load()
            rgb = _rgb(image)
            return np.asarray(rgb if turn is None else rgb.transpose(turn))


def _opened(file, formats):
    try:
        return PIL.Image.open(file, formats=formats)
    except PIL.UnidentifiedImageError as error:
        raise ValueError("cannot identify image file") from error


def refuse_large(path):
    """Raises `ValueError` if an image claims more than `_untrusted.MAX_PIXELS`, for other decoders.

    Args:
        path: Image file. What is damaged or of another format is left to its decoder.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(path, formats=_FORMATS) as image:
                pixels = image.width * image.height
    except PIL.Image.DecompressionBombError:
        pixels = np.inf
    except Exception:  # Decoders raise anything.
        return
    if pixels > _untrusted.MAX_PIXELS:
        raise ValueError(
            f"An image must have at most {_untrusted.MAX_PIXELS:,} pixels. Received: {path}. Save "
            "it smaller."
        )


def is_still(path):
    """Returns whether the content of a file is a HEIC or AVIF photograph.

    FFmpeg would take it for a video, of one frame or of its first tile.

    Args:
        path: Any file.
    """
    return _brand(path) in (*_HEIC_BRANDS, *_AVIF_BRANDS)


def _brand(path):
    """Returns the major brand of an ISO media file, or `None`."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[8:12] if head[4:8] == b"ftyp" else None


def _formats_of_phones(path):
    """Returns the names of Pillow's decoders for HEIC and AVIF, if this is such a file."""
    brand = _brand(path)
    if brand in _AVIF_BRANDS:
        if not PIL.features.check("avif"):
            raise ValueError(
                f"`image` must be a format that is installed. Received: {path} (AVIF). Update "
                "Pillow (pip install --upgrade pillow), or save it as JPEG."
            )
        return ("AVIF",)
    if brand not in _HEIC_BRANDS:
        return ()
    try:
        import pillow_heif
    except ImportError as error:
        raise ValueError(
            f"`image` must be a format that is installed. Received: {path} (HEIC, as phones "
            "write it). Install its reader (pip install 'kollias-affect[heic]'), or save it as "
            "JPEG."
        ) from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _orientation(image):
    """Returns the EXIF orientation, 1 to 8, as far as it can be told."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Any tag may be damaged, and that of the orientation whole.
        return _orientation_in(image.info.get("exif", b""))


def _orientation_in(exif):
    """Returns the orientation in the bytes of an EXIF block; 1 if it is not in them."""
    tiff = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return 1
    start = struct.unpack_from(f"{order}I", tiff, 4)[0]
    for entry in range(start + 2, len(tiff) - 11, 12):
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if (tag, kind) == (_ORIENTATION, 3):
            return struct.unpack_from(f"{order}H", tiff, entry + 8)[0]
        if tag > _ORIENTATION:  # Tags ascend.
            break
    return 1


def _rgb(image):
    if image.mode in _DEEP_GREY:
        values = np.asarray(image)
        if values.max() > 65535 or values.min() < 0:
            raise ValueError("32 bits per pixel")
        return PIL.Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("its pixels are floats of an unknown range")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = PIL.Image.new("RGBA", image.size, "white")
        image = PIL.Image.alpha_composite(white, image)
    return image.convert("RGB")
