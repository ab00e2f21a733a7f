"""Exported files have the outputs of the Keras model that they were made of."""

import json
import sys

import keras
import network_table as table
import numpy as np
import pytest

from kollias_affect import backbones, layers, models, runtime
from kollias_affect.models.exporting import conversion, request

nightly = pytest.mark.nightly


@pytest.fixture(scope="module")
def randomized():
    """Returns a function that gives a model weights whose outputs differ from frame to frame."""

    def randomize(model):
        random = np.random.default_rng(1)
        for weight in model.weights:
            shape = tuple(weight.shape)
            scale = 1.5 / np.sqrt(np.prod(shape[:-1])) if len(shape) > 1 else 0.3
            values = random.normal(size=shape) * scale
            if "variance" in weight.path or "gamma" in weight.path:
                values = random.uniform(0.5, 1.5, shape)
            weight.assign(values)
        return model

    return randomize


def outputs_of(path, inputs):
    """Outputs of an ONNX file by ONNX Runtime alone, by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def assert_equal(outputs, expected):
    expected = np.asarray(expected)
    assert expected.std() > 1e-3  # Constant outputs would prove nothing.
    assert np.abs(outputs - expected).max() < 1e-4


# The other backbones have the layers of `test_layers_equal_keras`, and many of them.
CASES = [case for case in table.CASES if case[2] and case[0] in ("cnn_m", "alexnet")]
OTHERS = [case for case in table.EVERY_CASE if case not in CASES]


@pytest.mark.parametrize(
    ("backbone", "head", "landmarks"), [*CASES, *(pytest.param(*c, marks=nightly) for c in OTHERS)]
)
def test_onnx_files_of_every_network_equal_keras(
    backbone, head, landmarks, randomized, random_inputs, tmp_path
):
    model = randomized(table.build(backbone, head, landmarks))
    path = tmp_path / "model.onnx"
    models.export(model, path)
    inputs = random_inputs(model, batch=3)
    assert_equal(outputs_of(path, inputs)["valence_arousal"], model.predict_on_batch(inputs))
    card = runtime.read_card(path)
    assert {name: card[name] for name in ("task", "length")} == {
        "task": "valence_arousal",
        "length": table.LENGTH,
    }


K = keras.layers
LAYERS = [
    K.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
    K.Conv2D(4, (3, 2), dilation_rate=2, groups=2, use_bias=False, activation="gelu"),
    K.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same", activation="silu"),
    K.SeparableConv2D(3, 3, padding="same", strides=2, depth_multiplier=2),
    K.MaxPooling2D(3, 2, "same"),
    K.AveragePooling2D(3, 2, "same"),
    K.AveragePooling2D((2, 3), 1),
    K.GlobalAveragePooling2D(keepdims=True),
    K.GlobalMaxPooling2D(),
    K.BatchNormalization(epsilon=0.01),
    K.GroupNormalization(2, epsilon=0.01),
    K.GroupNormalization(1, scale=False, center=False),
    K.GroupNormalization(-1),
    K.LayerNormalization(epsilon=0.01),
    K.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1, 2, 3, 4]),
    K.Rescaling(2.0, 0.5),
    K.Rescaling([1.0, 2.0, 3.0, 4.0], [0.1, 0.2, 0.3, 0.4]),
    K.ZeroPadding2D(((0, 1), (2, 3))),
    K.Cropping2D(((1, 2), (0, 3))),
    K.CenterCrop(5, 6),
    K.Resizing(6, 5, antialias=True),
    K.Resizing(13, 16, interpolation="bicubic"),
    K.Resizing(6, 12, interpolation="nearest"),
    K.Dense(3, "softmax"),
    K.Softmax(),
    K.ReLU(6),
    K.LeakyReLU(0.1),
    K.Reshape((9, 40)),
    K.Dropout(0.5),
    K.SpatialDropout2D(0.5),
    *(K.Activation(name) for name in ("elu", "selu", "softplus", "softsign", "hard_sigmoid")),
    *(K.Activation(name) for name in ("hard_tanh", "exponential", "leaky_relu", "relu6", "tanh")),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_layers_equal_keras(layer, randomized, tmp_path):
    """On an image whose sides differ, after a convolution: both orders of the axes occur."""
    images = keras.Input((9, 10, 3), name="images")
    x = layer(keras.layers.Conv2D(4, 1, name="first")(images))
    model = keras.Model({"images": images}, keras.layers.Flatten(name="valence")(x))
    if not isinstance(layer, keras.layers.Normalization):
        randomized(model)
    assert_onnx_equals(model, tmp_path)


@pytest.mark.parametrize("layer", ["Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract"])
def test_layers_of_two_inputs_equal_keras(layer, randomized, tmp_path):
    images = keras.Input((8, 9, 3), name="images")
    one, two = keras.layers.Conv2D(4, 1)(images), keras.layers.Conv2D(4, 3)(images)
    two = keras.layers.ZeroPadding2D(1)(two)
    per_channel = keras.layers.GlobalAveragePooling2D(keepdims=True)(two)
    x = getattr(keras.layers, layer)()([one, two])
    x = keras.layers.Concatenate()([x, images, keras.layers.Multiply()([two, per_channel])])
    x = keras.ops.power(x * x + 1.0, -0.75)
    model = keras.Model({"images": images}, keras.layers.Flatten(name="valence")(x))
    assert_onnx_equals(randomized(model), tmp_path)


def assert_onnx_equals(model, folder):
    graph = conversion.graph_of(model).model("layers", {})
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    inputs = np.random.default_rng(0).uniform(-1, 1, (2, *model.inputs[0].shape[1:]))
    inputs = {"images": inputs.astype(np.float32)}
    assert_equal(outputs_of(folder / "model.onnx", inputs)["valence"], model(inputs))


def small(**options):
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    options = {"rnn_units": 4, "hidden_units": 6, "length": 3, **options}
    return models.cnn_rnn(backbone, "valence_arousal", **options)


def test_onnx_files_of_joined_networks_equal_keras(randomized, random_inputs, tmp_path):
    vgg = backbones.vgg_face((32, 32, 3), width=0.05)
    options = {"rnn_units": 3, "hidden_units": 6, "length": 2}
    several = models.multi_rnn(vgg, "expression", ("pool2", "pool5", "fc1"), **options)
    fused = models.fuse([small(), small(rnn="lstm")])
    for model in map(randomized, (several, fused)):
        models.export(model, tmp_path / "model.onnx")
        inputs = random_inputs(model)
        (output,) = outputs_of(tmp_path / "model.onnx", inputs).values()
        assert_equal(output, model.predict_on_batch(inputs))


def test_files_of_several_outputs_name_them_all(randomized, random_inputs, tmp_path):
    backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    both = models.cnn(backbone, ("expression", "valence_arousal"), hidden_units=6)
    hidden = small(representation=True)
    for model in map(randomized, (both, hidden)):
        models.export(model, tmp_path / "model.onnx")
        inputs = random_inputs(model)
        found, expected = (
            outputs_of(tmp_path / "model.onnx", inputs),
            model.predict_on_batch(inputs),
        )
        assert set(found) == set(expected)
        for name in expected:
            assert_equal(found[name], expected[name])


@pytest.mark.parametrize("normalization", ["softmax", "linear"])
def test_outputs_by_centroids_keep_their_order(normalization, randomized, random_inputs, tmp_path):
    model = randomized(small(representation=True))
    layer = layers.CentroidOutputs(7, normalization, name="expression")
    model = keras.Model(model.input, layer(model.output["representation"]))
    layer.set_weights([np.random.default_rng(3).normal(size=(7, 4))])
    models.export(model, tmp_path / "model.onnx")
    inputs = random_inputs(model)
    found = outputs_of(tmp_path / "model.onnx", inputs)["expression"]
    expected = np.asarray(model.predict_on_batch(inputs))
    assert_equal(found, expected)
    assert (found.argsort(axis=-1) == expected.argsort(axis=-1)).all()


@pytest.mark.parametrize("reset_after", [True, False])
def test_any_batch_and_length_fit_a_free_file(reset_after, randomized, random_inputs, tmp_path):
    model = randomized(small(reset_after=reset_after))
    models.export(model, tmp_path / "model.onnx")
    inputs = random_inputs(model, batch=5)
    expected = np.asarray(model.predict_on_batch(inputs))
    assert_equal(outputs_of(tmp_path / "model.onnx", inputs)["valence_arousal"], expected)
    shorter = {name: values[:, :2] for name, values in inputs.items()}
    # A recurrent network that runs forwards does not see the frames that are missing.
    found = outputs_of(tmp_path / "model.onnx", shorter)["valence_arousal"]
    assert_equal(found, expected[:, :2])


def test_fixed_axes_are_fixed(randomized, random_inputs, tmp_path):
    model = randomized(small())
    path = tmp_path / "model.onnx"
    models.export(model, path, batch=2, length=3)
    exported = runtime.OnnxModel(path)
    assert (exported.batch, exported.length) == (2, 3)
    inputs = random_inputs(model, batch=5)
    # Five windows are three calls of two.
    assert_equal(exported.predict_on_batch(inputs), model.predict_on_batch(inputs))
    with pytest.raises(ValueError, match="must fit the model"):
        exported({name: values[:, :2] for name, values in inputs.items()})


@pytest.mark.parametrize("rnn", ["gru", "lstm", "peephole_lstm"])
def test_a_stream_in_pieces_equals_one_window(rnn, randomized, random_inputs, tmp_path):
    model = randomized(small(rnn=rnn))
    models.export(model, tmp_path / "stream.onnx", stream=True)
    inputs = random_inputs(model)
    expected = np.asarray(model.predict_on_batch(inputs))
    network = runtime.OnnxModel(tmp_path / "stream.onnx")
    states, parts = network.zero_states(2), []
    for piece in (slice(0, 1), slice(1, 3)):
        some = {name: values[:, piece] for name, values in inputs.items()}
        outputs, states = network.step(some, states)
        parts.append(outputs)
    assert_equal(np.concatenate(parts, axis=1), expected)


def test_a_file_without_states_gives_no_stream(tmp_path):
    models.export(small(), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="--stream"):
        runtime.Stream(runtime.OnnxModel(tmp_path / "model.onnx"))
    with pytest.raises(ValueError, match="bidirectional"):
        models.export(small(rnn="bgru"), tmp_path / "other.onnx", stream=True)
    assert not (tmp_path / "other.onnx").exists()


def test_streams_of_onnx_and_keras_agree(randomized, tmp_path):
    model = randomized(small())
    models.export(model, tmp_path / "stream.onnx", stream=True)
    random = np.random.default_rng(0)
    streams = models.Stream(model), models.Stream(runtime.OnnxModel(tmp_path / "stream.onnx"))
    for _ in range(3):
        image = random.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        points = random.uniform(-1, 1, (68, 2))
        keras_output, onnx_output = (stream.step(image, points) for stream in streams)
        assert np.abs(keras_output - onnx_output).max() < 1e-4
    assert np.isnan(streams[1].step(None)).all()


def test_a_mixed_precision_model_is_exported_in_float32(randomized, random_inputs, tmp_path):
    plain = randomized(small())
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = small()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    mixed.set_weights(plain.get_weights())
    models.export(mixed, tmp_path / "model.onnx")
    inputs = random_inputs(plain)
    found = outputs_of(tmp_path / "model.onnx", inputs)["valence_arousal"]
    assert_equal(found, plain.predict_on_batch(inputs))
    assert any(layer.dtype_policy.name == "mixed_bfloat16" for layer in mixed.layers)


def test_nothing_is_written_if_the_outputs_differ(monkeypatch, tmp_path):
    monkeypatch.setattr(request, "MAX_DIFFERENCE", -1.0)
    with pytest.raises(ValueError, match="must equal those of Keras"):
        models.export(small(), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@keras.saving.register_keras_serializable(package="kollias_affect_tests")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def test_an_unknown_layer_is_named(tmp_path):
    images = keras.Input((8, 8, 3), name="images")
    x = Doubled(name="twice")(keras.layers.Flatten()(images))
    model = keras.Model({"images": images}, keras.layers.Dense(1, name="valence")(x))
    with pytest.raises(ValueError, match="'twice'"):
        models.export(model, tmp_path / "model.onnx")


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"kollias-affect\[export\]"):
        models.export(small(), tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("model.keras", {}, "must end in .onnx"),
        ("model.onnx", {"format": "torch"}, "format"),
        ("model.onnx", {"weights": "int8"}, "--calibrate"),
        ("model.onnx", {"batch": 0}, "batch"),
        ("model.tflite", {"format": "litert", "length": 7}, "length"),
    ],
)
def test_arguments_that_cannot_work_are_refused(path, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        models.export(small(), tmp_path / path, **options)
    assert list(tmp_path.iterdir()) == []


def test_float16_files_hold_rounded_weights(randomized, random_inputs, tmp_path):
    model = randomized(small(hidden_units=200))
    sizes = [
        models.export(model, tmp_path / f"{weights}.onnx", weights=weights)["bytes"]
        for weights in ("float32", "float16")
    ]
    assert sizes[1] < 0.8 * sizes[0]
    inputs = random_inputs(model)
    for weight in model.weights:
        if "kernel" in weight.path:
            weight.assign(np.asarray(weight).astype(np.float16))
    found = outputs_of(tmp_path / "float16.onnx", inputs)["valence_arousal"]
    assert_equal(found, model.predict_on_batch(inputs))


def test_int8_reports_its_loss_on_other_batches(randomized, random_inputs, tmp_path):
    backbone = backbones.cnn_m((32, 32, 3), width=0.05)
    model = randomized(models.cnn(backbone, "valence_arousal", hidden_units=64, landmarks=False))
    random = np.random.default_rng(5)
    batches = [
        {"images": random.uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32)} for _ in range(4)
    ]
    path = tmp_path / "int8.onnx"
    # A generator is read once.
    measured = models.export(model, path, weights="int8", calibration=iter(batches))
    others = np.concatenate([batch["images"] for batch in batches[1::2]])
    found = outputs_of(path, {"images": others})["valence_arousal"]
    expected = model.predict_on_batch({"images": others})
    change = np.abs(found - expected)
    loss = measured["loss"]["valence_arousal"]
    assert loss["frames"] == 16
    assert loss["largest"] == pytest.approx(change.max(), rel=0.05)
    assert loss["mean"] == pytest.approx(change.mean(), rel=0.05) and loss["mean"] > 0
    x, y = (np.asarray(v, np.float64)[:, 0] for v in (expected, found))
    ccc = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
    assert loss["agreement"] <= ccc + 1e-3
    assert runtime.read_card(path)["export"]["loss"] == measured["loss"]
    models.export(model, tmp_path / "float32.onnx")
    assert path.stat().st_size < (tmp_path / "float32.onnx").stat().st_size


@pytest.mark.parametrize("stream", [False, pytest.param(True, marks=nightly)])
def test_saved_models_equal_keras_and_carry_the_card(stream, randomized, random_inputs, tmp_path):
    import tensorflow as tf

    model = randomized(small())
    models.export(model, tmp_path / "saved", "saved_model", stream=stream, owner="a test")
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    inputs = random_inputs(model, batch=1)
    expected = model.predict_on_batch(inputs)
    if stream:
        states = {"state1": np.zeros((1, 4), np.float32), "state2": np.zeros((1, 4), np.float32)}
        parts = []
        for i in range(3):
            frame = {name: values[:, i : i + 1] for name, values in inputs.items()}
            found = loaded.serve({**frame, **states})
            states = {name: found[f"new_{name}"] for name in states}
            parts.append(found["valence_arousal"].numpy())
        assert_equal(np.concatenate(parts, axis=1), expected)
    else:
        assert_equal(loaded.serve(inputs)["valence_arousal"].numpy(), expected)
    assert runtime.read_card(tmp_path / "saved")["owner"] == "a test"
    with pytest.raises(FileExistsError):
        models.export(model, tmp_path / "saved", "saved_model")


@pytest.mark.parametrize(
    "rnn", ["gru", *(pytest.param(n, marks=nightly) for n in ("peephole_lstm", "blstm"))]
)
def test_litert_files_equal_keras_and_carry_the_card(rnn, randomized, random_inputs, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    model = randomized(small(rnn=rnn))
    models.export(model, tmp_path / "model.tflite", "litert")
    run = interpreter.Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    inputs = random_inputs(model, batch=1)
    assert_equal(run(**inputs)["valence_arousal"], model.predict_on_batch(inputs))
    assert runtime.read_card(tmp_path / "model.tflite")["export"]["format"] == "litert"


def test_the_shipped_file_equals_the_shipped_network(random_inputs):
    from kollias_affect import catalogue

    name = "expression_vgg_fer2013"
    model, card = models.load(catalogue.model_file(name))
    exported = runtime.OnnxModel(catalogue.runtime_file(name))
    inputs = random_inputs(model)
    assert_equal(exported(inputs), model.predict_on_batch(inputs))
    stored = json.loads(json.dumps(card))
    assert {k: v for k, v in exported.card.items() if k != "export"} == stored
