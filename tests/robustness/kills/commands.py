"""What is killed: every command that resumes, on inputs so small that it takes a second.

`prepare` writes the inputs once, `run` is what is killed and called again. Both run in processes of
their own that the campaign forks, with all modules loaded: no start of TensorFlow is waited for.
"""

import dataclasses
import functools
import importlib
import io
import sqlite3
import tarfile
from collections.abc import Callable

import numpy as np

NEURAL = ("keras", "kollias_affect.training", "kollias_affect.transfer")
NEURAL += ("kollias_affect.experiments", "kollias_affect.adaptation.alternation")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command that resumes.

    Args:
        prepare: Function that writes the inputs to a folder.
        run: Function of the inputs and of the folder of the outputs.
        modules: Modules that are loaded before the processes are forked.
        workers: Whether `run` starts processes, so that it has to be killed at random times.
        ignored: Patterns of outputs that are not compared.
    """

    prepare: Callable
    run: Callable
    modules: tuple = ()
    workers: bool = False
    ignored: tuple = ()


def grey_clip(folder, key, frames, level, size=32, **fields):
    """A clip of grey pictures, which are written once."""
    import cv2

    from kollias_affect.clip import Clip

    paths = [folder / key / f"{i + 1:05d}.png" for i in range(frames)]
    for i, path in enumerate(paths):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((size, size, 3), (level + 9 * i) % 256, np.uint8))
    random = np.random.default_rng(level)
    fields = {
        "valence_arousal": random.uniform(-1, 1, (frames, 2)),
        "landmarks": random.uniform(-1, 1, (frames, 68, 2)),
        "times": np.arange(frames) / 25,
        **fields,
    }
    return Clip(key, [str(path) for path in paths], **fields)


def grey_clips(inputs, count=4, frames=4, **fields):
    return [grey_clip(inputs, f"clip{i}", frames, 40 * i, **fields) for i in range(count)]


def quick(run):
    """Lets a training leave out what takes long and is not compared: graphs, pictures, TensorBoard.

    Neither Keras nor the windows have control flow that would need AutoGraph, which converts them
    for longer than the training lasts.
    """

    @functools.wraps(run)
    def run_quickly(inputs, out):
        import keras
        import tensorflow as tf

        from kollias_affect import training
        from kollias_affect.transfer import stage_report

        tf.config.run_functions_eagerly(True)
        compile_model = keras.Model.compile
        keras.Model.compile = lambda self, *a, **k: compile_model(
            self, *a, **{**k, "run_eagerly": True}
        )
        training.output.tensorboard = lambda *args: keras.callbacks.Callback()
        stage_report.plots.save = lambda figure, path: None
        tf.autograph.experimental.do_not_convert(run)(inputs, out)

    return run_quickly


# --- unpacking


def write_archive(inputs):
    random = np.random.default_rng(0)
    with tarfile.open(inputs / "set.tar.gz", "w:gz") as archive:
        for i in range(20):
            member = tarfile.TarInfo(f"deep/{i}.jpg")
            member.size = 5000 + i
            archive.addfile(member, io.BytesIO(random.bytes(member.size)))


def unpack(inputs, out):
    from kollias_affect.datasets import _archives

    _archives.unpack_tar(inputs / "set.tar.gz", out / "unpacked")


# --- extraction


def write_videos(inputs):
    from kollias_affect.datasets import synthetic

    synthetic.make(inputs, subjects=2, clips_per_subject=1, frames=8)


def extract(inputs, out):
    from kollias_affect import faces

    faces.extract(inputs / "videos" / "subject01_1.mp4", out, threads=1)


def extract_with_workers(inputs, out):
    from kollias_affect import faces

    videos = sorted((inputs / "videos").glob("*.mp4"))
    _, errors = faces.extract_many(videos, out, processes=2, progress=False)
    if errors:  # A worker was killed, and the command says so.
        raise OSError(next(iter(errors.values())))


# --- pictures of paper D


def write_pictures(inputs):
    import cv2

    for i in range(6):
        cv2.imwrite(str(inputs / f"{i}.png"), np.full((64, 64, 3), 40 * i, np.uint8))


def crop_pictures(inputs, out):
    from kollias_affect.clip import Clip
    from kollias_affect.faces import picture_crops

    picture_crops._face = lambda image, *_: (image[8:40, 8:40], "face")  # that detects quickly
    clips = [Clip(str(i), [str(inputs / f"{i}.png")]) for i in range(6)]
    picture_crops.paper_d_crops(clips, out / "crops", progress=False)


# --- annotations


def annotate(inputs, out):
    """Stores the batches of a page, which sends each until it is acknowledged."""
    from kollias_affect.annotations.store import Batch, Store

    out.mkdir(exist_ok=True)
    with Store(out) as store:
        video = store.videos.with_sha256("a" * 64) or store.videos.add(
            sha256="a" * 64, name="a.mp4", path="a.mp4", size=1, modified=1, duration=10.0,
            start=0.0, rate=25.0, copy=None, facts={},
        )  # fmt: skip
        person = store.videos.add_person(video["id"], "left")
        session = store.people.session(store.people.log_in("A1", "annotator", {}))
        options = (session, video["id"], person["id"], "valence", "bounded")
        take = store.takes.create("take-0001", *options)["id"]
        done = out / "acknowledged"
        start = int(done.read_text() or 0) if done.exists() else 0
        stored = sum(map(len, store.takes.segments(take)))
        if stored not in (3 * start, 3 * start + 3):  # the last answer may have been lost
            raise ValueError(f"{stored} samples are stored, {3 * start} were acknowledged")
        for sequence in range(start, 12):
            samples = np.array([[sequence + i / 10, i, sequence / 100] for i in range(3)])
            store.takes.add(take, Batch("writer-1", sequence, 1, samples))
            done.with_suffix(".new").write_text(str(sequence + 1))
            done.with_suffix(".new").replace(done)


def samples(path):
    """What a store holds, without times and random names."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT sequence, segment, data FROM batches ORDER BY sequence")
    return repr((rows.fetchall(), connection.execute("PRAGMA integrity_check").fetchall()))


