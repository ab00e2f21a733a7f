"""A complete run that resumes after a kill."""

import tensorflow as tf

from kollias_affect import _checks, _files, _runs, models, presets, tasks, windows
from kollias_affect import features as feature_files
from kollias_affect.datasets import sampling, synthetic
from kollias_affect.training import choice, objectives
from kollias_affect.training.compilation import compile_model
from kollias_affect.training.output import callbacks, epoch_output, progress_line
from kollias_affect.training.released import gradients_released
from kollias_affect.training.resuming import AtomicBackup, SeedEpochs

# What a run writes besides its settings.
RUN_FILES = ("best.keras", "log.csv", "backup")


def train(
    model,
    training,
    validation,
    out_dir,
    epochs=20,
    learning_rate=None,
    batch_size=None,
    stride=None,
    level="frame",
    decay=None,
    loss=None,
    cache=False,
    features=None,
    seed=0,
    verbose=None,
    weight_decay=None,
    choose_by="frame",
    settings="C",
    record=None,
    loss_weights=None,
    focal=None,
    label_smoothing=None,
    soft_labels=False,
    class_weights=None,
    unit_weights=None,
    balance_tasks=False,
    matching=None,
):
    """Trains a model on clips. A second call with the same arguments resumes the run.

    Writes the files of `callbacks` and `settings.json` to `out_dir`. One process at a time works
    in a folder.

    Args:
        model: Model of `kollias_affect.models`, newly built or trained before.
        training: List of `Clip` with labels. For a model with several tasks each clip may lack
            some; a frame has weight 0 for each task of which it has no label.
        validation: List of `Clip` with labels, without a subject of `training`. Official parts
            of one database may share some, see `Clip`.
        out_dir: Folder of the run.
        epochs: Number of epochs, those before an interruption included.
        learning_rate, batch_size, loss: Initial learning rate, windows per batch, and loss of
            valence and arousal (`"ccc"` or `"mse"`). Default: those of `settings`; the learning
            rate depends on whether a layer is frozen.
        stride: Stride of the training windows, see `windows.dataset`.
        level, decay, weight_decay: See `compile_model`.
        cache: See `windows.dataset`.
        features: Folder for the cached outputs of a frozen CNN. After the first epoch the CNN does
            not run again, see `features.of_clips`.
        seed: Seed of the order of the windows and of dropout.
        verbose: `verbose` of `keras.Model.fit`. Default: progress bars on a terminal, one line an
            epoch elsewhere.
        choose_by: Score on the validation clips that chooses the best epoch: the CCC of
            `"frame"`s, of each `"sequence"` or of each `"utterance"`, see
            `evaluation.level_scores`. For expressions it is the accuracy. Paper B scores
            utterances of OMG-Emotion. The logs then have `val_sequence_ccc` or
            `val_utterance_ccc`. For several tasks it is `choice.CombinedScore`.
        settings: Name of the preset with the defaults, one of `presets.PRESETS`.
        record: Dict of JSON content that is added to `settings.json` and to the card of the model,
            such as the origin of the initial weights. A model that is trained on synthetic clips
            alone has the entry `synthetic`, too: prediction says so.
        loss_weights: Dict from task (and `"matching"`) to the weight of its loss, 1 by default; or
            `"uncertainty"`, with which the weights are learnt, see `layers.TaskUncertainty`. Only
            for several tasks.
        focal: Exponent of the focal loss of expressions (2 in the paper); default: none.
        label_smoothing: Share of the label that is spread over all expressions, in [0, 1).
        soft_labels: Whether expressions are learnt from shares, see `windows.dataset`.
        class_weights: `"balanced"` gives every expression the same total weight, `"effective"`
            that of its effective number of frames, see `sampling.class_weights`.
        unit_weights: `"balanced"` gives presence and absence of each action unit the same total
            weight, see `sampling.unit_weights`.
        balance_tasks: Whether every task has the same number of windows, see `windows.dataset`.
        matching: `"published"`, or a csv file of `objectives.read_units`: action units are drawn
            to those of the predicted expressions, see `losses.MatchingLoss`.

    Returns:
        `(model, card)` of the best epoch, as `models.load` returns them.

    Raises:
        ValueError: If an argument is out of range, a subject is in both sets, no frame of the
            validation counts, or `out_dir` holds a run with other settings.
        OSError: If another process works in `out_dir`, or it cannot be written.

    References: Paper B, §5.4 and §6.2; paper C, §4.2.1; Lin et al. (2017) for the focal loss; Cui
        et al. (2019) for effective numbers; Kendall et al. (2018) for learnt weights; Kollias et
        al. (2021) for matching.
    """
    epochs = _checks.positive_integer("epochs", epochs)
    options = resolve_options(
        model, learning_rate, batch_size, stride, level, decay, loss, seed, weight_decay,
        choose_by, settings, loss_weights=loss_weights, focal=focal,
        label_smoothing=label_smoothing, soft_labels=soft_labels, class_weights=class_weights,
        unit_weights=unit_weights, balance_tasks=balance_tasks, matching=matching,
    )  # fmt: skip
    record = {**(record or {}), **synthetic.facts(training)}
    content = _content(model, training, validation, options, features, record)
    _check_data(training, validation, content["task"], choose_by)
    monitor = choice.monitor_of(content["task"], choose_by)
    # A folder that is refused gets no lock file.
    _runs.check_folder(out_dir, content, RUN_FILES, required=("training",))
    out_dir = _checks.writable_folder("out_dir", out_dir)
    with _runs.Lock(out_dir), gradients_released():
        verbose, lines = epoch_output(verbose)
        with _files.writing(out_dir), windows.naming_bad_images([*training, *validation]):
            runner, data, validation_data = _prepared(
                model, training, validation, out_dir, content, cache, features, bool(verbose)
            )
            # Only now: a run that is refused leaves the folder free.
            resumes = _runs.start_folder(out_dir, content, RUN_FILES, required=("training",))
            if resumes and (verbose or lines):
                done = AtomicBackup.epochs_done(out_dir / "backup")
                print(progress_line(str(out_dir), done, epochs), flush=True)
            runner.fit(
                data,
                validation_data=validation_data,
                epochs=epochs,
                shuffle=False,  # of batches; the windows are shuffled already
                callbacks=[
                    SeedEpochs(content["seed"]),
                    *_scores(validation, validation_data, content),
                    *callbacks(out_dir, monitor, validation, content, model, **record),
                    *lines,
                ],
                verbose=verbose,
            )
    return load_best(out_dir, monitor)


