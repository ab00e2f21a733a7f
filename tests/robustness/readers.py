"""Every reader of files, with small whole files that it reads.

A reader is a pair: `write(folder)` writes whole files, and `read(folder)` reads them. Some import
TensorFlow, which the default run leaves to the nightly one.
"""

import dataclasses
import io
import json
import tarfile
import zipfile
from collections.abc import Callable

import database_trees
import numpy as np


@dataclasses.dataclass(frozen=True)
class Reader:
    """One reader: how its files are written and read, and whether it imports TensorFlow."""

    write: Callable
    read: Callable
    heavy: bool = False


READERS = {}


def reader(write, heavy=False):
    def add(read):
        READERS[read.__name__] = Reader(write, read, heavy)
        return read

    return add


def _image(size=24):
    return np.random.default_rng(0).integers(0, 255, (size, size, 3), np.uint8)


# --- faces


def _videos(folder):
    import decode_matrix as m

    cases = [
        m.Case("mp4", "libx264", b_frames=2),
        m.Case("avi", "libx264", b_frames=2),
        m.Case("mkv", "mpeg4"),
        m.Case("webm", "vp8"),
        m.Case("ts", "mpeg2video"),
        m.Case("mov", "mjpeg", "yuvj420p", variable=True),
        m.Case("wmv", "wmv2"),
        m.Case("flv", "flv"),
    ]
    for case in cases:
        m.write(case, folder)


def _only(folder):
    (path,) = [p for p in folder.iterdir() if p.is_file()]
    return path


@reader(_videos)
def video(folder):
    from kollias_affect.faces import Video

    for frame in Video(_only(folder)):
        assert np.isfinite(frame.time)


