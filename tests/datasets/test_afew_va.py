import json

import cv2
import numpy as np
import pytest
from shared_values import corner_face

from kollias_affect import faces
from kollias_affect.datasets import afew_va

WIDTH, HEIGHT, SIZE = 160, 128, 96


def write_clip(folder, frames, actor="Name", images=None, name=None, **fields):
    """Writes images and the json file; `frames` is a dict from key to its entry."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, key in enumerate(sorted(frames) if images is None else images):
        cv2.imwrite(str(folder / f"{key}.png"), np.full((HEIGHT, WIDTH, 3), 40 + 10 * i, np.uint8))
    table = {"actor": actor, "frames": frames, "video_id": folder.name, **fields}
    path = folder / f"{name or folder.name}.json"
    path.write_text(json.dumps(table))
    return path


def entry(valence=1, arousal=-2.5, landmarks=None):
    return {
        "valence": valence,
        "arousal": arousal,
        "landmarks": corner_face().tolist() if landmarks is None else landmarks,
    }


def complete(root):
    return afew_va.load(root, frames="complete")


def two_clips(root, grouped):
    first = root / "01/001" if grouped else root / "001"
    second = root / "12/600" if grouped else root / "600"
    unsorted = {
        "00002": entry(10, -10),
        "00000": entry(-2.0, 3.0),
        "00001": entry(0, 0.0, landmarks=[]),
    }
    write_clip(first, unsorted, actor="A. Actor")
    write_clip(second, {"00000": entry(), "00001": entry()}, actor="B. Actor")
    return first, second


@pytest.fixture(params=[True, False], ids=["grouped", "flat"])
def root(request, tmp_path):
    """Both layouts: three unsorted frames, one without landmarks, and a second clip."""
    top = tmp_path / "AFEW-VA"
    two_clips(top, request.param)
    return top


@pytest.fixture
def flat(tmp_path):
    top = tmp_path / "flat"
    two_clips(top, grouped=False)
    return top


def test_both_layouts_give_the_same_clips(root):
    clips = afew_va.load(root)
    assert [(clip.key, clip.subject) for clip in clips] == [
        *(("001", "A. Actor"), ("600", "B. Actor"))
    ]
    report = clips.report
    assert (report.clips, report.subjects, report.frames, report.without_face) == (2, 2, 5, 1)
    assert report.ranges == {
        "valence": (pytest.approx(-0.2), 1),
        "arousal": (-1, pytest.approx(0.3)),
    }


def test_frames_are_sorted_by_number(root):
    clip = complete(root)[0]
    assert [path[-9:] for path in clip.paths] == ["00000.png", "", "00002.png"]


def test_integers_and_decimals_are_divided_by_10(root):
    clips = afew_va.load(root)
    assert clips[0].valence_arousal.tolist() == np.float32([[-0.2, 0.3], [0, 0], [1, -1]]).tolist()
    assert clips[1].valence_arousal[0].tolist() == np.float32([0.1, -0.25]).tolist()


@pytest.mark.parametrize("nothing", [[], None])
def test_a_frame_without_landmarks_has_no_path(flat, nothing, count):
    table = {"00000": entry(), "00001": {**entry(), "landmarks": nothing}}
    write_clip(flat / "600", table)
    clips = afew_va.load(flat)
    assert clips[1].valid.tolist() == [True, False] and clips[1].paths[1] == ""
    assert count(clips, "frames without landmarks") == 2


def test_a_missing_entry_counts_as_no_landmarks(flat):
    write_clip(flat / "600", {"00000": entry(), "00001": {"valence": 0, "arousal": 0}})
    assert afew_va.load(flat)[1].valid.tolist() == [True, False]


@pytest.mark.parametrize("place", [[0, 0], [10.0, 20.0], [10.1, 20.3]])
def test_frames_with_coinciding_landmarks_keep_the_image(flat, place, tmp_path, count):
    write_clip(flat / "600", {"00000": entry(), "00001": entry(landmarks=[place] * 68)})
    clips = complete(flat)
    assert clips[1].valid.tolist() == [True, True] and clips[1].paths[1].endswith("00001.png")
    assert np.isfinite(clips[1].landmarks[0]).all() and np.isnan(clips[1].landmarks[1]).all()
    assert count(clips, "landmarks coincide") == 1
    # They cannot be aligned.
    cropped = afew_va.load(flat, crops=tmp_path / "crops")
    assert cropped[1].valid.tolist() == [True, False]


def test_a_clip_without_any_landmarks_keeps_its_images(flat, count):
    frames = {f"{i:05d}": {"valence": i, "arousal": 0} for i in range(3)}
    write_clip(flat / "600", frames, images=["00000", "00001"])
    clips = complete(flat)
    assert clips[1].landmarks is None and clips[1].valid.tolist() == [True, True, False]
    assert count(clips, "clips without landmarks") == 1


def test_labels_without_images_are_kept(flat, tmp_path):
    for path in flat.rglob("*.png"):
        path.unlink()
    for options in ({}, {"crops": tmp_path / "crops"}, {"frames": "complete"}):
        clips = afew_va.load(flat, **options)
        assert [len(clip) for clip in clips] == [3, 2]
        assert not any(clip.valid.any() for clip in clips)
        assert clips[0].valence_arousal[2].tolist() == [1, -1]


def test_landmarks_are_relative_to_the_frame(flat):
    clip = complete(flat)[0]
    x, y = corner_face().tolist()[30]
    assert np.allclose(clip.landmarks[0, 30], [2 * x / (WIDTH - 1) - 1, 2 * y / (HEIGHT - 1) - 1])
    assert np.isnan(clip.landmarks[1]).all()


def test_the_first_readable_image_gives_the_size_of_the_frame(flat, count):
    (flat / "001/00000.png").write_bytes(b"")
    assert complete(flat)[0].landmarks is not None
    for path in (flat / "001").glob("*.png"):
        path.write_bytes(b"no image")
    clips = complete(flat)
    assert clips[0].landmarks is None and clips[1].landmarks is not None
    assert count(clips, "without an image that can be read") == 1


def test_folders_of_crops_are_skipped_and_counted(root, count):
    beside = next(root.rglob("001")).parent / "001_cropped"
    write_clip(beside, {"00000": entry()})
    write_clip(next(root.rglob("600")) / "600_cropped", {"00000": entry()})
    clips = afew_va.load(root)
    assert [clip.key for clip in clips] == ["001", "600"]
    assert count(clips, "folders of crops") == 2


def test_keys_and_images_that_do_not_match_are_counted(flat, count):
    (flat / "600/00001.png").rename(flat / "600/00002.png")
    (flat / "600/cover.png").touch()
    clips = afew_va.load(flat)
    assert clips[1].valid.tolist() == [True, False]
    assert count(clips, "frames without an image") == 1
    assert count(clips, "json file does not list") == 1
    assert count(clips, "not numbered images") == 1


def test_folders_without_a_json_file_are_counted(flat, count):
    (flat / "600/600.json").unlink()
    clips = afew_va.load(flat)
    assert len(clips) == 1 and count(clips, "without a json file") == 1


def test_a_clip_without_a_frame_is_counted(flat, count):
    (flat / "600/600.json").write_text('{"frames": {}}')
    clips = afew_va.load(flat)
    assert len(clips) == 1 and count(clips, "clips without a frame") == 1


def test_a_different_video_id_is_noted(flat, count):
    write_clip(flat / "600", {"00000": entry(), "00001": entry()}, video_id="599")
    assert count(afew_va.load(flat), "another name") == 1
    write_clip(flat / "600", {"00000": entry(), "00001": entry()}, video_id=600)
    assert not any("another name" in reason for reason in afew_va.load(flat).report.notes)


def test_a_clip_without_an_actor_is_a_subject_of_its_own(flat, count):
    write_clip(flat / "600", {"00000": entry(), "00001": entry()}, actor="")
    clips = afew_va.load(flat)
    assert clips[1].subject == "600" and count(clips, "without an actor") == 1


def test_doubled_folders_are_searched(tmp_path):
    two_clips(tmp_path / "AFEW-VA" / "AFEW-VA", grouped=True)
    assert len(afew_va.load(tmp_path / "AFEW-VA")) == 2


def test_circular_links_are_ignored(root):
    (root / "loop").symlink_to(root, target_is_directory=True)
    assert len(afew_va.load(root)) == 2


def test_a_clip_in_two_places_is_refused(root):
    write_clip(root / "02/001", {"00000": entry()})
    with pytest.raises(ValueError, match=r"Received twice: \['001'\]"):
        afew_va.load(root)


def test_two_json_files_are_refused(flat):
    (flat / "001/copy.json").write_text("{}")
    with pytest.raises(ValueError, match="one json file.*'001.json', 'copy.json'"):
        afew_va.load(flat)


def test_crops_are_aligned_by_the_landmarks(root, tmp_path):
    clips = afew_va.load(root, crops=tmp_path / "crops", size=SIZE)
    clip = clips[0]
    assert clip.paths[0].endswith("crops/001/00001.jpg") and clip.paths[1] == ""
    assert [round(cv2.imread(path).mean()) for path in filter(None, clip.paths)] == [40, 60]
    assert np.allclose(clip.landmarks[0], faces.normalize(corner_face().tolist(), SIZE), atol=1e-4)
    assert clip.subject == "A. Actor" and clip.times is None
    assert clip.valence_arousal[2].tolist() == [1, -1]


def test_faces_are_aligned_without_options(flat, cache, count):
    """Film frames squeezed to a square are no input of networks that saw aligned faces."""
    clip = afew_va.load(flat)[0]
    for path in filter(None, clip.paths):
        assert path.startswith(str(cache)) and cv2.imread(path).shape == (96, 96, 3)
    expected = faces.normalize(faces.align(np.zeros((128, 160, 3), np.uint8), corner_face())[1], 96)
    np.testing.assert_allclose(clip.landmarks[0], expected, atol=1e-4)
    assert not any("complete" in reason for reason in afew_va.load(flat).report.notes)


def test_complete_frames_are_given_on_request_and_noted(flat, tmp_path, count):
    clips = complete(flat)
    assert clips[0].paths[0] == str(flat / "001" / "00000.png")
    assert count(clips, "complete frames, whose faces are not aligned") == 2
    with pytest.raises(ValueError, match="Complete frames have no crops"):
        afew_va.load(flat, crops=tmp_path, frames="complete")
    with pytest.raises(ValueError, match="`frames` must be one of"):
        afew_va.load(flat, frames="whole")


def test_faces_in_the_cache_follow_their_sources(flat):
    def level(clip):
        return round(cv2.imread(clip.paths[0]).mean())

    assert level(afew_va.load(flat)[1]) == 40
    cv2.imwrite(str(flat / "600/00000.png"), np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    assert level(afew_va.load(flat)[1]) == 200
    assert cv2.imread(afew_va.load(flat, size=64)[0].paths[0]).shape == (64, 64, 3)
    before = afew_va.load(flat)[1].landmarks[0]
    other = entry(landmarks=corner_face()[::-1].tolist())
    write_clip(flat / "600", {"00000": other, "00001": entry()})
    assert not np.allclose(afew_va.load(flat)[1].landmarks[0], before)


def test_a_clip_without_any_landmarks_has_no_faces(flat, count):
    write_clip(flat / "600", {f"{i:05d}": {"valence": i, "arousal": 0} for i in range(2)})
    clips = afew_va.load(flat)
    assert not clips[1].valid.any() and count(clips, "clips without landmarks") == 1


def test_crops_are_made_once(flat, tmp_path):
    before = afew_va.load(flat, crops=tmp_path / "crops")
    for path in flat.rglob("*.png"):
        path.write_bytes(b"")
    after = afew_va.load(flat, crops=tmp_path / "crops")
    assert [clip.paths for clip in after] == [clip.paths for clip in before]
    assert after.report == before.report


def test_images_that_cannot_be_aligned_are_counted(flat, tmp_path, count):
    (flat / "600/00001.png").write_bytes(b"no image")
    for _ in range(2):
        clips = afew_va.load(flat, crops=tmp_path / "crops")
        assert clips[1].valid.tolist() == [True, False]
        assert count(clips, "cannot be read or aligned") == 1


def test_splits_are_refused(flat):
    with pytest.raises(ValueError, match=r"no official split.*'train'.*sampling.person_folds"):
        afew_va.load(flat, "train")


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"valence": 10.5}, r"in \[-10, 10\]. Received: \[10.5, -2.5\] of frame '00001' in .*001"),
        ({"arousal": -11}, r"\[1, -11\] of frame '00001'"),
        ({"arousal": "3"}, r"\[1, '3'\] of frame '00001'"),
        ({"arousal": True}, r"\[1, True\] of frame '00001'"),
        ({"arousal": float("nan")}, r"\[1, nan\] of frame '00001'"),
        ({"arousal": None}, r"\[1, None\] of frame '00001'"),
        ({"landmarks": [[1, 2]] * 67}, "has 68 landmarks .*frame '00001' in .*001.json"),
        ({"landmarks": [[1, 2]] * 67 + [[1]]}, "has 68 landmarks .*frame '00001'"),
        ({"landmarks": [[1, "x"]] * 68}, "has 68 landmarks .*frame '00001'"),
        ({"landmarks": [[1, float("inf")]] * 68}, "has 68 landmarks .*frame '00001'"),
    ],
)
def test_malformed_frames_name_file_and_frame(flat, bad, message):
    write_clip(flat / "001", {"00000": entry(), "00001": {**entry(), **bad}})
    with pytest.raises(ValueError, match=message):
        afew_va.load(flat)


@pytest.mark.parametrize(
    "content, message",
    [
        (b'{"actor": "A",\n "frames": {"00000"', r"must be complete. Received: .*001.json, line 2"),
        (b"", r"001.json, line 1"),
        (b"[]", "other content in .*001.json"),
        (b'{"frames": []}', "other content in .*001.json"),
        (b'{"frames": {"00000": 3}}', "3 of frame '00000' in .*001.json"),
        (b'{"frames": {"../00000": {}}}', r"numbers of its images.*frame '../00000' in .*001.json"),
        (
            b'{"frames": {"0": {"valence": 0, "arousal": 0}, "00": {"valence": 0, "arousal": 0}}}',
            "frames '0' and '00' in .*001.json",
        ),
        (b'{"frames": {"0": {}, "0": {}}}', "the key 0 twice in .*001.json"),
        ('{\n"actor": "é"}'.encode("latin-1"), "001.json, whose line 2 has the byte 0xe9"),
    ],
)
def test_malformed_json_names_file_and_line(flat, content, message):
    (flat / "001/001.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        afew_va.load(flat)


def test_json_files_written_on_windows_are_read(flat):
    path = flat / "001/001.json"
    content = json.dumps(json.loads(path.read_text()), indent=1).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + content.encode())
    assert len(afew_va.load(flat)[0]) == 3


def test_a_root_without_clips_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"read from a folder with 01/001.*Received"):
            afew_va.load(path)
    (tmp_path / "file.json").touch()
    with pytest.raises(FileNotFoundError, match="which is not a folder"):
        afew_va.load(tmp_path / "file.json")
