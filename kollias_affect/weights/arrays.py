"""Arrays out of the files of other frameworks, without executing anything that the files carry."""

import itertools
import pickle
import re
import zlib

import h5py
import numpy as np
import scipy.io

from kollias_affect import _checks

# What weights are made of, in the codes of pickled dtypes.
_NUMBERS = re.compile(r"[fiu][1248]")
# "conv1_1.weight", "conv1_1/biases:0", "conv1_1_W"
_LEAF = re.compile(r"(.+)[./_](weights?|kernel|w|bias(?:es)?|b)(?::0)?", re.IGNORECASE)


def kind(path):
    """The format of a file by its content: `"mat"`, `"h5"` or `"npy"`.

    Raises:
        OSError: if there is no such file.
        ValueError: if the content is none of these.
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
    if head[126:128] in (b"IM", b"MI"):  # MATLAB 5's mark of the byte order ends its header
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


def of_kind(path, wanted):
    """Returns `path` if its content is of the kind `wanted`, else raises `ValueError`."""
    if (found := kind(path)) != wanted:
        raise ValueError(
            f"`path` must be a .{wanted} file. Received: {path}, whose content is that of a "
            f".{found} file. Choose the file that the documentation of this importer names."
        )
    return path


# --- NumPy


def read_npy(path):
    """The dict that a pickled `.npy` file holds, with arrays, lists, dicts and plain values.

    Files by Python 2 are read as Latin-1. Of the pickle, only data is taken: the few names that
    arrays consist of stand for classes of this module, and any other name is an error.

    Raises:
        ValueError: if the file holds anything else.
    """
    of_kind(path, "npy")
    rule = f"`path` must be a .npy file with a dict of arrays. Received: {path}"
    with open(path, "rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            _, _, dtype = header(file)
            if not dtype.hasobject:
                raise ValueError(f"an array of {dtype}, no dict")
            content = _plain(_DataOnly(file, encoding="latin1").load(), {})
        except (
            ArithmeticError,
            AttributeError,
            EOFError,
            ImportError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
            pickle.UnpicklingError,
        ) as error:
            reason = str(error) or type(error).__name__
            raise ValueError(
                f"{rule} ({reason}). Download it again from its source, or save a plain dict."
            ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{rule} with a {type(content).__name__}. Save a dict by layers' names.")
    return content


class _Stated:
    """Takes the state that the pickle sets, and does nothing with it."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.state = None

    def __setstate__(self, state):
        self.state = state


class _Array(_Stated):
    """Stands for `_reconstruct`: state is (version, shape, dtype, is Fortran order, data)."""


class _Dtype(_Stated):
    """Stands for `dtype`: the first argument is a code like "f4", the state has the byte order."""


class _Scalar(_Stated):
    """Stands for `scalar`: arguments are dtype and data."""


class _Encode:
    """Stands for `_codecs.encode`, which Python 3 writes into old pickles to make bytes."""

    __slots__ = ()

    def __call__(self, text, encoding):
        if encoding != "latin1":
            raise ValueError(f"bytes encoded as {encoding!r}, not 'latin1'")
        return text.encode("latin1")


_NAMES = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _Scalar for core in ("core", "_core")},
    ("numpy", "dtype"): _Dtype,
    # An argument of `_reconstruct` only. NumPy's own class must not be callable from a pickle:
    # `ndarray((1,), "O", b"\x41" * 8)` makes an object of any address in memory.
    ("numpy", "ndarray"): "ndarray",
    ("_codecs", "encode"): _Encode(),
}


class _DataOnly(pickle.Unpickler):
    """An unpickler that knows the names in `_NAMES` and imports nothing."""

    def find_class(self, module, name):
        if (module, name) not in _NAMES:
            raise ValueError(
                f"its pickle wants to use {module}.{name}, which arrays do not need and which "
                "could run code; nothing of it was run"
            )
        return _NAMES[module, name]


def _plain(value, done):
    """`value` with real arrays in place of stand-ins; `done` keeps shared parts shared."""
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, dict):
        result = {key: _plain(inner, done) for key, inner in value.items()}
    elif isinstance(value, (list, tuple)):
        result = [_plain(inner, done) for inner in value]
    elif isinstance(value, _Array):
        result = _array(value, done)
    elif isinstance(value, _Scalar):
        result = np.frombuffer(_bytes(value.arguments[1]), _dtype(value.arguments[0]))[0]
    elif value is None or isinstance(value, (bool, int, float, str, bytes)):
        result = value
    else:
        raise ValueError(f"a {type(value).__name__} where data should be")
    done[id(value)] = result
    return result


def _array(stated, done):
    """The array of a stand-in; of an object array, its content, without list if it has no axes."""
    _, shape, dtype, fortran, data = stated.state
    if dtype.arguments[0] in ("O", "O4", "O8"):
        objects = _plain(data, done)
        return objects if shape else objects[0]
    return np.frombuffer(_bytes(data), _dtype(dtype)).reshape(shape, order="F" if fortran else "C")


def _dtype(stated):
    code, order = str(stated.arguments[0]), stated.state[1]
    if not _NUMBERS.fullmatch(code) or order not in ("<", ">", "|"):
        raise ValueError(f"an array of type {order}{code}, not of numbers")
    return np.dtype(code).newbyteorder(order)


def _bytes(data):
    # Python 2's strings are bytes; read as Latin-1, every character is one of them.
    return data.encode("latin1") if isinstance(data, str) else data


