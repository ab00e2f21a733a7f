import cv2
import keras
import numpy as np
import pytest

from kollias_affect import backbones, evaluation, models
from kollias_affect.evaluation import predictions

TINY = {"width": 0.02, "input_shape": (32, 32, 3), "rnn_units": 6, "hidden_units": 8}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return models.affwildnet(length=3, initializer=None, representation=True, **TINY)


@pytest.fixture
def clips(make_clip):
    return [
        make_clip("a", 9, missing=(0, 1, 5), size=32),
        make_clip("nobody", 3, 50, missing=(0, 1, 2), size=32),
        make_clip("b", 5, 100, size=32),
    ]


@pytest.fixture(scope="module")
def stream(model):
    return models.Stream(model)


def step_by_step(stream, clip):
    """Predicts a clip with `Stream.step`."""
    stream.reset()
    values = []
    for path, landmarks in zip(clip.paths, clip.landmarks, strict=True):
        image = cv2.imread(path)[..., ::-1] if path else None
        values.append(stream.step(image, landmarks)["valence_arousal"] if path else None)
        if not path:
            values[-1] = stream.step(None)["valence_arousal"] if len(values) > 2 else [np.nan] * 2
    return np.array(values)


@pytest.mark.parametrize("chunk", [4, pytest.param(80, marks=pytest.mark.nightly)])
def test_chunks_give_the_outputs_of_a_stream_of_frames(model, stream, clips, chunk, monkeypatch):
    monkeypatch.setattr(predictions, "_CHUNK", chunk)
    outputs = evaluation.predict(model, clips, stream=True)
    assert list(outputs) == ["a", "nobody", "b"]
    for clip in clips:
        expected = step_by_step(stream, clip)
        assert outputs[clip.key].dtype == np.float32
        assert np.array_equal(np.isnan(outputs[clip.key]), np.isnan(expected))
        assert np.array_equal(np.isnan(expected).any(axis=1), ~clip.has_image)
        assert np.nanmax(np.abs(outputs[clip.key] - expected), initial=0) < 1e-5
    assert np.nanstd(outputs["a"], axis=0).min() > 1e-3


def test_the_state_is_not_reset_between_windows(model, clips):
    # Only the first window gives the same outputs.
    clip = clips[2]
    windows = evaluation.predict(model, [clip])["b"]
    sequence = evaluation.predict(model, [clip], stream=True)["b"]
    assert windows.shape == sequence.shape == (5, 2)
    assert np.abs(windows[:3] - sequence[:3]).max() < 1e-5
    assert np.abs(windows[3:] - sequence[3:]).max() > 1e-3


def test_clips_without_a_face_have_no_outputs(model, clips):
    outputs = evaluation.predict(model, clips[1:2], stream=True)["nobody"]
    assert outputs.shape == (3, 2) and np.isnan(outputs).all()


def test_a_model_of_single_frames_gives_the_same_outputs(clips):
    model = models.cnn(backbones.vgg_face((32, 32, 3), 0.02), "valence", hidden_units=8)
    outputs, expected = (evaluation.predict(model, clips, stream=s) for s in (True, False))
    for key, values in expected.items():
        assert np.array_equal(outputs[key], values, equal_nan=True)


def test_the_error_names_a_bad_image(model, clips):
    with open(clips[2].paths[1], "wb") as file:
        file.write(b"no image")
    with pytest.raises(ValueError, match="00002.png"):
        evaluation.predict(model, clips, stream=True)
