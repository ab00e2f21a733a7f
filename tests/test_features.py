import concurrent.futures
import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from kollias_affect import (
    _files,
    _storage,
    backbones,
    evaluation,
    features,
    models,
    training,
    windows,
)
from kollias_affect.clip import Clip

LENGTH, SIZE = 4, 32
TINY = {"rnn_units": 5, "hidden_units": 8, "length": LENGTH}


pytestmark = pytest.mark.usefixtures("eager_functions", "plain_tensorboard")


@pytest.fixture
def clips(tmp_path):
    """Two clips of different lengths; one frame of the first clip has no image."""
    random = np.random.default_rng(0)
    clips = []
    for name, frames in (("a", 10), ("b", 7)):
        paths = [str(tmp_path / f"{name}{i}.png") for i in range(frames)]
        for path in paths:
            cv2.imwrite(path, random.integers(0, 256, (SIZE, SIZE, 3), np.uint8))
        if name == "a":
            paths[3] = ""
        clips.append(
            Clip(
                name,
                paths,
                landmarks=random.uniform(-1, 1, (frames, 68, 2)),
                valence_arousal=random.uniform(-1, 1, (frames, 2)),
            )
        )
    return clips


def backbone(trainable=False):
    keras.utils.set_random_seed(0)
    network = backbones.vgg_face((SIZE, SIZE, 3), width=0.02)
    network.trainable = trainable
    return network


def affwildnet(**options):
    return models.affwildnet(backbone(), initializer=None, frozen=True, **{**TINY, **options})


@pytest.fixture(scope="module")
def cnn():
    """The CNN of `affwildnet`, which no test changes."""
    return features.split(affwildnet())[0]


def multi():
    taps = ("pool2", "pool5", "fc1")
    return models.multi_rnn(backbone(), "valence_arousal", taps, "3rnn", frozen=True, **TINY)


def without_labels(data):
    return data.map(lambda inputs, labels, weights: inputs)


@pytest.mark.parametrize("build", [affwildnet, multi, lambda: affwildnet(representation=True)])
def test_the_head_on_features_equals_the_model_on_images(build, clips, tmp_path):
    model = build()
    cnn, head = features.split(model)
    cached = features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    assert [part.shape[0] for part in cached] == [10, 7]
    on_images = model.predict(without_labels(windows.dataset(clips, LENGTH, size=SIZE)))
    data = windows.dataset(clips, LENGTH, size=SIZE, features=cached)
    assert data.element_spec[0]["features"].shape[1:] == (LENGTH, cnn.output_shape[-1])
    on_features = head.predict(without_labels(data))
    pairs = zip(keras.tree.flatten(on_images), keras.tree.flatten(on_features), strict=True)
    for a, b in pairs:
        assert np.allclose(a, b, atol=1e-6) and np.ptp(a) > 1e-5


def test_the_head_has_the_weights_of_the_model():
    model = affwildnet()
    _, head = features.split(model)
    assert head.output_names == model.output_names
    assert {id(v) for v in head.trainable_variables} == {id(v) for v in model.trainable_variables}


def test_a_cnn_that_is_trained_is_refused():
    model = models.affwildnet(backbone(trainable=True), **TINY)
    with pytest.raises(ValueError, match=r"one that is trained. Freeze it"):
        features.split(model)


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def test_cached_features_are_used_again(cnn, clips, tmp_path):
    features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    before = files(tmp_path / "cache")
    again, _ = features.split(affwildnet())  # rebuilt from the same seed
    features.of_clips(again, clips[::-1], tmp_path / "cache", SIZE, progress=False)
    assert files(tmp_path / "cache") == before and len(before) == 2


