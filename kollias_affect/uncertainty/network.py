"""What a network needs to say how sure it is: a predicted variance, and a distance."""

import math

import keras
import numpy as np
from keras import layers

from kollias_affect import evaluation, models, tasks
from kollias_affect.models import ensembles
from kollias_affect.uncertainty.record import DISTANCE, FLOOR, VARIANCE

_FRAMES = 10_000  # that fit the distance and the variance
_FRAMES_AT_ONCE = 2_000
_DIRECTIONS = 32


def outputs_of(model):
    """Returns the outputs of a model by their names."""
    if isinstance(model.output, dict):
        return dict(model.output)
    return dict(zip(model.output_names, keras.tree.flatten(model.output), strict=True))


def predict(model, clips, names):
    """Predicts several outputs of clips in one pass.

    Args:
        model: `keras.Model`.
        clips: List of `Clip`.
        names: Names of outputs.

    Returns:
        Dict from the key of a clip to a dict from the name to float32 `[frames, units]`, NaN
        without a face.
    """
    read = _reader(model, [outputs_of(model)[name] for name in names])
    return {key: dict(zip(names, parts, strict=True)) for key, parts in read(clips).items()}


def _reader(model, tensors):
    """Returns a function from clips to a dict from key to the values of these tensors."""
    joined = tensors[0]
    if len(tensors) > 1:
        joined = layers.Concatenate(dtype="float32")(tensors)
    ends = np.cumsum([tensor.shape[-1] for tensor in tensors])[:-1]
    network = keras.Model(model.input, joined)

    def read(clips):
        found = evaluation.predict(network, clips)
        return {key: np.split(values, ends, axis=-1) for key, values in found.items()}

    return read


def with_distance(model, clips, variance_of=()):
    """Adds the distance from what clips show, and the variance that errors on them have.

    The distance is the squared Mahalanobis distance of the representation (the input of the output
    layer), divided by its units: about 1 for frames like those of the clips. Its covariance is that
    of probabilistic PCA with up to 32 directions; the others share one variance. The logarithm of
    the squared error of a task is regressed on these directions (ridge). All is made of layers of
    Keras, so that the model loads and exports as before.

    Args:
        model: `keras.Model` of `kollias_affect.models`. Of an ensemble, every member gets a
            distance, and the ensemble has their mean.
        clips: List of `Clip` that were not trained on; for `variance_of` with labels.
        variance_of: Tasks of numbers that get the output `"<task>_variance"`.

    Returns:
        `keras.Model` with these outputs besides its own.

    Raises:
        ValueError: If the clips have too few frames with a face, or with a label.

    References: Tipping and Bishop (1999); Lee et al. (NeurIPS 2018) for the distance; Papadopoulos
        and Haralambous (2011) for conformal intervals scaled by a predicted error.
    """
    members = ensembles.members_of(model)
    if members:
        has_variance = any(name.endswith("_variance") for name in outputs_of(model))
        return models.ensemble([with_distance(member, clips) for member in members], has_variance)
    names = list(models.tasks_of(models.describe(model)))
    representation = model.get_layer(names[0]).input
    found = _representations(model, clips, representation, variance_of)
    x = np.concatenate([each for each, *_ in found])
    seen = np.isfinite(x).all(axis=1)
    pca = _principal_directions(x[seen])
    outputs, directions = outputs_of(model), _directions(representation, pca)
    outputs[DISTANCE] = _distance(directions, pca)
    scaled = (x - pca.mean_) @ pca.components_.T / np.sqrt(pca.noise_variance_)
    for number, task in enumerate(variance_of):
        errors = np.concatenate([of_clip[1][number] for of_clip in found])
        outputs[VARIANCE.format(task)] = _variance(task, directions[1], scaled, errors)
    return keras.Model(model.input, outputs, name=model.name)


def _representations(model, clips, representation, variance_of):
    """Returns `(representations, squared errors by task)` of some frames of groups of clips."""
    step = math.ceil(sum(map(len, clips)) / _FRAMES)
    outputs = outputs_of(model)
    read = _reader(model, [representation, *(outputs[task] for task in variance_of)])
    found = []
    for group in _groups(clips):
        by_key = read(group)
        for clip in group:
            x, *values = by_key[clip.key]
            errors = [_errors(clip, t, v) for t, v in zip(variance_of, values, strict=True)]
            found.append((x[::step], [each[::step] for each in errors]))
    return found


