"""Videos for the benchmarks of extraction: synthetic clips in pictures of a camera's size."""

from fractions import Fraction
from pathlib import Path

import av
import cv2

from kollias_affect import faces
from kollias_affect.datasets import synthetic

WIDTH, HEIGHT = 640, 360


def make(folder, number, frames):
    """Writes `number` videos with `frames` frames to a folder, and returns their paths."""
    return [
        _pad(video, Path(folder) / video.name)
        for video in synthetic.make(Path(folder) / "small", number, 1, frames)
    ]


def _pad(video, target):
    with av.open(str(target), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(synthetic.FRAMES_PER_SECOND))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 4_000_000
        for frame in faces.Video(video):
            x, y = (WIDTH - synthetic.SIDE) // 2, (HEIGHT - synthetic.SIDE) // 2
            picture = cv2.copyMakeBorder(
                frame.image, y, y, x, x, cv2.BORDER_CONSTANT, value=(96, 96, 96)
            )
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return target
