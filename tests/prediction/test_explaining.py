"""Grad-CAM and occlusion maps: values that follow by hand, windows, ONNX files, and the files."""

import keras
import numpy as np
import pytest

from kollias_affect import models, runtime
from kollias_affect.prediction import explain_files, explaining, find_inputs
from kollias_affect.prediction.predictor import Predictor, load

SIZE, LENGTH = 8, 3
WEIGHTS = np.float32([[0.5, -0.25], [-1.0, 0.75]])  # from two maps to valence and arousal
BIAS = np.float32([0.1, -0.2])


def predictor(network):
    return Predictor(network, models.describe(network), "procrustes")


@pytest.fixture(scope="module")
def averaging():
    """A model of single faces: two maps (the first two colours, ReLU), their means, a line."""
    images = keras.Input((SIZE, SIZE, 3), name="images")
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, [0, 1], [0, 1]] = 1
    maps = keras.layers.Conv2D(2, 1, activation="relu", name="maps")
    means = keras.layers.GlobalAveragePooling2D()(maps(images))
    output = keras.layers.Dense(2, name="valence_arousal")
    network = keras.Model({"images": images}, output(means))
    maps.set_weights([kernel, np.zeros(2, np.float32)])
    output.set_weights([WEIGHTS, BIAS])
    return predictor(network)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 3)).astype(np.float32)


def test_grad_cam_of_a_linear_readout_of_means_adds_up_to_the_output(averaging, picture):
    """Here the gradient of each place is the weight over the number of places."""
    found = explaining.gradient_maps(averaging, {"images": picture})["valence_arousal"]
    positive = np.maximum(picture[0, ..., :2], 0)
    expected = np.einsum("hwk,ko->ohw", positive, WEIGHTS) / SIZE**2
    np.testing.assert_allclose(found, expected, atol=1e-6)
    places = explaining.gradient_maps(averaging, {"images": picture}, by_place=True)
    np.testing.assert_allclose(places["valence_arousal"], expected, atol=1e-6)
    output = averaging.run({"images": picture})["valence_arousal"][0]
    np.testing.assert_allclose(found.sum(axis=(1, 2)), output - BIAS, atol=1e-6)


def test_hirescam_of_a_linear_readout_of_places_adds_up_to_the_output(picture):
    """The contribution of a place is its activation times its weight; means would mix them."""
    images = keras.Input((SIZE, SIZE, 3), name="images")
    maps = keras.layers.Conv2D(2, 1, activation="relu", name="maps")(images)
    output = keras.layers.Dense(2, name="valence_arousal")
    network = keras.Model({"images": images}, output(keras.layers.Flatten()(maps)))
    positive = np.maximum(picture[0] @ network.get_layer("maps").get_weights()[0][0, 0], 0)
    weights = output.get_weights()[0].reshape(SIZE, SIZE, 2, 2)
    model = predictor(network)
    found = explaining.gradient_maps(model, {"images": picture}, by_place=True)["valence_arousal"]
    expected = np.einsum("hwk,hwko->ohw", positive, weights)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    mean = explaining.gradient_maps(model, {"images": picture})["valence_arousal"]
    expected = np.einsum("hwk,ko->ohw", positive, weights.mean(axis=(0, 1)))
    np.testing.assert_allclose(mean, expected, atol=1e-5)


def test_occlusion_is_the_fall_of_the_output_under_a_patch_of_the_mean_colour(averaging, picture):
    found = explaining.occlusion_maps(averaging, {"images": picture}, patch=4, stride=4)
    positive, colour = (
        np.maximum(picture[0, ..., :2], 0),
        np.maximum(picture[0].mean(axis=(0, 1))[:2], 0),
    )
    for top, left in ((0, 0), (0, 4), (4, 0), (4, 4)):
        place = np.s_[top : top + 4, left : left + 4]
        fall = (positive[place] - colour).sum(axis=(0, 1)) / SIZE**2 @ WEIGHTS
        expected = np.broadcast_to(fall[:, None, None], (2, 4, 4))
        np.testing.assert_allclose(
            found["valence_arousal"][(slice(None), *place)], expected, atol=1e-6
        )


