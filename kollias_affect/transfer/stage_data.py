"""The sets of clips of a fine-tuning in stages: checks, and batches for training."""

import os

from kollias_affect import shards, windows
from kollias_affect.datasets import sampling


def sets_of(stages, target, test):
    """Collects the sets of clips of all stages, each of them once.

    Args:
        stages: List of `Stage`.
        target: List of `Clip` that every stage is also scored on.
        test: List of further `Clip`, or `None`.

    Returns:
        Dict from the name of a set to a list of `Clip`.
    """
    sets = {}
    for stage in stages:
        sets[f"{stage.name} training"] = stage.training
        sets[f"{stage.name} validation"] = stage.validation
    if not any(target is stage.validation for stage in stages):
        sets["target"] = target
    return sets if test is None else {**sets, "test": test}


def check_sets(stages, target, test):
    """Checks labels, overlaps and image files of all sets before the first stage is trained.

    Args:
        stages: List of `Stage`.
        target: List of `Clip` that every stage is also scored on.
        test: List of further `Clip`, or `None`.

    Raises:
        ValueError: If labels are missing, a set has no valid frame, a picture is in a training
            set and in a set that is scored, or a picture cannot be decoded.
    """
    sets = sets_of(stages, target, test)
    for name, clips in sets.items():
        _check_labels(name, clips)
    for stage in stages:
        for name, clips in (("validation", stage.validation), ("target", target), ("test", test)):
            _check_overlap(stage, name, clips or ())
    _check_images([clip for clips in sets.values() for clip in clips])


def _check_labels(name, clips):
    unlabelled = [clip.key for clip in clips if clip.expression is None]
    if unlabelled or not any(clip.valid.any() for clip in clips):
        raise ValueError(
            "Every set must have clips with expressions, and at least one valid frame. Received: "
            f"{name} with {len(clips)} clips, of which without a label: {unlabelled[:5]}. Check "
            "path, split and labels."
        )


def _check_overlap(stage, name, clips):
    common = sampling.pictures(stage.training) & sampling.pictures(clips)
    if common:
        raise ValueError(
            f"No picture may be in the training set and the {name} set. Received in both, in the "
            f"stage {stage.name!r}: {sorted(common)[:3]} ({len(common)} pictures). Split with "
            "`datasets.sampling.split`."
        )


def _check_images(clips):
    """Decodes every picture once."""
    import tensorflow as tf

    def shape(path):
        content = tf.numpy_function(lambda p: shards.read_bytes(os.fsdecode(p)), [path], tf.string)
        return tf.shape(tf.io.decode_image(content, channels=3, expand_animations=False))

    paths = sorted(sampling.pictures(clips))
    shapes = tf.data.Dataset.from_tensor_slices(paths).map(shape, os.cpu_count())
    with windows.naming_bad_images(clips):
        for _ in windows.untuned(shapes.batch(256)):
            pass


def batches(clips, settings, cache=False, shuffle=False, first_epoch=0):
    """Makes batches of frames, or of windows if the model takes windows, with expressions.

    Args:
        clips: List of `Clip` with `expression`.
        settings: Dict with `length` (`None` for a model of frames), `batch_size`, `landmarks`,
            `size` and `seed`.
        cache: See `windows.dataset`.
        shuffle: See `windows.dataset`.
        first_epoch: See `windows.dataset`.

    Returns:
        `tf.data.Dataset` of `(inputs, labels, weights)`.
    """
    length = settings["length"]
    data = windows.dataset(
        clips,
        length=length or 1,
        batch_size=settings["batch_size"],
        landmarks=settings["landmarks"],
        task="expression",
        size=settings["size"],
        seed=settings["seed"],
        shuffle=shuffle,
        first_epoch=first_epoch,
        cache=cache,
    )
    if length is not None:
        return data

    def first_frame(inputs, labels, weights):
        return {name: value[:, 0] for name, value in inputs.items()}, labels[:, 0], weights[:, 0]

    return data.map(first_frame)
