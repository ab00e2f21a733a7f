import cv2
import numpy as np
import pytest

from kollias_affect import faces


def face(distance=60.0, middle=(160.0, 120.0), angle=0.0):
    """68 landmarks with eyes `distance` apart, turned by `angle` degrees around their middle."""
    points = np.zeros((68, 2))
    for eye, side in ((slice(36, 42), -1), (slice(42, 48), 1)):
        ring = np.deg2rad(np.arange(0, 360, 60) + 180)
        points[eye] = np.array([side * 0.5, 0]) + np.array([0.2, 0.1]) * np.stack(
            [np.cos(ring), np.sin(ring)], axis=1
        )
    points[45] = (0.7, 0)  # the outer corner of the left eye is its point number 3
    points[42:48] = points[42:48] - (points[42:48].mean(axis=0) - (0.5, 0))
    points[48:68] = (0, 1.0)
    turn = np.deg2rad(angle)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return points @ rotation.T * distance + middle


def corners_of_the_box(points):
    """Returns the box of paper D in the frame of the eyes: left, top, right, bottom."""
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    distance = np.linalg.norm(left - right)
    along = (left - right) / distance
    below = np.array([-along[1], along[0]])
    middle = (left + right) / 2
    start = (points[36] - middle) @ along - 0.62 * distance
    end = (points[45] - middle) @ along + 0.62 * distance
    at = lambda u, v: middle + u * along + v * below  # noqa: E731
    return [at(u, v * distance) for v in (-0.9, 1.35) for u in (start, end)]


@pytest.mark.parametrize("angle", [0, 17, -35, 90, 180])
@pytest.mark.parametrize("distance", [40.0, 90.0])
def test_the_box_of_the_paper_fills_the_crop(angle, distance):
    points = face(distance, (300.0, 280.0), angle)
    corners = corners_of_the_box(points)
    image = np.full((600, 600, 3), 40, np.uint8)
    for i, (x, y) in enumerate(corners):
        cv2.circle(image, (round(x), round(y)), 4, (100 + 50 * i,) * 3, -1)
    crop = faces.eye_crop(image, points, 65)
    for row, column in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert crop[row, column] > 50, (row, column)
    shades = [int(crop[0, 0]), int(crop[0, -1]), int(crop[-1, 0]), int(crop[-1, -1])]
    assert shades == sorted(shades)  # each corner at its own place, nothing mirrored
    assert crop[20:45, 20:45].max() == 0


def test_eyes_are_level_at_the_distance_of_the_box():
    points = face(80.0, (200.0, 200.0), 25)
    image = np.zeros((400, 400, 3), np.uint8)
    for eye in (slice(36, 42), slice(42, 48)):
        cv2.circle(image, tuple(points[eye].mean(axis=0).round().astype(int)), 5, (255,) * 3, -1)
    crop = faces.eye_crop(image, points, 256).astype(float)
    halves = crop[:, :128], crop[:, 128:]
    centres = [np.array(np.nonzero(half > 128)).mean(axis=1) for half in halves]
    assert abs(centres[0][0] - centres[1][0]) < 1.5
    assert centres[0][0] == pytest.approx(255 * 0.9 / 2.25, abs=1.5)
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    along = (left - right) / np.linalg.norm(left - right)
    width = (points[45] - points[36]) @ along / np.linalg.norm(left - right) + 1.24
    assert centres[1][1] + 128 - centres[0][1] == pytest.approx(255 / width, abs=1.5)


def test_the_crop_is_grey_with_full_contrast():
    image = np.random.default_rng(0).integers(90, 110, (300, 400, 3), np.uint8)
    crop = faces.eye_crop(image, face())
    assert crop.shape == (256, 256) and crop.dtype == np.uint8
    assert crop.min() == 0 and crop.max() == 255


def test_a_uniform_crop_becomes_black():
    assert not faces.eye_crop(np.full((300, 400, 3), 77, np.uint8), face()).any()


def test_pixels_beyond_the_border_repeat_the_border():
    image = np.zeros((240, 320, 3), np.uint8)
    image[:, :10] = 200  # the left border is bright, and the box reaches beyond it
    crop = faces.eye_crop(image, face(60.0, (20.0, 120.0)), 128)
    assert (crop[:, :30] == 255).all() and (crop[:, 90:] == 0).all()


def test_a_face_outside_the_image_is_cropped():
    crop = faces.eye_crop(np.zeros((50, 50, 3), np.uint8), face(60.0, (500.0, 500.0)))
    assert crop.shape == (256, 256)


def test_swapped_eyes_are_refused():
    points = face()
    points[36:48] = points[[*range(42, 48), *range(36, 42)]]
    with pytest.raises(ValueError, match="right eye .* left of the other.*Correct the order"):
        faces.eye_crop(np.zeros((300, 400, 3), np.uint8), points)


def test_coincident_eyes_are_refused():
    points = face()
    points[42:48] = points[36:42]
    with pytest.raises(ValueError, match="at least one pixel apart"):
        faces.eye_crop(np.zeros((300, 400, 3), np.uint8), points)


@pytest.mark.parametrize("bad", [np.full((68, 2), np.nan), np.zeros((49, 2))])
def test_invalid_landmarks_are_refused(bad):
    with pytest.raises(ValueError, match="finite and of shape"):
        faces.eye_crop(np.zeros((300, 400, 3), np.uint8), bad)


@pytest.mark.parametrize("size", [1, 0, 2.5, 5000])
def test_size_out_of_range(size):
    with pytest.raises(ValueError, match="`size` must be an integer"):
        faces.eye_crop(np.zeros((300, 400, 3), np.uint8), face(), size)
