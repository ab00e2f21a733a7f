"""Tiny networks and clips for paper A."""

import keras
import numpy as np
import pytest

from kollias_affect import models, windows

SIZE, LENGTH, UNITS = 32, 2, 6


@pytest.fixture(scope="module", autouse=True)
def eager(eager_functions):
    """Runs all tests of the room eagerly."""


@pytest.fixture(scope="session")
def dense():
    """Returns a function that builds a network of single frames: dropout and two outputs."""

    def build(seed=0):
        keras.utils.set_random_seed(seed)
        images = keras.Input((LENGTH, SIZE, SIZE, 3), name="images")
        x = keras.layers.AveragePooling3D((1, 16, 16))(images)
        x = keras.layers.Reshape((LENGTH, 12))(x)
        x = keras.layers.Dense(UNITS, "tanh")(x)
        x = keras.layers.Dropout(0.2)(x)
        hidden = keras.layers.Identity(name="representation")(x)
        outputs = keras.layers.Dense(7, name="expression")(hidden)
        return keras.Model({"images": images}, {"expression": outputs, "representation": hidden})

    return build


@pytest.fixture
def tiny():
    """Returns a function that builds a CNN-RNN with a representation of six units."""

    def build(seed=0, **options):
        keras.utils.set_random_seed(seed)
        image = keras.Input((SIZE, SIZE, 3))
        x = keras.layers.Conv2D(4, 5, 4, activation="relu")(image)
        x = keras.layers.MaxPooling2D(7, name="pool")(x)
        backbone = keras.Model(image, x, name="backbone")
        defaults = {
            "landmarks": False,
            "length": LENGTH,
            "rnn_layers": 1,
            "rnn_units": UNITS,
            "hidden_units": 8,
            "output_activation": "linear",
            "representation": True,
            "name": "tiny",
        }
        return models.cnn_rnn(backbone, "expression", **{**defaults, **options})

    return build


@pytest.fixture
def seven_clips(make_clip):
    """Returns a function that makes one clip for each expression, each with its own grey level."""

    def make(key, frames=4, shift=0, **fields):
        return [
            make_clip(
                f"{key}{i}", frames, 35 * i + shift, size=SIZE, expression=[i] * frames, **fields
            )
            for i in range(7)
        ]

    return make


@pytest.fixture(scope="session")
def data():
    """Returns a function that makes batches of windows with expressions from clips."""

    def batches(clips, **options):
        defaults = {"length": LENGTH, "size": SIZE, "landmarks": False, "batch_size": 7}
        return windows.dataset(clips, task="expression", **{**defaults, **options})

    return batches


@pytest.fixture
def blobs():
    """Returns a function that draws samples around one centre for each class."""

    def draw(classes=7, count=20, units=5, spread=0.05, seed=0):
        random = np.random.default_rng(seed)
        centres = random.normal(size=(classes, units))
        labels = np.repeat(np.arange(classes), count)
        return centres[labels] + spread * random.normal(size=(len(labels), units)), labels, centres

    return draw
