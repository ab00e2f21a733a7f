"""Fine-tuning in stages, each on another database, that can be killed and started again."""

import dataclasses
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from kollias_affect import _checks, _files, evaluation, models, training, windows
from kollias_affect.transfer import optimization, stage_report
from kollias_affect.transfer.freezing import freeze, unfreeze
from kollias_affect.transfer.heads import swap_head


@dataclasses.dataclass(frozen=True)
class Stage:
    """One round of fine-tuning.

    Args:
        name: of the folder and in the report; letters, digits, `+`, `.`, `-` and `_`.
        training, validation: lists of `Clip` with `expression`, without a common picture.
        epochs: of this stage.
        learning_rate: initial rate; it is divided by 10 every 10 epochs.
        frozen: arguments of `freeze`, such as `{"cnn": True}`, or `None` to train everything.
        new_head: begin with a new output layer, see `swap_head`.

    Raises:
        ValueError: if an argument is out of range.
    """

    name: str
    training: Sequence
    validation: Sequence
    epochs: int = 20
    learning_rate: float = optimization.LEARNING_RATE
    frozen: dict | None = None
    new_head: bool = False

    def __post_init__(self):
        if not re.fullmatch(r"[A-Za-z0-9_][\w+.-]*", str(self.name)):
            raise ValueError(
                "The name of a stage has letters, digits, +, ., - and _. Received: "
                f"name={self.name!r}. Choose another."
            )
        _checks.positive_integer("epochs", self.epochs)
        _checks.number_between("learning_rate", self.learning_rate, 0, 10)


@dataclasses.dataclass(frozen=True)
class Staged:
    """What `staged` returns.

    Attributes:
        model, card: of the last stage's best epoch, as `models.load` returns them.
        table: `pandas.DataFrame`, one row per stage, see `staged`.
    """

    model: keras.Model
    card: dict
    table: object


def staged(
    model,
    stages,
    out_dir,
    target=None,
    test=None,
    batch_size=32,
    momentum=optimization.MOMENTUM,
    weight_decay=optimization.WEIGHT_DECAY,
    seed=0,
    cache=False,
    published=None,
    facts=None,
    verbose=1,
):
    """Fine-tunes a model in stages, each from the best epoch of the one before (paper D).

    A single fine-tuning on the union of two databases is one stage with the clips of both. All
    stages are checked, and every picture of them is decoded once, before the first one starts.
    Called again with the same arguments, it goes on where it was: finished stages are kept, an
    interrupted one continues with the epoch that was interrupted.

    Writes `out_dir/<number>-<name>/` for every stage: `best.keras`, `log.csv`, `tensorboard/`,
    `backup/`, `settings.json` (see `training.callbacks`), `confusion-<set>.csv` (frames; rows
    are labels, columns predictions) and `.png`; and over all stages `out_dir/stage_report.csv`, `.md`,
    `out_dir/distributions.csv`, `.md`, `.png` (frames per class of every set).

    Args:
        model: of `kollias_affect.models` or `network`, with the output `expression`, or with
            another one if the first stage has `new_head=True`.
        stages: list of `Stage`.
        out_dir: folder of the run.
        target: clips that every stage is also scored on. Default: the last stage's validation.
        test: further clips that every stage is scored on, or `None`.
        batch_size: pictures per batch (windows, for a model of windows).
        momentum, weight_decay: see `compile_sgd`.
        seed: of shuffling, dropout and random pictures.
        cache: see `windows.dataset`.
        published: dict with `validation` and `test`, the paper's accuracies, to stand beside
            ours in the report's last row; or `None`.
        facts: dict of more entries of every model's card (numbers, text); a run that goes on has
            the same ones. They may name what the model started from.
        verbose: of `keras.Model.fit`.

    Returns:
        `Staged`. Its table has, per stage, `epochs`, `best epoch`, `training frames`, `accuracy`
        and `cost-sensitive accuracy` on the stage's validation, `target accuracy`, `target
        cost-sensitive accuracy`, `test accuracy`, and the share of each class of the target
        that is predicted rightly.

    Raises:
        ValueError: if labels are missing, a picture cannot be decoded, a picture is on both
            sides, or `out_dir` holds a run with other settings.
        FileExistsError: if `out_dir` holds something else.

    References: paper D §3.3, figures 3–6.
    """
    stages = _checked_stages(stages)
    target = stages[-1].validation if target is None else target
    _check_clips(stages, target, test)
    model = _with_expressions(model, stages[0].new_head, seed)
    common = {
        "batch_size": _checks.positive_integer("batch_size", batch_size),
        "momentum": momentum,
        "weight_decay": weight_decay,
        "seed": _checks.integer_between("seed", seed, 0, 2**32 - 1),
        "facts": facts or {},
    }
    settings = [_settings(model, stages[: i + 1], common) for i in range(len(stages))]
    out_dir = Path(out_dir)
    folders = [out_dir / f"{i}-{stage.name}" for i, stage in enumerate(stages, start=1)]
    for folder, each in zip(folders, settings, strict=True):
        training.refuse_other_settings(folder, each)
    _checks.writable_folder("out_dir", out_dir)
    for i, (stage, folder) in enumerate(zip(stages, folders, strict=True)):
        if _finished(folder, stage):
            continue
        if i > 0:
            model, _ = models.load(folders[i - 1] / "best.keras")
            model = _with_expressions(model, stage.new_head, seed)
        _run(model, stage, folder, settings[i], cache, verbose)
    stage_report.distributions(_sets(stages, target, test), out_dir)
    rows = []
    for stage, folder in zip(stages, folders, strict=True):
        sets = {"validation": stage.validation, "target": target, "test": test}
        rows.append(stage_report.row(stage, *_evaluated(stage, folder, sets)))
    table = stage_report.write(rows, published, out_dir)
    return Staged(*models.load(folders[-1] / "best.keras"), table)


