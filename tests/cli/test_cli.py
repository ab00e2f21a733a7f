import csv
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kollias_affect import models
from kollias_affect.cli import main

TINY = {"length": 4, "width": 0.02, "rnn_units": 6, "hidden_units": 8, "initializer": None}
SMALL = "--width 0.02 --hidden-units 8 --rnn-units 6 --length 8 --epochs 1 --initializer keras"


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def ok(*arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments):
    """The message of a command that ends with exit code 2 and without a traceback."""
    result = run(*arguments)
    assert result.exit_code == 2, (result.exit_code, result.output)
    assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    models.save(models.affwildnet(**TINY), path)
    return path


def test_help_names_every_command():
    output = ok("--help")
    for command in ("demo", "extract", "data", "train", "evaluate", "predict", "table"):
        assert command in output
        assert "Usage" in ok(command, "--help")


def test_extract_with_labels_then_train_evaluate_predict(synthetic_root, tmp_path):
    """What a researcher with videos and labels does."""
    videos = sorted((synthetic_root / "videos").glob("*.mp4"))
    crops, out = tmp_path / "crops", tmp_path / "run"
    output = ok("extract", *videos, "--out", crops, "--labels", synthetic_root / "annotations")
    assert "subject01_1: 24 frames" in output and "2 clips with labels" in output
    command = ["train", crops / "frames.csv", "--out", out, *SMALL.split(), "--no-landmarks"]
    assert "Best epoch 1: val_ccc" in ok(*command)  # frames.csv of `extract` has landmarks too
    output = ok("evaluate", out / "best.keras", crops / "frames.csv")
    assert all(word in output for word in ("valence", "arousal", "CCC", "Pearson", "MSE"))
    output = ok("predict", out / "best.keras", videos[0], "--out", tmp_path / "predictions")
    assert "24 frames" in output
    with open(tmp_path / "predictions" / "subject01_1.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and list(rows[0])[-2:] == ["valence", "arousal"]
    for row in rows:
        assert (row["valence"] != "") == (row["success"] == "1")
        assert row["face_id"] == row["FaceRectX"] == "" or row["FaceRectX"].lstrip("-").isdigit()
    assert (tmp_path / "predictions" / "subject01_1.png").stat().st_size > 10_000


def test_a_video_without_a_face_is_no_error(write_video, model, tmp_path):
    video = write_video([np.full((64, 64, 3), 90, np.uint8)] * 7)
    output = ok("extract", video, "--out", tmp_path / "crops")
    assert "video: 7 frames, 0 with a face. No face was found" in output
    assert "7 frames, 0 with a face" in ok("predict", model, video, "--out", tmp_path / "out")
    assert len((tmp_path / "out" / "video.csv").read_text().splitlines()) == 8


def test_a_truncated_video_keeps_its_good_frames(write_video, tmp_path, caplog):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8)
    path = write_video(list(noise), "cut.mp4", options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    output = ok("extract", path, "--out", tmp_path / "out")
    assert "cut.mp4 breaks at frame" in caplog.text and "kept" in caplog.text
    assert "cut: " in output
    assert 20 < len((tmp_path / "out" / "cut.csv").read_text().splitlines()) < 42


def test_one_bad_video_is_reported_after_the_good_ones(face_video, tmp_path):
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    message = refused("extract", bad, face_video, "--out", tmp_path / "out")
    assert "subject01_1: 24 frames" in message and "FFmpeg can read" in message


def test_bad_videos(write_video, tmp_path):
    def message(path):
        return refused("extract", path, "--out", tmp_path / "out")

    assert "existing file" in message(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    assert "FFmpeg can read" in message(tmp_path / "text.mp4")
    (tmp_path / "empty.mp4").touch()
    assert "0 bytes" in message(tmp_path / "empty.mp4")
    import skimage.data
    from matplotlib.image import imsave

    imsave(tmp_path / "image.png", skimage.data.astronaut())
    assert "single image" in message(tmp_path / "image.png")


def test_unwritable_output(face_video, tmp_path):
    (tmp_path / "file").touch()
    assert "can be written" in refused("extract", face_video, "--out", tmp_path / "file")
    assert "can be written" in refused("extract", face_video, "--out", tmp_path / "file" / "sub")


def test_unknown_names(face_video, synthetic_root, tmp_path):
    assert "'ffld2'" in refused("extract", face_video, "--out", tmp_path, "--detector", "ffld2")
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run"]
    both = ["--validation", synthetic_root / "validation.csv", *SMALL.split()]
    assert "`task` must be one of" in refused(*train, *both, "--task", "joy")
    assert "`backbone` must be one of" in refused(*train, *both, "--backbone", "vgg_foot")
    assert "`dataset` must be one of" in refused(*train, *both, "--dataset", "affwild9")
    assert "longest of 1 clips has 24" in refused(*train, *both, "--length", "25")
    assert not (tmp_path / "run" / "best.keras").exists()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["0,0"] * 23, r"one entry per frame"),
        (["0,0"] * 25, r"one entry per frame"),
        (["0,0"] * 23 + ["nan,0"], "must lie in [-1, 1]"),
        (["0,0"] * 23 + ["0,1.5"], "must lie in [-1, 1]"),
        (["0,0"] * 23 + ["0,high"], "must hold numbers"),
    ],
)
def test_bad_labels(face_video, tmp_path, rows, message):
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "subject01_1.csv").write_text("valence,arousal\n" + "\n".join(rows) + "\n")
    assert message in refused("extract", face_video, "--out", tmp_path, "--labels", labels)


