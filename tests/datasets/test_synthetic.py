import shutil

import numpy as np
import pytest

from kollias_affect import datasets, faces
from kollias_affect.datasets import synthetic

SETTINGS = {"subjects": 2, "clips_per_subject": 1, "frames": 24}


def test_detectors_find_the_face_and_labels_vary(synthetic_root):
    clips = datasets.load("synthetic", synthetic_root, **SETTINGS)
    assert [clip.key for clip in clips] == ["subject01_1", "subject02_1"]
    for clip in clips:
        assert len(clip) == 24 and clip.valid.sum() >= 15
        assert np.abs(clip.valence_arousal).max() <= 1
        assert clip.valence_arousal.std(axis=0).min() > 0.05


def test_splits_are_by_subject(synthetic_root):
    train = datasets.load("synthetic", synthetic_root, "train", **SETTINGS)
    validation = datasets.load("synthetic", synthetic_root, "validation", **SETTINGS)
    assert [clip.subject for clip in train] == ["subject01"]
    assert [clip.subject for clip in validation] == ["subject02"]


def test_the_same_seed_makes_the_same_bytes(synthetic_root, tmp_path):
    for video in synthetic.make(tmp_path, **SETTINGS):
        other = synthetic_root / "videos" / video.name
        assert video.read_bytes() == other.read_bytes()


def test_existing_videos_are_left_as_they_are(tmp_path):
    settings = {"subjects": 1, "clips_per_subject": 1, "frames": 2}
    (video,) = synthetic.make(tmp_path, **settings)
    before = video.stat().st_mtime_ns
    assert synthetic.make(tmp_path, **settings) == [video]
    assert video.stat().st_mtime_ns == before


def test_other_settings_in_the_same_folder_are_refused(synthetic_root):
    with pytest.raises(ValueError, match="Choose another folder"):
        datasets.load("synthetic", synthetic_root, **{**SETTINGS, "frames": 30})


def test_valence_moves_the_corners_of_the_mouth_and_arousal_opens_it():
    """The labels are in the picture: measured with the landmarks of the rendered face."""

    def mouth(valence, arousal):
        photograph, look = synthetic._photograph(), synthetic._Look(np.random.default_rng(0))
        picture = synthetic._picture(photograph, look, (valence, arousal), 0, (0, 0), 1)
        image = np.clip(picture, 0, 255).astype(np.uint8)
        points = faces.find_landmarks(image, faces.detect(image)[0])
        corners = (points[48, 1] + points[54, 1]) / 2
        return points[51, 1] - corners, points[57, 1] - points[51, 1]  # smile, opening

    assert mouth(1, 0)[0] > mouth(0, 0)[0] > mouth(-1, 0)[0]
    assert mouth(0, 1)[1] > mouth(0, 0)[1] > mouth(0, -1)[1]


def test_the_pose_turns_shifts_and_scales_the_face_about_the_centre():
    look = synthetic._Look(np.random.default_rng(0))
    left, top, side = synthetic._REGION
    centre = np.array([left + side / 2, top + side / 2])
    pose = synthetic._pose(look, 7, (5, -3), 1.05)
    middle = np.array([synthetic.SIDE / 2 + 5, synthetic.SIDE / 2 - 3, 1])
    np.testing.assert_allclose(pose @ middle, centre)
    expected = (side / synthetic.SIDE / 1.05) ** 2 / look.width
    np.testing.assert_allclose(np.linalg.det(pose[:, :2]), expected)


def test_the_displacement_of_a_point_is_largest_at_the_point():
    look = synthetic._Look(np.random.default_rng(0))
    look.build[:] = 0
    field = synthetic._displacements(look, (0, 1))
    column, row = np.subtract((223, 155), synthetic._FIELD_START)  # the lower lip
    others = 6 * np.exp((1**2 + 23**2) / (-2 * 18**2))  # the chin moves it, too
    np.testing.assert_allclose(field[row, column], [0, 8 + others], atol=1e-3)
    assert field.shape == 2 * (synthetic._REGION[2] + 2 * synthetic._MARGIN,) + (2,)


def test_a_video_without_labels_is_an_error(synthetic_root, tmp_path):
    shutil.copytree(synthetic_root, tmp_path / "copy")
    (tmp_path / "copy" / "annotations" / "subject02_1.csv").unlink()
    with pytest.raises(FileNotFoundError, match="subject02_1.csv"):
        synthetic.label(tmp_path / "copy")


def test_crops_of_another_size_are_refused(synthetic_root):
    with pytest.raises(ValueError, match="96 pixels. Received: size=48"):
        datasets.load("synthetic", synthetic_root, size=48, **SETTINGS)


def test_clips_know_that_they_are_synthetic_whatever_loads_them(synthetic_root, make_clip):
    own = datasets.load("synthetic", synthetic_root, subjects=2, clips_per_subject=1, frames=24)
    listed = datasets.load("frames_csv", synthetic_root / "train.csv")
    assert synthetic.facts(own) == synthetic.facts(listed) == {"synthetic": True}
    assert synthetic.facts([*listed, make_clip()]) == synthetic.facts([]) == {}
