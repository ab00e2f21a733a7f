"""Small models, and a photograph of a face."""

import keras
import numpy as np
import pytest
import skimage.data
from PIL import Image

from kollias_affect import backbones, models
from kollias_affect.prediction import drawing


@pytest.fixture(scope="session")
def save_model(tmp_path_factory):
    """Returns a function that saves a tiny model, whose outputs differ from image to image."""
    folder = tmp_path_factory.mktemp("models")

    def save(name, task="expression", crop=None, **options):
        keras.utils.set_random_seed(0)
        backbone = backbones.vgg_face((48, 48, 3), 0.02)
        model = models.cnn(backbone, task, hidden_units=(8,), dropout=0, **options)
        for layer in model.layers + backbone.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(layer.kernel * 2)
        models.save(model, folder / f"{name}.keras", **({"crop": crop} if crop else {}))
        return folder / f"{name}.keras"

    return save


@pytest.fixture(scope="session")
def model(save_model):
    """An expression model of single frames, trained on crops by the eyes."""
    return save_model("tiny", landmarks=False, crop=models.CROPS["eyes"])


@pytest.fixture(scope="session")
def face():
    """256 x 256 pixels around the face of a public-domain portrait."""
    return np.ascontiguousarray(skimage.data.astronaut()[0:256, 96:352])


@pytest.fixture(scope="session")
def pair(face):
    """Two faces side by side."""
    return np.concatenate([face, face[:, ::-1]], axis=1)


@pytest.fixture(scope="session")
def save_image():
    """Returns a function that writes an image and returns its path."""

    def save(path, image, **options):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path, **options)
        return path

    return save


@pytest.fixture
def photos(tmp_path, face, pair, save_image):
    """A folder with images of one face, of two faces, and of none."""
    save_image(tmp_path / "photos" / "a.png", face)
    save_image(tmp_path / "photos" / "b.png", pair)
    save_image(tmp_path / "photos" / "c.png", np.full((200, 200, 3), 90, np.uint8))
    return tmp_path / "photos"


@pytest.fixture(scope="session")
def save_video():
    """Returns a function that writes a video of 25 frames per second and returns its path."""

    def save(path, pictures):
        drawing.write_video([(i / 25, picture) for i, picture in enumerate(pictures)], path)
        return path

    return save
