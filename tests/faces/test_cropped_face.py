import numpy as np
import pytest
import skimage.data

from kollias_affect import faces
from kollias_affect.faces.landmarks import LEFT_EYE, RIGHT_EYE


@pytest.fixture(scope="module")
def portrait():
    """A photograph cropped to its face, wider than high, whose eyes are at about (75, 62)."""
    return skimage.data.astronaut()[45:195, 145:305].copy()


@pytest.mark.parametrize("size", [48, 96, 300])
def test_the_crop_is_the_whole_picture(portrait, size):
    face = faces.cropped_face(portrait, size)
    assert face.box == (0, 0, 160, 150, 1.0)
    assert face.crop.shape == (size, size, 3)
    corners = np.ix_([0, -1], [0, -1])
    assert np.abs(face.crop[corners].astype(int) - portrait[corners]).max() < 60
    assert np.allclose(face.crop.mean(axis=(0, 1)), portrait.mean(axis=(0, 1)), atol=2)


def test_landmarks_are_those_of_the_face_inside(portrait):
    face = faces.cropped_face(portrait, 96)
    eyes = face.in_frame[36:48].mean(axis=0)
    assert np.abs(eyes - (75, 62)).max() < 12
    right, left = face.in_frame[RIGHT_EYE].mean(axis=0), face.in_frame[LEFT_EYE].mean(axis=0)
    assert right[0] - left[0] > 25
    # -1 and 1 are the centres of the first and last pixels, as everywhere.
    pixels = (face.in_frame + 0.5) * (96 / 160, 96 / 150) - 0.5
    assert np.allclose(face.in_crop, pixels * 2 / 95 - 1, atol=1e-5)


def test_the_colours_are_those_of_the_layout(portrait):
    grey = faces.cropped_face(portrait, 48, "eyes_grey").crop
    assert (grey == grey[..., :1]).all() and (grey.min(), grey.max()) == (0, 255)
    colour = faces.cropped_face(portrait, 48, "eyes").crop
    assert np.array_equal(colour, faces.cropped_face(portrait, 48, "procrustes").crop)
    assert (colour != colour[..., :1]).any()


def test_a_picture_in_which_no_face_is_found_is_a_face_nevertheless():
    face = faces.cropped_face(np.full((30, 40, 3), 128, np.uint8), 48)
    assert face.box == (0, 0, 40, 30, 1.0) and np.isfinite(face.in_crop).all()


def test_unknown_layouts_are_refused():
    with pytest.raises(ValueError, match="`layout` must be one of"):
        faces.cropped_face(np.zeros((9, 9, 3), np.uint8), 48, "round")
