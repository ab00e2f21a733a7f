import keras
import numpy as np
import pytest

from kollias_affect import losses, metrics


@pytest.fixture
def batch():
    random = np.random.default_rng(3)
    y_true = random.uniform(-1, 1, (4, 10, 2)).astype(np.float32)
    y_pred = (0.5 * y_true + random.normal(0, 0.3, y_true.shape)).astype(np.float32)
    weights = np.ones((4, 10), np.float32)
    weights[:, 7:] = 0
    return y_true, y_pred, weights


def test_loss_is_one_minus_the_mean_ccc(batch):
    y_true, y_pred, weights = batch
    expected = 1 - np.mean(metrics.ccc(y_true, y_pred, weights))
    assert float(losses.CCCLoss()(y_true, y_pred, weights)) == pytest.approx(expected, abs=1e-6)


def test_loss_is_0_for_equal_and_2_for_opposite_values():
    y_true = np.random.default_rng(0).uniform(-1, 1, (4, 10, 2)).astype(np.float32)
    y_true -= y_true.mean(axis=(0, 1))
    assert float(losses.CCCLoss()(y_true, y_true)) == pytest.approx(0, abs=1e-6)
    assert float(losses.CCCLoss()(y_true, -y_true)) == pytest.approx(2, abs=1e-6)


def test_padding_does_not_count(batch):
    y_true, y_pred, weights = batch
    without = losses.CCCLoss()(y_true[:, :7], y_pred[:, :7])
    y_pred[:, 7:] = 99
    assert float(losses.CCCLoss()(y_true, y_pred, weights)) == pytest.approx(
        float(without), abs=1e-6
    )


def test_sequence_level_takes_each_weighted_mean_as_a_sample(batch):
    y_true, y_pred, weights = batch
    expected = 1 - np.mean(metrics.ccc(y_true[:, :7].mean(1), y_pred[:, :7].mean(1)))
    loss = losses.CCCLoss(level="sequence")
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(expected, abs=1e-6)


def test_sequences_without_weight_are_no_samples(batch):
    y_true, y_pred, weights = batch
    weights[2] = 0
    others = [0, 1, 3]
    loss = losses.CCCLoss(level="sequence")
    expected = loss(y_true[others], y_pred[others], weights[others])
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("level", losses.LEVELS)
@pytest.mark.parametrize("case", ["usual", "constant labels", "constant predictions", "no weight"])
def test_gradients_agree_with_finite_differences(batch, level, case):
    tf = pytest.importorskip("tensorflow")
    y_true, y_pred, weights = batch
    if case == "constant labels":
        y_true[:] = 0.25
    if case == "constant predictions":
        y_pred[:] = 0.25
    if case == "no weight":
        weights[:] = 0
    loss = losses.CCCLoss(level)
    variable = tf.Variable(y_pred)
    with tf.GradientTape() as tape:
        value = loss(y_true, variable, weights)
    gradient = tape.gradient(value, variable).numpy()
    assert np.isfinite(gradient).all() and np.isfinite(float(value))
    direction = np.random.default_rng(0).normal(size=y_pred.shape).astype(np.float32)
    step = 1e-2
    ahead = float(loss(y_true, y_pred + step * direction, weights))
    behind = float(loss(y_true, y_pred - step * direction, weights))
    numeric = (ahead - behind) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(numeric, rel=0.02, abs=2e-3)


def test_reductions_are_those_of_keras(batch):
    values = losses.CCCLoss(reduction="none")(*batch)
    assert values.shape == (2,)
    total = float(losses.CCCLoss(reduction="sum")(*batch))
    assert total == pytest.approx(float(np.sum(values)), abs=1e-6)


def test_unknown_levels_are_refused():
    with pytest.raises(ValueError, match="`level` must be one of"):
        losses.CCCLoss(level="clip")


@pytest.mark.parametrize("loss", [losses.CCCLoss(), losses.CCCLoss("sequence", name="other")])
def test_configs_are_complete(loss, config_is_complete):
    config_is_complete(loss)
    assert isinstance(keras.losses.deserialize(keras.losses.serialize(loss)), losses.CCCLoss)


def test_masks_are_weights(batch):
    y_true, y_pred, weights = batch
    masked = keras.ops.convert_to_tensor(y_pred)
    masked._keras_mask = keras.ops.convert_to_tensor(weights > 0)
    expected = float(losses.CCCLoss()(y_true, y_pred, weights))
    assert float(losses.CCCLoss()(y_true, masked)) == pytest.approx(expected, abs=1e-6)


