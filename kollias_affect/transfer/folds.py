"""Cross-validation by person: every clip is predicted by a model that never saw its person."""

import dataclasses

import numpy as np

from kollias_affect import _checks, _files, evaluation, tasks, training
from kollias_affect.datasets import sampling


@dataclasses.dataclass(frozen=True)
class CrossValidated:
    """What `cross_validate` returns.

    Attributes:
        scores: `pandas.DataFrame` of `evaluation.scores`, over the predictions of all folds.
        predictions: dict from the key of each clip to float32 `[frames, outputs]`.
    """

    scores: object
    predictions: dict


def cross_validate(build, clips, folds=5, out_dir="folds", seed=0, **options):
    """Trains a model per fold and scores all clips together, each by the model of its fold.

    Fold `k` is trained by `training.train` in `out_dir/fold-<k>`, on the other folds' people, and
    the best epoch is chosen on its own; so the scores are a little better than those of people who
    played no part at all. Paper C does not say how it chose. The scores are of the whole corpus at
    once, not means over folds: correlations do not average. An interrupted call goes on.

    Args:
        build: function without arguments that returns a new model of windows, always with the
            same initial weights (for a pretrained one: loaded anew).
        clips: list of `Clip` with labels.
        folds: see `sampling.person_folds`; paper C has 5 on AFEW-VA.
        out_dir: folder of the run; `scores.csv` and `.md` are written there.
        seed: of folds and trainings.
        **options: of `training.train`.

    Returns:
        `CrossValidated`.

    Raises:
        ValueError: if there are too few people, or `out_dir` holds a run with other settings.

    References: paper C §5.1.2.
    """
    parts = sampling.person_folds(clips, folds, seed)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    predictions, task = {}, None
    for number, (train, validation) in enumerate(parts, start=1):
        folder = out_dir / f"fold-{number}"
        model = build()
        model, card = training.train(model, train, validation, folder, seed=seed, **options)
        task = card["task"]
        predictions.update(_predicted(model, card, validation, folder))
    scores = evaluation.scores(clips, predictions, task)
    evaluation.write_table(scores, out_dir / "scores")
    return CrossValidated(scores, predictions)


def _predicted(model, card, clips, folder):
    """Predictions of the best epoch, kept in the folder."""
    path = folder / f"predictions-epoch-{card['epoch']}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            flat = kept["predictions"]
        parts = np.split(flat, np.cumsum([len(clip) for clip in clips])[:-1])
        return {clip.key: values for clip, values in zip(clips, parts, strict=True)}
    found = evaluation.predict(model, clips)
    names = tasks.TASKS[card["task"]][0]
    with _files.atomic(path) as temporary:
        np.savez(
            temporary, predictions=np.concatenate(list(found.values())), outputs=np.array(names)
        )
    return found
