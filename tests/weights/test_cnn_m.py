import keras
import numpy as np
import pytest
import scipy.io

from kollias_affect import backbones
from kollias_affect.weights.cnn_m import CONVOLUTIONS, load_cnn_m

SIDE, WIDTH = 64, 1 / 32
AVERAGE = np.array([131.0, 104.0, 91.0])


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3))


def backbone(side=SIDE):
    return backbones.cnn_m((side, side, 3), WIDTH)


@pytest.fixture
def layers():
    """Arrays of each convolution and of its batch normalisation, as MatConvNet stores them."""
    random = np.random.default_rng(0)
    result = {}
    for name in CONVOLUTIONS:
        kernel, bias = backbone().get_layer(name).weights
        channels = bias.shape[0]
        deviation = np.sqrt(2 / np.prod(kernel.shape[:-1]))
        moments = [random.normal(0, 0.5, channels), random.uniform(0.5, 2, channels)]
        result[name] = {
            "conv": [random.normal(0, deviation, kernel.shape), random.normal(0, 1, (channels, 1))],
            "bnorm": [
                random.uniform(0.5, 1.5, (channels, 1)),
                random.normal(0, 0.5, (channels, 1)),
                np.stack(moments, axis=1),
            ],
        }
    result["conv1"]["conv"][0] /= 50  # of pixels in 0-255
    return result


def cell(values):
    """Returns a cell of MATLAB, one row."""
    array = np.empty((1, len(values)), object)
    for number, value in enumerate(values):
        array[0, number] = value
    return array


def save_simple(path, layers, norm=("bnorm",), average=AVERAGE):
    """Writes a SimpleNN: conv1, bn1, relu1, pool1, conv2 …"""
    cells = []
    for name, arrays in layers.items():
        number = name[-1]
        cells += [{"name": name, "type": "conv", "weights": cell(arrays["conv"]), "pad": [0] * 4}]
        if "bnorm" in norm:
            weights = cell(arrays["bnorm"])
            cells += [{"name": f"bn{number}", "type": "bnorm", "weights": weights}]
        cells += [{"name": f"relu{number}", "type": "relu"}]
        if "lrn" in norm:
            cells += [{"name": f"norm{number}", "type": "lrn", "param": [5, 2, 1e-4, 0.75]}]
    cells += [{"name": "pool5", "type": "pool", "method": "max"}]
    head = [np.ones((6, 6, 16, 4)), np.ones((4, 1))]
    cells += [{"name": "fc6", "type": "conv", "weights": cell(head)}]
    meta = {"normalization": {"averageImage": np.reshape(average, (1, 1, 3))}}
    scipy.io.savemat(path, {"layers": cell(cells), "meta": meta})
    return path


def save_dag(path, layers):
    """Writes a DagNN, whose batch normalisations come last and have names of their own."""
    records, norms, params = [], [], []

    def record(name, kind, inputs, outputs, arrays):
        names = [f"{name}{suffix}" for suffix in "fbm"[: len(arrays)]]
        params.extend({"name": n, "value": a} for n, a in zip(names, arrays, strict=True))
        return {
            "name": name, "type": f"dagnn.{kind}", "inputs": cell([inputs]),
            "outputs": cell([outputs]), "params": cell(names), "block": {"opts": 0},
        }  # fmt: skip

    for number, (name, arrays) in enumerate(layers.items(), start=1):
        records.append(record(name, "Conv", f"x{number}", f"c{number}", arrays["conv"]))
        norms.append(
            record(f"bn{48 + number}", "BatchNorm", f"c{number}", f"b{number}", arrays["bnorm"])
        )

    def structs(rows):
        array = np.empty((1, len(rows)), [(key, object) for key in rows[0]])
        array[0, :] = [tuple(row.values()) for row in rows]
        return array

    content = {"layers": structs(records + norms), "params": structs(params)}
    content["meta"] = {"normalization": {"averageImage": AVERAGE.reshape(1, 1, 3)}}
    scipy.io.savemat(path, content)
    return path