def _groups(clips):
    """Yields lists of clips of about `_FRAMES_AT_ONCE` frames, the most that memory holds."""
    group, frames = [], 0
    for clip in clips:
        group.append(clip)
        frames += len(clip)
        if frames >= _FRAMES_AT_ONCE:
            yield group
            group, frames = [], 0
    if group:
        yield group


def _errors(clip, task, values):
    """Squared errors of the frames of a clip, NaN where the label is unknown."""
    if getattr(clip, tasks.label_field(task)) is None:
        return np.full(values.shape, np.nan)
    errors = (tasks.labels(clip, task) - values) ** 2
    errors[~tasks.known(clip, task)] = np.nan
    return errors


def _principal_directions(x):
    """Returns the `PCA` of representations `[frames, units]`."""
    from sklearn.decomposition import PCA

    if len(x) < 10:
        raise ValueError(
            "A distance needs at least 10 frames with a face. Received: "
            f"{len(x)}. Give more clips to fit it."
        )
    count = max(1, min(_DIRECTIONS, x.shape[1], len(x) // 4))
    pca = PCA(count, svd_solver="randomized", random_state=0).fit(x.astype(np.float64))
    total = max(x.var(axis=0).mean(), 1e-12)
    # Units that never change on these clips would make every other frame infinitely far.
    pca.noise_variance_ = max(pca.noise_variance_, 1e-3 * total)
    return pca


def _directions(representation, pca):
    """Returns the representation in units of the noise, and its principal coordinates."""
    noise = np.full(len(pca.mean_), pca.noise_variance_)
    scale = layers.Normalization(mean=pca.mean_, variance=noise, name="representation_scaled")
    scaled, kernel = scale(representation), pca.components_.T
    return scaled, _fixed(scaled, kernel.shape[1], "representation_directions", kernel)


def _fixed(x, units, name, kernel, bias=None, activation=None):
    """Applies a `Dense` layer of these weights, which are not trained."""
    layer = layers.Dense(
        units, activation, bias is not None, name=name, trainable=False, dtype="float32"
    )
    y = layer(x)
    weights = [kernel] if bias is None else [kernel, bias]
    layer.set_weights([np.asarray(weight, np.float32) for weight in weights])
    return y


def _distance(directions, pca):
    """Formula: `(|s|² − Σ (1 − noise / λ) p²) / units`, of the scaled s and its coordinates p."""
    scaled, coordinates = directions
    units = len(pca.mean_)
    variances = np.maximum(pca.explained_variance_, pca.noise_variance_)
    excess = (pca.noise_variance_ / variances - 1) / units
    kernels = {"distance_total": np.full((units, 1), 1 / units), "distance_excess": excess[:, None]}
    parts = []
    for (name, kernel), x in zip(kernels.items(), (scaled, coordinates), strict=True):
        squares = layers.Multiply(name=f"{name}_squares", dtype="float32")([x, x])
        parts.append(_fixed(squares, 1, name, kernel))
    return layers.Add(name=DISTANCE, dtype="float32")(parts)


def _variance(task, coordinates, x, errors):
    """Returns the predicted variance of the errors of a task, from its regression."""
    from sklearn.linear_model import RidgeCV

    known = np.isfinite(errors).all(axis=1) & np.isfinite(x).all(axis=1)
    if known.sum() < 10:
        raise ValueError(
            f"A predicted variance needs at least 10 frames with a label of {task!r}. Received: "
            f"{int(known.sum())}. Give more clips to fit it, or take scale='constant'."
        )
    target = np.log(errors[known] + FLOOR**2)
    deviation = np.maximum(x[known].std(axis=0), 1e-6)
    ridge = RidgeCV(np.logspace(-2, 6, 9)).fit(x[known] / deviation, target)
    kernel = np.reshape(ridge.coef_, (target.shape[1], -1)).T / deviation[:, None]
    bias = np.reshape(ridge.intercept_, -1)
    return _fixed(coordinates, len(bias), VARIANCE.format(task), kernel, bias, "exponential")