def _images(folder):
    import PIL.Image

    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "a camera", {0x9286: "text", 0x829A: 0.5}
    exif = exif.tobytes()
    picture = PIL.Image.fromarray(_image())
    for ending in ("jpg", "png", "bmp", "tif", "webp", "avif", "heic"):
        if ending == "heic":
            import pillow_heif

            pillow_heif.register_heif_opener()
        options = {} if ending == "bmp" else {"exif": exif}
        picture.save(folder / f"a.{ending}", **options)
    picture.quantize(16).save(folder / "palette.png", transparency=1)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    PIL.Image.fromarray(_image()[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    picture.save(folder / "lzw.tif", compression="tiff_lzw")


@reader(_images)
def image(folder):
    from kollias_affect.faces.images import read_image

    assert read_image(_only(folder)).ndim == 3


def _extraction(folder):
    from kollias_affect.faces.person_files import COLUMNS

    (folder / "a").mkdir()
    rows = [f"a.mp4,{i},{i / 25},0,1,0.5,1,2,30,40" for i in (1, 2, 3)]
    (folder / "a.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    points = np.zeros((3, 68, 2), np.float32)
    np.savez(folder / "a.npz", landmarks=points, landmarks_in_frame=points)
    content = {"settings": {}, "versions": {}, "people": ["a"], "broken": None, "notes": []}
    (folder / "a.json").write_text(json.dumps(content))


@reader(_extraction)
def extraction(folder):
    from kollias_affect.faces import extraction as module
    from kollias_affect.faces.publication import Publication

    summary = Publication(folder, "a", folder / ".a.partial").summary()
    return [module.read(folder, name) for name in summary["people"]]


def _journal(folder):
    import base64

    points = base64.b64encode(bytes(4 * 136)).decode()
    copy = base64.b64encode(bytes(64)).decode()
    face = {"id": 0, "box": [1, 2, 30, 40, 0.5], "in_frame": points, "in_crop": points}
    face["copy"] = copy
    lines = [{"journal": 2, "settings": {}}]
    lines += [{"frame": i, "t": i / 25, "faces": [face], "grid": [48, 64]} for i in (1, 2, 3)]
    (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@reader(_journal)
def extraction_journal(folder):
    from kollias_affect.faces.frame_journal import FrameJournal

    journal = FrameJournal(folder / "journal.jsonl")
    if journal.header() is not None:
        journal.resume(True)
        journal.close()


def _landmark_crops(folder):
    (folder / "clip").mkdir()
    np.savez(
        folder / "clip" / "crops.npz",
        times=np.arange(3.0),
        found=np.ones(3, bool),
        size=np.array(96),
        source=np.array("s"),
        broken=np.array(""),
        landmarks=np.zeros((3, 68, 2), np.float32),
    )


@reader(_landmark_crops)
def landmark_crops(folder):
    from kollias_affect.faces import landmark_crops as module

    source = folder / "clip" / "crops.npz"
    if source.exists():
        source.rename(folder / "clip" / module.ARRAYS)
    return module.read(folder, "clip", 96)


# --- weights


def _npy_weights(folder):
    layers = {"conv1": {"weights": np.ones((3, 3, 3, 4), np.float32), "biases": np.ones(4)}}
    np.save(folder / "a.npy", layers, allow_pickle=True)
    (folder / "b.npy").write_bytes(b"")
    np.save(folder / "b.npy", {"conv1": [np.ones((2, 2)), np.float32(1)]}, allow_pickle=True)


@reader(_npy_weights)
def weights_npy(folder):
    from kollias_affect.weights import arrays

    arrays.pairs(arrays.read_npy(_only(folder)))


def _mat_weights(folder):
    import scipy.io

    weights = np.empty((1, 2), object)
    weights[0, :] = [np.ones((3, 3, 3, 4), np.float32), np.ones((4, 1), np.float32)]
    cell = np.empty((1, 1), object)
    cell[0, 0] = {"name": "conv1", "type": "conv", "weights": weights}
    meta = {"normalization": {"averageImage": np.ones((4, 4, 3))}}
    for packed in (True, False):
        content = {"layers": cell, "meta": meta}
        scipy.io.savemat(folder / f"a{packed}.mat", content, do_compression=packed)


@reader(_mat_weights)
def weights_mat(folder):
    from kollias_affect.weights import arrays
    from kollias_affect.weights.mean_image import mean_image

    arrays.read_matconvnet(_only(folder))
    mean_image(_only(folder))


def _binaryproto(folder):
    values = np.ones(3 * 4 * 4, "<f4").tobytes()
    head = bytes([8, 1, 16, 3, 24, 4, 32, 4, 0x2A, len(values) & 127 | 128, len(values) >> 7])
    (folder / "mean.binaryproto").write_bytes(head + values)


@reader(_binaryproto)
def mean_of_caffe(folder):
    from kollias_affect.weights.mean_image import mean_image

    mean_image(_only(folder))


def _h5_weights(folder):
    import h5py

    with h5py.File(folder / "a.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv1"]
        group = file.create_group("conv1")
        group.attrs["weight_names"] = [b"conv1/kernel:0", b"conv1/bias:0"]
        group["conv1/kernel:0"], group["conv1/bias:0"] = np.ones((3, 3, 3, 4)), np.ones(4)
    with h5py.File(folder / "b.weights.h5", "w") as file:
        group = file.create_group("layers/conv2d/vars")
        group.attrs["name"] = "conv1"
        group["0"], group["1"] = np.ones((3, 3, 3, 4), np.float32), np.ones(4, np.float32)
    for name, claim in (
        ("huge", {"shape": (2**34,)}),
        ("packed", {"shape": (2**34,), "chunks": True}),
    ):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.attrs["layer_names"] = [b"conv1"]
            group = file.create_group("conv1")
            group.attrs["weight_names"] = [b"kernel"]
            packed = {"compression": "gzip"} if "chunks" in claim else {}
            group.create_dataset("kernel", dtype="f4", **claim, **packed)


@reader(_h5_weights)
def weights_h5(folder):
    from kollias_affect.weights import arrays

    arrays.read_keras_h5(_only(folder))


def _checkpoint(folder):
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("a/weights", initializer=np.ones((3, 4), np.float32))
        tf.compat.v1.get_variable("a/biases", initializer=np.ones(4, np.float32))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(folder / "model"), write_meta_graph=False)
    (folder / "checkpoint").unlink()


@reader(_checkpoint, heavy=True)
def tf1_checkpoint(folder):
    from kollias_affect.weights import tf1_checkpoint as module

    with module.open_checkpoint(folder / "model") as checkpoint:
        for name in checkpoint.shapes:
            checkpoint.read(name)


def _model(folder):
    import keras

    from kollias_affect import backbones, models

    keras.utils.set_random_seed(0)
    model = models.cnn(backbones.cnn_m((32, 32, 3), width=0.02), "valence", hidden_units=4)
    models.save(model, folder / "model.keras")


@reader(_model, heavy=True)
def model(folder):
    import keras

    from kollias_affect import models

    try:
        models.load(_only(folder))
    finally:
        keras.backend.clear_session()


@reader(_model)
def model_card(folder):
    from kollias_affect.models import files

    files.read_card(_only(folder))


# --- files that the package itself writes


def _centroids(folder):
    from kollias_affect.adaptation import Centroids

    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 5)
    samples = random.normal(size=(15, 4)) + labels[:, None] * 5
    Centroids.fit(samples, labels, names=("a", "b", "c"), seed=0).save(folder / "c.npz")


@reader(_centroids)
def centroids(folder):
    from kollias_affect.adaptation import Centroids

    Centroids.load(_only(folder))


def _postprocessing(folder):
    from kollias_affect.evaluation.postprocess import steps

    steps.no_steps().save(folder / "post.json")


@reader(_postprocessing)
def postprocessing(folder):
    from kollias_affect.evaluation.postprocess import steps

    steps.PostProcessing.load(_only(folder))


def _run(folder):
    (folder / "settings.json").write_text(json.dumps({"a": 1, "b": [1, 2]}))


@reader(_run)
def run_settings(folder):
    from kollias_affect import _runs

    _runs.check_folder(folder, {"a": 1, "b": [1, 2]}, writes=("log.csv",), required=("a",))


def _feature_rows():
    return np.random.default_rng(0).normal(size=(40, 8)).astype("<f4")


def _feature_cache(folder):
    from kollias_affect import _files

    rows = _feature_rows()
    _files.write_array(folder / "features-a.npy", rows.shape, "<f4", rows)


@reader(_feature_cache)
def feature_cache(folder):
    """A damaged cache is computed again: its features are never used."""
    from kollias_affect import _files

    rows = _feature_rows()
    found = _files.read_array(_only(folder), rows.shape, "<f4")
    if found is None:
        raise ValueError(f"{_only(folder)} is computed again")
    assert np.array_equal(found, rows)


def _torch_features(folder):
    np.save(folder / "a.npy", np.ones((3, 8), np.float16))


@reader(_torch_features, heavy=True)
def torch_features(folder):
    from kollias_affect import features

    (values,) = features.from_torch_features(folder, [_clip("a")])
    assert len(values) == 3 and np.isfinite(values).all()


def _model_with_backup(folder):
    """A small model whose weights are the number of the epoch, and its backup."""
    import keras

    from kollias_affect.training import AtomicBackup

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="a")], name="m")
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    backup = AtomicBackup(folder / "backup")
    backup.set_model(model)
    return model, backup


