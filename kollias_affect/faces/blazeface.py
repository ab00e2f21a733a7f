"""Detectors of BlazeFace's networks: large faces at once, small ones by a second look.

The network `front` is fast and accurate for faces that fill a good part of its input. The others
see smaller faces, with false alarms. So they only propose places, and `front` looks at each of them
closely, which decides and gives the box.
"""

import functools

from kollias_affect.faces.blazeface_network import Network
from kollias_affect.faces.boxes import Box, overlap, without_overlaps

SURE = 0.7  # Score from which one look is enough, in a large face or close to a small one.
LIKELY = 0.6  # Mean score of two looks at a large face from which it counts.
PROPOSED = 0.25  # Score from which a place is looked at closely.
SIDE_OF_LOOK = 2.5  # Side of the window of a close look, in units of the proposed box.
TILE = 640  # pixels; larger images are searched in parts
_SAME = 0.2  # Intersection over union of a proposal and what the close look finds there.
_MARGIN = 0.25  # Border around the image in its first search, in units of its longest side.

# From BlazeFace's box to the one that dlib's shape predictor expects: shift of the centre and
# factor of the side, in units of BlazeFace's side. `benchmarks/detector_boxes.py` fits them.
RIGHT, DOWN, GROWTH = 0.0, -0.027, 0.943


@functools.cache
def _network(name):
    return Network(name)


def main_faces():
    """Returns a detector for the main faces of an image, at little cost.

    It finds faces of at least about a sixth of the image's longest side. Only where there is
    none, smaller ones are searched.
    """

    return lambda image: [_for_landmarks(box) for box in raw_main_faces(image)]


def every_face():
    """Returns a detector for all faces of an image, from about 20 pixels."""

    def detect(image):
        found = _large(image)
        proposals = [
            box for box in _small(image) if all(not _contains(face, box) for face in found)
        ]
        found = without_overlaps(found + _checked(image, proposals))
        return [_for_landmarks(box) for box in found or _again(image)]

    return detect


def raw_main_faces(image):
    """Returns the main faces with the boxes of the network, not rounded."""
    return _large(image) or _checked(image, _whole("full_range", image, 0.0))


def _whole(name, image, margin, least=PROPOSED):
    """Runs a network on the whole image with a border around it."""
    height, width = image.shape[:2]
    side = max(height, width) * (1 + 2 * margin)
    return _network(name)(image, ((width - side) / 2, (height - side) / 2), side, least)


def _large(image, margin=_MARGIN):
    """Returns the large faces; those with a low score are looked at twice."""
    found = []
    for box in _whole("front", image, margin):
        if box.score < SURE:
            box = _close_look(image, box, least=2 * LIKELY - box.score)
        if box is not None:
            found.append(box)
    return without_overlaps(found)


def _small(image):
    """Proposes places of small faces, in overlapping parts of large images."""
    height, width = image.shape[:2]
    if max(height, width) <= TILE:
        return _whole("back", image, 0.0)
    return [
        box
        for y in part_starts(height)
        for x in part_starts(width)
        for box in _network("back")(image, (x, y), TILE, PROPOSED)
    ]


def part_starts(length):
    """Returns where parts start, so that neighbours overlap by at least a quarter."""
    if length < TILE:
        return [(length - TILE) / 2]
    if length == TILE:
        return [0.0]
    count = 1 + -(-(length - TILE) // (TILE * 3 // 4))
    return [i * (length - TILE) / (count - 1) for i in range(count)]


def _again(image):
    """Searches an image without faces with other borders: faces that fill it, or are cut off."""
    for margin in (0.5, 0.0):
        found = _large(image, margin)
        if found:
            return found
    return _checked(image, _whole("back", image, 0.5))


def _checked(image, proposals):
    """Returns the boxes of the proposals that are faces in a close look."""
    looks = (_close_look(image, box) for box in proposals)
    return without_overlaps([box for box in looks if box is not None])


def _close_look(image, proposal, least=SURE):
    """Returns the box of the face at a proposed place, `None` if there is none."""
    side = SIDE_OF_LOOK * max(proposal.width, proposal.height)
    corner = (
        proposal.x + (proposal.width - side) / 2,
        proposal.y + (proposal.height - side) / 2,
    )
    boxes = _network("front")(image, corner, side, min(least, SURE))
    boxes = [box for box in boxes if overlap(box, proposal) > _SAME]
    return max(boxes, key=lambda box: box.score, default=None)


def _contains(face, box):
    """Returns whether the centre of a box is in a face."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return face.x <= x <= face.x + face.width and face.y <= y <= face.y + face.height


def _for_landmarks(box):
    """Returns the box that dlib's shape predictor expects."""
    return moved(box, RIGHT, DOWN, GROWTH)


def moved(box, right, down, growth):
    """Returns a square box in whole pixels, moved and scaled in units of the mean side."""
    side = (box.width + box.height) / 2
    x = box.x + box.width / 2 + right * side
    y = box.y + box.height / 2 + down * side
    side *= growth
    return Box(round(x - side / 2), round(y - side / 2), round(side), round(side), box.score)
