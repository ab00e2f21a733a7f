"""Readers of other frameworks' files, which never execute code from a file."""

import dataclasses
import itertools
import mmap
import os
import pickle
import re
from typing import ClassVar

import h5py
import numpy as np
import scipy.io

from kollias_affect import _checks, _files, _untrusted
from kollias_affect.weights import mat_elements

# Codes of the dtypes of weights.
_NUMBERS = re.compile(r"[fiu][1248]")
# "conv1_1.weight", "conv1_1/biases:0", "conv1_1_W"
_LEAF = re.compile(r"(.+)[./_](weights?|kernel|w|bias(?:es)?|b)(?::0)?", re.IGNORECASE)


def kind(path):
    """Determines the format of a file by its content.

    Args:
        path: File.

    Returns:
        `"mat"`, `"h5"` or `"npy"`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the content is none of these.
    """
    path = _checks.existing_file("path", path)
    with open(path, "rb") as file:
        head = file.read(128)
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"MATLAB 7.3"):
        raise ValueError(
            f"`path` must be a .mat file of MATLAB's version 5 to 7. Received: {path}, of version "
            "7.3. Save it again in MATLAB with save(..., '-v7')."
        )
    if head[126:128] in (b"IM", b"MI"):  # the byte order mark of MATLAB 5
        return "mat"
    if h5py.is_hdf5(path):
        return "h5"
    raise ValueError(
        "`path` must be a MatConvNet .mat, Keras .h5 or NumPy .npy file. Received: "
        f"{path}, which begins with {head[:12]!r}"
        + (
            f" in spite of its ending {path.suffix}"
            if path.suffix in (".mat", ".h5", ".npy")
            else ""
        )
        + ". Download it again; convert .caffemodel and .t7 files to .npy first."
    )


def check_kind(path, expected):
    """Raises `ValueError` if the content of a file is not of the kind `expected`."""
    if (actual := kind(path)) != expected:
        raise ValueError(
            f"`path` must be a .{expected} file. Received: {path}, whose content is that of a "
            f".{actual} file. Choose the file that the documentation of this importer names."
        )


# --- NumPy


def read_npy(path):
    """Reads the dict of a pickled `.npy` file.

    Strings of Python 2 are read as Latin-1. Only data is read from the pickle: the few names that
    arrays need refer to classes of this module, and any other name is an error.

    Args:
        path: `.npy` file.

    Returns:
        Dict of arrays, lists, dicts and plain values.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it holds anything else.
    """
    check_kind(path, "npy")
    rule = "`path` must be a .npy file with a dict of arrays"
    remedy = "Download it again from its source, or save a plain dict by layers' names."
    with _untrusted.reading(rule, path, remedy), open(path, "rb") as file:
        _skip_header(file)
        # A read from mapped memory allocates what is there, not what the pickle claims.
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            mapped.seek(file.tell())
            content = _plain(_DataOnly(mapped, encoding="latin1").load(), {})
        if not isinstance(content, dict):
            raise ValueError(f"a {type(content).__name__}")
    return content


def _skip_header(file):
    """Moves to the pickle in a `.npy` file; raises `ValueError` if it holds a plain array."""
    version = np.lib.format.read_magic(file)
    is_first = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if is_first else np.lib.format.read_array_header_2_0
    _, _, dtype = read(file)
    if not dtype.hasobject:
        raise ValueError(f"an array of {dtype}, no dict")


