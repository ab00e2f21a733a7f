"""One model on one set of clips: predictions, post-processing, scores, comparison, results."""

import dataclasses
from pathlib import Path

import keras
import pandas as pd

from kollias_affect import _checks, models
from kollias_affect.evaluation import results
from kollias_affect.evaluation.aggregation import aggregate, join_labels
from kollias_affect.evaluation.groups import group_scores
from kollias_affect.evaluation.levels import level_scores
from kollias_affect.evaluation.measures import main_measure
from kollias_affect.evaluation.postprocess import PostProcessing
from kollias_affect.evaluation.postprocess import search as search_steps
from kollias_affect.evaluation.predictions import predict
from kollias_affect.evaluation.resampling import compare
from kollias_affect.evaluation.scored_rows import UNITS
from kollias_affect.evaluation.scores import scores
from kollias_affect.evaluation.tables import write_table
from kollias_affect.tasks import known, label_field


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
        total: For several tasks the sum of their main scores: the mean CCC, the macro F1 of the
            expressions and the mean F1 of the action units, as in the multi-task challenge of
            ABAW; `None` for one task, or if a task has no labels.
        without_labels: Tasks of the model that no clip has labels of; they are not scored.
        by_group: Dict from task to the `pandas.DataFrame` of `evaluation.group_scores`; empty
            without `groups`.
    """

    scores: object
    per_video: object
    steps: object
    measure: str
    comparison: object
    levels: object = None
    total: float | None = None
    without_labels: tuple = ()
    by_group: dict = dataclasses.field(default_factory=dict)


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
    task=None,
    excel_safe=False,
    groups=None,
):
    """Predicts clips and scores the predictions, over all valid frames or over aggregates.

    Of a model with several tasks, every output is scored on the frames with a label of its task.
    The tables then have the rows of all tasks, with the name of the task in front, and `out_dir`
    has a folder for each task.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        clips: List of `Clip` with labels of the model's task, or of one of its tasks.
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
        task: The only task of the model that is scored. With several tasks, `by`, `search`,
            `postprocessing`, `levels` and `significance` need one. Default: all.
        excel_safe: Whether no text of a csv in `out_dir` is a formula for a spreadsheet.
        groups: Dict from the key of a clip to its groups by column, see `group_scores`: groups are
            scored alone and compared, which is also written to `groups.csv` and `groups.md`.

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
    check_options(by, search, postprocessing, groups)
    model, names = _chosen_tasks(model, task)
    if against is not None:
        against, other = _chosen_tasks(against, task)
        _check_same_task(names, other)
    options = {
        "by": by, "statistic": statistic, "search": search, "postprocessing": postprocessing,
        "levels": levels, "significance": significance,
    }  # fmt: skip
    if len(names) == 1:
        _check_steps(names[0], search or postprocessing)
    else:
        _refuse_options_of_one_task(names, options)
    predictions = _by_task(predict(model, clips), names)
    others = None if against is None else _by_task(predict(against, clips), names)
    options |= {
        "per_video": per_video,
        "ranges": ranges,
        "excel_safe": excel_safe,
        "groups": groups,
    }
    if len(names) == 1:
        other = None if others is None else others[names[0]]
        return _evaluate(names[0], clips, predictions[names[0]], other, out_dir, **options)
    return _evaluate_tasks(names, clips, predictions, others, out_dir, options)


def _chosen_tasks(model, task):
    """Returns the model, reduced to one output if a task is chosen, and its tasks."""
    model = one_task(model, task)
    return model, tuple(models.tasks_of(models.describe(model)))


def one_task(model, task):
    """Returns the model of one task of a model with several.

    Args:
        model: `keras.Model` of `kollias_affect.models`.
        task: One of its tasks; `None` for all of them.

    Returns:
        `keras.Model` with the same weights; `model` itself if it has no other task.

    Raises:
        ValueError: If the model has no such task.
    """
    names = tuple(models.tasks_of(models.describe(model)))
    if task is None:
        return model
    _checks.one_of("task", task, names)
    if len(names) == 1:
        return model
    model = models.for_unit_range(model)
    return keras.Model(model.input, model.output[task], name=model.name)


def _by_task(predictions, names):
    return predictions if len(names) > 1 else {names[0]: predictions}


def _check_steps(task, steps):
    if steps and label_field(task) != "valence_arousal":
        what = label_field(task).replace("_", " ")
        raise ValueError(
            f"Post-processing applies to valence and arousal. Received: a model of {what}s. "
            "Leave `search` and `postprocessing` out."
        )


def _refuse_options_of_one_task(names, options):
    defaults = {"statistic": options["statistic"], "levels": False, "significance": False}
    given = [name for name, value in options.items() if value != defaults.get(name)]
    if given:
        raise ValueError(
            f"`{given[0]}` is for one task. Received: it and a model of {', '.join(names)}. Choose "
            "one with `task`."
        )


