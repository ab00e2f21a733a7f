import importlib

import pytest

from kollias_affect import datasets


@pytest.mark.parametrize("name", sorted(datasets.DATASETS))
def test_every_registered_module_loads(name):
    assert callable(importlib.import_module(datasets.DATASETS[name]).load)


def test_an_unknown_dataset_is_refused_with_the_known_names(tmp_path):
    with pytest.raises(ValueError, match="one of .*'frames_csv'.*Received: dataset='affwild9'"):
        datasets.load("affwild9", tmp_path)


def test_modules_are_attributes_of_the_package():
    assert callable(datasets.sampling.split) and callable(datasets.frames_csv.write)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = datasets.nothing


def test_loaders_that_extract_faces_accept_the_options_of_extract(tmp_path):
    options = datasets.loader_options("omg")
    assert options["labels_only"] is False and options["detector"] == "auto"
    assert "options" not in options and "root" not in options and "split" not in options
    assert "detector" not in datasets.loader_options("fer2013")
    with pytest.raises(ValueError, match="`option of omg` must be one of .*'detector'"):
        datasets.load("omg", tmp_path, dtector="hog")
    with pytest.raises(FileNotFoundError, match="'omg' is read from"):
        datasets.load("omg", tmp_path, detector="haar")
