import csv
import json

import cv2
import keras
import numpy as np
import pytest
from click.testing import CliRunner

from kollias_affect import EXPRESSIONS, cli, datasets, models, transfer
from kollias_affect.experiments.paper_a import experiment, report
from kollias_affect.experiments.paper_a.backbone import fixed_backbone

SMALL = experiment.Settings(
    lambdas=(0.0, 0.5, 1.0),
    seeds=1,
    initializer="keras",
    hidden_units=32,
    dropout=0.0,
    rnn_dropout=0.0,
    steps=60,
    learning_rate=0.01,
)


@pytest.fixture(scope="module")
def domains(tmp_path_factory):
    """Two collections of faces that are stripes: the expression is their direction and width."""
    roots = {}
    for name, seed, shade in (("a", 0, 90), ("b", 1, 150)):
        random = np.random.default_rng(seed)
        root = tmp_path_factory.mktemp(name)
        (root / "images").mkdir()
        rows = [("image", "emotion")]
        for person in range(24):
            for number, expression in enumerate(EXPRESSIONS):
                angle = np.pi * number / len(EXPRESSIONS)
                x, y = np.meshgrid(np.arange(32), np.arange(32))
                wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.7 + random.uniform(0, 6))
                picture = shade + 60 * wave + random.normal(0, 10, (32, 32))
                file = f"person{chr(97 + person)}_{number}.png"
                cv2.imwrite(str(root / "images" / file), picture.clip(0, 255).astype(np.uint8))
                rows.append((file, expression))
        with open(root / "labels.csv", "w", newline="") as out:
            csv.writer(out).writerows(rows)
        roots[name] = root
    return roots


def clips_of(domains):
    parts = {}
    for name, root in domains.items():
        halves = datasets.sampling.stratified_split(datasets.load("images_csv", root))
        parts[f"{name}_train"], parts[f"{name}_test"] = halves
    return parts


def backbone():
    """Fixed features in which the stripes can be told apart: energies of a few gratings."""
    images = keras.Input((32, 32, 3), name="images")
    conv = keras.layers.Conv2D(14, 9, strides=2, activation="relu", use_bias=False, name="conv")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(conv(images))
    model = keras.Model(images, x, name="tiny")
    u, v = np.meshgrid(np.arange(9) - 4, np.arange(9) - 4)
    angles = np.pi * np.arange(14) / 14
    gratings = np.cos(0.7 * (u[..., None] * np.cos(angles) + v[..., None] * np.sin(angles)))
    gratings -= gratings.mean(axis=(0, 1))
    conv.set_weights([np.repeat(gratings[:, :, None], 3, axis=2) / 20])
    return model


@pytest.fixture(scope="module")
def finished(domains, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    run = experiment.Experiment(clips_of(domains), backbone(), out, SMALL)
    said = []
    run.run(said.append)
    return run, said, report.write_report(run)


def test_every_lambda_and_seed_is_kept_as_a_model(finished):
    run, said, _ = finished
    assert len(said) == 3 and "lambda 0, seed 0 trained" in said[0]
    names = {path.stem for path in (run.out_dir / "models").glob("*.keras")}
    assert names == {"net_b", *(experiment.cell_name(*cell) for cell in run.cells())}


def test_the_splits_are_written_down(finished, domains):
    run, _, _ = finished
    content = json.loads((run.out_dir / "settings.json").read_text())
    expected = clips_of(domains)
    assert content["clips"] == {p: [c.key for c in expected[p]] for p in experiment.PARTS}


def test_accuracies_of_both_ways_are_those_of_the_kept_outputs(finished):
    run, _, tables = finished
    table = tables["table2_accuracy"].set_index("lambda")
    found = run.outputs(experiment.cell_name(0.5, 0), "b_test")
    by_outputs = (found["outputs"].argmax(axis=1) == found["labels"]).mean()
    by_centroids = (found["distances"].argmin(axis=1) == found["labels"]).mean()
    assert table.loc["0.5", "B by outputs"] == pytest.approx(by_outputs) and by_outputs > 0.5
    assert table.loc["0.5", "B by centroids"] == pytest.approx(by_centroids) and by_centroids > 0.5
    assert table.loc["1", "paper, B"] == 0.384


def test_distances_are_those_to_the_centroids(finished):
    run, _, _ = finished
    found = run.outputs(experiment.cell_name(0.0, 0), "b_test")
    z = run.centroids().values
    expected = np.square(found["representation"][:, None] - z[None]).sum(-1)
    assert np.allclose(found["distances"], expected, rtol=1e-5, atol=1e-6)


def test_without_the_centroids_in_the_loss_they_stay_far(finished):
    _, _, tables = finished
    mean = tables["table7_distances"].loc["mean"]
    assert mean["lambda 0"] < mean["lambda 1"]


def test_at_lambda_0_the_output_layer_keeps_its_first_weights(finished):
    run, _, _ = finished
    keras.utils.set_random_seed(0)
    first = run._build(0).get_layer("expression").get_weights()
    trained = run.net_a(0.0, 0).get_layer("expression").get_weights()
    moved = run.net_a(1.0, 0).get_layer("expression").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(first, trained, strict=True))
    assert not np.array_equal(first[0], moved[0])


