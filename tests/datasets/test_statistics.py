import database_trees
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from shared_values import SHARED

from kollias_affect import cli, datasets
from kollias_affect.clip import Clip
from kollias_affect.datasets import statistics

REAL = SHARED / "data" / "video"


@pytest.fixture
def affwild(tmp_path, write_video, monkeypatch):
    """Aff-Wild with videos of three sizes and lengths, labels of the training part, persons."""
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    root = database_trees.affwild(tmp_path / "affwild")
    videos = {"train/train0.avi": (64, 48, 50), "train/train1.mp4": (80, 48, 25)}
    for name, (width, height, frames) in {**videos, "test/a.mp4": (64, 64, 75)}.items():
        path = root / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        box = root / "bboxes" / path.parent.name / path.stem / "1.pts"  # nothing is detected
        box.parent.mkdir(parents=True)
        box.write_text("version: 1\nn_points: 4\n{\n9 9\n9 40\n40 40\n40 9\n}\n")
        write_video([np.zeros((height, width, 3), np.uint8)] * frames, path)
    people = tmp_path / "subjects.csv"
    rows = ("train0,anna,f", "train1,anna,f", "train2,ben,m", "a,carl,m")
    people.write_text("\n".join(("video,subject,gender", *rows)) + "\n")
    return root, people


def test_every_part_of_aff_wild_is_described_from_its_videos(affwild):
    root, people = affwild
    found = statistics.describe_database("affwild", root, subjects=people)
    assert list(found) == ["train", "test", "all"]
    everything = found["all"]
    assert [found[part]["videos"] for part in found] == [3, 1, 4]  # one training video is missing
    assert everything["minutes"] == pytest.approx((1 / 60, 3 / 60), rel=0.05)
    assert everything["minutes_total"] == pytest.approx(6 / 60, rel=0.05)
    assert everything["formats"] == {"AVI": 1, "MP4": 2}
    assert everything["resolution_of"] == "videos" and everything["unreadable"] == 0
    sizes = np.array([(64, 48), (80, 48), (64, 64)])
    assert everything["resolution_mean"] == pytest.approx(tuple(sizes.mean(axis=0)))
    assert everything["resolution_sd"] == pytest.approx(tuple(sizes.std(axis=0)))
    assert everything["resolution_median"] == (64, 48)
    assert everything["annotators"] == "6-8" and everything["persons_known"]
    genders = {part: values["genders"] for part, values in found.items()}
    assert genders == {
        "train": {"female": 1, "male": 1},
        "test": {"male": 1},
        "all": {"female": 1, "male": 2},
    }


def test_the_keys_of_the_published_tables_are_those_of_the_statistics(affwild):
    found = statistics.describe_database("affwild", affwild[0])
    published = statistics.PUBLISHED["affwild"]
    assert published.keys() == found.keys()
    for part, values in published.items():
        assert values.keys() <= found[part].keys()
    men, women = (
        sum(published[part]["genders"][gender] for part in ("train", "test"))
        for gender in ("male", "female")
    )
    assert {"male": men, "female": women} == published["all"]["genders"]
    assert men + women == published["all"]["subjects"]


def test_faces_and_quadrants_are_shares_of_frames():
    labels = [[0.5, 0.5], [0, 0], [-0.5, 0.5], [0.5, -0.5], [np.nan, np.nan], [-5, -5]]
    valid = [True] * 4 + [False] * 2
    clips = [
        Clip("a", ["x.jpg", "", "x.jpg", "", "x.jpg", ""], valence_arousal=labels, valid=valid),
        Clip("b", ["x.jpg"] * 2, expression=[0, 0]),
    ]
    found = statistics.describe(clips)
    assert found["frames"] == 8 and found["with_face"] == 5 / 8
    assert found["quadrants"] == {"+v+a": 0.5, "-v+a": 0.25, "+v-a": 0.25, "-v-a": 0.0}
    assert statistics.describe(clips[1:])["quadrants"] is None


def test_images_are_described_where_there_are_no_videos(tmp_path):
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for path, size in zip(paths[:2], ((40, 30), (20, 30)), strict=True):
        Image.new("RGB", size).save(path)
    paths[2].write_text("no image")
    clips = [Clip(path.stem, ["", str(path)], gender="female") for path in paths]
    found = statistics.describe(clips)
    assert found["resolution_of"] == "images" and found["minutes"] is None
    assert found["resolution_mean"] == (30, 30) and found["resolution_sd"] == (10, 0)
    assert found["unreadable"] == 1 and found["formats"] == {"PNG": 2}
    assert found["genders"] == {"female": 3} and not found["persons_known"]


def test_nothing_is_invented_for_what_is_unknown():
    found = statistics.describe([Clip("a", [""])])
    unknown = ("minutes", "minutes_total", "resolution_of", "resolution_mean", "annotators")
    assert all(found[name] is None for name in unknown)
    rows = statistics.table({"all": found})["all"]
    assert rows["length (min)"] == rows["mean resolution"] == rows["annotators"] == "unknown"
    assert rows["persons"] == "unknown, 1 subjects" and rows["frames in +v+a"] == "unknown"


@pytest.mark.parametrize(
    ("name", "tree", "parts"),
    [
        ("afew", database_trees.afew, ["train", "validation", "all"]),
        ("recola", database_trees.recola_gold, ["train", "dev", "all"]),
        ("fer2013", database_trees.fer2013, ["Training", "PublicTest", "PrivateTest", "all"]),
    ],
)
def test_the_parts_of_other_databases_are_described(tmp_path, monkeypatch, name, tree, parts):
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))
    found = statistics.describe_database(name, tree(tmp_path / name))
    assert list(found) == parts
    sums = [sum(found[part][key] for part in parts[:-1]) for key in ("clips", "videos", "frames")]
    assert sums == [found["all"][key] for key in ("clips", "videos", "frames")]


def test_one_part_is_described_alone(tmp_path):
    root = database_trees.recola_gold(tmp_path)
    assert list(statistics.describe_database("recola", root, "dev")) == ["dev"]


def test_the_command_prints_them(affwild):
    root, people = affwild
    arguments = ["data", "affwild", str(root), "--option", f"subjects={people}", "--statistics"]
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    line = next(line for line in result.output.splitlines() if line.startswith("persons"))
    parts = ["2 (1 female, 1 male)", "1 (1 male)", "3 (1 female, 2 male)"]
    assert " ".join(line.split()) == " ".join(["persons", *parts])


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_headers_of_real_videos_are_read():
    sources = {path.name: path for path in sorted(REAL.iterdir())}
    found = statistics.describe([], sources=sources)
    assert found["formats"] == {"MOV": 2, "MP4": 3} and found["unreadable"] == 0
    assert found["resolution_mean"] == pytest.approx(((2 * 640 + 3 * 960) / 5, (720 + 1620) / 5))
    assert found["minutes"] == pytest.approx((2.4 / 60, 19.69 / 60), abs=0.001)


def test_statistics_are_a_module_of_datasets():
    assert datasets.statistics is statistics
