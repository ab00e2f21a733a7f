import cv2
import numpy as np
import pytest

from kollias_affect import training
from kollias_affect.experiments import Parts
from kollias_affect.experiments.declaration import Network, Training


@pytest.fixture(scope="module", autouse=True)
def without_pictures(plain_tensorboard):
    """Leaves the pictures of TensorBoard out."""


@pytest.fixture(scope="session")
def write_square():
    """Returns a function that writes a grey image of 48 x 48 pixels."""

    def write(path, level):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((48, 48), level, np.uint8))

    return write


@pytest.fixture
def fer(tmp_path, write_square):
    """FER-2013 in folders: an image of each expression in each of the three parts."""
    names = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    for i, name in enumerate(names):
        write_square(tmp_path / "fer" / "train" / name / f"Training_{i}.jpg", i)
        write_square(tmp_path / "fer" / "test" / name / f"PublicTest_{i}.jpg", i + 30)
        write_square(tmp_path / "fer" / "test" / name / f"PrivateTest_{i}.jpg", i + 60)
    return tmp_path / "fer"


@pytest.fixture
def roles(make_clip):
    """Grey pictures with random labels."""
    clips = [make_clip(name, 8, 20 * i, size=32) for i, name in enumerate("abcdef")]
    return {
        "data": Parts(clips[:2], clips[2:3], clips[3:4]),
        "pretrain": Parts(clips[4:5], clips[5:6], []),
    }


@pytest.fixture
def trained(monkeypatch):
    """Names of the folders of the trainings that are run."""
    names, train = [], training.train

    def record(model, clips, validation, out_dir, **options):
        names.append(out_dir.name)
        return train(model, clips, validation, out_dir, **options)

    monkeypatch.setattr(training, "train", record)
    return names


@pytest.fixture(scope="session")
def quiet():
    """A log that prints nothing."""
    return lambda line: None


@pytest.fixture(scope="session")
def small_cnn():
    """A `Training` of a small CNN of single frames after a pre-training."""
    network = Network("cnn", "cnn_m", {"landmarks": False, "length": 1, "hidden_units": 8})
    return Training(network, before="pretrain")
