"""Cross-validation by person (paper C §5.1.2): no model is scored on people of its training."""

import dataclasses
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _cluster, _files, _runs, _untrusted, evaluation, tasks, training
from kollias_affect.datasets import sampling


@dataclasses.dataclass(frozen=True)
class CrossValidated:
    """The result of `cross_validate`.

    Attributes:
        scores: `pandas.DataFrame` of `evaluation.scores` over the predictions of all folds.
        predictions: Dict from the key of each clip to float32 `[frames, outputs]`; of several
            tasks, a dict of such dicts by task.
    """

    scores: object
    predictions: dict


def cross_validate(
    build,
    clips,
    folds=5,
    out_dir="folds",
    seed=0,
    validation_share=0.2,
    executor=None,
    **options,
):
    """Trains a model for each fold, and scores all clips together, each by the model of its fold.

    The model of fold `k` is trained by `training.train` in `out_dir/fold-<k>` on people of the
    other folds. A share of these people is held out and chooses the best epoch; the people of
    fold `k` are only scored. Paper C does not state its selection. The scores are computed over
    the complete corpus, not averaged over folds: a mean of correlations is not the correlation. An
    interrupted call resumes. `out_dir/settings.json` says who is in which fold and who chose.

    Args:
        build: Function without arguments that returns a new model of windows, always with the
            same initial weights. For a pretrained model, it loads the model again.
        clips: List of `Clip` with labels.
        folds: Number of folds, see `sampling.person_folds`. Paper C uses 5 on AFEW-VA.
        out_dir: Folder of the run, in which `scores.csv` and `.md` are written.
        seed: Seed of the folds, of the people who are held out, and of the training.
        validation_share: Share of the people of the other folds who are held out.
        executor: `concurrent.futures.Executor` that trains each fold in a task, a pool of this
            machine or that of a Dask client. Its workers see the clips and `out_dir` under the same
            paths, and get `build`, for a process pool a function of a module.
        **options: Arguments of `training.train`.

    Returns:
        `CrossValidated`.

    Raises:
        OSError: If another process runs in `out_dir`, or if a fold fails in a worker.
        ValueError: If there are too few people, or if `out_dir` holds a run with other settings,
            or one of a version that chose the epoch on the people who are scored.

    References: paper C §5.1.2.
    """
    parts = _divided(clips, folds, seed, validation_share)
    settings = _describe(parts, seed, validation_share)
    _check_folder(out_dir, settings)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    predictions = {}
    with _runs.Lock(out_dir) as lock:
        _runs.start_folder(out_dir, settings, _writes(parts), required=("folds",))
        if executor is not None:
            _train_on(executor, build, parts, out_dir, seed, options)
        for number, part in enumerate(parts, start=1):
            lock.check()
            found = _train(build, part, out_dir / f"fold-{number}", seed, options)
            for task, values in found.items():
                predictions.setdefault(task, {}).update(values)
        if len(predictions) > 1:
            scores = evaluation.score_tasks(clips, predictions)
        else:
            ((task, predictions),) = predictions.items()
            scores = evaluation.scores(clips, predictions, task)
        evaluation.write_table(scores, out_dir / "scores")
    return CrossValidated(scores, predictions)


def start_folds(clips, folds=5, out_dir="folds", seed=0, validation_share=0.2):
    """Writes the settings of `cross_validate` to its folder, before processes call `run_fold`."""
    parts = _divided(clips, folds, seed, validation_share)
    settings = _describe(parts, seed, validation_share)
    _check_folder(out_dir, settings)
    _runs.start_folder(out_dir, settings, _writes(parts), required=("folds",))


def run_fold(
    number, build, clips, folds=5, out_dir="folds", seed=0, validation_share=0.2, **options
):
    """Trains and predicts one fold of `cross_validate`, which then goes on behind it.

    Args:
        number: Number of the fold, from 1.
        build, clips, folds, out_dir, seed, validation_share, **options: See `cross_validate`.
    """
    part = _divided(clips, folds, seed, validation_share)[number - 1]
    _train(build, part, Path(out_dir) / f"fold-{number}", seed, options)


