"""Tracking of faces by their landmarks, between frames in which a detector looks for them.

Detectors take most of the time of an extraction. With `every` above 1 they run on every
`every`-th frame; in between, the landmarks of a frame tell where to look in the next one. Which
face of one frame is which of another is decided elsewhere, see `identity`.
"""

import collections
import dataclasses

import cv2
import numpy as np

from kollias_affect.faces.boxes import Box, overlap
from kollias_affect.faces.cropping import AlignedFace

# A box stays in place until its face has moved by more than this share of its width. The boxes of
# dlib's detector do the same: they lie on a grid of a tenth, so rounding moves them by half of it.
MIN_MOVE = 0.05
# Correlation with the crop of the last detection. Up to seven frames later it was at least 0.79 on
# real and synthetic videos in frames with a face, and at most 0.15 where the face was gone.
MIN_SIMILARITY = 0.6
MAX_WAIT = 16  # frames that are held in memory while a face may still appear
_TEMPLATE_SIDE = 24  # pixels
_MIN_CONTRAST = 2.0  # standard deviation of grey levels, below which a crop shows nothing


@dataclasses.dataclass
class _Target:
    """A tracked face: its last detection, its template, and its last box."""

    detected: AlignedFace
    template: np.ndarray
    box: Box


class FaceTracker:
    """Faces of consecutive frames: detected, or tracked from the frame before.

    The detector runs on a frame in each of these cases:

    - The last detection was `every` frames ago.
    - A tracked face no longer looks as it did at its detection (`MIN_SIMILARITY`). This includes
      cuts.
    - There is no face, or a face of one of the last `every` frames is missing at its place.

    If there was no face in `every` frames, `run` detects in one frame out of `every` (at
    least one out of 16), and in the frames in between only if it finds a face there.

    Args:
        every: Maximum number of frames from one detection to the next; 1 for detection alone.
        detect: Function from an image to a list of `AlignedFace`.
        look: Function from an image and a box to the `AlignedFace` in it, or `None`.
    """

    def __init__(self, every, detect, look):
        self.every = every
        self.detect = detect
        self.look = look
        self.targets = []
        self.age = 0  # frames since the last detection
        self.recent = collections.deque(maxlen=every)
        self.grid = None
        self.started = False  # A resumed run starts with a frame that the detector has seen.

    def run(self, frames):
        """Yields each frame, its faces, and whether the detector was not run on it.

        Args:
            frames: Iterable of objects with an `image` and its `grid` (see `Frame`), in order.
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
        empty = len(self.recent) == self.every and not any(self.recent)
        return self.started and empty and held < min(self.every, MAX_WAIT)

    def _search(self, held):
        *before, last = held
        if before and not self.detect(last.image):
            for frame in held:
                self.remember([])
                yield frame, [], frame is not last
        else:
            for frame in held:
                yield frame, *self.faces(frame.image, frame.grid)

    def faces(self, image, grid=None):
        """Returns the faces in the next frame, and whether they were tracked, not detected."""
        self.started = True
        self.follow_grid(grid)
        faces = self._track(image) if self._may_track() else None
        tracked = faces is not None
        if tracked:
            self.age += 1
        else:
            faces = self.detect(image)
            self.age = 0
            if self.every > 1:
                self.targets = [_Target(face, _template(face.crop), face.box) for face in faces]
        self.remember([face.box for face in faces])
        return faces, tracked

    def follow_grid(self, grid):
        """Scales what is remembered if the pictures change their `(height, width)`.

        The detector runs on the first picture of another size.
        """
        if grid is not None and self.grid not in (None, grid):
            down, across = (new / old for new, old in zip(grid, self.grid, strict=True))
            scaled = [[box.scaled(across, down) for box in boxes] for boxes in self.recent]
            self.recent = collections.deque(scaled, maxlen=self.every)
            self.targets = []
        self.grid = grid or self.grid

    def remember(self, boxes, grid=None):
        """Notes the boxes of a frame. Call it alone for frames of an interrupted run."""
        self.follow_grid(grid)
        self.recent.append(boxes)

    def _may_track(self):
        if not self.targets or self.age + 1 >= self.every:
            return False
        latest = self.recent[-1]
        return all(
            any(overlap(box, other) > 0 for other in latest)
            for boxes in self.recent
            for box in boxes
        )

    def _track(self, image):
        """Returns the tracked faces in this frame, or `None` if one of them is lost."""
        faces = []
        for target in self.targets:
            face = self._look_for(target, image)
            if face is None or _similarity(target, face) < MIN_SIMILARITY:
                return None
            target.box = face.box
            faces.append(face)
        return faces

    def _look_for(self, target, image):
        """Returns the face in its last box, or in the box to which its landmarks have moved."""
        face = self.look(image, target.box)
        box = target.box if face is None else _moved_box(target, face.in_frame)
        return face if box == target.box else self.look(image, box)


def _moved_box(target, points):
    """Returns the box that lies to these landmarks as the detected box lies to the detected ones.

    It is the last box itself if the difference is small.
    """
    box, last = target.detected.box, target.box
    start, start_size = _centre_and_size(target.detected.in_frame)
    end, end_size = _centre_and_size(points)
    growth = end_size / start_size
    sides = np.maximum(1, np.array([box.width, box.height]) * growth)
    middle = end + (_middle(box) - start) * growth
    move = max(*np.abs(middle - _middle(last)), abs(sides[0] - last.width))
    if move <= MIN_MOVE * last.width:
        return last
    corner = middle - sides / 2
    return Box(*(round(float(value)) for value in (*corner, *sides)), box.score)


def _middle(box):
    return np.array([box.x + box.width / 2, box.y + box.height / 2])


def _centre_and_size(points):
    """Returns the centroid and the root mean square distance from it."""
    centre = points.mean(axis=0, dtype=np.float64)
    return centre, np.sqrt(np.square(points - centre).sum(axis=1).mean())


def _template(crop):
    """Returns a small grey copy of a crop with mean 0 and norm 1; zeros if it has no contrast."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_TEMPLATE_SIDE, _TEMPLATE_SIDE), interpolation=cv2.INTER_AREA)
    small = small.astype(np.float64) - small.mean()
    return small / np.linalg.norm(small) if small.std() >= _MIN_CONTRAST else np.zeros_like(small)


def _similarity(target, face):
    """Returns the correlation of the crop with the crop of the detection, in [-1, 1]."""
    return float((target.template * _template(face.crop)).sum())
