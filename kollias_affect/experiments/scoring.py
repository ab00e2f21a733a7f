"""From a trained network to the numbers of a cell."""

import dataclasses

import numpy as np

from kollias_affect import evaluation
from kollias_affect.evaluation import postprocess
from kollias_affect.experiments.declaration import Empty, Fusion, Training
from kollias_affect.experiments.roles import are_utterances
from kollias_affect.experiments.trainings import TEST, VALIDATION
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

ACCURACIES = (*EXPRESSIONS, "total")


@dataclasses.dataclass(frozen=True)
class Scored:
    """Setting of a cell whose numbers are scores of a network.

    Args:
        network: `Training` or `Fusion`.
        processed: Whether the predictions are filtered and smoothed first, as the validation part
            determines.
        region: Name of a region of the plane of valence and arousal, for errors in it.
        needs_landmarks: Whether the cell stays empty if there are no landmarks, because its row
            is about them.
    """

    network: Training | Fusion
    processed: bool = False
    region: str | None = None
    needs_landmarks: bool = False


def dimensional(laboratory, setting):
    """Computes all measures of valence and arousal: `"CCC valence"`, `"MSE arousal"` and so on.

    If all frames of each clip have one label, as in OMG-Emotion, utterances are scored (the mean
    over sequences of 80 frames of their medians, paper B §5), otherwise frames.

    Args:
        laboratory: `Laboratory`.
        setting: `Scored`.

    Returns:
        Dict from measure to number.

    Raises:
        Empty: If a role is missing that the cell needs, or no member of a fusion has a positive
            CCC.
    """
    clips, predictions = _test_predictions(laboratory, setting)
    scores = evaluation.scores(clips, predictions)
    return {
        f"{measure} {name}": float(scores.loc[name, measure])
        for measure in ("CCC", "Pearson", "MSE")
        for name in (*DIMENSIONS, "mean")
    }


def regions(laboratory, setting):
    """Computes the mean squared errors of the frames whose label lies in `setting.region`.

    Args, Returns and Raises as `dimensional`.
    """
    table = evaluation.mse_by_region(*_test_predictions(laboratory, setting))
    row = table.loc[setting.region]
    return {
        **{f"MSE {name}": float(row[f"MSE {name}"]) for name in DIMENSIONS},
        "frames or utterances": int(row.iloc[-1]),
    }


def expressions(laboratory, setting):
    """Computes the accuracy on the videos of each expression, and on all videos.

    The probabilities of a video's frames are averaged (paper C §5.2: "video classification based
    on frame aggregation").

    Args:
        laboratory: `Laboratory`.
        setting: `Scored`.

    Returns:
        Dict from expression to its accuracy, `None` for one that does not occur; and `"total"`.

    Raises:
        Empty: If a role is missing, or no frame of the test part counts.
    """
    clips, predictions = _predictions(laboratory, setting)[TEST]
    clips = [clip for clip in clips if clip.valid.any()]
    if not clips:
        raise Empty("no frame of the test part counts")
    labels = [np.bincount(clip.expression[clip.valid]).argmax() for clip in clips]
    means = [np.nanmean(predictions[clip.key][clip.valid], axis=0) for clip in clips]
    return accuracies(np.array(labels), np.argmax(means, axis=1))


def accuracies(labels, predicted):
    """Computes the accuracy of each expression, and of all decisions.

    Args:
        labels, predicted: Indices of expressions, integers `[decisions]`.

    Returns:
        Dict with the keys `ACCURACIES`, `None` for an expression that is no label.
    """
    hits = {name: (predicted == labels)[labels == i] for i, name in enumerate(EXPRESSIONS)}
    hits["total"] = predicted == labels
    return {name: float(values.mean()) if len(values) else None for name, values in hits.items()}


def _predictions(laboratory, setting):
    """Dict from part to clips and their predictions per frame."""
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
    """Clips, and predictions per frame or a table of utterances."""
    predictions_of = _predictions(laboratory, setting)
    clips, predictions = predictions_of[TEST]
    by = "utterance" if are_utterances(clips) else None
    steps = postprocess.no_steps(by=by)
    if setting.processed:
        validation_clips, validation_predictions = predictions_of[VALIDATION]
        steps = postprocess.search(validation_predictions, validation_clips, by=by)
    processed = steps.apply(predictions, clips)
    if by is None:
        return clips, processed
    return clips, evaluation.join_labels(processed, predictions, clips)