def _divided(clips, folds, seed, share):
    """Returns a list of the clips that train, choose the epoch and are scored, for each fold."""
    return [
        (*_held_out(others, share, [seed, number]), scored)
        for number, (others, scored) in enumerate(
            sampling.person_folds(clips, folds, seed), start=1
        )
    ]


def _train(build, part, folder, seed, options):
    """Returns the predictions of the clips of a fold by task; trains what is not finished."""
    train, validation, scored = part
    model, card = training.train(build(), train, validation, folder, seed=seed, **options)
    return _predictions(model, card, scored, folder)


def _train_on(executor, build, parts, out_dir, seed, options):
    """Trains each fold in a task of an executor, whose results stay on the file system."""
    options = {**options, "verbose": 0}

    def work(number, part):
        part = tuple([clip.with_absolute_paths() for clip in clips] for clips in part)
        folder = out_dir.absolute() / f"fold-{number}"
        yield [_cluster.Call(_train_fold, (build, part, folder, seed, options))]

    works = ((f"fold-{number}", work(number, part)) for number, part in enumerate(parts, start=1))
    _cluster.run_all(executor, works, len(parts), "fold")


def _train_fold(*arguments):
    _train(*arguments)


def _held_out(clips, share, seed):
    """Divides the clips of the other folds into those to train on and those that choose."""
    counted = {clip.subject for clip in clips if clip.valid.any()}
    if len(counted) < 2:
        raise ValueError(
            "A fold needs two people besides those who are scored: one to train on, and one who "
            f"chooses the epoch. Received: {len(counted)} with frames that count. Use more folds."
        )
    _, chosen = sampling.split([clip for clip in clips if clip.subject in counted], share, seed)
    subjects = {clip.subject for clip in chosen}
    return [clip for clip in clips if clip.subject not in subjects], chosen


def _describe(parts, seed, share):
    """The settings of a run: JSON content with the people of each fold."""

    def people(clips):
        return sorted({clip.subject for clip in clips})

    return {
        "folds": [
            {"scored": people(scored), "choose the epoch": people(validation)}
            for _, validation, scored in parts
        ],
        "seed": seed,
        "validation_share": share,
    }


def _writes(parts):
    return [f"fold-{number}" for number in range(1, len(parts) + 1)]


def _check_folder(out_dir, settings):
    """Refuses the folder of other folds, and that of an earlier version."""
    folders = _writes(settings["folds"])
    try:
        _runs.check_folder(out_dir, settings, folders, required=("folds",))
    except FileExistsError as error:
        raise ValueError(
            "The people who choose the epoch of a fold must not be scored. Received: "
            f"{out_dir}, which holds folds without a record of who chose, as an earlier version "
            "wrote them. Choose another folder."
        ) from error


def _stored(path, names, rows):
    """Returns the arrays in a file by name; `None` if one is missing or the file is damaged."""
    try:
        with _untrusted.reading("Predictions must be complete", path, "Remove the file."):
            arrays = _untrusted.read_npz(path, tuple(names))
            return arrays if all(len(arrays[name]) == rows for name in names) else None
    except (OSError, ValueError):
        return None


def _predictions(model, card, clips, folder):
    """Returns the predictions of the best epoch by task, from the folder if they are there."""
    names = list(tasks.tasks_of(card))
    path = folder / f"predictions-epoch-{card['epoch']}.npz"
    entries = {task: "predictions" if len(names) == 1 else f"predictions {task}" for task in names}
    frames = _stored(path, entries.values(), sum(map(len, clips)))
    if frames is not None:
        ends = np.cumsum([len(clip) for clip in clips])[:-1]
        return {
            task: {c.key: v for c, v in zip(clips, np.split(frames[entry], ends), strict=True)}
            for task, entry in entries.items()
        }
    predictions = evaluation.predict(model, clips)
    predictions = predictions if len(names) > 1 else {names[0]: predictions}
    frames = {entries[task]: np.concatenate(list(v.values())) for task, v in predictions.items()}
    outputs = [name for task in names for name in tasks.TASKS[task][0]]
    with _files.atomic(path) as temporary:
        np.savez(temporary, outputs=np.array(outputs), **frames)
    return predictions
