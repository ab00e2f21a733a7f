"""Properties of every backbone, as a table."""

import inspect
import itertools
import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from kollias_affect import backbones


def vgg_parameters():
    sizes = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    return sum(9 * a * b + b for a, b in itertools.pairwise(sizes))


def resnet_parameters(bias):
    """Counts convolutions and, per channel, the four numbers of batch normalisation."""
    convolutions = [(7 * 7 * 3, 64)]
    channels = 64
    for units, depth in [(3, 64), (4, 128), (6, 256), (3, 512)]:
        convolutions.append((channels, 4 * depth))  # the projection of the first unit
        for _ in range(units):
            convolutions += [(channels, depth), (9 * depth, depth), (depth, 4 * depth)]
            channels = 4 * depth
    return sum(inputs * outputs + (4 + bias) * outputs for inputs, outputs in convolutions)


def densenet_parameters():
    total, channels = 7 * 7 * 3 * 64 + 4 * 64, 64
    for block, units in enumerate([6, 12, 24, 16]):
        for _ in range(units):
            total += 4 * channels + channels * 128 + 4 * 128 + 9 * 128 * 32
            channels += 32
        if block < 3:
            total += 4 * channels + channels * channels // 2
            channels //= 2
    return total + 4 * channels


CNN_M = 7 * 7 * 3 * 96 + 5 * 5 * 96 * 256 + 3 * 3 * 256 * 512 + 2 * 3 * 3 * 512 * 512
CNN_M_CHANNELS = 96 + 256 + 3 * 512
ALEXNET_KERNELS = 11 * 11 * 3 * 96 + 5 * 5 * 48 * 256 + 3 * 3 * (256 * 384 + 192 * 384 + 192 * 256)
ALEXNET_CHANNELS = 96 + 256 + 384 + 384 + 256

# Name, options, side of the input, parameters of the full network, shapes of taps.
FULL = [
    (
        *("vgg16", {}, 96, vgg_parameters()),
        {
            "conv1_2": (96, 96, 64),
            "pool2": (24, 24, 128),
            "conv5_3": (6, 6, 512),
            "pool5": (3, 3, 512),
        },
    ),
    (
        *("resnet50", {"form": "slim"}, 96, resnet_parameters(bias=0)),
        {
            "conv1": (48, 48, 64),
            "pool1": (24, 24, 64),
            "block1_unit_2": (24, 24, 256),
            "block1": (12, 12, 256),
            "block2": (6, 6, 512),
            "block3": (3, 3, 1024),
            "block4": (3, 3, 2048),
            "pool5": (1, 1, 2048),
        },
    ),
    (
        *("resnet50", {"form": "keras"}, 96, resnet_parameters(bias=1)),
        {
            "conv1_relu": (48, 48, 64),
            "pool1_pool": (24, 24, 64),
            "conv2_block3_out": (24, 24, 256),
            "conv3_block1_out": (12, 12, 512),
            "conv5_block3_out": (3, 3, 2048),
            "pool5": (1, 1, 2048),
        },
    ),
    (
        *("densenet121", {}, 96, densenet_parameters()),
        {
            "pool1": (24, 24, 64),
            "conv2_block6_concat": (24, 24, 256),
            "pool2_pool": (12, 12, 128),
            "pool4_pool": (3, 3, 512),
            "relu": (3, 3, 1024),
            "pool5": (1, 1, 1024),
        },
    ),
    (
        *("cnn_m", {"form": "affwild"}, 96, CNN_M + (1 + 4) * CNN_M_CHANNELS),
        {
            "conv1": (45, 45, 96),
            "pool1": (22, 22, 96),
            "conv2": (11, 11, 256),
            "pool2": (6, 6, 256),
            "conv5": (6, 6, 512),
            "pool5": (3, 3, 512),
        },
    ),
    (
        *("cnn_m", {"form": "vgg_cnn_m_2048"}, 224, CNN_M + CNN_M_CHANNELS),
        {
            "conv1": (109, 109, 96),
            "norm1": (109, 109, 96),
            "pool1": (54, 54, 96),
            "conv2": (26, 26, 256),
            "pool2": (13, 13, 256),
            "conv5": (13, 13, 512),
            "pool5": (6, 6, 512),
        },
    ),
    (
        *("alexnet", {}, 227, ALEXNET_KERNELS + ALEXNET_CHANNELS),
        {
            "conv1": (55, 55, 96),
            "pool1": (27, 27, 96),
            "conv2_1": (27, 27, 128),
            "conv2": (27, 27, 256),
            "pool2": (13, 13, 256),
            "conv4": (13, 13, 384),
            "pool5": (6, 6, 256),
        },
    ),
]

# Name, options, the smallest side, a narrow width.
NARROW = [
    ("vgg_face", {}, 32, 0.05),
    ("vgg16", {}, 32, 0.05),
    ("resnet50", {"form": "slim"}, 1, 0.04),
    ("resnet50", {"form": "keras"}, 1, 0.04),
    ("densenet121", {}, 29, 0.07),
    ("cnn_m", {"form": "affwild"}, 11, 0.05),
    ("cnn_m", {"form": "vgg_cnn_m_2048"}, 41, 0.05),
    ("alexnet", {}, 39, 0.05),
]
IDS = ["-".join([name, *options.values()]) for name, options, *_ in NARROW]
every_narrow_backbone = pytest.mark.parametrize(
    ("name", "options", "smallest", "width"), NARROW, ids=IDS
)


