"""The pose of the head, on projections of a face of known pose and on real faces."""

import cv2
import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.faces.head_pose import ANGLES, INDICES, MODEL
from kollias_affect.faces.images import read_image


def rotation(axis, degrees):
    """Matrix of a right-handed rotation about a coordinate axis, 0, 1 or 2."""
    a, (i, j) = np.deg2rad(degrees), [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(a)
    matrix[i, j], matrix[j, i] = -np.sin(a), np.sin(a)
    return matrix


def project(pitch, yaw, roll, shape=(480, 640), place=(0, 0, 60)):
    """Landmarks of the average face, by the formula of a pinhole camera.

    A positive angle turns x to y, y to z, or z to x. In the axes of the camera (y down, z away from
    it) the face looks along -z, so that looking up and to the right are the negative senses.
    """
    matrix = rotation(1, -yaw) @ rotation(0, -pitch) @ rotation(2, roll)
    x, y, z = (MODEL @ matrix.T + place).T
    height, width = shape
    focal = max(shape)
    points = np.full((68, 2), 0.0)
    places = np.stack([focal * x / z + (width - 1) / 2, focal * y / z + (height - 1) / 2], axis=1)
    points[list(INDICES)] = places
    return points


@pytest.mark.parametrize(
    "angles", [(0, 0, 0), (20, 0, 0), (0, 35, 0), (0, 0, -30), (-25, -40, 15), (10, 60, 45)]
)
@pytest.mark.parametrize("shape", [(480, 640), (1280, 720)])
def test_the_pose_of_a_projected_face_is_found(angles, shape):
    for place in ((0, 0, 60), (12, -9, 80), (-5, 4, 30)):
        found = faces.head_pose(project(*angles, shape, place), shape)
        np.testing.assert_allclose(found, angles, atol=0.01)


def test_errors_of_a_pixel_move_the_pose_by_a_few_degrees():
    random = np.random.default_rng(0)
    true = (5, -20, 10)
    errors = [
        faces.head_pose(project(*true) + random.normal(0, 1, (68, 2)), (480, 640)) - true
        for _ in range(50)
    ]
    assert np.abs(errors).mean() < 3 and np.abs(errors).max() < 15


def test_signs_are_those_of_the_picture():
    """The tip of the nose moves to the right and up, and the left eye up when the head tilts."""
    frontal = project(0, 0, 0)
    middle = frontal[[36, 45]].mean(axis=0)

    def nose(*angles):
        points = project(*angles)
        return points[30] - points[[36, 45]].mean(axis=0) - (frontal[30] - middle)

    assert nose(0, 20, 0)[0] > 5 and nose(20, 0, 0)[1] < -3
    tilted = project(0, 0, 20)
    assert tilted[36, 1] < tilted[45, 1]  # clockwise: the left end of the line of the eyes rises


def test_a_tilted_photograph_changes_the_roll():
    import skimage.data

    image = skimage.data.astronaut()
    (upright, *_) = faces.faces_of(image)
    turn = cv2.getRotationMatrix2D((255.5, 255.5), -15, 1)  # OpenCV's angles run anti-clockwise
    points = upright.in_frame @ turn[:, :2].T + turn[:, 2]
    before, after = (faces.head_pose(p, image.shape) for p in (upright.in_frame, points))
    assert after[2] - before[2] == pytest.approx(15, abs=4)


def test_a_mirrored_face_has_the_opposite_yaw_and_roll():
    points = project(8, 25, -12)
    order = {8: 8, 27: 27, 28: 28, 29: 29, 30: 30, 31: 35, 33: 33, 36: 45, 39: 42}
    mirrored = points.copy()
    for one, other in order.items():
        for a, b in ((one, other), (other, one)):
            mirrored[a] = (639 - points[b, 0], points[b, 1])
    np.testing.assert_allclose(faces.head_pose(mirrored, (480, 640)), (8, -25, 12), atol=0.01)


def test_landmarks_that_form_no_face_have_no_pose():
    for points in (np.full((68, 2), np.nan), np.zeros((68, 2)), np.full((68, 2), 1e6)):
        found = faces.head_pose(points, (480, 640))
        assert found.shape == (len(ANGLES),)
        assert np.isnan(found).all() or np.isfinite(found).all()
    assert np.isnan(faces.head_pose(np.full((68, 2), np.nan), (480, 640))).all()


def test_people_who_look_at_the_camera_have_small_angles(shared_faces):
    image = read_image(shared_faces / "single_face.jpg")
    (face,) = faces.faces_of(image)
    assert np.abs(faces.head_pose(face.in_frame, image.shape)).max() < 15
    group = read_image(shared_faces / "multi_face.jpg")
    frontal = faces.faces_of(group, detector="hog")  # It finds no profiles.
    angles = [faces.head_pose(face.in_frame, group.shape) for face in frontal]
    assert len(angles) > 2 and np.abs(angles).max() < 30
