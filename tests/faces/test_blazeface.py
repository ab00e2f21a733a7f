import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data

from kollias_affect.faces import blazeface
from kollias_affect.faces import blazeface_network as networks
from kollias_affect.faces.boxes import Box, overlap
from kollias_affect.faces.detectors import get

FACE = Box(175, 70, 100, 100, 1.0)  # of the photograph, by eye
NAMES = ["blazeface", "blazeface_main"]


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def scene():
    """A picture without faces."""
    return skimage.data.coffee()


def pasted(scene, photograph, size):
    """Returns the scene with the photograph in it so that its face has this size, and its box."""
    scale = size / FACE.width
    picture = resized(photograph, scale)
    image = scene.copy()
    height, width = picture.shape[:2]
    image[20 : 20 + height, 30 : 30 + width] = picture[:380]
    return image, Box(30 + FACE.x * scale, 20 + FACE.y * scale, size, size, 1.0)


def resized(image, scale):
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    ("name", "count", "places"),
    [
        # 16 x 16 cells of 8 pixels with two anchors, then 8 x 8 cells of 16 pixels with six.
        ("front", 896, {0: (4, 4), 1: (4, 4), 2: (12, 4), 32: (4, 12), 511: (124, 124)}),
        ("front", 896, {512: (8, 8), 517: (8, 8), 518: (24, 8), 560: (8, 24), 895: (120, 120)}),
        ("back", 896, {0: (8, 8), 2: (24, 8), 512: (16, 16), 895: (240, 240)}),
    ],
)
def test_anchors_lie_in_the_centres_of_their_cells(name, count, places):
    architecture = networks.ARCHITECTURES[name]
    pixels = networks.anchors(architecture) * architecture.side
    assert pixels.shape == (count, 2)
    assert {i: tuple(pixels[i]) for i in places} == places


def test_a_box_is_decoded_relative_to_its_anchor():
    logits, regressions = np.full(896, -50.0), np.zeros((896, 16))
    logits[2], regressions[2, :4] = 0.0, (-4, 6, 40, 20)  # The anchor lies at (12, 4).
    (box,) = networks.decode(logits, regressions, networks.ARCHITECTURES["front"], 0.4)
    assert box == Box(8 - 20, 10 - 10, 40, 20, 0.5)
    assert networks.decode(logits, regressions, networks.ARCHITECTURES["front"], 0.6) == []


def test_overlapping_boxes_become_their_average_weighted_by_score():
    near = [Box(0, 0, 10, 10, 0.9), Box(2, 0, 12, 10, 0.3)]  # They share 80 of 140.
    far = Box(50, 50, 10, 10, 0.6)
    merged = networks.merge([near[1], far, near[0]])
    assert merged[1] == far
    assert merged[0] == pytest.approx((0.5, 0, 10.5, 10, 0.9))


def test_equal_boxes_are_one_face():
    assert networks.merge([Box(0, 0, 4, 4, 0.5)] * 3) == [Box(0, 0, 4, 4, 0.5)]


