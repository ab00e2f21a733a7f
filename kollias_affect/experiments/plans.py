"""Lines that say what a training is going to do, before it does it."""

import math

from kollias_affect import models, windows
from kollias_affect._texts import count
from kollias_affect.tasks import label_field
from kollias_affect.training.choice import monitor_of


def describe_network(model):
    """Returns the tasks of a model, and the numbers of its parameters.

    Args:
        model: `keras.Model` of `kollias_affect.models`.

    Example:

    >>> from kollias_affect import backbones
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> describe_network(models.cnn(backbone, "valence", hidden_units=8)).split(", ")[:2]
    ['cnn for valence', '32 x 32 pixels']
    """
    card = models.describe(model)
    names = ", ".join(models.tasks_of(card))
    size, every = card["image"]["size"], model.count_params()
    trained = sum(math.prod(weight.shape) for weight in model.trainable_variables)
    part = "all of them trained" if trained == every else f"{trained:,} of them trained"
    return f"{model.name} for {names}, {size} x {size} pixels, {every:,} parameters, {part}"


def describe_training(model, clips, epochs, options):
    """Returns epochs, batches, optimizer, loss, and what chooses the epoch of a training.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        clips: List of `Clip` to train on.
        epochs: Number of epochs.
        options: Dict, the result of `training.resolve_options`.

    Example:

    >>> from kollias_affect import backbones, training
    >>> from kollias_affect.clip import Clip
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> model = models.cnn(backbone, "valence", hidden_units=8, length=5)
    >>> options = training.resolve_options(model, batch_size=2)
    >>> print(describe_training(model, [Clip("a", ["1.png"] * 12)], 20, options))
    20 epochs of 2 batches of 2 windows of 5 frames, learning rate 0.001, loss ccc, seed 0; the
    epoch with the highest val_ccc is kept
    """
    card = models.describe(model)
    length = card["length"] or 1
    size = options["batch_size"]
    what = count(size, "frame") if length == 1 else f"{count(size, 'window')} of {length} frames"
    batches = windows.batches(clips, length, options["stride"], size)
    batches = count(batches, "batch", "batches")
    has_affect = any(label_field(name) == "valence_arousal" for name in models.tasks_of(card))
    loss = f"loss {options['loss']}, " if has_affect else ""
    return (
        f"{count(epochs, 'epoch')} of {batches} of {what}, learning rate "
        f"{options['learning_rate']:g}, {loss}seed {options['seed']}; the epoch with the highest "
        f"{monitor_of(card['task'], options['choose_by'])} is kept"
    )


def describe_stage(number, stage, batch_size):
    """Returns the sets, epochs and batches of a stage of `transfer.staged`.

    Args:
        number: Number of the stage, from 1.
        stage: `transfer.Stage`.
        batch_size: Pictures per batch.

    Example:

    >>> from kollias_affect import transfer
    >>> from kollias_affect.clip import Clip
    >>> faces = [Clip("a", ["1.png"] * 200)], [Clip("b", ["2.png"] * 50)]
    >>> describe_stage(1, transfer.Stage("FER", *faces), 128)
    'Stage 1, FER: 200 pictures train and 50 validate; 20 epochs of 2 batches, learning rate 0.001'
    """
    training_frames, validation_frames = (
        sum(len(clip) for clip in clips) for clips in (stage.training, stage.validation)
    )
    batches = count(math.ceil(training_frames / batch_size), "batch", "batches")
    return (
        f"Stage {number}, {stage.name}: {count(training_frames, 'picture')} train and "
        f"{validation_frames:,} validate; {count(stage.epochs, 'epoch')} of {batches}, learning "
        f"rate {stage.learning_rate:g}"
    )
