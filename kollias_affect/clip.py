"""`Clip`: the frames of one person in one video, with their landmarks and labels."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from kollias_affect import _checks
from kollias_affect.shards import FramePaths
from kollias_affect.tasks import ACTION_UNITS, EXPRESSIONS, EXPRESSIONS_8, FIELDS


@dataclasses.dataclass(eq=False)
class Clip:
    """Consecutive frames of one person in one video.

    Every sequence has one entry per frame, frames without a face included.

    Args:
        key: Stable name, unique in a dataset, without any local path.
        paths: Image file of each frame, `""` where no face was detected; a list, or
            `shards.FramePaths`. An image may lie in a shard, see `shards`.
        times: Time stamps of the container in seconds, non-decreasing, or `None`.
        landmarks: float `[frames, 68, 2]` in [-1, 1] of the crop, NaN where missing, or `None`.
        valence_arousal: float `[frames, 2]`, valence then arousal, in [-1, 1], or `None`.
        expression: Integers `[frames]`, indices into `expressions`, or `None`.
        action_units: float `[frames, 12]`, 0 or 1 for each of `tasks.ACTION_UNITS`, NaN or -1
            where unknown, or `None`.
        valid: Booleans `[frames]`, true for the frames that count in losses, metrics and
            averages. Default: the frames that have an image. Only labels of valid frames are
            checked. A valid frame of a clip with several kinds of labels may lack some: NaN
            valence and arousal, expression -1, NaN action units.
        expressions: Names of the expressions: `tasks.EXPRESSIONS`, or `tasks.EXPRESSIONS_8` for
            labels of which some are "other".
        expression_shares: float `[frames, expressions]`, the share of raters who chose each of
            `expressions`, NaN where unknown, or `None`; see `tasks.shares`.
        subject: Name of the person, the unit of person-independent splits. Default: `key`.
        official_part: Official part of a database that the clip belongs to, such as
            `"omg/train"`, or `None`. Only official parts of one database may share persons.
        gender: Gender of the person, such as `"female"`, or `None`.
        names_person: Whether `subject` names the person. Otherwise it names a group, such as a
            video, and a person may be in several of them. Default: whether it differs from `key`.

    Raises:
        ValueError: If a sequence does not have the length of `paths`, if a label of a valid
            frame is out of range, if a valid frame of a labelled clip has no label, or if the
            times decrease.

    Examples:

    >>> from kollias_affect.datasets import Clip
    >>> clip = Clip("a", ["1.png", "", "3.png"], expression=[4, -1, 0])
    >>> clip
    Clip('a', 3 frames, 2 valid, labels: expression)
    >>> clip.valid.tolist()
    [True, False, True]
    """

    key: str
    paths: Sequence[str]
    times: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    valence_arousal: np.ndarray | None = None
    expression: np.ndarray | None = None
    valid: np.ndarray | None = None
    subject: str | None = None
    official_part: str | None = None
    gender: str | None = None
    names_person: bool | None = None
    action_units: np.ndarray | None = None
    expressions: Sequence[str] = EXPRESSIONS
    expression_shares: np.ndarray | None = None

    def __post_init__(self):
        if isinstance(self.paths, str):
            raise ValueError(
                f"`paths` must be a sequence of files. Received: the string {self.paths!r}. Put it "
                "in a list."
            )
        if not isinstance(self.paths, FramePaths):
            self.paths = ["" if path is None else str(path) for path in self.paths]
        self.subject = self.key if self.subject is None else str(self.subject)
        self.times = self._array("times", np.float64, ())
        self.landmarks = self._array("landmarks", np.float32, (68, 2))
        self.valence_arousal = self._array("valence_arousal", np.float32, (2,))
        self.expression = self._integers("expression")
        self.action_units = self._array("action_units", np.float32, (len(ACTION_UNITS),))
        if self.action_units is not None:
            self.action_units = np.where(self.action_units == -1, np.nan, self.action_units)
        self.expressions = tuple(self.expressions)
        _checks.one_of("expressions", self.expressions, (EXPRESSIONS, EXPRESSIONS_8))
        shape = (len(self.expressions),)
        self.expression_shares = self._array("expression_shares", np.float32, shape)
        if self.valid is None:
            self.valid = self.has_image
        self.valid = self._array("valid", bool, ()) & self.has_image
        self._check_times()
        self._check_labels()

    def __len__(self):
        return len(self.paths)

    def __repr__(self):
        labels = [name for name in FIELDS if getattr(self, name) is not None]
        return (
            f"Clip({self.key!r}, {len(self)} frames, {int(self.valid.sum())} valid, "
            f"labels: {', '.join(labels) or 'none'})"
        )

    @property
    def has_image(self):
        """Booleans `[frames]`, true for the frames in which the face was detected."""
        if isinstance(self.paths, FramePaths):
            return self.paths.has_image
        return np.array([path != "" for path in self.paths], bool)

    @property
    def person_known(self):
        """Whether `subject` names the person, and not only a video or another group."""
        return self.subject != self.key if self.names_person is None else self.names_person

    def labelled(self, **labels):
        """Returns a copy with other labels.

        Args:
            **labels: `valence_arousal`, `expression`, `action_units` and `valid`, see `Clip`.

        Returns:
            `Clip`. Without `valid`, all frames that have an image are valid.

        Examples:

        >>> from kollias_affect.datasets import Clip
        >>> Clip("a", ["1.png", "2.png"]).labelled(expression=[4, 4])
        Clip('a', 2 frames, 2 valid, labels: expression)
        """
        return dataclasses.replace(self, **{"valid": None, **labels})

    def with_absolute_paths(self):
        """Returns the same clip for a process with another working folder."""
        paths = [os.path.abspath(path) if path else "" for path in self.paths]
        return dataclasses.replace(self, paths=paths)

    def part(self, start, stop, key):
        """Returns consecutive frames as a clip of the same subject.

        Args:
            start: Index of the first frame.
            stop: Index after the last frame.
            key: Key of the new clip.

        Returns:
            `Clip` of `stop - start` frames.
        """
        sequences = ("times", "landmarks", *FIELDS, "expression_shares", "valid")
        cut = {name: getattr(self, name) for name in sequences}
        cut = {name: None if value is None else value[start:stop] for name, value in cut.items()}
        # The default of `names_person` compares the subject with the key, which changes here.
        cut["names_person"] = self.person_known
        return dataclasses.replace(self, key=key, paths=self.paths[start:stop], **cut)

    def _array(self, name, dtype, frame_shape):
        value = getattr(self, name)
        if value is None:
            return None
        value = np.asarray(value, dtype)
        expected = (len(self), *frame_shape)
        if value.shape != expected:
            raise ValueError(
                f"`{name}` of clip {self.key!r} must have one entry per frame: shape {expected}. "
                f"Received: shape {value.shape}. Frames without a face or a label need a row too "
                "(NaN, or `valid` false), so that rows and frames stay paired."
            )
        return value

    def _integers(self, name):
        value = self._array(name, np.float64, ())
        if value is None:
            return None
        is_integer = np.isfinite(value) & (value == np.round(value))
        unknown = np.where(np.isnan(value), -1, -2)  # -1 is a missing label, -2 is none at all
        return np.where(is_integer, value, unknown).astype(np.int64)

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
        """Checks the range of known labels; a valid frame of a labelled clip needs one of them."""
        missing = self._missing_labels()
        unlabelled = np.all(list(missing.values()), axis=0)
        for name, values in ((name, getattr(self, name)) for name in missing):
            if name == "valence_arousal":
                bad = ~(np.abs(values) <= 1).all(axis=1)  # True for NaN
                rule = "valence and arousal must lie in [-1, 1]"
            elif name == "expression":
                bad = (values < 0) | (values >= len(self.expressions))
                rule = f"an expression must be an index into {self.expressions}"
            else:
                bad = ~(np.isnan(values) | ((values >= 0) & (values <= 1))).all(axis=1)
                bad |= missing[name]
                rule = "action units must be 0 or 1, or NaN where unknown"
            self._refuse(bad & (~missing[name] | unlabelled), rule, values)
        if self.expression_shares is not None:
            negative = (self.expression_shares < 0).any(axis=1)
            self._refuse(negative, "shares must not be negative", self.expression_shares)

    def _missing_labels(self):
        """Returns a dict from each kind of labels to booleans, true where a frame lacks them."""
        missing = {}
        if self.valence_arousal is not None:
            missing["valence_arousal"] = np.isnan(self.valence_arousal).all(axis=1)
        if self.expression is not None:
            missing["expression"] = self.expression == -1
        if self.action_units is not None:
            missing["action_units"] = np.isnan(self.action_units).all(axis=1)
        return missing

    def _refuse(self, bad, rule, values):
        bad = np.flatnonzero(bad & self.valid)
        if len(bad):
            raise ValueError(
                f"In clip {self.key!r}, {rule}. Received: {values[bad[0]].tolist()} at frame "
                f"{bad[0] + 1} ({len(bad)} such frames). Scale or correct the labels, or set "
                "`valid` to false for frames that must not count."
            )


class Clips(list):
    """A list of `Clip` with the report of its loading.

    Slices and copies are plain lists.

    Attributes:
        report: `LoadReport` of the loader that returned the list, or `None`.
    """

    report = None


def shown_frames(has_image):
    """Returns the position of the frame to show for each frame.

    It is the frame itself, the last one before it with a face, or else the first one with a face.

    Args:
        has_image: bool `[frames]`, whether there is a face.

    Returns:
        Integers `[frames]`.

    Example:

    >>> import numpy as np
    >>> shown_frames(np.array([False, True, False, True])).tolist()
    [1, 1, 1, 3]
    """
    here = np.flatnonzero(has_image)
    if not len(here):
        return np.arange(len(has_image))
    before = np.searchsorted(here, np.arange(len(has_image)), side="right") - 1
    return here[np.maximum(before, 0)]