def test_overlapping_patches_are_averaged_and_reach_every_edge(averaging, picture):
    found = explaining.occlusion_maps(averaging, {"images": picture}, patch=3, stride=2)
    one = explaining.occlusion_maps(averaging, {"images": picture}, patch=8)["valence_arousal"]
    assert found["valence_arousal"].shape == (2, SIZE, SIZE)
    assert np.isfinite(found["valence_arousal"]).all()
    assert np.ptp(one, axis=(1, 2)).max() == 0  # one patch covers the face


@pytest.mark.parametrize(
    ("task", "activation", "derivative"),
    [
        ("expression", "softmax", lambda w: w - w.mean(axis=1, keepdims=True)),
        ("action_units", "sigmoid", lambda w: w),
    ],
)
def test_grad_cam_of_probabilities_is_that_of_their_scores(picture, task, activation, derivative):
    """Scores before the softmax have a constant in common, so their mean is taken off."""
    images = keras.Input((SIZE, SIZE, 3), name="images")
    maps = keras.layers.Conv2D(2, 1, activation="relu", name="maps")(images)
    means = keras.layers.GlobalAveragePooling2D()(maps)
    outputs = {"expression": 7, "action_units": 12}[task]
    output = keras.layers.Dense(outputs, activation, name=task)
    network = keras.Model({"images": images}, output(means))
    kernel = np.asarray(network.get_layer("maps").kernel)[0, 0]
    positive = np.maximum(picture[0] @ kernel, 0)
    expected = np.einsum("hwk,ko->ohw", positive, derivative(output.get_weights()[0])) / SIZE**2
    found = explaining.gradient_maps(predictor(network), {"images": picture})[task]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.fixture(scope="module")
def windows_model():
    """A causal GRU on a small CNN."""
    keras.utils.set_random_seed(3)
    images = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="maps")(images)
    backbone = keras.Model(images, keras.layers.MaxPooling2D(4, name="pool")(x), name="small")
    return models.temporal(backbone, "valence_arousal", "gru", 4, length=LENGTH)


@pytest.fixture(scope="module")
def window():
    values = np.random.default_rng(1).uniform(-1, 1, (1, LENGTH, SIZE, SIZE, 3))
    return {"images": values.astype(np.float32)}


def test_a_map_of_a_window_is_that_of_its_frame_and_of_those_before(windows_model, window):
    model = predictor(windows_model)
    later = {"images": window["images"].copy()}
    later["images"][0, 2] = 0
    earlier = {"images": window["images"].copy()}
    earlier["images"][0, 0] = 0
    for maps in (explaining.gradient_maps, explaining.occlusion_maps):
        found, same, other = (
            maps(model, inputs, 1)["valence_arousal"] for inputs in (window, later, earlier)
        )
        np.testing.assert_allclose(found, same, atol=1e-6)
        assert np.abs(found - other).max() > 1e-5 and np.ptp(found) > 1e-5


def test_a_patch_covers_the_same_place_in_all_frames_of_a_window(windows_model, window):
    model = predictor(windows_model)
    found = explaining.occlusion_maps(model, window, 2, patch=4, stride=4)["valence_arousal"]
    covered = {"images": window["images"].copy()}
    covered["images"][0, :, :4, 4:] = window["images"].mean(axis=(2, 3))[0, :, None, None]
    both = [model.run(each)["valence_arousal"][0, 2] for each in (window, covered)]
    np.testing.assert_allclose(found[:, 0, 7], both[0] - both[1], atol=1e-6)


def test_an_onnx_file_has_the_occlusion_maps_of_keras_and_no_gradients(
    windows_model, window, tmp_path
):
    path = tmp_path / "model.onnx"
    models.export(windows_model, path)
    exported = load(path)
    pair = (predictor(windows_model), exported)
    maps = [explaining.occlusion_maps(each, window, 2)["valence_arousal"] for each in pair]
    np.testing.assert_allclose(*maps, atol=1e-5)
    with pytest.raises(ValueError, match="--method occlusion"):
        explaining.gradient_maps(exported, window, 2)