def pairs(content):
    """`(kernel, bias)` by layer of a dict like `read_npy`'s, and the names of what else is there.

    Known forms: `{"conv1": [kernel, bias]}`, `{"conv1": {"weights": …, "biases": …}}` and
    `{"conv1.weight": …, "conv1.bias": …}`. What a layer lacks is `None`.
    """
    found, rest = {}, []
    for key, value in content.items():
        leaf = _LEAF.fullmatch(str(key))
        if isinstance(value, list) and len(value) == 2:
            layer, parts = key, dict(zip("kb", value, strict=True))
        elif isinstance(value, dict):
            layer, parts = key, {_role(name): part for name, part in value.items()}
        elif leaf:
            layer, parts = leaf[1], {_role(leaf[2]): value}
        else:
            layer, parts = key, {}
        parts = {
            role: part
            for role, part in parts.items()
            if isinstance(part, np.ndarray) and part.size and part.ndim
        }
        if parts:
            found.setdefault(str(layer), {}).update(parts)
        else:
            rest.append(str(key))
    return {name: (parts.get("k"), parts.get("b")) for name, parts in found.items()}, rest


def _role(name):
    return "b" if str(name).lower().startswith("b") else "k"


# --- MatConvNet


def read_matconvnet(path):
    """Layers with weights of a MatConvNet `.mat` file, and its average image.

    Both forms are read: `layers` and `meta` at the top, or within `net`; weights as the cell
    `weights`, or as the older fields `filters` and `biases`.

    Returns:
        `({name: (kernel, bias)}, average)`: kernels are `[height, width, channels, filters]`, as
        they are stored; `average` is `[..., 3]` in RGB, or `None`.
    """
    of_kind(path, "mat")
    rule = f"`path` must be a network that MatConvNet saved. Received: {path}"
    try:
        root = scipy.io.loadmat(path)
    except (
        EOFError,
        LookupError,
        NotImplementedError,
        OSError,
        TypeError,
        ValueError,
        scipy.io.matlab.MatReadError,
        zlib.error,
    ) as error:
        raise ValueError(f"{rule}, which is damaged ({error}). Download it again.") from error
    root = _unwrap(root.get("net", root))
    layers = _field(root, "layers")
    if layers is None:
        raise ValueError(
            f"{rule}, without `layers` at the top or in `net`. Use a network of its SimpleNN form."
        )
    found = {}
    for layer in map(_unwrap, np.ravel(layers)):
        name, pair = _name_and_pair(layer)
        if pair and found.setdefault(name, pair) is not pair:
            raise ValueError(f"{rule}, with several layers {name!r}. Rename them.")
    normalization = _field(_field(root, "meta"), "normalization")
    if normalization is None:
        normalization = _field(root, "normalization")
    return found, _field(normalization, "averageImage")


def _unwrap(value):
    """The struct in MATLAB's 1 x 1 arrays of structs."""
    while isinstance(value, np.ndarray) and value.size == 1 and value.dtype.hasobject:
        value = value.reshape(-1)[0]
    return value


def _field(struct, name):
    """A field of a struct (or variable of the file); `None` if it is missing or empty."""
    struct = _unwrap(struct)
    names = (
        struct if isinstance(struct, dict) else getattr(getattr(struct, "dtype", None), "names", 0)
    )
    if not names or name not in names:
        return None
    value = struct[name]
    return value if np.size(value) else None


def _name_and_pair(layer):
    """The layer's name, and `(kernel, bias)` if it has weights, else `None`."""
    name = str(np.ravel(_field(layer, "name"))[0])
    weights = _field(layer, "weights")
    if weights is None:
        kernel, bias = _field(layer, "filters"), _field(layer, "biases")
    else:
        kernel, bias = [*weights.ravel(), None][:2]
    if kernel is None and bias is None:
        return name, None
    return name, (_four_axes(kernel), None if bias is None else bias.ravel())


def _four_axes(kernel):
    # MATLAB drops axes of length 1 at the end: one filter leaves a kernel of three axes.
    return None if kernel is None else kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim))


# --- Keras' HDF5


def read_keras_h5(path):
    """`{layer: {variable: array}}` of a Keras HDF5 file, in the file's order.

    Names inside differ between versions of Keras: they are those in the attributes `layer_names`
    and `weight_names`. A variable is called by its last part: `"kernel"`, `"moving_mean"`.
    Files with the whole model have the same under `model_weights`.
    """
    of_kind(path, "h5")
    try:
        with h5py.File(path, "r") as file:
            root = file.get("model_weights", file)
            return {
                layer: {
                    re.split(r"[/.]", name)[-1].removesuffix(":0"): np.asarray(root[layer][name])
                    for name in _names(root[layer], "weight_names")
                }
                for layer in _names(root, "layer_names")
            }
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            "`path` must be weights that Keras saved as HDF5, with the attributes layer_names "
            f"and weight_names. Received: {path} ({error}). Download it again; save .weights.h5 "
            "files of Keras 3 anew with `model.save('model.h5')`, or use `model.load_weights`."
        ) from error


def _names(group, attribute):
    """A list of names, which Keras cuts into numbered attributes where it is long."""
    chunks = [attribute]
    if attribute not in group.attrs:
        numbered = (f"{attribute}{i}" for i in itertools.count())
        chunks = [*itertools.takewhile(group.attrs.__contains__, numbered)]
    if not chunks:
        raise KeyError(f"no attribute {attribute}")
    names = [name for chunk in chunks for name in group.attrs[chunk]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