def test_missing_labels(face_video, tmp_path):
    assert "subject01_1.csv" in refused(
        "extract", face_video, "--out", tmp_path, "--labels", tmp_path / "nowhere"
    )


def test_a_file_that_is_no_model(face_video, tmp_path):
    path = tmp_path / "model.keras"
    assert "existing file" in refused("predict", path, face_video, "--out", tmp_path)
    path.write_text("no model")
    assert "no .keras archive" in refused("predict", path, face_video, "--out", tmp_path)
    assert "no .keras archive" in refused("evaluate", path, tmp_path)


def test_broken_image_files_end_in_a_message(synthetic_root, model, tmp_path):
    shutil.copytree(synthetic_root, tmp_path / "data")
    crop = next((tmp_path / "data" / "crops" / "subject02_1").iterdir())
    crop.write_bytes(b"no image")
    message = refused("evaluate", model, tmp_path / "data" / "validation.csv")
    assert "image" in message and crop.name in message


@pytest.fixture
def video(face_video):
    """A real video where there is one, else a synthetic one."""
    real = Path(__file__).resolve().parents[2] / "shared" / "data" / "video" / "single_face.mp4"
    return real if real.exists() else face_video


def test_published_weights_give_outputs_for_a_video(video, tmp_path):
    """Two commands: import the authors' checkpoint, predict a video."""
    import tensorflow as tf

    from kollias_affect.weights import tf1_checkpoint

    name, path = "affwildnet_resnet_gru", tmp_path / "model.ckpt"
    random = np.random.default_rng(0)
    shapes = tf1_checkpoint.variable_shapes(models.reference(name, 8))
    tf.raw_ops.Save(
        filename=str(path),
        tensor_names=list(shapes),
        data=[
            np.float32(
                random.uniform(0.5, 1.5, s) if "BatchNorm" in n else random.normal(0, 0.02, s)
            )
            for n, s in shapes.items()
        ],
    )
    model = tmp_path / "published.keras"
    output = ok("weights", "import", name, path, "--out", model, "--length", "8")
    assert "published.keras: affwildnet_resnet_gru with" in output
    assert models.read_card(model)["source"] == "affwildnet_resnet_gru, checkpoint model.ckpt"
    ok("predict", model, video, "--out", tmp_path / "out")
    with open(tmp_path / "out" / f"{video.stem}.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["success"] == "1"]
    values = np.array([[float(row["valence"]), float(row["arousal"])] for row in rows])
    assert np.isfinite(values).all() and np.abs(values).max() <= 1 and values.std() > 0


def test_bad_imports(tmp_path):
    out = ["--out", tmp_path / "model.keras"]
    assert "`name` must be one of" in refused("weights", "import", "resnet", tmp_path / "a", *out)
    name = "vggface_4096x2000x2"
    assert "must be a checkpoint" in refused("weights", "import", name, tmp_path / "a", *out)
    assert "ends in .keras" in refused(
        "weights", "import", name, tmp_path / "a", "--out", tmp_path / "x"
    )


def test_files_in_the_way_are_not_replaced(face_video, synthetic_root, model, tmp_path):
    labels = ["--labels", synthetic_root / "annotations"]
    (tmp_path / "frames.csv").write_text("mine")
    assert "is no such list" in refused("extract", face_video, "--out", tmp_path, *labels)
    assert (tmp_path / "frames.csv").read_text() == "mine"
    (tmp_path / "subject01_1.csv").write_text("valence,arousal\n")
    assert "holds something else" in refused("predict", model, face_video, "--out", tmp_path)
    assert (tmp_path / "subject01_1.csv").read_text() == "valence,arousal\n"


def test_a_second_extraction_adds_to_the_list(synthetic_root, write_video, tmp_path):
    labels, out = tmp_path / "labels", tmp_path / "crops"
    shutil.copytree(synthetic_root / "annotations", labels)
    nobody = write_video([np.full((64, 64, 3), 90, np.uint8)] * 9)
    (labels / "video.txt").write_text("0,0\n" * 9)
    first, second = sorted((synthetic_root / "videos").glob("*.mp4"))
    command = ["--out", out, "--labels", labels]
    assert "1 clips with labels" in ok("extract", first, *command)
    assert "3 clips with labels" in ok("extract", second, nobody, *command)
    # A video without a face beside others does not stand in the way of landmarks.
    train = ["train", out / "frames.csv", "--out", tmp_path / "run", *SMALL.split()]
    assert "Validation needs at least one frame that counts" in refused(*train)  # it drew `video`
    assert "Best epoch 1" in ok(*train, "--validation", synthetic_root / "validation.csv")


def test_options_out_of_range(synthetic_root, tmp_path):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run"]
    both = ["--validation", synthetic_root / "validation.csv", *SMALL.split()]
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


def test_other_settings_are_named(synthetic_root, tmp_path):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run"]
    both = ["--validation", synthetic_root / "validation.csv", *SMALL.split()]
    ok(*train, *both)
    assert "layers.rnn1 (6, now 9)" in refused(*train, *both, "--rnn-units", "9")


@pytest.fixture
def faces(tmp_path):
    """A collection of images in the form of `images_csv`, one of them listed twice."""
    (tmp_path / "faces" / "2024").mkdir(parents=True)
    for name in ("a_1.jpg", "b_1.jpg", "c_1.jpg"):
        (tmp_path / "faces" / "2024" / name).touch()
    rows = ["image,emotion", "a_1.jpg,HAPPY", "b_1.jpg,contempt", "c_1.jpg,sad", "c_1.jpg,sad"]
    (tmp_path / "faces" / "legend.csv").write_text("\n".join(rows))
    return tmp_path / "faces"


def test_data_prints_the_report(faces, monkeypatch):
    monkeypatch.chdir(faces)
    output = ok("data", "images_csv", "legend.csv", "--option", "images=2024")
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert lines[0] == "images_csv from legend.csv" and "clips 2" in lines
    assert "happiness 1" in lines and "invalid labels 0" in lines
    assert "1 images labelled contempt, left out: b_1.jpg" in lines
    assert any(line.startswith("1 images listed several times with one label") for line in lines)


def test_options_of_data_have_the_values_that_python_has(faces):
    root = ["data", "images_csv", faces, "--option", f"images={faces / '2024'}"]
    mapped = ok(*root, "--option", "mapping={'contempt': 'disgust', 'sad': None}")
    assert "1 images labelled contempt, taken as disgust" in mapped
    assert "1 images labelled sad, left out" in mapped
    for option, message in (
        ("mapping=contempt", "`mapping` must be a dict"),
        ("mapping=7", "`mapping` must be a dict"),
        ("mapping={'contempt': 'scorn'}", "`mapping` must be one of"),
        ("mapping={'contempt'", "`mapping` must be a dict"),
        ("images=2025", "`images` must be a folder. Received: 2025"),
        ("size=96", "option of images_csv"),
        ("split=train", "option of images_csv"),
        ("root=x", "option of images_csv"),
        ("name=x", "option of images_csv"),
        ("=1", "option of images_csv"),
        ("images", "NAME=VALUE"),
    ):
        assert message in refused(*root, "--option", option)


def test_data_writes_a_list_that_can_be_read(faces, tmp_path):
    images = ["--option", f"images={faces / '2024'}"]
    listed = tmp_path / "listed.csv"
    assert "listed.csv: 2 clips." in ok("data", "images_csv", faces, *images, "--out", listed)
    output = " ".join(ok("data", "frames_csv", listed).split())
    assert "clips 2" in output and "happiness 1" in output and "sadness 1" in output
    # A second time: what is there may be somebody's.
    message = refused("data", "images_csv", faces, *images, "--out", faces / "legend.csv")
    assert "`--out` must be a new file" in message
    assert (faces / "legend.csv").read_text().startswith("image,emotion")
    (tmp_path / "sub").mkdir()
    message = refused("data", "images_csv", faces, *images, "--out", tmp_path / "sub" / "x.csv")
    assert "above its images" in message and not (tmp_path / "sub" / "x.csv").exists()


def test_data_reads_crops_and_splits(synthetic_root):
    output = " ".join(ok("data", "frames_csv", synthetic_root, "--split", "train").split())
    assert "split train clips 1 " in output and "frames without a face" in output
    assert "valence" in output and "neutral" not in output
    both = " ".join(
        ok(
            "data",
            "synthetic",
            synthetic_root,
            "--option",
            "subjects=2",
            "--option",
            "clips_per_subject=1",
            "--option",
            "frames=24",
        ).split()
    )
    assert "clips 2" in both and "subjects 2" in both
    assert "`option of frames_csv`" in refused(
        "data", "frames_csv", synthetic_root, "--option", "a=1"
    )


def test_data_that_is_not_there(tmp_path):
    for name in ("ck48", "fer2013", "images_csv", "frames_csv"):
        assert f"{name!r} is read from" in refused("data", name, tmp_path)
        assert "does not exist" in refused("data", name, tmp_path / "none")
    assert "`dataset` must be one of" in refused("data", "affwild9", tmp_path)
    assert "`--out` must be a new file" in refused("data", "ck48", tmp_path, "--out", tmp_path)


def test_bad_data_end_in_a_message(tmp_path, monkeypatch):
    import io
    import tarfile

    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))

    def message(dataset, name, content, *more):
        (tmp_path / name).write_bytes(content)
        return refused("data", dataset, tmp_path / name, *more)

    csv_of = "emotion,pixels,Usage\n0,{},Training\n".format
    assert "2303 fields" in message("fer2013", "a.csv", csv_of("0 " * 2303).encode())
    assert "from 0 to 255" in message("fer2013", "a.csv", csv_of("256 " * 2304).encode())
    assert "0 bytes" in message("fer2013", "a.csv", b"")
    assert "must be whole" in message("fer2013", "a.tar", b"no archive")
    assert "must be whole" in message("images_csv", "a.tar.gz", b"\x1f\x8b\x08\0\0\0")
    assert "Copy it again" in message("ck48", "a.h5", b"no h5")
    assert "line 2 has the byte" in message("images_csv", "a.csv", b"image,emotion\n\xe9.jpg,sad")
    assert "in line 2 of" in message("images_csv", "a.csv", b"image,emotion\n1.jpg\n")
    assert "must stay under" in message("images_csv", "a.csv", b"image,emotion\n../x.jpg,sad\n")
    assert "must stay under" in message("frames_csv", "a.csv", b"../1.jpg,0,0\n")
    (tmp_path / "1.jpg").touch()
    assert "must hold numbers" in message("frames_csv", "a.csv", b"1.jpg,0,high\n")
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil.jpg"))
    assert "a name that leaves it" in message("images_csv", "a.tar", evil.getvalue())
    (tmp_path / "2.jpg").symlink_to(tmp_path / "2.jpg")
    assert "symbolic links" in message("images_csv", "a.csv", b"image,emotion\n2.jpg,sad\n")
    assert not list((tmp_path / "cache").glob("*"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "file"))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    unwritable = message("images_csv", "a.tar", whole.getvalue())
    assert "`cache folder` must be a folder that can be written" in unwritable


