import itertools

import numpy as np
import pytest

from kollias_affect import backbones, evaluation, models


def tiny_backbone(name="vgg_face"):
    return backbones.build(name, input_shape=(32, 32, 3), width=0.02)


def test_heads_have_the_papers_units():
    vgg = models.cnn(tiny_backbone(), "valence_arousal")
    assert [vgg.get_layer(f"fc{i}").units for i in (1, 2)] == [4096, 2048]  # paper C table 7
    narrow = backbones.resnet50(input_shape=(64, 64, 3), width=0.05)
    resnet = models.cnn(narrow, "valence_arousal")
    assert [resnet.get_layer(f"fc{i}").units for i in (1, 2)] == [1500, 256]  # paper C figure 11
    paper_b = models.cnn(narrow, "valence_arousal", hidden_units=1500)
    assert "fc2" not in {layer.name for layer in paper_b.layers}


def test_parameters_of_paper_c_table_7_by_arithmetic():
    model = models.cnn(backbones.vgg_face(), "valence_arousal", landmarks=False)
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    convolutions = sum(9 * a * b + b for a, b in itertools.pairwise(channels))
    heads = [3 * 3 * 512, 4096, 2048, 2]
    connected = sum(a * b + b for a, b in itertools.pairwise(heads))
    assert model.count_params() == convolutions + connected


@pytest.mark.parametrize("landmark_units", [None, 16])
def test_landmarks_enter_at_fc1(landmark_units, random_inputs):
    model = models.cnn(tiny_backbone(), "arousal", hidden_units=8, landmark_units=landmark_units)
    features = tiny_backbone().output.shape[-1]
    assert model.get_layer("fc1").kernel.shape[0] == features + (landmark_units or 136)
    assert np.asarray(model(random_inputs(model, 3))).shape == (3, 1)


def test_the_frames_of_a_window_are_independent(random_inputs):
    backbone = tiny_backbone()
    single = models.cnn(backbone, "valence_arousal", hidden_units=8)
    windowed = models.cnn(backbone, "valence_arousal", hidden_units=8, length=4)
    windowed.set_weights(single.get_weights())
    data = random_inputs(windowed)
    frames = {name: value.reshape(8, *value.shape[2:]) for name, value in data.items()}
    assert np.allclose(
        np.asarray(windowed(data)).reshape(8, 2), np.asarray(single(frames)), atol=1e-5
    )


def test_paper_a_has_linear_outputs_for_expressions(random_inputs):
    model = models.cnn(tiny_backbone(), "expression", hidden_units=8, output_activation="linear")
    assert model.output.shape == (None, 7)
    assert not np.allclose(np.asarray(model(random_inputs(model, 3))).sum(axis=-1), 1)


def test_models_of_single_frames_predict_clips(make_clip):
    model = models.cnn(tiny_backbone(), "valence_arousal", hidden_units=8)
    clips = [make_clip("a", 5, missing=(1,)), make_clip("b", 3, 50)]
    predictions = evaluation.predict(model, clips)
    assert [len(values) for values in predictions.values()] == [5, 3]
    assert np.isnan(predictions[clips[0].key][1]).all()
    assert np.isfinite(predictions[clips[1].key]).all()
    assert models.describe(model)["length"] is None
