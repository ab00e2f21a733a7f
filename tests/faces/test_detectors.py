import numpy as np
import pytest
import skimage.data

from kollias_affect import faces
from kollias_affect.faces import detectors

FACE = (223, 125)  # centre of the face in the photograph


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()


@pytest.mark.parametrize("name", ["hog", "cnn", "haar"])
def test_detectors_find_the_face(photograph, name):
    best = faces.detect(photograph[:260, 90:360].copy(), name)[0]
    assert abs(best.x + best.width / 2 + 90 - FACE[0]) < 15
    assert abs(best.y + best.height / 2 - FACE[1]) < 25
    assert 70 < best.width < 130 and isinstance(best.score, float)


def test_every_named_detector_is_tested():
    assert set(detectors.DETECTORS) == {"hog", "cnn", "haar"}


def test_boxes_are_in_pixels_of_the_image_although_it_is_shrunk_for_the_search(photograph):
    large = np.kron(photograph[:260, 90:360], np.ones((5, 5, 1), np.uint8))
    best = faces.detect(large)[0]
    assert abs((best.x + best.width / 2) / 5 + 90 - FACE[0]) < 15


def test_a_callable_is_a_detector():
    box = faces.Box(1, 2, 3, 4, 0.5)
    assert faces.detect(np.zeros((50, 50, 3), np.uint8), lambda image: [box]) == [box]


def test_unknown_detector_names_the_known_ones():
    with pytest.raises(ValueError, match=r"one of \('hog', 'cnn', 'haar'\). Received.*'ffld2'"):
        detectors.get("ffld2")


def test_overlap():
    box = faces.Box(0, 0, 10, 10, 1)
    assert detectors.overlap(box, box) == 1
    assert detectors.overlap(box, box._replace(x=5)) == pytest.approx(1 / 3)
    assert detectors.overlap(box, box._replace(x=10)) == 0
