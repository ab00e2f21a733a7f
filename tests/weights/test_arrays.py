import os
import pickle
import struct

import h5py
import keras
import numpy as np
import pytest
import scipy.io

from kollias_affect.weights import arrays

HEADER = b"\x93NUMPY\x01\x00"


def write(path, payload):
    """Writes a .npy file of one object with the pickle `payload`."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header = header.ljust(128 - 10 - 1) + b"\n"
    path.write_bytes(HEADER + struct.pack("<H", len(header)) + header + payload)
    return path


def python2_string(data):
    return b"T" + struct.pack("<i", len(data)) + data  # BINSTRING


def python2_array(array):
    """Pickles an array as Python 2 does with protocol 2: text is bytes, without `encode`."""
    return b"".join(
        [
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t",
            python2_string(b"b") + b"tR(K\x01(",
            *(b"K" + bytes([side]) for side in array.shape),
            b"tcnumpy\ndtype\n(" + python2_string(array.dtype.str[1:].encode()) + b"K\x00K\x01tR",
            b"(K\x03" + python2_string(array.dtype.str[:1].encode()) + b"NNNJ\xff\xff\xff\xff",
            b"J\xff\xff\xff\xffK\x00tb\x89",
            python2_string(array.tobytes()) + b"tb",
        ]
    )


class Calls:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def test_file_by_python_2_is_read(tmp_path):
    kernel = np.arange(24, dtype="<f4").reshape(2, 3, 4) * 11.7  # all kinds of bytes
    bias = np.arange(4, dtype=">f8")
    payload = b"\x80\x02}" + python2_string(b"conv1") + b"](" + python2_array(kernel)
    payload += python2_array(bias) + b"es."
    content = arrays.read_npy(write(tmp_path / "a.npy", payload))
    assert list(content) == ["conv1"]
    np.testing.assert_array_equal(content["conv1"][0], kernel)
    np.testing.assert_array_equal(content["conv1"][1], bias)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4])
def test_every_protocol_and_form_of_python_3_is_read(tmp_path, protocol):
    kernel = np.asfortranarray(np.random.default_rng(0).normal(size=(3, 3, 2)))
    content = {
        "a": [kernel, np.arange(3, dtype="float16")],
        "b": {"weights": kernel, "number": np.float32(2.5)},
        "c": np.array([kernel, 1], dtype=object),
        "d": (1, "text", None, b"\xff"),
    }
    payload = pickle.dumps(np.array(content, dtype=object), protocol=protocol)
    read = arrays.read_npy(write(tmp_path / "a.npy", payload))
    np.testing.assert_array_equal(read["a"][0], kernel)
    np.testing.assert_array_equal(read["a"][1], np.arange(3))
    assert read["a"][1].dtype == "float16" and read["b"]["number"] == np.float32(2.5)
    np.testing.assert_array_equal(read["c"][0], kernel)
    assert read["c"][1] == 1 and read["d"] == [1, "text", None, b"\xff"]


def test_a_file_of_numpy_is_read(save_npy):
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    np.testing.assert_array_equal(arrays.read_npy(save_npy({"a": kernel}))["a"], kernel)


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("nested", [False, True])
def test_code_in_a_pickle_is_named_and_not_run(tmp_path, protocol, nested):
    trace = tmp_path / "trace"
    attacks = [
        (Calls(os.system, f"touch {trace}"), r"(posix|nt)\.system"),
        (Calls(eval, f"open({str(trace)!r}, 'w')"), r"builtins\.eval|__builtin__\.eval"),
        (Calls(np.load, "x"), r"numpy.*load"),
    ]
    for attack, name in attacks:
        content = {"conv1": [np.ones(2), {"deep": (attack,)}]} if nested else attack
        path = write(tmp_path / "a.npy", pickle.dumps(content, protocol=protocol))
        with pytest.raises(ValueError, match=f"wants to use {name}"):
            arrays.read_npy(path)
        assert not trace.exists()


@pytest.mark.parametrize(
    "payload",
    [
        # numpy.ndarray((1,), "O", bytes): an object of any address, which NumPy itself does make.
        b"\x80\x02cnumpy\nndarray\n(K\x01\x85U\x01OU\x08AAAAAAAAtR.",
        # State for the stand-ins themselves, and for the class of all of them.
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}U\x01aK\x01sb.",
        b"\x80\x02c_codecs\nencode\nN}U\x08__call__K\x01s\x86b.",
        # An array that lacks its state, and one whose data is too short.
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",
        # A codec that is not a plain one, an unknown opcode, a cycle, a truncated file.
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.",
        b"\x80\x02\xee.",
        b"\x80\x02]q\x00h\x00a.",
        b"\x80\x02}U\x05conv",
        b"",
    ],
)
def test_crafted_and_damaged_pickles_are_refused(tmp_path, payload):
    with pytest.raises(ValueError, match="must be a .npy file with a dict"):
        arrays.read_npy(write(tmp_path / "a.npy", payload))
    # The reader still works.
    good = write(tmp_path / "b.npy", pickle.dumps({"a": np.arange(3)}, protocol=2))
    np.testing.assert_array_equal(arrays.read_npy(good)["a"], [0, 1, 2])


def test_other_content_of_npy_is_refused(tmp_path, save_npy):
    np.save(tmp_path / "plain.npy", np.ones(3))
    with pytest.raises(ValueError, match="an array of float64, no dict"):
        arrays.read_npy(tmp_path / "plain.npy")
    with pytest.raises(ValueError, match="a list"):
        arrays.read_npy(save_npy(np.array([{}, {}], dtype=object)))
    with pytest.raises(ValueError, match="not of numbers"):
        arrays.read_npy(save_npy({"a": np.array(["text"])}))


def test_shared_parts_are_read_once(tmp_path):
    shared = [np.ones(2)]
    for _ in range(60):  # 2 ** 60 arrays if each was read separately
        shared = [shared, shared]
    path = write(tmp_path / "a.npy", pickle.dumps({"a": shared}, protocol=2))
    assert len(arrays.read_npy(path)["a"]) == 2


def test_content_decides_the_kind(tmp_path, save_npy, save_matconvnet, save_keras_h5):
    files = {
        "npy": save_npy({"a": np.ones(2)}),
        "mat": save_matconvnet({}),
        "h5": save_keras_h5({}),
    }
    for kind, path in files.items():
        assert arrays.kind(path.rename(tmp_path / f"{kind}.bin")) == kind


def test_unknown_content_is_refused(tmp_path):
    path = tmp_path / "vgg.h5"
    path.write_bytes(b"<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(ValueError, match=r"begins with b'<!DOCTYPE ht' in spite of its ending .h5"):
        arrays.kind(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file")
    with pytest.raises(ValueError, match="-v7"):
        arrays.kind(path)
    with pytest.raises(FileNotFoundError, match="`path` must be an existing file"):
        arrays.kind(tmp_path / "absent.mat")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="must not be empty"):
        arrays.kind(path)


def test_another_kind_is_refused(save_npy):
    with pytest.raises(ValueError, match=r"must be a .mat file.*that of a .npy file"):
        arrays.read_matconvnet(save_npy({}))


def test_truncated_files_are_refused(tmp_path, save_npy, save_matconvnet, save_keras_h5):
    kernel, bias = np.random.default_rng(0).normal(size=(3, 3, 3, 4)), np.ones(4)
    files = {
        arrays.read_npy: save_npy({"conv1": [kernel, bias]}),
        arrays.read_matconvnet: save_matconvnet({"conv1": (kernel, bias)}),
        arrays.read_keras_h5: save_keras_h5({"conv1": {"kernel": kernel, "bias": bias}}),
    }
    for read, path in files.items():
        complete = path.read_bytes()
        for share in np.linspace(0.01, 0.99, 40):
            path.write_bytes(complete[: max(1, int(len(complete) * share))])
            with pytest.raises(ValueError, match=r"`path` must be"):
                read(path)


def test_pairs_accepts_three_forms():
    kernel, bias = np.ones((1, 1, 2, 3)), np.ones(3)
    content = {
        "a": [kernel, bias],
        "b": {"weights": kernel, "biases": bias},
        "c.weight": kernel,
        "c.bias": bias,
        "d/kernel:0": kernel,
        "e_W": kernel,
        "e_b": bias,
        "mean": bias,
        "epoch": 3,
        "f": [np.array(1.0), np.ones((0, 3))],
    }
    layers, unused = arrays.pairs(content)
    assert list(layers) == ["a", "b", "c", "d", "e"] and unused == ["mean", "epoch", "f"]
    for name in "abce":
        assert layers[name][0] is kernel and layers[name][1] is bias
    assert layers["d"][0] is kernel and layers["d"][1] is None


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("older", [False, True])
def test_matconvnet_in_all_forms(save_matconvnet, nested, older):
    random = np.random.default_rng(0)
    layers = {
        "conv1": (random.normal(size=(3, 3, 3, 2)).astype("float32"), np.arange(2.0)),
        "fc": (random.normal(size=(2, 2, 2, 1)).astype("float32"), np.arange(1.0)),
    }
    path = save_matconvnet(layers, np.full((1, 1, 3), [1, 2, 3]), nested=nested, older=older)
    read, average = arrays.read_matconvnet(path)
    assert list(read) == ["conv1", "fc"]
    for name, (kernel, bias) in layers.items():
        np.testing.assert_array_equal(read[name][0], kernel)
        np.testing.assert_array_equal(read[name][1], bias)
    np.testing.assert_array_equal(average.ravel(), [1, 2, 3])


def test_trailing_axes_that_matlab_drops_are_restored(save_matconvnet):
    path = save_matconvnet({"conv1": (np.ones((3, 3, 3)), np.ones(1))})
    read, average = arrays.read_matconvnet(path)
    assert read["conv1"][0].shape == (3, 3, 3, 1) and average is None


def test_other_and_damaged_mat_files_are_refused(tmp_path, save_matconvnet):
    scipy.io.savemat(tmp_path / "other.mat", {"x": np.ones(3)})
    with pytest.raises(ValueError, match="without `layers`"):
        arrays.read_matconvnet(tmp_path / "other.mat")
    path = save_matconvnet({"conv1": (np.ones((3, 3, 3, 9)), np.ones(9))})
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(ValueError, match="damaged"):
        arrays.read_matconvnet(path)


def damaged_mat(tmp_path, find, offset, value):
    """Writes a network of MatConvNet with one byte changed, counted from the place of a text."""
    path = tmp_path / "net.mat"
    layer = {"name": "conv1", "type": "conv", "weights": np.array([np.ones(3), np.ones(2)], object)}
    scipy.io.savemat(path, {"layers": [layer]}, do_compression=False)
    arrays.read_matconvnet(path)
    content = bytearray(path.read_bytes())
    content[content.index(find) + offset] = value
    path.write_bytes(content)
    return path


# The head of an element is its type and its size: 16 is text, 0 and 99 do not exist, and 14, an
# array, cannot be in a text, and does not begin with letters. SciPy would end the process.
@pytest.mark.parametrize(
    ("kind", "told"),
    [(0, r"types \[6, 5, 1, 0\]"), (99, r"types \[6, 5, 1, 99\]"), (14, "a small element claims")],
)
def test_types_of_elements_that_do_not_exist_are_refused(tmp_path, kind, told):
    path = damaged_mat(tmp_path, b"conv1", -8, kind)
    with pytest.raises(ValueError, match=told):
        arrays.read_matconvnet(path)


def test_an_element_that_hides_the_next_one_is_refused(tmp_path):
    """The text of the type gets a longer name, so that its characters are a part of that."""
    path = damaged_mat(tmp_path, b"\x10\0\4\0conv", -4, 2)
    with pytest.raises(ValueError, match=r"elements of the types \[6, 5, 1\]"):
        arrays.read_matconvnet(path)


def test_a_cell_cannot_claim_more_arrays_than_it_has_bytes(tmp_path):
    """SciPy allocates a pointer for each. The dimensions of `weights` are 1 x 2."""
    flags_and_dimensions = np.array([6, 8, 1, 0, 5, 8, 1, 2], "<i4").tobytes()
    path = damaged_mat(tmp_path, flags_and_dimensions, 31, 0x7F)
    with pytest.raises(ValueError, match="an array claims 2,130,706,434"):
        arrays.read_matconvnet(path)


@pytest.mark.parametrize("options", [{}, {"group": "model_weights"}, {"chunks": True}])
def test_keras_h5_in_all_forms(save_keras_h5, options):
    layers = {
        "input_1": {},
        "conv1_1": {"conv1_1_W": np.ones((3, 3, 3, 2)), "conv1_1_b": np.zeros(2)},
        "bn": {"gamma": np.ones(2), "moving_mean": np.zeros(2)},
    }
    read = arrays.read_keras_h5(save_keras_h5(layers, **options))
    assert {layer: list(variables) for layer, variables in read.items()} == {
        layer: list(variables) for layer, variables in layers.items()
    }
    np.testing.assert_array_equal(read["conv1_1"]["conv1_1_W"], np.ones((3, 3, 3, 2)))


def test_files_of_early_keras_3_have_no_names_and_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones(3)
    with pytest.raises(ValueError, match=r"no name of the layer conv2d.*an early Keras 3"):
        arrays.read_keras_h5(tmp_path / "a.h5")


def test_other_h5_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.ones(3)
    with pytest.raises(ValueError, match=r"attributes layer_names and weight_names.*weights.h5"):
        arrays.read_keras_h5(tmp_path / "a.h5")


def test_arrays_of_models_in_a_model_are_read_by_layer(tmp_path):
    inner = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 1, name="conv1")])
    head = [keras.layers.Flatten(), keras.layers.Dense(2, name="fc")]
    model = keras.Sequential([keras.Input((4, 4, 3)), inner, *head])
    model.save_weights(tmp_path / "model.weights.h5")
    read = arrays.read_keras_h5(tmp_path / "model.weights.h5")
    assert {layer: list(parts) for layer, parts in read.items()} == {
        "fc": ["kernel", "bias"],
        "conv1": ["kernel", "bias"],
    }
    np.testing.assert_array_equal(read["fc"]["kernel"], model.get_layer("fc").kernel)


def claim_a_huge_array(folder):
    with h5py.File(folder / "huge.h5", "w") as file:
        # 4 TB of zeros that take no space in the file.
        file.create_dataset("conv1/kernel", (10**6, 10**6), "f4", chunks=(10, 10))
        file["conv1"].attrs["weight_names"] = ["kernel"]
        file.attrs["layer_names"] = ["conv1"]
    return folder / "huge.h5", "claims 4,000,000,000,000 bytes"


def refer_to_another_file(folder):
    with h5py.File(folder / "other.h5", "w") as file:
        file["kernel"] = np.ones((3, 3))
    with h5py.File(folder / "link.h5", "w") as file:
        file["conv1/kernel"] = h5py.ExternalLink("other.h5", "kernel")
        file["conv1"].attrs["weight_names"] = ["kernel"]
        file.attrs["layer_names"] = ["conv1"]
    return folder / "link.h5", "lies in another file"


def take_bytes_of_another_file(folder):
    (folder / "secret").write_bytes(b"secret" * 100)
    with h5py.File(folder / "bytes.h5", "w") as file:
        parts = [(str(folder / "secret"), 0, 16)]
        file.create_dataset("conv1/kernel", (4,), "f4", external=parts)
        file["conv1"].attrs["weight_names"] = ["kernel"]
        file.attrs["layer_names"] = ["conv1"]
    return folder / "bytes.h5", "lies in another file"


@pytest.mark.parametrize(
    "write", [claim_a_huge_array, refer_to_another_file, take_bytes_of_another_file]
)
def test_h5_files_cannot_claim_memory_or_read_other_files(tmp_path, write):
    path, reason = write(tmp_path)
    with pytest.raises(ValueError, match=reason):
        arrays.read_keras_h5(path)
