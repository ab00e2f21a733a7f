"""Compares the detectors: misses, extra boxes and time.

    python benchmarks/detectors.py ARCHIVE [--videos VIDEO ...] [--group PHOTO ...]
        [--number 300] [--seed 1] [--detectors NAME ...]

ARCHIVE is a tar archive of photographs with one face each. A photograph is missed if no box of at
least a fifth of its width has its centre in the middle half; every further box is extra. Then

- photographs are turned by 30, 60 and 90 degrees, and the share of those is printed that are found;
- photographs are shrunk so that the face is 20, 30, 40, 60 and 90 pixels wide, and put into a
  picture of 640 x 400 pixels. The share that is found is printed, and the number of other boxes;
- pictures of scikit-image without faces are searched, and boxes are counted;
- for each video: the share of its frames (every sixth) with a face, and with more than one;
- for each photograph of a group: the number of faces.

Times are of the processor, with one thread. `front` and `back` are one look by one of
BlazeFace's networks. The thresholds in `faces/blazeface.py` were chosen with `--seed 0`.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import photographs
import skimage.data

from kollias_affect.faces import Video, blazeface, detectors
from kollias_affect.faces.blazeface_network import Network
from kollias_affect.faces.boxes import Box, overlap
from kollias_affect.faces.images import read_image

WITHOUT = ("coffee", "chelsea", "rocket", "retina", "brick", "grass", "gravel", "page", "text")
WITHOUT += ("moon", "horse", "hubble_deep_field", "immunohistochemistry")
TURNS, SIZES = (30, 60, 90), (20, 30, 40, 60, 90)
LONGEST_SIDE_OF_GROUPS = 1280


def one_look(name):
    """Returns a detector that is one look by a network at the whole image."""
    network = Network(name)

    def detect(image):
        height, width = image.shape[:2]
        side = max(height, width)
        return network(image, ((width - side) / 2, (height - side) / 2), side, 0.5)

    return detect


class Timed:
    """A detector that counts its images and its processor time."""

    def __init__(self, detector):
        self.detector = detector
        self.images, self.seconds = 0, 0.0

    def __call__(self, image):
        """Returns the boxes in an image."""
        start = time.process_time()
        boxes = self.detector(image)
        self.seconds += time.process_time() - start
        self.images += 1
        return boxes

    def pop(self):
        """Returns the milliseconds per image since the last call."""
        mean = 1000 * self.seconds / max(self.images, 1)
        self.images, self.seconds = 0, 0.0
        return mean


def is_main(box, image):
    """Returns whether a box is that of the face of a photograph."""
    height, width = image.shape[:2]
    x, y = box.x + box.width / 2, box.y + box.height / 2
    central = width / 4 < x < 3 * width / 4 and height / 4 < y < 3 * height / 4
    return central and box.width > width / 5


def turned(image, angle):
    """Returns an image turned around its centre, with repeated borders."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    return cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)


def small_faces(images, size):
    """Yields pictures with one small face, and its box."""
    random, search = np.random.default_rng(size), blazeface.Search()
    scene = skimage.data.coffee()[:, :640]
    scene = cv2.resize(scene, (640, 400), interpolation=cv2.INTER_AREA)
    for image in images:
        large = [b for b in search.main_faces(image) if is_main(b, image)]
        if not large:
            continue
        scale = size / large[0].width
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = small.shape[:2]
        x, y = (int(random.integers(0, 1 + b - s)) for b, s in ((640, width), (400, height)))
        picture = scene.copy()
        picture[y : y + height, x : x + width] = small
        place = [value * scale for value in large[0][:4]]
        yield picture, Box(x + place[0], y + place[1], *place[2:], 1.0)


def percent(values):
    """Returns a share in percent as text."""
    return f"{100 * np.mean(values):.1f}"


def measure(detect, images, videos, groups):
    """Returns the row of a detector."""
    row = {}
    found = [[is_main(box, image) for box in detect(image)] for image in images]
    row["missed %"] = percent([not any(main) for main in found])
    row["extra"] = sum(len(main) - any(main) for main in found)
    row["ms"] = f"{detect.pop():.1f}"
    for angle in TURNS:
        pictures = [turned(image, angle) for image in images[:100]]
        hits = [any(is_main(box, p) for box in detect(p)) for p in pictures]
        row[f"turned {angle}° %"] = percent(hits)
    others = 0
    for size in SIZES:
        hits = []
        for picture, place in small_faces(images[:100], size):
            same = [overlap(Box(*box), place) > 0.3 for box in detect(picture)]
            hits.append(any(same))
            others += len(same) - any(same)
        row[f"{size} px %"] = percent(hits)
    row["other boxes"] = others
    row["false alarms"] = sum(len(detect(picture)) for picture in without_faces())
    for group in groups:
        row[group.stem] = len(detectors.detect(read_image(group), detect, LONGEST_SIDE_OF_GROUPS))
    detect.pop()
    for video in videos:
        counts = [len(detectors.detect(frame, detect)) for frame in frames(video)]
        more = percent([count > 1 for count in counts])
        row[f"{video.stem} %"] = f"{percent([count > 0 for count in counts])} ({more})"
    row["ms a frame"] = f"{detect.pop():.1f}" if videos else ""
    return row


def frames(video):
    """Returns every sixth frame of a video."""
    return [frame.image for i, frame in enumerate(Video(video)) if i % 6 == 0]


def without_faces():
    """Yields uint8 RGB pictures without faces."""
    for name in WITHOUT:
        picture = np.asarray(getattr(skimage.data, name)())
        picture = picture.astype(np.uint8) * 255 if picture.dtype == bool else picture
        picture = picture[..., None].repeat(3, axis=2) if picture.ndim == 2 else picture[..., :3]
        yield np.ascontiguousarray(picture)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--videos", nargs="*", type=Path, default=[])
    parser.add_argument("--group", nargs="*", type=Path, default=[])
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    default = ["hog", "haar", "front", "back", "blazeface_main", "blazeface"]
    parser.add_argument("--detectors", nargs="*", default=default)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    images = photographs.sample(arguments.archive, arguments.number, arguments.seed)
    rows = {}
    for name in arguments.detectors:
        look = name in ("front", "back")
        detect = Timed(one_look(name) if look else detectors.get(name))
        detect(images[0])
        detect.pop()
        rows[name] = measure(detect, images, arguments.videos, arguments.group)
        print(name, rows[name], flush=True)
    print(pd.DataFrame(rows).to_markdown(disable_numparse=True))


if __name__ == "__main__":
    main()
