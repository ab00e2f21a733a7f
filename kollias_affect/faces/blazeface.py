"""Detectors of BlazeFace's networks: large faces at once, others by a second look.

The network `front` is fast and accurate for faces that fill a good part of its input. What it finds
in parts of the image, and what `back` finds there, which sees smaller faces with many false alarms,
are proposals: `front` looks at each of them closely, which decides and gives the box.
"""

import functools
import math

from kollias_affect.faces.blazeface_network import Network
from kollias_affect.faces.boxes import Box, overlap, without_overlaps

# `benchmarks/detectors.py` measures the detectors with these numbers.
SURE = 0.7  # Score from which one look is enough, in a large face or close to a small one.
LIKELY = 0.6  # Mean score of two looks at a large face from which it counts.
CERTAIN = 0.75  # Score of a close look, or its mean with that of the proposal, in main faces.
PROPOSED = 0.25  # Score from which a place is looked at closely,
PROPOSED_SMALL = 0.15  # and that in a search for small faces.
SIDE_OF_LOOK = 2.5  # Side of the window of a close look, in units of the proposed box.
TILE = 400  # pixels; larger images are searched in parts for small faces
MARGIN = 0.25  # Border around the image in its first search, in units of its longest side.
OTHER_MARGINS = (0.5, 0.0)  # where nothing was found: faces that fill the image, or are cut off
_SAME = 0.2  # Intersection over union of a proposal and what the close look finds there.

# From BlazeFace's box to the one that dlib's shape predictor expects: shift of the centre and
# factor of the side, in units of BlazeFace's side. `benchmarks/detector_boxes.py` fits them.
RIGHT, DOWN, GROWTH = 0.0, -0.027, 0.943


def main_faces():
    """Returns a detector for the main faces of an image, at little cost.

    It finds faces of at least about a sixth of the image's longest side. Only where there is
    none, smaller ones are searched, down to a quarter of the shorter side.
    """
    search = Search()
    return lambda image: [for_landmarks(box) for box in search.main_faces(image)]


def every_face():
    """Returns a detector for all faces of an image, from about 30 pixels."""
    search = Search()
    return lambda image: [for_landmarks(box) for box in search.every_face(image)]


class Search:
    """Searches images with BlazeFace's networks, which it loads when they are needed.

    All boxes are those of the networks, in pixels of the image and not rounded.
    """

    def __init__(self):
        self.network = functools.cache(Network)

    def main_faces(self, image):
        """Returns the large faces of an image, or else those of its square parts."""
        found = self._large(image)
        if found:
            return found
        for proposal in self._in_squares(image):
            box = self._close_look(image, proposal, 2 * CERTAIN - proposal.score)
            if box is not None and max(box.score, (box.score + proposal.score) / 2) >= CERTAIN:
                found.append(box)
        return without_overlaps(found)

    def every_face(self, image):
        """Returns the large and the small faces of an image."""
        found = self._large(image)
        proposals = [box for box in self._small(image) if not any(_is_in(box, f) for f in found)]
        return without_overlaps(found + self._checked(image, proposals)) or self._again(image)

    def _whole(self, name, image, margin, least=PROPOSED):
        """Runs a network on the whole image with a border around it."""
        height, width = image.shape[:2]
        side = max(height, width) * (1 + 2 * margin)
        return self.network(name)(image, ((width - side) / 2, (height - side) / 2), side, least)

    def _large(self, image, margin=MARGIN):
        """Returns the large faces; those with a low score are looked at twice."""
        found = []
        for box in self._whole("front", image, margin):
            if box.score < SURE:
                box = self._close_look(image, box, least=2 * LIKELY - box.score)
            if box is not None:
                found.append(box)
        return without_overlaps(found)

    def _in_squares(self, image):
        """Proposes faces in squares as large as the shorter side, at most three in a row."""
        side = max(min(image.shape[:2]), max(image.shape[:2]) / 3)
        front = self.network("front")
        boxes = [
            box
            for y in part_starts(image.shape[0], side, 0)
            for x in part_starts(image.shape[1], side, 0)
            for box in front(image, (x, y), side, PROPOSED)
        ]
        return without_overlaps(boxes)

    def _small(self, image):
        """Proposes places of small faces, in overlapping parts of large images."""
        height, width = image.shape[:2]
        if max(height, width) <= TILE:
            return self._whole("back", image, 0.0, PROPOSED_SMALL)
        return [
            box
            for y in part_starts(height)
            for x in part_starts(width)
            for box in self.network("back")(image, (x, y), TILE, PROPOSED_SMALL)
        ]

    def _again(self, image):
        """Searches an image in which nothing was found with other borders."""
        for margin in OTHER_MARGINS:
            found = self._large(image, margin)
            if found:
                return found
        return self._checked(image, self._whole("back", image, OTHER_MARGINS[0]))

    def _checked(self, image, proposals):
        """Returns the boxes of the proposals that are faces in a close look."""
        looks = (self._close_look(image, box) for box in proposals)
        return without_overlaps([box for box in looks if box is not None])

    def _close_look(self, image, proposal, least=SURE):
        """Returns the box of the face at a proposed place, `None` if there is none."""
        side = SIDE_OF_LOOK * max(proposal.width, proposal.height)
        corner = (
            proposal.x + (proposal.width - side) / 2,
            proposal.y + (proposal.height - side) / 2,
        )
        boxes = self.network("front")(image, corner, side, min(least, SURE))
        boxes = [box for box in boxes if overlap(box, proposal) > _SAME]
        return max(boxes, key=lambda box: box.score, default=None)


def part_starts(length, side=TILE, shared=0.25):
    """Returns where the parts of an image start, so that neighbours share a part of their side."""
    if length <= side:
        return [(length - side) / 2]
    count = 1 + math.ceil((length - side) / (side * (1 - shared)))
    return [i * (length - side) / (count - 1) for i in range(count)]


def _is_in(box, face):
    """Returns whether the centre of a box is in a face."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return face.x <= x <= face.x + face.width and face.y <= y <= face.y + face.height


def for_landmarks(box, right=RIGHT, down=DOWN, growth=GROWTH):
    """Returns the box that dlib's shape predictor expects: a square in whole pixels."""
    side = (box.width + box.height) / 2
    x = box.x + box.width / 2 + right * side
    y = box.y + box.height / 2 + down * side
    side *= growth
    return Box(round(x - side / 2), round(y - side / 2), round(side), round(side), box.score)