class _Stub:
    """Stand-in that stores its arguments and the state that the pickle sets."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.state = None

    def __setstate__(self, state):
        self.state = state


class _Array(_Stub):
    """Stand-in for `_reconstruct`; its state is (version, shape, dtype, Fortran order, data)."""


class _Dtype(_Stub):
    """Stand-in for `dtype`; its first argument is a code ("f4"), its state has the byte order."""


class _Scalar(_Stub):
    """Stand-in for `scalar`; its arguments are dtype and data."""


class _Encode:
    """Stand-in for `_codecs.encode`, which creates bytes in the older pickles of Python 3."""

    __slots__ = ()

    def __call__(self, text, encoding):
        if encoding != "latin1":
            raise ValueError(f"bytes encoded as {encoding!r}, not 'latin1'")
        return text.encode("latin1")


_NAMES = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    ("numpy", "dtype"): _Dtype,
    # Only an argument of `_reconstruct`. NumPy's class must not be callable from a pickle:
    # `ndarray((1,), "O", b"\x41" * 8)` creates an object at any address in memory.
    ("numpy", "ndarray"): "ndarray",
    ("_codecs", "encode"): _Encode(),
}


# Codes that allocate a size that the file only claims, or that data does not need.
_REFUSED = (pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.EXT1, pickle.EXT2, pickle.EXT4)


class _DataOnly(pickle._Unpickler):
    """Unpickler that knows only the names in `_NAMES` and imports nothing.

    It is the one in Python: that in C allocates for any number of an object that a pickle names.
    """

    dispatch: ClassVar = {
        k: v for k, v in pickle._Unpickler.dispatch.items() if bytes([k]) not in _REFUSED
    }

    def find_class(self, module, name):
        if (module, name) not in _NAMES:
            raise ValueError(
                f"its pickle wants to use {module}.{name}, which arrays do not need and which "
                "could run code; nothing of it was run"
            )
        return _NAMES[module, name]


def _plain(value, results):
    """Replaces stand-ins in `value` by arrays; `results` holds the results of shared parts."""
    if id(value) in results:
        return results[id(value)]
    if isinstance(value, dict):
        result = {key: _plain(inner, results) for key, inner in value.items()}
    elif isinstance(value, (list, tuple)):
        result = [_plain(inner, results) for inner in value]
    elif isinstance(value, _Array):
        result = _array(value, results)
    elif isinstance(value, _Scalar):
        result = np.frombuffer(_bytes(value.arguments[1]), _dtype(value.arguments[0]))[0]
    elif value is None or isinstance(value, (bool, int, float, str, bytes)):
        result = value
    else:
        raise ValueError(f"a {type(value).__name__} where data should be")
    results[id(value)] = result
    return result


def _array(stub, results):
    """Converts a stand-in to an array; an object array becomes a list, without axes an object."""
    _, shape, dtype, fortran, data = stub.state
    if dtype.arguments[0] in ("O", "O4", "O8"):
        objects = _plain(data, results)
        return objects if shape else objects[0]
    return np.frombuffer(_bytes(data), _dtype(dtype)).reshape(shape, order="F" if fortran else "C")


def _dtype(stub):
    code, order = str(stub.arguments[0]), stub.state[1]
    if not _NUMBERS.fullmatch(code) or order not in ("<", ">", "|"):
        raise ValueError(f"an array of type {order}{code}, not of numbers")
    return np.dtype(code).newbyteorder(order)


def _bytes(data):
    # A string of Python 2 is bytes, which Latin-1 decoded to one character each.
    return data.encode("latin1") if isinstance(data, str) else data


def pairs(content):
    """Groups the arrays of a dict by layer.

    Known forms: `{"conv1": [kernel, bias]}`, `{"conv1": {"weights": …, "biases": …}}` and
    `{"conv1.weight": …, "conv1.bias": …}`.

    Args:
        content: Dict from `read_npy`.

    Returns:
        `({layer: (kernel, bias)}, unused)`: missing arrays are `None`; `unused` lists the names of
        the other entries.
    """
    layers, unused = {}, []
    for key, value in content.items():
        layer, parts = _layer_and_parts(str(key), value)
        parts = {
            role: part
            for role, part in parts.items()
            if isinstance(part, np.ndarray) and part.size and part.ndim
        }
        if parts:
            layers.setdefault(layer, {}).update(parts)
        else:
            unused.append(str(key))
    return {name: (parts.get("k"), parts.get("b")) for name, parts in layers.items()}, unused


def _layer_and_parts(key, value):
    """Returns the layer of an entry, and a dict of its kernel "k" and bias "b"."""
    if isinstance(value, list) and len(value) == 2:
        return key, dict(zip("kb", value, strict=True))
    if isinstance(value, dict):
        return key, {_role(name): part for name, part in value.items()}
    if leaf := _LEAF.fullmatch(key):
        return leaf[1], {_role(leaf[2]): value}
    return key, {}


def _role(name):
    return "b" if str(name).lower().startswith("b") else "k"


# --- MatConvNet


@dataclasses.dataclass(frozen=True)
class MatLayer:
    """Layer of a MatConvNet file.

    Attributes:
        name: Name, such as `"conv1"`.
        kind: Type in lower case without its package, such as `"conv"`, `"bnorm"` or `"lrn"`.
        arrays: Tuple of its weights; `None` for one that is empty.
        inputs, outputs: Names of the variables that it reads and writes. Layers of a SimpleNN,
            which has no variables, read the number of the layer before and write their own.
    """

    name: str
    kind: str
    arrays: tuple
    inputs: tuple
    outputs: tuple


# Types of the two forms of MatConvNet that mean the same.
_KINDS = {"batchnorm": "bnorm", "normalize": "lrn"}


def read_matconvnet(path):
    """Reads the layers with weights of a MatConvNet `.mat` file, and its average image.

    Args:
        path: `.mat` file, see `read_matconvnet_layers`.

    Returns:
        `({name: (kernel, bias)}, average)`: kernels are `[height, width, channels, filters]`;
        `average` is `[..., 3]` in RGB, or `None`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is damaged or holds anything else.
    """
    layers, average = read_matconvnet_layers(path)
    pairs_by_name = {}
    for layer in layers:
        kernel, bias = [*layer.arrays, None, None][:2]
        if kernel is not None or bias is not None:
            bias = None if bias is None else bias.ravel()
            pairs_by_name[layer.name] = (_four_axes(kernel), bias)
    return pairs_by_name, average


def read_matconvnet_layers(path):
    """Reads all layers of a MatConvNet `.mat` file in their order, and its average image.

    These forms are supported: a SimpleNN, with `layers` and `meta` at the top or within `net`, and
    weights in the cell `weights`, or in the older fields `filters` and `biases`; and a DagNN, whose
    layers name their weights, which lie in `params`.

    Args:
        path: `.mat` file.

    Returns:
        `(layers, average)`: list of `MatLayer`; `average` is `[..., 3]` in RGB, or `None`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is damaged or holds anything else.
    """
    check_kind(path, "mat")
    rule = "`path` must be a network that MatConvNet saved"
    with _untrusted.reading(rule, path, "Download it again."):
        mat_elements.check(path)
        root = scipy.io.loadmat(path)
        return _layers_of(root, f"{rule}. Received: {path}")


def _layers_of(root, rule):
    """Returns what `read_matconvnet_layers` returns, from the variables of a file."""
    root = _unwrap(root.get("net", root))
    cells = _field(root, "layers")
    if cells is None:
        raise ValueError(
            f"{rule}, without `layers` at the top or in `net`. Use a network of its SimpleNN or "
            "DagNN form."
        )
    params = _dag_params(root)
    layers = [_mat_layer(n, _unwrap(cell), params) for n, cell in enumerate(np.ravel(cells))]
    names = [layer.name for layer in layers if layer.arrays]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{rule}, with several layers {', '.join(repeated)}. Rename them.")
    normalization = _field(_field(root, "meta"), "normalization")
    if normalization is None:
        normalization = _field(root, "normalization")
    return layers, _field(normalization, "averageImage")


def _unwrap(value):
    """Returns the struct in MATLAB's 1 x 1 arrays of structs."""
    while isinstance(value, np.ndarray) and value.size == 1 and value.dtype.hasobject:
        value = value.reshape(-1)[0]
    return value


