"""Compares initial weights of the fully connected layers in a short training at full width.

    python benchmarks/initializers.py [--epochs 15] [--subjects 8] [--frames 160] [--batch 4]
        [--seeds 1] [--raw] [--folder FOLDER]

The network is AffWildNet: a frozen VGG-Face with random weights, the landmarks, 4096 units and two
GRUs of 128, with paper C's dropout, CCC loss and Adam with 1e-3. It trains on windows of 80 frames
of synthetic clips, one every 40 frames; a quarter of the subjects are for validation. The features
of VGG-Face are computed once and are the same for all initial weights; so are the GRUs' initial
weights, the order of the windows and the dropout. Random convolutions give features that are small
and nearly the same for all frames, so that each of them is standardised over the training frames;
--raw leaves them as they are.

A table shows, for each of the initial weights, the share of the pre-activations of the first GRU's
gates beyond 4 in absolute value before the training (input and bias, over the validation frames;
a sigmoid is flat there), and the CCC on training clips (during the epoch, with dropout) and
validation clips after each epoch. The clips and features are kept if --folder is given.
"""

import argparse
import contextlib
import tempfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from kollias_affect import datasets, features, initializers, models, presets, training, windows
from kollias_affect.evaluation import tables

SETTINGS = presets.preset("C")
SIZE = 96


def network(name, seed):
    """Returns the CNN and the head of AffWildNet; all but the dense layers follow the seed."""
    keras.utils.set_random_seed(seed)
    model = models.affwildnet(settings=SETTINGS.name, initializer=name, seed=seed, frozen=True)
    cnn, head = features.split(model)
    # Drawing the dense layers has moved Keras' seeds by other numbers for other initializers.
    keras.utils.set_random_seed(seed)
    for layer in head.layers:
        if isinstance(layer, keras.layers.GRU):
            fresh = keras.layers.GRU.from_config({**layer.get_config(), "name": None})
            fresh.build((None, None, layer.cell.kernel.shape[0]))
            layer.set_weights(fresh.get_weights())
    return cnn, head


def saturated(head, data):
    """Returns the share of the first GRU's pre-activations beyond 4 in absolute value."""
    fc1, cell = head.get_layer("fc1"), head.get_layer("rnn1").cell
    kernel, bias = np.asarray(cell.kernel), np.asarray(cell.bias).sum(axis=0)
    shares = []
    for inputs, *_ in data:
        joined = np.concatenate([inputs["features"], inputs["landmarks"]], axis=-1)
        shares.append((np.abs(np.asarray(fc1(joined)) @ kernel + bias) > 4).mean())
    return float(np.mean(shares))


def train(head, data, validation, epochs, seed):
    """Trains a head, and returns the CCC of each epoch in training and validation."""
    keras.utils.set_random_seed(seed)
    model = models.fast(head)
    training.compile_model(model, SETTINGS.learning_rate(frozen=True), loss=SETTINGS.loss)
    history = model.fit(
        data, validation_data=validation, epochs=epochs, verbose=0, shuffle=False
    ).history
    return history["ccc"], history["val_ccc"]


def standardised(parts):
    """Returns features with mean 0 and standard deviation 1 over the frames of the first part."""
    frames = np.concatenate(parts[0])
    mean, deviation = frames.mean(axis=0), frames.std(axis=0)
    deviation[deviation == 0] = 1  # a unit that is never active
    return [[(clip - mean) / deviation for clip in part] for part in parts]


def measure(name, seed, parts, folder, arguments):
    """Returns the rows of one initializer: one per epoch."""
    cnn, head = network(name, seed)
    values = [features.of_clips(cnn, clips, folder, SIZE, False) for clips in parts.values()]
    values = values if arguments.raw else standardised(values)
    data, validation = (
        windows.dataset(
            clips, SETTINGS.length, SETTINGS.length // 2 if part == "train" else None,
            arguments.batch, shuffle=part == "train", seed=seed, features=x,
        )
        for (part, clips), x in zip(parts.items(), values, strict=True)
    )  # fmt: skip
    rows = [(name, seed, 0, saturated(head, validation), np.nan, np.nan)]
    curves = train(head, data, validation, arguments.epochs, seed)
    for epoch, scores in enumerate(zip(*curves, strict=True), start=1):
        rows.append((name, seed, epoch, np.nan, *scores))
    return rows


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--frames", type=int, default=160, help="of each of two clips per subject")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4, help="windows per batch")
    parser.add_argument("--raw", action="store_true", help="features as they are")
    parser.add_argument("--folder", type=Path, help="where clips and features are kept")
    arguments = parser.parse_args()
    keep = contextlib.nullcontext(arguments.folder)
    with keep if arguments.folder else tempfile.TemporaryDirectory() as folder:
        folder, options = Path(folder), {"subjects": arguments.subjects}
        options["frames"] = arguments.frames
        parts = {
            part: datasets.load("synthetic", folder / "clips", part, **options)
            for part in ("train", "validation")
        }
        counts = ", ".join(f"{sum(map(len, clips))} frames" for clips in parts.values())
        print(f"training and validation: {counts}", flush=True)
        rows = []
        for seed in range(arguments.seeds):
            for name in initializers.INITIALIZERS:
                rows += measure(name, seed, parts, folder / "features", arguments)
                print(f"seed {seed}, {name}: {rows[-1][-1]:.3f} at the end", flush=True)
    columns = ["initializer", "seed", "epoch", "beyond 4", "training CCC", "validation CCC"]
    print(report(pd.DataFrame(rows, columns=columns)))


def report(rows):
    """Returns a table in Markdown: a line for each initializer, with the means over the seeds."""
    lines = []
    for name, group in rows.groupby("initializer", sort=False):
        means = group.drop(columns="initializer").groupby("epoch").mean()
        line = {"initial weights": f"`{name}`", "beyond 4": f"{means['beyond 4'][0]:.1%}"}
        for part in ("training", "validation"):
            for epoch in means.index[1:]:
                if epoch in (1, 2, 3, 5) or epoch % 5 == 0 or epoch == means.index[-1]:
                    column = f"{part} CCC, epoch {epoch}"
                    line[column] = f"{means[f'{part} CCC'][epoch]:.3f}"
        lines.append(line)
    return tables.markdown(pd.DataFrame(lines).set_index("initial weights").T)


if __name__ == "__main__":
    main()
