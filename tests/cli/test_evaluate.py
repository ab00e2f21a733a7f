"""The command `kollias-affect evaluate`; its numbers are tested in tests/evaluation."""

import json

import database_trees
import keras
import numpy as np
import pandas as pd
import pytest

from kollias_affect.clip import Clip
from kollias_affect.datasets import frames_csv


@pytest.fixture
def listed(make_clip, tmp_path):
    """A list of four utterances of two videos."""
    clips = [
        make_clip(f"v{i}/utterance_{j}", 9, 25 * i + 9 * j, size=16) for i in (1, 2) for j in (1, 2)
    ]
    frames_csv.write(clips, tmp_path / "frames.csv")
    return tmp_path / "frames.csv"


@pytest.fixture
def fer_faces(tmp_path):
    """FER-2013 without PrivateTest, of grey images."""
    root = database_trees.fer2013(tmp_path / "fer", private=0)
    for i, path in enumerate(sorted(root.rglob("*.jpg"))):
        keras.utils.save_img(path, np.full((48, 48, 3), 9 * i), scale=False)
    return root


@pytest.fixture(scope="module")
def linear(save_linear):
    """File of a linear model of the mean colour of single frames."""
    return save_linear("tanh")


def test_tables_and_pictures_are_written_to_a_folder(ok, linear, listed, tmp_path):
    printed = ok("evaluate", linear, listed, "--out", tmp_path / "out", "--per-video")
    assert "RMSE" in printed and "CCC arousal" in printed
    names = {path.name for path in (tmp_path / "out").iterdir()}
    expected = {"histogram.png", "intervals.csv", "per_video.md", "predictions.csv", "scores.csv"}
    assert expected <= names
    assert {"traces-2-v1_utterance_2.png", "trajectory-2-v1_utterance_2.png"} <= names
    table = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert list(table.columns) == ["clip", "frame", "valence", "arousal"] and len(table) == 36


def test_post_processing_is_searched_and_applied(ok, refused, linear, listed, tmp_path):
    file = tmp_path / "steps.json"
    assert "improves the validation CCC" in ok("evaluate", linear, listed, "--search", file)
    assert json.loads(file.read_text())["names"] == ["valence", "arousal"]
    ok("evaluate", linear, listed, "--postprocessing", file)
    both = ["--search", file, "--postprocessing", file]
    assert "Give one of them" in refused("evaluate", linear, listed, *both)


def test_utterances_are_scored(ok, refused, linear, listed):
    printed = ok("evaluate", linear, listed, "--by", "utterance")
    assert "utterances" in printed and "left out" in printed
    assert "must be one of" in refused("evaluate", linear, listed, "--by", "minute")
    # Before anything is loaded.
    assert "must be one of" in refused("evaluate", "none.keras", "none.csv", "--by", "minute")


def test_single_values_of_videos_have_no_correlation(ok, linear, listed):
    printed = ok("evaluate", linear, listed, "--by", "video", "--per-video")
    rows = [line for line in printed.splitlines() if line.startswith("v")]
    assert [row.split()[:4] for row in rows if row[1].isdigit()] == [
        ["v1", "NaN", "NaN", "NaN"], ["v2", "NaN", "NaN", "NaN"]
    ]  # fmt: skip
    assert "NaN: 2 videos with one value" in printed


def test_excel_safe_tables_quote_the_names_of_clips(ok, linear, make_clip, tmp_path):
    frames_csv.write([make_clip("=1+1", 9, size=16)], tmp_path / "frames.csv")
    out = tmp_path / "out"
    ok("evaluate", linear, tmp_path / "frames.csv", "--out", out, "--excel-safe")
    table = pd.read_csv(out / "predictions.csv", encoding="utf-8-sig")
    assert set(table["clip"]) == {"'=1+1"}
    # Numbers stay numbers, negative ones too.
    assert table["valence"].dtype == float
    assert (out / "per_video.csv").read_text(encoding="utf-8-sig").splitlines()[1].startswith("'=")


