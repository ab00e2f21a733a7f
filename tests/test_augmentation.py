"""Random changes of training images: where points go, what stays, and what repeats."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from kollias_affect import augmentation, faces, windows
from kollias_affect.augmentation import MIRRORED, Augmentation
from kollias_affect.faces import boxes

OFF = {"flip": 0, "shift": 0, "zoom": 0, "rotation": 0, "colour": 0, "blur": 0, "occlusion": 0}
SIDE = 64


def only(**options):
    return Augmentation(**{**OFF, **options})


def seeds(count):
    return np.random.default_rng(0).integers(2**31, size=(count, 2), dtype=np.int32)


def pixels_of(landmarks):
    """From [-1, 1] to pixels: the centres of the first and last pixels are -1 and 1."""
    return (np.reshape(landmarks, (-1, 68, 2)) + 1) * (SIDE - 1) / 2


@pytest.fixture(scope="module")
def noise():
    """A window of four frames of noise without fine detail."""
    random = np.random.default_rng(1)
    frames = [random.uniform(0, 255, (SIDE, SIDE, 3)).astype(np.uint8) for _ in range(4)]
    return tf.constant(np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in frames]))


@pytest.mark.parametrize("per", augmentation.PER)
def test_landmarks_go_where_the_pixels_under_them_go(per):
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 68, 2)).astype(np.float32)
    change = only(flip=0.5, shift=0.1, zoom=0.2, rotation=20, per=per)
    for number, seed in enumerate(seeds(6)):
        frames = np.zeros((2, SIDE, SIDE, 3), np.uint8)
        chosen = pixels_of(points)[:, number]
        for frame, (x, y) in zip(frames, np.round(chosen).astype(int), strict=True):
            cv2.circle(frame, (int(x), int(y)), 2, (255, 255, 255), -1)
        images, moved = change(tf.constant(frames), tf.constant(points.reshape(2, 136)), seed)
        for image, of_frame in zip(images.numpy(), pixels_of(moved), strict=True):
            rows, columns = np.nonzero(image[..., 0] > 127)
            centre = np.array([columns.mean(), rows.mean()])
            names = number, MIRRORED.index(number)  # the name changes if the face is mirrored
            assert min(np.linalg.norm(of_frame[name] - centre) for name in names) < 1.0


def test_mirrored_points_are_what_a_landmark_detector_finds_in_the_mirror(synthetic_root):
    path = sorted((synthetic_root / "crops").rglob("*.png"))
    path = path or sorted((synthetic_root / "crops").rglob("*.jpg"))
    image = cv2.cvtColor(cv2.imread(str(path[0])), cv2.COLOR_BGR2RGB)
    image = cv2.resize(image, (192, 192), interpolation=cv2.INTER_CUBIC)
    box = boxes.Box(24, 24, 144, 144, 1.0)
    found = faces.find_landmarks(image, box)
    mirror = faces.find_landmarks(np.ascontiguousarray(image[:, ::-1]), box)
    in_mirror = found[list(MIRRORED)] * (-1, 1) + (191, 0)
    distances = np.linalg.norm(in_mirror - mirror, axis=1)
    # 192 pixels; two opposite points of this face lie 20 to 120 pixels apart.
    assert np.median(distances) < 4 and distances.max() < 20


def test_a_mirrored_window_is_mirrored_exactly(noise):
    images, _ = only(flip=1)(noise, None, seeds(1)[0])
    np.testing.assert_array_equal(images, noise.numpy()[:, :, ::-1])


def test_a_window_has_one_change_and_frames_have_their_own(noise):
    still = tf.repeat(noise[:1], 4, axis=0)
    options = {"flip": 0.5, "shift": 0.1, "colour": 0.3, "blur": 0.5, "occlusion": 0.5}
    same, _ = only(**options)(still, None, seeds(1)[0])
    own, _ = only(**options, per="frame")(still, None, seeds(1)[0])
    assert (same.numpy() == same.numpy()[:1]).all() and (same.numpy() != still.numpy()).any()
    assert all((own.numpy()[0] != frame).any() for frame in own.numpy()[1:])


def test_colours_of_a_grey_picture_stay_grey_and_geometry_stays(noise):
    grey = tf.repeat(noise[..., :1], 3, axis=-1)
    images = only(colour=0.5)(grey, None, seeds(1)[0])[0].numpy()
    assert (images == images[..., :1]).all() and (images != grey.numpy()).any()
    before, after = grey.numpy()[0, ..., 0].ravel(), images[0, ..., 0].ravel()
    assert np.corrcoef(before, after)[0, 1] > 0.95


def test_a_blur_is_that_of_a_gaussian_of_the_promised_width(noise):
    sharp = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    sharp[:, 32, 32] = 255
    for seed in seeds(4):
        image = only(blur=1)(tf.constant(sharp), None, seed)[0].numpy()[0, ..., 0].astype(float)
        assert np.isclose(image.sum(), 255, rtol=0.15)  # but for rounding to whole numbers
        spread = np.sqrt((image.sum(axis=0) * (np.arange(SIDE) - 32) ** 2).sum() / image.sum())
        assert spread <= 0.02 * SIDE + 0.1
        # Peak of a normalized Gaussian sampled on pixels.
        peaks = [cv2.getGaussianKernel(11, s)[5, 0] ** 2 for s in (0.002 * SIDE, 0.02 * SIDE)]
        assert peaks[1] * 255 - 1 <= image.max() <= peaks[0] * 255 + 1


def test_an_occlusion_is_a_rectangle_of_one_colour_of_the_promised_size(noise):
    for seed in seeds(6):
        images = only(occlusion=1)(noise, None, seed)[0].numpy()
        changed = (images != noise.numpy()).any(axis=(0, 3))
        rows, columns = np.nonzero(changed)
        area = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert 0.01 < np.prod(area) / SIDE**2 < 0.25
        assert len(np.unique(images[:, changed].reshape(-1, 3), axis=0)) == 1


def test_probabilities_are_shares_of_what_is_drawn(noise):
    small = tf.repeat(noise[:1, :8, :8], 400, axis=0)
    images, _ = only(flip=0.3, per="frame")(small, None, seeds(1)[0])
    mirrored = (images != small).numpy().any(axis=(1, 2, 3))
    # Four standard deviations of a share of 0.3 of 400.
    assert abs(np.mean(mirrored) - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 400)


@pytest.fixture
def clips(make_clip):
    labels = np.linspace(-1, 1, 24).reshape(12, 2)
    return [make_clip("a", 12, 50, size=SIDE, valence_arousal=labels)]


def test_an_epoch_that_resumes_repeats_its_pictures_and_labels_stay(clips):
    options = {"length": 3, "batch_size": 2, "shuffle": True, "size": SIDE, "landmarks": False}
    options["augment"] = Augmentation(occlusion=1)
    run = windows.dataset(clips, **options)
    first, second = (list(run) for _ in range(2))
    resumed = list(windows.dataset(clips, first_epoch=1, **options))
    plain = list(windows.dataset(clips, **{**options, "augment": None}))
    for one, other in zip(second, resumed, strict=True):
        np.testing.assert_array_equal(one[0]["images"], other[0]["images"])
    pairs = zip(first, second, strict=True)
    assert any((a[0]["images"] != b[0]["images"]).numpy().any() for a, b in pairs)
    for one, other in zip(first, plain, strict=True):  # the order is that without changes
        np.testing.assert_array_equal(one[1], other[1])
        assert (one[0]["images"] != other[0]["images"]).numpy().any()


def test_cached_features_cannot_be_augmented(clips):
    with pytest.raises(ValueError, match="computed once"):
        windows.dataset(
            clips, 3, landmarks=False, features=[np.zeros((12, 4), np.float32)], augment="standard"
        )


def test_texts_name_what_is_on():
    assert augmentation.parse("standard") == Augmentation()
    assert augmentation.parse("standard, occlusion=0") == Augmentation(occlusion=0)
    assert augmentation.parse("flip=0.5,per=frame") == only(flip=0.5, per="frame")
    for text, message in {
        "strong": "must be 'standard', or NAME=NUMBER",
        "flip=often": "must be a number. Received: flip='often'",
        "flips=1": "must be one of",
        "zoom=1": "below 1",
        "flip=1.5": "at most 1",
        "per=clip": "must be one of",
    }.items():
        with pytest.raises(ValueError, match=message):
            augmentation.parse(text)
