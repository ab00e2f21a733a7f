import cv2
import keras
import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, models
from kollias_affect.clip import Clip
from kollias_affect.transfer import stage_report


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Returns a function that makes clips of one picture; the grey level gives the class."""

    def make(name, count=14, size=16, classes=range(7)):
        folder = tmp_path_factory.mktemp(name)
        random = np.random.default_rng(len(name))
        clips = []
        for i in range(count):
            label = list(classes)[i % len(classes)]
            image = np.clip(random.normal(30 + 30 * label, 5, (size, size, 3)), 0, 255)
            path = folder / f"{EXPRESSIONS[label]}-{i}.png"
            cv2.imwrite(str(path), image.astype(np.uint8))
            clips.append(Clip(f"{name}{i}", [str(path)], expression=[label]))
        return clips

    return make


@pytest.fixture
def quick(monkeypatch, eager_functions, plain_tensorboard):
    """Draws no pictures and runs `tf.function`s eagerly."""
    monkeypatch.setattr(stage_report.plots, "save", lambda figure, path: None)


@pytest.fixture(scope="session")
def tiny():
    """Returns `build_tiny`."""
    return build_tiny


def build_tiny(task="expression", length=None, size=16):
    """Builds a small CNN of single frames, with a nested backbone and dropout."""
    keras.utils.set_random_seed(0)
    images = keras.Input((size, size, 3), name="images")
    x = keras.layers.Conv2D(4, 3, strides=4, activation="relu", name="conv1")(images)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv2")(x)
    backbone = keras.Model(images, keras.layers.MaxPooling2D(name="pool")(x), name="backbone")
    return models.cnn(
        backbone, task, landmarks=False, hidden_units=(8,), dropout=0.1, length=length
    )