def test_two_models_are_compared(ok, linear, listed):
    printed = ok("evaluate", linear, listed, "--against", linear)
    assert "p-value" in printed and "1.0000" in printed


def test_damaged_images_and_models_are_refused(refused, linear, listed, tmp_path):
    image = tmp_path / pd.read_csv(listed)["image"][3]
    image.write_bytes(b"no image")
    message = refused("evaluate", linear, listed)
    assert "image" in message and image.name in message
    (tmp_path / "text.keras").write_text("no model")
    assert "not a .keras archive" in refused("evaluate", tmp_path / "text.keras", listed)


def test_the_official_test_part_is_scored_and_named(ok, linear, tmp_path):
    for part, count in (("train", 3), ("validation", 2), ("test", 2)):
        clips = []
        for i in range(count):
            file = tmp_path / f"{part}{i}.png"
            keras.utils.save_img(file, np.full((16, 16, 3), 40 * i + 9), scale=False)
            labels = [[0.1 * i, 0.2 * i]]
            clips.append(Clip(f"{part}{i}", [str(file)], valence_arousal=labels))
        frames_csv.write(clips, tmp_path / f"{part}.csv")
    assert "Scored: frames_csv, part test: 2 clips" in ok("evaluate", linear, tmp_path)
    (tmp_path / "test.csv").unlink()
    assert "part validation, the test part is absent" in ok("evaluate", linear, tmp_path)
    mixed = ok("evaluate", linear, tmp_path, "--split", "all", "--significance", "--levels")
    assert "p-value" in mixed and "sequence " in mixed
    assert "all parts mixed on request: 5 clips" in mixed


def test_post_processing_is_not_chosen_on_the_test_part(ok, refused, linear, tmp_path):
    for part in ("train", "validation", "test"):
        file = tmp_path / f"{part}.png"
        keras.utils.save_img(file, np.full((16, 16, 3), 90), scale=False)
        clip = Clip(part, [str(file)] * 3, valence_arousal=[[0.1, 0.2], [0.3, 0.1], [0.2, 0.4]])
        frames_csv.write([clip], tmp_path / f"{part}.csv")
    search = ["--search", tmp_path / "steps.json"]
    assert "Scored: frames_csv, part validation: 1 clip, 3 frames" in ok(
        "evaluate", linear, tmp_path, *search
    )
    (tmp_path / "validation.csv").unlink()
    assert "must not be the test part" in refused("evaluate", linear, tmp_path, *search)
    assert "part train: 1 clip, 3 frames" in ok(
        "evaluate", linear, tmp_path, *search, "--split", "train"
    )


def test_a_model_that_has_seen_what_is_scored_is_named(ok, fer_faces):
    printed = ok("evaluate", "expression_vgg_fer2013", fer_faces, "--dataset", "fer2013")
    assert "official part PublicTest" in printed
    assert "fer2013/PublicTest, on which expression_vgg_fer2013 was trained" in printed


def test_groups_of_people_are_scored_with_intervals_and_warnings(
    ok, refused, linear, listed, tmp_path
):
    file, out = tmp_path / "groups.csv", tmp_path / "out"
    file.write_text(
        "video,subject,gender\nv1,anna,f\nv2/utterance_1,ben,m\nv2/utterance_2,carl,m\n"
    )
    printed = ok("evaluate", linear, listed, "--groups", file, "--out", out)
    assert "Groups, valence_arousal (95 % intervals over persons)" in printed
    assert "gender f (1), gender m (2)" in printed and "CCC of 3: lowest" in printed
    table = pd.read_csv(out / "groups.csv").set_index(["column", "group", "output"])
    assert table.loc[("gender", "m", "mean"), ["persons", "frames"]].tolist() == [2, 18]
    file.write_text("video,subject,gender\nv1,anna,f\n")
    assert "2 of 4" in ok("evaluate", linear, listed, "--groups", file)
    assert "by=video" in refused("evaluate", linear, listed, "--groups", file, "--by", "video")
