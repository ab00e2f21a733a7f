"""Crops on disk: their names and their encoding."""

import cv2

JPEG_QUALITY = 95


def image_name(frame):
    """Returns the file name of the crop of a frame, whose number starts at 1."""
    return f"{frame:05d}.jpg"


def write_crop(path, image):
    """Writes a crop as JPEG.

    Args:
        path: `Path` of the file.
        image: uint8 RGB `[height, width, 3]`.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    path.write_bytes(encoded.tobytes())
