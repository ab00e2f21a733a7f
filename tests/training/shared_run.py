"""A small training on some devices, as a process of its own: `shared_run.py FOLDER RUNS`.

RUNS is JSON: a list of `[name, strategy, epochs]`, maybe with a dict of more options. The clips
are made of numbers, so that every process has the same ones; images are written once.
"""

import json
import os
import sys
from pathlib import Path

import tensorflow as tf

if __name__ == "__main__" and sys.argv[3:] == ["two"]:
    # Logical devices must be made before TensorFlow starts.
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

import cv2
import keras
import numpy as np

from kollias_affect import training
from kollias_affect.clip import Clip
from kollias_affect.training import output

# Pictures and graphs take longer than these trainings.
output.tensorboard = lambda folder, *_: keras.callbacks.TensorBoard(folder, write_graph=False)


def clips(folder):
    """A clip that trains, in batches of 4 and a last one of 1 window, and one that validates."""
    random, made = np.random.default_rng(0), []
    for name, frames in (("a", int(os.environ.get("FRAMES", "18"))), ("b", 7)):
        paths = [str(folder / f"{name}{frame}.png") for frame in range(frames)]
        for path in paths:
            image = random.integers(0, 255, (32, 32, 3), np.uint8)
            if not Path(path).exists():
                cv2.imwrite(path, image)
        made.append(
            Clip(
                name,
                paths,
                valence_arousal=random.uniform(-1, 1, (frames, 2)),
                expression=random.integers(0, 7, frames),
                valid=random.random(frames) < 0.7,  # so that devices differ in weights
            )
        )
    return made


def network():
    """Two tasks and batch normalization; every frame has both labels or none."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2, 32, 32, 3), name="images")
    frames = keras.layers.Reshape((2, 32 * 32 * 3))(inputs)
    hidden = keras.layers.Dense(8, "tanh", name="fc1")(frames)
    hidden = keras.layers.BatchNormalization(name="bn")(hidden)
    outputs = {
        "expression": keras.layers.Dense(7, "softmax", name="expression")(hidden),
        "valence_arousal": keras.layers.Dense(2, name="valence_arousal")(hidden),
    }
    return keras.Model({"images": inputs}, outputs, name="shared_run")


def main(folder, runs):
    """Trains, and writes the weights; names of files end in the number of the worker."""
    worker = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index", "")
    for name, strategy, epochs, *more in runs:
        options = {"batch_size": 4, **(more[0] if more else {})}
        strategy = training.connect(strategy)
        model = network()
        training.train(
            model, *([clip] for clip in clips(folder)), folder / name, epochs, 1e-2,
            strategy=strategy, loss_weights="uncertainty", weight_decay=1e-3, verbose=0, **options,
        )  # fmt: skip
        weights = {str(number): values for number, values in enumerate(model.get_weights())}
        np.savez(folder / f"{name}{worker}.npz", **weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
