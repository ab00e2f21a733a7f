"""Fine-tuning in stages, each on another database; an interrupted run resumes (paper D §3.3)."""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import keras

from kollias_affect import _checks, _files, _runs, evaluation, models, training
from kollias_affect.datasets import division, synthetic
from kollias_affect.transfer import crops, keeping, optimization, stage_data, stage_report
from kollias_affect.transfer.freezing import freeze, unfreeze
from kollias_affect.transfer.heads import swap_head
from kollias_affect.transfer.stage_report import MONITOR


@dataclasses.dataclass(frozen=True)
class Stage:
    """One round of fine-tuning.

    Args:
        name: Name of the stage in the folder and the report: letters, digits, `+`, `.`, `-` and
            `_`.
        training: List of `Clip` with `expression`.
        validation: List of `Clip` with `expression`, without a picture of `training`.
        epochs: Number of epochs of this stage.
        learning_rate: Initial learning rate. It is divided by 10 every 10 epochs.
        frozen: Arguments of `freeze`, such as `{"cnn": True}`, or `None` to train all layers.
        new_head: Whether the stage starts with a new output layer, see `swap_head`.
        text: What the two sets are, for the report.

    Raises:
        ValueError: If an argument is out of range.

    References: paper D §3.3.
    """

    name: str
    training: Sequence
    validation: Sequence
    epochs: int = 20
    learning_rate: float = optimization.LEARNING_RATE
    frozen: dict | None = None
    new_head: bool = False
    text: str = ""

    def __post_init__(self):
        if not re.fullmatch(r"[A-Za-z0-9_][\w+.-]*", str(self.name)):
            raise ValueError(
                "The name of a stage has letters, digits, +, ., - and _. Received: "
                f"name={self.name!r}. Choose another name."
            )
        _checks.positive_integer("epochs", self.epochs)
        _checks.number_between("learning_rate", self.learning_rate, 0, 10)


