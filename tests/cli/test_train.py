"""The command `kollias-affect train`, and the commands that use its model."""

import csv
import hashlib
import json
import shutil
import zipfile

import av
import keras
import numpy as np
import pytest

from kollias_affect import models


@pytest.fixture(scope="module", autouse=True)
def eager(eager_functions):
    """Tiny networks train faster without the compilation of a graph."""


def write_grey_video(path, frames):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(frames):
            picture = np.full((64, 64, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def listed(ok, synthetic_root, tmp_path_factory):
    """List of frames of two extracted videos, one of which shows no face."""
    folder = tmp_path_factory.mktemp("listed")
    (folder / "labels").mkdir()
    (folder / "labels" / "nobody.txt").write_text("0,0\n" * 9)
    shutil.copy(synthetic_root / "annotations" / "subject01_1.csv", folder / "labels")
    write_grey_video(folder / "nobody.mp4", 9)
    videos = [synthetic_root / "videos" / "subject01_1.mp4", folder / "nobody.mp4"]
    options = ["--labels", folder / "labels", "--processes", 1]
    assert "2 clips with labels" in ok("extract", *videos, "--out", folder / "crops", *options)
    return folder / "crops" / "frames.csv"


@pytest.fixture(scope="module")
def trained(ok, small, listed, synthetic_root, tmp_path_factory):
    """Folder of a training with landmarks, which the video without a face does not prevent."""
    out = tmp_path_factory.mktemp("training") / "run"
    validation = ["--validation", synthetic_root / "validation.csv"]
    printed = ok("train", listed, *validation, "--out", out, *small)
    assert "Best epoch 1: val_ccc" in printed
    # Paper C has batches of 80 frames; 24 and 9 frames are 3 and 2 windows of 8.
    plan = "Plan: 1 epoch of 1 batch of 10 windows of 8 frames, learning rate 0.001, loss ccc, "
    network = "Network: affwildnet for valence_arousal, 32 x 32 pixels, "
    begins = ["Start: random weights, seed 0", network, "Data: ", plan]
    for line, begin in zip(printed.splitlines()[:4], begins, strict=True):
        assert line.startswith(begin)
    return out


def test_validation_without_a_face_is_refused(refused, small, listed, tmp_path):
    train = ["train", listed, "--validation-share", 0.5, "--out", tmp_path / "run", *small]
    # Of two people, the one without a face is drawn for the validation.
    assert "Validation needs at least one" in refused(*train)


def test_a_trained_model_is_evaluated(ok, trained, synthetic_root):
    output = ok("evaluate", trained / "best.keras", synthetic_root / "validation.csv")
    assert all(word in output for word in ("valence", "arousal", "CCC", "Pearson", "MSE"))


def test_a_trained_model_predicts_a_video(ok, trained, face_video, tmp_path):
    output = ok("predict", trained / "best.keras", face_video, "--out", tmp_path)
    assert "24 frames" in output
    with open(tmp_path / "subject01_1.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and list(rows[0])[-5:-3] == ["valence", "arousal"]
    for row in rows:
        assert (row["valence"] != "") == (row["success"] == "1")
        assert row["face_id"] == row["FaceRectX"] == "" or row["FaceRectX"].lstrip("-").isdigit()
    assert (tmp_path / "subject01_1.png").stat().st_size > 10_000


def test_other_settings_in_the_same_folder_are_refused(
    refused, small, listed, trained, synthetic_root
):
    train = ["train", listed, "--out", trained, *small]
    train += ["--validation", synthetic_root / "validation.csv"]
    assert "in `--rnn-units` (6, now 9). Repeat" in refused(*train, "--rnn-units", "9")
    assert "in `--hidden-units` (8, now 16). Repeat" in refused(*train, "--hidden-units", "16")


def test_other_settings_are_refused_before_the_data_are_loaded(
    refused, small, trained, synthetic_root, monkeypatch
):
    def load(*_, **__):
        raise AssertionError("the data are loaded")

    monkeypatch.setattr("kollias_affect.datasets.load", load)
    monkeypatch.setattr("kollias_affect.experiments.sources.Source.divide", load)
    train = ["train", synthetic_root / "train.csv", "--out", trained, *small]
    assert "`--learning-rate` (0.001, now 0.5)" in refused(*train, "--learning-rate", "0.5")
    assert "`--focal`" in refused(*train, "--task", "expression", "--focal", "2")


def test_temporal_heads_share_cached_features(ok, synthetic_root, tmp_path):
    features = tmp_path / "features"
    options = ["--network", "temporal", "--width", 0.02, "--size", 32, "--length", 4, "--epochs", 1]
    options += ["--head-units", 4, "--head-layers", 1, "--frozen", "--features", features]
    written = []
    for head in ("tcn", "transformer"):
        data = [synthetic_root / "train.csv", "--validation", synthetic_root / "validation.csv"]
        ok("train", *data, "--out", tmp_path / head, "--head", head, *options)
        written.append({path: path.stat().st_mtime_ns for path in features.glob("features-*.npy")})
        model, card = models.load(tmp_path / head / "best.keras")
        assert card["network"] == "temporal" and model.output_shape == (None, 4, 2)
    assert written[0] and written[0] == written[1]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_cached_features_in_a_precision(ok, small, synthetic_root, tmp_path, precision):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run", *small]
    train += ["--validation", synthetic_root / "validation.csv"]
    features = tmp_path / "features"
    ok(*train, "--frozen", "--features", features, "--precision", precision)
    assert list(features.glob("features-*.npy"))
    with zipfile.ZipFile(tmp_path / "run" / "best.keras") as archive:
        assert (b"mixed_bfloat16" in archive.read("config.json")) == (precision != "float32")
    assert keras.config.dtype_policy().name == "float32"  # the global policy is restored


def test_options_out_of_range_are_refused(refused, small, synthetic_root, tmp_path):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run"]
    both = ["--validation", synthetic_root / "validation.csv", *small]
    for option, value in (
        ("seed", "-1"),
        ("width", "nan"),
        ("dropout", "2"),
        ("rnn-dropout", "-1"),
        ("hidden-units", "0"),
        ("rnn-units", "0"),
        ("learning-rate", "-1"),
        ("epochs", "0"),
    ):
        assert "Received" in refused(*train, *both, f"--{option}", value)
    unknown = refused(*train, *both, "--dataset", "synthetic", "--option", "images=here")
    assert "option of synthetic" in unknown and "subjects" in unknown
    assert "NAME=VALUE" in refused(*train, *both, "--option", "images")
    assert "does not exist" in refused("train", tmp_path / "none.csv", "--out", tmp_path / "run")


def test_unknown_names_are_refused(refused, small, synthetic_root, tmp_path):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run"]
    both = ["--validation", synthetic_root / "validation.csv", *small]
    assert "`--task` must be one of" in refused(*train, *both, "--task", "joy")
    assert "`--backbone` must be one of" in refused(*train, *both, "--backbone", "vgg_foot")
    assert "`--dataset` must be one of" in refused(*train, *both, "--dataset", "affwild9")
    assert "longest of 1 clips has 24" in refused(*train, *both, "--length", "25")
    assert not (tmp_path / "run" / "best.keras").exists()


def test_unknown_precisions_and_features_of_a_trained_cnn_are_refused(
    refused, small, synthetic_root, tmp_path
):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run", *small]
    train += ["--validation", synthetic_root / "validation.csv"]
    assert "one of ('float32', 'mixed_bfloat16', 'auto'" in refused(*train, "--precision", "float8")
    message = refused(*train, "--features", tmp_path / "features")
    assert "one frozen CNN" in message and "--frozen" in message


def settings_of(folder):
    return json.loads((folder / "settings.json").read_text())


@pytest.fixture(scope="module")
def many_options(ok, synthetic_root, tmp_path_factory):
    """Folder of a multi-RNN that was trained with every kind of option, and its output."""
    out = tmp_path_factory.mktemp("many") / "run"
    options = (
        "--network multi_rnn --taps pool2,fc1 --mode 2rnn --rnn bgru --landmark-units 3 "
        "--size 32 --width 0.02 --hidden-units 8 --rnn-units 4 --length 8 --settings B-keep "
        "--loss mse --weight-decay 0.001 --decay 5 0.9 --choose-by sequence --balance all "
        "--initializer papers --epochs 1"
    )
    data = [synthetic_root / "train.csv", "--validation", synthetic_root / "validation.csv"]
    return out, ok("train", *data, "--out", out, *options.split())


def test_every_option_of_a_training_is_in_its_settings_and_its_card(many_options):
    out, output = many_options
    settings, card = settings_of(out), models.read_card(out / "best.keras")
    expected = {
        "network": "multi_rnn", "preset": "B-keep", "loss": "mse", "weight_decay": 0.001,
        "decay": [5, 0.9], "choose_by": "sequence", "initializer": "papers", "length": 8,
        "size": 32, "learning_rate": 1e-4, "batch_size": 40, "start": "random weights, seed 0",
    }  # fmt: skip
    assert {name: settings[name] for name in expected} == expected
    assert settings["layers"]["pool2_rnn1_dropout"] == 0.2  # paper B's 0.8 as share to keep
    assert "landmark_encoder" in settings["layers"]
    for name in ("network", "preset", "start", "division", "balance"):
        assert card[name] == settings[name]
    assert "all: 20 -> " in settings["balance"] and settings["balance"][5:] in output
    assert settings["division"] in output and "val_sequence_ccc" in output
    assert card["val_sequence_ccc"] is not None


def test_a_trained_model_continues_on_another_database_for_another_task(
    ok, refused, many_options, synthetic_root, tmp_path
):
    file = many_options[0] / "best.keras"
    data = [synthetic_root / "validation.csv", "--validation", synthetic_root / "train.csv"]
    train = ["train", *data, "--out", tmp_path / "run", "--epochs", 1, "--task", "valence"]
    ok(*train, "--model", file)
    settings, card = settings_of(tmp_path / "run"), models.read_card(tmp_path / "run/best.keras")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert f"best.keras, sha256 {digest}; new output layer for valence" in settings["start"]
    # The lists of frames are the user's: that another list is scored is no reason for a warning.
    assert "Warning" not in ok("evaluate", tmp_path / "run/best.keras", data[0])
    assert (card["task"], card["start"], card["length"]) == ("valence", settings["start"], 8)
    shutil.copy(file, tmp_path / "same.keras")
    assert "start" in refused(*train, "--model", tmp_path / "same.keras")  # another start
    assert "new network" in refused(*train, "--model", file, "--rnn", "gru", "--width", "0.5")


def test_texts_of_options_are_checked(refused, synthetic_root, tmp_path):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run"]
    assert "4096,2048" in refused(*train, "--hidden-units", "many")
    assert "no option `--taps`" in refused(*train, "--taps", "pool5")
    assert not (tmp_path / "run").exists()


def test_options_of_the_loader_are_passed_on(refused, tmp_path):
    (tmp_path / "legend.csv").write_text("image,emotion\na_1.jpg,HAPPY")
    train = ["train", tmp_path, "--dataset", "images_csv", "--out", tmp_path / "run"]
    assert "`images` must be a folder" in refused(*train, "--option", "images=2025")
