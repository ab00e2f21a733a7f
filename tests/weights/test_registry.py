import hashlib
import importlib.metadata
import json
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kollias_affect
from kollias_affect import backbones, catalogue, models, weights
from kollias_affect.catalogue import files as registry

PRETRAINED = Path(__file__).resolve().parents[2] / "pretrained"
NAME = catalogue.DEFAULT
PLAIN = """
import sys
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
images = np.random.default_rng(0).uniform(-1, 1, (2, *model.inputs[0].shape[1:]))
images = {"images": images.astype("float32")}
outputs, called = model.predict(images, verbose=0), model(images)
if isinstance(outputs, dict):
    affect = outputs["valence_arousal"]
    assert affect.shape == (2, 2) and np.abs(affect).max() <= 1
    assert np.allclose(called["valence_arousal"], affect, atol=1e-5)
    outputs, called = outputs["expression"], called["expression"]
assert outputs.shape == (2, 7) and np.allclose(outputs.sum(axis=1), 1, atol=1e-5)
assert np.allclose(called, outputs, atol=1e-5)  # A call is not training.
assert {str(v.dtype) for v in model.weights} == {"float32"}
assert "kollias_affect" not in sys.modules
"""


@pytest.fixture(scope="module")
def model():
    backbone = backbones.cnn_m((48, 48, 3), 0.02)
    return models.cnn(backbone, "expression", landmarks=False, hidden_units=(8,))


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    """The only folder of weights, with a file of the shipped name."""
    folder = tmp_path / "pretrained"
    folder.mkdir()
    models.save(model, folder / f"{NAME}.keras", crop=models.CROPS["eyes"], accuracy=0.25)
    registry.write_manifest(folder)
    monkeypatch.setattr(registry, "_folders", lambda: iter([folder]))
    return folder


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Simulates a machine without weights."""
    monkeypatch.setattr(registry, "_folders", lambda: iter([tmp_path / "cache" / "pretrained"]))


def test_a_model_by_name_takes_images_and_gives_seven_probabilities(folder, model):
    loaded = weights.load_pretrained(NAME)
    assert isinstance(loaded, keras.Model)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 48, 48, 3)).astype(np.float32)
    outputs = np.asarray(loaded(images))
    assert outputs.shape == (3, 7)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(outputs, model({"images": images}), atol=1e-6)


def test_the_default_has_no_name(folder, model):
    images = np.zeros((1, 48, 48, 3), np.float32)
    np.testing.assert_array_equal(
        weights.load_pretrained()(images), weights.load_pretrained(NAME)(images)
    )


def test_the_list_has_kind_licence_and_availability(folder):
    table = weights.list_pretrained().set_index("name")
    assert {"kind", "task", "file", "megabytes", "sha256", "licence", "source"} <= set(table)
    shipped = table.loc[NAME]
    assert shipped["kind"] == "shipped" and bool(shipped["available"])
    file = folder / f"{NAME}.keras"
    assert shipped["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    by_hand = table[table["kind"] == "by hand"]
    assert len(by_hand) >= 9 and by_hand["licence"].str.len().min() > 2
    assert {"vgg_face", "resnet50_imagenet", "affwildnet_vggface_gru"} <= set(by_hand.index)
    assert table.index.is_unique


def test_a_damaged_file_is_refused(folder):
    file = folder / f"{NAME}.keras"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"SHA-256 of its manifest.*install the package again"):
        weights.load_pretrained(NAME)
    assert not weights.list_pretrained().set_index("name").loc[NAME, "available"]
    assert file.exists()  # It may be under version control.


def test_a_file_without_a_manifest_is_refused(folder):
    (folder / registry.MANIFEST).unlink()
    with pytest.raises(ValueError, match=r"an entry in the manifest.json beside it"):
        weights.load_pretrained(NAME)


def test_the_error_of_missing_weights_lists_the_steps(nowhere):
    with pytest.raises(FileNotFoundError, match=r"no file here(.|\n)*docs/notes/affect.md"):
        weights.load_pretrained(NAME)
    assert not weights.list_pretrained().set_index("name").loc[NAME, "available"]


def test_the_error_of_weights_by_hand_lists_the_steps(nowhere):
    for entry in catalogue.ENTRIES:
        if entry.kind == "by hand":
            with pytest.raises(FileNotFoundError, match="1. ") as error:
                weights.load_pretrained(entry.name)
            assert all(step in str(error.value) for step in entry.steps)


def test_the_steps_name_functions_that_exist():
    """Checks names such as `weights.load_vgg_face` and the names of reference networks."""
    import re

    for entry in catalogue.ENTRIES:
        for module, name in re.findall(r"\b(weights|backbones|models)\.(\w+)", str(entry.steps)):
            assert hasattr(getattr(kollias_affect, module), name), (entry.name, name)
        if "weights import" in str(entry.steps):
            assert entry.name in models.REFERENCES


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="`name` must be one of"):
        weights.load_pretrained("expression")
    with pytest.raises(FileNotFoundError, match="weights list"):
        weights.model_file("expression")
    with pytest.raises(FileNotFoundError, match="existing file"):
        models.load(weights.model_file("expression.keras"))


def test_listing_and_loading_never_open_a_connection(folder, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    weights.list_pretrained()
    weights.load_pretrained(NAME)


def test_weights_are_found_in_an_installation(tmp_path, monkeypatch, model):
    """pip installs the package in site-packages and the files under share."""
    site = tmp_path / "lib" / "site-packages"
    share = tmp_path / "share" / "kollias_affect" / "pretrained"
    share.mkdir(parents=True)
    models.save(model, share / f"{NAME}.keras")
    registry.write_manifest(share)
    (site / "kollias_affect").mkdir(parents=True)
    monkeypatch.setattr(kollias_affect, "__file__", str(site / "kollias_affect" / "__init__.py"))
    info = site / "kollias_affect-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: kollias-affect\nVersion: 0.1.0\n")
    names = [f"{NAME}.keras", registry.MANIFEST]
    record = [f"../../share/kollias_affect/pretrained/{name},," for name in names]
    (info / "RECORD").write_text("\n".join(["kollias_affect/__init__.py,,", *record]))
    distribution = importlib.metadata.Distribution.at(info)
    monkeypatch.setattr(importlib.metadata, "files", lambda name: distribution.files)
    assert weights.pretrained_file(NAME) == (share / f"{NAME}.keras").resolve()


@pytest.mark.parametrize(
    ("name", "task", "layout"),
    [
        ("affect_vgg", ["expression", "valence_arousal"], "fer2013"),
        ("expression_vgg_fer2013", "expression", "eyes"),
    ],
)
def test_the_shipped_weights(name, task, layout):
    """They have the hash and size of the manifest, and work without this package."""
    file = PRETRAINED / f"{name}.keras"
    if not file.exists():
        pytest.skip(f"the shipped weights are not in this checkout: {file} is absent")
    manifest = json.loads((PRETRAINED / registry.MANIFEST).read_text())[name]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == manifest["sha256"]
    assert file.stat().st_size == manifest["bytes"] <= 10e6
    assert weights.pretrained_file(name).read_bytes() == file.read_bytes()
    card = models.read_card(file)
    assert (card["task"], card["crop"]) == (task, models.CROPS[layout])
    assert catalogue.runtime_file(name).suffix == ".onnx"  # for prediction without Keras
    assert models.read_card(catalogue.runtime_file(name))["outputs"] == card["outputs"]
    assert (PRETRAINED / f"{name}.md").exists() and (PRETRAINED / f"{name}.log.csv").exists()
    subprocess.run([sys.executable, "-c", PLAIN, str(file)], check=True)
