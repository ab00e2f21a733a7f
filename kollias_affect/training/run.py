"""A complete run that resumes after a kill."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from kollias_affect import _checks, _files, _runs, models, presets, tasks, windows
from kollias_affect import features as feature_files
from kollias_affect.datasets import sampling, synthetic
from kollias_affect.training import choice, objectives, refinements
from kollias_affect.training import devices as training_devices
from kollias_affect.training.averaged import AveragedWeights, RawWeights
from kollias_affect.training.compilation import compile_model
from kollias_affect.training.output import callbacks, epoch_output, progress_line
from kollias_affect.training.released import gradients_released
from kollias_affect.training.resuming import AtomicBackup, SeedEpochs
from kollias_affect.training.stopping import Patience

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
    features_dtype="float32",
    features_limit=None,
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
    schedule=None,
    warm_up=None,
    clip_norm=None,
    ema=None,
    patience=None,
    augment=None,
    executor=None,
    strategy="one",
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
        features_dtype, features_limit: `dtype` and `limit` of `features.of_clips`.
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
        schedule: `"cosine"` lets the learning rate fall along half a cosine to 0 at the last epoch;
            the number of epochs is then a setting of the run. Default: constant, or `decay`.
        warm_up: Epochs, maybe parts of one, in which the learning rate of a schedule rises from 0.
        clip_norm: Largest norm of all gradients of a batch together; larger ones are scaled down.
        ema: Momentum of a moving average of the weights, such as 0.999. The average is validated
            and saved; the training goes on with the weights themselves.
        patience: Epochs without a better score on the validation clips after which the training
            ends.
        augment: Random changes of the training images: `"standard"`, another text of
            `augmentation.parse`, or an `augmentation.Augmentation`. Not with `features`.
        executor: `concurrent.futures.Executor` that computes `features`, see `features.of_clips`.
            The training itself runs here.
        strategy: Devices that share each batch: `"one"`, `"mirrored"`, `"auto"` or what
            `training.connect` returned, see `devices.choose`. `batch_size` and `learning_rate`
            belong to the batch of all devices together; losses and metrics are those of one
            device. It is no setting of the run, which may resume with other devices. With several
            workers, one of them writes the files.

    Returns:
        `(model, card)` of the best epoch, as `models.load` returns them.

    Raises:
        ValueError: If an argument is out of range, a subject is in both sets, no frame of the
            validation counts, `out_dir` holds a run with other settings, or workers differ.
        OSError: If another process works in `out_dir`, it cannot be written, or a worker is lost.

    References: Paper B, §5.4 and §6.2; paper C, §4.2.1; Lin et al. (2017) for the focal loss; Cui
        et al. (2019) for effective numbers; Kendall et al. (2018) for learnt weights; Kollias et
        al. (2021) for matching.
    """
    epochs = _checks.positive_integer("epochs", epochs)
    options = resolve_options(
        model, learning_rate, batch_size, stride, level, decay, loss, seed, weight_decay,
        choose_by, settings, features, loss_weights=loss_weights, focal=focal,
        label_smoothing=label_smoothing, soft_labels=soft_labels, class_weights=class_weights,
        unit_weights=unit_weights, balance_tasks=balance_tasks, matching=matching,
        schedule=schedule, warm_up=warm_up, clip_norm=clip_norm, ema=ema, patience=patience,
        augment=augment,
    )  # fmt: skip
    options |= refinements.of_run(options, epochs)
    record = {**(record or {}), **synthetic.facts(training)}
    _checks.one_of("features_dtype", features_dtype, feature_files.DTYPES)
    content = _content(model, training, validation, options, features and features_dtype, record)
    _check_data(training, validation, content["task"], choose_by)
    monitor = choice.monitor_of(content["task"], choose_by)
    devices = training_devices.choose(strategy, content["batch_size"])
    # A folder that is refused gets no lock file.
    _runs.check_folder(out_dir, content, RUN_FILES, required=("training",))
    out_dir = _checks.writable_folder("out_dir", out_dir)
    lock = _runs.Lock(out_dir) if devices.writes else contextlib.nullcontext()
    with lock, gradients_released(), devices.running():
        verbose, lines = epoch_output(verbose if devices.writes else 0)
        with _files.writing(out_dir), windows.naming_bad_images([*training, *validation]):
            run = _prepared(
                model, training, validation, out_dir, content, cache,
                features and _Features(features, features_dtype, features_limit, executor),
                bool(verbose), devices,
            )  # fmt: skip
            done = AtomicBackup.epochs_done(out_dir / "backup")
            devices.agree(content, done, run.copy)
            scores, written = [], [AtomicBackup(out_dir / "backup", writes=False)]
            if devices.writes:
                # Only now: a run that is refused leaves the folder free.
                resumes = _runs.start_folder(out_dir, content, RUN_FILES, required=("training",))
                written = callbacks(out_dir, monitor, validation, content, model, **record)
                scores = _scores(run, validation, content)
                if "patience" in content:
                    stopping = Patience(monitor, content["patience"], out_dir / "log.csv")
                    epochs, scores = stopping.epochs_of(epochs), [*scores, stopping]
                if resumes and (verbose or lines):
                    print(progress_line(str(out_dir), done, epochs), flush=True)
            epochs = devices.least(epochs)
            writing = [*scores, *_with_averages(written, content), *lines]
            run.model.fit(
                run.data,
                validation_data=run.validation_data,
                epochs=epochs,
                shuffle=False,  # of batches; the windows are shuffled already
                callbacks=[
                    SeedEpochs(content["seed"]),
                    *devices.around(writing, run.given, run.copy),
                ],
                verbose=verbose,
            )
            devices.wait()
    return load_best(out_dir, monitor)