def _checked_stages(stages):
    stages = list(stages)
    names = [stage.name for stage in stages]
    if not stages or len(set(names)) < len(names):
        raise ValueError(
            f"There must be at least one stage, and their names must differ. Received: {names}. "
            "Name each."
        )
    return stages


def _check_clips(stages, target, test):
    """Everything that can be known to be wrong before the first stage."""
    sets = _sets(stages, target, test)
    for name, clips in sets.items():
        unlabelled = [clip.key for clip in clips if clip.expression is None]
        if unlabelled or not any(clip.valid.any() for clip in clips):
            raise ValueError(
                "Every set must have clips with an expression, and a frame that counts. Received: "
                f"{name} with {len(clips)} clips, of which without a label: {unlabelled[:5]}. "
                "Check path, split and labels."
            )
    for stage in stages:
        for name, clips in (("validation", stage.validation), ("target", target), ("test", test)):
            both = _pictures(stage.training) & _pictures(clips or ())
            if both:
                raise ValueError(
                    f"No picture may be in the training and the {name} set. Received in both, in "
                    f"the stage {stage.name!r}: {sorted(both)[:3]} ({len(both)} pictures). Split "
                    "with `datasets.sampling.split`."
                )
    everything = [clip for clips in sets.values() for clip in clips]
    _decode(sorted(_pictures(everything)), everything)


def _sets(stages, target, test):
    """Dict from a name to the clips of every set, each once."""
    sets = {}
    for stage in stages:
        sets[f"{stage.name} training"] = stage.training
        sets[f"{stage.name} validation"] = stage.validation
    if not any(target is stage.validation for stage in stages):
        sets["target"] = target
    return sets if test is None else {**sets, "test": test}


def _pictures(clips):
    return {path for clip in clips for path in clip.paths if path}


def _decode(paths, clips):
    import tensorflow as tf

    def shape(path):
        content = tf.io.read_file(path)
        return tf.shape(tf.io.decode_image(content, channels=3, expand_animations=False))

    decoded = tf.data.Dataset.from_tensor_slices(paths).map(shape, os.cpu_count())
    with windows.naming_bad_images(clips):
        for _ in windows.untuned(decoded.batch(256)):
            pass


