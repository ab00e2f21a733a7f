"""Videos of moving faces and squares, and what is found in folders."""

import fractions

import av
import cv2
import numpy as np

ASTRONAUT = (120, 20, 330, 230)  # left, top, right, bottom of head and shoulders
FRAMES = 6  # of each size
BASE = fractions.Fraction(1, 25)


def picture(width, height, step):
    """Two bright squares on dark ground that move slowly to the right, in shares of the size."""
    image = np.full((height, width, 3), 30, np.uint8)
    for left in (0.15, 0.6):
        x, y, side = ((left + 0.005 * step) * width, 0.25 * height, 0.25 * width)
        image[round(y) : round(y + side), round(x) : round(x + side)] = 220
    return image


def squares(image):
    """Detector of the squares."""
    columns = np.flatnonzero(image.max(axis=0).max(axis=-1) > 125)
    rows = np.flatnonzero(image.max(axis=1).max(axis=-1) > 125)
    for part in np.split(columns, np.flatnonzero(np.diff(columns) > 2) + 1):
        if len(part):
            yield int(part[0]), int(rows[0]), len(part), len(rows), 1.0


def write(path, *sizes):
    """Writes the squares in each size, `FRAMES` pictures of it."""
    packets, pts = [], 0
    for width, height in sizes:
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = BASE, 25
        encoder.options = {"preset": "ultrafast", "bf": "0", "crf": "5"}
        for _ in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(width, height, pts), format="rgb24")
            frame.pts, frame.time_base = pts, BASE
            packets += encoder.encode(frame)
            pts += 1
        packets += encoder.encode(None)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        (stream.width, stream.height), stream.pix_fmt = sizes[0], "yuv420p"
        for packet in packets:
            packet.stream, packet.time_base = stream, BASE
            container.mux(packet)
    return path


def write_frames(path, pictures, rate=25, times=None, options=None):
    """Writes uint8 RGB pictures to a video and returns its path."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = i if times is None else round(times[i] * rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def shot(person, x, frames=6, shade=1.0):
    """Returns frames of a picture at a place of a grey scene."""
    side = 200
    small = cv2.resize(person, (side, side), interpolation=cv2.INTER_AREA)
    pictures = []
    for i in range(frames):
        picture = np.full((240, 480, 3), 90, np.uint8)
        picture[20 : 20 + side, x + i : x + i + side] = (small * shade).astype(np.uint8)
        pictures.append(picture)
    return pictures


def absence(seconds):
    return [np.full((240, 480, 3), 90, np.uint8)] * round(25 * seconds)


def cut(image, place):
    left, top, right, bottom = place
    return np.ascontiguousarray(image[top:bottom, left:right])


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_bytes() for path in files}
