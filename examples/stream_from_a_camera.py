"""Prints the outputs of a trained model for every frame of a camera or a video.

    python examples/stream_from_a_camera.py run/best.keras 0
    python examples/stream_from_a_camera.py run/best.keras video.mp4

The script ends with the video, or on Ctrl-C.
"""

import argparse
import contextlib
import queue
import threading
import time

import cv2

from kollias_affect import faces, models
from kollias_affect.faces.boxes import overlap


def main():
    """Reads the arguments and prints one line per frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help=".keras file")
    parser.add_argument("source", help="number of a camera (0 is the first), or a video file")
    arguments = parser.parse_args()
    network, card = models.load(arguments.model)
    source = arguments.source
    frames = frames_of_camera(int(source)) if source.isdigit() else frames_of_video(source)
    with contextlib.suppress(KeyboardInterrupt):
        for seconds, values in outputs(network, card, frames):
            print(f"{seconds:.3f} s", *(f"{name} {value:.3f}" for name, value in values.items()))


def frames_of_camera(number):
    """Yields the newest frame of a camera and its time in seconds since the start.

    A camera does not wait for the model. Only its newest frame is kept, and earlier ones are
    dropped. Otherwise they would queue up, and the outputs would be later and later.
    """
    camera, newest, start = cv2.VideoCapture(number), queue.Queue(maxsize=1), time.monotonic()
    if not camera.isOpened():
        raise SystemExit(f"There is no camera {number}. Name another one, or a video file.")

    def read():
        success = True
        while success:
            success, image = camera.read()
            with contextlib.suppress(queue.Empty):
                newest.get_nowait()  # drops the frame that the model did not take
            seconds = time.monotonic() - start
            newest.put((seconds, image[..., ::-1].copy()) if success else None)

    threading.Thread(target=read, daemon=True).start()
    yield from iter(newest.get, None)


def frames_of_video(path):
    """Yields every frame of a video file and its time in the video in seconds."""
    for frame in faces.Video(path):
        yield frame.time, frame.image


def outputs(model, card, frames):
    """Yields the time of each frame and a dict from output to number, NaN without a face.

    Of several faces, the one that overlaps most with the previous one is used; at the start, the
    largest.
    """
    stream = models.Stream(model)  # compiles before the first frame
    layout = next(name for name in faces.LAYOUTS if models.CROPS[name] == card["crop"])
    wanted, previous = models.tasks_of(card), None
    for seconds, image in frames:
        candidates = faces.faces_of(image, size=stream.size, layout=layout)
        if candidates:
            face = max(candidates, key=lambda f: (overlap(f.box, previous or f.box), f.box.area))
            previous = face.box
            values = stream.step(face.crop, face.in_crop)
        else:
            values = stream.step(None)
        if not isinstance(values, dict):
            values = dict.fromkeys(wanted, values)
        numbers = {
            task: zip(names, values[task], strict=True) for task, (names, _) in wanted.items()
        }
        yield seconds, {name: number for pairs in numbers.values() for name, number in pairs}


if __name__ == "__main__":
    main()
