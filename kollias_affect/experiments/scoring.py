"""From a trained network to the numbers of a cell."""

import dataclasses

import numpy as np

from kollias_affect import evaluation
from kollias_affect.evaluation import postprocess
from kollias_affect.experiments.data import of_utterances
from kollias_affect.experiments.declaration import Empty, Fusion, Training
from kollias_affect.experiments.laboratory import TEST, VALIDATION
from kollias_affect.tasks import EXPRESSIONS

DIMENSIONS = ("valence", "arousal")


@dataclasses.dataclass(frozen=True)
class Scored:
    """What the numbers of a cell are of.

    Args:
        network: `Training` or `Fusion`.
        processed: filter and smooth the predictions first, as the validation part says.
        region: name of a region of the V-A plane, for errors in it.
        needs_landmarks: leave the cell empty if there are none, since the row is about them.
    """

    network: Training | Fusion
    processed: bool = False
    region: str | None = None
    needs_landmarks: bool = False


def dimensional(laboratory, setting):
    """Every measure of valence and arousal: `"CCC valence"`, `"MSE arousal"`, `"CCC mean"` …

    Predictions are scored per utterance where all frames of each clip have one label, as in
    OMG-Emotion (the mean over sequences of 80 frames of their medians, paper B §5), else per
    frame.

    Args:
        laboratory: `Laboratory`.
        setting: `Scored`.

    Returns:
        dict from measure to number.

    Raises:
        Empty: if a role is missing that the cell needs, or no member of a fusion is any good.
    """
    clips, predictions = _test_predictions(laboratory, setting)
    scores = evaluation.scores(clips, predictions)
    return {
        f"{measure} {name}": float(scores.loc[name, measure])
        for measure in ("CCC", "Pearson", "MSE")
        for name in (*DIMENSIONS, "mean")
    }


def regions(laboratory, setting):
    """Mean squared errors of the frames whose label lies in a region, see `Scored.region`."""
    table = evaluation.mse_by_region(*_test_predictions(laboratory, setting))
    row = table.loc[setting.region]
    return {
        **{f"MSE {name}": float(row[f"MSE {name}"]) for name in DIMENSIONS},
        "frames or utterances": int(row.iloc[-1]),
    }


def expressions(laboratory, setting):
    """Share of the videos of each expression that are told rightly, and of all of them.

    The probabilities of a video's frames are averaged (paper C §5.2: "video classification based
    on frame aggregation").
    """
    clips, predictions = _frames(laboratory, setting)[TEST]
    right = {name: [] for name in EXPRESSIONS}
    for clip in (clip for clip in clips if clip.valid.any()):
        label = np.bincount(clip.expression[clip.valid], minlength=len(EXPRESSIONS)).argmax()
        chosen = np.nanmean(predictions[clip.key][clip.valid], axis=0).argmax()
        right[EXPRESSIONS[label]].append(bool(chosen == label))
    every = [hit for hits in right.values() for hit in hits]
    if not every:
        raise Empty("no frame of the test part counts")
    shares = {name: float(np.mean(hits)) if hits else None for name, hits in right.items()}
    return {**shares, "total": float(np.mean(every))}


def _frames(laboratory, setting):
    """Clips and predictions per frame, by part."""
    network = setting.network
    members = network.members if isinstance(network, Fusion) else (network,)
    for member in members:
        needed = [member.labels, *([member.before] if member.needs_before else [])]
        missing = [role for role in needed if not laboratory.has(role)]
        if missing:
            raise Empty(f"{', '.join(missing)} was not given")
    if setting.needs_landmarks and not laboratory.landmarks:
        raise Empty("not all clips have landmarks")
    return laboratory.predictions(network)


def _test_predictions(laboratory, setting):
    """Clips and what is scored of them: predictions per frame, or a table of utterances."""
    found = _frames(laboratory, setting)
    clips, predictions = found[TEST]
    by = "utterance" if of_utterances(clips) else None
    steps = postprocess.no_steps(by=by)
    if setting.processed:
        steps = postprocess.search(found[VALIDATION][1], found[VALIDATION][0], by=by)
    processed = steps.apply(predictions, clips)
    if by is None:
        return clips, processed
    return clips, evaluation.join_labels(processed, predictions, clips)
