"""Backbones of the tables, with published weights."""

import numpy as np
import pytest
import scipy.io

from kollias_affect import backbones, experiments
from kollias_affect.experiments import builders

WIDTH = 1 / 32


def keras_file(name, backbone, path):
    """Writes the weights of a backbone as Keras does; its layers have the names of Keras."""
    backbone.save_weights(path / f"{name}.weights.h5")
    return path / f"{name}.weights.h5"


def matconvnet_file(name, backbone, path):
    """Writes the convolutions and batch normalisations of a CNN-M as MatConvNet does."""
    layers = []
    for layer in backbone.layers:
        values = layer.get_weights()
        if len(values) == 4:  # mean and standard deviation of MatConvNet
            moments = [values[2], np.sqrt(values[3] + layer.epsilon)]
            values = [*(v.reshape(-1, 1) for v in values[:2]), np.stack(moments, axis=1)]
        if values:
            cell = np.empty((1, len(values)), object)
            for number, value in enumerate(values):
                cell[0, number] = value
            kind = "bnorm" if len(values) == 3 else "conv"
            layers.append({"name": layer.name, "type": kind, "weights": cell})
    cells = np.empty((1, len(layers)), object)
    cells[0, :] = layers
    scipy.io.savemat(path / f"{name}.mat", {"layers": cells})
    return path / f"{name}.mat"


@pytest.mark.parametrize("name", list(builders.IMPORTERS))
def test_weights_of_every_backbone_of_the_tables_load_at_224_pixels(name, tmp_path):
    """`table --size 224 --weights NAME=FILE`: convolutions do not depend on the size."""
    _, form = builders.IMPORTERS[name]
    source = backbones.build(name, input_shape=(64, 64, 3), width=WIDTH, **form)
    random = np.random.default_rng(0)
    source.set_weights([random.uniform(0.1, 1, w.shape) for w in source.get_weights()])
    write = matconvnet_file if name == "cnn_m" else keras_file
    file = write(name, source, tmp_path)
    scale = experiments.Scale(width=WIDTH, size=224)
    model = builders.build_backbone(name, scale, {name: file})
    assert model.input_shape == (None, 224, 224, 3)
    first = next(layer.name for layer in model.layers if layer.weights)
    for layer in model.layers:
        # The first convolution and its normalisation take the scaling of the images.
        if layer.name not in (first, "conv1_bn"):
            for old, new in zip(
                source.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
            ):
                np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["alexnet", "resnet50"])
def test_other_backbones_run_on_images_of_224_pixels(name):
    model = backbones.build(name, input_shape=(224, 224, 3), width=WIDTH)
    assert np.isfinite(model(np.zeros((1, 224, 224, 3), np.float32))).all()