def _with_expressions(model, new_head, seed):
    if new_head:
        model = swap_head(model, "expression", seed=seed)
    task = models.describe(model)["task"]
    if task != "expression" or len(model.outputs) != 1:
        raise ValueError(
            "`staged` trains models whose one output is `expression`. Received: "
            f"{model.output_names}. Begin with a stage of `new_head=True`, or with `swap_head`."
        )
    return model


def _settings(model, stages, common):
    """What the result of the last of `stages` depends on, as `training.train` keeps it."""
    stage = stages[-1]
    card = models.describe(model)
    return {
        **common,
        **{name: card[name] for name in ("task", "length", "landmarks")},
        "size": card["image"]["size"],
        "model": models.fingerprint(model),
        "learning_rate": stage.learning_rate,
        "frozen": stage.frozen,
        "new_head": stage.new_head,
        # More epochs of an earlier stage would give this one another start.
        "epochs_before": [before.epochs for before in stages[:-1]],
        "training": [training.contents(clip) for clip in stage.training],
        "validation": [training.contents(clip) for clip in stage.validation],
    }


def _finished(folder, stage):
    return training.AtomicBackup.epochs_done(folder / "backup") >= stage.epochs


def _run(model, stage, folder, settings, cache, verbose):
    unfreeze(model)
    if stage.frozen:
        freeze(model, **stage.frozen)
    optimization.compile_sgd(
        model, stage.learning_rate, settings["momentum"], settings["weight_decay"]
    )
    seed, done = settings["seed"], training.AtomicBackup.epochs_done(folder / "backup")
    options = {"settings": settings, "cache": cache}
    _files.write_json(folder / "settings.json", settings)
    if verbose:
        print(f"Stage {folder.name}: {done} of {stage.epochs} epochs are done.", flush=True)
    facts = {**settings["facts"], "stage": folder.name}
    model.fit(
        batches(stage.training, shuffle=True, first_epoch=done, **options),
        validation_data=batches(stage.validation, **options),
        epochs=stage.epochs,
        shuffle=False,  # of batches; the pictures are shuffled already
        callbacks=[
            training.SeedEpochs(seed),
            optimization.falling_rate(stage.learning_rate),
            *training.callbacks(folder, "val_accuracy", stage.validation, settings, **facts),
        ],
        verbose=verbose,
    )
    if not (folder / "best.keras").exists():
        raise ValueError(
            "Training must reach a finite val_accuracy. Received: NaN in every epoch, see "
            f"{folder / 'log.csv'}. Choose a smaller learning rate and another folder."
        )


def batches(clips, settings, cache=False, shuffle=False, first_epoch=0):
    """Batches of frames, or of windows where the model takes them, for the task expression."""
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

    def single(inputs, labels, weights):
        return {name: value[:, 0] for name, value in inputs.items()}, labels[:, 0], weights[:, 0]

    return data.map(single)


def _evaluated(stage, folder, sets):
    """The best epoch, and the confusion matrix of every set by name; kept in the folder."""
    model, card = models.load(folder / "best.keras")
    path = folder / "evaluation.json"
    contents = {
        name: [training.contents(clip) for clip in clips] for name, clips in sets.items() if clips
    }
    made_of = json.loads(json.dumps({"epochs": stage.epochs, "sets": contents}))
    known = json.loads(path.read_text()) if path.exists() else {}
    if known.get("made_of") != made_of:
        confusions = {}
        for name, clips in sets.items():
            same = next((n for n in confusions if sets[n] is clips), None)
            if clips and same is None:
                confusions[name] = confusion(model, clips)
            elif clips:
                confusions[name] = confusions[same]
        known = {
            "made_of": made_of,
            "confusions": {name: counts.tolist() for name, counts in confusions.items()},
        }
        _files.write_json(path, known)
    confusions = {name: np.array(counts) for name, counts in known["confusions"].items()}
    for name, counts in confusions.items():
        stage_report.confusion_files(counts, folder / f"confusion-{name}", f"{folder.name}, {name}")
    return card["epoch"], confusions


def confusion(model, clips):
    """Valid frames by label (row) and prediction (column), integers `[7, 7]`."""
    return evaluation.confusion(clips, evaluation.predict(model, clips)).to_numpy()
