"""Frames that do not change are not run, within a bound that holds for every frame."""

import numpy as np
import pytest
from PIL import Image

from kollias_affect.clip import Clip
from kollias_affect.prediction import predictor, unchanged

CARD = {
    "task": "valence_arousal", "outputs": ["valence", "arousal"], "range": [-1, 1],
    "image": {"size": 8}, "length": None, "landmarks": False,
}  # fmt: skip


def grey(*values):
    return [np.full((8, 8, 3), value, np.uint8) for value in values]


def without_landmarks(crops):
    return [(crop, None) for crop in crops]


def test_every_crop_is_within_the_level_of_the_one_that_ran_for_it():
    random = np.random.default_rng(0)
    steps = random.normal(0, 1, (60, 8, 8, 3)).cumsum(axis=0)
    crops = np.clip(128 + steps, 0, 255).astype(np.uint8)
    found = unchanged.sources(without_landmarks(crops), 4.0)
    assert 2 < len(set(found)) < 40  # something ran, and something did not
    for number, source in enumerate(found):
        difference = crops[number].astype(float) - crops[source]
        assert source <= number and found[source] == source
        assert np.sqrt((difference**2).mean()) <= 4


def test_slow_changes_do_not_add_up():
    found = unchanged.sources(without_landmarks(grey(*range(10, 20))), 2)
    assert found.tolist() == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]


def test_the_level_is_a_root_mean_square_over_all_pixels():
    first, second = grey(100, 100)
    second[:4] += 2  # half of the pixels by 2: the root of 2
    pair = without_landmarks([first, second])
    assert unchanged.sources(pair, 1.42).tolist() == [0, 0]
    assert unchanged.sources(pair, 1.41).tolist() == [0, 1]


def test_landmarks_that_move_make_a_frame_run():
    points = np.zeros((68, 2))
    crops = [(crop, points + move) for crop, move in zip(grey(9, 9), (0, 0.015), strict=True)]
    assert unchanged.sources(crops, 2).tolist() == [0, 0]  # 2 / 127.5 is 0.0157
    assert unchanged.sources(crops, 1.8).tolist() == [0, 1]


class Mean:
    """A network whose outputs are the mean of the image, and which counts its images."""

    def __init__(self):
        self.images = []

    def predict_on_batch(self, inputs):
        values = inputs["images"].mean(axis=(1, 2, 3))
        self.images += values.tolist()
        return np.stack([values, -values], axis=1)


@pytest.fixture
def clip(tmp_path):
    """Frames of one grey each; the third has no face."""
    paths = []
    for number, crop in enumerate(grey(50, 50, 0, 52, 80, 80)):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(crop).save(paths[-1])
    paths[2] = ""
    return Clip("a", paths)


def run(clip, level):
    model = predictor.Predictor(None, CARD, "affwild").skipping(level)
    network = model.__dict__["_network"] = Mean()
    return model.outputs_of_clip(clip)["valence_arousal"][:, 0], len(set(network.images)), network


@pytest.mark.parametrize(("level", "values"), [(None, 3), (0, 3), (2, 2)])
def test_only_faces_that_changed_run(clip, level, values):
    outputs, distinct, network = run(clip, level)
    shown = {None: [50, 50, 52, 80, 80], 0: [50, 50, 52, 80, 80], 2: [50, 50, 50, 80, 80]}[level]
    expected = np.array(shown) / 127.5 - 1
    assert np.isnan(outputs[2])
    np.testing.assert_allclose(np.delete(outputs, 2), expected, atol=1e-6)
    assert distinct == values and len(network.images) == {None: 5, 0: 3, 2: 2}[level]


@pytest.mark.parametrize("level", [-1, 256, float("nan"), "2"])
def test_levels_out_of_range_are_refused(level):
    with pytest.raises(ValueError, match="from 0 to 255"):
        predictor.Predictor(None, CARD, "affwild").skipping(level)


def test_models_of_windows_are_refused():
    windows = predictor.Predictor(None, {**CARD, "length": 80}, "affwild")
    with pytest.raises(ValueError, match="windows of 80 frames"):
        windows.skipping(2)
    assert windows.skipping(None) is windows
