import numpy as np
import pytest

from kollias_affect import faces
from kollias_affect.faces import alignment


def procrustes(source, target):
    """Kabsch–Umeyama by singular value decomposition, without reflection."""
    p, q = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(q.T @ p)
    sign = np.diag([1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ sign @ vt
    scale = (s * np.diag(sign)).sum() / (p**2).sum()
    shift = target.mean(0) - scale * rotation @ source.mean(0)
    return np.column_stack([scale * rotation, shift])


@pytest.mark.parametrize("seed", range(20))
def test_similarity_equals_the_svd_solution(seed):
    random = np.random.default_rng(seed)
    source = random.normal(size=(5, 2)) * random.uniform(0.1, 300) + random.uniform(-999, 999, 2)
    target = faces.prototype(96)
    if seed % 2:  # a mirrored face
        source = source * [-1, 1]
    ours = faces.similarity(source, target)
    assert np.allclose(ours, procrustes(source, target), rtol=1e-6, atol=1e-6)
    assert np.linalg.det(ours[:, :2]) > 0  # never a reflection


def test_known_similarity_is_found():
    angle, scale, shift = 0.7, 0.31, np.array([12.0, -7.0])
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = np.random.default_rng(0).normal(size=(5, 2)) * 50
    fitted = faces.similarity(source, source @ rotation.T + shift)
    assert np.allclose(fitted, np.column_stack([rotation, shift]), atol=1e-9)


def test_points_in_one_place_are_refused():
    with pytest.raises(ValueError, match="not all in one place"):
        faces.similarity(np.ones((5, 2)), faces.prototype())


def landmarks_like_prototype(size):
    """68 points whose anchors lie on the prototype of a crop of `size`."""
    points = np.random.default_rng(1).uniform(0.2, 0.8, (68, 2)) * (size - 1)
    anchors = faces.prototype(size)
    points[36:42], points[42:48] = anchors[0], anchors[1]
    points[[30, 48, 54]] = anchors[2:]
    return points


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 8.0])
def test_picture_and_landmarks_move_together(scale):
    """A bright dot under a landmark is under that landmark in the crop, at every scale."""
    size = 96
    frame_size = round(size * scale) + 80
    points = (landmarks_like_prototype(size) + 0.5) * scale - 0.5 + 40
    image = np.zeros((frame_size, frame_size, 3), np.uint8)
    y, x = np.mgrid[:frame_size, :frame_size]
    dot = points[8]
    spread = 2 * (1.5 * scale) ** 2
    image[..., 0] = (255 * np.exp(-((x - dot[0]) ** 2 + (y - dot[1]) ** 2) / spread)).astype(
        np.uint8
    )
    crop, moved = faces.align(image, points, size)
    assert crop.shape == (size, size, 3) and crop.dtype == np.uint8
    assert np.allclose(faces.anchors(moved), faces.prototype(size), atol=1e-3)
    weights = crop[..., 0].astype(float)
    y, x = np.mgrid[:size, :size]
    centre = np.array([(weights * x).sum(), (weights * y).sum()]) / weights.sum()
    assert np.allclose(centre, moved[8], atol=0.15)


def test_large_faces_are_averaged_not_sampled():
    """Fine stripes become grey: no aliasing."""
    image = np.zeros((800, 800, 3), np.uint8)
    image[:, ::2] = 200
    points = landmarks_like_prototype(96) * 8 + 20
    crop, _ = faces.align(image, points, 96)
    assert crop[20:70, 20:70].std() < 2


def test_normalized_landmarks_span_the_crop():
    assert faces.normalize([[0, 0], [95, 95], [47.5, 47.5]]).tolist() == [[-1, -1], [1, 1], [0, 0]]


@pytest.mark.parametrize("size", [48, 96, 112, 224])
def test_prototype_scales_with_the_crop(size):
    assert np.allclose(faces.prototype(size) / (size - 1), alignment.PROTOTYPE)


def test_wrong_images_and_landmarks_are_refused():
    points = landmarks_like_prototype(96)
    with pytest.raises(ValueError, match="uint8 RGB"):
        faces.align(np.zeros((96, 96), np.uint8), points)
    with pytest.raises(ValueError, match="uint8 RGB"):
        faces.align(np.zeros((96, 96, 4), np.uint8), points)
    with pytest.raises(ValueError, match=r"\(68, 2\)"):
        faces.align(np.zeros((96, 96, 3), np.uint8), points[:5])
    with pytest.raises(ValueError, match="size=0"):
        faces.align(np.zeros((96, 96, 3), np.uint8), points, size=0)
