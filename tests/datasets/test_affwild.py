import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from shared_values import corner_face

from kollias_affect import faces
from kollias_affect.clip import Clip
from kollias_affect.datasets import affwild

FRAMES, WIDTH, HEIGHT, SIZE = 5, 160, 128, 96


def picture(level=0):
    """Returns an image that is dark left of column 48 and bright right of it."""
    image = np.full((HEIGHT, WIDTH, 3), 200, np.uint8)
    image[:, :48] = level
    return image


def box(left=0, top=0, right=96, bottom=96):
    """Returns the corners TL, BL, BR, TR of a box with edges between pixels."""
    return np.array([(left, top), (left, bottom), (right, bottom), (right, top)]) - 0.5


def write_pts(path, points):
    """Writes points in 0-based pixels to a .pts file, which counts from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(f"{x} {y}" for x, y in points + 1)
    path.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n")


def write_labels(root, name, valence, arousal, split="train"):
    for dimension, values in (("valence", valence), ("arousal", arousal)):
        path = root / "annotations" / split / dimension / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{value}\n" for value in values))


@pytest.fixture
def root(tmp_path, write_video):
    """Video 105 with landmarks and six labels, 201 with boxes; frame 3 has no .pts file."""
    top = tmp_path / "aff_wild_annotations_bboxes_landmarks_new"
    for split, names in (("train", ("105.avi", "201.mp4")), ("test", ("300.mp4",))):
        (top / "videos" / split).mkdir(parents=True)
        for name in names:
            video = f"{top.name}/videos/{split}/{name}"
            write_video([picture()] * FRAMES, name=video, rate=25)
    write_labels(top, "105", [-0.12, -0.118, 0.0, 0.5, 1, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    write_labels(top, "201", [0.1] * 5, [-1] * 5)
    for frame in (1, 2, 4, 5):
        write_pts(top / "landmarks" / "train" / "105" / f"{frame}.pts", corner_face())
        write_pts(top / "bboxes" / "train" / "105" / f"{frame}.pts", box())
        write_pts(top / "bboxes" / "train" / "201" / f"{frame}.pts", box())
        write_pts(top / "landmarks" / "test" / "300" / f"{frame}.pts", corner_face())
    return top


@pytest.fixture
def load(tmp_path):
    return lambda root, split="train", **options: affwild.load(
        root, split, **{"crops": tmp_path / "crops", **options}
    )


def renumber_from_0(root, folder):
    """Renames the .pts files so that they count from 0."""
    for number in (1, 2, 4, 5):
        (root / folder / f"{number}.pts").rename(root / folder / f"{number - 1}.pts")


def edge(path):
    """Returns the mean grey levels left and right of column 48 of a crop."""
    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    assert image.shape == (SIZE, SIZE)
    return image[10:-10, 47].mean(), image[10:-10, 48].mean()


def test_videos_with_landmarks_and_with_boxes_are_read(root, load):
    clips = load(root)
    assert [clip.key for clip in clips] == [clip.subject for clip in clips] == ["105", "201"]
    assert [len(clip) for clip in clips] == [5, 5]
    assert clips[0].landmarks.shape == (5, 68, 2) and clips[1].landmarks is None
    assert np.allclose(clips[0].times, np.arange(5) / 25)
    assert (
        clips[0].valence_arousal[:2].tolist() == np.float32([[-0.12, 0.1], [-0.118, 0.2]]).tolist()
    )
    report = clips.report
    assert (report.clips, report.videos, report.frames, report.without_face) == (2, 2, 10, 2)
    assert report.ranges["valence"] == pytest.approx((-0.12, 1))


def test_more_labels_than_frames_are_cut_and_counted(root, load, count):
    clips = load(root)
    assert count(clips, "labels beyond the last frame") == 1
    assert clips[0].valence_arousal[-1].tolist() == [1, 0.5]


def test_more_frames_than_labels_are_cut_and_counted(root, load, count):
    write_labels(root, "201", [0.1] * 3, [0.2] * 3)
    clips = load(root)
    assert len(clips[1]) == 3 == len(clips[1].times)
    assert count(clips, "frames without a label") == 2


def test_valence_and_arousal_of_different_length_are_cut_and_counted(root, load, count):
    write_labels(root, "201", [0.1] * 4, [0.2] * 2)
    clips = load(root)
    assert len(clips[1]) == 2
    assert count(clips, "one of valence and arousal") == 2


def test_a_frame_without_pts_has_no_face_and_stays(root, load):
    for clip in load(root):
        assert clip.valid.tolist() == [True, True, False, True, True]
        assert clip.paths[2] == "" and clip.paths[3].endswith("/00004.jpg")


def test_pts_that_count_from_0_are_recognized_per_video(root, load, tmp_path, count):
    before = load(root)
    renumber_from_0(root, "landmarks/train/105")
    renumber_from_0(root, "bboxes/train/105")
    after = load(root, crops=tmp_path / "other")
    assert count(after, "count from 0") == 1
    for old, new in zip(before, after, strict=True):
        assert new.valid.tolist() == old.valid.tolist()


def test_a_last_pts_number_equal_to_the_label_count_proves_that_pts_count_from_1(root, load):
    clips = load(root)
    [(total, examples)] = [n for r, n in clips.report.notes.items() if "without proof" in r]
    assert total == 1 and examples == ("105 (last 5, 6 labels)",)  # 201 has five


def test_pts_names_without_padding_are_sorted_as_numbers(root, load, write_video):
    gradient = np.full((HEIGHT, WIDTH, 3), np.arange(WIDTH)[None, :, None], np.uint8)
    write_video([gradient] * 11, name=f"{root.name}/videos/train/201.mp4")
    write_labels(root, "201", [0] * 11, [0] * 11)
    for i in range(1, 12):
        write_pts(root / "bboxes/train/201" / f"{i}.pts", box(8 * i, 0, 8 * i + 32, 32))
    clip = load(root)[1]
    means = [cv2.imread(path).mean() for path in clip.paths]
    assert np.allclose(means, 8 * np.arange(1, 12) + 15.5, atol=3)


def test_pts_coordinates_are_1_based(root, load):
    for clip in load(root):
        dark, bright = edge(clip.paths[0])
        assert dark < 40 and bright > 160


def test_landmarks_are_in_the_frame_of_the_crop(root, load):
    clip = load(root)[0]
    assert np.isnan(clip.landmarks[2]).all()
    assert np.allclose(clip.landmarks[0], faces.normalize(corner_face(), SIZE), atol=1e-4)


def test_a_box_is_cropped_as_a_square_of_its_larger_side(root, load):
    # 48 wide, 96 high: the square reaches 24 pixels to the left of it, and out of the image.
    for frame in (1, 2, 4, 5):
        write_pts(root / "bboxes/train/201" / f"{frame}.pts", box(left=-24, right=24))
    image = cv2.imread(load(root)[1].paths[0], cv2.IMREAD_GRAYSCALE)
    assert image[:, :94].mean() < 10  # beyond the border, then the dark part


def test_huge_boxes_need_no_memory_and_distant_boxes_hold_no_face(root, load, count):
    write_pts(root / "bboxes/train/201/1.pts", box(-1e9, -1e9, 1e9, 1e9))
    write_pts(root / "bboxes/train/201/2.pts", box(1e7, 0, 1e7 + 50, 50))
    clips = load(root)
    assert clips[1].valid.tolist() == [True, False, False, True, True]
    assert count(clips, "mark no face") == 1


def test_a_box_of_zero_size_marks_no_face(root, load, count):
    write_pts(root / "bboxes/train/201/2.pts", box(right=0, bottom=0))
    write_pts(root / "landmarks/train/105/4.pts", np.zeros((68, 2)))
    (root / "bboxes/train/105/4.pts").unlink()
    for _ in range(2):  # made first, then read
        clips = load(root)
        assert clips[1].valid.tolist() == [True, False, False, True, True]
        assert clips[0].valid.tolist() == [True, True, False, False, True]
        assert count(clips, "mark no face") == 2


def test_pts_beyond_the_last_frame_are_counted(root, load, count):
    write_pts(root / "bboxes/train/201/6.pts", box())
    assert count(load(root), ".pts files beyond the last frame") == 1


@pytest.mark.parametrize("place", [(0.0, 0.0), (10.0, 20.0), (10.1, 20.3)])
def test_coinciding_landmarks_fall_back_to_the_box(root, load, place, count):
    write_pts(root / "landmarks/train/105/2.pts", np.array([place] * 68))
    for _ in range(2):  # made first, then read
        clips = load(root)
        assert clips[0].valid.tolist() == [True, True, False, True, True]
        assert np.isnan(clips[0].landmarks[1]).all() and np.isfinite(clips[0].landmarks[0]).all()
        dark, bright = edge(clips[0].paths[1])
        assert dark < 40 and bright > 160
        assert count(clips, "landmarks lie in one place") == 1


def test_a_frame_without_landmarks_is_cropped_by_its_box(root, load, count):
    (root / "landmarks/train/105/2.pts").unlink()
    clips = load(root)
    assert clips[0].valid.tolist() == [True, True, False, True, True]
    assert np.isnan(clips[0].landmarks[1]).all() and np.isfinite(clips[0].landmarks[0]).all()
    assert count(clips, "a box and no landmarks") == 1


def test_other_files_beside_pts_are_counted(root, load, count):
    (root / "bboxes/train/201/notes.txt").touch()
    (root / "bboxes/train/201/.DS_Store").touch()
    assert count(load(root), "ignored among .pts") == 1


@pytest.mark.parametrize(
    "doubled", ["bboxes/train", "landmarks", "videos/train", "annotations/train"]
)
def test_doubled_folders_are_read(root, load, doubled):
    folder = root / doubled
    folder.rename(root / "away")
    folder.mkdir()
    (root / "away").rename(folder / folder.name)
    clips = load(root)
    assert [clip.valid.sum() for clip in clips] == [4, 4]


def test_the_folder_name_bboxs_is_accepted(root, load):
    (root / "bboxes").rename(root / "bboxs")
    assert load(root)[1].valid.sum() == 4


def test_the_root_may_be_the_folder_above_or_doubled(root, load, tmp_path):
    outer = tmp_path / "data" / root.name
    outer.mkdir(parents=True)
    root.rename(outer / root.name)
    for top in (tmp_path / "data", outer, outer / root.name):
        assert len(load(top)) == 2


def test_two_copies_below_the_root_are_refused(root, load, tmp_path):
    (tmp_path / "copy" / "annotations").mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"must hold Aff-Wild once.*annotations in .*Name the folder"
    ):
        load(tmp_path)


def test_links_to_a_parent_folder_are_not_followed(root, load):
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "videos" / "loop").symlink_to(root.parent, target_is_directory=True)
    assert len(load(root)) == 2


def test_the_test_split_has_no_labels(root, load):
    [clip] = load(root, "test")
    assert clip.key == "300" and clip.valence_arousal is None and clip.valid.sum() == 4
    assert len(clip) == 5


def test_without_a_split_all_videos_with_labels_are_read(root, load, count):
    clips = load(root, None)
    assert [clip.key for clip in clips] == ["105", "201"]
    assert count(clips, "without labels") == 1
    write_labels(root, "300", [0] * 5, [0] * 5, split="test")
    assert len(load(root, None)) == 3
    assert load(root, "test")[0].valence_arousal is not None


@pytest.mark.parametrize("content", [None, b"", b"no video"])
@pytest.mark.parametrize("points", [True, False])
def test_labels_of_an_unreadable_video_are_kept(root, load, content, points, count):
    video = root / "videos/train/105.avi"
    video.unlink() if content is None else video.write_bytes(content)
    if not points:
        shutil.rmtree(root / "landmarks/train/105")
        shutil.rmtree(root / "bboxes/train/105")
    for options in ({}, {"crops": None}):
        clips = load(root, **options)
        assert [clip.key for clip in clips] == ["105", "201"] and clips[1].valid.any()
        assert clips[0].paths == [""] * 6 and not clips[0].valid.any()
        assert clips[0].valence_arousal[:, 1].tolist() == np.float32(np.arange(1, 7) / 10).tolist()
        assert count(clips, "missing or cannot be read, labels alone") == 1


def test_annotations_alone_are_read(root, load, count):
    for name in ("videos", "landmarks", "bboxes"):
        shutil.rmtree(root / name)
    clips = load(root)
    assert [len(clip) for clip in clips] == [6, 5]
    assert count(clips, "labels alone") == 2


def test_labels_for_one_of_valence_and_arousal_are_counted(root, load, count):
    (root / "annotations/train/valence/105.txt").unlink()
    clips = load(root)
    assert [clip.key for clip in clips] == ["201"]
    assert count(clips, "for one of valence and arousal, left out") == 1


def test_an_unreadable_video_without_labels_is_refused_if_it_is_the_only_one(root, load):
    (root / "videos/test/300.mp4").write_bytes(b"no video")
    with pytest.raises(FileNotFoundError, match="300"):
        load(root, "test")


def test_a_clip_without_a_frame_is_counted(root, load, count):
    (root / "annotations/train/valence/105.txt").write_text("")
    clips = load(root)
    assert len(clips) == 1 and count(clips, "clips without a frame") == 1


def test_a_video_that_breaks_is_read_as_far_as_it_decodes(root, load, write_video, count):
    random = np.random.default_rng(0)
    pictures = list(random.integers(0, 255, (50, HEIGHT, WIDTH, 3), np.uint8))
    path = write_video(pictures, name=f"{root.name}/videos/train/105.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    write_labels(root, "105", [0] * 50, [0] * 50)
    for _ in range(2):  # made first, then read
        clips = load(root)
        assert 5 < len(clips[0]) < 50
        assert count(clips, "videos that break") == 1


def test_videos_with_several_people_are_counted(root, load, tmp_path, monkeypatch, count):
    people = [Clip("105_left", [""]), Clip("105_right", [""])]
    monkeypatch.setattr(affwild.database_crops, "of_videos", lambda *_, **__: {"105": people})
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "105.json").touch()
    clips = load(root)
    assert [clip.key for clip in clips] == ["201"]
    assert count(clips, "several people") == 1


def test_a_second_load_decodes_nothing(root, load, monkeypatch):
    before = load(root)

    def decode(path):
        raise AssertionError(path)

    monkeypatch.setattr(faces, "Video", decode)
    after = load(root)
    assert [clip.paths for clip in after] == [clip.paths for clip in before]
    assert np.array_equal(after[0].landmarks, before[0].landmarks, equal_nan=True)
    assert after.report == before.report


def test_an_interrupted_load_resumes_with_its_video(root, load, monkeypatch, tmp_path):
    path = root / "bboxes/train/201/5.pts"
    content = path.read_text()
    path.write_text("")
    with pytest.raises(ValueError, match="line 1 of"):
        load(root)
    assert [p.name for p in (tmp_path / "crops").iterdir()] == ["105"]
    stamp = (tmp_path / "crops/105/00001.jpg").stat().st_mtime_ns
    path.write_text(content)
    assert len(load(root)) == 2
    assert (tmp_path / "crops/105/00001.jpg").stat().st_mtime_ns == stamp


def test_a_failing_video_leaves_no_files(root, load, monkeypatch, tmp_path):
    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(faces.alignment, "align", fail)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    assert list((tmp_path / "crops").iterdir()) == []


def test_crops_of_another_size_or_video_are_refused(root, load, write_video):
    load(root)
    with pytest.raises(ValueError, match=r"crops of one size.*size=96.*Received: size=64"):
        load(root, size=64)
    write_video([picture(9)] * 9, name=f"{root.name}/videos/train/105.avi")
    with pytest.raises(ValueError, match=r"from one source.*105.avi, \d+ bytes.*Received.*105.avi"):
        load(root)


def test_a_foreign_or_damaged_folder_of_crops_is_refused(root, load, tmp_path):
    (tmp_path / "crops" / "201").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="not one of finished crops. Move it away"):
        load(root)
    (tmp_path / "crops" / "201").rmdir()
    load(root)
    arrays = tmp_path / "crops/105/aligned.npz"
    arrays.write_bytes(arrays.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"105/aligned.npz .*Remove the folder"):
        load(root)


def test_pickled_arrays_are_refused(root, load, tmp_path):
    load(root)
    np.savez(tmp_path / "crops/105/aligned.npz", times=np.array([{}], object))
    with pytest.raises(ValueError, match="an array of objects"):
        load(root)


def test_the_cache_folder_is_the_default(root, tmp_path, monkeypatch):
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    assert all("/cache/affwild-" in clip.paths[0] for clip in affwild.load(root, "train"))


def test_crops_in_the_cache_are_made_again_when_something_changes(root, load, write_video):
    def current():
        return load(root, crops=None)

    first = current()
    stamps = [Path(clip.paths[0]).stat().st_mtime_ns for clip in first]
    assert [Path(clip.paths[0]).stat().st_mtime_ns for clip in current()] == stamps
    write_pts(root / "bboxes/train/201/3.pts", box())  # added
    assert current()[1].valid.all()
    write_pts(root / "bboxes/train/201/3.pts", box(right=0, bottom=0))  # written again
    os.utime(root / "bboxes/train/201/3.pts", (1, 1))
    assert not current()[1].valid[2]
    write_video([picture(90)] * 4, name=f"{root.name}/videos/train/201.mp4")
    assert len(current()[1]) == 4 and edge(current()[1].paths[0])[0] > 60
    assert Path(current()[0].paths[0]).stat().st_mtime_ns == stamps[0]  # nothing of 105 changed
    again = load(root, crops=None, size=64)
    assert cv2.imread(again[0].paths[0]).shape == (64, 64, 3)
    folder = Path(again[0].paths[0]).parents[1]
    assert sorted(path.name for path in folder.iterdir()) == ["105", "201"]
    (folder / "105" / "aligned.npz").write_bytes(b"")
    assert len(load(root, crops=None, size=64)[0]) == 5


def test_crops_in_the_cache_follow_added_and_removed_points(root, load):
    boxes = root / "bboxes/train/201"
    boxes.rename(root / "away")
    assert not load(root, crops=None)[1].valid.any()  # a picture in which no face is detected
    (root / "away").rename(boxes)
    assert load(root, crops=None)[1].valid.sum() == 4
    boxes.rename(root / "away")
    assert not load(root, crops=None)[1].valid.any()


def test_crops_in_the_cache_outlive_their_video(root, load):
    load(root, crops=None)
    (root / "videos/train/105.avi").unlink()
    assert load(root, crops=None)[0].valid.sum() == 4


def test_another_spelling_of_the_root_uses_the_same_crops(root, load, monkeypatch):
    before = Path(load(root, crops=None)[0].paths[0]).stat().st_mtime_ns
    monkeypatch.chdir(root.parent)
    assert Path(load(root.name, crops=None)[0].paths[0]).stat().st_mtime_ns == before


@pytest.mark.parametrize("split", ["Train_Set", "training", "TRAIN"])
def test_other_names_of_a_split_are_accepted(root, load, split):
    assert [clip.key for clip in load(root, split)] == ["105", "201"]


def test_without_points_faces_are_detected(root, load, tmp_path, face_video, count):
    (root / "videos/train/201.mp4").unlink()
    shutil.copy(face_video, root / "videos/train/201.mp4")
    for path in (root / "bboxes/train/201").iterdir():
        path.unlink()
    write_labels(root, "201", [0.5] * 24, [0.5] * 24)
    clips = load(root)
    assert clips[1].landmarks is not None and clips[1].valid.sum() > 15
    assert count(clips, "faces are detected") == 1
    assert json.loads((tmp_path / "crops/201.json").read_text())["settings"]["size"] == SIZE
    assert len(load(root)) == 2


def test_extracted_faces_take_precedence_over_points(root, load, tmp_path):
    faces.extract(root / "videos/train/105.avi", tmp_path / "crops", size=64)
    clips = load(root)
    assert not clips[0].valid.any()  # a picture without a face
    assert clips[1].valid.sum() == 4


@pytest.mark.parametrize(
    "change, line, received",
    [
        (lambda text: text.replace("n_points: 4", "n_points: 3"), 2, "n_points: 3"),
        (lambda text: text.replace("95.5 95.5", "95.5 nan"), 6, "95.5 nan"),
        (lambda text: text.replace("95.5 95.5", "95.5 abc"), 6, "95.5 abc"),
        (lambda text: text.replace("95.5 95.5", "95.5 95.5 1"), 6, "95.5 95.5 1"),
        (lambda text: text[: text.rindex("95.5")], 7, "''"),
        (lambda text: text.replace("}", ""), 8, "''"),
        (lambda text: text.replace("}", "1 1\n}"), 8, "1 1"),
        (lambda text: text + "1 1\n", 9, "1 1"),
        (lambda text: "", 1, "''"),
        (lambda text: text.replace("{", "{ caf\xe9"), 3, "0xe9"),
    ],
)
def test_malformed_pts_are_refused_with_file_and_line(root, load, change, line, received):
    path = root / "bboxes/train/201/4.pts"
    points = np.array([(0, 0), (0, 95.5), (95.5, 95.5), (95.5, 0)]) - 1
    write_pts(path, points)
    path.write_bytes(change(path.read_text()).encode("latin-1"))
    with pytest.raises(ValueError) as error:
        load(root)
    assert received in str(error.value) and "201/4.pts" in str(error.value)
    assert f"line {line} " in str(error.value)


def test_pts_with_windows_line_ends_are_read(root, load):
    path = root / "bboxes/train/201/1.pts"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert load(root)[1].valid[0]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"0.1\n0.2\n1.5\n", r"in \[-1, 1\]. Received: 1.5 in line 3 of .*105.txt"),
        (b"0.1\nnan\n", "Received: nan in line 2 of .*105.txt"),
        (b"0.1\nx\n0.2\n", "Received: 'x' in line 2 of .*105.txt"),
        (b"0.1,0.2\n", "1 numbers.*'0.1,0.2' in line 1 of .*105.txt"),
        (b"0.1\n\n0.2\n", "Received: '' in line 2 of .*105.txt"),
        (b"0.1\n0.2 \xe9\n", "line 2 has the byte 0xe9"),
    ],
)
def test_malformed_labels_are_refused_with_file_and_line(root, load, content, message):
    (root / "annotations/train/arousal/105.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load(root)


def test_labels_with_windows_line_ends_are_read(root, load):
    path = root / "annotations/train/valence/105.txt"
    path.write_bytes(b"\xef\xbb\xbf0.5\r\n-0.5\r\n")
    assert load(root)[0].valence_arousal[:, 0].tolist() == [0.5, -0.5]


def test_invalid_arguments_are_refused(root, load, tmp_path):
    with pytest.raises(ValueError, match="one of .'train', 'test'.*split='tset'"):
        load(root, "tset")
    with pytest.raises(ValueError, match="`size` must be an integer from 16"):
        load(root, size=4)
    for folder in (tmp_path / "nowhere", root / "bboxes", root / "videos/train/105.avi"):
        with pytest.raises(FileNotFoundError, match=r"is read from .*annotations/train.*Received"):
            load(folder)
