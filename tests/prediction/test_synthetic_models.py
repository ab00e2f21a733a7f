"""Predictions of a model that knows no real faces say so wherever they come out."""

import numpy as np
import pytest

import kollias_affect
from kollias_affect import models
from kollias_affect.prediction import find_inputs, predict_files, predictor, read_table, tables


@pytest.fixture(scope="module")
def synthetic_model(model, tmp_path_factory):
    network, card = models.load(model)
    path = tmp_path_factory.mktemp("synthetic_model") / "synthetic.keras"
    models.save(network, path, crop=card["crop"], synthetic=True)
    return path


def test_tables_in_python_carry_the_note_and_a_warning(face, synthetic_model):
    with pytest.warns(UserWarning, match="trained on synthetic clips"):
        table = kollias_affect.predict(face, synthetic_model)
    assert "nothing about real faces" in table.attrs["note"]


def test_the_report_the_summary_and_the_pictures_carry_the_note(photos, synthetic_model, tmp_path):
    lines = []
    files = find_inputs([photos])
    predict_files(synthetic_model, files, tmp_path, log=lines.append, annotate=False)
    assert lines[0].startswith("Note: This model was trained on synthetic clips")
    summary = read_table(tmp_path / "summary.csv")
    assert summary["note"].str.contains("synthetic").all()
    loaded = predictor.load(synthetic_model)
    table = kollias_affect.prediction.predict_images(
        loaded, [photos / "a.png"], tmp_path / "b", annotate=False
    )[0]
    assert tables.note(table, loaded) == tables.SYNTHETIC


def test_other_models_say_nothing(face, model, recwarn):
    assert kollias_affect.predict(np.stack([face]), model).attrs["note"] is None
    assert not [w for w in recwarn if "synthetic" in str(w.message)]
