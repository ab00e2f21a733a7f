"""The journal of an extraction: a header, then one line for each frame that is done.

A line holds the time of the frame, and the box and landmarks of each face. The outputs of a video
derive from its journal and its crops alone.
"""

import base64
import math

import numpy as np

from kollias_affect import _runs
from kollias_affect.faces.boxes import Box

POINTS = (68, 2)
_MISSING = np.full(POINTS, np.nan, "<f4").tobytes()


class FrameJournal:
    """Lines of the frames of one video.

    Args:
        path: File of the lines, which need not exist.
        before: Number of the frames of the video before those of this journal.
    """

    def __init__(self, path, before=0):
        self.path = path
        self.before = before
        self._grid = None
        self._journal = _runs.Journal(path)

    def header(self):
        """Returns the first line, or `None` if there is no complete one."""
        return next((content for content, _ in self._lines()), None)

    def _lines(self):
        """Yields `(line, end)` up to the first one that is damaged."""
        for number, (line, end) in enumerate(self._journal.lines()):
            if number and not _is_whole(line, self.before + number):
                return
            yield line, end

    def restart(self, header):
        """Opens an empty journal for `add`."""
        self._journal.resume(0)
        self._journal.append(header)

    def resume(self, keep_all):
        """Opens the journal for `add`, behind the frames that stay.

        Args:
            keep_all: Whether all complete lines stay. Otherwise only those before the last
                detection stay: what a tracked face looks like is not in the journal, so its
                detection is repeated.

        Returns:
            List of `(boxes, time, grid, copies, tracked)` of the frames that stay; see `Frame.grid`
            and `add`.
        """
        lines = self._lines()
        _, end = next(lines)
        frames, kept, kept_end, grid = [], 0, end, None
        for line, line_end in lines:
            if not line.get("followed"):
                kept, kept_end = len(frames), end
            grid = grid_of(line, grid)
            boxes = [Box(*face["box"]) for face in line["faces"]]
            copies = [_decode_copy(face["copy"]) for face in line["faces"]]
            frames.append((boxes, line["t"], grid, copies, line.get("followed", False)))
            end = line_end
        if keep_all:
            kept, kept_end = len(frames), end
        self._journal.resume(kept_end)
        self._grid = frames[kept - 1][2] if kept else None
        return frames[:kept]

    def add(self, frame, faces, ids, copies, tracked):
        """Appends the line of one frame.

        Args:
            frame: `Frame`.
            faces: List of `AlignedFace`.
            ids: Identity of each face.
            copies: `likeness.small_copy` of each face.
            tracked: Whether the detector was not run on this frame.
        """
        entries = [
            {
                "id": face_id,
                "box": list(face.box),
                "copy": base64.b64encode(copy.tobytes()).decode(),
                "in_frame": _encode(face.in_frame),
                "in_crop": _encode(face.in_crop),
            }
            for face_id, face, copy in zip(ids, faces, copies, strict=True)
        ]
        line = {"frame": frame.index, "t": frame.time, "faces": entries}
        if frame.grid not in (None, self._grid):
            line["grid"] = self._grid = frame.grid
        if tracked:
            line["followed"] = True
        self._journal.append(line)

    def entries(self, parts, face_id):
        """Yields the line of each frame with the entry in it of one face, or `None` without it.

        Args:
            parts: Identities of the face in the journal.
            face_id: Identity that the entries get.
        """
        lines = self._lines()
        next(lines)  # the header
        for line, _ in lines:
            found = (face for face in line["faces"] if face["id"] in parts)
            yield line, next(({**face, "id": face_id} for face in found), None)

    def frames(self):
        """Yields `(index, time, grid, faces)` of each frame.

        The faces are dicts as in a line, with `box`, `copy`, `in_frame` and `in_crop` as arrays.
        """
        lines, grid = self._lines(), None
        next(lines)  # the header
        for line, _ in lines:
            grid = grid_of(line, grid)
            yield line["frame"], line["t"], grid, [_decoded(face) for face in line["faces"]]

    def landmarks(self, numbers):
        """Returns a dict from numbers of frames to dicts from `face_id` to landmarks in the frame.

        Args:
            numbers: Container of numbers of frames; the others are left out.
        """
        lines = self._lines()
        next(lines)  # the header
        return {
            line["frame"]: {face["id"]: _points(face["in_frame"]) for face in line["faces"]}
            for line, _ in (lines if numbers else ())
            if line["frame"] in numbers
        }

    def close(self):
        """Closes the file; does nothing if it is not open."""
        self._journal.close()


def _is_whole(line, number):
    """Whether a line is one that `FrameJournal.add` wrote for this frame."""
    try:
        points = [face[name] for face in line["faces"] for name in ("in_frame", "in_crop")]
        boxes = [Box(*face["box"]) for face in line["faces"]]
        numbers = [line["t"], *(n for box in boxes for n in box)]
        sizes = [len(decode_points(text)) for text in points]
        ids = [face["id"] for face in line["faces"]]
        for face in line["faces"]:
            _decode_copy(face["copy"])
        return (
            line["frame"] == number
            and bool(np.isfinite(np.array(numbers, np.float64)).all())
            and all(size == len(_MISSING) for size in sizes)
            and all(isinstance(i, int) and i >= 0 for i in ids)
            and all(box.area > 0 for box in boxes)
            and (len(grid := line.get("grid", (1, 1))) == 2 and min(grid) > 0)
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def grid_of(line, before):
    """Returns `(height, width)` of the frame of a line, which only says it where it changes.

    Args:
        line: Line of the journal.
        before: Result for the line before, `None` for the first one.
    """
    return tuple(line["grid"]) if "grid" in line else before


def _decoded(face):
    """Returns the entry of a face with arrays in place of texts."""
    points = {name: _points(face[name]) for name in ("in_frame", "in_crop")}
    return {**face, **points, "box": Box(*face["box"]), "copy": _decode_copy(face["copy"])}


def _points(text):
    return np.frombuffer(decode_points(text), "<f4").reshape(POINTS)


def _decode_copy(text):
    """Returns the small copy of a face in a line."""
    values = np.frombuffer(base64.b64decode(text), np.uint8)
    return values.reshape(2 * [math.isqrt(len(values))])


def _encode(points):
    """Returns float32 points as text, which is shorter and quicker than decimals."""
    return base64.b64encode(points.astype("<f4").tobytes()).decode()


def decode_points(text):
    """Returns the bytes of the landmarks in a line, little-endian float32 `[68, 2]`.

    Args:
        text: Entry `in_frame` or `in_crop` of a face; `None` stands for NaN.
    """
    return _MISSING if text is None else base64.b64decode(text)
