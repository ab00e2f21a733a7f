import numpy as np
import pytest
import skimage.data

from kollias_affect.faces import detect, find_landmarks, likeness


@pytest.fixture(scope="module")
def portrait():
    image = skimage.data.astronaut()
    return likeness.portrait(image, find_landmarks(image, detect(image, "hog")[0]))


def test_a_portrait_shows_the_face_in_its_middle(portrait):
    assert portrait.shape == (150, 150, 3) and portrait.dtype == np.uint8
    points = find_landmarks(portrait, detect(portrait, "blazeface_main")[0])
    assert np.abs(points[36:48].mean(axis=0) - (75, 55)).max() < 15


def test_pictures_of_one_person_are_nearer_than_others(portrait):
    other = skimage.data.coffee()[100:250, 200:350].copy()
    same = np.clip(portrait[:, ::-1].astype(int) * 0.8, 0, 255).astype(np.uint8)
    vectors = likeness.descriptors([portrait, np.ascontiguousarray(same), other])
    assert vectors.shape == (3, 128)
    near, far = np.linalg.norm(vectors[0] - vectors[1:], axis=1)
    assert near < 0.5 < far


def test_no_portraits_have_no_descriptors():
    assert likeness.descriptors([]).shape == (0, 128)


def test_copies_are_compared_without_brightness_and_contrast(portrait):
    copy = likeness.small_copy(portrait)
    assert copy.shape == (16, 16)
    assert likeness.correlation(copy, copy // 2 + 20) > 0.99
    assert likeness.correlation(copy, 255 - copy) == pytest.approx(-1)
    assert likeness.correlation(copy, np.full((16, 16), 90, np.uint8)) == 0