def _backup(folder):
    model, backup = _model_with_backup(folder)
    for epoch in (1, 2):
        model.set_weights([np.full_like(value, epoch) for value in model.get_weights()])
        backup._current_epoch = epoch
        backup._save_model()
    (folder / "backup" / "epoch-x.weights.h5").write_bytes(b"not ours")


@reader(_backup, heavy=True)
def backup(folder):
    """A damaged backup gives way to the one before."""
    model, backup = _model_with_backup(folder)
    backup._load_model()
    epoch = backup.epochs_done(folder / "backup")
    assert epoch in (1, 2)
    assert all((value == epoch).all() for value in model.get_weights())


# --- databases and annotations


def _csv(folder, text, name="a.csv"):
    (folder / name).write_text(text)


def _clip(key):
    from kollias_affect.clip import Clip

    return Clip(key, ["x.jpg"] * 3)


def _frames_csv(folder):
    points = ",".join(f"x_{i}" for i in range(68)) + "," + ",".join(f"y_{i}" for i in range(68))
    numbers = ",".join(["0.5"] * 136)
    rows = [f"{c},p{c},img/{i}.png,{i / 25},0.1,-0.2,anger,{numbers}" for c in "ab" for i in (1, 2)]
    head = f"clip,subject,image,time,valence,arousal,expression,{points}"
    _csv(folder, "\n".join([head, *rows]) + "\n")
    for i in (1, 2):
        _picture(folder / "img" / f"{i}.png")


def _picture(path):
    import PIL.Image

    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(_image()).save(path)