@pytest.mark.parametrize("corner", [(20, 20), (-12.4, 12.7), (190, -10)])
@pytest.mark.parametrize("side", [40.0, 128.0, 333.3])
def test_a_window_says_where_its_pixels_are_in_the_image(corner, side):
    # Each pixel holds its own coordinates.
    image = np.zeros((180, 220, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(220), np.arange(180)[:, None]
    pixels, offset, scale = networks.window(image, corner, side, 128)
    inside = np.argwhere(pixels.any(axis=-1))
    assert len(inside) > 100
    for y, x in inside[:: len(inside) // 50]:
        place = np.add(offset, np.multiply(scale, (x + 0.5, y + 0.5)))
        assert np.abs(place - 0.5 - pixels[y, x, :2]).max() < 1.6
        # Rounding to pixels moves a place by less than a pixel of the image and one of the window.
        exact = np.add(corner, np.array([x + 0.5, y + 0.5]) * side / 128)
        assert np.abs(place - exact).max() <= 1 + side / 128


def test_a_window_beside_the_image_is_black():
    pixels, _, _ = networks.window(np.full((20, 20, 3), 9, np.uint8), (30, 5), 10, 16)
    assert not pixels.any()


@pytest.mark.parametrize(
    ("name", "cut", "best", "logit", "place"),
    [
        # Recorded with LiteRT 2.3.0 on the same pixels: the best anchor, its logit and regression.
        ("front", np.s_[:256:2, 96:352:2], 680, 2.80982, [-7.0879, 6.3876, 51.1673, 51.1567]),
        ("back", np.s_[:256, 96:352], 680, 1.89442, [-15.4707, 11.2853, 107.178, 107.1772]),
    ],
)
def test_opencv_computes_what_litert_computes(photograph, name, cut, best, logit, place):
    network = networks.Network(name)
    blob = np.float32(photograph[cut].transpose(2, 0, 1)[None]) / np.float32(127.5) - 1
    network.net.setInput(blob)
    logits, regressions = network.net.forward(network.outputs)
    assert np.ravel(logits).argmax() == best
    assert np.ravel(logits)[best] == pytest.approx(logit, abs=1e-3)
    assert np.reshape(regressions, (-1, 16))[best, :4] == pytest.approx(place, abs=5e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_box_is_where_the_landmarks_expect_it(photograph, name):
    (hog,), (box,) = get("hog")(photograph), get(name)(photograph)
    assert overlap(hog, box) > 0.75 and 0.7 < box.score <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_face_that_fills_its_picture_is_found(photograph, name):
    x, y, width, height, _ = FACE
    (box,) = get(name)(photograph[y : y + height, x : x + width].copy())
    assert overlap(box._replace(x=box.x + x, y=box.y + y), FACE) > 0.5


@pytest.mark.parametrize("size", [30, 45, 90])
def test_every_face_includes_small_ones(scene, photograph, size):
    image, place = pasted(scene, photograph, size)
    (box,) = get("blazeface")(image)
    assert overlap(box, place) > 0.5


def test_main_faces_are_smaller_ones_where_there_is_no_large_one(scene, photograph):
    image, place = pasted(scene, photograph, 70)
    (box,) = get("blazeface_main")(image)
    assert overlap(box, place) > 0.5


def test_every_face_of_a_large_image_is_found_in_its_parts(scene, photograph):
    image = np.tile(scene, (2, 3, 1))
    small = resized(photograph, 0.4)
    places = [(10, 20), (1500, 90), (700, 560)]
    for x, y in places:
        image[y : y + len(small), x : x + small.shape[1]] = small
    found = sorted((box.x, box.y) for box in get("blazeface")(image))
    expected = sorted((x + 0.4 * FACE.x, y + 0.4 * FACE.y) for x, y in places)
    assert np.allclose(found, expected, atol=10)


@pytest.mark.parametrize("length", [401, 640, 1000, 1281, 5000])
def test_parts_cover_a_large_image_and_overlap(length):
    starts = blazeface.part_starts(length)
    assert starts[0] == 0 and starts[-1] + blazeface.TILE == length
    assert all(b - a <= 0.75 * blazeface.TILE for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", ["coffee", "rocket", "chelsea", "colorwheel"])
def test_pictures_without_faces_have_none(name, picture):
    assert get(name)(np.ascontiguousarray(getattr(skimage.data, picture)()[..., :3])) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 2), (17, 23)])
def test_odd_shapes_have_no_face(name, shape):
    assert get(name)(np.zeros((*shape, 3), np.uint8)) == []


def test_threads_read_the_networks_one_after_another(monkeypatch):
    """Threads that read at once sometimes fail in OpenCV."""
    reading, most = [], []

    def read(path):
        reading.append(path)
        most.append(len(reading))
        time.sleep(0.01)
        net = read_net(path)
        reading.remove(path)
        return net

    read_net = cv2.dnn.readNet
    monkeypatch.setattr(cv2.dnn, "readNet", read)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(networks.Network, [*networks.ARCHITECTURES] * 2))
    assert max(most) == 1
