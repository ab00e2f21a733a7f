"""The parts of the script that trains the shipped network."""

from argparse import Namespace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from kollias_affect import models, training

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import train_fer2013

    keras.utils.set_random_seed(0)
    return train_fer2013


@pytest.fixture
def faces():
    return np.random.default_rng(0).integers(0, 256, (4, 48, 48)).astype(np.uint8)


def identity(count):
    """Arguments that let `augment` change nothing."""
    return {
        "transforms": np.tile(np.eye(2, 3), (count, 1, 1)),
        "gammas": np.ones(count),
        "corners": np.zeros((count, 2), int),
        "sides": np.zeros((count, 2), int),
        "greys": np.zeros(count),
        "shares": np.ones(count),
    }


def grey(images):
    """Converts RGB in [-1, 1] to grey in [0, 255]."""
    assert images.dtype == np.float32
    assert np.ptp(images, axis=-1).max() == 0
    return (images[..., 0] + 1) * 127.5


def test_the_identity_changes_nothing(script, faces):
    augmented = grey(script.augment(faces, **identity(4)))
    np.testing.assert_allclose(augmented, faces, atol=1e-4)


def test_augmentation_transforms_relights_and_hides(script, faces):
    arguments = identity(4)
    arguments["transforms"][0] = [-1, 0, 47], [0, 1, 0]
    arguments["gammas"][1] = 2
    arguments["corners"][2], arguments["sides"][2], arguments["greys"][2] = (40, 3), (20, 5), 0.5
    augmented = grey(script.augment(faces, **arguments))
    np.testing.assert_allclose(augmented[0], faces[0, :, ::-1], atol=1e-4)
    np.testing.assert_allclose(augmented[1], 255 * (faces[1] / 255) ** 2, atol=1e-4)
    hidden = np.zeros((48, 48), bool)
    hidden[40:, 3:8] = True
    np.testing.assert_allclose(augmented[2], np.where(hidden, 127.5, faces[2]), atol=1e-4)


def test_images_are_mixed_from_both_ends_of_the_batch(script, faces):
    arguments = identity(4)
    arguments["shares"][:] = 0.75, 1, 1, 1
    augmented = grey(script.augment(faces, **arguments))
    np.testing.assert_allclose(augmented[0], 0.75 * faces[0] + 0.25 * faces[3], atol=1e-4)
    np.testing.assert_allclose(augmented[1:], faces[1:], atol=1e-4)


def test_drawn_transforms_keep_the_centre_near(script):
    drawn = script.draw_augmentation(np.random.default_rng(0), 500, 0.2)
    a0, a1, a2, b0, b1, b2 = drawn["transforms"].reshape(500, 6).T
    centre = (script.PIXELS - 1) / 2
    shifts = np.stack([(a0 + a1) * centre + a2, (b0 + b1) * centre + b2]) - centre
    furthest = script.MOVES * np.exp(max(script.ZOOMS)) * np.sqrt(2)
    assert furthest / 2 < np.abs(shifts).max() < furthest
    assert np.abs(shifts.mean(axis=1)).max() < script.MOVES / 10
    zooms = np.sqrt(a0**2 + a1**2)
    np.testing.assert_allclose(np.abs(a0 * b1 - a1 * b0), zooms**2, rtol=1e-5)
    assert 0.4 < (a0 < 0).mean() < 0.6
    low, high = np.exp(script.ZOOMS)
    assert low <= zooms.min() < zooms.max() <= high
    bottoms = drawn["corners"] + drawn["sides"]
    assert bottoms.max() <= script.PIXELS and 0.4 < (drawn["sides"] > 0).mean() < 0.6


def batches(script, faces, folder, teachers=()):
    """`AugmentedFaces` with two batches per epoch and two views."""
    options = {"batch_size": 2, "seed": 3, "mixing": 0.5, "views": 2, "epochs": 9, "taught": 0.75}
    return script.AugmentedFaces(faces, np.arange(4), Namespace(out=folder, **options), teachers)


def test_targets_are_the_teachers_outputs_for_the_same_images(script, faces, tmp_path):
    teachers = [script.network(0.04, size) for size in (32, 40)]
    taught = batches(script, faces, tmp_path, teachers)
    labels_alone = batches(script, faces, tmp_path)
    for epoch in range(3):
        for index in range(2):
            (inputs, targets), (same, labels) = taught[index], labels_alone[index]
            np.testing.assert_array_equal(inputs["images"], same["images"])
            outputs = [ops.convert_to_numpy(teacher(inputs)) for teacher in teachers]
            expected = 0.25 * labels + 0.75 * np.mean(outputs, axis=0)
            np.testing.assert_allclose(targets, expected, atol=1e-3)
            assert np.abs(targets - labels).max() > 0.01
        taught.on_epoch_end()
        labels_alone.on_epoch_end()
        assert len(list(tmp_path.glob("said/view*.npy"))) == min(epoch + 1, 2)


def test_teachers_run_once_per_view(script, faces, tmp_path):
    teacher = script.network(0.04, 32)
    before = batches(script, faces, tmp_path, [teacher])[0][1]
    teacher.set_weights([0 * weight for weight in teacher.get_weights()])
    np.testing.assert_array_equal(batches(script, faces, tmp_path, [teacher])[0][1], before)