def test_another_image_of_the_same_size_and_time_is_noticed(cnn, clips, tmp_path):
    # The second clip is alone in its batches both times: other batches may change a last bit.
    features.of_clips(cnn, clips[:1], tmp_path / "cache", SIZE, progress=False)
    first = features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    path = clips[1].paths[2]
    state, image = os.stat(path), cv2.imread(path)
    image[0, 0] = 255 - image[0, 0]
    cv2.imwrite(path, image)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    second = features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    assert np.array_equal(first[0], second[0])
    changed = np.abs(first[1] - second[1]).max(axis=1) > 0
    assert changed.tolist() == [i == 2 for i in range(7)]


@pytest.mark.parametrize("change", ["weights", "layers", "precision"])
def test_another_cnn_is_noticed(clips, tmp_path, change):
    cnn, _ = features.split(affwildnet())
    features.of_clips(cnn, clips[:1], tmp_path / "cache", SIZE, progress=False)
    if change == "weights":
        weights = cnn.get_weights()
        weights[-1] = weights[-1] + np.float32(1e-6)
        cnn.set_weights(weights)
    elif change == "layers":
        cnn.get_layer("pool1").pool_size = (2, 2)
        other = keras.models.clone_model(
            cnn,
            clone_function=lambda layer: (
                keras.layers.AveragePooling2D(2, name="pool1")
                if layer.name == "pool1"
                else layer.__class__.from_config(layer.get_config())
            ),
        )
        other.set_weights(cnn.get_weights())
        cnn = other
    else:
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            cnn, _ = features.split(affwildnet())
        finally:
            keras.config.set_dtype_policy("float32")
    features.of_clips(cnn, clips[:1], tmp_path / "cache", SIZE, progress=False)
    assert len(files(tmp_path / "cache")) == 2


def test_an_interrupted_extraction_resumes_and_leaves_no_partial_file(
    cnn, clips, tmp_path, monkeypatch
):
    complete = features.of_clips(cnn, clips, tmp_path / "complete", SIZE, progress=False)
    monkeypatch.setattr(features, "_LARGEST_BATCH", 4)
    real, calls = cnn.predict_on_batch, []

    def stopping(images):
        calls.append(len(images))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(images)

    monkeypatch.setattr(cnn, "predict_on_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    assert len(list((tmp_path / "cache").iterdir())) == 1  # clip a; nothing of clip b
    monkeypatch.setattr(cnn, "predict_on_batch", real)
    resumed = features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(complete, resumed, strict=True))


def test_images_that_cannot_be_read_are_named(cnn, clips, tmp_path):
    with open(clips[1].paths[4], "wb") as file:
        file.write(b"no image")
    with pytest.raises(ValueError, match=r"Received: .*b4\.png"):
        features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)
    os.unlink(clips[1].paths[4])
    with pytest.raises(FileNotFoundError, match=r"b4\.png"):
        features.of_clips(cnn, clips, tmp_path / "cache", SIZE, progress=False)


def test_training_on_cached_features_equals_training_on_images(clips, tmp_path):
    rows = []
    for name, folder in (("images", None), ("features", tmp_path / "cache")):
        keras.utils.set_random_seed(0)
        model = affwildnet(hidden_units=8)
        trained, card = training.train(
            model, clips[:1], clips[1:], tmp_path / name, epochs=2, features=folder, verbose=0
        )
        log = np.genfromtxt(tmp_path / name / "log.csv", delimiter=",", names=True)
        rows.append([log[column] for column in log.dtype.names])
        assert {tensor.name for tensor in trained.inputs} == {"images", "landmarks"}
        scores = evaluation.scores(clips[1:], evaluation.predict(trained, clips[1:]))
        assert scores.loc["mean", "CCC"] == pytest.approx(card["val_ccc"], abs=1e-5)
    assert np.allclose(*rows, atol=1e-5)
    with pytest.raises(ValueError, match=r"differs in .*features"):  # a run is one or the other
        training.train(
            affwildnet(hidden_units=8), clips[:1], clips[1:], tmp_path / "images",
            epochs=2, features=tmp_path / "cache", verbose=0,
        )  # fmt: skip


