"""An AffWildNet with any options, trained on any clips; the command `train` calls it."""

import keras

from kollias_affect import _checks, models, training
from kollias_affect.datasets import sampling

PRECISIONS = ("auto", "float32", "mixed_bfloat16")


def train(
    clips,
    validation,
    out_dir,
    validation_share=0.2,
    size=96,
    initializer="papers",
    precision="auto",
    epochs=20,
    learning_rate=None,
    batch_size=4,
    stride=None,
    level="frame",
    decay=None,
    cache=False,
    features=None,
    seed=0,
    **network,
):
    """Builds an AffWildNet and trains it.

    Args:
        clips: List of `Clip` with labels of the task.
        validation: List of `Clip` of other people. Default: a share of the people of `clips`.
        out_dir: Folder of the run.
        validation_share: That share.
        size, initializer, precision: See `build`.
        epochs, learning_rate, batch_size, stride, level, decay, cache, features: See
            `training.train`.
        seed: Seed of the division of the clips, of the initial weights and of the training.
        **network: Further arguments of `models.affwildnet`.

    Returns:
        `(model, card)` of the best epoch, as `models.load` returns them.

    Raises:
        ValueError: As `build` and `training.train` do.
    """
    if validation is None:
        clips, validation = sampling.split(clips, validation_share, seed)
    model = build(size, initializer, precision, seed, **network)
    return training.train(
        model, clips, validation, out_dir, epochs, learning_rate, batch_size, stride, level, decay,
        cache=cache, features=features, seed=seed,
    )  # fmt: skip


def build(size=96, initializer="papers", precision="auto", seed=0, **network):
    """Builds an AffWildNet.

    Args:
        size: Side of the images in pixels.
        initializer: `"papers"` (variance 0.1, biases of 1) or `"keras"`.
        precision: `"float32"`, `"mixed_bfloat16"`, or `"auto"`: the second if the machine
            supports it.
        seed: Seed of the initial weights.
        **network: Further arguments of `models.affwildnet`.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: If an argument is unknown or out of range.
    """
    keras.utils.set_random_seed(_checks.integer_between("seed", seed, 0, 2**32 - 1))
    _checks.one_of("initializer", initializer, ("papers", "keras"))
    _checks.one_of("precision", precision, PRECISIONS)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(models.native_precision() if precision == "auto" else precision)
    try:
        return models.affwildnet(
            initializer="papers" if initializer == "papers" else None,
            input_shape=(size, size, 3),
            seed=seed,
            **network,
        )
    finally:
        keras.config.set_dtype_policy(previous)
