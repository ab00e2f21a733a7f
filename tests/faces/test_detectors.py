import math

import numpy as np
import pytest
import skimage.data

from kollias_affect import faces
from kollias_affect.faces import boxes, detectors

FACE = (223, 125)  # centre of the face in the photograph


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()


@pytest.mark.parametrize("name", ["auto", "blazeface", "blazeface_main", "hog", "cnn", "haar"])
def test_detectors_find_the_face(photograph, name):
    best = faces.detect(photograph[:260, 90:360].copy(), name)[0]
    assert abs(best.x + best.width / 2 + 90 - FACE[0]) < 15
    assert abs(best.y + best.height / 2 - FACE[1]) < 25
    assert 70 < best.width < 130 and isinstance(best.score, float) and 0.5 <= best.score <= 1


def test_every_named_detector_is_tested():
    # YuNet's file is not installed with the package, see the tests of its messages.
    names = {"blazeface", "blazeface_main", "hog", "cnn", "haar", "yunet"}
    assert set(detectors.DETECTORS) == names


def test_auto_is_the_detector_of_the_faces_that_are_wanted():
    assert detectors.chosen("auto", "main") == "blazeface_main"
    assert detectors.chosen("auto", "all") == detectors.chosen("auto") == "blazeface"
    assert detectors.chosen("hog", "main") == "hog"


def test_the_score_of_a_detector_at_its_threshold_is_a_half():
    assert boxes.score_of(0) == 0.5
    assert boxes.score_of(math.log(3)) == pytest.approx(0.75)


def test_scores_of_a_callable_are_cut_off_after_they_have_ordered_the_boxes(photograph):
    scores = (2.0, -1.0, 3.0, 0.25)
    found = faces.detect(photograph, lambda image: [(i, 0, 9, 9, s) for i, s in enumerate(scores)])
    assert [(box.x, box.score) for box in found] == [(2, 1), (0, 1), (3, 0.25), (1, 0)]


def test_yunet_needs_a_file_that_opencv_reads(tmp_path):
    with pytest.raises(ValueError, match=r"`yunet` needs its file.*yunet:FILE.*2023mar\.onnx"):
        detectors.get("yunet")
    with pytest.raises(FileNotFoundError, match="`detector` must be an existing file"):
        detectors.get(f"yunet:{tmp_path / 'absent.onnx'}")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match=r"must be one that OpenCV.*text\.onnx.*2023mar\.onnx"):
        detectors.get(f"yunet:{tmp_path / 'text.onnx'}")


def test_the_name_of_a_detector_with_a_file_holds_no_folder():
    assert detectors.name_of("yunet:/some/where/y.onnx") == "yunet:y.onnx"


def test_boxes_are_in_pixels_of_the_image_although_it_is_shrunk_for_the_search(photograph):
    large = np.kron(photograph[:260, 90:360], np.ones((5, 5, 1), np.uint8))
    best = faces.detect(large)[0]
    assert abs((best.x + best.width / 2) / 5 + 90 - FACE[0]) < 15


def test_a_callable_is_a_detector():
    box = faces.Box(1, 2, 3, 4, 0.5)
    assert faces.detect(np.zeros((50, 50, 3), np.uint8), lambda image: [box]) == [box]


def test_unknown_detector_names_the_known_ones():
    with pytest.raises(
        ValueError,
        match=r"one of \('auto', 'blazeface', .*'haar', 'yunet:FILE'\). Received.*'ffld2'",
    ):
        detectors.get("ffld2")


def test_overlap():
    box = faces.Box(0, 0, 10, 10, 1)
    assert boxes.overlap(box, box) == 1
    assert boxes.overlap(box, box._replace(x=5)) == pytest.approx(1 / 3)
    assert boxes.overlap(box, box._replace(x=10)) == 0
