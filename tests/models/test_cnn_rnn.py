import keras
import numpy as np
import pytest

from kollias_affect import backbones, models

TINY = {"backbone": "cnn_m", "length": 4, "width": 0.02, "input_shape": (32, 32, 3)}
TINY |= {"rnn_units": 6, "hidden_units": 8}


def tiny_inputs(batch=2, length=4, landmarks=True):
    random = np.random.default_rng(0)
    inputs = {"images": random.uniform(-1, 1, (batch, length, 32, 32, 3)).astype("float32")}
    if landmarks:
        inputs["landmarks"] = random.uniform(-1, 1, (batch, length, 136)).astype("float32")
    return inputs


@pytest.mark.parametrize(
    ("task", "outputs"),
    [("valence_arousal", 2), ("valence", 1), ("arousal", 1), ("expression", 7)],
)
@pytest.mark.parametrize("landmarks", [True, False])
def test_tasks(task, outputs, landmarks):
    model = models.affwildnet(task=task, landmarks=landmarks, **TINY)
    values = np.asarray(model(tiny_inputs(landmarks=landmarks)))
    assert values.shape == (2, 4, outputs)
    assert model.output_names == [task]
    if task == "expression":
        assert np.allclose(values.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("rnn", sorted(models.RNNS))
@pytest.mark.parametrize("rnn_layers", [1, 2])
def test_recurrent_networks(rnn, rnn_layers):
    model = models.affwildnet(rnn=rnn, rnn_layers=rnn_layers, **TINY)
    assert np.asarray(model(tiny_inputs())).shape == (2, 4, 2)
    assert [layer.name for layer in model.layers if layer.name in ("rnn1", "rnn2")] == [
        f"rnn{i + 1}" for i in range(rnn_layers)
    ]


@pytest.fixture(scope="module")
def affwildnet():
    """The network at full width."""
    return models.affwildnet()


def test_affwildnet_has_the_papers_sizes(affwildnet):
    model = affwildnet
    assert model.get_layer("fc1").units == 4096
    assert model.get_layer("fc1").kernel.shape == (3 * 3 * 512 + 136, 4096)
    assert [model.get_layer(name).units for name in ("rnn1", "rnn2")] == [128, 128]
    assert model.get_layer("fc1_dropout").rate == 0.5
    assert model.get_layer("rnn1_dropout").rate == 0.5  # paper C §4.2.1
    assert model.input["images"].shape == (None, 80, 96, 96, 3)
    assert model.input["landmarks"].shape == (None, 80, 136)
    assert model.output.shape == (None, 80, 2)
    # The authors' code: truncated normal of stddev 0.01, biases of 0.
    kernel = np.asarray(model.get_layer("fc1").kernel)
    assert abs(kernel).max() <= 0.02 and kernel.std() == pytest.approx(0.0088, rel=0.01)
    assert not np.asarray(model.get_layer("fc1").bias).any()


def test_parameters_of_paper_c_table_8_by_arithmetic(affwildnet):
    """VGG-Face, `fc1` of 4096 units on features and landmarks, two GRUs of 128, two outputs."""
    features, landmarks, fc1, units = 3 * 3 * 512, 68 * 2, 4096, 128
    connected = (features + landmarks) * fc1 + fc1 + units * 2 + 2
    # Two layers of three gates, each with weights for input and state. Keras' form has two biases.
    gates = 3 * units * (fc1 + units + 2) + 3 * units * (units + units + 2)
    backbone = backbones.vgg_face().count_params()
    assert affwildnet.count_params() == backbone + connected + gates


# Dropout after the RNN and bias of `fc1`, which tells the initializers apart.
@pytest.mark.parametrize(
    ("options", "rnn_dropout", "bias"),
    [
        ({}, 0.5, 0),
        ({"settings": "C"}, 0.5, 0),
        ({"settings": "B"}, 0.8, 0),
        ({"settings": "B-keep"}, 0.2, 0),
        ({"settings": "C-baseline"}, 0.0, 1),
        ({"settings": "B", "rnn_dropout": 0.3, "initializer": "papers"}, 0.3, 1),
        ({"initializer": None}, 0.5, 0),
        ({"initializer": {"bias_initializer": keras.initializers.Constant(3)}}, 0.5, 3),
    ],
)
def test_settings_of_the_papers_hold_unless_an_argument_overrides_them(options, rnn_dropout, bias):
    model = models.affwildnet(**TINY, **options)
    assert model.get_layer("rnn1_dropout").rate == rnn_dropout
    assert np.asarray(model.get_layer("fc1").bias).tolist() == [bias] * 8
    no_dropout = options.get("settings") == "C-baseline"
    assert model.get_layer("fc1_dropout").rate == (0 if no_dropout else 0.5)


def test_settings_give_the_length_of_the_windows():
    tiny = {name: value for name, value in TINY.items() if name != "length"}
    assert models.affwildnet(**tiny).input["images"].shape[1] == 80


def test_grus_of_tensorflow_1_have_one_bias_per_gate():
    keras_form, tf1_form = (
        models.affwildnet(reset_after=reset_after, **TINY).count_params()
        for reset_after in (True, False)
    )
    assert keras_form - tf1_form == 2 * 3 * TINY["rnn_units"]


def test_frames_are_independent_before_the_rnn_and_causal_after_it():
    model = models.affwildnet(**TINY, initializer=None)
    inputs = tiny_inputs()
    before = np.asarray(model(inputs))
    inputs["images"][:, 2] = 0.3
    after = np.asarray(model(inputs))
    assert np.allclose(before[:, :2], after[:, :2], atol=1e-6)
    assert not np.allclose(before[:, 2:], after[:, 2:], atol=1e-6)


def test_each_frame_meets_its_own_landmarks():
    """The reshapes around the backbone do not mix batch and time."""
    model = models.affwildnet(**TINY, initializer=None)
    inputs = tiny_inputs(batch=3)
    one_by_one = [
        np.asarray(model({name: value[i : i + 1] for name, value in inputs.items()}))
        for i in range(3)
    ]
    assert np.allclose(np.asarray(model(inputs)), np.concatenate(one_by_one), atol=1e-5)


def test_representation_is_the_last_hidden_layer():
    model = models.affwildnet(representation=True, **TINY)
    outputs = model(tiny_inputs())
    assert set(outputs) == {"valence_arousal", "representation"}
    kernel, bias = model.get_layer("valence_arousal").get_weights()
    hidden = np.asarray(outputs["representation"])
    assert hidden.shape == (2, 4, 6)
    assert np.allclose(hidden @ kernel + bias, outputs["valence_arousal"], atol=1e-5)


def test_frozen_backbones_do_not_train():
    frozen = models.affwildnet(frozen=True, **TINY)
    free = models.affwildnet(frozen=False, **TINY)
    count = len(backbones.cnn_m().trainable_weights)
    assert len(free.trainable_weights) - len(frozen.trainable_weights) == count


def test_a_keras_model_can_be_the_backbone():
    inputs = keras.Input((32, 32, 3))
    backbone = keras.Model(inputs, keras.layers.AveragePooling2D(8)(inputs))
    model = models.cnn_rnn(backbone, "arousal", length=4, hidden_units=5, rnn_units=3)
    assert np.asarray(model(tiny_inputs())).shape == (2, 4, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "joy"}, "`task` must be one of"),
        ({"backbone": "vgg_foot"}, "`backbone` must be one of"),
        ({"rnn": "transformer"}, "`rnn` must be one of"),
        ({"length": 0}, "`length` must be an integer"),
        ({"settings": "A"}, "`settings` must be one of .*'C-baseline'"),
        ({"initializer": "he"}, "`initializer` must be one of .*'papers'"),
        ({"landmark_units": 0}, "`landmark_units` must be an integer"),
    ],
)
def test_unknown_names(options, message):
    with pytest.raises(ValueError, match=message):
        models.affwildnet(**{**TINY, **options})
