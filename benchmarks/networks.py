"""Networks and inputs of the benchmarks: AffWildNet, and windows of 80 frames of 96 x 96."""

import contextlib

import keras
import numpy as np

from kollias_affect import backbones, models

LENGTH, SIZE, HIDDEN = 80, 96, 4096


def window(batch=1):
    """Returns random images and labels."""
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (batch, LENGTH, SIZE, SIZE, 3)).astype(np.float32)
    return images, random.uniform(-1, 1, (batch, LENGTH, 2)).astype(np.float32)


@contextlib.contextmanager
def precision(policy):
    """Sets the dtype policy of the layers that are made inside the context."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def affwildnet(policy, **options):
    """Returns the authors' network without landmarks: VGG-Face, 4096 units, two GRUs of 128."""
    with precision(policy):
        return models.affwildnet(
            hidden_units=HIDDEN,
            landmarks=False,
            length=LENGTH,
            reset_after=False,
            initializer=None,
            **options,
        )


def convolutions(policy):
    """Returns the convolutions and poolings of that network."""
    with precision(policy):
        return backbones.vgg_face((SIZE, SIZE, 3))
