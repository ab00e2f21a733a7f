import keras
import numpy as np
import pytest
from keras import layers

from kollias_affect import backbones, models
from kollias_affect.weights import conventions
from kollias_affect.weights.vgg_face import CONVOLUTIONS, FULLY_CONNECTED, load_vgg_face

SIDE, WIDTH = 64, 1 / 16  # pool5 is 2 x 2 x 32
POOLED = ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3")
AVERAGE = np.array([120.0, 100.0, 90.0])


@pytest.fixture(scope="module")
def weights():
    """HWIO kernels and biases of all layers; `fc6` is a 2 x 2 convolution."""
    random = np.random.default_rng(0)
    shapes, channels = {}, 3
    for layer in backbones.vgg_face((SIDE, SIDE, 3), WIDTH).layers:
        if layer.name in CONVOLUTIONS:
            shapes[layer.name], channels = (3, 3, channels, layer.filters), layer.filters
    shapes |= {"fc6": (2, 2, channels, 12), "fc7": (1, 1, 12, 12), "fc8": (1, 1, 12, 7)}
    return {
        name: (
            random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype("float32"),
            random.normal(0, 1, shape[-1]).astype("float32"),
        )
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3))


def model_with_top(convolutional=False):
    backbone = backbones.vgg_face((SIDE, SIDE, 3), WIDTH)
    if convolutional:
        x = layers.Conv2D(12, 2, activation="relu", name="fc6")(backbone.output)
        x = layers.Conv2D(12, 1, activation="relu", name="fc7")(x)
        x = layers.Flatten()(layers.Conv2D(7, 1, name="fc8")(x))
    else:
        x = layers.Dense(12, "relu", name="fc6")(layers.Flatten()(backbone.output))
        x = layers.Dense(7, name="fc8")(layers.Dense(12, "relu", name="fc7")(x))
    return keras.Model(backbone.input, x)


def direct(weights, x, padding):
    """Computes the network in NumPy; the image is padded with the colour `padding`."""
    for name in CONVOLUTIONS:
        kernel, bias = weights[name]
        edge = np.empty((x.shape[0], x.shape[1] + 2, x.shape[2] + 2, x.shape[3]), "float64")
        edge[:] = padding if name == "conv1_1" else 0
        edge[:, 1:-1, 1:-1] = x
        windows = np.lib.stride_tricks.sliding_window_view(edge, (3, 3), axis=(1, 2))
        x = np.maximum(np.einsum("nhwcij,ijcf->nhwf", windows, kernel, optimize=True) + bias, 0)
        if name in POOLED:
            n, height, width, channels = x.shape
            x = x.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
    for name in FULLY_CONNECTED:
        kernel, bias = weights[name]
        x = np.einsum("nhwc,hwcf->nf", x, kernel)[:, None, None] + bias
        x = x if name == "fc8" else np.maximum(x, 0)
    return x[:, 0, 0]


def caffe(kernel, name):
    """Returns a kernel in the layout of Caffe and Torch; `fc6` on [C, H, W]."""
    if name in FULLY_CONNECTED:
        return kernel.transpose(3, 2, 0, 1).reshape(kernel.shape[3], -1)
    return kernel.transpose(3, 2, 0, 1)


def dense(kernel, name):
    return kernel.reshape(-1, kernel.shape[-1]) if name in FULLY_CONNECTED else kernel


def _npy(weights, change):
    return {name: [change(kernel, name), bias] for name, (kernel, bias) in weights.items()}


@pytest.fixture
def write(weights, save_matconvnet, save_keras_h5, save_npy):
    """Returns a function that writes a file of one form."""

    def keras_like(name, change):
        return {
            **{"input_1": {}},
            **{
                name(k, i): {"kernel": change(kernel, k), "bias": bias}
                for i, (k, (kernel, bias)) in enumerate(weights.items(), start=1)
            },
            **{"flatten": {}},
        }

    def older_caffe(kernel, name):
        flat = caffe(kernel, name)
        return flat if name in CONVOLUTIONS else flat[None, None]

    def torch(kernel, name):
        flat = caffe(kernel, name)
        return flat.reshape(len(flat), -1) if name in CONVOLUTIONS else flat

    forms = {
        "mat": lambda: save_matconvnet(weights, AVERAGE.reshape(1, 1, 3)),
        "mat nested": lambda: save_matconvnet(
            weights, AVERAGE + np.zeros((4, 4, 3)), nested=True, older=True
        ),
        "mat without average": lambda: save_matconvnet(weights),
        "h5 named": lambda: save_keras_h5(keras_like(lambda name, i: name, dense)),
        "h5 in order": lambda: save_keras_h5(
            keras_like(lambda name, i: f"conv2d_{i}", lambda kernel, name: kernel)
        ),
        "npy Caffe": lambda: save_npy(_npy(weights, caffe)),
        "npy older Caffe": lambda: save_npy(
            {k: [older_caffe(w, k), b[None, None, None]] for k, (w, b) in weights.items()}
        ),
        "npy Torch": lambda: save_npy(
            {
                f"{k}.{leaf}": value
                for k, (w, b) in weights.items()
                for leaf, value in (("weight", torch(w, k)), ("bias", b))
            }
        ),
        "npy flat": lambda: save_npy(_npy(weights, lambda k, name: caffe(k, name).ravel())),
        "npy HWIO": lambda: save_npy(_npy(weights, dense)),
    }
    return lambda form: forms[form]()


