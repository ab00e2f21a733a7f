"""Fixtures of the tests of the loaders."""

import tarfile

import hypothesis
import pytest
from shared_values import SHARED

from kollias_affect import EXPRESSIONS

# The same examples on every machine.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("quick")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Separate cache folder of each test."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared():
    """Returns a function from a name to a file of real data, which exists beside some checkouts."""

    def find(name):
        path = SHARED / "data" / name
        if not path.exists():
            pytest.skip(f"real data are not part of the repository: {path} is absent")
        return path

    return find


@pytest.fixture
def tar():
    """Returns a function that packs a folder into a tar archive and returns its path."""

    def pack(folder, path, mode="w", name=None):
        with tarfile.open(path, mode) as archive:
            archive.add(folder, name or folder.name)
        return path

    return pack


@pytest.fixture(scope="session")
def labels_of():
    """Returns a function from clips to a dict from their keys to the expression of frame 1."""
    return lambda clips: {clip.key: EXPRESSIONS[clip.expression[0]] for clip in clips}


@pytest.fixture(scope="session")
def count():
    """Returns a function that reads the count of the one note whose reason contains some words."""

    def read(clips, words):
        [(total, _)] = [note for reason, note in clips.report.notes.items() if words in reason]
        return total

    return read
