"""The chain of post-processing steps and its file."""

import dataclasses
import numbers

import numpy as np
import pandas as pd

import kollias_affect
from kollias_affect import _checks, _files, _untrusted
from kollias_affect.evaluation.aggregation import aggregate
from kollias_affect.evaluation.postprocess._settings import (
    filtered_parts,
    frame_limits,
    odd_windows,
    per_dimension,
    sequence_length,
)
from kollias_affect.evaluation.postprocess.median import median_filter
from kollias_affect.evaluation.postprocess.smoothing import smooth
from kollias_affect.evaluation.predictions import paired
from kollias_affect.evaluation.sequences import LENGTH
from kollias_affect.tasks import TASKS

AFFECT_TASKS = ("valence_arousal", "valence", "arousal")  # the tasks that are scored by the CCC
_STEPS = ("none", "median_filter", "smooth")


@dataclasses.dataclass(frozen=True)
class PostProcessing:
    """Post-processing steps with their windows and their effect on the validation CCC.

    Attributes:
        names: Names of the dimensions, `("valence", "arousal")` or one of them.
        windows: Windows of `median_filter`, one per dimension; 1 where it is off.
        within: What it filters, one per dimension: `"sequence"` or `"clip"`.
        smoothing: Windows of `smooth`, one per dimension; 1 where it is off.
        few: Argument `few` of `smooth`, one per dimension.
        by: `None` for outputs per frame, or `"utterance"`.
        statistic: Argument of `aggregate`; `None` for outputs per frame.
        length: Frames of a sequence, for `median_filter` and `aggregate`; `None` does not split
            clips.
        validation: Dict from step (`"none"`, `"median_filter"`, `"smooth"`) to the CCC of each
            dimension on the validation set after the search of that step.
        versions: Dict from library to version.

    Raises:
        ValueError: If a value does not follow this description.

    Example:

    >>> import dataclasses
    >>> steps = dataclasses.replace(no_steps("arousal"), windows=(3,))
    >>> steps.apply({"a": [[0.0], [0.9], [0.1]]})["a"].round(2).ravel().tolist()
    [0.45, 0.1, 0.5]
    >>> print(steps)
    median filter of 3 within sequences of 80 frames for arousal improves the validation CCC

    References: Paper B, section 6.3.
    """

    names: tuple
    windows: tuple
    within: tuple
    smoothing: tuple
    few: tuple
    by: str | None
    statistic: str | None
    length: int | None
    validation: dict
    versions: dict

    def __post_init__(self):
        known_names = [TASKS[task][0] for task in AFFECT_TASKS]
        names = _checks.one_of("names", tuple(self.names), known_names)
        dims = len(names)
        checked = {
            "names": names,
            "windows": odd_windows("windows", self.windows, dims),
            "within": filtered_parts(self.within, dims),
            "smoothing": odd_windows("smoothing", self.smoothing, dims),
            "few": frame_limits(self.few, dims),
            "by": _checks.one_of("by", self.by, (None, "utterance")),
            "statistic": _checks.one_of("statistic", self.statistic, _statistics(self.by)),
            "length": sequence_length(self.length),
            "validation": _validation(self.validation, dims),
            "versions": _versions(self.versions),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __str__(self):
        """Returns a summary in one line."""
        parts = [self._part(within) for within in self.within]
        filters = zip(self.names, self.windows, parts, strict=True)
        active = [f"median filter of {w} within {p} for {name}" for name, w, p in filters if w > 1]
        smoothers = zip(self.names, self.smoothing, strict=True)
        active += [f"smoothing of {window} for {name}" for name, window in smoothers if window > 1]
        return f"{', '.join(active) or 'no step'} improves the validation CCC"

    def _part(self, within):
        if within == "clip" or self.length is None:
            return "clips"
        return f"sequences of {self.length} frames"

    def filter(self, predictions):
        """Applies the median filter alone.

        Args:
            predictions: See `median_filter`.

        Returns:
            Predictions of every frame, as `median_filter` returns them.
        """
        return median_filter(predictions, self.windows, self.within, self.length)

    def apply(self, predictions, clips=None):
        """Applies the steps. Labels and `valid` of the clips are not used.

        Args:
            predictions: Predictions of every frame; see `paired`.
            clips: List of `Clip`. Predictions of other clips are refused. Required with
                `by="utterance"`, where the frames with an image count.

        Returns:
            Dict from clip key to float64 `[frames, dims]`; with `by="utterance"`, the table of
            `aggregate` without labels.

        Raises:
            ValueError: If the number of outputs is not that of the dimensions, clips are required,
                and as `paired` and `median_filter` do.
        """
        if clips is not None:
            predictions = by_key(predictions, clips)
            clips = [clip.labelled(valence_arousal=None, expression=None) for clip in clips]
        outputs = self.filter(predictions)
        if self.by is None:
            return outputs
        if clips is None:
            raise ValueError(
                "Frames are aggregated by clip. Received: no `clips`. Pass the clips that were "
                "predicted; they need no labels."
            )
        task = next(task for task in AFFECT_TASKS if TASKS[task][0] == self.names)
        table = aggregate(outputs, clips, self.by, self.statistic, length=self.length, task=task)
        return smooth(table, self.smoothing, self.few)

    def save(self, path):
        """Writes a JSON file, atomically."""
        _files.write_json(path, dataclasses.asdict(self))

    @classmethod
    def load(cls, path):
        """Reads a file that `save` wrote.

        Files from before the filter worked within sequences have no `within`. Their median filter
        crossed the sequences of a clip, so they are read as `within="clip"`.

        Raises:
            FileNotFoundError: If the file is missing.
            ValueError: If the file is damaged or has other content.
        """
        path = _checks.existing_file("post-processing", path)
        rule = "Post-processing is read from a file that `PostProcessing.save` wrote"
        with _untrusted.reading(rule, path, "Search and save again."):
            content = _untrusted.read_json(path)
            if isinstance(content, dict):
                content.setdefault("within", "clip")
            return cls(**_fields(cls, content))


def no_steps(task="valence_arousal", by=None, statistic="median", length=LENGTH):
    """Creates a `PostProcessing` without steps; with `by`, it only aggregates utterances.

    Args:
        task, by, statistic, length: See `search`.

    Returns:
        `PostProcessing`.

    Example:

    >>> print(no_steps())
    no step improves the validation CCC
    """
    return PostProcessing(
        names=TASKS[task][0],
        windows=1,
        within="sequence",
        smoothing=1,
        few=None,
        by=by,
        statistic=None if by is None else statistic,
        length=length,
        validation={},
        versions={m.__name__: m.__version__ for m in (kollias_affect, np, pd)},
    )


def by_key(predictions, clips):
    """Returns the predictions of clips as a dict in the order of the clips; see `paired`."""
    keys = [clip.key for clip in clips]
    return dict(zip(keys, paired(clips, predictions), strict=True))


def _statistics(by):
    return (None,) if by is None else ("median", "mean")


def _validation(validation, dims):
    """Returns a dict from step to a tuple of CCC."""
    checked = {}
    for step, values in dict(validation).items():
        _checks.one_of("step", step, _STEPS)
        values = per_dimension(step, values, dims)
        if not all(isinstance(v, numbers.Real) and abs(v) <= 1 for v in values):  # false for NaN
            raise ValueError(
                f"CCC must be numbers in [-1, 1]. Received for {step}: {values}. Search again."
            )
        checked[step] = tuple(float(value) for value in values)
    return checked


def _versions(versions):
    if not all(isinstance(text, str) for pair in dict(versions).items() for text in pair):
        raise ValueError(
            f"Versions must be texts by names of libraries. Received: {versions!r}. Search again."
        )
    return dict(versions)


def _fields(cls, content):
    """Returns `content` if it is a dict with exactly the attributes of a class, else raises."""
    names = {field.name for field in dataclasses.fields(cls)}
    keys = set(content) if isinstance(content, dict) else set()
    if keys != names:
        raise ValueError(f"missing {sorted(names - keys)}, unknown {sorted(keys - names)}")
    return content
