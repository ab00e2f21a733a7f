import csv
import dataclasses
import itertools
import json
import shutil
import zipfile

import cv2
import database_trees
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from striped import backbone, picture

from kollias_affect import EXPRESSIONS, _runs, cli, datasets, models, transfer
from kollias_affect.experiments.paper_a import adapting, decisions, experiment, report
from kollias_affect.experiments.paper_a.backbone import fixed_backbone, load_backbone
from kollias_affect.experiments.paper_a.network import build_network

SMALL = experiment.Settings(
    lambdas=(0.0, 1.0),
    seeds=1,
    initializer="keras",
    hidden_units=32,
    length=1,
    dropout=0.0,
    rnn_dropout=0.0,
    steps=60,
    batch_size=32,
    learning_rate=0.01,
)


@pytest.fixture(scope="module")
def domains(tmp_path_factory):
    """Two collections of striped pictures; the direction of the stripes is the expression.

    Collection `b` has no neutral faces.
    """
    roots = {}
    for name, seed, shade in (("a", 0, 90), ("b", 1, 150)):
        random = np.random.default_rng(seed)
        root = tmp_path_factory.mktemp(name)
        (root / "images").mkdir()
        rows = [("image", "emotion")]
        for person in range(24):
            for number, expression in enumerate(EXPRESSIONS):
                if name == "b" and expression == "neutral":
                    continue
                file = f"person{chr(97 + person)}_{number}.png"
                face = picture(number, shade, random)
                cv2.imwrite(str(root / "images" / file), face)
                rows.append((file, expression))
        with open(root / "labels.csv", "w", newline="") as out:
            csv.writer(out).writerows(rows)
        roots[name] = root
    return roots


def clips_of(domains):
    parts = {}
    for name in "ab":
        halves = datasets.sampling.stratified_split(datasets.load("images_csv", domains[name]))
        parts[f"{name}_train"], parts[f"{name}_test"] = halves
    return parts


@pytest.fixture(scope="module")
def finished(domains, tmp_path_factory):
    """A finished `Experiment`, the lines of its log, and its tables."""
    out, file = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("backbone") / "tiny.keras"
    backbone().save(file)
    databases = [adapting.Database("images_csv", root) for root in domains.values()]
    lines = []
    tables = adapting.adapt(*databases, file, out, SMALL, lines.append)
    return experiment.Experiment(clips_of(domains), backbone(), out, SMALL), lines, tables


def test_the_network_of_every_lambda_and_seed_is_stored(finished):
    run, lines, _ = finished
    plan = f"3 networks, {run.settings.steps} batches each."
    assert lines[5:8] == [
        f"Plan: NetB, and NetA for every lambda and seed: {plan}",
        "1 of 2: NetA, lambda 0, seed 0 trained",
        "2 of 2: NetA, lambda 1, seed 0 trained",
    ]
    assert "A by centroids" in lines[8] and lines[9] == f"Report: {run.out_dir / 'report.md'}"
    names = {path.stem for path in (run.out_dir / "models").glob("*.keras")}
    assert names == {"net_b", *(experiment.cell_name(*cell) for cell in run.cells())}


def test_the_log_and_the_report_say_what_the_parts_are(finished):
    run, lines, _ = finished
    content = (run.out_dir / "report.md").read_text()
    for letter, line in zip("AB", lines, strict=False):
        assert line.startswith(f"{letter}: images_csv, which has no official parts: training = ")
        assert "12 subjects, persons unknown" in line and line in content


def test_official_parts_are_used_without_names_of_splits(tmp_path):
    tree = database_trees.fer2013(tmp_path)
    for root, scored in ((tree, "PrivateTest"), (tmp_path / "cut", "PublicTest")):
        if scored == "PublicTest":
            database_trees.fer2013(root, private=0)
        division = adapting.Database("fer2013", root).parts(tmp_path, 48)
        assert {clip.official_part for clip in division.training} == {"fer2013/Training"}
        assert {clip.official_part for clip in division.test} == {f"fer2013/{scored}"}
        assert not division.validation and len(division.training) == 14
    mixed = adapting.Database("fer2013", tree, ("all", "all")).parts(tmp_path, 48)
    assert len(mixed.training) == len(mixed.test) == 14
    assert "all parts mixed on request" in mixed.text


def test_the_splits_are_stored(finished, domains):
    run, _, _ = finished
    content = json.loads((run.out_dir / "settings.json").read_text())
    expected = clips_of(domains)
    assert content["clips"] == {p: [c.key for c in expected[p]] for p in experiment.PARTS}


def test_accuracies_of_both_predictors_are_those_of_the_stored_outputs(finished):
    run, _, tables = finished
    table = tables["table2_accuracy"].set_index("lambda")
    for lam, learned in ((0, "centroids"), (1, "outputs")):
        frames = run.outputs(experiment.cell_name(lam, 0), "b_test")
        correct = {
            "outputs": frames["outputs"].argmax(axis=1) == frames["labels"],
            "centroids": frames["distances"].argmin(axis=1) == frames["labels"],
        }
        for by in report.PREDICTORS:
            assert table.loc[f"{lam}", f"B by {by}"] == pytest.approx(correct[by].mean())
        assert correct[learned].mean() > 0.5
    assert table.loc["1", "paper, B"] == 0.384