OF_THE_FILE = conventions.InputConvention("RGB", 1, tuple(AVERAGE))
FORMS = {
    "mat": OF_THE_FILE,
    "mat nested": OF_THE_FILE,
    "mat without average": conventions.VGG_FACE_RGB,
    "h5 named": conventions.VGG_FACE_BGR,
    "h5 in order": conventions.DEEPFACE,
    "npy Caffe": conventions.VGG_FACE_BGR,
    "npy older Caffe": conventions.VGG_FACE_BGR,
    "npy Torch": conventions.VGG_FACE_BGR,
    "npy flat": conventions.VGG_FACE_BGR,
    "npy HWIO": conventions.VGG_FACE_BGR,
}


@pytest.mark.parametrize("form", FORMS)
def test_output_equals_direct_computation(form, weights, pixels, write):
    path, convention = write(form), FORMS[form]
    model = model_with_top(convolutional="in order" in form or form == "npy Caffe")

    report = load_vgg_face(model, path, fold=False)
    assert report.filled == (*CONVOLUTIONS, *FULLY_CONNECTED) and report.unused == ()
    assert report.convention == convention and report.model_takes == convention
    expected = direct(weights, convention.prepare(pixels), 0)
    np.testing.assert_allclose(model(convention.prepare(pixels)), expected, rtol=1e-3, atol=1e-3)

    # Folded, zeros at the border mean grey of 127.5: with that border, all of the network is equal.
    report = load_vgg_face(model, path)
    assert report.folded and report.model_takes == conventions.OURS
    grey = convention.prepare(np.full((1, 1, 3), 127.5))
    expected = direct(weights, convention.prepare(pixels), grey)
    images = (pixels / 127.5 - 1).astype("float32")
    np.testing.assert_allclose(model(images), expected, rtol=1e-3, atol=1e-3)


def test_keras_writes_what_is_read(tmp_path, pixels, random_weights):
    source = random_weights(model_with_top())
    source.save(tmp_path / "named.h5")
    model = model_with_top()
    assert load_vgg_face(model, tmp_path / "named.h5", fold=False).unfilled == ()
    x = conventions.VGG_FACE_BGR.prepare(pixels)
    np.testing.assert_array_equal(model(x), source(x))


def test_keras_writes_sequential_networks_that_are_read(tmp_path, weights, pixels):
    """The form of deepface: padding and dropout between, all names by default, all in order."""
    stack = [keras.Input((SIDE, SIDE, 3))]
    for name, (kernel, _) in weights.items():
        if name in CONVOLUTIONS:
            stack += [layers.ZeroPadding2D(1), layers.Conv2D(kernel.shape[3], 3, activation="relu")]
            stack += [layers.MaxPooling2D(2)] if name in POOLED else []
        else:
            activation = None if name == "fc8" else "relu"
            stack += [layers.Conv2D(kernel.shape[3], kernel.shape[0], activation=activation)]
            stack += [layers.Dropout(0.5)]
    source = keras.Sequential([*stack, layers.Flatten()])
    source.set_weights([array for pair in weights.values() for array in pair])
    source.save(tmp_path / "vgg_face_weights.h5")
    model = model_with_top()
    assert load_vgg_face(model, tmp_path / "vgg_face_weights.h5", fold=False).unused == ()
    x = conventions.DEEPFACE.prepare(pixels)
    np.testing.assert_allclose(model(x), source(x), rtol=1e-4, atol=1e-4)


def test_layers_without_counterpart_are_left_aside(write):
    backbone = backbones.vgg_face((SIDE, SIDE, 3), WIDTH)
    report = load_vgg_face(backbone, write("h5 named"))
    assert report.filled == CONVOLUTIONS and report.unused == FULLY_CONNECTED
    other = backbones.vgg_face((96, 96, 3), WIDTH)  # pool5 is 3 x 3: fc6 does not fit
    x = layers.Dense(12, name="fc6")(layers.Flatten()(other.output))
    model = keras.Model(other.input, layers.Dense(12, name="fc7")(x))
    report = load_vgg_face(model, write("npy Caffe"))
    assert report.unfilled == ("fc6",) and set(report.unused) == {"fc6", "fc8"}
    assert report.filled == (*CONVOLUTIONS, "fc7")


