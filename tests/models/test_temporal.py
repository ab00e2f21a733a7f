"""Temporal heads: what an output sees, missing frames, streams, files."""

import json

import keras
import numpy as np
import pytest

from kollias_affect import backbones, models, runtime
from kollias_affect.models.streaming import SequenceRunner

nightly = pytest.mark.nightly
FRAMES, UNITS = 11, 6
TASKS = ("expression", "valence_arousal")
SMALL = {
    "tcn": {"head_layers": 2},
    "transformer": {"context": 4},
    "gru": {},
    "lstm": {"head_layers": 1},
    "mlp": {"context": 4},
}
HEADS = list(SMALL)


def build(head, features=UNITS, task="valence_arousal", length=FRAMES, **options):
    keras.utils.set_random_seed(0)
    return models.temporal(features, task, head, 8, length=length, **{**SMALL[head], **options})


def frames(missing=()):
    values = np.random.default_rng(0).normal(size=(1, FRAMES, UNITS)).astype("float32")
    values[:, list(missing)] = 0
    return values


def outputs_of(model, values):
    return np.asarray(model({"features": values}))


def seen_by_outputs(model):
    """Matrix `[frames, frames]`: whether an output changes with a frame of the input."""
    values = np.repeat(frames(), FRAMES + 1, axis=0)
    values[np.arange(FRAMES), np.arange(FRAMES)] += 1  # one frame of each copy but the last
    outputs = outputs_of(model, values)
    return (np.abs(outputs[:-1] - outputs[-1]).max(axis=-1) > 1e-6).T


def test_the_small_heads_are_those_of_the_registry():
    assert set(SMALL) == set(models.HEADS)


@pytest.mark.parametrize("head", HEADS)
def test_a_causal_head_sees_no_later_frame_and_a_centred_one_does(head):
    causal, centred = (seen_by_outputs(build(head, causal=c)) for c in (True, False))
    later = np.triu(np.ones((FRAMES, FRAMES), bool), 1)
    assert not causal[later].any() and causal.diagonal().all()
    assert centred[later].any() and centred.diagonal().all()


def test_a_tcn_sees_the_frames_that_its_dilations_reach():
    # Two convolutions of three frames, 1 and 2 frames apart: 1 + 2 + 4 = 7 frames.
    seen = seen_by_outputs(build("tcn"))
    back = np.arange(FRAMES)[:, None] - np.arange(FRAMES)
    assert (seen == ((back >= 0) & (back < 7))).all()