def test_the_report_holds_tables_and_pictures(finished):
    run, _, tables = finished
    text = (run.out_dir / "report.md").read_text()
    for name, table in tables.items():
        assert (run.out_dir / f"{name}.csv").exists() and name in text
        assert len(table)
    for name in run.names:
        picture = cv2.imread(str(run.out_dir / f"figure_{name}.png"))
        assert picture.std() > 5 and f"figure_{name}.png" in text


def test_rows_of_the_confusion_add_up_to_one(finished):
    _, _, tables = finished
    assert np.allclose(tables["table5_confusion_of_b"].sum(axis=1), 1)


def test_a_second_run_trains_nothing_and_changes_nothing(finished, domains):
    run, _, _ = finished
    before = {p: p.stat().st_mtime_ns for p in (run.out_dir / "models").iterdir()}
    said = []
    experiment.Experiment(clips_of(domains), backbone(), run.out_dir, SMALL).run(said.append)
    assert all("was there" in line for line in said)
    assert before == {p: p.stat().st_mtime_ns for p in (run.out_dir / "models").iterdir()}


def test_other_settings_are_refused(finished, domains):
    run, _, _ = finished
    other = experiment.Settings(seeds=9)
    with pytest.raises(ValueError, match="other \\['settings'\\]"):
        experiment.Experiment(clips_of(domains), backbone(), run.out_dir, other)


def test_a_folder_with_other_files_is_refused(domains, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="folder of its own"):
        experiment.Experiment(clips_of(domains), backbone(), tmp_path, SMALL)


def test_a_subject_on_both_sides_is_refused(domains, tmp_path):
    clips = clips_of(domains)
    clips["b_test"] = clips["b_test"] + clips["b_train"][:1]
    with pytest.raises(ValueError, match="in both parts"):
        experiment.Experiment(clips, backbone(), tmp_path, SMALL)


def test_classes_that_one_dataset_lacks_are_left_out_and_counted(domains, tmp_path):
    clips = clips_of(domains)
    neutral = EXPRESSIONS.index("neutral")
    for part in ("b_train", "b_test"):
        clips[part] = [clip for clip in clips[part] if clip.expression[0] != neutral]
    settings = experiment.Settings(lambdas=(0.0, 1.0), seeds=1, hidden_units=8, steps=2)
    run = experiment.Experiment(clips, backbone(), tmp_path, settings)
    assert run.names == EXPRESSIONS[1:]
    assert run.left_out == {"a_train": 12, "a_test": 12, "b_train": 0, "b_test": 0}
    run.run(lambda line: None)
    found = run.outputs(experiment.cell_name(0.0, 0), "a_test")
    assert found["outputs"].shape == (72, 6)
    assert report.write_report(run)["table5_confusion_of_b"].shape == (6, 6)