def transcribed_e_b(d, x, z, f, scale=1.0):
    """Paper A eq. 6-8 in double precision: samples `[m, n]`, one-hot d `[m, k]`, centroids."""
    total = 0.0
    for d_m, x_m in zip(np.asarray(d, np.float64), np.asarray(x, np.float64), strict=True):
        y_m = np.asarray(z, np.float64) - x_m
        v_m = (y_m * y_m).sum(axis=1)
        if f == "softmax":
            e = np.exp((v_m - v_m.max()) / scale)
            f_m = e / e.sum()
        else:
            f_m = v_m / v_m.sum() if v_m.sum() > 0 else np.full(len(z), 1 / len(z))
        total += ((d_m - (1 - f_m)) ** 2).sum()
    return total / d.shape[0] / d.shape[1]


def centroid_case(name, samples=12, units=128):
    """One-hot labels, representations and centroids, the latter two as float32."""
    random = np.random.default_rng(7)
    d = np.eye(7)[random.integers(7, size=samples)]
    z = random.normal(0, 0.1, (7, units))
    x = random.normal(0, 0.1, (samples, units))
    if name == "saturated":
        z, x = 10 * z, 10 * x
    if name == "on a centroid":
        x = z[random.integers(7, size=samples)]
    if name == "all centroids on the representation":
        z = np.repeat(z[:1], 7, axis=0)
        x = np.repeat(z[:1], samples, axis=0)
    if name == "all centroids alike":
        z = np.repeat(z[:1], 7, axis=0)
    if name == "squared distance 1e6":
        x = x + 1e3 * direction(random, units)
    if name == "distance 1e6":
        x = x + 1e6 * direction(random, units)
    if name == "far, but equally from all":
        difference = z[1:] - z[0]
        away = direction(random, units)
        away -= difference.T @ np.linalg.lstsq(difference.T, away, rcond=None)[0]
        x = x + 1e3 * away / np.linalg.norm(away)
    if name == "far from the origin":
        z, x = z + 1e3, x + 1e3
    return d, x.astype(np.float32), z.astype(np.float32)


def direction(random, units):
    away = random.normal(size=units)
    return away / np.linalg.norm(away)


CENTROID_CASES = (
    "usual",
    "saturated",
    "on a centroid",
    "all centroids on the representation",
    "all centroids alike",
    "squared distance 1e6",
    "distance 1e6",
    "far, but equally from all",
    "far from the origin",
)
NORMALIZATIONS = ("softmax", "linear")


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("case", CENTROID_CASES)
def test_centroid_loss_is_the_papers_equation(case, normalization):
    d, x, z = centroid_case(case)
    expected = transcribed_e_b(d, x, z, normalization)
    assert np.isfinite(expected)
    assert float(losses.CentroidLoss(z, normalization)(d, x)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("case", CENTROID_CASES)
def test_gradients_of_the_centroid_loss_are_those_of_the_equation(case, normalization):
    tf = pytest.importorskip("tensorflow")
    d, x, z = centroid_case(case)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = losses.CentroidLoss(z, normalization)(d, variable)
    gradient = tape.gradient(value, variable).numpy().astype(np.float64)
    assert np.isfinite(gradient).all()
    along = np.random.default_rng(0).normal(size=x.shape)
    along /= np.linalg.norm(along)
    step = 1e-5 * max(1, np.abs(x).max())
    ahead, behind = (
        transcribed_e_b(d, x + sign * step * along, z, normalization) for sign in (1, -1)
    )
    numeric = (ahead - behind) / (2 * step)
    assert (gradient * along).sum() == pytest.approx(numeric, rel=1e-3, abs=1e-7)


def test_linear_outputs_are_one_over_k_where_all_distances_are_zero():
    d, x, z = centroid_case("all centroids on the representation")
    expected = ((d - 6 / 7) ** 2).mean()
    assert float(losses.CentroidLoss(z, "linear")(d, x)) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_minimum_of_the_centroid_loss(normalization):
    """On its centroid, and as far from each other one: 25/42."""
    z, d = 3 * np.eye(7, dtype=np.float32), np.eye(7)
    value = float(losses.CentroidLoss(z, normalization)(d, z))
    assert value == pytest.approx(25 / 42, abs=1e-6)
    nearby = z + 0.1 * np.random.default_rng(0).normal(size=z.shape)
    assert float(losses.CentroidLoss(z, normalization)(d, nearby)) > value


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_single(dtype):
    d, x, z = centroid_case("usual")
    half = keras.ops.cast(300 + x, dtype)  # squared distances of 1e7 do not fit float16
    rounded = np.asarray(keras.ops.cast(half, "float32"))
    expected = transcribed_e_b(d, rounded, z, "linear")
    assert float(losses.CentroidLoss(z, "linear")(d, half)) == pytest.approx(expected, abs=1e-6)


def test_scale_divides_the_distances_under_the_softmax():
    d, x, z = centroid_case("saturated")
    loss = losses.CentroidLoss(z, "softmax", 100.0)
    expected = transcribed_e_b(d, x, z, "softmax", 100.0)
    assert float(loss(d, x)) == pytest.approx(expected, abs=1e-6)
    assert abs(expected - transcribed_e_b(d, x, z, "softmax")) > 0.01


def test_axes_distinguish_class_numbers_from_one_hot_labels():
    d, x, z = centroid_case("usual")
    loss = losses.CentroidLoss(z)
    expected = float(loss(d, x))
    assert float(loss(d.argmax(1), x)) == pytest.approx(expected, abs=1e-7)
    windows = d.argmax(1).reshape(3, 4), x.reshape(3, 4, -1)
    assert float(loss(*windows)) == pytest.approx(expected, abs=1e-7)
    soft = 0.9 * d + 0.1 / 7
    assert float(loss(soft, x)) == pytest.approx(transcribed_e_b(soft, x, z, "linear"), abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 1), (3, 4, 6), (3, 5), (4, 3, 7), (7,)])