@pytest.mark.parametrize("head", ["gru", "lstm", "transformer", "mlp"])
def test_missing_frames_do_not_count(head):
    # A recurrent state skips them. Attention and means see the others at their distance.
    model = build(head, **({"context": FRAMES} if head == "mlp" else {}))
    gap = (3, 4)
    known = [t for t in range(FRAMES) if t not in gap]
    outputs = outputs_of(model, frames(gap))[0, known]
    if head == "transformer":
        inside = model.get_layer("transformer1_attention")
        mask = np.isin(np.arange(FRAMES), known)[None]
        x, other = (np.random.default_rng(s).normal(size=(1, FRAMES, 8)) for s in (1, 2))
        other[:, known] = x[:, known]
        a, b = (np.asarray(inside(v.astype("float32"), mask=mask))[0, known] for v in (x, other))
        np.testing.assert_allclose(a, b, atol=1e-6)
    else:
        shorter = build(head, length=len(known), **({"context": FRAMES} if head == "mlp" else {}))
        shorter.set_weights(model.get_weights())
        np.testing.assert_allclose(outputs, outputs_of(shorter, frames()[:, known])[0], atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_a_stream_with_missing_frames_equals_one_window(head):
    model, values = build(head, task=TASKS), frames(missing=(0, 4, 5))
    expected = model({"features": values})
    for length in (1, 4):
        run, padded = SequenceRunner(model, length), np.pad(values, ((0, 0), (0, 3), (0, 0)))
        chunks = [run({"features": padded[:, t : t + length]}) for t in range(0, FRAMES, length)]
        for task in TASKS:
            joined = np.concatenate([chunk[task] for chunk in chunks], axis=1)[:, :FRAMES]
            np.testing.assert_allclose(joined, expected[task], atol=1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_a_centred_head_does_not_stream(head):
    with pytest.raises(ValueError, match="frame by frame"):
        SequenceRunner(build(head, causal=False))


@pytest.mark.parametrize("head", ["gru", "lstm"])
def test_the_fast_form_skips_missing_frames(head):
    for causal in (True, False):
        model, values = build(head, causal=causal), frames(missing=(0, 4, 5))
        fast = models.fast(model)
        assert fast is not model
        np.testing.assert_allclose(outputs_of(fast, values), outputs_of(model, values), atol=1e-6)


def of_images(head, **options):
    """A head on a CNN whose weights make frames differ."""
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    model = build(head, backbone, length=5, landmarks=True, **options)
    random = np.random.default_rng(1)
    for weight in model.weights:
        shape = tuple(weight.shape)
        scale = 1.5 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.3
        positive = "variance" in weight.path or "gamma" in weight.path
        weight.assign(
            random.uniform(0.5, 1.5, shape) if positive else random.normal(size=shape) * scale
        )
    return model


def images(count):
    random = np.random.default_rng(2)
    pictures = random.uniform(-1, 1, (count, 32, 32, 3)).astype("float32")
    return pictures, random.uniform(-1, 1, (count, 68, 2)).astype("float32")


@pytest.mark.parametrize(
    "head",
    ["tcn", "transformer", "mlp", *(pytest.param(h, marks=nightly) for h in ("gru", "lstm"))],
)
def test_a_stream_in_an_onnx_file_equals_a_longer_window(head, tmp_path):
    model = of_images(head)
    models.export(model, tmp_path / "stream.onnx", stream=True)
    models.export(model, tmp_path / "windows.onnx")
    stream = runtime.Stream(runtime.OnnxModel(tmp_path / "stream.onnx"))
    pictures, landmarks = images(8)
    window = {"images": pictures[None], "landmarks": landmarks.reshape(1, 8, 136)}
    expected = runtime.OnnxModel(tmp_path / "windows.onnx")(window)[0].clip(-1, 1)
    steps = [stream.step(*frame) for frame in zip(pictures, landmarks, strict=True)]
    np.testing.assert_allclose(steps, expected, atol=1e-5)
    assert np.std(steps, axis=0).max() > 1e-3


@pytest.mark.parametrize("head", ["tcn", "transformer", "mlp"])
def test_a_centred_head_in_an_onnx_file_equals_keras(head, tmp_path):
    measured = models.export(of_images(head, causal=False, task=TASKS), tmp_path / "model.onnx")
    assert measured["difference"] < 1e-5


def test_outputs_that_are_no_numbers_are_not_exported(tmp_path):
    model = of_images("tcn")
    model.get_layer("valence_arousal").bias.assign([np.nan, 0])
    with pytest.raises(ValueError, match="must equal those of Keras"):
        models.export(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("head", HEADS)
def test_files_keep_the_outputs_and_need_this_package_only_for_its_layers(head, tmp_path):
    model = of_images(head, task=TASKS)
    models.save(model, tmp_path / "model.keras")
    loaded, card = models.load(tmp_path / "model.keras")
    pictures, landmarks = images(5)
    window = {"images": pictures[None], "landmarks": landmarks.reshape(1, 5, 136)}
    for task, values in loaded(window).items():
        np.testing.assert_allclose(values, model(window)[task], atol=1e-6)
    assert card["task"] == list(TASKS) and card["length"] == 5
    own = "kollias_affect>" in json.dumps(model.get_config())
    assert own == (head in ("transformer", "mlp"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "rnn"}, "`head` must be one of"),
        ({"head": "gru", "context": 4}, "`context` is for"),
        ({"head": "transformer", "head_units": 5}, "must be even"),
        ({"head_layers": 0}, "`head_layers` must"),
        ({"head_dropout": 1}, "`head_dropout` must"),
        ({"head": "mlp", "context": 1}, "`context` must"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.temporal(4, "valence", **options)
