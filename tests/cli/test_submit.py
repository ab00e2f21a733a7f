"""The command `submit`."""

import csv

import numpy as np
import pytest
from skimage import io

from kollias_affect import evaluation, models
from kollias_affect.clip import Clip
from kollias_affect.datasets import affwild2, omg
from kollias_affect.evaluation import postprocess

TABLE = "omg_TestVideos_WithoutLabels.csv"
KEYS = ["b/utterance_3", "a/utterance_10", "a/utterance_2", "c/utterance_1"]


@pytest.fixture(scope="module")
def linear(save_linear):
    """File of a linear model of the mean colour of single frames."""
    return save_linear("sigmoid")


def faces(folder, numbers):
    """Writes pictures of one colour each, and returns the paths by number."""
    folder.mkdir(parents=True)
    for number in numbers:
        picture = np.full((16, 16, 3), (40 * number % 256, 20, 200), np.uint8)
        io.imsave(folder / f"{number:05d}.png", picture, check_contrast=False)
    return {number: str(folder / f"{number:05d}.png") for number in numbers}


@pytest.fixture
def omg_root(tmp_path, monkeypatch):
    """The official table of a test set without labels; crops of two of its four utterances."""
    root = tmp_path / "omg"
    root.mkdir()
    rows = [f"https://youtube/watch?v={k[0]},1,2,{k.replace('/', ',')}.mp4" for k in KEYS]
    (root / TABLE).write_text("\n".join(["link,start,end,video,utterance", *rows]) + "\n")
    clips = {
        "b/utterance_3": [Clip("b/utterance_3", ["", ""])],  # no face
        "a/utterance_10": [Clip("a/utterance_10", faces(tmp_path / "1", (1, 2, 3)).values())],
        "a/utterance_2": [Clip("a/utterance_2", [*faces(tmp_path / "2", (5, 6)).values(), ""])],
    }
    # The video of the last utterance is missing.
    monkeypatch.setattr(omg.database_crops, "of_videos", lambda *args, **options: clips)
    return root


def rows_of(path):
    with open(path, newline="") as file:
        return {
            f"{row['video']}/{row['utterance'][:-4]}": [
                float(row["valence"]),
                float(row["arousal"]),
            ]
            for row in csv.DictReader(file)
        }


def test_omg_has_all_utterances_in_the_order_of_the_official_table(ok, linear, omg_root, tmp_path):
    output = ok("submit", linear, omg_root, "--dataset", "omg", "--out", tmp_path / "omg.csv")
    assert "4 utterances, 2 without a face: these have the mean of the others." in output
    rows = rows_of(tmp_path / "omg.csv")
    assert list(rows) == KEYS
    clips = omg.load(omg_root, "test")
    table = evaluation.aggregate(
        evaluation.predict(models.load(linear)[0], clips), clips, by="utterance"
    )[["valence", "arousal"]]
    for key in KEYS[1:3]:
        np.testing.assert_allclose(rows[key], table.loc[key], atol=1e-6)
    np.testing.assert_allclose(rows[KEYS[0]], table.mean(), atol=1e-6)
    assert rows[KEYS[3]] == rows[KEYS[0]]


def test_saved_post_processing_is_applied(ok, refused, linear, omg_root, tmp_path):
    steps = postprocess.no_steps(by="utterance", statistic="mean")
    steps.save(tmp_path / "steps.json")
    command = ["submit", linear, omg_root, "--dataset", "omg"]
    ok(*command, "--out", tmp_path / "a.csv", "--postprocessing", tmp_path / "steps.json")
    ok(*command, "--out", tmp_path / "b.csv", "--statistic", "mean")
    ok(*command, "--out", tmp_path / "c.csv")
    assert rows_of(tmp_path / "a.csv") == rows_of(tmp_path / "b.csv")
    assert rows_of(tmp_path / "a.csv") != rows_of(tmp_path / "c.csv")
    command[-1] = "affwild2"
    options = ["--postprocessing", tmp_path / "steps.json", "--out", tmp_path / "d"]
    assert "belongs to the challenge omg" in refused(*command, *options)


@pytest.mark.parametrize("missing", ["mark", "interpolate"])
def test_affwild2_has_a_file_for_each_person_without_annotations(ok, linear, tmp_path, missing):
    root = tmp_path / "root"
    faces(root / "cropped_aligned" / "video59_left", (2, 4))
    faces(root / "cropped_aligned" / "105", (1,))  # of the training set
    labels = root / "ABAW Annotations" / "VA_Set" / "Train_Set" / "105.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("valence,arousal\n0,0\n")
    out = tmp_path / "out"
    output = ok("submit", linear, root, "--dataset", "affwild2", "--out", out, "--missing", missing)
    assert f"4 frames, 2 without a face: these are {missing.removesuffix('e')}ed." in output
    assert [file.name for file in out.iterdir()] == ["video59_left.txt"]
    (clip,) = affwild2.load(root, "test")
    expected = evaluation.predict(models.load(linear)[0], [clip])["video59_left"]
    if missing == "interpolate":
        expected[0], expected[2] = expected[1], (expected[1] + expected[3]) / 2
    written = affwild2.read_person(out / "video59_left.txt")["valence_arousal"]
    np.testing.assert_allclose(written, expected, atol=1e-6)


def test_what_cannot_be_submitted_is_refused_before_anything_runs(refused, linear, tmp_path):
    nowhere = tmp_path / "nowhere"
    command = ["submit", linear, tmp_path, "--out", tmp_path / "x", "--dataset"]
    assert "`--dataset` must be one of" in refused(*command, "fer2013")
    assert "--missing belongs to" in refused(*command, "omg", "--missing", "mark")
    assert "--statistic belongs to" in refused(*command, "affwild2", "--statistic", "mean")
    (tmp_path / "x").write_text("notes")
    assert "must be a new file (omg) or a new folder" in refused(*command, "omg")
    (tmp_path / "x").unlink()
    command[1:3] = [linear, nowhere]
    assert "which does not exist" in refused(*command, "omg")
