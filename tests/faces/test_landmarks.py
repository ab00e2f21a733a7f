import numpy as np
import skimage.data

from kollias_affect import faces


def test_points_lie_where_the_face_is():
    image = skimage.data.astronaut()
    points = faces.find_landmarks(image, faces.detect(image)[0])
    assert points.shape == (68, 2) and points.dtype == np.float32
    left_eye, right_eye, nose, left_corner, right_corner = faces.anchors(points)
    assert np.allclose(left_eye, (203, 102), atol=4) and np.allclose(right_eye, (247, 104), atol=4)
    assert np.allclose(nose, (225, 127), atol=4)
    assert left_corner[0] < nose[0] < right_corner[0]