def test_distances_are_those_to_the_centroids(finished):
    run, _, _ = finished
    frames = run.outputs(experiment.cell_name(0.0, 0), "b_test")
    z = run.centroids().values
    expected = np.square(frames["representation"][:, None] - z[None]).sum(-1)
    assert np.allclose(frames["distances"], expected, rtol=1e-5, atol=1e-6)


def test_net_a_comes_nearer_to_the_centroids_if_they_are_in_the_loss(finished):
    _, _, tables = finished
    mean = tables["table7_distances"].loc["mean"]
    assert mean["lambda 0"] < mean["lambda 1"]


@pytest.mark.nightly
def test_networks_that_adapt_to_each_other_are_the_same_after_an_interruption(finished):
    run, _, _ = finished
    run.alternated(1.0, 0, rounds=1)
    keras.utils.set_random_seed(99)  # as in a new process, which loads the networks
    resumed, history = run.alternated(1.0, 0, rounds=2)
    shutil.rmtree(run.out_dir / "alternation")
    keras.utils.set_random_seed(3)
    whole, expected = run.alternated(1.0, 0, rounds=2)
    shutil.rmtree(run.out_dir / "alternation")
    assert history == expected
    for letter, part in itertools.product("ab", ("a_test", "b_test")):
        for name, values in whole[letter][part].items():
            assert np.array_equal(resumed[letter][part][name], values)


def test_lambda_0_does_not_train_the_output_layer(finished):
    run, _, _ = finished
    keras.utils.set_random_seed(0)
    initial, at_0, at_1 = (
        model.get_layer("classes").get_weights()
        for model in (build_network(SMALL, 14, 6, 0), run.net_a(0.0, 0), run.net_a(1.0, 0))
    )
    assert all(np.array_equal(a, b) for a, b in zip(initial, at_0, strict=True))
    assert not np.array_equal(initial[0], at_1[0])


def test_the_report_holds_tables_and_pictures(finished):
    run, _, tables = finished
    text = (run.out_dir / "report.md").read_text()
    for name, table in tables.items():
        assert (run.out_dir / f"{name}.csv").exists() and name in text
        assert len(table)
    for name in run.names:
        picture = cv2.imread(str(run.out_dir / f"figure_{name}.png"))
        assert picture.std() > 5 and f"figure_{name}.png" in text


def test_rows_of_the_confusion_table_sum_to_one(finished):
    _, _, tables = finished
    assert np.allclose(tables["table5_confusion_of_b"].sum(axis=1), 1)


def test_a_second_run_trains_nothing_and_changes_nothing(finished, domains):
    run, _, _ = finished
    before = {p: p.stat().st_mtime_ns for p in (run.out_dir / "models").iterdir()}
    lines = []
    experiment.Experiment(clips_of(domains), backbone(), run.out_dir, SMALL).run(lines.append)
    assert all("already trained" in line for line in lines)
    assert before == {p: p.stat().st_mtime_ns for p in (run.out_dir / "models").iterdir()}


def test_other_settings_are_refused(finished, domains):
    run, _, _ = finished
    other = experiment.Settings(seeds=9)
    with pytest.raises(ValueError, match=r"`seeds` \(1, now 9\)"):
        experiment.Experiment(clips_of(domains), backbone(), run.out_dir, other)


def test_other_settings_are_refused_before_anything_is_loaded(finished):
    nowhere = adapting.Database("images_csv", "nowhere")
    other = dataclasses.replace(SMALL, seeds=9)
    with pytest.raises(ValueError, match=r"in `seeds` \(1, now 9\)\. Repeat"):
        adapting.adapt(nowhere, nowhere, "none.keras", finished[0].out_dir, other)


def test_a_second_run_at_the_same_time_is_refused(finished):
    run, _, _ = finished
    with _runs.Lock(run.out_dir), pytest.raises(OSError, match="One process at a time"):
        run.run()


def test_a_folder_with_other_files_is_refused(domains, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="folder of its own"):
        experiment.Experiment(clips_of(domains), backbone(), tmp_path, SMALL)


def test_a_subject_on_both_sides_is_refused(domains, tmp_path):
    clips = clips_of(domains)
    clips["b_test"] = clips["b_test"] + clips["b_train"][:1]
    with pytest.raises(ValueError, match="in both parts"):
        experiment.Experiment(clips, backbone(), tmp_path, SMALL)


def test_classes_that_one_dataset_lacks_are_left_out_and_counted(finished):
    run, lines, tables = finished
    assert run.names == EXPRESSIONS[1:]
    assert run.left_out == {"a_train": 12, "a_test": 12, "b_train": 0, "b_test": 0}
    counts = "12 of A (trained on), 12 of A (scored), 0 of B (trained on), 0 of B (scored)"
    assert counts in lines[4]
    assert run.outputs(experiment.cell_name(0.0, 0), "a_test")["outputs"].shape == (72, 6)
    assert tuple(tables["table5_confusion_of_b"].index) == run.names