@reader(_frames_csv)
def frames_csv(folder):
    from kollias_affect import datasets

    datasets.load("frames_csv", folder)


def _shards(folder):
    import tempfile
    from pathlib import Path

    from kollias_affect import shards

    with tempfile.TemporaryDirectory() as crops:
        _frames_csv(Path(crops))
        (Path(crops) / "a.csv").unlink()
        shards.pack(crops, folder, progress=False)


@reader(_shards)
def shards(folder):
    """A picture is read as it was packed, or not at all."""
    import tempfile
    from pathlib import Path

    from kollias_affect import shards

    with tempfile.TemporaryDirectory() as temporary:
        shards.unpack(folder, Path(temporary) / "out", progress=False)
        _picture(Path(temporary) / "whole.png")
        whole = (Path(temporary) / "whole.png").read_bytes()
        for path in Path(temporary, "out").rglob("*.png"):
            assert path.read_bytes() == whole


def _images_csv(folder):
    _csv(folder, "image,emotion\na.png,happy\nb.png,sad\n")
    for name in "ab":
        _picture(folder / "images" / f"{name}.png")


@reader(_images_csv)
def images_csv(folder):
    from kollias_affect import datasets

    datasets.load("images_csv", folder)


def _subjects(folder):
    _csv(folder, "video,subject,gender\na,1,female\nb,2,male\n")


@reader(_subjects)
def subjects(folder):
    from kollias_affect.datasets import subjects as module

    module.read(_only(folder))


def _fer(folder):
    pixels = " ".join(["7"] * 48 * 48)
    rows = [f"{i},{pixels},{u}" for i, u in enumerate(("Training", "PublicTest", "PrivateTest"))]
    _csv(folder, "emotion,pixels,Usage\n" + "\n".join(rows) + "\n", "fer2013.csv")


@reader(_fer)
def fer2013(folder):
    from kollias_affect import datasets

    datasets.load("fer2013", folder, unpack_to=folder / "unpacked")


def _fer_tar(folder):
    _fer(folder)
    table = folder / "fer2013.csv"
    for ending, mode in (("tar.gz", "w:gz"), ("tar", "w")):
        with tarfile.open(folder / f"fer2013.{ending}", mode) as archive:
            archive.add(table, "fer2013/fer2013.csv")
            data = b"text"
            info = tarfile.TarInfo("fer2013/README")
            info.size, info.pax_headers = len(data), {"comment": "c" * 200}
            archive.addfile(info, io.BytesIO(data))
    table.unlink()


@reader(_fer_tar)
def archive(folder):
    from kollias_affect.datasets import _archives

    _archives.unpack_tar(_only(folder), folder / "unpacked")


def _ck48(folder):
    import h5py

    with h5py.File(folder / "CK_data.h5", "w") as file:
        file["data_pixel"] = np.zeros((6, 48, 48), np.uint8)
        file["data_label"] = np.repeat([0, 1], 3)
    with h5py.File(folder / "claims.h5", "w") as file:
        file.create_dataset("data_pixel", (2**24, 48, 48), "u1")
        file["data_label"] = np.repeat([0, 1], 3)


@reader(_ck48)
def ck48(folder):
    from kollias_affect import datasets

    datasets.load("ck48", _only(folder), unpack_to=folder / "unpacked")


@reader(lambda folder: database_trees.affwild(folder, 1, 1))
def affwild(folder):
    from kollias_affect import datasets

    datasets.load("affwild", folder)


@reader(lambda folder: database_trees.affwild2(folder, 1, 1))
def affwild2(folder):
    from kollias_affect import datasets

    datasets.load("affwild2", folder)


def _multitask(folder):
    zeros = ",".join(["0"] * 12)
    for part in ("train", "validation"):
        rows = [f"{part}{n}/{i:05d}.jpg,0.1,-0.2,{n},{zeros}" for n in (1, 2) for i in (1, 2)]
        head = "image,valence,arousal,expression,aus"
        _csv(folder, "\n".join([head, *rows]) + "\n", f"{part}_set.txt")
        for n in (1, 2):
            for i in (1, 2):
                _picture(folder / "cropped_aligned" / f"{part}{n}" / f"{i:05d}.jpg")


@reader(_multitask)
def affwild2_multitask(folder):
    from kollias_affect import datasets

    datasets.load("affwild2", folder, task="multitask")