# Entries of the settings that need the clips.
_OF_CLIPS = ("training", "validation", "division", "trained_on", "balance", "synthetic")


def check_folder(model, out_dir, options, features=None, record=None):
    """Checks, before the clips are loaded, that a folder is free or holds a run with these options.

    Args:
        model, out_dir, features, record: See `train`.
        options: Dict, the result of `resolve_options`.

    Raises:
        FileExistsError: If the folder holds other files.
        ValueError: If it holds a run with other options.
    """
    content = _content(model, (), (), options, features, record or {})
    _runs.check_folder(out_dir, content, RUN_FILES, required=("training",), unknown=_OF_CLIPS)


def _content(model, training, validation, options, features, record):
    """Returns the settings of a run."""
    cached = {} if features is None else {"features": True}
    sizes = _layer_sizes(model)
    return describe_run(model, training, validation, layers=sizes, **options, **cached, **record)


def resolve_options(
    model,
    learning_rate=None,
    batch_size=None,
    stride=None,
    level="frame",
    decay=None,
    loss=None,
    seed=0,
    weight_decay=None,
    choose_by="frame",
    settings="C",
    **of_tasks,
):
    """Checks options of `train` without data, and completes them by those of a preset.

    Args:
        model: Model that will be trained; it is compiled.
        learning_rate, batch_size, stride, level, decay, loss, seed, weight_decay, choose_by,
            settings: See `train`.
        **of_tasks: Options of `objectives.DEFAULTS`, see `train`.

    Returns:
        Dict of the options that the result of the training depends on.

    Raises:
        ValueError: If an option is out of range.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> model = models.cnn(backbone, "valence_arousal", hidden_units=8, length=80)
    >>> options = resolve_options(model, settings="B")
    >>> options["learning_rate"], options["batch_size"], options["loss"]
    (0.0001, 4, 'ccc')
    """
    card, preset = models.describe(model), presets.preset(settings)
    frozen = any(not layer.trainable for layer in model.layers)
    if learning_rate is None:
        learning_rate = preset.learning_rate(frozen)
    if batch_size is None:
        batch_size = preset.batch_size(card["length"] or 1)
    options = {
        "learning_rate": learning_rate,
        "frozen": frozen,
        "batch_size": _checks.positive_integer("batch_size", batch_size),
        "stride": None if stride is None else _checks.positive_integer("stride", stride),
        "level": level,
        "decay": decay,
        "loss": preset.loss if loss is None else loss,
        "seed": _checks.integer_between("seed", seed, 0, 2**32 - 1),
        "weight_decay": weight_decay,
        "choose_by": choose_by,
        **objectives.chosen(card["task"], {**objectives.DEFAULTS, **of_tasks}),
    }
    if card["length"] is None and level == "sequence":
        raise ValueError(
            "`level` must be frame for a model of single frames. Received: level='sequence'. "
            "Leave it out."
        )
    choice.monitor_of(card["task"], choose_by)
    _compile(model, {**options, "task": card["task"]})
    return options