def direct(layers, x, norm=True):
    """Computes the network of paper C's table 4 in float64, with MatConvNet's formula."""
    ops = keras.ops
    strides, paddings = (2, 2, 1, 1, 1), ("valid", "same", "same", "same", "same")
    pools = ((3, "valid"), (3, "same"), None, None, (2, "same"))
    for arrays, stride, padding, pool in zip(
        layers.values(), strides, paddings, pools, strict=True
    ):
        kernel, bias = arrays["conv"]
        x = np.asarray(ops.conv(ops.cast(x, "float64"), kernel, stride, padding)) + bias.ravel()
        if norm:
            gamma, beta, moments = arrays["bnorm"]
            x = gamma.ravel() * (x - moments[:, 0]) / moments[:, 1] + beta.ravel()
        x = np.maximum(x, 0)
        if pool:
            x = np.asarray(ops.max_pool(x, pool[0], 2, pool[1]))
    return x


@pytest.mark.parametrize("save", [save_simple, save_dag])
@pytest.mark.parametrize("fold", [False, True])
def test_output_is_that_of_the_files_network(layers, tmp_path, pixels, save, fold):
    model = backbone()
    report = load_cnn_m(model, save(tmp_path / "cnn_m.mat", layers), fold=fold)
    assert set(report.filled) == {n for c in CONVOLUTIONS for n in (c, f"{c}_bn")}
    assert report.neutral == () and report.convention.mean == tuple(AVERAGE)
    expected = direct(layers, pixels - AVERAGE)
    # conv1 has no padding: the network is equal after folding, too.
    output = np.asarray(model(report.model_takes.prepare(pixels)))
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_without_batch_normalisation_it_does_nothing_and_this_is_said(
    layers, tmp_path, pixels, caplog
):
    path = save_simple(tmp_path / "cnn_m.mat", layers, norm=("lrn",))
    model = backbone()
    report = load_cnn_m(model, path)
    assert report.neutral == tuple(f"{name}_bn" for name in CONVOLUTIONS)
    assert set(report.filled) == set(CONVOLUTIONS)
    assert "no batch normalisation after conv1, conv2" in caplog.text
    assert "normalises over channels instead (norm1, norm2" in caplog.text
    expected = direct(layers, pixels - AVERAGE, norm=False)
    output = np.asarray(model(report.model_takes.prepare(pixels)))
    np.testing.assert_allclose(output, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_convolutions_without_a_bias_have_a_bias_of_zeros(layers, tmp_path):
    layers["conv3"]["conv"][1] = np.zeros((0, 0))
    model = backbone()
    load_cnn_m(model, save_simple(tmp_path / "cnn_m.mat", layers))
    assert not model.get_layer("conv3").get_weights()[1].any()


def test_problems_of_a_file_are_named_and_nothing_is_loaded(layers, tmp_path):
    model = backbone()
    before = model.get_weights()
    del layers["conv4"]
    layers["conv5"]["bnorm"][0] = np.ones((3, 1))
    with pytest.raises(ValueError) as error:
        load_cnn_m(model, save_simple(tmp_path / "a.mat", layers))
    assert "missing: conv4, conv4_bn;" in str(error.value)
    assert "misshaped: conv5_bn gamma (3,), expected (16,)" in str(error.value)
    layers["conv5"]["bnorm"][2] = np.ones((3, 3))
    with pytest.raises(ValueError, match=r"must be \[channels, 2\].*bn5 \(3, 3\)"):
        load_cnn_m(model, save_simple(tmp_path / "b.mat", layers))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_fit_images_of_224_pixels(layers, tmp_path):
    model = backbone(224)
    load_cnn_m(model, save_simple(tmp_path / "cnn_m.mat", layers))
    assert np.isfinite(model(np.zeros((1, 224, 224, 3), np.float32))).all()