def test_a_backbone_within_affwildnet_receives_weights(write, weights):
    model = models.affwildnet(width=WIDTH, length=2)
    load_vgg_face(model, write("mat"), fold=False)
    kernel = model.get_layer("vgg_face").get_layer("conv4_2").kernel
    np.testing.assert_array_equal(kernel, weights["conv4_2"][0])


def test_a_given_convention_is_used(write, weights):
    model = backbones.vgg_face((SIDE, SIDE, 3), WIDTH)
    given = conventions.VGG_FACE_BGR
    assert load_vgg_face(model, write("h5 in order"), convention=given).convention == given
    expected, _ = conventions.fold(*weights["conv1_1"], given)
    np.testing.assert_array_equal(model.get_layer("conv1_1").kernel, expected)


def test_missing_misshaped_and_unused_entries(weights, save_npy, save_matconvnet, save_keras_h5):
    model = backbones.vgg_face((SIDE, SIDE, 3), WIDTH)
    before = model.get_weights()
    broken = dict(weights)
    del broken["conv2_1"]
    broken["conv3_1"] = (broken["conv3_1"][0][..., :-1, :], broken["conv3_1"][1])
    broken["conv4_1"] = (np.ones((5, 5, 16, 32)), broken["conv4_1"][1])
    paths = [
        save_npy(_npy(broken, caffe)),
        save_npy(_npy(broken, dense), "hwio.npy"),
        save_matconvnet(broken),
        save_keras_h5({k: {"W": w, "b": b} for k, (w, b) in broken.items()}),
    ]
    for path in paths:
        with pytest.raises(ValueError, match="Nothing was loaded") as error:
            load_vgg_face(model, path)
        assert "missing: conv2_1;" in str(error.value)
        assert "conv3_1 kernel (3, 3, 7, 16), expected (3, 3, 8, 16)" in str(error.value)
        assert "conv4_1 kernel" in str(error.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)

    more = {**_npy(weights, dense), "fc9": [np.ones((2, 2)), np.ones(2)], "iterations": 5}
    report = load_vgg_face(model, save_npy(more))
    assert report.unused == (*FULLY_CONNECTED, "fc9", "iterations")


def test_a_layout_that_the_shapes_do_not_determine_is_refused(weights, save_npy):
    model = backbones.vgg_face((SIDE, SIDE, 3), WIDTH)
    narrow = {name: [np.ones((3, 3, 3, 3)), np.ones(3)] for name in CONVOLUTIONS}
    with pytest.raises(ValueError, match="could be either: conv1_1"):
        load_vgg_face(model, save_npy(narrow))
    mixed = {**_npy(weights, caffe), "conv3_1": list(weights["conv3_1"])}
    with pytest.raises(ValueError, match="are not: conv1_1"):
        load_vgg_face(model, save_npy(mixed))
    with pytest.raises(ValueError, match="are not: none"):
        load_vgg_face(model, save_npy({}))
    mixed = {**_npy(weights, caffe), "fc8": [dense(*weights["fc8"][:1], "fc8"), weights["fc8"][1]]}
    with pytest.raises(ValueError, match=r"laid out like its convolutions.*fc8 \(12, 7\)"):
        load_vgg_face(model, save_npy(mixed))


def test_other_h5_networks_are_refused(save_keras_h5, weights):
    model = backbones.vgg_face((SIDE, SIDE, 3), WIDTH)
    some = {f"conv2d_{i}": {"kernel": w, "bias": b} for i, (w, b) in enumerate(weights.values())}
    some.pop("conv2d_3")
    with pytest.raises(ValueError, match="with 15: conv2d_0"):
        load_vgg_face(model, save_keras_h5(some))
    imagenet = {f"block1_conv{i}": {"kernel": w} for i, (w, _) in enumerate(weights.values())}
    with pytest.raises(ValueError, match="Keras' VGG16, which is trained on ImageNet"):
        load_vgg_face(model, save_keras_h5(imagenet))


def test_unknown_content(tmp_path):
    path = tmp_path / "VGG_FACE.caffemodel"
    path.write_bytes(b"\x0a\x08VGG_FACE")
    with pytest.raises(ValueError, match="convert .caffemodel and .t7 files to .npy"):
        load_vgg_face(backbones.vgg_face((SIDE, SIDE, 3), WIDTH), path)