def _field(struct, name):
    """Returns a field of a struct or variable of the file; `None` if it is missing or empty."""
    struct = _unwrap(struct)
    names = (
        struct if isinstance(struct, dict) else getattr(getattr(struct, "dtype", None), "names", 0)
    )
    if not names or name not in names:
        return None
    value = struct[name]
    return value if np.size(value) else None


def _text(value):
    value = _unwrap(value)
    return "" if value is None or not np.size(value) else str(np.ravel(value)[0])


def _texts(struct, name):
    """Returns a field that holds one text or a cell of texts as a tuple."""
    value = _field(struct, name)
    return () if value is None else tuple(map(_text, np.ravel(value)))


def _dag_params(root):
    """Returns the weights of a DagNN by name; an empty dict for a SimpleNN."""
    params = _field(root, "params")
    if params is None:
        return {}
    return {_text(_field(p, "name")): _unwrap(_field(p, "value")) for p in np.ravel(params)}


def _mat_layer(number, layer, params):
    kind = _text(_field(layer, "type")).rsplit(".", 1)[-1].lower()
    names = _texts(layer, "params")
    if names:
        arrays = [params.get(name) for name in names]
    elif (cell := _field(layer, "weights")) is not None:
        arrays = [*cell.ravel()]
    else:
        arrays = [_field(layer, "filters"), _field(layer, "biases")]
    arrays = [a if isinstance(a, np.ndarray) and a.size and a.ndim else None for a in arrays]
    return MatLayer(
        name=_text(_field(layer, "name")),
        kind=_KINDS.get(kind, kind),
        arrays=tuple(arrays) if any(a is not None for a in arrays) else (),
        inputs=_texts(layer, "inputs") or (number - 1,),
        outputs=_texts(layer, "outputs") or (number,),
    )