def test_a_trained_cnn_has_no_features_to_cache(clips, tmp_path):
    model = models.affwildnet(backbone(trainable=True), **TINY)
    with pytest.raises(ValueError, match="Features can be cached for one frozen CNN"):
        training.train(model, clips[:1], clips[1:], tmp_path / "run", features=tmp_path / "cache")


def test_features_of_another_program_train_a_temporal_head(clips, tmp_path):
    random, folder = np.random.default_rng(0), tmp_path / "torch"
    folder.mkdir()
    given = [random.normal(size=(len(clip), 6)).astype("float16") for clip in clips]
    given[1][2, 3] = np.nan
    for clip, values in zip(clips, given, strict=True):
        np.save(folder / f"{clip.key}.npy", values)
    arrays = features.from_torch_features(folder, clips)
    assert not arrays[1][2].any() and arrays[0].dtype == np.float32
    np.testing.assert_array_equal(arrays[0], given[0].astype("float32"))
    model = models.temporal(6, "valence_arousal", "transformer", 4, length=LENGTH)
    model = training.compile_model(model, 1e-3)
    data = windows.dataset(clips, LENGTH, landmarks=False, features=arrays)
    assert np.isfinite(model.fit(data, epochs=1, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    "values", [np.zeros((9, 6)), np.zeros((10, 6), int), np.zeros(10), np.zeros((10, 0))]
)
def test_files_of_features_that_do_not_fit_are_refused(clips, tmp_path, values):
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(ValueError, match="one row per frame"):
        features.from_torch_features(tmp_path, clips[:1])


def test_every_clip_needs_its_features(clips, tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((10, 6)))
    with pytest.raises(FileNotFoundError, match=r"b\.npy"):
        features.from_torch_features(tmp_path, clips)
    np.save(tmp_path / "b.npy", np.zeros((7, 5)))
    with pytest.raises(ValueError, match="same units in every file"):
        features.from_torch_features(tmp_path, clips)


@pytest.mark.parametrize(("dtype", "error"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_features_of_16_bits_take_half_the_disk_and_are_rounded(cnn, clips, tmp_path, dtype, error):
    full, half = (
        features.of_clips(cnn, clips, tmp_path / d, SIZE, progress=False, dtype=d)
        for d in ("float32", dtype)
    )
    sizes = [
        sum(p.stat().st_size - 4 - 128 for p in (tmp_path / d).iterdir())
        for d in ("float32", dtype)
    ]
    assert sizes[0] == 2 * sizes[1] == 4 * 17 * cnn.output_shape[-1]
    for a, b in zip(full, half, strict=True):
        assert b.dtype.name == dtype and np.ptp(a) > 0
        # IEEE 754 and bfloat16 keep 10 and 7 bits: the error is half of the last one.
        np.testing.assert_allclose(b.astype(np.float32), a, rtol=error, atol=2**-25)
    data = windows.dataset(clips, LENGTH, features=half)
    batch = next(iter(data.as_numpy_iterator()))[0]["features"]
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch[0], half[0][:LENGTH].astype(np.float32))


def test_features_too_large_for_float16_are_refused(cnn, clips, tmp_path, monkeypatch):
    units = cnn.output_shape[-1]
    large = np.full((1, units), 7e4, np.float32)
    monkeypatch.setattr(cnn, "predict_on_batch", lambda images: large.repeat(len(images), axis=0))
    with pytest.raises(ValueError, match=r"exceed 65,504\. Received: one of 70000"):
        features.of_clips(cnn, clips, tmp_path, SIZE, progress=False, dtype="float16")
    assert not list(tmp_path.glob("*.npy"))


def test_features_used_longest_ago_make_room(cnn, clips, tmp_path):
    folder = tmp_path / "cache"
    width = 4 * cnn.output_shape[-1]

    def cache(chosen, limit=None):
        features.of_clips(cnn, chosen, folder, SIZE, progress=False, limit=limit)
        return sorted((p.stat().st_size - 132) // width for p in folder.glob("features-*.npy"))

    assert cache(clips) == [7, 10]
    old = max(folder.iterdir(), key=lambda p: p.stat().st_size)
    os.utime(old, (1, 1))
    assert cache(clips[1:], limit=17 * width + 400) == [7, 10]  # there is room
    cache(clips[:1])  # the longer one is used now; its modification time stays
    assert old.stat().st_mtime == 1
    other = folder / "notes.npy"
    other.write_bytes(bytes(30 * width))
    part = clips[0].part(0, 4, "part")
    # The shorter one was used before it.
    assert cache([part], limit=14 * width + 400) == [4, 10]
    with pytest.raises(ValueError, match="room for the features of all clips"):
        cache(clips, limit=12 * width)
    assert other.exists()


@pytest.mark.nightly
def test_training_on_features_of_16_bits_is_a_run_of_its_own(clips, tmp_path):
    options = {"epochs": 1, "features": tmp_path / "cache", "verbose": 0}
    model, run = affwildnet(hidden_units=8), tmp_path / "run"
    training.train(model, clips[:1], clips[1:], run, features_dtype="float16", **options)
    assert len(list((tmp_path / "cache").glob("*-float16.npy"))) == 2
    with pytest.raises(ValueError, match=r"differs in .*features"):
        training.train(model, clips[:1], clips[1:], run, **options)


def test_features_of_an_executor_have_the_bytes_of_one_process(cnn, clips, tmp_path, monkeypatch):
    """Also of a clip whose file is damaged; the copy of the CNN for the workers does not stay."""
    monkeypatch.setattr(features, "GROUP", 5)  # a task per clip
    features.of_clips(cnn, clips, tmp_path / "expected", SIZE, progress=False)
    expected = {path.name: path.read_bytes() for path in (tmp_path / "expected").iterdir()}
    out = tmp_path / "out"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for damaged in (False, True):
            if damaged:
                path = min(out.iterdir())
                path.write_bytes(path.read_bytes()[:-5])
            features.of_clips(cnn, clips, out, SIZE, progress=False, executor=pool)
            assert {path.name: path.read_bytes() for path in out.iterdir()} == expected


def test_the_copy_of_a_cnn_for_workers_is_a_temporary_file_of_its_process(
    cnn, clips, tmp_path, monkeypatch
):
    """Two runs share no copy, and the copy of a killed one is known by its name."""
    seen = []

    def refuse(file, *_):
        seen.append((file, file.stat().st_size))
        raise ValueError("The copy is all that is needed.")

    monkeypatch.setattr(features, "_extract_task", refuse)
    with concurrent.futures.ThreadPoolExecutor(1) as pool, pytest.raises(OSError, match="copy"):
        features.of_clips(cnn, clips, tmp_path / "out", SIZE, progress=False, executor=pool)
    ((copy, size),) = seen
    assert size and not copy.exists()
    assert _files.is_temporary(copy.name) and f".{os.getpid()}." in copy.name
    left = copy.with_name(copy.name.replace(f".{os.getpid()}.", ".999999999."))
    left.write_text("model")
    os.utime(left, (1, 1))
    kinds = {item.path.name: item.kind for item in _storage.items(tmp_path)}
    assert kinds[left.name] == "leftovers"


def test_clips_whose_features_fail_in_a_worker_are_named(cnn, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "GROUP", 5)
    Path(clips[1].paths[2]).write_text("no picture")
    with (
        concurrent.futures.ThreadPoolExecutor(1) as pool,
        pytest.raises(OSError, match=r"1 of 2 that failed[\s\S]*\nb: [\s\S]*b2.png"),
    ):
        features.of_clips(cnn, clips, tmp_path / "out", SIZE, progress=False, executor=pool)
    assert len(list((tmp_path / "out").iterdir())) == 1  # that of the other clip
