"""The script that writes the shipped weights, on a tiny network and 28 images."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, _files, models

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def exported(tmp_path, monkeypatch, capsys):
    """Folder of the exported files, and the printed text."""
    monkeypatch.syspath_prepend(EXAMPLES)
    import export_fer2013
    import train_fer2013

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        keras.utils.set_random_seed(0)
        trained = train_fer2013.network(0.03125)
    finally:
        keras.config.set_dtype_policy("float32")
    models.save(trained, tmp_path / "best.keras", epoch=3)
    (tmp_path / "log.csv").write_text("epoch,val_accuracy\n0,0.1\n")
    earlier = "training,epoch,val_accuracy\n1,0,0.01\n1,1,0.02\n2,0,0.03\n"
    (tmp_path / "earlier.csv").write_text(earlier)
    random = np.random.default_rng(0)
    rows = ["emotion,pixels,Usage"]
    for row in range(28):
        pixels = " ".join(map(str, random.integers(0, 256, 48 * 48)))
        rows.append(f"{row % 7},{pixels},PublicTest")
        if row < 4:  # The first four are training images, too.
            rows.append(f"{row % 7},{pixels},Training")
    (tmp_path / "fer2013.csv").write_text("\n".join(rows) + "\n")
    out = tmp_path / "out" / "tiny.keras"
    command = [
        "export_fer2013.py",
        tmp_path / "best.keras",
        out,
        "--data",
        tmp_path / "fer2013.csv",
    ]
    command += ["--logs", tmp_path / "earlier.csv", tmp_path / "log.csv"]
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", [*map(str, command)])
    export_fer2013.main()
    return tmp_path / "out", capsys.readouterr().out


def test_export_writes_model_card_log_and_manifest(exported):
    folder, printed = exported
    names = {path.name for path in folder.iterdir()}
    assert names == {"tiny.keras", "tiny.md", "tiny.log.csv", "manifest.json"}
    log = (folder / "tiny.log.csv").read_text().splitlines()
    assert log[1:] == ["1,0,0.01", "1,1,0.02", "2,0,0.03", "3,0,0.1"]
    manifest = json.loads((folder / "manifest.json").read_text())["tiny"]
    assert manifest["sha256"] == _files.sha256(folder / "tiny.keras")
    model, card = models.load(folder / "tiny.keras")
    assert {str(v.dtype) for v in model.weights} == {"float32"}
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
    assert card["crop"] == models.CROPS["eyes"] and card["epochs"] == [3] and card["images"] == 28
    assert card["images_not_in_training"] == 24
    assert list(card["recall"]) == list(EXPRESSIONS)
    assert np.sum(card["confusion"]) == 28 and np.trace(card["confusion"]) / 28 == pytest.approx(
        card["accuracy"]
    )
    assert card["largest_change_by_rounding"] < 0.01
    text = (folder / "tiny.md").read_text()
    assert f"| accuracy, one crop | {card['accuracy']:.4f} |" in text and text in printed


def test_normalization_becomes_part_of_the_convolutions(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import export_fer2013
    import train_fer2013

    random = np.random.default_rng(0)
    keras.utils.set_random_seed(0)
    trained = train_fer2013.network(0.0625, 32)
    for layer in trained._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            bounds = (0.5, 2), (-0.5, 0.5), (-0.5, 0.5), (0.1, 1)
            values = zip(bounds, layer.get_weights(), strict=True)
            layer.set_weights([random.uniform(*bound, old.shape) for bound, old in values])
    images = random.uniform(-1, 1, (4, 48, 48, 3)).astype(np.float32)
    rebuilt = export_fer2013.rebuilt(trained)
    assert len(rebuilt.weights) == len(trained.weights) - 3 * 13
    expected = export_fer2013.predict(trained, images)
    assert np.ptp(expected, axis=0).max() > 1e-3  # The outputs depend on the images.
    np.testing.assert_allclose(export_fer2013.predict(rebuilt, images), expected, atol=1e-5)
    again = export_fer2013.rebuilt(
        rebuilt
    )  # The shipped file may be one of several that are averaged.
    for value, old in zip(again.get_weights(), rebuilt.get_weights(), strict=True):
        np.testing.assert_array_equal(value, old)


def test_mean_of_networks_with_larger_images_than_in_training(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import export_fer2013 as script
    import train_fer2013

    networks = [train_fer2013.network(0.03125, 32) for _ in range(2)]
    first, second = (network.get_weights() for network in networks)
    mean = script.mean_of(networks)
    for one, other, value in zip(first, second, mean.get_weights(), strict=True):
        np.testing.assert_allclose(value, (one + other) / 2, atol=1e-6)
    assert script.rebuilt(mean).get_layer("grey_vgg_face").get_layer("sized").height == 32
    full_size = train_fer2013.network(0.03125, 48)  # has no "sized"
    for trained in mean, full_size:
        wider = script.rebuilt(trained, 40)
        assert wider.get_layer("grey_vgg_face").get_layer("sized").height == 40
    assert script.predict(wider, np.zeros((1, 48, 48, 3), np.float32)).shape == (1, 7)
    with pytest.raises(SystemExit, match="one architecture"):
        script.mean_of([mean, train_fer2013.network(0.0625, 32)])


def test_the_card_names_the_epochs_of_the_weights(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    from export_fer2013 import epochs_in_words

    one = epochs_in_words({"epochs": [3], "selection": "the best"})
    assert " ".join(one.split()).startswith(
        "Its weights are those of epoch 3 of the last training."
    )
    several = " ".join(epochs_in_words({"epochs": [9, 11, 8], "selection": "the best"}).split())
    assert "are a mean of those of epochs 9, 11 and 8 of the last trainings." in several


def test_calibration(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import export_fer2013 as script

    sure = np.eye(7)[np.arange(70) % 7]
    labels = np.arange(70) % 7
    assert script.calibration_error(sure, labels) == 0
    assert script.calibration_error(sure, (labels + 1) % 7) == 1
    # Ten outputs of 0.8, half of them correct: the confidence is 0.3 too high.
    outputs = np.full((10, 7), 0.2 / 6)
    outputs[:, 0] = 0.8
    assert script.calibration_error(outputs, np.arange(10) % 2) == pytest.approx(0.3)


def test_the_applied_temperature_is_recovered(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import export_fer2013 as script

    random = np.random.default_rng(0)
    true = random.dirichlet(np.ones(7), 20_000)
    labels = (true.cumsum(axis=1) > random.random((20_000, 1))).argmax(axis=1)
    assert script.fitted_temperature(script.scaled(true, 0.5), labels) == pytest.approx(2, rel=0.05)
