import numpy as np
import pytest

from kollias_affect import backbones, models

TINY = {"length": 4, "rnn_units": 6, "hidden_units": 8}


def tiny_backbone(name="cnn_m"):
    return backbones.build(name, input_shape=(32, 32, 3), width=0.02)


# Rows of table 5 of paper B. The n-th convolution of VGG has our names.
TABLE_5 = {
    "8th conv + last pool + fc": ("conv4_1", "pool5", "fc1"),
    "5th conv + last pool + fc": ("conv3_1", "pool5", "fc1"),
    "2nd pool + last pool + fc": ("pool2", "pool5", "fc1"),
    "3rd conv + 7th conv + fc": ("conv2_1", "conv3_3", "fc1"),
    "last conv + last pool + fc": ("conv5_3", "pool5", "fc1"),
    "6th conv + 7th conv + 8th conv": ("conv3_2", "conv3_3", "conv4_1"),
    "7th conv + 8th conv + 9th conv": ("conv3_3", "conv4_1", "conv4_2"),
    "3rd conv + 4th conv + 5th conv": ("conv2_1", "conv2_2", "conv3_1"),
}


@pytest.mark.parametrize("row", TABLE_5)
def test_all_rows_of_paper_b_table_5_build(row, random_inputs):
    features = TABLE_5[row]
    model = models.multi_rnn(tiny_backbone("vgg_face"), "valence_arousal", features, **TINY)
    assert np.asarray(model(random_inputs(model))).shape == (2, 4, 2)
    assert model.get_layer("valence_arousal").kernel.shape == (3 * 6, 2)


@pytest.mark.parametrize(
    ("mode", "features", "before_output"),
    [
        ("3rnn", ("pool2", "pool5", "fc1"), 18),
        ("1rnn", ("pool2", "pool5", "fc1"), 6),
        ("2rnn", ("pool5", "fc1"), 12),
        ("2rnn-1fc", ("pool5", "fc1"), 5),
        ("2-to-1rnn", ("pool5", "fc1"), 6),
        ("3rnn-1fc", ("pool2", "pool5", "fc1"), 5),
    ],
)
@pytest.mark.parametrize("landmarks", [True, False])
def test_modes(mode, features, before_output, landmarks, random_inputs):
    model = models.multi_rnn(
        tiny_backbone(), "arousal", features, mode, landmarks=landmarks, fc_units=5, **TINY
    )
    assert np.asarray(model(random_inputs(model))).shape == (2, 4, 1)
    assert model.get_layer("arousal").kernel.shape == (before_output, 1)


def test_landmarks_reach_only_fc1():
    """They do not change the last pooling output that an RNN reads (paper B §5.3.1)."""
    model = models.multi_rnn(tiny_backbone(), "arousal", ("pool5", "fc1"), "2rnn", **TINY)
    features = tiny_backbone().output.shape[-1]
    assert model.get_layer("fc1").kernel.shape[0] == features + 136
    assert model.get_layer("pool5_rnn1").cell.kernel.shape[0] == features


@pytest.mark.parametrize("mode", ["1rnn", "3rnn"])
def test_landmarks_are_encoded_before_fc1(mode, random_inputs):
    """Paper B §7: a fully connected layer of 512 to 2048 units on the landmarks alone."""
    model = models.multi_rnn(tiny_backbone(), "arousal", mode=mode, landmark_units=16, **TINY)
    encoder = model.get_layer("landmark_encoder")
    assert encoder.kernel.shape == (136, 16)
    assert encoder.activation.__name__ == "relu"
    features = tiny_backbone().output.shape[-1]
    assert model.get_layer("fc1").kernel.shape[0] == features + 16
    data = random_inputs(model)
    before = np.asarray(model(data))
    data["landmarks"] = data["landmarks"] * 0
    assert not np.allclose(before, model(data), atol=1e-6)


def test_parameters_of_cnn_3rnn_by_arithmetic():
    model = models.multi_rnn(backbones.vgg_face(), "valence_arousal")

    def gru(inputs, units=128):
        return 3 * units * (inputs + units + 2)  # Keras' form has two biases

    pool2, pool5, fc1 = 24 * 24 * 128, 3 * 3 * 512, 4096
    rnns = sum(gru(n) + gru(128) for n in (pool2, pool5, fc1))
    connected = (pool5 + 136) * fc1 + fc1 + 3 * 128 * 2 + 2
    assert model.count_params() == backbones.vgg_face().count_params() + rnns + connected


@pytest.mark.parametrize(
    ("features", "mode"),
    [
        (("pool2", "pool5"), "3rnn"),
        (("pool2", "pool5", "fc1"), "2rnn"),
        (("pool5", "pool5", "fc1"), "3rnn"),
        (("pool2", "pool5", "fc1"), "4rnn"),
    ],
)
def test_modes_must_fit_the_features(features, mode):
    with pytest.raises(ValueError, match="`mode` must be one of .*'3rnn-1fc'"):
        models.multi_rnn(tiny_backbone(), "arousal", features, mode, **TINY)


def test_unknown_layers_name_the_known_ones():
    with pytest.raises(
        ValueError, match=r"'conv5_relu', 'pool5'\], or `fc1`. Received: \['pool9'\]"
    ):
        models.multi_rnn(tiny_backbone(), "arousal", ("pool9", "pool5", "fc1"), **TINY)
