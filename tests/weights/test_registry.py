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
from kollias_affect import backbones, models, weights
from kollias_affect.weights import catalogue, registry

PRETRAINED = Path(__file__).resolve().parents[2] / "pretrained"
NAME = catalogue.DEFAULT
PLAIN = """
import sys
import keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
images = np.random.default_rng(0).uniform(-1, 1, (2, *model.inputs[0].shape[1:]))
images = {"images": images.astype("float32")}
outputs = model.predict(images, verbose=0)
assert outputs.shape == (2, 7) and np.allclose(outputs.sum(axis=1), 1, atol=1e-5)
assert np.allclose(model(images), outputs, atol=1e-5)  # a plain call is not training
assert "kollias_affect" not in sys.modules
"""


@pytest.fixture
def model():
    backbone = backbones.vgg_face((48, 48, 3), 0.02)
    return models.cnn(backbone, "expression", landmarks=False, hidden_units=(8,))


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    """A folder that holds weights under the shipped name; it is the only one."""
    folder = tmp_path / "pretrained"
    folder.mkdir()
    models.save(model, folder / f"{NAME}.keras", crop=models.CROPS["eyes"], accuracy=0.25)
    registry.write_manifest(folder)
    monkeypatch.setattr(registry, "_folders", lambda: iter([folder]))
    return folder


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No weights on this machine, and an empty cache."""
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "_folders", lambda: iter([registry._cache()]))
    return tmp_path / "cache" / "pretrained"


def test_a_model_by_name_takes_images_and_gives_seven_probabilities(folder, model):
    loaded = weights.load_pretrained(NAME)
    assert isinstance(loaded, keras.Model)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 48, 48, 3)).astype(np.float32)
    outputs = loaded.predict(images, verbose=0)
    assert outputs.shape == (3, 7)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(outputs, model.predict({"images": images}, verbose=0), atol=1e-6)


def test_the_list_names_kind_licence_and_what_is_here(folder):
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


def test_a_damaged_file_is_not_used(folder):
    file = folder / f"{NAME}.keras"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"SHA-256 of its manifest.*install the package again"):
        weights.load_pretrained(NAME)
    assert not weights.list_pretrained().set_index("name").loc[NAME, "available"]
    assert file.exists()  # it may be under version control


def test_a_file_that_the_manifest_lacks_is_not_used(folder):
    (folder / registry.MANIFEST).unlink()
    with pytest.raises(ValueError, match=r"manifest.json beside it"):
        weights.load_pretrained(NAME)


def test_absent_weights_say_how_to_get_them(nowhere):
    with pytest.raises(FileNotFoundError, match=r"no file here(.|\n)*export_fer2013.py"):
        weights.load_pretrained(NAME)
    assert not weights.list_pretrained().set_index("name").loc[NAME, "available"]


def test_weights_to_be_fetched_by_hand_print_their_steps(nowhere):
    for entry in catalogue.ENTRIES:
        if entry.kind == "by hand":
            with pytest.raises(FileNotFoundError, match="1. ") as error:
                weights.load_pretrained(entry.name, download=True)
            assert all(step in str(error.value) for step in entry.steps)


def test_the_steps_name_functions_that_exist():
    """`weights.load_vgg_face(backbones.vgg_face(), …)`: every such name, and every reference."""
    import re

    for entry in catalogue.ENTRIES:
        for module, name in re.findall(r"\b(weights|backbones|models)\.(\w+)", str(entry.steps)):
            assert hasattr(getattr(kollias_affect, module), name), (entry.name, name)
        if "weights import" in str(entry.steps):
            assert entry.name in models.REFERENCES


def test_densenets_weights_fit_without_an_importer():
    ours = backbones.densenet121((64, 64, 3))
    theirs = keras.applications.DenseNet121(include_top=False, weights=None)
    assert [v.path for v in ours.weights] == [v.path for v in theirs.weights]
    assert [v.shape for v in ours.weights] == [v.shape for v in theirs.weights]


def test_unknown_names():
    with pytest.raises(ValueError, match="`name` must be one of"):
        weights.load_pretrained("expression")
    with pytest.raises(FileNotFoundError, match="weights list"):
        weights.model_file("expression")
    with pytest.raises(FileNotFoundError, match="existing file"):
        models.load(weights.model_file("expression.keras"))


@pytest.fixture
def downloadable(nowhere, model, tmp_path, monkeypatch):
    """An entry with an address, and a network that is a folder."""
    served = tmp_path / "served.keras"
    models.save(model, served)
    sha256 = hashlib.sha256(served.read_bytes()).hexdigest()
    entry = catalogue.Entry(
        "far", "download", "expression", "none", "a test", (), "https://localhost/far.keras", sha256
    )
    monkeypatch.setattr(catalogue, "ENTRIES", (entry,))
    fetched = []

    def fetch(url, path, expected):
        assert (url, expected) == (entry.url, sha256)
        fetched.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(served.read_bytes())
        return path

    monkeypatch.setattr(registry, "fetch", fetch)
    return fetched


def test_nothing_is_downloaded_unless_asked(downloadable):
    with pytest.raises(FileNotFoundError, match="download=True"):
        weights.load_pretrained("far")
    assert downloadable == []
    assert weights.load_pretrained("far", download=True).output_shape == (None, 7)
    assert weights.load_pretrained("far").output_shape == (None, 7)  # from the cache now
    assert len(downloadable) == 1


def test_a_damaged_file_in_the_cache_is_removed(downloadable, nowhere):
    weights.load_pretrained("far", download=True)
    (nowhere / "far.keras").write_text("damaged")
    with pytest.raises(ValueError, match="was removed"):
        weights.load_pretrained("far")
    assert not (nowhere / "far.keras").exists()
    weights.load_pretrained("far", download=True)


def test_listing_and_loading_never_open_a_connection(folder, monkeypatch):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    weights.list_pretrained()
    weights.load_pretrained(NAME)


def test_weights_are_found_in_an_installation(tmp_path, monkeypatch, model):
    """As pip lays it out: the package in site-packages, the files under share."""
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
    found = importlib.metadata.Distribution.at(info)
    monkeypatch.setattr(importlib.metadata, "files", lambda name: found.files)
    assert weights.pretrained_file(NAME) == (share / f"{NAME}.keras").resolve()


def test_the_shipped_weights():
    """Their hash, their size, and that a process without this package can use them."""
    file = PRETRAINED / f"{NAME}.keras"
    if not file.exists():
        pytest.skip(f"the shipped weights are not in this checkout: {file} is absent")
    manifest = json.loads((PRETRAINED / registry.MANIFEST).read_text())[NAME]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == manifest["sha256"]
    assert file.stat().st_size == manifest["bytes"] <= 10e6
    assert weights.pretrained_file(NAME).read_bytes() == file.read_bytes()
    card = models.read_card(file)
    assert card["crop"] == models.CROPS["eyes"] and card["accuracy"] > 0.6
    assert (PRETRAINED / f"{NAME}.md").exists() and (PRETRAINED / f"{NAME}.log.csv").exists()
    subprocess.run([sys.executable, "-c", PLAIN, str(file)], check=True)
