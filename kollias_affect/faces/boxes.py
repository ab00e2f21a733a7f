"""Rectangles of faces."""

import math
from typing import NamedTuple


class Box(NamedTuple):
    """A face rectangle in pixels of the image; it may reach beyond the border.

    Attributes:
        x, y: Left upper corner.
        width, height: Sides.
        score: Score of the detection. That of the built-in detectors is in [0, 1]; scores of
            different detectors cannot be compared.
    """

    x: int
    y: int
    width: int
    height: int
    score: float

    @property
    def area(self):
        """Area in square pixels."""
        return self.width * self.height

    def scaled(self, across, down):
        """Returns the box in pixels of which there are `across` and `down` per old one."""
        sides = self.x * across, self.y * down, self.width * across, self.height * down
        return Box(*(round(side) for side in sides), self.score)


def overlap(a, b):
    """Computes the intersection over union of two boxes, in [0, 1]."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(width, 0) * max(height, 0)
    return shared / (a.area + b.area - shared) if shared else 0.0


def without_overlaps(boxes, limit=0.3):
    """Returns the boxes by descending score, without those that overlap a better one."""
    chosen = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(overlap(box, other) <= limit for other in chosen):
            chosen.append(box)
    return chosen


def score_of(value):
    """Maps the value of a detector whose threshold is 0 to a score: the logistic function."""
    return 1 / (1 + math.exp(-float(value)))