def _four_axes(kernel):
    # MATLAB drops trailing axes of length 1: a kernel with one filter has three axes.
    return None if kernel is None else kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim))


# --- Keras' HDF5


CONVOLUTION = ("kernel", "bias")
NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")
# Variables of a layer in files of Keras 3, which number them, by the layer's class.
_VARIABLES = {
    "conv2d": CONVOLUTION,
    "dense": CONVOLUTION,
    "batch_normalization": NORMALIZATION,
}


def read_keras_entries(path, convolution=CONVOLUTION):
    """Reads the layers of a Keras file as lists, as `assignment.assign_weights` takes them.

    Args:
        path: `.h5` or `.weights.h5` file, see `read_keras_h5`.
        convolution: Names of the variables of a layer that is no batch normalisation. The name of a
            batch normalisation ends in `bn`, as in `keras.applications`.

    Returns:
        Dict from layer to a list of arrays, `None` for a variable that is absent.
    """
    return {
        name: [parts.get(v) for v in (NORMALIZATION if name.endswith("bn") else convolution)]
        for name, parts in read_keras_h5(path).items()
        if parts
    }


def read_keras_h5(path):
    """Reads the weights of a Keras HDF5 file.

    Two layouts are supported. That of Keras 2, and of `.h5` files of Keras 3, lists its names in
    the attributes `layer_names` and `weight_names`; complete models have it under `model_weights`.
    That of `.weights.h5` files of Keras 3 has a group `vars` for each layer, with the layer's name
    as an attribute.

    Args:
        path: `.h5` file.

    Returns:
        `{layer: {variable: array}}` in the file's order. A variable has the last part of its name,
        such as `"kernel"` or `"moving_mean"`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If it is damaged, refers to other files, or holds anything else.
    """
    check_kind(path, "h5")
    with (
        _untrusted.reading(
            "`path` must be weights that Keras saved as HDF5, with the attributes layer_names and "
            "weight_names, or as .weights.h5",
            path,
            "Download it again, or save the network again with "
            "`model.save_weights('model.weights.h5')`.",
        ),
        h5py.File(path, "r") as file,
    ):
        root, read = file.get("model_weights", file), _Reader(file, path)
        if "layers" in root and not any(name.startswith("layer_names") for name in root.attrs):
            return dict(_numbered_layers(root["layers"], read))
        return {
            layer: {
                re.split(r"[/.]", name)[-1].removesuffix(":0"): read(root[layer], name)
                for name in _names(root[layer], "weight_names")
            }
            for layer in _names(root, "layer_names")
        }


class _Reader:
    """Reads arrays of an HDF5 file, as long as all of them together fit into the file."""

    def __init__(self, file, path):
        self.file, self.bytes_left = file, os.path.getsize(path)

    def __call__(self, group, name):
        data = group[name]
        if not isinstance(data, h5py.Dataset):
            raise TypeError(f"{name} is not an array")
        if data.file.filename != self.file.filename:
            raise ValueError(f"{name} lies in another file")
        self.bytes_left -= _untrusted.check_hdf5(data, self.bytes_left)
        return np.asarray(data)


def _numbered_layers(group, read):
    """Yields `(layer, {variable: array})` of the groups of a `.weights.h5` file, in their order."""
    for key in sorted(group, key=_files.natural_key):
        if not isinstance(group[key], h5py.Group):
            continue
        stored = group[key].get("vars", {})
        variables = _VARIABLES.get(re.sub(r"_\d+$", "", key), ())
        if len(stored) and variables:
            if "name" not in stored.attrs:
                raise KeyError(f"no name of the layer {key}: it was saved by an early Keras 3")
            numbers = zip(sorted(stored, key=int), variables, strict=False)
            yield str(stored.attrs["name"]), {name: read(stored, n) for n, name in numbers}
        if "layers" in group[key]:  # a model in the model
            yield from _numbered_layers(group[key]["layers"], read)


def _names(group, attribute):
    """Returns a list of names, which Keras splits into numbered attributes if it is long."""
    chunks = [attribute]
    if attribute not in group.attrs:
        numbered = (f"{attribute}{i}" for i in itertools.count())
        chunks = [*itertools.takewhile(group.attrs.__contains__, numbered)]
    if not chunks:
        raise KeyError(f"no attribute {attribute}")
    names = [name for chunk in chunks for name in group.attrs[chunk]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
