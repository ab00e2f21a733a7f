"""The pages and figures of paper D's tables are true of their runs."""

import re

import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, transfer
from kollias_affect.experiments import TABLES, Laboratory, Parts, Scale, runner
from kollias_affect.experiments.paper_d import figures, runs
from kollias_affect.experiments.paper_d.submissions import BASELINE, PATHS, SUBMISSIONS

COUNTS = {"validation": np.diag([3, 0, 0, 0, 0, 0, 1]), "test": np.eye(7, dtype=int)}


@pytest.fixture
def clips(make_clip):
    """Returns a function that makes clips of one grey picture with the expressions in order."""

    def make(name, count, part=None, level=0, size=48):
        made = []
        for i in range(count):
            fields = {"expression": [i % 7], "valence_arousal": None, "landmarks": None}
            made.append(make_clip(f"{name}{i}", 1, level + i, size=size, **fields))
            made[-1].official_part = part
        return made

    return make


@pytest.fixture
def parts(clips):
    return {
        "fer28": Parts(clips("a", 9), clips("b", 5, "fer2013/validation", 20), []),
        "fer32": Parts(clips("c", 11, level=40), clips("d", 4, "fer2013/validation", 60), []),
        "emotiw": Parts(
            clips("e", 8, level=80, size=96),
            clips("f", 3, "sfew/validation", 100),
            clips("g", 2, "own/test", 120),
        ),
    }


@pytest.fixture
def trained(monkeypatch):
    """Names of the paths that are run instead of trained; their confusions are known."""
    names = []

    def run(laboratory, submission):
        names.append(submission)
        counts = {"target": COUNTS["validation"], "test": COUNTS["test"]}
        return {name: values.tolist() for name, values in counts.items()}

    monkeypatch.setattr(runs, "_run", run)
    return names


@pytest.fixture
def unsaved(monkeypatch):
    """Writes no pictures, which takes longer than everything else here."""
    monkeypatch.setattr(figures.plots, "save", lambda figure, path: None)


@pytest.fixture
def page(trained, tmp_path, quiet):
    """Returns a function from a table and its roles to the page and the frame."""

    def write(name, roles, **scale):
        laboratory = Laboratory(roles, tmp_path / "trainings", Scale(**scale), log=quiet)
        frame = runner.run(TABLES[name], laboratory, tmp_path, quiet)
        return (tmp_path / f"{name}.md").read_text(), frame

    return write


@pytest.mark.usefixtures("unsaved")
def test_the_direct_path_and_the_baseline_are_rows(page, parts):
    """Section 4.1 and the abstract."""
    _, frame = page("D3", parts)
    for row in ("direct-alexnet: alexnet, EmotiW", "direct-vgg: vgg_cnn_m_2048, EmotiW"):
        assert frame.at[row, "test accuracy (paper)"] == 0.378
        assert frame.at[row, "validation accuracy"] == 1.0
        assert np.isnan(frame.at[row, "validation accuracy (paper)"])
    baseline = frame.loc["baseline of the challenge (Dhall et al., 2015)"]
    assert baseline["validation accuracy (paper)"] == BASELINE["validation"] == 0.3596
    assert baseline["test accuracy (paper)"] == BASELINE["test"] == 0.3913
    assert np.isnan(baseline["test accuracy"])