def _evaluate_tasks(names, clips, predictions, others, out_dir, options):
    """Scores each task on the clips with labels of it, and joins the tables."""
    results, without = {}, []
    for name in names:
        labelled = [clip for clip in clips if known(clip, name).any()]
        if not labelled:
            without.append(name)
            continue
        keys = [clip.key for clip in labelled]
        values = [
            None if each is None else {key: each[name][key] for key in keys}
            for each in (predictions, others)
        ]
        folder = None if out_dir is None else Path(out_dir) / name
        results[name] = _evaluate(name, labelled, *values, folder, **options)
    if not results:
        raise ValueError(
            f"Scores need labels of one of {names}. Received: {len(clips)} clips without any. Load "
            "the clips with their labels."
        )
    table = _joined({name: result.scores for name, result in results.items()})
    if out_dir is not None:
        write_table(table, Path(out_dir) / "scores")
    by_video = comparison = None
    if options["per_video"]:
        tables = {name: result.per_video for name, result in results.items()}
        by_video = pd.concat(
            [each.add_prefix(f"{name} ") for name, each in tables.items()], axis=1
        ).rename_axis("video")
    if others is not None:
        comparison = _joined({name: result.comparison for name, result in results.items()})
    total = None if without else sum(_main_score(result.scores) for result in results.values())
    measure = ", ".join(dict.fromkeys(result.measure for result in results.values()))
    by_group = {name: table for r in results.values() for name, table in r.by_group.items()}
    return Evaluation(
        table, by_video, None, measure, comparison, total=total, without_labels=tuple(without),
        by_group=by_group,
    )  # fmt: skip


def score_tasks(clips, predictions):
    """Scores predictions of several tasks, each on the clips with labels of it.

    Args:
        clips: List of `Clip`, each with labels of one of the tasks.
        predictions: Dict from task to predictions, as `predict` returns it for a model with
            several tasks.

    Returns:
        `pandas.DataFrame` of the tables of `scores`, with the task in front of the names of rows.

    Raises:
        ValueError: If a task has no labels, and as `scores` does.
    """
    tables = {}
    for task, values in predictions.items():
        labelled = [clip for clip in clips if known(clip, task).any()]
        tables[task] = scores(labelled, {clip.key: values[clip.key] for clip in labelled}, task)
    return _joined(tables)


def _joined(tables):
    """Returns the rows of tables by task as one table, with the counts in the last column."""
    table = pd.concat(
        [each.rename(index=lambda row, name=name: f"{name} {row}") for name, each in tables.items()]
    )
    return table[[name for name in table if name != "frames"] + [n for n in table if n == "frames"]]


def _main_score(table):
    """Returns the mean CCC, the macro F1 or the mean F1 of a table of `scores`."""
    if "F1" in table:
        return float(table.loc["all" if "all" in table.index else "mean", "F1"])
    return float(table["CCC"].iloc[-1])


def _evaluate(
    task, clips, predictions, other, out_dir, by, statistic, search, postprocessing, levels,
    significance, per_video, ranges, excel_safe, groups,
):  # fmt: skip
    """Scores the predictions of one task, and compares them with those of another model."""
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
            clips,
            processed,
            out_dir,
            task,
            scored,
            ranges=ranges,
            significance=significance,
            excel_safe=excel_safe,
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
    if other is not None:
        _, other = _process(other, clips, **options)
        comparison = compare(clips, scored, other, measure, task)
    by_group = {}
    if groups is not None:
        by_group[task] = group_scores(clips, scored, groups, task)
        if out_dir is not None:
            table_of_groups = by_group[task].reset_index()
            write_table(
                table_of_groups, Path(out_dir) / "groups", index=False, excel_safe=excel_safe
            )
    return Evaluation(table, by_video, steps, measure, comparison, by_level, by_group=by_group)


def check_options(by=None, search=None, postprocessing=None, groups=None):
    """Checks options of `evaluate_model` that do not depend on the model, before it is loaded.

    Args:
        by, search, postprocessing, groups: See `evaluate_model`.

    Raises:
        ValueError: If `by` is unknown, or if options exclude each other.

    Example:

    >>> check_options(by="utterance")
    """
    _checks.one_of("by", by, (None, *UNITS))
    if search is not None and postprocessing is not None:
        raise ValueError(
            "Post-processing is searched on one set and applied to another. Received: both "
            "`search` and `postprocessing`. Give one of them."
        )
    if groups is not None and by == "video":
        raise ValueError(
            "Groups are groups of people, of whom a video may have several. Received: `groups` and "
            "by=video. Score frames, sequences or utterances."
        )


def _check_same_task(names, other):
    if names != other:
        raise ValueError(
            "Two models are compared on one task, or on the same ones. Received: "
            f"{', '.join(names)} and {', '.join(other)}. Choose another model, or one `task` that "
            "both have."
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