def _afew_va(folder):
    for name in ("001", "002"):
        (folder / name).mkdir()
        frame = {"valence": 1, "arousal": -2, "landmarks": np.arange(136.0).reshape(68, 2).tolist()}
        content = {"actor": f"A{name}", "frames": {"00000": frame, "00001": frame}}
        (folder / name / f"{name}.json").write_text(json.dumps(content))


@reader(_afew_va)
def afew_va(folder):
    from kollias_affect import datasets

    datasets.load("afew_va", folder, frames="complete")


@reader(lambda folder: database_trees.recola_gold(folder, 1, 1))
def recola(folder):
    from kollias_affect import datasets

    datasets.load("recola", folder, labels_only=True)


@reader(lambda folder: database_trees.omg(folder, 2, 1, 1))
def omg(folder):
    from kollias_affect import datasets

    datasets.load("omg", folder, labels_only=True)


def _omg_submission(folder):
    _csv(folder, "video,utterance,arousal,valence\nv,utterance_1.mp4,0.5,0.1\n")


@reader(_omg_submission)
def submission(folder):
    from kollias_affect.datasets import submissions

    submissions.read("omg", _only(folder), [_clip("v/utterance_1")])


def _formats(folder):
    _csv(folder, "time,value,annotator\n0.0,0.1,a\n0.04,0.2,a\n", "csv.csv")
    _csv(folder, "valence,arousal\n0.1,0.2\n0.1,0.2\n0,0\n", "affwild2.txt")
    _csv(folder, "valence,arousal\n0.1,0.2\n0.1,0.2\n0,0\n", "frames_csv.csv")
    frame = {"valence": 1, "arousal": 2}
    content = {"video_id": "a", "actor": "x", "frames": {f"{i:05d}": frame for i in range(3)}}
    (folder / "afew_va.json").write_text(json.dumps(content))
    line = "2016-01-01,1,n,a.mp4,valence,{},{},1\n"
    _csv(folder, line.format(0.0, 0.1) + line.format(0.04, 0.2), "annemo.csv")
    carma = ["Time of Rating,x", "Multimedia File,a.mp4", "Lower Label,l", "Upper Label,u"]
    carma += ["Minimum Value,-100", "Maximum Value,100", "Number of Steps,9", "Second,Rating"]
    _csv(folder, "\n".join([*carma, "%%%%%%,%%%%%%", "0.5,1", "1.5,2"]) + "\n", "carma.csv")
    darma = [*carma[:2], "Magnitude,100", "Second,X,Y", "%%%%%%,%%%%%%", "0.5,1,2", "1.5,2,3"]
    _csv(folder, "\n".join(darma) + "\n", "darma.csv")


@reader(_formats)
def annotation_formats(folder):
    from kollias_affect.annotations import formats

    path = _only(folder)
    defaults = {"video": "a.mp4", "person": "p", "annotator": "n", "dimension": "valence"}
    name = path.stem if path.stem in formats.READERS else sorted(formats.READERS)[0]
    formats.read(path, name, defaults, lambda _: [0.0, 0.04, 0.08])


def _texts(folder):
    from kollias_affect.annotations import texts

    (folder / "texts.json").write_text(json.dumps(texts.default()))


@reader(_texts)
def annotation_texts(folder):
    from kollias_affect.annotations import texts

    texts.read(_only(folder))


def _playlist(folder):
    _csv(folder, "playlist,video\na,v1.mp4\na,v2.mp4\n")


@reader(_playlist)
def playlist(folder):
    from kollias_affect.annotations import playlists

    playlists.read(_only(folder), ["v1.mp4", "v2.mp4"])


def _guidelines(folder):
    (folder / "guidelines.md").write_text("# Valence\n\nText.\n")


@reader(_guidelines)
def guidelines(folder):
    from kollias_affect.annotations import guidelines as module

    module.read(_only(folder))


def _option(folder):
    (folder / "option").write_text("{'a': [1, 2.5], 'b': None}")


@reader(_option)
def option(folder):
    from kollias_affect.datasets import option_texts

    text = _only(folder).read_bytes().decode("utf-8", "replace").replace("\0", "")
    option_texts.parse_value(text)


def zipped(path):
    """Whether a file is a zip archive."""
    return zipfile.is_zipfile(path)
