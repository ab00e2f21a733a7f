"""Calibrated models: coverage on new clips, distance, files and tables."""

import keras
import numpy as np
import pytest

from kollias_affect import evaluation, models, prediction, runtime, uncertainty
from kollias_affect.clip import Clip
from kollias_affect.faces.images import read_image
from kollias_affect.uncertainty import network

SIZE = 16


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Function that makes clips of random colours with the labels that it is given."""
    import cv2

    folder = tmp_path_factory.mktemp("pictures")

    def make(key, frames, label, seed, low=60, high=200):
        random = np.random.default_rng(seed)
        colours = random.uniform(low, high, (frames, 3)).astype(np.uint8)
        paths = []
        for number, colour in enumerate(colours):
            paths.append(str(folder / f"{key}_{number}.png"))
            cv2.imwrite(paths[-1], np.full((SIZE, SIZE, 3), colour[::-1]))
        return Clip(key, paths, subject=key, **label(colours / 127.5 - 1, random))

    return make


def noisy(colours, random):
    """Valence and arousal are two colours with errors that grow with the third."""
    spread = np.where(colours[:, 2] > 0, 0.4, 0.05)[:, None]
    values = colours[:, :2] + spread * random.normal(size=(len(colours), 2))
    return {"valence_arousal": np.clip(values, -1, 1)}


@pytest.fixture(scope="module")
def clips(pictures):
    return [pictures(f"c{i}", 12, noisy, i) for i in range(60)]


@pytest.fixture(scope="module")
def model():
    """A network that knows the right answer but for the errors."""
    images = keras.Input((SIZE, SIZE, 3), name="images")
    colours = keras.layers.GlobalAveragePooling2D()(images)
    layer = keras.layers.Dense(2, name="valence_arousal", use_bias=False)
    network = keras.Model({"images": images}, layer(colours))
    layer.set_weights([np.eye(3)[:, :2]])
    return network


SCALES = ["constant", pytest.param("variance", marks=pytest.mark.nightly)]


@pytest.fixture(scope="module", params=SCALES)
def calibrated(request, model, clips):
    return uncertainty.calibrate(model, clips[:40], coverage=0.8, scale=request.param)


def test_intervals_hold_on_new_clips(calibrated, clips):
    table = uncertainty.coverage(*calibrated, clips[40:])
    for name in ("valence", "arousal"):
        row = table.loc[name]
        # 20 new videos of 12 frames: three standard errors of a share of 0.8 of 240.
        assert abs(row["coverage"] - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 240) + 1 / 21
        assert row["low"] <= row["coverage"] <= row["high"] and row["videos"] == 20
    assert table.loc["unfamiliar", "coverage"] < 0.1


def test_a_predicted_variance_makes_sure_frames_narrow(model, clips):
    found, record = uncertainty.calibrate(
        model, clips[:40], coverage=0.8, scale="variance", unfamiliar=None
    )
    outputs = network.predict(found, clips[40:], ["valence_arousal_variance"])
    values = np.concatenate([outputs[c.key]["valence_arousal_variance"] for c in clips[40:]])
    noisy_frames = np.array(
        [read_image(path)[0, 0, 2] > 127 for clip in clips[40:] for path in clip.paths]
    )
    # The variance of the labels is 64 times larger there.
    assert np.median(values[noisy_frames]) > 4 * np.median(values[~noisy_frames])
    assert record["distance"] is None and record["tasks"]["valence_arousal"]["scaled"]


def test_frames_unlike_the_clips_are_unfamiliar(calibrated, pictures):
    strange = [pictures("strange", 12, noisy, 99, low=250, high=255)]
    table = uncertainty.coverage(*calibrated, strange)
    assert table.loc["unfamiliar", "coverage"] == 1


def test_the_distance_is_that_of_mahalanobis(model, clips):
    found = network.with_distance(model, clips[:20])
    outputs = network.predict(found, clips[:1], ["distance"])[clips[0].key]["distance"][:, 0]

    def colours(some):
        pixels = [read_image(path)[0, 0] for clip in some for path in clip.paths]
        return np.array(pixels) / 127.5 - 1

    x = colours(clips[:20])
    covariance, centred = np.cov(x.T), colours(clips[:1]) - x.mean(axis=0)
    expected = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred) / 3
    np.testing.assert_allclose(outputs, expected, rtol=1e-3)


def test_tables_have_intervals_from_keras_and_onnx(calibrated, clips, tmp_path):
    model, record = calibrated
    path = tmp_path / "model.keras"
    models.save(model, path, uncertainty=record)
    models.export(path, tmp_path / "model.onnx")
    images = [read_image(name) for name in clips[50].paths[:3]]
    tables = [
        prediction.predict(images, file, cropped=True, progress=False)
        for file in (path, tmp_path / "model.onnx")
    ]
    for name in ("valence", "arousal"):
        low, value, high = (tables[0][name + end] for end in ("_low", "", "_high"))
        assert (low <= value).all() and (value <= high).all() and (low < high).all()
    assert tables[0]["unfamiliar"].tolist() == [0, 0, 0]
    for name in ("valence_low", "arousal_high", "distance"):
        np.testing.assert_allclose(tables[0][name], tables[1][name], atol=1e-3)
    found = evaluation.predict(models.load(path)[0], clips[50:51])
    np.testing.assert_allclose(found["c50"][:3, 0].clip(-1, 1), tables[0]["valence"], atol=1e-5)
    assert runtime.read_card(tmp_path / "model.onnx")["uncertainty"] == record


def test_an_ensemble_brings_its_variance_and_members_their_distance(model, clips):
    other = keras.models.clone_model(model)
    other.set_weights([model.get_weights()[0] * 0.7])
    both = models.ensemble([model, other])
    found, record = uncertainty.calibrate(both, clips[:40], coverage=0.8)
    assert record["tasks"]["valence_arousal"]["scaled"] and record["distance"]
    table = uncertainty.coverage(found, record, clips[40:])
    assert abs(table.loc["valence", "coverage"] - 0.8) < 0.15


def test_expressions_get_sets_that_hold(pictures):
    def label(colours, random):
        logits = 2 * np.concatenate([colours, np.zeros((len(colours), 4))], axis=1)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return {"expression": [random.choice(7, p=row) for row in shares]}

    clips = [pictures(f"e{i}", 10, label, 500 + i) for i in range(40)]
    images = keras.Input((SIZE, SIZE, 3), name="images")
    layer = keras.layers.Dense(7, "softmax", name="expression", use_bias=False)
    model = keras.Model({"images": images}, layer(keras.layers.GlobalAveragePooling2D()(images)))
    layer.set_weights([2 * np.eye(3, 7)])
    found, record = uncertainty.calibrate(model, clips[:25], coverage=0.8, unfamiliar=None)
    row = uncertainty.coverage(found, record, clips[25:]).loc["expression"]
    assert abs(row["coverage"] - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 150) + 1 / 26
    assert 1 < row["size"] < 7


def test_what_cannot_be_calibrated_is_refused(model, clips):
    few = clips[:4]
    with pytest.raises(ValueError, match="at least 9 videos"):
        uncertainty.calibrate(model, few, unfamiliar=None)
    with pytest.raises(ValueError, match="needs labels"):
        unlabelled = [Clip(c.key, c.paths) for c in few]
        uncertainty.calibrate(model, unlabelled, coverage=0.5)
    with pytest.raises(ValueError, match="one person"):
        uncertainty.calibrate(model, few[:1], coverage=0.5)
    with pytest.raises(ValueError, match="below 1"):
        uncertainty.calibrate(model, few, coverage=1.0)