@dataclasses.dataclass(frozen=True)
class Staged:
    """The result of `staged`.

    Attributes:
        model: Model of the last stage's best epoch.
        card: Card of that model, as `models.load` returns it.
        table: `pandas.DataFrame` with a row for each stage, see `staged`.
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
    batch_size=optimization.BATCH_SIZE,
    momentum=optimization.MOMENTUM,
    weight_decay=optimization.WEIGHT_DECAY,
    seed=0,
    cache=False,
    published=None,
    metadata=None,
    verbose=None,
    ten_crops=False,
):
    """Fine-tunes a model in stages, each from the best epoch of the stage before.

    A single fine-tuning on the union of two databases is one stage with the clips of both. All
    stages are checked, and every picture is decoded once, before the first stage starts. A call
    with the same arguments resumes: finished stages are not repeated, and an interrupted stage
    continues with the interrupted epoch.

    For each stage, `out_dir/<number>-<name>/` holds `best.keras`, `log.csv`, `tensorboard/`,
    `backup/` and `settings.json` (see `training.callbacks`), and `confusion-<set>.csv` (frames;
    rows are labels, columns predictions) and `.png`. For all stages, `out_dir` holds `report.csv`
    and `.md`, which also says what the sets of each stage are, and `distributions.csv`, `.md` and
    `.png` (frames of each class and set).

    Args:
        model: Model of `kollias_affect.models` or `network` with the output `expression`; with
            another output if the first stage has `new_head=True`. The other outputs of a model
            with several tasks stay: each stage holds them at what they were before it, see
            `keeping.training_form`.
        stages: List of `Stage`.
        out_dir: Folder of the run.
        target: List of `Clip` that every stage is also scored on. Default: the validation set of
            the last stage.
        test: List of further `Clip` that every stage is scored on, or `None`.
        batch_size: Pictures per batch (windows for a model of windows). Default: that of
            Krizhevsky et al. (2012), whose training paper D closely follows.
        momentum: Momentum of SGD, see `compile_sgd`.
        weight_decay: Weight decay, see `compile_sgd`.
        seed: Seed of shuffling, dropout and random crops.
        cache: See `windows.dataset`.
        published: Dict with `validation` and `test`, the paper's accuracies to show beside ours
            in the last row of the report, or `None`.
        metadata: Dict of more entries of every model's card (numbers and text), such as the model
            that the run starts from. To resume a run, pass the same entries.
        verbose: Verbosity of `keras.Model.fit`. Default: progress bars on a terminal, one line an
            epoch elsewhere.
        ten_crops: Whether the report averages the outputs of ten crops of each picture, see
            `ten_crops`. The centre crop chooses the epochs in any case.

    Returns:
        `Staged`. For each stage, its table has `epochs`, `best epoch`, `training frames`,
        `validation frames` (on which the epoch was chosen), `accuracy` and `cost-sensitive
        accuracy` on the validation set, `target accuracy`, `target cost-sensitive accuracy`, `test
        accuracy`, and the recall of each class on the target.

    Raises:
        FileExistsError: If `out_dir` holds other files.
        OSError: If another process runs in `out_dir`.
        ValueError: If labels are missing, a picture cannot be decoded, a picture is in a training
            set and a set that is scored, the model does not cut crops but `ten_crops` is set, or
            `out_dir` holds a run with other settings.

    References: paper D §3.3, figures 3 to 6.
    """
    stages = _checked_stages(stages)
    target = stages[-1].validation if target is None else target
    stage_data.check_sets(stages, target, test)
    model = _with_expressions(model, stages[0].new_head, seed)
    score_form = crops.ten_crops if ten_crops else None
    if score_form is not None:
        # This refuses a model without crops before anything is trained.
        score_form(evaluation.one_task(model, keeping.TASK))
    common = {
        "batch_size": _checks.positive_integer("batch_size", batch_size),
        "momentum": momentum,
        "weight_decay": weight_decay,
        "seed": _checks.integer_between("seed", seed, 0, 2**32 - 1),
        "facts": metadata or {},
    }
    settings = [_settings(model, stages[: i + 1], common) for i in range(len(stages))]
    out_dir = Path(out_dir)
    folders = [out_dir / f"{i}-{stage.name}" for i, stage in enumerate(stages, start=1)]
    for folder, content in zip(folders, settings, strict=True):
        _runs.check_folder(folder, content, writes=training.RUN_FILES, required=("training",))
    with _runs.Lock(_checks.writable_folder("out_dir", out_dir)):
        for i, (stage, folder) in enumerate(zip(stages, folders, strict=True)):
            if _epochs_done(folder) >= stage.epochs:
                continue
            if i > 0:
                model, _ = training.load_best(folders[i - 1], MONITOR)
                model = _with_expressions(model, stage.new_head, seed)
            seen = _seen(stages[: i + 1], common["facts"])
            _train(model, stage, folder, settings[i], seen, cache, verbose)
        table = _report(stages, folders, target, test, published, out_dir, score_form)
    return Staged(*training.load_best(folders[-1], MONITOR), table)


def _report(stages, folders, target, test, published, out_dir, score_form):
    """Evaluates all stages, writes the report, and returns its table."""
    stage_report.write_distributions(stage_data.sets_of(stages, target, test), out_dir)
    rows = []
    for stage, folder in zip(stages, folders, strict=True):
        sets = {"validation": stage.validation, "target": target, "test": test}
        evaluated = stage_report.evaluate_stage(stage, folder, sets, score_form)
        rows.append(stage_report.report_row(stage, *evaluated))
    notes = [f"{stage.name}: {stage.text}" for stage in stages if stage.text]
    if score_form is not None:
        notes.append("All accuracies are those of the mean output of ten crops of each picture.")
    return stage_report.write_report(rows, published, out_dir, notes)


def _seen(stages, facts):
    """Returns the official parts in which the model and these stages were trained or chosen."""
    clips = (clip for stage in stages for clip in (*stage.training, *stage.validation))
    return sorted({*facts.get("trained_on", ()), *division.parts_of(clips)})


def _checked_stages(stages):
    stages = list(stages)
    names = [stage.name for stage in stages]
    if not stages or len(set(names)) < len(names):
        raise ValueError(
            f"There must be at least one stage, and their names must differ. Received: {names}. "
            "Give each stage a name of its own."
        )
    return stages


def _with_expressions(model, new_head, seed):
    """Returns the model with the output `expression`, a new one if wanted; others stay."""
    tasks = list(models.tasks_of(models.describe(model)))
    others = [name for name in tasks if name != keeping.TASK] if len(tasks) > 1 else []
    if new_head:
        names = [*others, keeping.TASK]
        model = swap_head(model, names if others else keeping.TASK, seed=seed, keep=others)
    names = set(model.output_names)
    if keeping.TASK not in names or names != {*others, keeping.TASK}:
        raise ValueError(
            "`staged` trains models with the output `expression`, and other tasks beside it. "
            f"Received: {model.output_names}. Set `new_head=True` in the first stage, or use "
            "`swap_head`."
        )
    return model


def _settings(model, stages, common):
    """Returns what the result of the last of `stages` depends on, as in `training.train`."""
    stage = stages[-1]
    return training.describe_run(
        model,
        stage.training,
        stage.validation,
        learning_rate=stage.learning_rate,
        frozen=stage.frozen,
        new_head=stage.new_head,
        # With other epochs in an earlier stage, this one would start from other weights.
        epochs_before=[before.epochs for before in stages[:-1]],
        **common,
    )


def _epochs_done(folder):
    return training.AtomicBackup.epochs_done(folder / "backup")


def _train(model, stage, folder, settings, seen, cache, verbose):
    """Trains a stage, from its last finished epoch if it was interrupted.

    `seen` lists the official parts that all stages so far were trained or chosen on.
    """
    unfreeze(model)
    if stage.frozen:
        freeze(model, **stage.frozen)
    form = optimization.compile_sgd(
        keeping.training_form(model),
        stage.learning_rate,
        settings["momentum"],
        settings["weight_decay"],
    )
    done, (verbose, lines) = _epochs_done(folder), training.epoch_output(verbose)
    _runs.start_folder(folder, settings, writes=training.RUN_FILES, required=("training",))
    if verbose or lines:
        print(training.progress_line(f"Stage {folder.name}", done, stage.epochs), flush=True)
    metadata = {
        **settings["facts"],
        **synthetic.facts(stage.training),
        "stage": folder.name,
        "trained_on": seen,
    }
    callbacks = training.callbacks(
        folder, MONITOR, stage.validation, settings, model,
        shown=evaluation.one_task(model, keeping.TASK), **metadata,
    )  # fmt: skip
    with _files.writing(folder), training.gradients_released():
        form.fit(
            stage_data.batches(stage.training, settings, cache, shuffle=True, first_epoch=done),
            validation_data=stage_data.batches(stage.validation, settings, cache),
            epochs=stage.epochs,
            shuffle=False,  # the pictures are shuffled already; Keras would shuffle batches
            callbacks=[
                training.SeedEpochs(settings["seed"]),
                optimization.step_decay(stage.learning_rate),
                *callbacks,
                *lines,
            ],
            verbose=verbose,
        )