def test_a_network_of_all_seven_expressions_has_their_output_layer():
    outputs = build_network(SMALL, 14, 7, 0).output
    assert outputs["expression"].shape == (None, 1, 7)
    assert outputs["representation"].shape == (None, 1, 128)


def test_one_common_class_is_not_enough(domains, tmp_path):
    clips = clips_of(domains)
    clips["b_train"] = [clip for clip in clips["b_train"] if clip.expression[0] == 2]
    with pytest.raises(ValueError, match="At least two expressions"):
        experiment.Experiment(clips, backbone(), tmp_path, SMALL)


@pytest.mark.parametrize(
    ("decision", "predicted"), [("mean", [0, 1]), ("majority", [1, 1]), ("frames", [0, 1, 1, 1])]
)
def test_frames_of_a_clip_become_one_decision(decision, predicted):
    scores = np.array([[9.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    labels, clips = np.array([0, 0, 0, 1]), np.array([3, 3, 3, 5])
    frames = {"outputs": scores, "proximity": scores, "labels": labels, "clips": clips}
    for by in report.PREDICTORS:
        labels, classes = decisions.decide(frames, by, decision)
        assert classes.tolist() == predicted
        assert labels.tolist() == ([0, 0, 0, 1] if decision == "frames" else [0, 1])


def test_the_backbone_ends_before_the_first_fully_connected_layer():
    tiny = backbone()
    complete = models.cnn(tiny, "expression", landmarks=False, hidden_units=(8,))
    assert fixed_backbone(complete).output_shape == (None, 14)
    assert fixed_backbone(tiny) is tiny
    alexnet = transfer.network("alexnet", size=64, width=0.05)
    assert len(fixed_backbone(alexnet).output_shape) == 2


def test_a_backbone_is_loaded_from_files_with_and_without_a_card(tmp_path):
    tiny, file = backbone(), tmp_path / "model.keras"
    kernel = tiny.get_layer("conv").get_weights()[0]
    tiny.save(file)
    assert np.array_equal(load_backbone(file).get_layer("conv").get_weights()[0], kernel)
    models.save(models.cnn(tiny, "expression", landmarks=False, hidden_units=(8,)), file)
    assert load_backbone(file).output_shape == (None, 14)


def test_the_cnn_of_a_network_of_windows_is_its_backbone():
    windows = models.cnn(backbone(), "expression", landmarks=False, hidden_units=(8,), length=4)
    assert fixed_backbone(windows).output_shape == (None, 14)
    images = keras.Input((4, 32, 32, 3))
    without_cnn = keras.Model(images, keras.layers.Flatten()(images))
    with pytest.raises(ValueError, match="takes single images"):
        fixed_backbone(without_cnn)


@pytest.mark.parametrize("lambdas", [(), (2.0,), (-0.1, 1.0)])
def test_lambdas_out_of_range_are_refused(lambdas):
    with pytest.raises(ValueError, match="`lambdas` must be numbers from 0 to 1"):
        experiment.Settings(lambdas=lambdas)


def test_balanced_classes_have_the_same_weight(domains, tmp_path):
    clips = clips_of(domains)
    anger = [clip for clip in clips["a_train"] if clip.expression[0] == 1]
    clips["a_train"] = [c for c in clips["a_train"] if c.expression[0] != 1] + anger[:2]
    run = experiment.Experiment(clips, backbone(), tmp_path)
    part = run.parts["a_train"]
    weights, labels = part.weights(balanced=True), part.labels
    sums = [weights[labels == i].sum() for i in range(6)]
    assert np.allclose(sums, sums[0]) and weights[labels >= 0].mean() == pytest.approx(1)


def test_the_command_passes_its_options_on(tmp_path, monkeypatch):
    received = []
    more = {}

    def record(*args, log, **options):
        received.extend(args)
        more.update(options)

    monkeypatch.setattr(adapting, "adapt", record)
    monkeypatch.chdir(tmp_path)
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
    with zipfile.ZipFile("file.keras", "w"):
        pass
    arguments = ["adapt", "--out", tmp_path, "--backbone", "file.keras", "--lambda", 0]
    arguments += ["--a", "images_csv", "A", "--b", "fer2013", "B", "--split-b", "train", "test"]
    arguments += ["--crop-a", "--option-b", "variant=FER28", "--steps", 2, "--balanced"]
    arguments += ["--rnn-dropout", 0.2, "--dropout", 0.1]
    arguments = list(map(str, arguments))
    result = CliRunner().invoke(cli.main, arguments)
    assert result.exit_code == 0, result.output
    assert received == [
        adapting.Database("images_csv", "A", crop=True),
        adapting.Database("fer2013", "B", ("train", "test"), options={"variant": "FER28"}),
        "file.keras",
        tmp_path,
        experiment.Settings(lambdas=(0.0,), steps=2, balanced=True, rnn_dropout=0.2, dropout=0.1),
    ]
    assert more == {"network": None, "alternate": False, "rounds": 10}
    refused = CliRunner().invoke(cli.main, [*arguments, "--scale", "wide"])
    assert refused.exit_code == 2 and "Received" in refused.output
    assert "Traceback" not in refused.output
