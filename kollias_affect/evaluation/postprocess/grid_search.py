"""Search of the post-processing that raises the validation CCC."""

import dataclasses

import numpy as np

from kollias_affect import _checks
from kollias_affect.evaluation.aggregation import aggregate
from kollias_affect.evaluation.measures import ccc
from kollias_affect.evaluation.postprocess._settings import (
    WITHIN,
    filtered_parts,
    frame_limits,
    odd_windows,
)
from kollias_affect.evaluation.postprocess.steps import AFFECT_TASKS, by_key, no_steps
from kollias_affect.evaluation.scored_rows import LABEL_PREFIX, scored_rows
from kollias_affect.evaluation.sequences import LENGTH
from kollias_affect.tasks import TASKS, known

# Windows of the median filter, in frames.
WINDOWS = (1, 3, 5, 11, 21, 41, 81, 161)
# Pairs (window, few) of the smoothing. `few` is about one second of video, a training sequence, or
# unlimited.
SMOOTHING = tuple((window, few) for window in (3, 5, 9) for few in (25, 80, None))


def search(
    predictions,
    clips,
    windows=WINDOWS,
    smoothing=None,
    by=None,
    statistic="median",
    length=LENGTH,
    task="valence_arousal",
    within=WITHIN,
):
    """Searches the steps that raise the CCC of a validation set, with their best windows.

    First the windows of `median_filter` are tried, within sequences and over whole clips; then, for
    utterances, those of `smooth` on the filtered predictions. Each dimension is searched
    separately. A step is used only if the CCC is strictly higher with it; of equally good settings,
    the first is used. Hence the validation CCC never decreases. Test clips take no part: pass them
    to `PostProcessing.apply`.

    Args:
        predictions: Predictions of every frame of the validation set; see `paired`.
        clips: List of `Clip` of the validation set, with labels.
        windows: Odd numbers of frames to try.
        smoothing: Pairs `(window, few)` of `smooth` to try, for utterances only. Default:
            `SMOOTHING`.
        by: `None` for the CCC over all valid frames, or `"utterance"` for the CCC over utterances
            with a valid frame, with labels and predictions of `aggregate`.
        statistic: Argument of `aggregate`, `"median"` or `"mean"`; for utterances only.
        length: Frames of a sequence, for `median_filter` and `aggregate`.
        task: `"valence_arousal"`, `"valence"` or `"arousal"`.
        within: What the median filter is tried on, in this order: `"sequence"` (paper B),
            `"clip"`, or both.

    Returns:
        `PostProcessing`.

    Raises:
        ValueError: If an argument is unknown, a window is even, there are no labels, a valid frame
            has no finite prediction, and as `paired` does.

    Example:

    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> labels = np.tile(np.linspace(-0.9, 0.9, 60)[:, None], 2)
    >>> clip = Clip("a", ["1.png"] * 60, valence_arousal=labels)
    >>> noise = np.where(np.arange(60) % 2, 0.3, -0.3)
    >>> steps = search({"a": labels + np.stack([noise, 0 * noise], axis=1)}, [clip], windows=(1, 5))
    >>> print(steps)
    median filter of 5 within sequences of 80 frames for valence improves the validation CCC

    References: Paper B, section 6.3.
    """
    names, _ = TASKS[_checks.one_of("task", task, AFFECT_TASKS)]
    filters, smoothers = _candidates(windows, within, smoothing, by, len(names))
    predictions = by_key(predictions, clips)
    steps = no_steps(task, by, statistic, length)
    score = _score_function(steps, predictions, clips, task)

    def measure(candidate):
        return score(candidate.apply(predictions, clips))

    ccc_after = {"none": measure(steps)}
    steps, ccc_after["median_filter"] = _best(steps, ccc_after["none"], filters, measure)
    if by is not None:
        filtered = ccc_after["median_filter"]
        steps, ccc_after["smooth"] = _best(steps, filtered, smoothers, measure)
    return dataclasses.replace(steps, validation=ccc_after)


def _candidates(windows, within, smoothing, by, dims):
    """Returns values of `PostProcessing` to try: for the median filter, and for the smoothing."""
    if by is None and smoothing is not None:
        raise ValueError(
            f"Only utterances are smoothed. Received: smoothing={smoothing!r} with by=None. Leave "
            "it out, or pass by='utterance'."
        )
    windows = np.atleast_1d(windows).tolist()
    filters = [
        {"windows": odd_windows("windows", window, dims), "within": filtered_parts(part, dims)}
        for part in np.atleast_1d(within).tolist()
        for window in windows
    ]
    smoothers = [
        {"smoothing": odd_windows("smoothing", window, dims), "few": frame_limits(few, dims)}
        for window, few in (SMOOTHING if smoothing is None else smoothing)
    ]
    return filters, smoothers


def _score_function(steps, predictions, clips, task):
    """Returns a function from the result of `steps.apply` to the CCC of each dimension."""
    labels = scored_rows(clips, predictions, task).labels
    if steps.by is None:
        counted = {clip.key: known(clip, task) for clip in clips}
        return lambda outputs: ccc(
            labels, np.concatenate([outputs[key][frames] for key, frames in counted.items()])
        )
    table = aggregate(predictions, clips, steps.by, steps.statistic, length=steps.length, task=task)
    table = table[table["frames"] > 0]
    labels = table[[LABEL_PREFIX + name for name in steps.names]].to_numpy()
    return lambda outputs: ccc(labels, outputs.loc[table.index, list(steps.names)].to_numpy())


def _best(steps, baseline, candidates, measure):
    """Returns `steps` with the best candidate of each dimension, and its CCC.

    A dimension without a candidate above `baseline` stays unchanged.
    """
    best = baseline
    for candidate in candidates:
        values = measure(dataclasses.replace(steps, **candidate))
        better = values > best
        best = np.where(better, values, best)
        changed = {
            name: [
                new if use else old
                for new, old, use in zip(settings, getattr(steps, name), better, strict=True)
            ]
            for name, settings in candidate.items()
        }
        steps = dataclasses.replace(steps, **changed)
    return steps, best
