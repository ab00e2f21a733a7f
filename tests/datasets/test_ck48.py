import cv2
import h5py
import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, datasets

LABELS = (5, 0, 6, 3)  # of four sequences: surprise, anger, contempt, happiness


def pictures(count=12):
    return np.random.default_rng(0).integers(0, 256, (count, 48, 48), np.uint8)


def write(path, pixels=None, labels=None):
    with h5py.File(path, "w") as file:
        if pixels is not False:
            file["data_pixel"] = pictures() if pixels is None else pixels
        file["data_label"] = np.repeat(LABELS, 3) if labels is None else labels
    return path


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "ck48.h5").parent


def test_every_sequence_is_a_clip(root):
    (root / "._ck48.h5").touch()  # as macOS leaves behind
    for path in (root, root / "ck48.h5", root / "ck48.h5"):
        clips = datasets.load("ck48", path)
        assert [clip.key for clip in clips] == ["sequence001", "sequence002", "sequence004"]
        names = [[EXPRESSIONS[i] for i in clip.expression] for clip in clips]
        assert names == [["surprise"] * 3, ["anger"] * 3, ["happiness"] * 3]
        images = [cv2.imread(path, cv2.IMREAD_UNCHANGED) for clip in clips for path in clip.paths]
        assert np.array_equal(images, pictures()[[0, 1, 2, 3, 4, 5, 9, 10, 11]])
    assert clips.report.notes == {"sequences of contempt, left out": (1, ("sequence003",))}


def test_contempt_can_be_read_as_another_expression(root):
    clips = datasets.load("ck48", root, contempt="disgust")
    assert len(clips) == 4 and clips.report.classes["disgust"] == 3
    assert clips.report.notes == {"sequences of contempt, read as disgust": (1, ("sequence003",))}


def test_unpack_to_names_the_folder(root, cache):
    clips = datasets.load("ck48", root, unpack_to=root / "images")
    assert clips[0].paths[0] == str(root / "images" / "00000.png") and not list(cache.iterdir())


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (pictures(11), None, r"\(11, 48, 48\) and labels \(12,\)"),
        (pictures(11), np.zeros(11, int), "three times the same"),
        (pictures().astype(np.float32), None, "float32"),
        (pictures()[:, :40], None, "48 x 48"),
        (pictures().reshape(12, -1), None, "48 x 48"),
        (None, np.arange(12) % 7, "three times the same"),
        (None, np.full(12, 7), "from 0 to 6"),
        (None, np.full(12, -1), "from 0 to 6"),
        (None, np.full(12, 0.5), "from 0 to 6"),
        (None, np.full(12, np.nan), "from 0 to 6"),
        (None, np.array([b"joy"] * 12), "from 0 to 6"),
        (False, None, "data_pixel"),
    ],
)
def test_files_with_other_contents_are_refused(tmp_path, cache, pixels, labels, message):
    path = write(tmp_path / "bad.h5", pixels, labels)
    with pytest.raises(ValueError, match=rf"{message}.*Copy it again|Received: .*{message}"):
        datasets.load("ck48", path)
    assert not list(cache.iterdir())


def test_a_group_instead_of_the_images_is_refused(tmp_path):
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.create_group("data_pixel")
        file["data_label"] = [0, 0, 0]
    with pytest.raises(ValueError, match=r"bad\.h5.*Copy it again"):
        datasets.load("ck48", tmp_path)


def test_damaged_files_are_refused(root, cache):
    content = (root / "ck48.h5").read_bytes()
    (root / "ck48.h5").unlink()
    path = root / "bad.h5"
    for bad in (content[:100], content[: len(content) // 2], content[:-1], b"text", b"\0" * 4096):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"Received: .*bad\.h5.*Copy it again"):
            datasets.load("ck48", root)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="0 bytes"):
        datasets.load("ck48", root)
    assert not list(cache.iterdir())


def test_folders_without_exactly_one_file_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="which has 0 files ending in .h5"):
        datasets.load("ck48", tmp_path)
    for name in ("a.h5", "b.h5"):
        write(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="which has 2 files ending in .h5"):
        datasets.load("ck48", tmp_path)


def test_unknown_arguments_are_refused(root):
    with pytest.raises(ValueError, match="`split` must be one of"):
        datasets.load("ck48", root, "train")
    with pytest.raises(ValueError, match="`contempt` must be one of"):
        datasets.load("ck48", root, contempt="scorn")


def test_the_real_file(shared):
    clips = datasets.load("ck48", shared("ck48.h5"))
    assert list(clips.report.classes.values()) == [0, 135, 177, 75, 207, 84, 249]
    assert len(clips) == 309 and [count for count, _ in clips.report.notes.values()] == [18]