def test_views_differ_and_repeat(script, faces, tmp_path):
    dataset = batches(script, faces, tmp_path)
    epochs = []
    for _ in range(4):
        epochs.append([dataset[index][0]["images"] for index in range(len(dataset))])
        dataset.on_epoch_end()
    np.testing.assert_array_equal(epochs[0], epochs[2])
    np.testing.assert_array_equal(epochs[1], epochs[3])
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_plain_call_is_not_training(script, faces):
    network, images = script.network(0.04, 32), {"images": script.to_unit_range(faces)}
    before = network.get_weights()
    plain = ops.convert_to_numpy(network(images))
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(plain, network(images, training=False))
    network(images, training=True)
    after = network.get_weights()
    changed = [not np.array_equal(*pair) for pair in zip(before, after, strict=True)]
    assert sum(changed) == 2 * 13  # the moving moments


def test_narrowing_keeps_the_strongest_channels(script, faces):
    wide, narrow = script.network(0.125, 32), script.network(0.0625, 32)
    random = np.random.default_rng(0)
    for layer in wide._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            count = layer.gamma.shape[0]
            alive = np.zeros(count, np.float32)
            alive[random.permutation(count)[: count // 2]] = 1
            layer.gamma.assign(random.uniform(0.5, 1, count) * alive)
            layer.beta.assign(random.normal(size=count) * alive)
    narrow.set_weights(script.narrow_weights(wide.get_weights(), narrow))
    images = {"images": script.to_unit_range(faces)}
    np.testing.assert_allclose(narrow(images), wide(images), atol=1e-6)


def test_a_start_without_normalization_keeps_the_outputs(script, faces):
    folded = script.network(0.04, 32, batch_normalization=False)
    model, images = script.network(0.04, 32, dropout=0), script.to_unit_range(faces)
    for layer in folded._flatten_layers():
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.random.default_rng(0).normal(size=layer.bias.shape))
    script.set_start_weights(model, folded, images)
    images = {"images": images}
    for in_training in (False, True):
        outputs = model(images, training=in_training)
        np.testing.assert_allclose(outputs, folded(images), atol=1e-4)
    with pytest.raises(SystemExit, match="same --width; its conv1_1 has weights"):
        script.set_start_weights(script.network(0.0625, 32), folded, images["images"])
    with pytest.raises(SystemExit, match="a network of this script; .* no conv1_1, "):
        script.set_start_weights(model, keras.Sequential([keras.layers.Dense(2)]), images["images"])


def test_a_start_with_normalization_is_narrowed(script, faces):
    wide, narrow = script.network(0.125, 32), script.network(0.0625, 32)
    script.set_start_weights(narrow, wide, script.to_unit_range(faces))
    for value, expected in zip(
        narrow.get_weights(), script.narrow_weights(wide.get_weights(), narrow), strict=True
    ):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("distance", [0, 0.5])
def test_gradients_are_taken_ahead(script, distance):
    layer = keras.layers.Dense(2, use_bias=False)
    model = keras.Sequential([keras.Input((3,)), layer])
    optimizer = script.MomentumSAM(0.1, distance, momentum=0.9)
    model.compile(optimizer, loss="mse")
    random = np.random.default_rng(0)
    weights, momentum = layer.get_weights()[0], np.zeros((3, 2))
    for _ in range(4):
        inputs, targets = random.normal(size=(5, 3)), random.normal(size=(5, 2))
        model.train_on_batch(inputs, targets)
        norm = np.sqrt((momentum**2).sum())
        ahead = weights + distance * momentum / max(norm, 1e-12)
        momentum = 0.9 * momentum - 0.1 * inputs.T @ (inputs @ ahead - targets) / 5
        weights = weights + momentum
    ahead = weights + distance * momentum / np.sqrt((momentum**2).sum())
    np.testing.assert_allclose(layer.get_weights()[0], ahead, atol=1e-5)
    optimizer.move_ahead(-1)
    np.testing.assert_allclose(layer.get_weights()[0], weights, atol=1e-5)


def test_the_mean_uses_the_weights_not_those_ahead(script, faces, tmp_path):
    model, mean = script.network(0.04, 32), script.network(0.04, 32)
    optimizer = script.MomentumSAM(0.1, 3, momentum=0.9)
    model.compile(optimizer, loss="categorical_crossentropy", run_eagerly=True)
    model.train_on_batch({"images": script.to_unit_range(faces)}, script.one_hot(np.arange(4)))
    averaging = script.MeanOfWeights(mean, tmp_path / "mean.keras", None, None, None, 1)
    averaging.set_model(model)
    before, start = model.get_weights(), mean.get_weights()
    averaging.on_train_batch_end(0)
    share = script.STEPS_BETWEEN / script.STEPS_IN_MEAN
    optimizer.move_ahead(-1)
    for current, old, value in zip(mean.get_weights(), start, model.get_weights(), strict=True):
        np.testing.assert_allclose(current, old + share * (value - old), atol=1e-6)
    optimizer.move_ahead()
    for current, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_allclose(current, value, atol=1e-5)


def test_means_of_the_last_epochs_have_their_own_files(script, faces, tmp_path):
    model, mean = script.network(0.04, 32), script.network(0.04, 32)
    mean.compile(loss="categorical_crossentropy", run_eagerly=True)
    test = {"images": script.to_unit_range(faces)}, script.one_hot(np.arange(4))
    best = training.BestModel(tmp_path / "best.keras", "val_loss")
    backup = training.AtomicBackup(tmp_path / "backup")
    averaging = script.MeanOfWeights(mean, tmp_path / "mean.keras", test, best, backup, 1)
    averaging.set_model(model)
    averaging.on_train_begin()
    for epoch in range(3):
        averaging.on_epoch_end(epoch, {})
    files = {path.name for path in tmp_path.glob("mean*.keras")}
    assert files == {"mean.keras", "mean001.keras", "mean002.keras"}
    assert models.load(tmp_path / "mean002.keras")[1]["epoch"] == 2
