"""The command `kollias-affect finetune`."""

import dataclasses

import cv2
import numpy as np
import pytest

from kollias_affect import catalogue, models

NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SMALL = "--size 48 --width 0.02 --epochs 1 --batch-size 7"


@pytest.fixture
def fer(tmp_path):
    for i, name in enumerate(NAMES):
        for part, usage in (("train", "Training"), ("test", "PublicTest")):
            folder = tmp_path / "fer" / part / name
            folder.mkdir(parents=True)
            level = 20 + 30 * i + (part == "test")
            cv2.imwrite(str(folder / f"{usage}_{i}.jpg"), np.full((48, 48), level, np.uint8))
    return tmp_path / "fer"


@pytest.fixture
def own(tmp_path):
    """Images with a csv: two persons per expression."""
    folder = tmp_path / "own"
    (folder / "images").mkdir(parents=True)
    rows = ["image,emotion"]
    for i, name in enumerate(NAMES):
        for person in "ab":
            file = f"{name}{person}_1.png"
            cv2.imwrite(str(folder / "images" / file), np.full((20, 20), 9 * i, np.uint8))
            rows.append(f"{file},{name}")
    (folder / "legend.csv").write_text("\n".join(rows))
    return folder


def test_two_stages_and_their_report(ok, refused, fer, own, tmp_path):
    out = tmp_path / "run"
    command = [
        *("--stage", f"fer2013:{fer}:variant=FER28", "--stage", f"images_csv:{own}:name=own"),
        *(*SMALL.split(), "--out", out),
    ]
    output = ok("finetune", *command)
    lines = output.splitlines()
    assert lines[0] == "Start: alexnet, width 0.02, random"
    assert lines[1].startswith("Network: alexnet for expression, 48 x 48 pixels, ")
    plan = "7 pictures train and 7 validate; 1 epoch of 1 batch, learning rate 0.001"
    assert lines[2] == f"Stage 1, FER28: {plan}" and lines[3].startswith("Stage 2, own: ")
    assert "target accuracy" in output and f"Model: {out}/2-own/best.keras" in output
    card = models.read_card(out / "2-own" / "best.keras")
    assert (
        card["crop"] == models.CROPS["eyes_grey"] and card["start"] == "alexnet, width 0.02, random"
    )
    output = refused("finetune", *command, "--learning-rate", "0.1")
    assert "`--learning-rate` (0.001, now 0.1)" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "either stages, or one of the paper's paths"),
        (["--path", "3"], "with `--fer` and `--emotiw`"),
        (["--path", "4", "--fer", ".", "--emotiw", "."], "`--path` must be one of"),
        (["--path", "3", "--emotiw", "."], "fine-tuned on FER-2013"),
        (["--path", "3", "--emotiw", "nowhere"], "which does not exist"),
        (["--path", "x", "--fer", ".", "--emotiw", "."], "`--path` must be one of"),
        (["--stage", "fer2013:.", "--without-private-test"], "belongs to the paper's paths"),
        (["--stage", "fer2013"], "A stage must be DATASET:PATH"),
        (["--stage", "ck48:nowhere.h5"], "which does not exist"),
    ],
)
def test_bad_input_ends_with_one_message(refused, arguments, message, tmp_path):
    output = refused("finetune", *arguments, "--out", tmp_path / "run")
    assert message in output and output.count("Error:") == 1
    assert not (tmp_path / "run").exists()


@pytest.fixture
def sfew(tmp_path):
    """Full frames and aligned faces; two movies."""
    rng = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        for movie, part in (("A", "Train"), ("B", "Val")):
            for kind, side in (("", 64), ("_Aligned_Faces", 32)):
                folder = tmp_path / "sfew" / f"{part}{kind}" / name.capitalize()
                folder.mkdir(parents=True)
                picture = rng.integers(0, 255, (side, side, 3), np.uint8)
                cv2.imwrite(str(folder / f"{movie}_00010{i}240_0000000{i}.png"), picture)
    return tmp_path / "sfew"


@pytest.fixture
def cropped(monkeypatch, tmp_path):
    """Crops the middle of full frames, as if all had a face there."""

    def crop(clips, out_dir, size=256, **_):
        result = []
        for clip in clips:
            path = out_dir / f"{clip.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.imread(clip.paths[0])[16:48, 16:48])
            result.append(dataclasses.replace(clip, paths=[str(path)]))
        return type(clips)(result)

    monkeypatch.setattr("kollias_affect.experiments.sources.paper_d_crops", crop)


def test_the_direct_path_with_the_options_of_krizhevsky_et_al(ok, sfew, cropped, tmp_path):
    out = tmp_path / "run"
    command = [
        *("finetune", "--path", "direct-alexnet", "--emotiw", sfew, *SMALL.split()),
        *("--colour", "0.1", "--ten-crops", "--out", out),
    ]
    ok(*command)
    report = (out / "report.md").read_text()
    assert "0.378" in report and "mean output of ten crops" in report
    assert "- EmotiW: sfew (aligned=False), official parts: training = train (7 clips" in report
    assert "validation = validation (7 clips" in report
    names = {layer.name for layer in models.load(out / "1-EmotiW" / "best.keras")[0].layers}
    assert "random_colour" in names
    picture = cv2.imread(str(out / "figure-1.png"))
    assert picture.shape[1] > picture.shape[0] > 300  # three rows of five pictures


def test_fer32_without_privatetest(ok, refused, fer, sfew, tmp_path):
    command = ["finetune", "--path", "6", "--fer", fer, "--emotiw", sfew, "--no-crop"]
    command += [*SMALL.split(), "--out", tmp_path / "run"]
    output = refused(*command)
    assert "validation data of FER32 are PrivateTest" in output
    assert "--without-private-test" in output and not (tmp_path / "run").exists()
    output = ok(*command, "--without-private-test")
    assert "FER32-held-out" in output
    assert "validation = 11% of the persons" in (tmp_path / "run" / "report.md").read_text()


def test_an_unreadable_second_database_stops_before_the_first_stage(refused, fer, tmp_path):
    second = tmp_path / "ck.h5"
    second.write_text("no h5")
    stages = ["--stage", f"fer2013:{fer}:variant=FER28", "--stage", f"ck48:{second}"]
    output = refused("finetune", *stages, *SMALL.split(), "--out", tmp_path / "run")
    assert str(second) in output.replace(" ", "") and "Epoch" not in output
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_used_are_refused(refused, fer, tmp_path):
    stage = ["--stage", f"fer2013:{fer}:variant=FER28", "--out", tmp_path / "run"]
    command = ["finetune", *stage, *SMALL.split()]
    assert "existing file" in refused(*command, "--weights", tmp_path / "none.npy")
    message = refused(*command, "--model", catalogue.DEFAULT, "--network", "alexnet")
    assert "Leave one out" in message
    assert "Leave one out" in refused(*command, "--model", catalogue.DEFAULT, "--colour", "0.1")
    assert "x.keras, which does not exist" in refused(*command, "--model", "x.keras")