def test_labels_of_another_shape_are_refused(shape):
    loss = losses.CentroidLoss(np.eye(7, 5))
    with pytest.raises(ValueError, match="must have the shape"):
        loss(np.zeros(shape), np.zeros((3, 4, 5), np.float32))


def test_representations_of_another_width_are_refused():
    with pytest.raises(ValueError, match="as many units as the centroids, 5"):
        losses.CentroidLoss(np.eye(7, 5))(np.zeros(3, int), np.zeros((3, 6), np.float32))


def test_class_numbers_outside_the_classes_are_refused_or_nan():
    tf = pytest.importorskip("tensorflow")
    d, x, z = centroid_case("usual")
    loss, labels = losses.CentroidLoss(z), d.argmax(1)
    labels[3] = 7
    weights = np.ones(len(labels), np.float32)
    with pytest.raises(ValueError, match="from 0 to 6. Received: 7"):
        loss(labels, x, weights)
    assert np.isnan(float(tf.function(loss)(tf.constant(labels), x)))
    weights[3] = 0
    expected = float(loss(np.delete(labels, 3), np.delete(x, 3, 0)))
    assert float(loss(labels, x, weights)) == pytest.approx(expected, abs=1e-6)


def test_frames_without_weight_do_not_change_the_centroid_loss():
    tf = pytest.importorskip("tensorflow")
    d, x, z = centroid_case("usual")
    d, x = d.reshape(3, 4, 7), x.reshape(3, 4, -1)
    weights = np.ones((3, 4), np.float32)
    weights[:, 3] = 0
    expected = transcribed_e_b(d[:, :3].reshape(9, 7), x[:, :3].reshape(9, -1), z, "linear")
    x[:, 3], d[:, 3] = np.nan, np.nan
    loss, variable = losses.CentroidLoss(z), tf.Variable(x)
    with tf.GradientTape() as tape:
        value = loss(d, variable, weights)
    assert float(value) == pytest.approx(expected, abs=1e-6)
    gradient = tape.gradient(value, variable).numpy()
    assert np.isfinite(gradient).all() and not gradient[:, 3].any()
    assert float(loss(d, x, np.zeros((3, 4)))) == 0


def test_weights_of_sequences_reach_all_their_frames():
    d, x, z = centroid_case("usual")
    d, x = d[:9].reshape(3, 3, 7), x[:9].reshape(3, 3, -1)  # a square: broadcasting would fit too
    weights = np.array([1.0, 0.0, 2.0])
    each = [transcribed_e_b(d[i], x[i], z, "linear") for i in range(3)]
    expected = (each[0] + 2 * each[2]) / 3
    assert float(losses.CentroidLoss(z)(d, x, weights)) == pytest.approx(expected, abs=1e-6)


