"""What is true of a run of paper A's experiment, as texts of the report and of pages."""

import numpy as np

from kollias_affect._texts import count
from kollias_affect.tasks import EXPRESSIONS

_PROTOCOLS = {
    "held-out": (
        "held-out. NetA is trained on the training part of A, NetB on that of B; the test parts, "
        "which no network is trained on, are scored"
    ),
    "paper": (
        "that of the paper. NetA is trained on all clips of A, NetB on all clips of B, and both "
        "databases are scored on THESE SAME CLIPS, as was asked for. The accuracy of NetA on A and "
        "of NetB on B is that on training data; NetA is not trained on clips of B, but its loss "
        "has centroids of them, and its step is chosen or scored on them"
    ),
}


def lines(experiment, turns=False):
    """Describes a run.

    Args:
        experiment: `Experiment`.
        turns: Whether networks then adapt to each other in turn, which choose a round of their own.

    Returns:
        List of texts, one a line, without a full stop at the end.
    """
    settings = experiment.settings
    return [
        f"Protocol: {_PROTOCOLS[settings.protocol]}",
        f"Step that is scored{' before the turns' * turns}: {_step(settings)}",
        f"Training: {count(settings.steps, 'batch', 'batches')} of "
        f"{count(settings.batch_size, 'window')} of "
        f"{count(settings.length, 'frame')} for every network, Adam with the constant learning "
        f"rate {settings.learning_rate:g}{', classes weighted equally' * settings.balanced}",
        f"Network behind the fixed CNN: {_network(experiment)}",
        f"Centroids: by {_METHODS[settings.method]}; f is {_normalization(settings)}",
        f"Decision: {_DECISIONS[settings.decision]}. For lambda 0, which trains no outputs, the "
        "scores of a frame are 1 - f(V), so that the nearest centroid decides; for the others, "
        "the outputs",
        *classes(experiment),
    ]


def ours(settings):
    """Returns what paper A does not print, as one text."""
    parts = ["the optimiser (Adam)", "the size of the batches", "the number of steps"]
    parts.append("the rule that assigns clusters to categories (one to one, most labels agree)")
    parts.append("which f its tables have")
    if settings.rnn_layers > 1:
        parts.append(f"the dropout rate after the first RNN layer (here {settings.rnn_dropout:g})")
    return f"Not printed in the paper, so ours: {', '.join(parts)}"


def spread(values):
    """Returns the sample standard deviation; NaN for one value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def _step(settings):
    if settings.chosen == "last":
        return f"the last one, {settings.steps:,}; nothing is chosen"
    return (
        "of NetB and of every NetA the best of ten checks by accuracy on B, which is scored (the "
        "paper: the architecture that provided the best accuracy on the validation data set)"
    )


def _network(experiment):
    settings = experiment.settings
    if experiment.start is not None:
        return (
            "the layers of the given trained network and a new linear output layer; every network "
            "starts from these weights"
        )
    text = (
        f"fully connected layer of {settings.hidden_units:,} units, dropout {settings.dropout:g}; "
        f"{count(settings.rnn_layers, 'layer')} {settings.rnn} of {settings.rnn_units} units"
    )
    if settings.rnn_layers > 1:
        text += f", dropout {settings.rnn_dropout:g} after the first"
    return f"{text}; linear outputs. RANDOM initial weights: {_INITIAL[settings.initializer]}"


_INITIAL = {
    "papers": (
        "truncated normal of variance 0.1 and biases of 1 for fully connected layers and outputs; "
        "the RNN has those of Keras. (The paper may mean its RNN too; a trial that started so "
        "stayed at chance)"
    ),
    "papers-rnn": "truncated normal of variance 0.1 and biases of 1 for all layers, as printed",
    "keras": "those of Keras",
}
_METHODS = {
    "kmeans": "k-means, one cluster for each class",
    "class_means": "the mean of each class",
}
_DECISIONS = {
    "mean": "one for each clip, by the mean of the scores of its frames",
    "majority": "one for each clip, that of most of its frames",
    "frames": "one for each frame",
}


def _normalization(settings):
    if settings.normalization == "linear":
        return "linear (the share of the sum)"
    scale = settings.scale
    by = "" if scale == 1 else f", of V divided by {scale}"
    return f"the softmax{by if isinstance(scale, float) else ', of V divided by their scale'}"


def classes(experiment):
    """Describes the classes of a run, and what is left out of its clips.

    Args:
        experiment: `Experiment`.

    Returns:
        List of texts without a full stop at the end.
    """
    names, clips = experiment.names, {n: p.clips for n, p in experiment.parts.items()}
    if experiment.settings.task == "valence_arousal":
        bins = experiment.settings.bins
        moved = {name: experiment.classes.moved(part) for name, part in clips.items()}
        return [
            f"Classes: {len(names)} of {bins} x {bins} = {bins**2} cells of valence and arousal, "
            "those with frames in both training parts. Frames in other cells, which count as the "
            f"nearest one: {_counts(experiment, moved)}"
        ]
    left = [name for name in EXPRESSIONS if name not in names]
    if not left:
        return [f"Classes: {', '.join(names)}"]
    return [
        f"Classes: {', '.join(names)}. Left out, as a training part lacks them: "
        f"{', '.join(left)}. Frames of these: {_counts(experiment, experiment.left_out)}"
    ]


def _counts(experiment, counts):
    names = {"train": "trained on", "test": "scored"}
    if experiment.settings.protocol == "paper":
        counts = {n: c for n, c in counts.items() if n.endswith("train")}
        names = {"train": "all clips"}
    return ", ".join(
        f"{frames:,} of {part[0].upper()} ({names[part[2:]]})" for part, frames in counts.items()
    )