# --- training


def tiny(task="valence_arousal", length=2):
    import keras

    from kollias_affect import models

    keras.utils.set_random_seed(0)
    images = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 5, strides=5, activation="relu", name="conv")(images)
    backbone = keras.Model(images, keras.layers.MaxPooling2D(5, name="pool")(x), name="backbone")
    return models.cnn(
        backbone, task, landmarks=False, hidden_units=(8,), dropout=0.2, length=length
    )


@quick
def train(inputs, out):
    from kollias_affect import training

    clips = grey_clips(inputs, 3)
    training.train(
        tiny(),
        clips[:2],
        clips[2:],
        out / "run",
        epochs=3,
        learning_rate=0.01,
        batch_size=2,
        verbose=0,
    )


@quick
def cache_features(inputs, out):
    from kollias_affect import features, transfer, windows

    clips = grey_clips(inputs, 6, frames=2)
    model = tiny()
    transfer.freeze(model, cnn=True)
    cnn, _ = features.split(model)
    features.of_clips(cnn, clips, out / "features", 32, progress=False)
    windows.dataset(clips, length=1, size=8, cache=out / "frames")


@quick
def finetune(inputs, out):
    from kollias_affect.transfer import Stage, staged

    clips = [
        grey_clip(inputs, f"{part}{i}", 1, 30 * i + number, expression=[i])
        for number, part in enumerate("abcd")
        for i in range(7)
    ]
    stages = [
        Stage("first", clips[:7], clips[7:14], epochs=2, learning_rate=0.01),
        Stage("second", clips[14:21], clips[21:], epochs=2, learning_rate=0.01),
    ]
    staged(tiny("expression", None), stages, out / "run", batch_size=7, verbose=0)


@quick
def adapt(inputs, out):
    import striped

    from kollias_affect.experiments.paper_a import experiment
    from kollias_affect.experiments.paper_a.settings import Settings

    clips = {
        part: [
            grey_clip(inputs, f"{part}{i}", 2, 60 * i + number, expression=[i, i]) for i in range(3)
        ]
        for number, part in enumerate(experiment.PARTS)
    }
    settings = Settings(
        lambdas=(1.0,), seeds=1, steps=2, hidden_units=8, rnn_units=4, length=2, batch_size=2,
        initializer="keras", learning_rate=0.01,
    )  # fmt: skip
    run = experiment.Experiment(clips, striped.backbone(), out / "run", settings)
    run.run(lambda line: None)
    run.alternated(0.5, 0, rounds=2)


@quick
def table(inputs, out):
    from kollias_affect.experiments import SMOKE, Laboratory, Parts, runner, scoring
    from kollias_affect.experiments.declaration import Cell, Network, Table, Training

    clips = grey_clips(inputs, 6)
    roles = {
        "data": Parts(clips[:2], clips[2:3], clips[3:4]),
        "pretrain": Parts(clips[4:5], clips[5:6], []),
    }
    network = Network("cnn", "cnn_m", {"landmarks": False, "length": 1, "hidden_units": 8})
    cells = (
        Cell("scratch", "", scoring.Scored(Training(network)), {"CCC valence": 0.5}),
        Cell("pretrained", "", scoring.Scored(Training(network, before="pretrain")), {}),
    )
    texts = ("T1", "A test", "No paper", "it", "all", "none")
    one = Table(*texts, ("CCC valence",), cells, scoring.dimensional)
    scale = dataclasses.replace(SMOKE, learning_rate=0.01)
    laboratory = Laboratory(roles, out / "trainings", scale, log=lambda line: None)
    runner.run(one, laboratory, out, lambda line: None)


def no_inputs(inputs):
    """The clips are written when they are described."""


RUN = ("**/tensorboard/**", "**/backup/*.json")
COMMANDS = {
    "unpacking": Command(write_archive, unpack, ("kollias_affect.datasets._archives",)),
    "annotate": Command(no_inputs, annotate, ("kollias_affect.annotations.store",)),
    "pictures": Command(write_pictures, crop_pictures, ("kollias_affect.faces.picture_crops",)),
    "extract": Command(write_videos, extract, ("kollias_affect.faces", "scipy.spatial")),
    "extract, workers": Command(write_videos, extract_with_workers, workers=True),
    "train": Command(no_inputs, train, NEURAL, ignored=RUN),
    "features": Command(no_inputs, cache_features, (*NEURAL, "kollias_affect.features")),
    "finetune": Command(no_inputs, finetune, NEURAL, ignored=RUN),
    "adapt": Command(no_inputs, adapt, NEURAL, ignored=RUN),
    "table": Command(no_inputs, table, NEURAL, ignored=RUN),
}


def load(command):
    """Loads the modules of a command."""
    for name in command.modules:
        importlib.import_module(name)
