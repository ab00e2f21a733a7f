"""One training of any network on any database; the command `train` calls it."""

import warnings

from kollias_affect import _checks, datasets, models, training
from kollias_affect.datasets import division, sampling
from kollias_affect.experiments import plans, seen, starts
from kollias_affect.experiments.sources import Source
from kollias_affect.tasks import label_field, names_of

# Quadrants that may be duplicated, by the name of the option.
BALANCES = {"none": None, "paper": sampling.PAPER_DUPLICATED, "all": sampling.QUADRANTS}
_PARTS = ("training", "validation")


def train(
    data,
    out,
    dataset="frames_csv",
    split=None,
    loader_options=None,
    validation=None,
    validation_split=None,
    validation_share=None,
    balance="none",
    model=None,
    task=None,
    settings=None,
    frozen=False,
    epochs=20,
    cache=False,
    features=None,
    features_dtype="float32",
    features_limit=None,
    seed=0,
    verbose=None,
    log=print,
    executor=None,
    strategy="auto",
    **options,
):
    """Trains a new network, or a trained model further, and saves the best epoch.

    All options are checked before the data are loaded. The same call resumes an interrupted run.

    Args:
        data: Folder or file of the database.
        out: Folder of the run, see `training.train`.
        dataset: Name of the database in `datasets.DATASETS`.
        split: Part to train on. Default: the official training part, or everything if the database
            has none. `"all"` mixes all parts.
        loader_options: Dict of options of the database's loader.
        validation: Folder or file of other data of the same format to validate on.
        validation_split: Part to validate on.
        validation_share: Share of the people of the training part who validate. Without one of
            these three, the official validation part is used, or 0.2 of the people.
        balance: Quadrants of valence and arousal whose runs are duplicated in the training clips:
            `"none"`, `"paper"` (those of paper C), or `"all"`, see `sampling.balance_quadrants`.
        model: Model to train further, see `starts.continued`; `None` for a new network.
        task: One of `tasks.TASKS`, or several, as a sequence or a text with commas. Default: those
            of the model, or `"valence_arousal"`.
        settings: Name of the preset with the defaults. Default: `"C"`, or that of the paper of a
            new network.
        frozen: Whether to freeze the CNN.
        epochs, cache, features, features_dtype, features_limit, executor, verbose: See
            `training.train`.
        seed: Seed of the division of the clips, of initial weights, of duplicated runs and of the
            training.
        log: Function that is called with lines of text: start, network, data and plan, before
            the first epoch.
        strategy: Devices that share each batch, one of `training.STRATEGIES`: with `"auto"`, all
            workers that `TF_CONFIG` names, otherwise all GPUs if there is a window for each.
        **options: Options of a new network, `starts.NEW`; and `learning_rate`, `batch_size`,
            `stride`, `level`, `decay`, `weight_decay`, `loss`, `choose_by`, and the options of
            `training.train` from `loss_weights` on.

    Returns:
        `(model, card)` of the best epoch, as `models.load` returns them.

    Raises:
        OSError: If a file or folder cannot be read or written.
        ValueError: If an option is unknown or out of range, options exclude each other, or as
            `datasets.divide` and `training.train` do.
    """
    _check_validation(validation, validation_split, validation_share)
    _checks.one_of("balance", balance, BALANCES)
    _checks.one_of("dataset", dataset, datasets.DATASETS)
    _checks.positive_integer("epochs", epochs)
    task = None if task is None else _names(task)
    strategy = training.connect(strategy)  # before the first tensor
    options = {name: value for name, value in options.items() if value is not None}
    of_network = {name: options.pop(name) for name in starts.NEW if name in options}
    network, record = _start(model, task, settings, frozen, seed, of_network)
    card = models.describe(network)
    _check_task(card["task"], balance, options)
    options["settings"] = settings or record.get("preset", "C")
    resolved = training.resolve_options(network, seed=seed, features=features, **options)
    training.check_folder(network, out, resolved, epochs, features, record, features_dtype)
    log(f"Start: {record['start']}")
    log(f"Network: {plans.describe_network(network)}")

    source = Source(
        dataset, data, split, validation_split or validation_share, options=loader_options or {}
    )
    clips, validation_clips, text = _load(source, validation, seed)
    log(f"Data: {text}")
    if model is not None:
        what = "the clips that choose the epoch"
        warning = seen.warning(model, dataset, validation_clips, what)
        if warning is not None:
            log(warning)
    record["division"] = text
    parts = _official_parts(dataset, [*clips, *validation_clips])
    record["trained_on"] = sorted({*parts, *record.get("trained_on", ())})
    if balance != "none":
        clips = _balanced(clips, balance, card["length"], seed, log)
        record["balance"] = f"{balance}: {clips.report}"
    log(f"Plan: {plans.describe_training(network, clips, epochs, resolved)}")
    return training.train(
        network, clips, validation_clips, out, epochs, cache=cache, features=features,
        features_dtype=features_dtype, features_limit=features_limit, seed=seed, verbose=verbose,
        record=record, executor=executor, strategy=strategy, **options,
    )  # fmt: skip


