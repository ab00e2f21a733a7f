"""What the tests of the loaders share."""

import tarfile

import cv2
import hypothesis
import numpy as np
import pytest

# The same examples on every machine, as many as stay quick.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("quick")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(folder))
    return folder


@pytest.fixture
def write_image():
    """Returns a function that writes a small grey image and returns its path."""

    def write(path, level=0, size=8):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((size, size), level, np.uint8))
        return path

    return write


@pytest.fixture
def tar():
    """Returns a function that packs a folder into a tar archive and returns its path."""

    def pack(folder, path, mode="w", name=None):
        with tarfile.open(path, mode) as archive:
            archive.add(folder, name or folder.name)
        return path

    return pack
