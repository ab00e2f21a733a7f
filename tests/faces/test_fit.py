import numpy as np
import pytest
import skimage.data

from kollias_affect.faces import detect
from kollias_affect.faces.boxes import Box, overlap
from kollias_affect.faces.fit import MIN_FIT, fit


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.astronaut()


@pytest.fixture(scope="module")
def face(photograph):
    return detect(photograph, "hog")[0]


def test_faces_pass_whatever_detector_found_them(photograph, face):
    assert fit(photograph, face) > 0.7
    cascade = max(detect(photograph, "haar"), key=lambda box: overlap(box, face))
    assert fit(photograph, cascade) > 0.7


def test_a_face_passes_at_any_size(photograph, face):
    import cv2

    half = cv2.resize(photograph, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    assert fit(half, Box(*(round(v / 2) for v in face[:4]), 0)) > 0.7


def test_boxes_beside_the_face_fail(photograph, face):
    random = np.random.default_rng(0)
    fits = []
    while len(fits) < 40:
        side = int(random.integers(60, 220))
        x, y = random.integers(0, 512 - side, 2).tolist()
        box = Box(x, y, side, side, 0)
        if overlap(box, face) < 0.02:
            fits.append(fit(photograph, box))
    assert np.mean(np.array(fits) < MIN_FIT) >= 0.95


def test_a_uniform_image_is_no_face():
    assert fit(np.full((100, 100, 3), 127, np.uint8), Box(20, 20, 60, 60, 0)) < MIN_FIT


def test_real_faces_pass(shared_videos):
    from kollias_affect.faces import Video

    for name in ("single_face.mp4", "WolfgangLanger_Pexels.mp4"):
        image = next(iter(Video(shared_videos / name))).image
        assert fit(image, detect(image, "hog")[0]) > MIN_FIT
