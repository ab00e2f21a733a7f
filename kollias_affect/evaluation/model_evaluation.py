"""One model on one set of clips: predictions, post-processing, scores, comparison, results."""

import dataclasses
from pathlib import Path

from kollias_affect import _checks, models
from kollias_affect.evaluation import results
from kollias_affect.evaluation.aggregation import aggregate, join_labels
from kollias_affect.evaluation.levels import level_scores
from kollias_affect.evaluation.measures import main_measure
from kollias_affect.evaluation.postprocess import PostProcessing
from kollias_affect.evaluation.postprocess import search as search_steps
from kollias_affect.evaluation.predictions import predict
from kollias_affect.evaluation.resampling import compare
from kollias_affect.evaluation.scored_rows import UNITS
from kollias_affect.evaluation.scores import scores
from kollias_affect.evaluation.tables import write_table


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate_model`.

    Attributes:
        scores: `pandas.DataFrame` of `evaluation.scores`.
        per_video: The same for every video, or `None`.
        steps: `PostProcessing` that was found or applied, or `None`.
        measure: Measure of the comparison, `"CCC"` or `"accuracy"`.
        comparison: `pandas.DataFrame` of `evaluation.compare`, or `None`.
        levels: `pandas.DataFrame` of `evaluation.level_scores`, or `None`.
    """

    scores: object
    per_video: object
    steps: object
    measure: str
    comparison: object
    levels: object = None


def evaluate_model(
    model,
    clips,
    by=None,
    statistic="median",
    search=None,
    postprocessing=None,
    per_video=False,
    against=None,
    out_dir=None,
    levels=False,
    significance=False,
    ranges=None,
):
    """Predicts clips and scores the predictions, over all valid frames or over aggregates.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        clips: List of `Clip` with labels of the model's task.
        by: Unit that is scored: `"sequence"`, `"utterance"` or `"video"`, see `aggregate`;
            `None` for frames.
        statistic: Statistic of `aggregate`: `"median"`, `"mean"` or `"vote"`.
        search: Path of a JSON file. Post-processing that improves the scores on `clips` is
            searched, saved there and applied, see `postprocess.search`.
        postprocessing: Path of such a file, whose steps are applied.
        per_video: Whether every video is also scored alone.
        against: Another `keras.Model` with the same task. Its predictions are processed in the
            same way and compared, see `compare`.
        out_dir: Folder of tables and pictures, see `results.write_results`; `None` for none.
        levels: Whether the same predictions are also scored for frames, sequences and utterances,
            see `level_scores`; written to `levels.csv` and `levels.md` too.
        significance: Whether scores have p-values, see `scores`.
        ranges: Ranges of the pictures' axes, see `results.write_results`.

    Returns:
        `Evaluation`.

    Raises:
        FileNotFoundError: If `postprocessing` does not exist.
        ValueError: If options exclude each other, if the task of the models does not allow them,
            or as `predict` and `scores` do.

    Example:

    >>> import tempfile
    >>> import cv2, keras
    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> path = f"{tempfile.mkdtemp()}/face.png"
    >>> _ = cv2.imwrite(path, np.zeros((8, 8, 3), np.uint8))
    >>> images = keras.Input((8, 8, 3), name="images")
    >>> colour = keras.layers.GlobalAveragePooling2D()(images)
    >>> outputs = keras.layers.Dense(2, kernel_initializer="zeros", name="valence_arousal")(colour)
    >>> model = keras.Model({"images": images}, outputs)
    >>> clip = Clip("a", [path, path], valence_arousal=[[0.5, 0.2], [0.5, 0.4]])
    >>> evaluate_model(model, [clip]).scores["MSE"].round(2).to_dict()
    {'valence': 0.25, 'arousal': 0.1, 'mean': 0.18}
    """
    task = models.describe(model)["task"]
    check_options(by, search, postprocessing)
    if task == "expression" and (search or postprocessing):
        raise ValueError(
            "Post-processing applies to valence and arousal. Received: a model of expressions. "
            "Leave `search` and `postprocessing` out."
        )
    if against is not None:
        _check_same_task(task, models.describe(against)["task"])
    predictions = predict(model, clips)
    steps = None
    if search is not None:
        unit = {"by": by, "statistic": statistic} if by == "utterance" else {}
        steps = search_steps(predictions, clips, task=task, **unit)
        steps.save(search)
    elif postprocessing is not None:
        steps = PostProcessing.load(postprocessing)
    options = {"steps": steps, "by": by, "statistic": statistic, "task": task}
    processed, scored = _process(predictions, clips, **options)
    if out_dir is None:
        table = scores(clips, scored, task, significance=significance)
    else:
        table = results.write_results(
            clips, processed, out_dir, task, scored, ranges=ranges, significance=significance
        )
    by_video = None
    if per_video:
        by_video = scores(clips, scored, task, per_video=True, significance=significance)
    by_level = None
    if levels:
        by_level = level_scores(clips, predictions, steps, task, significance=significance)
        if out_dir is not None:
            write_table(by_level, Path(out_dir) / "levels")
    measure = main_measure(task)
    comparison = None
    if against is not None:
        _, other = _process(predict(against, clips), clips, **options)
        comparison = compare(clips, scored, other, measure, task)
    return Evaluation(table, by_video, steps, measure, comparison, by_level)


def check_options(by=None, search=None, postprocessing=None):
    """Checks options of `evaluate_model` that do not depend on the model, before it is loaded.

    Args:
        by, search, postprocessing: See `evaluate_model`.

    Raises:
        ValueError: If `by` is unknown, or if the other two are given together.

    Example:

    >>> check_options(by="utterance")
    """
    _checks.one_of("by", by, (None, *UNITS))
    if search is not None and postprocessing is not None:
        raise ValueError(
            "Post-processing is searched on one set and applied to another. Received: both "
            "`search` and `postprocessing`. Give one of them."
        )


def _check_same_task(task, other):
    if task != other:
        raise ValueError(
            f"Two models are compared on one task. Received: {task} and {other}. Choose another "
            "model."
        )


def _process(predictions, clips, steps, by, statistic, task):
    """Applies the steps and aggregates.

    Returns:
        `(predictions, scored)`: predictions of the frames, and what is scored.
    """
    if steps is not None and steps.by is not None:
        if (by, statistic) != (steps.by, steps.statistic):
            raise ValueError(
                f"These steps apply to utterances and their {steps.statistic}. Received: by={by}, "
                f"statistic={statistic}. Pass by=utterance and statistic={steps.statistic}, or "
                "search again."
            )
        table = steps.apply(predictions, clips)
        options = {"statistic": steps.statistic, "length": steps.length, "task": task}
        return predictions, join_labels(table, predictions, clips, **options)
    if steps is not None:
        predictions = steps.apply(predictions, clips)
    if by is None:
        return predictions, predictions
    return predictions, aggregate(predictions, clips, by, statistic, task=task)