def _check_validation(*given):
    """Raises `ValueError` if more than one option says who validates."""
    path, split, share = given
    if share is not None:
        _checks.number_between("validation_share", share, 0, 1)
        if path is not None or split is not None:
            raise ValueError(
                "One option says who validates. Received: validation_share and "
                f"{'validation' if path is not None else 'validation_split'}. Leave one out."
            )


def _start(model, task, settings, frozen, seed, of_network):
    """The model that is trained, and the record of its start."""
    if model is None:
        return starts.new_network(
            task=task or "valence_arousal", settings=settings, frozen=frozen, seed=seed,
            **of_network,
        )  # fmt: skip
    if of_network:
        raise ValueError(
            "`model` continues a model as it is; other options describe a new network. Received: "
            f"model={model} and {', '.join(of_network)}. Leave one of them out."
        )
    return starts.continued(model, task, frozen, seed)


def _names(task):
    """Returns the task, or the tuple of several, that a text with commas or a sequence names."""
    if isinstance(task, str):
        task = tuple(name.strip() for name in task.split(","))
    names = names_of(task)
    return names if len(names) > 1 else names[0]


def _check_task(task, balance, options):
    """Raises `ValueError` for options of valence and arousal if the task is another one."""
    given = [name for name in ("loss", "level") if name in options]
    given += ["balance"] if balance != "none" else []
    names = names_of(task)
    if given and "valence_arousal" not in map(label_field, names):
        raise ValueError(
            f"`{given[0]}` is for valence and arousal. Received: it and the task "
            f"{', '.join(map(repr, names))}. Leave it out."
        )


def _load(source, validation, seed):
    """The clips that train and those that validate, and a line about both."""
    if validation is None:
        divided = source.divide(_PARTS, seed=seed)
        return divided.training, divided.validation, divided.text
    training_part = source.divide(_PARTS[:1], seed=seed)
    clips = datasets.load(source.dataset, validation, source.validation, **source.options)
    text = f"{training_part.text} Validation = other data: {division.count(clips)}."
    return training_part.training, clips, text


def _official_parts(dataset, clips):
    """Names of the official parts that clips belong to; all of them if the parts were mixed."""
    if all(clip.official_part for clip in clips):
        return division.parts_of(clips)
    return [f"{dataset}/{part}" for part in datasets.official_parts(dataset)]


def _balanced(clips, balance, length, seed, log):
    """Clips with duplicated runs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        clips = sampling.balance_quadrants(
            clips,
            seed=seed,
            length=length if (length or 1) > 1 else 80,
            duplicate=BALANCES[balance],
        )
    for warning in caught:
        log(f"Warning: {warning.message}")
    log(f"Balance ({balance}): {clips.report}")
    return clips
