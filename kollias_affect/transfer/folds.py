"""Cross-validation by person (paper C §5.1.2): no model is scored on people of its training."""

import dataclasses

import numpy as np

from kollias_affect import _checks, _files, _runs, evaluation, tasks, training
from kollias_affect.datasets import sampling


@dataclasses.dataclass(frozen=True)
class CrossValidated:
    """The result of `cross_validate`.

    Attributes:
        scores: `pandas.DataFrame` of `evaluation.scores` over the predictions of all folds.
        predictions: Dict from the key of each clip to float32 `[frames, outputs]`.
    """

    scores: object
    predictions: dict


def cross_validate(build, clips, folds=5, out_dir="folds", seed=0, **options):
    """Trains a model for each fold, and scores all clips together, each by the model of its fold.

    The model of fold `k` is trained by `training.train` in `out_dir/fold-<k>` on the people of
    the other folds. Its best epoch is selected on fold `k` itself, which makes the scores slightly
    optimistic; paper C does not state its selection. The scores are computed over the complete
    corpus, not averaged over folds: a mean of correlations is not the correlation. An interrupted
    call resumes.

    Args:
        build: Function without arguments that returns a new model of windows, always with the
            same initial weights. For a pretrained model, it loads the model again.
        clips: List of `Clip` with labels.
        folds: Number of folds, see `sampling.person_folds`. Paper C uses 5 on AFEW-VA.
        out_dir: Folder of the run, in which `scores.csv` and `.md` are written.
        seed: Seed of the folds and of the training.
        **options: Arguments of `training.train`.

    Returns:
        `CrossValidated`.

    Raises:
        OSError: If another process runs in `out_dir`.
        ValueError: If there are too few people, or if `out_dir` holds a run with other settings.

    References: paper C §5.1.2.
    """
    parts = sampling.person_folds(clips, folds, seed)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    predictions, task = {}, None
    with _runs.Lock(out_dir):
        for number, (train, validation) in enumerate(parts, start=1):
            folder = out_dir / f"fold-{number}"
            model = build()
            model, card = training.train(model, train, validation, folder, seed=seed, **options)
            task = card["task"]
            predictions.update(_predictions(model, card, validation, folder))
        scores = evaluation.scores(clips, predictions, task)
        evaluation.write_table(scores, out_dir / "scores")
    return CrossValidated(scores, predictions)


def _predictions(model, card, clips, folder):
    """Returns the predictions of the best epoch, from the folder if they are there."""
    path = folder / f"predictions-epoch-{card['epoch']}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            frames = file["predictions"]
        parts = np.split(frames, np.cumsum([len(clip) for clip in clips])[:-1])
        return {clip.key: values for clip, values in zip(clips, parts, strict=True)}
    predictions = evaluation.predict(model, clips)
    frames, names = np.concatenate(list(predictions.values())), tasks.TASKS[card["task"]][0]
    with _files.atomic(path) as temporary:
        np.savez(temporary, predictions=frames, outputs=np.array(names))
    return predictions
