"""FER+: the votes of ten people as shares of expressions."""

import csv

import numpy as np
import pytest
from shared_values import SHARED

from kollias_affect import EXPRESSIONS, datasets, tasks
from kollias_affect.datasets import ferplus

HEADER = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
# Of three images: contempt and unknown do not count; half see no face; nobody has voted for seven.
VOTES = ("4,0,0,1,3,0,0,2,0,0", "3,0,0,1,1,0,0,0,0,5", "0,0,0,0,0,0,0,6,4,0")


@pytest.fixture(params=["csv", "folders"])
def root(request, tmp_path):
    """Three training images, the file of their votes, and whether they are named."""
    root, named = tmp_path / "fer", request.param == "folders"
    if named:
        for number in range(3):
            path = root / "train" / "happy" / f"Training_{9 - number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        rows = [f"fer/train/happy/Training_{9 - i}.jpg,{v}" for i, v in enumerate(VOTES)]
        text = "\n".join([f"file,{HEADER}", *rows, ""])
    else:
        root.mkdir()
        rows = [f"3,{' '.join(['7'] * 48 * 48)},Training"] * 3
        (root / "fer2013.csv").write_text("\n".join(["emotion,pixels,Usage", *rows, ""]))
        rows = [f"Training,fer{i}.png,{v}" for i, v in enumerate(VOTES)]
        text = "\n".join([f"Usage,Image name,{HEADER}", *rows, ""])
    (tmp_path / "votes.csv").write_text(text)
    return root, tmp_path / "votes.csv", named


def test_votes_become_shares_and_images_without_a_face_are_left_out(root, tmp_path):
    folder, votes, named = root
    clips = datasets.load("fer2013", folder, votes=votes, unpack_to=tmp_path / "unpacked")
    first, last = sorted(clips, key=lambda clip: clip.key, reverse=named)
    shares = dict(zip(EXPRESSIONS, tasks.shares(first, "expression")[0], strict=True))
    assert shares == pytest.approx(
        {"neutral": 4 / 8, "sadness": 1 / 8, "anger": 3 / 8}
        | dict.fromkeys(("disgust", "fear", "happiness", "surprise"), 0)
    )
    # Without a vote for one of the seven, the label of FER-2013 counts, which stays everywhere.
    assert last.expression_shares is None
    assert tasks.shares(last, "expression").argmax() == EXPRESSIONS.index("happiness")
    assert first.expression.tolist() == [EXPRESSIONS.index("happiness")]
    assert "without a face" in str(clips.report) and clips.report.frames == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",NF", "", "must have the columns"),
        ("4,0,0,1", "4,x,0,1", "whole numbers.*line 2"),
        ("4,0,0,1", "-4,0,0,1", "whole numbers.*line 2"),
        ("Training", "PublicTest", "must be of the images"),
    ],
)
def test_files_of_other_votes_are_refused(root, tmp_path, old, new, message):
    folder, votes, _ = root
    votes.write_text(votes.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        datasets.load("fer2013", folder, votes=votes, unpack_to=tmp_path / "unpacked")


def test_both_published_forms_hold_the_same_votes():
    folder = SHARED / "data" / "ferplus"
    if not folder.is_dir():
        pytest.skip(f"FER+ is not part of the repository: {folder} is absent")
    by_row, _ = ferplus._read(folder / "fer2013new.csv")
    by_file, _ = ferplus._read(folder / "ferplus_for_fer2013_tar.csv")
    with open(folder / "fer2013new.csv", newline="") as file:
        rows = enumerate(csv.DictReader(file))
        keys = {row["Image name"]: f"{row['Usage']}_{number:05d}" for number, row in rows}
    with open(folder / "ferplus_for_fer2013_tar.csv", newline="") as file:
        for row in list(csv.DictReader(file))[::50]:
            name = row["file"].rsplit("/", 1)[1].removesuffix(".jpg")
            if row["ferplus_names"] in keys:  # Others are names of several equal images.
                assert np.array_equal(by_file[name], by_row[keys[row["ferplus_names"]]])
