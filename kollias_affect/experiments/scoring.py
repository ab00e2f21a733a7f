"""From a trained network to the numbers of a cell."""

import dataclasses

import numpy as np

from kollias_affect import evaluation, tasks
from kollias_affect.evaluation import postprocess
from kollias_affect.experiments.declaration import (
    Empty,
    Fusion,
    Repeated,
    Separate,
    Training,
)
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
        statistic: How the frames of a sequence become one value for utterances, `"median"` or
            `"mean"`.
    """

    network: Training | Fusion | Separate | Repeated
    processed: bool = False
    region: str | None = None
    needs_landmarks: bool = False
    statistic: str = "median"


def dimensional(laboratory, setting):
    """Computes all measures of valence and arousal: `"CCC valence"`, `"MSE arousal"` and so on.

    If all frames of each clip have one label, as in OMG-Emotion, utterances are scored (the mean
    over sequences of 80 frames of their medians, paper B §5), otherwise frames. Measures with
    `(sequences)` score the means of sequences, as the authors' code does.

    Args:
        laboratory: `Laboratory`.
        setting: `Scored`.

    Returns:
        Dict from measure to number; `"p valence"` and `"p arousal"` are the p-values of Pearson's
        correlation.

    Raises:
        Empty: If a role is missing that the cell needs, or no member of a fusion has a positive
            CCC.
    """
    clips, predictions, steps = _with_steps(laboratory, setting)
    levels = evaluation.level_scores(clips, predictions, steps)
    scored = evaluation.scores(
        clips, _final(laboratory, setting, clips, predictions, steps), significance=True
    )
    rows = (*DIMENSIONS, "mean")
    return {
        **{
            f"{m} {row}": float(scored.at[row, m])
            for m in ("CCC", "Pearson", "MSE")
            for row in rows
        },
        **{f"CCC {row} (sequences)": float(levels.at["sequence", f"CCC {row}"]) for row in rows},
        **{f"p {name}": float(scored.at[name, "p-value"]) for name in DIMENSIONS},
    }


def regions(laboratory, setting):
    """Computes the mean squared errors of the frames whose label lies in `setting.region`.

    Args, Returns and Raises as `dimensional`.
    """
    clips, predictions, steps = _with_steps(laboratory, setting)
    scored = _final(laboratory, setting, clips, predictions, steps)
    table = evaluation.mse_by_region(clips, scored)
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
    known = {clip.key: tasks.known(clip, "expression") for clip in clips}
    clips = [clip for clip in clips if known[clip.key].any()]
    if not clips:
        raise Empty("no frame of the test part counts")
    labels = [np.bincount(clip.expression[known[clip.key]]).argmax() for clip in clips]
    means = [np.nanmean(predictions[clip.key][known[clip.key]], axis=0) for clip in clips]
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
    refuse_missing(laboratory, network)
    if setting.needs_landmarks and not laboratory.landmarks:
        raise Empty("not all clips have landmarks")
    return laboratory.predictions(network)


def refuse_missing(laboratory, network):
    """Raises `Empty` if a network needs a role or weights that were not given."""
    for member in network.members:
        needed = [member.labels, *([member.before] if member.needs_before else [])]
        missing = [role for role in needed if not laboratory.has(role)]
        if missing:
            raise Empty(f"{', '.join(missing)} was not given")
        if member.needs_weights and not laboratory.trainings.has_weights(member.network):
            raise Empty(f"published weights of {member.network.backbone} were not given")


def _with_steps(laboratory, setting):
    """Clips and predictions of the test part, and the `PostProcessing` that is scored."""
    predictions_of = _predictions(laboratory, setting)
    clips, predictions = predictions_of[TEST]
    options = {"by": "utterance" if are_utterances(clips) else None}
    options["statistic"] = setting.statistic
    if not setting.processed:
        return clips, predictions, postprocess.no_steps(**options)
    validation_clips, validation_predictions = predictions_of[VALIDATION]
    return (
        clips,
        predictions,
        postprocess.search(validation_predictions, validation_clips, **options),
    )


def _final(laboratory, setting, clips, predictions, steps):
    """The outputs that are scored: of frames, or a table of utterances with their labels."""
    if steps.by is None:
        return steps.apply(predictions, clips)
    network = setting.network
    if isinstance(network, Fusion) and network.mode == "decision":
        table = _decided(laboratory, setting)
    else:
        table = steps.apply(predictions, clips)
    return evaluation.join_labels(table, predictions, clips, statistic=steps.statistic)


def _decided(laboratory, setting):
    """Weighted mean of the final estimates of each network for the utterances (paper B, eq. 1)."""
    tables, weights = [], []
    for member in setting.network.members:
        alone = dataclasses.replace(setting, network=member)
        clips, predictions, steps = _with_steps(laboratory, alone)
        tables.append(steps.apply(predictions, clips))
        clips, predictions = laboratory.predictions(member)[VALIDATION]
        estimates = evaluation.join_labels(
            steps.apply(predictions, clips), predictions, clips, statistic=steps.statistic
        )
        weights.append(evaluation.scores(clips, estimates).loc[list(DIMENSIONS), "CCC"].to_list())
    return evaluation.decision_fusion(tables, weights)