SIZE = (48, 63)


def images(size=SIZE, batch=2):
    return np.random.default_rng(0).uniform(-1, 1, (batch, *size, 3)).astype("float32")


def test_the_table_is_complete():
    assert {row[0] for row in NARROW} == set(backbones.BACKBONES)
    assert {row[0] for row in FULL} | {"vgg_face"} == set(backbones.BACKBONES)


def test_parameter_arithmetic_gives_the_published_numbers():
    assert vgg_parameters() == 14_714_688
    # torchvision's resnet50 has 25,557,032, minus 2,049,000 of its classifier, without moving
    # statistics.
    assert resnet_parameters(bias=0) - 2 * 26_560 == 25_557_032 - 2_049_000 == 23_508_032
    assert resnet_parameters(bias=1) == 23_587_712  # Keras' ResNet50 without top
    assert densenet_parameters() == 7_037_504  # Keras' DenseNet121 without top


@pytest.mark.parametrize(
    ("name", "options", "size", "parameters", "taps"),
    FULL,
    ids=["-".join([name, *options.values()]) for name, options, *_ in FULL],
)
def test_topology_of_the_full_network(name, options, size, parameters, taps):
    model = backbones.build(name, input_shape=(size, size, 3), **options)
    assert {tap: model.get_layer(tap).output.shape[1:] for tap in taps} == taps
    assert model.output is model.get_layer("pool5").output
    assert model.count_params() == parameters
    assert model.name == name and model.inputs[0].name == "images"
    assert model.input_shape == (None, size, size, 3)


@pytest.mark.parametrize("name", backbones.BACKBONES)
def test_default_input_is_that_of_the_crops(name):
    parameters = inspect.signature(backbones.BACKBONES[name]).parameters
    assert parameters["input_shape"].default == (96, 96, 3)


@every_narrow_backbone
def test_smallest_input(name, options, smallest, width):
    shape = [smallest, smallest, 3]
    build = backbones.BACKBONES[name]
    model = build(input_shape=shape, width=width, name="mine", **options)
    assert model.output.shape[1:3] == (1, 1) and model.name == "mine"
    assert np.isfinite(model(images((smallest, smallest)))).all()
    message = f"at least {smallest} x {smallest} pixels"
    wrong = [(smallest - 1, 96, 3), (96, smallest - 1, 3), (96, 96), (None, None, 3), (96, 96, 1)]
    for shape in [*wrong, 96, None, "96", (96.5, 96, 3)]:
        with pytest.raises(ValueError, match=message) as error:
            backbones.build(name, input_shape=shape, width=width, **options)
        assert f"Received: {shape}" in str(error.value)


@every_narrow_backbone
def test_width_must_be_positive(name, options, smallest, width):
    for bad in (0, -1, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match="`width` must be positive"):
            backbones.build(name, width=bad, **options)


@pytest.mark.parametrize("name", ["resnet50", "cnn_m"])
def test_unknown_forms_name_the_valid_ones(name):
    with pytest.raises(ValueError, match=r"`form` must be one of \('.*', '.*'\)"):
        backbones.build(name, form="caffe")


@pytest.fixture(scope="module")
def narrow(request):
    """A narrow backbone for images that are not square; and its arguments."""
    name, options, _, width = request.param
    keras.utils.set_random_seed(1)
    arguments = {"name": name, "input_shape": (*SIZE, 3), "width": width, **options}
    return backbones.build(**arguments), arguments


# `tests/models/test_all_networks.py` saves, loads and trains networks on every backbone, so these
# tests of the deep backbones alone run nightly.
DEEP = ("resnet50-keras", "densenet121")
deep_ones_nightly = pytest.mark.parametrize(
    "narrow",
    [
        pytest.param(row, marks=[pytest.mark.nightly] if row_id in DEEP else [], id=row_id)
        for row, row_id in zip(NARROW, IDS, strict=True)
    ],
    indirect=True,
)


@deep_ones_nightly
def test_saved_model_is_plain_keras(narrow, tmp_path):
    model, _ = narrow
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(images()), loaded(images()))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    assert "kollias_affect" not in config and "Lambda" not in config
    assert json.loads(config)["registered_name"] in (None, "Functional")


@pytest.mark.parametrize("narrow", NARROW, ids=IDS, indirect=True)
def test_outputs_under_mixed_precision_are_close(narrow):
    reference, arguments = narrow
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = backbones.build(**arguments)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.output.dtype == "bfloat16"
    model.set_weights(reference.get_weights())
    expected = np.asarray(reference(images()))
    outputs = np.asarray(keras.ops.cast(model(images()), "float32"))
    assert np.abs(outputs - expected).max() < 0.05 * np.abs(expected).max()


@deep_ones_nightly
def test_one_gradient_step_lowers_the_loss(narrow):
    model, _ = narrow
    inputs = images(batch=4)

    def loss():
        return tf.reduce_mean(tf.square(model(inputs, training=True) - 1.0))

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, model.trainable_weights)
    assert all(gradient is not None for gradient in gradients)
    squared = sum(float(tf.reduce_sum(tf.square(gradient))) for gradient in gradients)
    assert 0 < squared < np.inf
    # To first order, this step reduces the loss by one percent.
    for weight, gradient in zip(model.trainable_weights, gradients, strict=True):
        weight.assign_sub(0.01 * before / squared * gradient)
    assert float(loss()) < float(before)