def test_masks_are_weights_of_the_centroid_loss():
    d, x, z = centroid_case("usual")
    weights = np.arange(12) % 3 > 0
    masked = keras.ops.convert_to_tensor(x)
    masked._keras_mask = keras.ops.convert_to_tensor(weights)
    expected = transcribed_e_b(d[weights], x[weights], z, "linear")
    assert float(losses.CentroidLoss(z)(d, masked)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("centroids", "message"),
    [
        (np.zeros(7), r"shape \(7,\) with 0 NaN"),
        (np.full((7, 2), np.nan), "14 NaN"),
        ({"a": 1}, "Received"),
    ],
)
def test_invalid_centroids_are_refused(centroids, message):
    with pytest.raises(ValueError, match=message):
        losses.CentroidLoss(centroids)


@pytest.mark.parametrize("options", [{"normalization": "max"}, {"scale": 0}, {"scale": -1.0}])
def test_options_of_the_centroid_loss_are_checked(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        losses.CentroidLoss(np.eye(7), **options)


def test_config_of_the_centroid_loss_is_complete(config_is_complete):
    d, x, z = centroid_case("usual")
    loss = losses.CentroidLoss(z, "linear", scale=2.0, name="e_b")
    config_is_complete(loss)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, losses.CentroidLoss)
    assert float(again(d, x)) == float(loss(d, x))


def test_the_loss_of_action_units_is_the_mean_over_known_units_and_weighted_frames():
    p = np.array([[[0.9, 0.2, 0.6], [0.5, 0.5, 0.5]]], np.float32)
    labels = np.array([[[1, 0, -1], [1, 1, 1]]], np.float32)
    weights = np.array([[1.0, 0.0]], np.float32)
    expected = (-3 * np.log(0.9) - np.log(0.8)) / 2  # the third unit is unknown
    loss = losses.ActionUnitLoss([3.0, 1.0, 1.0])
    assert float(loss(labels, p, weights)) == pytest.approx(expected, abs=1e-6)


def test_the_loss_of_action_units_is_that_of_keras_if_all_are_known():
    random = np.random.default_rng(0)
    p, labels = random.uniform(size=(4, 3, 12)), random.integers(0, 2, (4, 3, 12))
    expected = float(keras.losses.BinaryCrossentropy()(labels, p))
    assert float(losses.ActionUnitLoss()(labels, p)) == pytest.approx(expected, abs=1e-5)


def test_frames_without_labels_do_not_make_the_loss_of_action_units_smaller():
    p, labels = np.full((2, 3, 12), 0.25), np.ones((2, 3, 12))
    weights = np.array([[1, 0, 0], [0, 0, 0]])
    assert float(losses.ActionUnitLoss()(labels, p, weights)) == pytest.approx(np.log(4), abs=1e-5)
    assert float(losses.ActionUnitLoss()(labels, p, 0 * weights)) == 0


def test_matching_is_0_where_the_units_are_those_of_the_expressions():
    table = np.array([[0.2, 1.0], [0.8, np.nan]])
    shares = np.array([[0.5, 0.5], [1.0, 0.0]])
    agreeing = np.array([[0.5, 0.99], [0.2, 1.0]])
    # In the first row the table says nothing about half of the share: q = 0.5 + 0.5 * 0.99.
    q, p = 0.995, 0.99
    divergence = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    loss = losses.MatchingLoss(table)
    outputs = np.concatenate([shares, agreeing], axis=1)
    assert float(loss(None, outputs)) == pytest.approx(divergence / 4, abs=1e-5)
    assert float(loss(None, outputs, np.array([0.0, 1.0]))) == pytest.approx(0, abs=1e-5)
    other = np.concatenate([shares, [[0.9, 0.5], [0.2, 1.0]]], axis=1)
    assert float(loss(None, other)) > 0.05


def test_tables_of_matching_hold_probabilities():
    with pytest.raises(ValueError, match="probability in"):
        losses.MatchingLoss([[1.5, 0.0]])


@pytest.mark.parametrize("loss", [losses.ActionUnitLoss([2.0]), losses.MatchingLoss([[0.5]])])
def test_configs_of_the_losses_of_tasks_are_complete(loss, config_is_complete):
    config_is_complete(loss)
