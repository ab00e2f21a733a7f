"""Several tasks with half of their labels, against one network a task with all labels.

Drawn faces have valence and arousal, an expression and action units, all of which follow from two
hidden numbers. Three networks learn one task each, from all labels. One network learns the three
tasks from the same faces, of which each clip lacks each kind of labels with probability 1/2. It has
twice as many epochs, so that each task sees as many labels. All are scored on other people with all
labels, by the CCC, the macro F1 and the mean F1.

    python benchmarks/missing_labels.py [--clips 120] [--epochs 30] [--seeds 3]
"""

import argparse
import tempfile
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from kollias_affect import evaluation, models, training, windows
from kollias_affect.clip import Clip
from kollias_affect.evaluation.cost_sensitive import EXPRESSION_COORDINATES
from kollias_affect.tasks import EXPRESSIONS
from kollias_affect.training.choice import monitor_of

SIZE, FRAMES = 24, 16
TASKS = ("valence_arousal", "expression", "action_units")
MAIN = {"valence_arousal": ("mean", "CCC"), "expression": ("all", "F1")}


def draw(valence, arousal, random):
    """Draws a face: the mouth bends with valence, eyes and mouth open with arousal."""
    picture = random.normal(120, 25, (SIZE, SIZE, 3))
    x = np.arange(6, 18)
    bend = -valence * ((x - 11.5) / 5.5) ** 2 * 3 + 17 + valence
    for column, row in zip(x, bend, strict=True):
        opening = 1 + round(1.5 * (arousal + 1))
        picture[round(row) : round(row) + opening, column] -= 90
    for left in (5, 14):
        height = 1 + round(1.5 * (arousal + 1))
        picture[8 - height : 8 + height, left : left + 4] += 80
    return np.clip(picture, 0, 255).astype(np.uint8)


def units_of(valence, arousal):
    """Returns twelve action units, each present on one side of a line in the plane."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return (valence * np.cos(angles) + arousal * np.sin(angles) > 0.25).astype(float)


def make_clips(folder, count, random):
    """Makes clips of one person each, with all labels; the hidden numbers change slowly."""
    places = np.array([EXPRESSION_COORDINATES[name] for name in EXPRESSIONS])
    clips = []
    for number in range(count):
        walk = np.cumsum(random.normal(0, 0.12, (FRAMES, 2)), axis=0)
        affect = np.clip(random.uniform(-0.9, 0.9, 2) + walk, -1, 1)
        paths = []
        for frame, pair in enumerate(affect):
            paths.append(str(folder / f"{number}-{frame}.png"))
            cv2.imwrite(paths[-1], draw(*pair, random))
        nearest = np.linalg.norm(affect[:, None] - places, axis=-1).argmin(axis=1)
        labels = {
            "valence_arousal": affect,
            "expression": nearest,
            "action_units": np.stack([units_of(*pair) for pair in affect]),
        }
        name = f"{folder.name}{number}"
        clips.append(Clip(name, paths, **labels, subject=f"person {name}"))
    return clips


def without_half(clips, random):
    """Returns the clips without about half of the labels of each task, none without any."""
    thinned = []
    for clip in clips:
        lacking = random.uniform(size=3) < 0.5
        if lacking.all():
            lacking[random.integers(3)] = False
        removed = {task: None for task, gone in zip(TASKS, lacking, strict=True) if gone}
        thinned.append(clip.labelled(**removed))
    return thinned


def network(task, seed):
    """Builds a small CNN of single frames."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((SIZE, SIZE, 3), name="images")
    x = keras.layers.Conv2D(16, 3, activation="relu")(images)
    x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Conv2D(32, 3, activation="relu")(x)
    backbone = keras.Model(images, keras.layers.MaxPooling2D(name="pool")(x), name="small")
    return models.cnn(backbone, task, landmarks=False, hidden_units=64, dropout=0.2)


def score(model, clips):
    """Returns the main score of each task of a model."""
    predictions = evaluation.predict(model, clips)
    names = tuple(models.tasks_of(models.describe(model)))
    predictions = predictions if len(names) > 1 else {names[0]: predictions}
    result = {}
    for name in names:
        row, column = MAIN.get(name, ("mean", "F1"))
        result[name] = evaluation.scores(clips, predictions[name], name).at[row, column]
    return result


def batches(clips, task, training_seed=None):
    """Returns batches of single frames; those of a training are shuffled, its tasks balanced."""
    options = {"landmarks": False, "size": SIZE, "batch_size": 64, "cache": True, "task": task}
    if training_seed is not None:
        several = not isinstance(task, str)
        options |= {"shuffle": True, "seed": training_seed, "balance_tasks": several}
    data = windows.dataset(clips, length=1, **options)
    return data.map(lambda *batch: tf.nest.map_structure(lambda values: values[:, 0], batch))


def fit(task, clips, validation, path, epochs, seed):
    """Trains a network, as `training.train` does without its pictures; returns the best epoch."""
    model = network(task, seed)
    options = {} if isinstance(task, str) else {"loss_weights": "uncertainty"}
    form = training.training_form(model, options)
    training.compile_model(form, 1e-3, task, **options)
    callbacks = [training.BestModel(path, monitor_of(task), model)]
    if options:
        callbacks.insert(0, training.CombinedScore(task))
    form.fit(
        batches(clips, task, seed),
        validation_data=batches(validation, task),
        epochs=epochs,
        callbacks=callbacks,
        shuffle=False,  # of batches; the windows are shuffled already
        verbose=0,
    )
    return models.load(path)[0]


def run(folder, clips, epochs, seed):
    """Returns the scores of the separate networks and of the common one."""
    random = np.random.default_rng(seed)
    parts = {}
    for name, count in (("train", clips), ("validation", clips // 4), ("test", clips // 2)):
        (folder / name).mkdir(parents=True)
        parts[name] = make_clips(folder / name, count, random)
    train, validation, test = parts.values()
    separate = {}
    for task in TASKS:
        model = fit(task, train, validation, folder / f"{task}.keras", epochs, seed)
        separate |= score(model, test)
    thinned = without_half(train, random)
    model = fit(TASKS, thinned, validation, folder / "all.keras", 2 * epochs, seed)
    return separate, score(model, test)


def main():
    """Prints the scores and their differences, means over seeds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            found = run(Path(folder) / str(seed), options.clips, options.epochs, seed)
            for task in TASKS:
                one, several = found[0][task], found[1][task]
                rows.append({"task": task, "all labels, one task": one})
                rows[-1] |= {"half of the labels, three tasks": several, "lost": one - several}
                print(f"seed {seed}, {task}: {one:.4f}, {several:.4f}", flush=True)
    table = pd.DataFrame(rows).groupby("task", sort=False)
    print(table.mean().join(table["lost"].std(ddof=1).rename("sd of lost")).round(4).to_string())
    print(f"mean loss {np.mean([row['lost'] for row in rows]):.4f}")


if __name__ == "__main__":
    main()
