"""The faces of consecutive frames, linked to tracks, and whose portraits are kept."""

import math

from kollias_affect.faces.identity import IdentityTracker

# Frames of a track from which on portraits of a detection are kept, to recognise its person at the
# end.
PORTRAITS = (1, 4, 32, 256)


class LinkedFaces:
    """Links the faces of each frame to those of the frames before.

    Attributes:
        grids: Each `(height, width)` of the frames, in the order in which they occur.
    """

    def __init__(self):
        self.grids = []
        self._identities = IdentityTracker()

    @property
    def tracks(self):
        """List of `identity.Track`."""
        return self._identities.tracks

    def follow(self, boxes, time, grid, copies, tracked=False):
        """Takes the faces of the next frame.

        Args:
            boxes, time, copies: See `IdentityTracker.update`.
            grid: See `Frame`.
            tracked: Whether the detector was not run on this frame.

        Returns:
            List of pairs: the `face_id` of each box, and whether its portrait is to be kept.
        """
        self._follow_grid(grid)
        ids = self._identities.update(boxes, time, copies)
        return [(face_id, self._takes_portrait(face_id, tracked)) for face_id in ids]

    def _follow_grid(self, grid):
        """Scales what is remembered of the faces if the frames change their `(height, width)`."""
        if grid is None or self.grids[-1:] == [grid]:
            return
        if self.grids:
            down, across = (new / old for new, old in zip(grid, self.grids[-1], strict=True))
            self._identities.rescale(across, down)
        self.grids.append(grid)

    def _takes_portrait(self, face_id, tracked):
        track = self.tracks[face_id]
        due = not tracked and track.frames >= (*PORTRAITS, math.inf)[track.pictures]
        track.pictures += due
        return due
