"""`Clip`: the frames of one person in one video, with what is known of each frame."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kollias_affect.tasks import EXPRESSIONS


@dataclasses.dataclass(eq=False)
class Clip:
    """Consecutive frames of one person in one video.

    Every sequence has one entry per frame, frames without a face included.

    Args:
        key: stable name, unique in a dataset, without any local path.
        paths: image file of each frame, `""` where the face was not found.
        times: container time stamps in seconds, non-decreasing, or `None`.
        landmarks: float `[frames, 68, 2]` in [-1, 1] of the crop, NaN where missing, or `None`.
        valence_arousal: float `[frames, 2]`, valence then arousal, in [-1, 1], or `None`.
        expression: integer `[frames]`, index into `EXPRESSIONS`, or `None`.
        valid: boolean `[frames]`, the frames that count in losses, metrics and averages.
            Default: the frames that have an image. Labels are checked where this is true.
        subject: name of the person, the unit of person-independent splits. Default: `key`.

    Raises:
        ValueError: if a sequence has another length than `paths`, if a label of a valid
            frame is missing or out of range, or if time runs backwards.
    """

    key: str
    paths: Sequence[str]
    times: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    valence_arousal: np.ndarray | None = None
    expression: np.ndarray | None = None
    valid: np.ndarray | None = None
    subject: str | None = None

    def __post_init__(self):
        if isinstance(self.paths, str):
            raise ValueError(
                f"`paths` must be a sequence of files. Received the text {self.paths!r}. Put it in "
                "a list."
            )
        self.paths = ["" if path is None else str(path) for path in self.paths]
        self.subject = self.key if self.subject is None else str(self.subject)
        self.times = self._array("times", np.float64, ())
        self.landmarks = self._array("landmarks", np.float32, (68, 2))
        self.valence_arousal = self._array("valence_arousal", np.float32, (2,))
        self.expression = self._integers("expression")
        if self.valid is None:
            self.valid = self.has_image
        self.valid = self._array("valid", bool, ()) & self.has_image
        self._check_times()
        self._check_labels()

    def __len__(self):
        return len(self.paths)

    def __repr__(self):
        labels = [n for n in ("valence_arousal", "expression") if getattr(self, n) is not None]
        return (
            f"Clip({self.key!r}, {len(self)} frames, {int(self.valid.sum())} valid, "
            f"labels: {', '.join(labels) or 'none'})"
        )

    @property
    def has_image(self):
        """Boolean `[frames]`: the frames in which the face was found."""
        return np.array([path != "" for path in self.paths], bool)

    def labelled(self, **labels):
        """A copy with other labels: `valence_arousal=`, `expression=` and `valid=`."""
        return dataclasses.replace(self, **{"valid": None, **labels})

    def part(self, start, stop, key):
        """The frames `start` to `stop` (excluded) as a clip of their own, of the same subject."""
        sequences = ("times", "landmarks", "valence_arousal", "expression", "valid")
        cut = {name: getattr(self, name) for name in sequences}
        cut = {name: None if value is None else value[start:stop] for name, value in cut.items()}
        return Clip(key, self.paths[start:stop], subject=self.subject, **cut)

    def _array(self, name, dtype, frame_shape):
        value = getattr(self, name)
        if value is None:
            return None
        value = np.asarray(value, dtype)
        expected = (len(self), *frame_shape)
        if value.shape != expected:
            raise ValueError(
                f"`{name}` of clip {self.key!r} must have one entry per frame: shape {expected}. "
                f"Received shape {value.shape}. Give frames without a face or a label a row too "
                "(NaN, or `valid` false), so that rows and frames stay paired."
            )
        return value

    def _integers(self, name):
        value = self._array(name, np.float64, ())
        if value is None:
            return None
        whole = np.isfinite(value) & (value == np.round(value))
        return np.where(whole, value, -1).astype(np.int64)

    def _check_times(self):
        if self.times is None:
            return
        backwards = np.flatnonzero(~(np.diff(self.times) >= 0))  # NaN included
        if len(backwards):
            i = int(backwards[0]) + 1
            raise ValueError(
                f"`times` of clip {self.key!r} must be numbers that do not decrease. Received: "
                f"{self.times[i]} s at frame {i + 1}, after {self.times[i - 1]} s. Sort the frames "
                "by time."
            )

    def _check_labels(self):
        if self.valence_arousal is not None:
            in_range = (np.abs(self.valence_arousal) <= 1).all(axis=1)  # False for NaN
            self._refuse(~in_range, "valence and arousal must lie in [-1, 1]", self.valence_arousal)
        if self.expression is not None:
            known = (self.expression >= 0) & (self.expression < len(EXPRESSIONS))
            rule = f"an expression must be an index into {EXPRESSIONS}"
            self._refuse(~known, rule, self.expression)

    def _refuse(self, bad, rule, values):
        bad = np.flatnonzero(bad & self.valid)
        if len(bad):
            raise ValueError(
                f"In clip {self.key!r}, {rule}. Received: {values[bad[0]].tolist()} at frame "
                f"{bad[0] + 1} ({len(bad)} such frames). Scale or mend the labels, or mark "
                "frames that shall not count with `valid` false."
            )


class Clips(list):
    """A list of `Clip` that knows the report of how it was made.

    Slices and copies are plain lists.
    """

    report = None
