"""Faces followed by their landmarks, between frames in which a detector looks for them.

The detector takes nine tenths of the time of an extraction. With `every` above 1 it runs on
every `every`-th frame; between, the landmarks themselves say where to look for them next.
"""

import collections
import dataclasses

import cv2
import numpy as np

from kollias_affect.faces.detectors import Box, overlap
from kollias_affect.faces.work import Face

# A box stays where it is until its face has moved by more than this share of its width, as the
# boxes of dlib's detector do: they lie on a grid of a tenth, and so move by rounding to half of it.
LEAST_MOVE = 0.05
# Correlation with the crop of the last detection. Up to seven frames later it was at least 0.79 on
# real and synthetic videos in frames with a face, and at most 0.15 where it was gone.
LEAST_LIKENESS = 0.6
LONGEST_WAIT = 16  # frames that are held in memory, where a face may yet appear
_TEMPLATE = 24  # side of what is compared, in pixels
_FLATTEST = 2.0  # standard deviation of grey levels below which nothing is to be seen


@dataclasses.dataclass
class _Target:
    """A followed face: how it was detected, what it looked like, and where it was last."""

    detected: Face
    template: np.ndarray
    box: Box


class Follower:
    """Faces of one frame after the other: detected, or followed from the frame before.

    A frame is searched by the detector if the last search was `every` frames ago; if a followed
    face no longer looks like it did then (`LEAST_LIKENESS`), which is so too after a cut; and
    while there is no face, or one of the last `every` frames is missing at its place. When there
    was none in `every` frames, `run` searches one frame of `every` (of 16 at least), and those
    between only if it finds a face.

    Args:
        every: at most so many frames from one detection to the next; 1 for detection alone.
        detect: function of an image to a list of `Face`.
        look: function of an image and a box to the `Face` in it, or `None`.
    """

    def __init__(self, every, detect, look):
        self.every = every
        self.detect = detect
        self.look = look
        self.targets = []
        self.age = 0  # frames since the last detection
        self.recent = collections.deque(maxlen=every)
        self.begun = False  # a run that goes on begins with the frame that was searched last

    def run(self, frames):
        """Yields each frame, its faces, and whether the detector did not look for them.

        Args:
            frames: any objects with an `image`, in order.
        """
        held = []
        for frame in frames:
            held.append(frame)
            if not self._may_wait(len(held)):
                yield from self._search(held)
                held = []
        if held:
            yield from self._search(held)

    def _may_wait(self, held):
        nobody = len(self.recent) == self.every and not any(self.recent)
        return self.begun and nobody and held < min(self.every, LONGEST_WAIT)

    def _search(self, held):
        *before, last = held
        if before and not self.detect(last.image):
            for frame in held:
                self.remember([])
                yield frame, [], frame is not last
        else:
            for frame in held:
                yield frame, *self.faces(frame.image)

    def faces(self, image):
        """The faces in the next frame, and whether they were followed rather than detected."""
        self.begun = True
        found = self._follow(image) if self._may_follow() else None
        followed = found is not None
        if followed:
            self.age += 1
        else:
            found = self.detect(image)
            self.age = 0
            if self.every > 1:
                self.targets = [_Target(face, _template(face.crop), face.box) for face in found]
        self.remember([face.box for face in found])
        return found, followed

    def remember(self, boxes):
        """Notes the boxes of a frame; alone for frames that an interrupted run had done."""
        self.recent.append(boxes)

    def _may_follow(self):
        if not self.targets or self.age + 1 >= self.every:
            return False
        here = self.recent[-1]
        return all(
            any(overlap(box, other) > 0 for other in here) for boxes in self.recent for box in boxes
        )

    def _follow(self, image):
        """The followed faces in this frame, or `None` if one of them is lost."""
        found = []
        for target in self.targets:
            face = self._found(target, image)
            if face is None or _likeness(target, face) < LEAST_LIKENESS:
                return None
            target.box = face.box
            found.append(face)
        return found

    def _found(self, target, image):
        """The face where it was, or where its landmarks are found to have gone from there."""
        face = self.look(image, target.box)
        box = target.box if face is None else _moved(target, face.in_frame)
        return face if box == target.box else self.look(image, box)


def _moved(target, points):
    """The box that lies to these landmarks as the detector's lay to those found in it.

    The last box itself, if that is about there.
    """
    box, last = target.detected.box, target.box
    start, start_size = _place(target.detected.in_frame)
    end, end_size = _place(points)
    grown = end_size / start_size
    sides = np.maximum(1, np.array([box.width, box.height]) * grown)
    middle = end + (_middle(box) - start) * grown
    far = max(*np.abs(middle - _middle(last)), abs(sides[0] - last.width))
    if far <= LEAST_MOVE * last.width:
        return last
    corner = middle - sides / 2
    return Box(*(round(float(value)) for value in (*corner, *sides)), box.score)


def _middle(box):
    return np.array([box.x + box.width / 2, box.y + box.height / 2])


def _place(points):
    """Centroid and root mean square distance from it."""
    centre = points.mean(axis=0, dtype=np.float64)
    return centre, np.sqrt(np.square(points - centre).sum(axis=1).mean())


def _template(crop):
    """A small grey copy of a crop, with mean 0 and length 1; zeros if it is flat."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_TEMPLATE, _TEMPLATE), interpolation=cv2.INTER_AREA)
    small = small.astype(np.float64) - small.mean()
    return small / np.linalg.norm(small) if small.std() >= _FLATTEST else np.zeros_like(small)


def _likeness(target, face):
    """Correlation of the crop with that of the detection, in [-1, 1]."""
    return float((target.template * _template(face.crop)).sum())
