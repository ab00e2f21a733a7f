"""Writers of files as other frameworks save them."""

import h5py
import numpy as np
import pytest
import scipy.io


@pytest.fixture
def random_weights():
    """Returns a function that gives a model random weights that keep signals at their size."""

    def randomize(model, seed=0):
        random = np.random.default_rng(seed)
        for layer in model.layers:
            values = []
            for variable in layer.weights:
                if variable.name in ("gamma", "moving_variance"):
                    values.append(random.uniform(0.5, 1.5, variable.shape))
                else:
                    fan = np.prod(variable.shape[:-1]) if len(variable.shape) > 1 else 100
                    values.append(random.normal(0, np.sqrt(2 / fan), variable.shape))
            if values:
                layer.set_weights(values)
        return model

    return randomize


@pytest.fixture
def save_matconvnet(tmp_path):
    """Returns a function that writes layers `{name: (kernel, bias)}` as MatConvNet does."""

    def save(layers, average=None, nested=False, older=False, name="net.mat"):
        cells = []
        for layer, (kernel, bias) in layers.items():
            if older:
                fields = {"filters": kernel, "biases": bias.reshape(1, -1)}
            else:
                weights = np.empty((1, 2), object)
                weights[0, :] = [kernel, bias.reshape(-1, 1)]
                fields = {"weights": weights}
            cells += [{"name": layer, "type": "conv", **fields, "stride": [1, 1], "pad": [1] * 4}]
            cells += [{"name": f"relu_{layer}", "type": "relu"}]
            cells += (
                [{"name": f"dropout_{layer}", "type": "dropout", "rate": 0.5}] if nested else []
            )
        cell = np.empty((1, len(cells)), object)
        cell[0, :] = cells
        normalization = {"imageSize": [224, 224, 3]}
        normalization |= {} if average is None else {"averageImage": average}
        if nested:
            content = {"net": {"layers": cell, "normalization": normalization}}
        else:
            content = {"layers": cell, "meta": {"normalization": normalization}}
        scipy.io.savemat(tmp_path / name, content)
        return tmp_path / name

    return save


@pytest.fixture
def save_keras_h5(tmp_path):
    """Returns a function that writes `{layer: {variable: array}}` as Keras 2 does."""

    def save(layers, name="weights.h5", group=None, chunks=False):
        with h5py.File(tmp_path / name, "w") as file:
            root = file.create_group(group) if group else file
            names = [layer.encode() for layer in layers]
            if chunks:
                half = len(names) // 2
                root.attrs["layer_names0"], root.attrs["layer_names1"] = names[:half], names[half:]
            else:
                root.attrs["layer_names"] = names
            for layer, variables in layers.items():
                inner = root.create_group(layer)
                inner.attrs["weight_names"] = [f"{layer}/{v}:0".encode() for v in variables]
                for variable, value in variables.items():
                    inner[f"{layer}/{variable}:0"] = value
        return tmp_path / name

    return save


@pytest.fixture(scope="session")
def legacy_h5():
    """Returns a function that writes the weights of a model to a path as Keras 2 does."""

    def write(path, model):
        with h5py.File(path, "w") as root:
            root.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
            root.attrs["backend"], root.attrs["keras_version"] = b"tensorflow", b"2.2.4"
            for layer in model.layers:
                group = root.create_group(layer.name)
                names = [f"{layer.name}/{v.name}:0" for v in layer.weights]
                group.attrs["weight_names"] = [name.encode() for name in names]
                for name, value in zip(names, layer.get_weights(), strict=True):
                    group[name] = value

    return write


@pytest.fixture
def save_npy(tmp_path):
    """Returns a function that saves a dict as pickled `.npy`."""

    def save(content, name="weights.npy"):
        np.save(tmp_path / name, content)
        return tmp_path / name

    return save