def test_training_takes_options_of_the_loader(faces, tmp_path):
    train = ["train", faces, "--dataset", "images_csv", "--out", tmp_path / "run"]
    assert "`images` must be a folder" in refused(*train, "--option", "images=2025")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_training_with_features_and_in_a_precision(synthetic_root, tmp_path, precision):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run", *SMALL.split()]
    train += ["--validation", synthetic_root / "validation.csv"]
    kept = tmp_path / "features"
    ok(*train, "--frozen", "--features", kept, "--precision", precision)
    assert list(kept.glob("features-*.npy"))
    with zipfile.ZipFile(tmp_path / "run" / "best.keras") as archive:
        assert (b"mixed_bfloat16" in archive.read("config.json")) == (precision != "float32")
    assert keras.config.dtype_policy().name == "float32"  # for whoever comes next


def test_training_refuses_unknown_precisions_and_features_of_a_trained_cnn(
    synthetic_root, tmp_path
):
    train = ["train", synthetic_root / "train.csv", "--out", tmp_path / "run", *SMALL.split()]
    train += ["--validation", synthetic_root / "validation.csv"]
    assert "one of ('auto', 'float32'" in refused(*train, "--precision", "float8")
    message = refused(*train, "--features", tmp_path / "features")
    assert "one frozen CNN" in message and "--frozen" in message