@pytest.mark.usefixtures("unsaved")
def test_the_page_says_per_submission_who_chose_the_epochs(page, parts):
    """Paper D §3.3: FER-2013's own validation for 1, 2, 6 and every first stage on it."""
    text, _ = page("D3", parts)
    lines = dict(re.findall(r"^- Epochs of ([^(]+) \([^)]+\): (.+)$", text, re.MULTILINE))
    fer28 = "FER28 on the validation part of `fer28`, 5 pictures of fer2013/validation"
    fer32 = "FER32 on the validation part of `fer32`, 4 pictures of fer2013/validation"
    emotiw = "on the validation part of `emotiw`, 3 pictures of sfew/validation"
    free = "No picture of `emotiw` trained the network or chose an epoch."
    chose = "The part that is scored as validation chose the epoch, which favours its accuracy."
    assert lines == {
        "1, 2": f"{fer28}. {free}",
        "3, 5": f"{fer28}; EmotiW {emotiw}. {chose}",
        "6": f"{fer32}. {free}",
        "7, 8": f"{fer32}; EmotiW {emotiw}. {chose}",
        "9": f"FER32+EmotiW {emotiw}. {chose}",
        "direct-alexnet, direct-vgg": f"EmotiW {emotiw}. {chose}",
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_stage_is_chosen_on_the_validation_data_that_the_page_names(
    path, parts, monkeypatch, tmp_path
):
    called = {}

    def record(model, stages, folder, target, test, **options):
        called.update(stages=stages, target=target, test=test, **options)
        raise InterruptedError

    monkeypatch.setattr(transfer, "staged", record)
    monkeypatch.setattr(transfer, "network", lambda *_, **__: None)
    with pytest.raises(InterruptedError):
        runs.confusion(Laboratory(parts, tmp_path, Scale()), path, "test")
    chosen = {"FER28": "fer28", "FER32": "fer32", "EmotiW": "emotiw", "FER32+EmotiW": "emotiw"}
    for stage in called["stages"]:
        assert stage.validation is parts[chosen[stage.name]].validation
    assert called["target"] is parts["emotiw"].validation
    assert called["test"] is parts["emotiw"].test
    assert called["batch_size"] == 128  # Krizhevsky et al. (2012)


@pytest.mark.usefixtures("unsaved")
def test_imagenet_is_named_only_as_what_the_paper_starts_from(page, parts):
    text, frame = page("D3", parts)
    assert not any("ImageNet" in row for row in frame.index)
    assert (
        "- Start: alexnet from RANDOM weights; vgg_cnn_m_2048 from RANDOM weights (the paper: "
        "weights of ImageNet)." in text
    )
    assert text.count("ImageNet") == 1


@pytest.mark.usefixtures("unsaved")
def test_without_the_labels_of_sfews_test_part_its_validation_part_is_scored_as_such(page, parts):
    """`emotiw=sfew:PATH` of the copies that are distributed."""
    emotiw = parts["emotiw"]
    scored = Parts(emotiw.training, emotiw.test, emotiw.validation)
    text, frame = page("D3", {**parts, "emotiw": scored})
    assert "- Validation accuracy: on 3 pictures of sfew/validation." in text
    assert "- Test accuracy: none, as the labels of SFEW's test part are not given." in text
    assert "Differs from the paper: the epochs of stages on EmotiW are not chosen on SFEW's" in text
    rows = [row for row in frame.index if "baseline" not in row]
    # The confusion of the scored part, `test` of the run, has all right.
    assert (frame.loc[rows, "validation accuracy"] == 1).all()
    assert frame["test accuracy"].isna().all()
    text, frame = page("D4", {**parts, "emotiw": scored})
    assert "labels of SFEW's test part are not given" in text and "not drawn" in text
    assert frame[list(EXPRESSIONS)].isna().all(axis=None)


@pytest.mark.usefixtures("unsaved")
def test_the_page_names_what_changes_the_numbers_and_nothing_else(page, parts):
    text, _ = page("D3", parts, picture=64, batch_size=8, units=0.5, length=5, size=32)
    assert "- Differs from the paper: picture 64 instead of 256.\n" in text
    assert "- Training: batches of 8 pictures, learning rate 0.001 at first.\n" in text
    assert "landmarks" not in text  # the networks of paper D never have any


@pytest.mark.usefixtures("unsaved")
def test_paths_without_their_data_are_left_empty(page, parts, trained):
    del parts["fer32"]
    text, _ = page("D3", parts)
    assert "- Left empty: 6: vgg_cnn_m_2048, FER32: no data for fer32." in text
    assert "- Data, fer32: not given." in text
    assert {len(s.stages) for s in trained} == {1, 2} and len(trained) == 6


@pytest.mark.usefixtures("unsaved")
def test_a_page_of_fer32_without_privatetest_says_so(page, parts, clips):
    held_out = clips("h", 3, "fer2013/train", 140)
    parts["fer32"] = Parts(parts["fer32"].training, held_out, [])
    text, _ = page("D3", parts)
    assert "Differs from the paper: FER32 is without PrivateTest; 3 of its own images" in text


def test_figures_are_drawn_and_linked(page, parts, tmp_path):
    text, _ = page("D3", parts)
    for name in ("D2", "D3", "D6"):
        assert f"(D3-figure-{name}.png)" in text
        assert (tmp_path / f"D3-figure-{name}.png").stat().st_size > 5000
    assert "Figure 1: full frames, the organizers' crops and ours: not drawn" in text
    for name in ("D4", "D5"):
        text, _ = page(name, parts)
        assert f"({name}-figure-{name}.png)" in text
        assert (tmp_path / f"{name}-figure-{name}.png").stat().st_size > 5000


@pytest.fixture
def drawn(monkeypatch):
    """Arguments of the plots, by name of the function; nothing is written."""
    calls = {}
    for name in ("flowchart", "confusion_panels", "picture_grid", "distribution"):
        monkeypatch.setattr(
            figures.plots, name, lambda *a, name=name, **k: calls.setdefault(name, (*a, k))
        )
    monkeypatch.setattr(figures.plots, "save", lambda figure, path: None)
    return calls


@pytest.fixture
def laboratory(parts, trained, tmp_path, quiet):
    return Laboratory(parts, tmp_path, Scale(picture=96), log=quiet)


def test_the_flowchart_has_every_declared_path(drawn, laboratory, tmp_path):
    figures.flowchart(laboratory, tmp_path / "3.png")
    boxes = drawn["flowchart"][0]
    assert {(box[0].split("\n")[0], *box[1:-1]) for box in boxes} == {
        (path.network, *path.stages) for path in PATHS.values()
    }
    assert all(box[0].endswith("RANDOM weights") for box in boxes)
    assert all("validation 100.0%, test 100.0%" in box[-1] for box in boxes)


def test_figure_6_has_the_three_sets_side_by_side(drawn, laboratory, tmp_path):
    figures.distributions(laboratory, tmp_path / "6.png")
    counts = drawn["distribution"][0]
    assert {name: sum(values) for name, values in counts.items()} == {
        "EmotiW training": 8, "EmotiW validation": 3, "FER28 training": 9, "FER28 validation": 5,
        "FER32 training": 11, "FER32 validation": 4,
    }  # fmt: skip
    assert counts["FER28 training"].tolist() == [2, 2, 1, 1, 1, 1, 1]


def test_figure_2_shows_small_pictures_as_they_are_and_enlarged(drawn, laboratory, tmp_path):
    figures.examples(laboratory, tmp_path / "2.png")
    rows, columns, options = drawn["picture_grid"]
    assert {name: row[0].shape[0] for name, row in rows.items()} == {
        "FER28\n48 pixels": 48, "FER28\n96 pixels": 96, "EmotiW\n96 pixels": 96,
    }  # fmt: skip
    assert columns == EXPRESSIONS and options["true_size"]
    # The grey level of a picture gives its class: 0 to 6 in FER28, from 80 on in EmotiW.
    assert [int(row[3].mean()) for row in rows.values()] == [3, 3, 83]


def test_figures_4_and_5_have_the_confusions_of_their_submissions(drawn, laboratory, tmp_path):
    figures.FIGURE_4.draw_with(laboratory, tmp_path / "4.png")
    matrices = drawn.pop("confusion_panels")[0]
    assert [title.split(":")[0] for title in matrices] == list(map(str, SUBMISSIONS))
    assert all((counts == COUNTS["test"]).all() for counts in matrices.values())
    figures.figure_5((3, 5)).draw_with(laboratory, tmp_path / "5.png")
    matrices = drawn["confusion_panels"][0]
    assert list(matrices) == [
        "3: alexnet\nFER28 -> EmotiW", "5: vgg_cnn_m_2048\nFER28 -> EmotiW",
    ]  # fmt: skip
    assert all((counts == COUNTS["validation"]).all() for counts in matrices.values())