def test_one_common_class_is_not_enough(domains, tmp_path):
    clips = clips_of(domains)
    clips["b_train"] = [clip for clip in clips["b_train"] if clip.expression[0] == 2]
    with pytest.raises(ValueError, match="At least two expressions"):
        experiment.Experiment(clips, backbone(), tmp_path, SMALL)


@pytest.mark.parametrize(
    ("decision", "predicted"), [("mean", [0, 1]), ("majority", [1, 1]), ("frames", [0, 1, 1, 1])]
)
def test_frames_of_a_clip_are_put_together(decision, predicted):
    class Run:
        settings = experiment.Settings(decision=decision)

        def outputs(self, name, part):
            outputs = np.array([[9.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
            labels, clips = np.array([0, 0, 0, 1]), np.array([3, 3, 3, 5])
            return {"outputs": outputs, "distances": -outputs, "labels": labels, "clips": clips}

    for way in report.WAYS:
        labels, found = report.decisions(Run(), "net_b", "b_test", way)
        assert found.tolist() == predicted
        assert labels.tolist() == ([0, 0, 0, 1] if decision == "frames" else [0, 1])


def test_the_backbone_ends_before_the_first_fully_connected_layer():
    tiny = backbone()
    whole = models.cnn(tiny, "expression", landmarks=False, hidden_units=(8,))
    assert fixed_backbone(whole).output_shape == (None, 14)
    assert fixed_backbone(tiny) is tiny
    alexnet = transfer.network("alexnet", size=64, width=0.05)
    assert len(fixed_backbone(alexnet).output_shape) == 2


def test_a_backbone_of_windows_is_refused():
    windows = models.cnn(backbone(), "expression", landmarks=False, hidden_units=(8,), length=4)
    with pytest.raises(ValueError, match="takes single images"):
        fixed_backbone(windows)


@pytest.mark.parametrize("lambdas", [(), (2.0,), (-0.1, 1.0)])
def test_lambdas_out_of_range(lambdas):
    with pytest.raises(ValueError, match="`lambdas` must be numbers from 0 to 1"):
        experiment.Settings(lambdas=lambdas)


def test_balanced_classes_weigh_alike(domains, tmp_path):
    clips = clips_of(domains)
    neutral = [clip for clip in clips["a_train"] if clip.expression[0] == 0]
    clips["a_train"] = [c for c in clips["a_train"] if c.expression[0] != 0] + neutral[:2]
    settings = experiment.Settings(balanced=True)
    run = experiment.Experiment(clips, backbone(), tmp_path, settings)
    weights, labels = run._weights("a_train"), run.labels["a_train"]
    sums = [weights[labels == i].sum() for i in range(7)]
    assert np.allclose(sums, sums[0]) and weights.mean() == pytest.approx(1)


def test_the_command(domains, tmp_path):
    tiny = models.cnn(backbone(), "expression", landmarks=False, hidden_units=(8,))
    file = tmp_path / "tiny.keras"
    models.save(tiny, file)
    arguments = ["adapt", "--out", tmp_path / "run", "--backbone", file]
    for name, root in domains.items():
        arguments += [f"--{name}", "images_csv", root]
    arguments += ["--lambda", 0, "--lambda", 1, "--seeds", 1, "--steps", 2, "--hidden-units", 8]
    result = CliRunner().invoke(cli.main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "A by centroids" in result.output and (tmp_path / "run" / "report.md").exists()
    backbone().save(tmp_path / "backbone.keras")  # a plain file of Keras, without any card
    arguments[2], arguments[4] = tmp_path / "other", tmp_path / "backbone.keras"
    result = CliRunner().invoke(cli.main, [*map(str, arguments), "--lambda", "1"])
    assert result.exit_code == 0, result.output
    refused = CliRunner().invoke(cli.main, [*map(str, arguments), "--scale", "wide"])
    assert refused.exit_code == 2 and "Received" in refused.output
    assert "Traceback" not in refused.output
