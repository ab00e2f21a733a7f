import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.faces import fer2013_crops, landmarks


def face(size, turn=0.0, scale=1.0, shift=(0, 0)):
    """68 points whose five anchors lie on the layout of a crop of this size, then moved."""
    points = np.zeros((68, 2))
    anchors = fer2013_crops.FER2013 * (size - 1)
    points[landmarks.LEFT_EYE], points[landmarks.RIGHT_EYE] = anchors[0], anchors[1]
    points[landmarks.NOSE_TIP] = anchors[2]
    points[landmarks.LEFT_MOUTH_CORNER], points[landmarks.RIGHT_MOUTH_CORNER] = anchors[3:]
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return scale * points @ rotation.T + shift


@pytest.mark.parametrize("turn", [0.0, 0.4, -1.2])
def test_eyes_nose_and_mouth_come_to_their_places(turn):
    image = np.zeros((400, 400, 3), np.uint8)
    points = face(48, turn, 3.0, (180, 90))
    crop, moved = fer2013_crops.fer2013_align(image, points, 48)
    assert crop.shape == (48, 48, 3)
    expected = fer2013_crops.FER2013 * 47
    np.testing.assert_allclose(landmarks.anchors(moved), expected, atol=1e-3)


def test_faces_are_not_stretched():
    wide = face(100) * (1.3, 1) + 50  # no similarity maps these points onto the layout
    linear = fer2013_crops.fer2013_transform(wide, 96)[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2) * np.linalg.det(linear), atol=1e-9)


def test_a_margin_shows_more_around_the_same_centre():
    points = face(48, 0.2, 2.0, (60, 40))
    plain = fer2013_crops.fer2013_transform(points, 96)
    loose = fer2013_crops.fer2013_transform(points, 96, margin=1.5)
    np.testing.assert_allclose(plain[:, :2] / 1.5, loose[:, :2])
    centre = np.linalg.solve(plain[:, :2], 47.5 - plain[:, 2])
    np.testing.assert_allclose(loose[:, :2] @ centre + loose[:, 2], 47.5)


def test_pixels_beyond_the_picture_repeat_its_border():
    image = np.full((60, 60, 3), 200, np.uint8)
    crop, _ = fer2013_crops.fer2013_align(image, face(48, 0, 1, (-20, -20)), 48)
    assert crop.min() == 200


def test_the_layout_has_a_name_for_predictions():
    from kollias_affect import models

    assert "fer2013" in faces.LAYOUTS and "fer2013" in models.CROPS


def test_other_shapes_and_equal_points_are_refused():
    image = np.zeros((50, 50, 3), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        fer2013_crops.fer2013_align(image, np.zeros((5, 2)), 48)
    with pytest.raises(ValueError, match="not all in one place"):
        fer2013_crops.fer2013_align(image, np.ones((68, 2)), 48)