def _compile(model, content, training=()):
    """Returns the compiled form of a model that is trained."""
    model = objectives.training_form(model, content)
    names = ("learning_rate", "task", "level", "decay", "loss", "weight_decay")
    more = ("loss_weights", "focal", "label_smoothing", "soft_labels", "matching")
    options = {name: content[name] for name in (*names, *more) if name in content}
    if training and "unit_weights" in content:
        options["positive_weights"] = sampling.unit_weights(training)
    return compile_model(model, **options)


def _check_data(training, validation, task, choose_by):
    """Raises `ValueError` if the clips do not suit a training."""
    sampling.refuse_common_subjects(training, validation, "training and validation")
    names = tasks.names_of(task)
    for name in names:
        of_task = "" if len(names) == 1 else f" of {name}"
        if not any(tasks.known(clip, name).any() for clip in validation):
            raise ValueError(
                f"Validation needs at least one frame that counts, with a face and a label{of_task}"
                f". Received: {[clip.key for clip in validation[:5]]} without any. Choose other "
                "validation clips, or another seed if they are drawn at random."
            )
        if len(names) > 1 and not any(tasks.known(clip, name).any() for clip in training):
            raise ValueError(
                f"Every task needs labelled frames to train on. Received: {len(training)} clips "
                f"without labels of {name!r}. Add clips that have them, or leave that task out."
            )
    if choose_by != "frame":
        choice.check(validation, task, choose_by)


def describe_run(model, training, validation, **options):
    """Returns the settings of a run: JSON content that its result depends on.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        training, validation: Lists of `Clip`.
        **options: Further settings.
    """
    card = models.describe(model)
    return {
        **{name: card[name] for name in ("task", "length", "landmarks")},
        "size": card["image"]["size"],
        "model": models.fingerprint(model),
        "training": [_runs.describe_clip(clip) for clip in training],
        "validation": [_runs.describe_clip(clip) for clip in validation],
        **options,
    }


def _prepared(model, training, validation, out_dir, content, cache, features, progress):
    """The compiled model, the training data from the next epoch on, and the validation data."""
    cached = (None, None)
    if features is not None:
        cnn, model = feature_files.split(model)
        cached = [
            feature_files.of_clips(cnn, clips, features, content["size"], progress)
            for clips in (training, validation)
        ]
    model = _compile(models.fast(model), content, training)
    options = {name: content[name] for name in ("task", "landmarks", "size", "batch_size")}
    options["length"] = content["length"] or 1
    options["soft_labels"] = objectives.takes_shares(content)
    data = windows.dataset(
        training,
        stride=content["stride"],
        shuffle=True,
        seed=content["seed"],
        first_epoch=AtomicBackup.epochs_done(out_dir / "backup"),
        features=cached[0],
        cache=cache,
        **objectives.frame_weights(training, content["task"], content),
        **options,
    )
    validation_data = windows.dataset(validation, features=cached[1], cache=cache, **options)
    if content["length"] is None:
        data, validation_data = _single_frames(data), _single_frames(validation_data)
    if "matching" in content:
        add = objectives.with_matching
        data, validation_data = (windows.untuned(d.map(add)) for d in (data, validation_data))
    return model, data, validation_data


def _single_frames(data):
    """Windows of one frame as single frames, for models of those."""

    def first(*batch):
        return tf.nest.map_structure(lambda values: values[:, 0], batch)

    return windows.untuned(data.map(first))


def _scores(validation, data, content):
    """Callbacks that add to the logs what chooses the epoch, if Keras' metrics do not have it."""
    task, by = content["task"], content["choose_by"]
    if not isinstance(task, str):
        return [choice.CombinedScore(task)]
    if by == "frame":
        return []
    return [choice.AggregateScores(validation, data, task, by, content["length"] or 1)]


def load_best(out_dir, monitor):
    """Returns the model and the card of the best epoch of a run.

    Args:
        out_dir: `Path` of the run's folder.
        monitor: Name of the quantity that chose the epoch.

    Raises:
        ValueError: If that quantity was NaN in every epoch.
    """
    if not (out_dir / "best.keras").exists():
        raise ValueError(
            f"Training must reach a finite {monitor}. Received: NaN in every epoch, see "
            f"{out_dir / 'log.csv'}. Choose a smaller learning rate and another folder."
        )
    return models.load(out_dir / "best.keras")


def _layer_sizes(model):
    """Units of the model's own layers, and rates of its dropout layers, by name."""
    configs = ((layer.name, layer.get_config()) for layer in model.layers)
    return {n: c.get("units", c.get("rate")) for n, c in configs if {"units", "rate"} & set(c)}
