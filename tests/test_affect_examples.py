"""The parts of the scripts that make and train the network with two tasks."""

import csv
import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, models

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """File of a narrow expression network like the one that ships."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        import train_fer2013

    path = tmp_path_factory.mktemp("start") / "start.keras"
    models.save(train_fer2013.network(0.04, 32, batch_normalization=False), path)
    return path


# --- Votes


def ratings_from(votes, values):
    """Ratings of `read_ratings` whose people rate what `values` gives their expression."""
    ratings = values[votes]
    return {"votes": votes, "ratings": ratings, "mean": ratings.mean(axis=1)}


def test_one_person_is_compared_with_the_mean_of_the_others():
    import affect_votes

    rng = np.random.default_rng(1)
    ratings = rng.normal(size=(40, 3, 2))
    table = affect_votes.ceilings({"ratings": ratings}, resamples=20)
    for number, row in enumerate(table.itertuples()):
        values = []
        for person in range(3):
            a = ratings[:, person, number]
            b = np.delete(ratings[:, :, number], person, axis=1).mean(axis=1)
            covariance = np.cov(a, b, ddof=0)
            shift = (a.mean() - b.mean()) ** 2
            values.append(2 * covariance[0, 1] / (covariance.trace() + shift))
        np.testing.assert_allclose(row.CCC, np.mean(values))
        assert row.low < row.CCC < row.high


def test_a_linear_truth_is_found_for_pictures_that_were_left_out(monkeypatch):
    import affect_votes

    linear = {"linear": affect_votes.predictors()["linear"]}
    monkeypatch.setattr(affect_votes, "predictors", lambda: linear)  # the others take long
    rng = np.random.default_rng(0)
    tendency = rng.dirichlet(np.full(8, 0.4), 120)
    votes = np.stack([rng.choice(8, 25, p=p) for p in tendency])
    ratings = ratings_from(votes, rng.uniform(-1, 1, (8, 2)))
    outputs = affect_votes.cross_validated(ratings, votes=25)
    linear = affect_votes.compared({"linear": outputs["linear"]}, ratings["mean"])
    assert linear[["CCC valence", "CCC arousal"]].to_numpy().min() > 0.999


def test_drawn_votes_are_votes_of_the_same_picture():
    import affect_votes

    votes = np.random.default_rng(0).integers(0, 8, (30, 25))
    drawn = affect_votes.drawn(votes, 10, np.random.default_rng(1))
    assert drawn.shape == (30, 10)
    counts = [np.bincount(row, minlength=8) for row in votes]
    drawn_counts = [np.bincount(row, minlength=8) for row in drawn]
    assert (np.array(drawn_counts) <= np.array(counts)).all()
    assert affect_votes.shares(drawn).sum(axis=1) == pytest.approx(np.ones(30))


def test_a_fitted_map_survives_json_and_stays_in_range():
    import affect_votes

    rng = np.random.default_rng(0)
    ratings = ratings_from(rng.integers(0, 8, (60, 25)), rng.uniform(-1, 1, (8, 2)))
    fitted = json.loads(json.dumps(affect_votes.fitted_map(ratings, 10)))
    values = affect_votes.valence_arousal(fitted, np.eye(8))
    assert values.shape == (8, 2) and np.abs(values).max() <= 1


# --- Photographs


def photographs(rng, persons=40):
    """Dicts as `affect_photographs.read` returns them, without images."""
    return [
        {"name": f"Person_{chr(65 + i // 26)}{chr(65 + i % 26)}_{j:04d}.jpg", "label": label}
        for i in range(persons)
        for j, label in enumerate(rng.integers(0, 7, rng.integers(1, 5)))
    ]


def test_persons_are_never_in_both_parts():
    import affect_photographs

    pictures = photographs(np.random.default_rng(0))
    kept = affect_photographs.kept_persons(pictures)
    persons = {affect_photographs.person_of(p["name"]) for p in pictures}
    assert kept < persons and 0.35 < len(kept) / len(persons) < 0.7
    for part in (kept, persons - kept):
        rows = [p for p in pictures if affect_photographs.person_of(p["name"]) in part]
        assert {p["label"] for p in rows} == set(range(7))
    assert affect_photographs.kept_persons(pictures[::-1]) == kept


@pytest.mark.parametrize(
    ("name", "person"),
    [("Colin_Powell_0012.jpg", "Colin_Powell"), ("Dileep_9.png", "Dileep"), ("A-B_1.jpg", "A-B")],
)
def test_the_person_is_the_name_without_number(name, person):
    import affect_photographs

    assert affect_photographs.person_of(name) == person


def test_a_small_picture_without_a_detected_face_is_a_face():
    import affect_photographs

    side, margin = affect_photographs.SIDE, affect_photographs.MARGIN
    grey = np.full((40, 40, 3), 90, np.uint8)
    crop, points, found = affect_photographs.loose_crop(grey)
    assert found == "whole" and crop.shape == (side, side, 3) and np.isnan(points).all()
    crop, _, found = affect_photographs.loose_crop(np.full((300, 300, 3), 90, np.uint8))
    assert found == "none" and crop.max() == 0
    assert margin > 1


# --- Targets


def test_votes_for_other_things_reduce_the_weight_only():
    import train_affect

    # neutral 2, happiness 4, surprise 2, contempt 1, unknown 1; the last column is NF
    votes = np.array([[2, 0, 0, 0, 4, 0, 2, 1, 1, 0], [1, 0, 0, 0, 1, 0, 0, 0, 3, 5], [0] * 10])
    shares, weight = train_affect.expression_targets(votes)
    np.testing.assert_allclose(shares[0], [0.25, 0, 0, 0, 0.5, 0, 0.25])
    np.testing.assert_allclose(weight, [0.8, 0, 0])
    assert np.isfinite(shares).all()
    fitted = {
        "features": "linear",
        "weights": np.c_[np.arange(8) / 10, -np.arange(8) / 10].tolist(),
        "offset": [0.0, 0.0],
    }
    values, weight = train_affect.affect_targets(votes, fitted)
    expected = (4 * 0.4 + 2 * 0.6 + 1 * 0.7) / 9
    np.testing.assert_allclose(values[0], [expected, -expected], rtol=1e-5)
    np.testing.assert_allclose(weight, [0.9, 0, 0])


def test_equal_images_are_on_one_side_of_the_validation():
    import train_affect

    keys = [bytes([i % 100]) for i in range(300)]
    chosen = train_affect.in_validation(keys, 0.3)
    assert (chosen[:100] == chosen[100:200]).all() and 0.15 < chosen.mean() < 0.45


# --- Augmentation


def test_centre_crops_cut_the_margin_off():
    import train_affect

    image = np.zeros((96, 96, 1), np.uint8)
    image[24:72, 24:72] = 255
    crops = train_affect.centre_crops({"images": image[None], "margin": 2.0})
    assert crops.shape == (1, 48, 48, 3) and crops.min() == 1
    same = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 1)).astype(np.uint8)
    crops = train_affect.centre_crops({"images": same, "margin": 1.0})
    np.testing.assert_allclose((crops[..., 0] + 1) * 127.5, same[..., 0], atol=1e-3)


def test_drawn_transforms_stay_near_the_face():
    import train_affect

    rng = np.random.default_rng(0)
    drawn = np.array([train_affect.drawn_transform(rng, 112, 1.5) for _ in range(300)])
    centres = drawn[:, :, :2] @ (23.5, 23.5) + drawn[:, :, 2]
    pixels = 112 / 1.5 / 48  # of the image in one of the crop
    assert 0.05 * 48 * pixels < np.abs(centres - 55.5).max() < 0.2 * 48 * pixels
    zooms = np.sqrt(np.abs(np.linalg.det(drawn[:, :, :2]))) / pixels
    assert np.exp(-0.26) < zooms.min() < 0.85 and 1.15 < zooms.max() < np.exp(0.26)
    assert 0.4 < (np.linalg.det(drawn[:, :, :2]) < 0).mean() < 0.6


def test_augmented_faces_are_in_range_and_keep_their_colour():
    import train_affect

    images = np.zeros((20, 112, 112, 3), np.uint8)
    images[..., 0] = 200
    faces, clean = train_affect.augmented(images, 1.5, np.random.default_rng(0), degraded=1.0)
    assert faces.dtype == np.float32 and faces.shape == (20, 48, 48, 3)
    assert faces.min() >= -1 and faces.max() <= 1
    assert clean.shape == faces.shape and np.abs(faces - clean).max(axis=(1, 2, 3)).min() >= 0
    assert (faces[..., 0].mean(axis=(1, 2)) > faces[..., 1].mean(axis=(1, 2))).all()


# --- Network and training


def test_the_network_starts_with_the_outputs_of_the_start_network(start):
    import train_affect

    trained = models.load(start)[0]
    network = train_affect.affect_network(trained, dropout=0.5)
    images = np.random.default_rng(0).uniform(-1, 1, (3, 48, 48, 3)).astype(np.float32)
    expected = trained.predict_on_batch({"images": images})
    outputs = network.predict_on_batch({"images": images})
    for name in ("expression", "fer2013"):
        np.testing.assert_allclose(outputs[name], expected, atol=1e-5)
    assert outputs["valence_arousal"].shape == (3, 2)
    assert np.abs(outputs["valence_arousal"]).max() <= 1


def test_a_wider_network_starts_with_the_same_outputs(start):
    import train_affect

    trained = models.load(start)[0]
    wider = train_affect.resized(trained, width=0.0625)
    assert wider.count_params() > 1.5 * trained.count_params()
    images = np.random.default_rng(0).uniform(-1, 1, (3, 48, 48, 3)).astype(np.float32)
    expected = trained.predict_on_batch({"images": images})
    np.testing.assert_allclose(wider.predict_on_batch({"images": images}), expected, atol=1e-5)
    with pytest.raises(SystemExit, match="width"):
        train_affect.resized(trained, width=0.02)


def write_fer2013(folder, count):
    """Writes images and votes; returns the csv with the votes."""
    rng, rows = np.random.default_rng(0), []
    for i in range(count):
        label = ("neutral", "happy", "sad", "angry")[i % 4]
        path = folder / "train" / label / f"Training_{i:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), rng.integers(0, 256, (48, 48)).astype(np.uint8))
        rows.append([f"{label}/{path.name}", *rng.multinomial(10, np.full(10, 0.1))])
    with open(folder / "votes.csv", "w", newline="") as file:
        table = csv.writer(file)
        others = ("contempt", "unknown", "NF")
        table.writerow(["file", *EXPRESSIONS, *others])
        table.writerows(rows)
    return folder / "votes.csv"


@pytest.fixture
def command(start, tmp_path):
    """Arguments of a tiny training."""
    votes = write_fer2013(tmp_path / "fer", 60)
    maps = tmp_path / "maps.json"
    linear = {"features": "linear", "weights": [[0.1, 0.2]] * 8, "offset": [0, 0]}
    maps.write_text(json.dumps(linear))
    np.savez(
        tmp_path / "photographs.npz",
        names=np.array([f"P{chr(65 + i)}_0001.jpg" for i in range(24)]),
        labels=np.arange(24) % 7,
        kept=np.arange(24) % 2 == 1,
        found=np.full(24, "face"),
        crops=np.random.default_rng(0).integers(0, 256, (24, 112, 112, 3)).astype(np.uint8),
    )
    paths = [tmp_path / "fer", votes, maps, tmp_path / "run"]
    options = {
        "--start": start, "--photographs": tmp_path / "photographs.npz", "--epochs": 2,
        "--steps": 2, "--batch-size": 16, "--precision": "float32", "--mean-steps": 16,
    }  # fmt: skip
    return [*map(str, paths), *(str(part) for pair in options.items() for part in pair)]


def test_faces_for_validation_and_tests_are_never_drawn(command):
    import train_affect

    arguments = train_affect.parse_arguments(command)
    faces = train_affect.all_faces(arguments)
    for source in faces.values():
        drawn = train_affect.chances(source, 0.5) > 0
        assert (drawn == ~source["validation"]).all() and source["validation"].any()
    with np.load(arguments.photographs) as content:
        kept = {crop.tobytes() for crop in content["crops"][content["kept"]]}
    assert not kept & {image.tobytes() for image in faces["photographs"]["images"]}


def test_batches_depend_on_the_epoch_only_and_lack_no_weight(command):
    import train_affect

    arguments = train_affect.parse_arguments(command)
    faces = train_affect.all_faces(arguments)
    teacher = models.load(arguments.start)[0]
    first, second = (train_affect.Batches(faces, arguments, teacher) for _ in range(2))
    inputs, targets, weights = first[1]
    np.testing.assert_array_equal(inputs["images"], second[1][0]["images"])
    photographs = round(arguments.photograph_share * 16)
    assert (weights["valence_arousal"] == 0).sum() >= photographs
    fer = 16 - photographs
    labels = np.array([set(np.round(row / 0.2)) for row in targets["fer2013"][:fer]], object)
    assert not any(row <= {0.0, 5.0} for row in labels)  # the start network has its share
    for name, size in train_affect.OUTPUTS.items():
        assert targets[name].shape == (16, size) and weights[name].shape == (16,)
        assert np.isfinite(targets[name]).all()
    second.on_epoch_end()
    assert np.abs(second[1][0]["images"] - inputs["images"]).max() > 0


@pytest.mark.nightly
def test_a_run_resumes_and_saves_a_model_with_its_card(command):
    import train_affect

    run = Path(command[3])
    position = command.index("--epochs") + 1
    train_affect.main([*command[:position], "1", *command[position + 1 :]])
    before = (run / "log.csv").read_text().splitlines()
    train_affect.main(command)
    after = (run / "log.csv").read_text().splitlines()
    assert after[:2] == before and len(after) == 3
    model, card = models.load(run / "best.keras")
    assert card["task"] == ["expression", "valence_arousal"] and set(model.output) == set(
        train_affect.OUTPUTS
    )
    keras.config.set_dtype_policy("float32")


def test_scores_of_photographs_count_classes_with_enough_pictures():
    import train_affect

    labels = np.repeat([0, 1, 4], [10, 2, 8])
    predicted = np.r_[np.zeros(5, int), np.full(5, 2), 1, 1, np.full(6, 4), 0, 0]
    outputs = {"expression": np.eye(7)[predicted]}
    assert train_affect.scores(outputs, {"label": labels}) == {
        "photographs": 13 / 20,
        "balanced": (0.5 + 0.75) / 2,
        "neutral": 0.5,
    }


# --- Export, scores, diagnosis


def test_the_export_mixes_calibrates_and_scales(start):
    import export_affect
    import train_affect

    trained = train_affect.affect_network(models.load(start)[0])
    rng = np.random.default_rng(1)
    for name in train_affect.OUTPUTS:
        layer = trained.get_layer(name)
        layer.set_weights([rng.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    images = rng.uniform(-1, 1, (6, 48, 48, 3)).astype(np.float32)
    gain, offset = np.array([1.5, 3.0]), np.array([0.1, -0.2])
    before = trained.predict_on_batch({"images": images})
    model = export_affect.combined(trained, 0.25, 2.0, gain, offset)
    after = model.predict_on_batch({"images": images})
    calibrated = np.sqrt(before["expression"])
    calibrated /= calibrated.sum(axis=1, keepdims=True)
    expected = 0.75 * calibrated + 0.25 * before["fer2013"]
    np.testing.assert_allclose(after["expression"], expected, atol=2e-3)
    np.testing.assert_allclose(after["expression"].sum(axis=1), 1, atol=2e-3)
    values = np.clip(gain * before["valence_arousal"] + offset, -1, 1)
    np.testing.assert_allclose(after["valence_arousal"], values, atol=6e-3)
    for weight in model.get_weights():
        np.testing.assert_array_equal(weight, weight.astype(np.float16))


def test_fitted_values_have_the_mean_and_deviation_of_their_targets(tmp_path):
    from types import SimpleNamespace

    import export_affect
    import train_affect

    rng = np.random.default_rng(0)
    votes = np.concatenate(
        [rng.multinomial(10, np.full(8, 1 / 8), 200), np.zeros((200, 2))], axis=1
    )
    weights = [rng.uniform(-0.3, 0.3, 2).tolist() for _ in range(8)]
    maps = {"features": "linear", "weights": weights, "offset": [0, 0]}
    (tmp_path / "maps.json").write_text(json.dumps(maps))
    arguments = SimpleNamespace(maps=tmp_path / "maps.json", labels=0.5)
    outputs = {
        "expression": rng.dirichlet(np.ones(7), 200),
        "valence_arousal": rng.normal(0.2, 0.05, (200, 2)),
    }
    settings = export_affect.fitted_settings(outputs, votes, arguments)
    scaled = settings["gain"] * outputs["valence_arousal"] + settings["offset"]
    targets, _ = train_affect.affect_targets(votes, maps)
    np.testing.assert_allclose(scaled.mean(axis=0), targets.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), targets.std(axis=0), atol=1e-5)


def test_units_are_resampled_complete():
    from types import SimpleNamespace

    import affect_scores

    units = np.array(["a", "b", "a", "c", "b", "a"])
    arguments = SimpleNamespace(resamples=40, seed=0)
    seen = []

    def measures(outputs, truth):
        seen.append(np.bincount(outputs, minlength=6))
        return {"mean": outputs.mean()}

    (row,) = affect_scores.Bootstrap(arguments, units).rows(
        "x", measures, np.arange(6), np.arange(6)
    )
    assert row["value"] == 2.5 and row["low"] <= row["value"] <= row["high"]
    for counts in seen:
        assert counts[0] == counts[2] == counts[5] and counts[1] == counts[4]


def test_a_picture_without_a_face_counts_as_wrong(start, command, tmp_path, capsys):
    import tarfile

    import affect_scores

    folder = tmp_path / "facial_expressions"
    (folder / "images").mkdir(parents=True)
    rows = ["user.id,image,emotion"]
    for i in range(8):
        name = f"Person_{chr(65 + i)}_0001.jpg"
        cv2.imwrite(str(folder / "images" / name), np.full((120, 120, 3), 20 * i, np.uint8))
        rows.append(f"1,{name},{('Happiness', 'neutral')[i % 2]}")
    (folder / "legend.csv").write_text("\n".join(rows) + "\n")
    with tarfile.open(tmp_path / "pictures.tar", "w") as archive:
        archive.add(folder, "facial_expressions")
    fer = Path(command[0])
    test = fer / "test" / "neutral"
    test.mkdir(parents=True)
    for path in (fer / "train" / "neutral").iterdir():
        path.rename(test / path.name.replace("Training", "PublicTest"))
    votes = Path(command[1])
    votes.write_text(votes.read_text().replace("neutral/Training", "neutral/PublicTest"))
    arguments = [str(start), *command[:3], "--photographs", str(tmp_path / "pictures.tar")]
    out = tmp_path / "scores.csv"
    affect_scores.main([*arguments, "--resamples", "5", "--out", str(out)])
    with open(out, newline="") as file:
        table = {(row["on"], row["measure"]): row for row in csv.DictReader(file)}
    assert float(table["kept photographs", "missed"]["value"]) == 1
    assert float(table["kept photographs", "accuracy"]["value"]) == 0
    assert table["PublicTest", "accuracy"]["n"] == "15"
    assert ("FER+", "CCC of valence") in table
    assert "kept photographs" in capsys.readouterr().out


def test_one_thing_is_changed_at_a_time(start):
    import affect_gap

    from kollias_affect.faces import fer2013_crops, landmarks

    points = np.full((68, 2), 55.5)
    anchors = (fer2013_crops.FER2013 - 0.5) / 1.5 + 0.5
    places = (landmarks.LEFT_EYE, landmarks.RIGHT_EYE, 30, 48, 54)
    for place, anchor in zip(places, anchors * 111, strict=True):
        points[place] = anchor
    points[36, 0] -= 4
    points[45, 0] += 4
    points[49:54], points[55:68] = points[48], points[54]
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3)).astype(np.uint8)
    faces = {"crops": crops, "points": np.stack([points] * 3), "labels": np.array([0, 4, 0])}
    training = {"labels": np.arange(7), "shares": np.eye(7), "weight": np.ones(7)}
    network = models.load(start)[0]
    table = affect_gap.gaps(network, faces, training).set_index("changed")
    assert table.loc["grey"].equals(table.loc["layout fer2013"])  # the network makes faces grey
    assert table[["accuracy", "neutral", "happiness"]].notna().all(axis=None)
    plain = affect_gap.cut(faces, affect_gap.LAYOUTS["fer2013"])
    larger = affect_gap.cut(faces, affect_gap.scaled(1.5))
    middle = cv2.resize(plain[0][8:40, 8:40], (48, 48), interpolation=cv2.INTER_LINEAR)
    assert np.corrcoef(larger[0].ravel(), middle.ravel())[0, 1] > 0.5
