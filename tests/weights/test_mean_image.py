import struct

import numpy as np
import pytest

from kollias_affect.weights import mean_image

LAYER = {"conv1": (np.zeros((3, 3, 3, 2), "float32"), np.zeros(2, "float32"))}


def test_the_image_of_a_matconvnet_file_is_read(save_matconvnet):
    image = np.random.default_rng(0).uniform(0, 255, (6, 6, 3)).astype("float32")
    np.testing.assert_array_equal(mean_image(save_matconvnet(LAYER, image)), image)


@pytest.mark.parametrize("average", [None, np.ones((1, 1, 3)), np.ones((1, 3))])
def test_a_mean_colour_is_no_image(save_matconvnet, average):
    assert mean_image(save_matconvnet(LAYER, average)) is None


def test_other_files_have_none(save_npy):
    assert mean_image(save_npy({"conv1": 1})) is None


def varint(value):
    """Protobuf's whole numbers: seven bits a byte, the least first."""
    return bytes([value & 127 | 128, *varint(value >> 7)]) if value > 127 else bytes([value])


def blob(image, packed):
    """Caffe's `BlobProto` (caffe.proto) of an image `[channels, height, width]`."""
    sizes = (1, *image.shape)
    content = b"".join(bytes([i << 3]) + varint(size) for i, size in enumerate(sizes, start=1))
    floats = [struct.pack("<f", value) for value in image.ravel()]
    if packed:
        data = b"".join(floats)
        return content + bytes([5 << 3 | 2]) + varint(len(data)) + data
    return content + b"".join(bytes([5 << 3 | 5]) + value for value in floats)


@pytest.mark.parametrize("packed", [True, False])
def test_the_mean_image_of_caffe_is_read_as_rgb(tmp_path, packed):
    image = np.random.default_rng(0).uniform(0, 255, (3, 5, 7)).astype("float32")
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(blob(image, packed))
    found = mean_image(path)
    assert found.shape == (5, 7, 3)
    np.testing.assert_array_equal(found[..., 0], image[2])  # blue comes first in Caffe
    np.testing.assert_array_equal(found[..., 2], image[0])


def test_damaged_mean_images_are_refused(tmp_path):
    path, image = tmp_path / "mean.binaryproto", np.ones((3, 5, 7), "float32")
    complete = blob(image, True)
    for content in (complete[:-3], complete[:9], blob(image[:2], True), b"\xff" * 40):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="must be a mean image that Caffe saved"):
            mean_image(path)