# Entries of the settings that need the clips.
_OF_CLIPS = ("training", "validation", "division", "trained_on", "balance", "synthetic")


def check_folder(
    model, out_dir, options, epochs, features=None, record=None, features_dtype="float32"
):
    """Checks, before the clips are loaded, that a folder is free or holds a run with these options.

    Args:
        model, out_dir, epochs, features, record, features_dtype: See `train`.
        options: Dict, the result of `resolve_options`.

    Raises:
        FileExistsError: If the folder holds other files.
        ValueError: If it holds a run with other options.
    """
    options = {**options, **refinements.of_run(options, epochs)}
    content = _content(model, (), (), options, features and features_dtype, record or {})
    _runs.check_folder(out_dir, content, RUN_FILES, required=("training",), unknown=_OF_CLIPS)


def _content(model, training, validation, options, cached_as, record):
    """Returns the settings of a run; `cached_as` is the type of its features, if it has some."""
    cached = {} if cached_as is None else {"features": cached_as == "float32" or cached_as}
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
    features=None,
    **more,
):
    """Checks options of `train` without data, and completes them by those of a preset.

    Args:
        model: Model that will be trained; it is compiled.
        learning_rate, batch_size, stride, level, decay, loss, seed, weight_decay, choose_by,
            settings, features: See `train`.
        **more: Options of `objectives.DEFAULTS` and of `refinements.DEFAULTS`, see `train`.

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
    refined = {name: more.pop(name) for name in refinements.DEFAULTS if name in more}
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
        **objectives.chosen(card["task"], {**objectives.DEFAULTS, **more}),
        **refinements.chosen(refined, decay, features),
    }
    if card["length"] is None and level == "sequence":
        raise ValueError(
            "`level` must be frame for a model of single frames. Received: level='sequence'. "
            "Leave it out."
        )
    choice.monitor_of(card["task"], choose_by)
    _compile(model, {**options, "task": card["task"]})
    return options


def _compile(model, content, training=(), devices=None, batches=1):
    """Returns the compiled form of a model that is trained, and the copy that has its weights.

    An epoch of the training has so many batches.
    """
    devices = training_devices.OneDevice() if devices is None else devices
    with devices.scope():
        copy = devices.copied(model)
        form = objectives.training_form(models.fast(copy), content)
    form = devices.replicated(form)
    names = ("learning_rate", "task", "level", "decay", "loss", "weight_decay")
    more = ("loss_weights", "focal", "label_smoothing", "soft_labels", "matching")
    options = {name: content[name] for name in (*names, *more) if name in content}
    if training and "unit_weights" in content:
        options["positive_weights"] = sampling.unit_weights(training)
    options |= refinements.for_compiling(content, batches)
    with devices.scope():
        return compile_model(form, **options), copy


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


@dataclasses.dataclass
class _Prepared:
    """What `fit` takes, and the model that was given or its temporal part, with its copy."""

    model: keras.Model
    given: keras.Model
    copy: keras.Model
    data: object
    validation_data: object
    make_validation_data: Callable


@dataclasses.dataclass(frozen=True)
class _Features:
    """Where and how the features of a frozen CNN are cached, see `features.of_clips`."""

    folder: str
    dtype: str
    limit: int | None
    executor: object

    def of_clips(self, cnn, training, validation, size, progress):
        """Returns the features of both sets, which have the limit together."""
        options = {"dtype": self.dtype, "limit": self.limit, "executor": self.executor}
        cached = feature_files.of_clips(
            cnn, [*training, *validation], self.folder, size, progress, **options
        )
        return cached[: len(training)], cached[len(training) :]


def _prepared(model, training, validation, out_dir, content, cache, features, progress, devices):
    """The compiled model, the training data from the next epoch on, and the validation data."""
    cached = (None, None)
    if features is not None:
        cnn, model = feature_files.split(model)
        cached = devices.first_of_all(
            lambda: features.of_clips(cnn, training, validation, content["size"], progress)
        )
    options = {name: content[name] for name in ("task", "landmarks", "size", "batch_size")}
    options["length"] = content["length"] or 1
    options["soft_labels"] = objectives.takes_shares(content)
    options["cache"] = cache
    of_training = {
        "stride": content["stride"],
        "shuffle": True,
        "seed": content["seed"],
        "first_epoch": AtomicBackup.epochs_done(out_dir / "backup"),
        "augment": content.get("augment"),
        **objectives.frame_weights(training, content["task"], content),
    }

    def make(clips, features, others, part=None):
        data = windows.dataset(clips, features=features, part=part, **options, **others)
        return _in_form_of(data, content)

    def shared(clips, features, others):
        count = windows.batches(clips, options["length"], others.get("stride"), 1)
        make_part = functools.partial(make, clips, features, others)
        return devices.shared(make_part, options["batch_size"], count)

    batches = windows.batches(training, options["length"], content["stride"], options["batch_size"])
    compiled, copy = _compile(model, content, training, devices, batches)
    data = shared(training, cached[0], of_training)
    validation_data = shared(validation, cached[1], {})
    devices.before_fit(compiled)
    again = functools.partial(make, validation, cached[1], {})
    return _Prepared(compiled, model, copy, data, validation_data, again)


def _in_form_of(data, content):
    """Batches of windows in the form that the model takes."""
    if content["length"] is None:
        data = _single_frames(data)
    if "matching" in content:
        data = windows.untuned(data.map(objectives.with_matching))
    return data


def _single_frames(data):
    """Windows of one frame as single frames, for models of those."""

    def first(*batch):
        return tf.nest.map_structure(lambda values: values[:, 0], batch)

    return windows.untuned(data.map(first))


def _scores(run, validation, content):
    """Callbacks that add to the logs what chooses the epoch, if Keras' metrics do not have it."""
    task, by = content["task"], content["choose_by"]
    if not isinstance(task, str):
        return [choice.CombinedScore(task)]
    if by == "frame":
        return []
    data, length = run.make_validation_data(), content["length"] or 1
    predicts = models.fast(run.given)
    return [choice.AggregateScores(validation, data, task, by, length, predicts)]


def _with_averages(written, content):
    """Callbacks that write the files of a run; all but the backup see the average of weights."""
    if "ema" not in content:
        return written
    averaged = AveragedWeights()
    *others, backup = written
    return [averaged, *others, RawWeights(averaged), backup]


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
