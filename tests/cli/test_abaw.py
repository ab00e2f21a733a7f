"""A generated Aff-Wild2, from `data` over `train` and `evaluate` to files for the challenges."""

import cv2
import numpy as np
import pytest

from kollias_affect import models, tasks
from kollias_affect.datasets import submissions
from kollias_affect.datasets.affwild2 import load

THREE = ("valence_arousal", "expression_8", "action_units")
HEADERS = {
    "VA_Estimation_Challenge": "valence,arousal",
    "EXPR_Classification_Challenge": "Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other",
    "AU_Detection_Challenge": "AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26",
}
# Sets of each person in the official parts, and the frames without an image.
TRAIN = {
    "1-30-640x360": ("VA", "EXPR", "AU"),
    "video2_left": ("VA",),
    "video2_right": ("EXPR", "AU"),
    "video3": ("VA", "AU"),  # validates expressions
}
VALIDATION = {"video3": ("EXPR",), "4-30-640x360": ("VA", "EXPR", "AU")}
TEST = ("video5_left", "video5_right")
FRAMES, WITHOUT_IMAGE, UNLABELLED = 8, 3, 5  # 1-based numbers of the two last ones


def row(header, frame, number):
    """Labels of a frame; one frame of every person has none."""
    if frame == UNLABELLED:
        return {"VA": "-5,-5", "EX": "-1", "AU": ",".join(["-1"] * 12)}[header[:2]]
    if header.startswith("VA"):
        return f"{0.1 * frame - 0.4:.1f},{0.2 * (number % 3) - 0.1 * frame:.1f}"
    if header.startswith("EXPR"):
        return str((frame + number) % 8)
    return ",".join(str(int((frame + unit) % 3 == 0)) for unit in range(12))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("Aff-Wild2")
    for part, people in (("Train_Set", TRAIN), ("Validation_Set", VALIDATION)):
        for number, (name, sets) in enumerate(people.items()):
            for folder, header in HEADERS.items():
                if folder.split("_")[0] in sets:
                    rows = [row(folder, frame, number) for frame in range(1, FRAMES + 1)]
                    path = root / "6th ABAW Annotations" / folder / part / f"{name}.txt"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text("\n".join([header, *rows, ""]))
    for number, name in enumerate({**TRAIN, **VALIDATION, **dict.fromkeys(TEST)}):
        folder = root / "cropped_aligned" / name
        folder.mkdir(parents=True)
        for frame in set(range(1, FRAMES + 1)) - {WITHOUT_IMAGE}:
            picture = np.full((32, 32, 3), (25 * frame, 40 * number, 90), np.uint8)
            cv2.imwrite(str(folder / f"{frame:05d}.jpg"), picture)
    return root


@pytest.fixture(scope="module")
def trained(ok, root, tmp_path_factory):
    """Folder of a training of all tasks by the command, and what the command printed."""
    out = tmp_path_factory.mktemp("run") / "run"
    options = (
        "--network cnn --backbone cnn_m --size 32 --width 0.02 --hidden-units 8 --no-landmarks "
        "--initializer keras --precision float32 --epochs 1 --batch-size 4 --balance-tasks "
        "--loss-weights uncertainty --matching published --unit-weights balanced"
    )
    data = [root, "--dataset", "affwild2", "--option", "task=all"]
    printed = ok("train", *data, "--task", ",".join(THREE), "--out", out, *options.split())
    return out, printed


def test_data_counts_labels_people_and_what_is_left_out(ok, root):
    printed = ok("data", "affwild2", root, "--split", "train", "--option", "task=all")
    report = load(root, "train", task="all").report
    assert (report.clips, report.videos, report.frames) == (3, 2, 3 * FRAMES)
    assert report.without_face == 3 and report.invalid == 3  # one frame of each person
    assert "2 labels of people who validate another task, left out: video3" in printed
    assert sum(report.classes.values()) == 2 * (FRAMES - 2) and report.classes["other"] > 0
    # Frames 1, 2, 4, 6, 7 and 8 count; AU1 is present in 6, AU2 in 2 and 8, of two people.
    assert (report.units["AU1"], report.units["AU2"]) == (2, 4)


def test_a_training_of_all_tasks_writes_one_model_with_three_outputs(trained):
    out, printed = trained
    card = models.read_card(out / "best.keras")
    assert card["task"] == sorted(THREE) and "val_score" in printed
    assert models.tasks_of(card)["expression_8"][0][7] == "other"
    assert card["trained_on"] == ["affwild2/train", "affwild2/validation"]


def test_evaluate_scores_every_output_in_one_table(ok, trained, root):
    printed = ok(
        "evaluate", trained[0] / "best.keras", root, "--dataset", "affwild2", "--option", "task=all"
    )
    for row_name in ("valence_arousal mean", "expression_8 all", "action_units AU26"):
        assert row_name in printed
    assert "Sum of mean CCC, macro F1 and mean F1 (ABAW)" in printed


def test_submissions_have_a_line_for_each_frame_of_the_unlabelled_people(
    ok, trained, root, tmp_path
):
    model = trained[0] / "best.keras"
    out = tmp_path / "out"
    printed = ok("submit", model, root, "--dataset", "affwild2", "--out", out)
    assert f"{3 * 2 * FRAMES} frames, {3 * 2} without a face" in printed
    clips = load(root, "test")
    for task in THREE:
        assert sorted(file.stem for file in (out / task).iterdir()) == sorted(TEST)
        read = submissions.read("affwild2", out / task, clips)
        for name in TEST:
            lines = (out / task / f"{name}.txt").read_text().splitlines()
            assert len(lines) == 1 + FRAMES and lines[0] in HEADERS.values()
            marked = np.isnan(read[name]).any(axis=1)
            assert np.flatnonzero(marked).tolist() == [WITHOUT_IMAGE - 1]


def test_the_multitask_submission_has_a_line_for_each_image(ok, refused, trained, root, tmp_path):
    model, out = trained[0] / "best.keras", tmp_path / "mtl.txt"
    ok("submit", model, root, "--dataset", "affwild2_multitask", "--out", out)
    lines = out.read_text().splitlines()
    assert len(lines) == 1 + len(TEST) * (FRAMES - 1)
    assert all(len(line.split(",")) == 1 + 2 + 1 + len(tasks.ACTION_UNITS) for line in lines[1:])
    one = ["submit", model, root, "--dataset", "affwild2", "--out", tmp_path / "one"]
    ok(*one, "--task", "action_units")
    assert sorted(f.stem for f in (tmp_path / "one").iterdir()) == sorted(TEST)
    assert "must be one of" in refused(*one[:-1], tmp_path / "no", "--task", "expression")
