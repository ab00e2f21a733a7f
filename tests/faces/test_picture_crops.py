import cv2
import numpy as np
import pytest
import skimage.data

from kollias_affect import faces
from kollias_affect.clip import Clip
from kollias_affect.faces import paper_d_crops
from kollias_affect.faces import picture_crops as crops


@pytest.fixture
def clips(tmp_path):
    """A photograph with a face, one without, and a frame without an image."""
    photograph = skimage.data.astronaut()
    paths = [tmp_path / "face.png", tmp_path / "none.png"]
    cv2.imwrite(str(paths[0]), photograph[..., ::-1])
    cv2.imwrite(str(paths[1]), photograph[:96, 300:480, ::-1])
    return [
        Clip("train/a", [paths[0], paths[1], ""], expression=[4, 3, 2]),
        Clip("train/b", [paths[1]], expression=[1]),
    ]


def test_faces_are_cropped_and_the_rest_is_counted(clips, tmp_path):
    cut = paper_d_crops(clips, tmp_path / "out", size=64, progress=False)
    assert [clip.key for clip in cut] == ["train/a", "train/b"]
    assert cut[0].valid.tolist() == [True, False, False] and cut[1].valid.tolist() == [False]
    assert cut[0].expression.tolist() == [4, 3, 2] and cut[0].paths[1:] == ["", ""]
    report = cut.report
    assert (report.frames, report.faces, report.without) == (4, 1, 3)
    crop = cv2.imread(cut[0].paths[0], cv2.IMREAD_UNCHANGED)
    assert crop.shape == (64, 64) and crop.min() == 0 and crop.max() == 255
    image = skimage.data.astronaut()
    box = max(faces.detect(image, "haar"), key=lambda box: box.area)
    assert np.array_equal(crop, faces.eye_crop(image, faces.find_landmarks(image, box), 64))


def test_what_fits_badly_is_no_face(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "fit", lambda image, box: 0.29)
    report = paper_d_crops(clips[:1], tmp_path / "out", size=64, progress=False).report
    assert (report.faces, report.refused) == (0, 1)


def test_an_interrupted_call_resumes(clips, tmp_path, monkeypatch):
    looked_at = []
    original = crops._face

    def face(*arguments):
        looked_at.append(1)
        return original(*arguments)

    monkeypatch.setattr(crops, "_face", face)
    out = tmp_path / "out"
    first = paper_d_crops(clips, out, size=64, progress=False)
    journal = out / crops.JOURNAL
    complete = journal.read_bytes()
    lines = complete.splitlines(keepends=True)
    # It was killed while it wrote the line of the second image.
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:9])
    again = paper_d_crops(clips, out, size=64, progress=False)
    assert len(looked_at) == 3 + 2
    assert [clip.paths for clip in again] == [clip.paths for clip in first]
    assert again.report == first.report and journal.read_bytes() == complete


def test_other_settings_are_refused(clips, tmp_path):
    paper_d_crops(clips[1:], tmp_path / "out", size=64, progress=False)
    with pytest.raises(ValueError, match=r"crops with one setting.*differs in size \(64, now 32\)"):
        paper_d_crops(clips[1:], tmp_path / "out", size=32, progress=False)


def test_a_file_that_is_no_picture_is_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"text\.png, which cannot be decoded"):
        paper_d_crops([Clip("a", [tmp_path / "text.png"])], tmp_path / "out", progress=False)
