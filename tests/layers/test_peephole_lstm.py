import inspect
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from shared_values import PARITY, PEEPHOLE_WEIGHTS

from kollias_affect import layers


@pytest.fixture(autouse=True)
def on_the_cpu():
    """Runs on the CPU: GPUs round float32 products to TF32, which exceeds the tolerance of 1e-6."""
    with keras.device("cpu:0"):
        yield


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def built(units=4, features=3, **options):
    """Builds a layer whose weights depend on their shapes and order only."""
    layer = layers.PeepholeLSTM(units, **options)
    layer.build((2, 6, features))
    layer.set_weights([draw(*w.shape, seed=k) for k, w in enumerate(layer.weights)])
    return layer


def values(layer, x, mask=None, **options):
    mask = None if mask is None else keras.ops.convert_to_tensor(mask)
    outputs = layer(keras.ops.convert_to_tensor(x), mask=mask, **options)
    if isinstance(outputs, (list, tuple)):
        return [keras.ops.convert_to_numpy(output) for output in outputs]
    return keras.ops.convert_to_numpy(outputs)


def by_hand(x, mask, kernel, recurrent_kernel, bias, p_i, p_f, p_o):
    """Computes the formula per sequence and frame; returns all outputs, the last h, the last c."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    outputs = np.zeros((*x.shape[:2], len(p_i)))
    states = np.zeros((2, len(x), len(p_i)))
    for n, sequence in enumerate(x):
        h, c, output = states[0, n], states[1, n], np.zeros(len(p_i))
        for t, frame in enumerate(sequence):
            if mask is None or mask[n, t]:
                i, f, j, o = np.split(frame @ kernel + h @ recurrent_kernel + bias, 4)
                i, f = sigmoid(i + p_i * c), sigmoid(f + p_f * c)
                c = f * c + i * np.tanh(j)
                h = output = sigmoid(o + p_o * c) * np.tanh(c)
            outputs[n, t] = output
        states[:, n] = h, c
    return [outputs, *states]


MASK = np.array([[1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize("mask", [None, MASK], ids=["complete", "masked"])
@pytest.mark.parametrize("units", [1, 7, 128])
@pytest.mark.parametrize("use_bias", [True, False])
def test_layer_agrees_with_the_formula(units, mask, use_bias):
    options = {"use_bias": use_bias, "return_sequences": True, "return_state": True}
    layer = built(units, **options, dtype="float64")
    weights = layer.get_weights()
    if not use_bias:
        weights.insert(2, np.zeros(4 * units))
    x = draw(3, 6, 3, seed=9).astype("float64")
    for value, wanted in zip(values(layer, x, mask=mask), by_hand(x, mask, *weights), strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-12)


def test_layer_agrees_with_the_reference_outputs():
    path = PARITY / "peephole_lstm.json"
    if not path.is_file():
        pytest.skip(f"reference outputs are not part of the repository: {path} is absent")
    reference = json.loads(path.read_text())
    x = np.array(reference["inputs"], "float32")
    layer = layers.PeepholeLSTM(4, return_sequences=True)
    layer.build(x.shape)
    layer.set_weights([np.array(reference[name]) for name in PEEPHOLE_WEIGHTS])
    assert np.abs(values(layer, x) - reference["outputs"]).max() <= 1e-6


def test_without_peepholes_it_is_the_lstm_of_keras():
    layer = built(5, return_sequences=True, return_state=True)
    plain = keras.layers.LSTM(5, return_sequences=True, return_state=True)
    plain.build((2, 6, 3))
    plain.set_weights(layer.get_weights()[:3])
    layer.set_weights(layer.get_weights()[:3] + 3 * [np.zeros(5)])
    for value, wanted in zip(
        values(layer, draw(2, 6, 3)), values(plain, draw(2, 6, 3)), strict=True
    ):
        np.testing.assert_allclose(value, wanted, atol=1e-6)


@pytest.mark.parametrize("use_bias", [True, False])
def test_weights_have_their_names_shapes_and_order(use_bias):
    layer = built(4, features=3, use_bias=use_bias)
    shapes = {"kernel": (3, 16), "recurrent_kernel": (4, 16), "bias": (16,)}
    expected = [(n, shapes.get(n, (4,))) for n in PEEPHOLE_WEIGHTS if use_bias or n != "bias"]
    assert [(w.name, w.shape) for w in layer.weights] == expected
    assert all(getattr(layer.cell, w.name) is w for w in layer.weights)


def test_initial_weights_have_their_distributions():
    layer = layers.PeepholeLSTM(50)
    layer.build((None, None, 3))
    _, _, bias, *peepholes = layer.get_weights()
    np.testing.assert_array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], 50))
    limit = np.sqrt(6 / 100)  # Glorot's for a 50 x 50 matrix; the peepholes are its diagonal
    assert all(0.5 * limit < np.abs(p).max() <= limit for p in peepholes)
    assert not np.array_equal(peepholes[0], peepholes[1])
    layer = layers.PeepholeLSTM(2, unit_forget_bias=False, peephole_initializer="ones")
    layer.build((None, None, 3))
    np.testing.assert_array_equal(np.concatenate(layer.get_weights()[2:]), [0] * 8 + [1] * 6)


def test_return_sequences_and_state_select_outputs():
    x = draw(2, 6, 3)
    every, h, c = values(built(return_sequences=True, return_state=True), x)
    assert every.shape == (2, 6, 4) and h.shape == c.shape == (2, 4)
    np.testing.assert_array_equal(every[:, -1], h)
    np.testing.assert_array_equal(values(built(), x), h)
    np.testing.assert_array_equal(values(built(return_sequences=True), x), every)
    symbolic = built(return_sequences=True, return_state=True)(keras.Input((None, 3)))
    assert [s.shape for s in symbolic] == [(None, None, 4), (None, 4), (None, 4)]


def test_go_backwards_reads_the_reversed_sequence():
    x = draw(2, 6, 3)
    backwards = values(built(return_sequences=True, go_backwards=True), x)
    np.testing.assert_array_equal(backwards, values(built(return_sequences=True), x[:, ::-1]))


def test_masked_frames_may_hold_anything():
    x = draw(3, 6, 3)
    other = np.where(MASK[..., None], x, 1e6).astype("float32")
    for options in ({}, {"go_backwards": True}, {"return_sequences": True}):
        layer = built(**options)
        assert np.array_equal(values(layer, x, mask=MASK), values(layer, other, mask=MASK))


def test_the_mask_of_a_masking_layer_is_used_and_propagated():
    x = draw(3, 6, 3) * MASK[..., None]
    layer = built(return_sequences=True)
    model = keras.Sequential([keras.layers.Masking(), layer])
    np.testing.assert_array_equal(values(model, x), values(layer, x, mask=MASK))
    np.testing.assert_array_equal(model(x)._keras_mask, MASK)
    zeros = built(return_sequences=True, zero_output_for_mask=True)
    assert not values(zeros, x, mask=MASK)[~MASK].any()


def test_the_state_continues():
    x = draw(2, 6, 3)
    complete = values(built(), x)
    first = built(return_state=True)
    _, *state = first(x[:, :4])
    np.testing.assert_allclose(values(built(), x[:, 4:], initial_state=state), complete, atol=1e-6)
    stateful = built(stateful=True)
    stateful(x[:, :4])
    np.testing.assert_allclose(values(stateful, x[:, 4:]), complete, atol=1e-6)
    stateful.reset_state()
    np.testing.assert_allclose(values(stateful, x), complete, atol=1e-6)


def test_unrolling_changes_nothing():
    x = draw(3, 6, 3)
    loop, unrolled = (values(built(unroll=unroll), x, mask=MASK) for unroll in (False, True))
    np.testing.assert_allclose(loop, unrolled, atol=1e-6)


def test_the_cell_works_in_a_plain_rnn():
    layer = built(return_sequences=True)
    plain = keras.layers.RNN(layer.cell, return_sequences=True)
    np.testing.assert_array_equal(values(plain, draw(2, 6, 3)), values(layer, draw(2, 6, 3)))
    stacked = keras.layers.RNN([layers.PeepholeLSTMCell(4), layers.PeepholeLSTMCell(2)])
    assert values(stacked, draw(2, 6, 3)).shape == (2, 2)


def test_bidirectional_is_one_layer_per_direction():
    x = draw(3, 6, 3)
    both = keras.layers.Bidirectional(layers.PeepholeLSTM(4, return_sequences=True))
    both.build(x.shape)
    both.set_weights([draw(*w.shape, seed=k) for k, w in enumerate(both.weights)])
    assert type(both.backward_layer) is layers.PeepholeLSTM and both.backward_layer.go_backwards
    result = values(both, x, mask=MASK)
    np.testing.assert_array_equal(result[..., :4], values(both.forward_layer, x, mask=MASK))
    backward = values(both.backward_layer, x, mask=MASK)[:, ::-1]
    np.testing.assert_array_equal(result[..., 4:], backward)
    rebuilt = keras.layers.Bidirectional.from_config(both.get_config())
    assert rebuilt.get_config() == both.get_config()


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
def test_dropout_acts_in_training_only(options):
    x = np.ones((2, 6, 3), "float32")
    layer, without = built(**options, seed=1), values(built(), x)
    np.testing.assert_allclose(values(layer, x), without, atol=1e-6)
    drawn = [values(layer, x, training=True) for _ in range(2)]
    assert np.abs(drawn[0] - without).max() > 1e-3
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-3
    assert np.isfinite(drawn).all()


def test_one_dropout_mask_per_call_holds_for_every_frame():
    layer = built(1, features=1, dropout=0.5, return_sequences=True, seed=3)
    x = np.ones((64, 6, 1), "float32")
    dropped = values(layer, 0 * x[:1], training=False)[0]
    scaled = values(layer, 2 * x[:1], training=False)[0]  # inputs are divided by 1 - 0.5
    for sequence in values(layer, x, training=True):
        nearest = min((dropped, scaled), key=lambda other: np.abs(sequence - other).max())
        np.testing.assert_allclose(sequence, nearest, atol=1e-6)


@pytest.mark.parametrize("units", [1, 4])
def test_gradients_reach_every_weight_and_are_finite(units):
    import tensorflow as tf

    layer = built(units, return_sequences=True)
    with tf.GradientTape() as tape:
        loss = keras.ops.sum(layer(draw(3, 6, 3), mask=keras.ops.convert_to_tensor(MASK)) ** 2)
    for gradient in tape.gradient(loss, layer.trainable_variables):
        assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize("bidirectional", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_training_lowers_the_loss(bidirectional):
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((None, 3))
    dropout = {"dropout": 0.1, "recurrent_dropout": 0.1}
    if bidirectional:
        hidden = layers.PeepholeLSTM(4, return_sequences=True, **dropout)
        x = keras.layers.Bidirectional(hidden)(x)
    outputs = layers.PeepholeLSTM(2, return_sequences=True, **dropout)(x)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.1), "mse")
    x = draw(8, 6, 3)
    history = model.fit(x, x[..., :2] / 2, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def test_mixed_bfloat16_computes_in_bfloat16():
    layer = built(8, dtype="mixed_bfloat16", return_sequences=True, return_state=True)
    assert {w.dtype for w in layer.weights} == {"float32"}
    outputs = layer(draw(2, 6, 3))
    assert {keras.backend.standardize_dtype(o.dtype) for o in outputs} == {"bfloat16"}
    rounded = [keras.ops.convert_to_numpy(keras.ops.cast(o, "float32")) for o in outputs]
    exact = values(built(8, return_sequences=True, return_state=True), draw(2, 6, 3))
    for value, wanted in zip(rounded, exact, strict=True):
        np.testing.assert_allclose(value, wanted, atol=0.05)


def options_that_differ_from_the_defaults():
    return {
        "activation": "relu",
        "recurrent_activation": "hard_sigmoid",
        "use_bias": False,
        "kernel_initializer": keras.initializers.TruncatedNormal(seed=1),
        "recurrent_initializer": "glorot_normal",
        "bias_initializer": "ones",
        "unit_forget_bias": False,
        "peephole_initializer": keras.initializers.RandomUniform(seed=2),
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "recurrent_regularizer": "l1",
        "bias_regularizer": "l2",
        "kernel_constraint": "max_norm",
        "recurrent_constraint": "non_neg",
        "bias_constraint": "unit_norm",
        "dropout": 0.1,
        "recurrent_dropout": 0.2,
        "seed": 3,
    }


def test_configs_are_complete(config_is_complete):
    options = options_that_differ_from_the_defaults()
    config_is_complete(layers.PeepholeLSTMCell(3))
    config_is_complete(layers.PeepholeLSTMCell(3, **options, name="cell", dtype="bfloat16"))
    config_is_complete(layers.PeepholeLSTM(3))
    options |= {
        "activity_regularizer": "l2",
        **dict.fromkeys(("return_sequences", "return_state", "go_backwards", "stateful"), True),
        **dict.fromkeys(("unroll", "zero_output_for_mask"), True),
    }
    layer = layers.PeepholeLSTM(3, **options, name="mine", dtype="mixed_bfloat16", trainable=False)
    config_is_complete(layer)
    default = layers.PeepholeLSTM(4).get_config()
    assert not [name for name in options if layer.get_config()[name] == default[name]]


def test_arguments_are_those_of_keras():
    ours, arguments_of_keras = (
        list(inspect.signature(thing).parameters)
        for thing in (layers.PeepholeLSTM, keras.layers.LSTM)
    )
    assert [name for name in ours if name != "peephole_initializer"] == [
        name for name in arguments_of_keras if name != "use_cudnn"
    ]


@pytest.mark.parametrize("units", [0, -1, 2.5, "4", None])
def test_bad_units_are_refused(units):
    with pytest.raises(ValueError, match=r"`units` must be an integer of at least 1\. Received"):
        layers.PeepholeLSTM(units)


# tests/test_package.py tests that the layers are registered after other orders of imports.
IMPORTS = (
    "import kollias_affect; import tensorflow as tf; keras = tf.keras",
    pytest.param("import kollias_affect; import keras", marks=pytest.mark.nightly),
    pytest.param("import keras; import kollias_affect", marks=pytest.mark.nightly),
)


@pytest.mark.parametrize("imports", IMPORTS)
def test_model_loads_in_a_process_that_only_imports_the_package(imports, tmp_path):
    inputs = keras.Input((None, 3))
    hidden = keras.layers.Bidirectional(layers.PeepholeLSTM(4, return_sequences=True))(inputs)
    hidden = keras.layers.RNN(layers.PeepholeLSTMCell(2), return_sequences=True)(hidden)
    model = keras.Model(inputs, layers.PeepholeLSTM(3)(hidden))
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", draw(2, 6, 3))
    code = (
        f"{imports}; import numpy as np; "
        "model = keras.models.load_model('model.keras'); "
        "np.save('y.npy', model(np.load('x.npy')))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), values(model, draw(2, 6, 3)), atol=1e-6)
