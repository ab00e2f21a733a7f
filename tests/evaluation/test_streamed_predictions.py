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


def stepped(model, clip):
    stream = models.Stream(model)
    values = []
    for path, landmarks in zip(clip.paths, clip.landmarks, strict=True):
        image = cv2.imread(path)[..., ::-1] if path else None
        values.append(stream.step(image, landmarks)["valence_arousal"] if path else None)
        if not path:
            values[-1] = stream.step(None)["valence_arousal"] if len(values) > 2 else [np.nan] * 2
    return np.array(values)


@pytest.mark.parametrize("piece", [4, 80])
def test_pieces_give_what_the_stream_gives_frame_by_frame(model, clips, piece, monkeypatch):
    monkeypatch.setattr(predictions, "_PIECE", piece)
    found = evaluation.predict(model, clips, stream=True)
    assert list(found) == ["a", "nobody", "b"]
    for clip in clips:
        expected = stepped(model, clip)
        assert found[clip.key].dtype == np.float32
        assert np.array_equal(np.isnan(found[clip.key]), np.isnan(expected))
        assert np.array_equal(np.isnan(expected).any(axis=1), ~clip.has_image)
        assert np.nanmax(np.abs(found[clip.key] - expected), initial=0) < 1e-5
    assert np.nanstd(found["a"], axis=0).min() > 1e-3


def test_without_windows_nothing_starts_anew(model, clips):
    """The first window is the same; after it, the sequence goes on where windows start anew."""
    clip = clips[2]
    windows = evaluation.predict(model, [clip])["b"]
    sequence = evaluation.predict(model, [clip], stream=True)["b"]
    assert np.abs(windows[:3] - sequence[:3]).max() < 1e-5
    assert np.abs(windows[3:] - sequence[3:]).max() > 1e-3


def test_clips_of_nobody_have_no_outputs(model, clips):
    found = evaluation.predict(model, clips[1:2], stream=True)
    assert found["nobody"].shape == (3, 2) and np.isnan(found["nobody"]).all()


def test_a_model_of_single_frames_has_no_sequences(clips):
    model = models.cnn(backbones.vgg_face((32, 32, 3), 0.02), "valence", hidden_units=8)
    found, expected = (evaluation.predict(model, clips, stream=s) for s in (True, False))
    for key, values in expected.items():
        assert np.array_equal(found[key], values, equal_nan=True)


def test_a_bad_image_is_named(model, clips):
    with open(clips[2].paths[1], "wb") as file:
        file.write(b"no image")
    with pytest.raises(ValueError, match="00002.png"):
        evaluation.predict(model, clips, stream=True)
