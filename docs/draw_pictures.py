"""Draws the example pictures of `pictures.md` from synthetic numbers.

Usage: python docs/draw_pictures.py [FOLDER] (default: docs/)
"""

import sys
from pathlib import Path

import numpy as np

from kollias_affect import EXPRESSIONS
from kollias_affect.clip import Clip
from kollias_affect.evaluation import plots

RATE = 25  # frames per second


def smooth(random, frames, columns, width):
    """Random curves in [-1, 1], the moving average of noise over `width` frames."""
    noise = random.normal(size=(frames + width - 1, columns))
    kernel = np.hanning(width)
    curves = np.stack([np.convolve(column, kernel, "valid") for column in noise.T], axis=1)
    return np.tanh(curves / np.sqrt((kernel**2).sum()))


def affect(frames, seed=0, width=150):
    """Times, labels and predictions of valence and arousal; some frames without a face."""
    random = np.random.default_rng(seed)
    curves = smooth(random, frames, 3, width)
    labels = 0.9 * curves[:, :2] * np.abs(curves[:, 2:]) + (0.05, 0.1)  # often near neutral
    predictions = 0.8 * labels + 0.15 * smooth(random, frames, 2, 20)
    predictions[frames // 3 : frames // 3 + frames // 20] = np.nan
    return np.arange(frames) / RATE, labels, predictions


def expressions(frames, seed=0):
    """Times, labelled classes and probabilities; some frames without a face."""
    random = np.random.default_rng(seed)
    scores = 4 * smooth(random, frames, len(EXPRESSIONS), 60)
    labels = (scores + random.normal(0, 0.5, scores.shape)).argmax(axis=1)
    labels = labels[np.arange(frames) // RATE * RATE]  # one label a second
    powers = np.exp(scores)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    probabilities[frames // 2 : frames // 2 + 12] = np.nan
    return np.arange(frames) / RATE, labels, probabilities


def counts(seed=0):
    """A confusion matrix without any sample of disgust."""
    random = np.random.default_rng(seed)
    samples = np.array([86, 77, 0, 47, 73, 73, 57])
    shares = random.dirichlet(np.full(7, 0.4), 7) * 0.5 + 0.5 * np.eye(7)
    return np.stack([random.multinomial(n, p) for n, p in zip(samples, shares, strict=True)])


def representations(frames, seed=0):
    """Vectors in one group per class, their classes, and a number that varies within groups."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 7, frames)
    centres = random.normal(0, 1, (7, 32))
    points = centres[labels] + random.normal(0, 0.55, (frames, 32))
    return points, labels, np.tanh(points[:, 0])


def afew_va(frames, seed=0):
    """Labels on 21 levels, and predictions between them."""
    random = np.random.default_rng(seed)
    labels = np.round(10 * np.clip(random.normal(0.05, 0.35, (frames, 2)), -1, 1)) / 10
    return labels, np.clip(0.6 * labels + random.normal(0, 0.15, labels.shape), -1, 1)


def utterances(seed=0):
    """Clips of three sets, each with one label in OMG-Emotion's ranges."""
    random = np.random.default_rng(seed)
    sets = {}
    for name, count in (("training", 600), ("validation", 150), ("test", 550)):
        valence = np.clip(random.normal(0.1, 0.35, count), -1, 1)
        labels = np.stack([valence, random.beta(1.6, 4, count)], axis=1)
        sets[name] = [
            Clip(f"{name}/utterance_{i}", ["face.png"], valence_arousal=[label])
            for i, label in enumerate(labels)
        ]
    return sets


def pictures():
    """Yields the name and the figure of each example."""
    times, labels, predictions = affect(1000)
    names = ("valence", "arousal")
    title = "Synthetic numbers"
    yield "traces", plots.traces_figure(times, predictions, names, labels, title)
    yield "trajectory", plots.trajectory(times, predictions, title=title)
    _, labels, predictions = affect(60_000, 1, 400)
    yield "histogram", plots.histogram(predictions, labels, title)
    labels, predictions = afew_va(20_000)
    yield "levels", plots.histogram(predictions, labels, title)
    times, labels, probabilities = expressions(500)
    yield "probabilities", plots.traces_figure(times, probabilities, EXPRESSIONS, labels, title)
    yield "confusion", plots.draw_confusion(counts(), title=title)
    sets = {"training": [980, 890, 120, 400, 1230, 760, 610], "validation": counts().sum(axis=1)}
    yield "distribution", plots.distribution(sets, title=title)
    points, labels, _ = representations(600)
    yield "embedding", plots.embedding(points, labels, title=title)


def main(folder):
    """Writes all pictures into the folder."""
    for name, figure in pictures():
        plots.save(figure, Path(folder) / f"picture_{name}.png", dpi=72)
    path = Path(folder) / "picture_utterances.png"
    plots.figures.draw("B3", path, utterances(), title="Synthetic numbers")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
