"""Outputs of a trained model for every frame of a camera, as it comes; a video file does too.

Usage: python stream_from_a_camera.py MODEL.keras CAMERA_OR_VIDEO

CAMERA_OR_VIDEO is the number of a camera (0 is the first) or a video file. Ends with the video,
or on Ctrl-C.
"""

import contextlib
import queue
import sys
import threading
import time

import cv2
import numpy as np

from kollias_affect import faces, models
from kollias_affect.faces.detectors import overlap


def frames_of_camera(number):
    """The newest frame of a camera, and when it was read, over and over; in seconds from now.

    A camera does not wait. What it shows while the model works would pile up and be ever later,
    so only the newest frame is kept, and those in between are dropped.
    """
    camera, newest, started = cv2.VideoCapture(number), queue.Queue(maxsize=1), time.monotonic()
    if not camera.isOpened():
        raise SystemExit(f"There is no camera {number}. Name another one, or a video file.")

    def read():
        while True:
            there, image = camera.read()
            with contextlib.suppress(queue.Empty):
                newest.get_nowait()  # nobody took it in time
            moment = time.monotonic() - started
            newest.put((moment, image[..., ::-1].copy()) if there else None)
            if not there:
                return

    threading.Thread(target=read, daemon=True).start()
    yield from iter(newest.get, None)


def frames_of_video(path):
    """Every frame of a video file, and its time in the video: a file does wait."""
    for frame in faces.Video(path):
        yield frame.time, frame.image


def outputs(model, card, frames):
    """For each frame its time and a dict from the model's outputs to numbers, NaN without a face.

    Of several faces it is that which overlaps most with the one before; at first the largest.
    """
    stream = models.Stream(model)  # compiles here, not at the first frame
    layout = next(name for name in faces.LAYOUTS if models.CROPS[name] == card["crop"])
    last = None
    for moment, image in frames:
        found = faces.faces_of(image, size=stream.size, layout=layout)
        if found:
            face = max(found, key=lambda f: (overlap(f.box, last or f.box), f.box.area))
            last = face.box
            values = stream.step(face.crop, face.in_crop)
        else:
            values = stream.step(None)
        if isinstance(values, dict):
            values = values[card["task"]]
        yield moment, dict(zip(card["outputs"], np.clip(values, *card["range"]), strict=True))


if __name__ == "__main__":
    network, card = models.load(sys.argv[1])
    source = sys.argv[2]
    frames = frames_of_camera(int(source)) if source.isdigit() else frames_of_video(source)
    with contextlib.suppress(KeyboardInterrupt):
        for moment, values in outputs(network, card, frames):
            print(f"{moment:.3f} s", *(f"{name} {value:.3f}" for name, value in values.items()))