def test_grad_cam_names_the_layers_that_have_maps(averaging, windows_model, window, picture):
    named = explaining.gradient_maps(averaging, {"images": picture}, layer="maps")
    chosen = explaining.gradient_maps(averaging, {"images": picture})
    np.testing.assert_array_equal(named["valence_arousal"], chosen["valence_arousal"])
    with pytest.raises(ValueError, match=r"'maps'.*layer='valence_arousal'"):
        explaining.gradient_maps(averaging, {"images": picture}, layer="valence_arousal")
    # The smaller map after the pooling has fewer than 5 x 5 places, but can be chosen.
    maps = explaining.gradient_maps(predictor(windows_model), window, 2, layer="pool")
    assert maps["valence_arousal"].shape == (2, SIZE, SIZE)


def test_the_shipped_network_explains_photographs_into_pictures_and_arrays(pair, tmp_path):
    from PIL import Image

    Image.fromarray(pair).save(tmp_path / "two.png")
    lines, out = [], tmp_path / "out"
    errors = explain_files(
        None, find_inputs([tmp_path / "two.png"]), out, "occlusion",
        of_outputs=("valence", "happiness"), patch=24, stride=24, log=lines.append,
    )  # fmt: skip
    assert errors == {} and "2 faces" in lines[0] and (out / "two.png").stat().st_size > 10_000
    found = np.load(out / "two.npz")
    assert found["names"].tolist() == ["valence", "happiness"]
    assert found["occlusion"].shape == (2, 2, 48, 48) and "gradcam" not in found
    assert np.abs(found["occlusion"]).max() > 0.01 and found["numbers"].tolist() == [1, 2]
    # The value beside the maps is that of a prediction.
    model = load()
    assert isinstance(model.network, runtime.OnnxModel)
    crops = [(crop, None) for crop in found["crops"]]
    outputs = model.run(model.inputs_of(crops, range(2)))
    kept = found["names"].tolist().index("valence")
    np.testing.assert_allclose(
        found["values"][:, kept], outputs["valence_arousal"][:, 0], atol=1e-5
    )


def test_frames_of_videos_are_spread_over_those_with_a_face(windows_model, make_clip):
    from kollias_affect.prediction.explaining import faces

    clip = make_clip(frames=9, size=SIZE, missing=(0, 1, 8))
    model = predictor(windows_model)
    shown = faces.of_clip(model, clip, 3)
    assert [face.number for face in shown] == [3, 5, 8]
    assert [face.frame for face in shown] == [2, 2, 2]
    # The window of frame 3 begins with the clip, whose first frames show the first face.
    levels = ((shown[0].inputs["images"][0, :, 0, 0, 0] + 1) * 127.5).round().tolist()
    assert levels == [2, 2, 2] and shown[0].label == "0.08 s"
    assert faces.of_clip(model, make_clip("b", frames=2, size=SIZE, missing=(0, 1)), 3) == []


def test_what_cannot_be_explained_is_refused(
    averaging, windows_model, picture, tmp_path, save_image
):
    crop = ((picture[0] + 1) * 127.5).astype(np.uint8)
    files = find_inputs([save_image(tmp_path / "in" / "a.png", crop)])
    model = predictor(windows_model)
    with pytest.raises(ValueError, match="Images need a model of single frames"):
        explain_files(model, files, tmp_path / "out")
    with pytest.raises(ValueError, match="`output` must be one of"):
        explain_files(averaging, files, tmp_path / "out", of_outputs=["joy"])
    errors = explain_files(averaging, files, tmp_path / "out", log=lambda line: None)
    assert "needs a face" in str(*errors.values())
    options = {"cropped": True, "log": lambda line: None}
    assert explain_files(averaging, files, tmp_path / "out", **options) == {}
    assert set(np.load(tmp_path / "out" / "a.npz")) >= {"gradcam", "hirescam", "occlusion"}
    assert explain_files(averaging, files, tmp_path / "out", **options) == {}  # again
    (tmp_path / "out" / "a.npz").unlink()
    with pytest.raises(FileExistsError, match=r"a\.png"):
        explain_files(averaging, files, tmp_path / "out", **options)
