"""Aff-Wild2 as the ABAW challenges score it: each task alone, and the three of them together."""

import dataclasses

from kollias_affect import evaluation, tasks
from kollias_affect.experiments import facts as of_networks
from kollias_affect.experiments.declaration import Cell, Empty, Network, Table, Training
from kollias_affect.experiments.laboratory import Laboratory

CHALLENGE = ("valence_arousal", "expression_8", "action_units")
MEASURES = {
    "valence_arousal": ("CCC mean", "mean", "CCC"),
    "expression_8": ("F1 expressions", "all", "F1"),
    "action_units": ("F1 action units", "mean", "F1"),
}
TOTAL = "sum"
_NETWORK = Network("cnn_rnn")
_TOGETHER = {"loss_weights": "uncertainty", "balance_tasks": True}


def score(laboratory, setting):
    """Trains a network of one or several tasks and scores each of them as its challenge does.

    A network is trained and scored on the clips with labels of one of its tasks.

    Args:
        laboratory: `Laboratory`.
        setting: `Training`, whose task may be several.

    Returns:
        Dict from the measures of the tasks to numbers; with all three also their sum.

    Raises:
        Empty: If there are no labels of a task.
    """
    names = tasks.names_of(setting.task)
    restricted = _with_labels(laboratory, names)
    model = restricted.trainings.model(setting)
    test = restricted.parts().test
    predictions = evaluation.predict(model, test)
    numbers = {}
    for name in names:
        labelled = [clip for clip in test if tasks.known(clip, name).any()]
        values = predictions[name] if len(names) > 1 else predictions
        values = {clip.key: values[clip.key] for clip in labelled}
        measure, row, column = MEASURES[name]
        numbers[measure] = float(evaluation.scores(labelled, values, name).at[row, column])
    if len(names) == len(CHALLENGE):
        numbers[TOTAL] = sum(numbers.values())
    return numbers


def _with_labels(laboratory, names):
    """Returns the laboratory on the clips with labels of some of the tasks."""
    parts = laboratory.parts()
    lists = {
        part: [clip for clip in clips if any(tasks.known(clip, name).any() for name in names)]
        for part, clips in parts.lists.items()
    }
    for part, clips in lists.items():
        for name in names:
            if not any(tasks.known(clip, name).any() for clip in clips):
                raise Empty(f"no clip of the {part} part has labels of {name}")
    return laboratory.once(
        ("restricted", names),
        lambda: Laboratory(
            {"data": dataclasses.replace(parts, **lists)},
            laboratory.out_dir,
            laboratory.scale,
            laboratory.weight_files,
            laboratory.log,
        ),
    )


def facts(laboratory, table):
    """Describes what each task has labels of, the starts, who chose the epochs, and the steps."""
    lines = []
    for name in CHALLENGE:
        frames = {
            part: sum(int(tasks.known(clip, name).sum()) for clip in clips)
            for part, clips in laboratory.parts().lists.items()
        }
        counts = ", ".join(f"{part} {count:,}" for part, count in frames.items())
        lines.append(f"Frames with a label of {name}: {counts}.")
    settings = [cell.setting for cell in table.cells if cell.setting is not None]
    if not settings:
        return lines
    epoch = "the one with the highest score of the validation part, which is not scored"
    return [*lines, f"Epoch: {epoch}.", *of_networks.of_trainings(laboratory, settings)]


def _cell(row, task, **options):
    return Cell(row, "", Training(_NETWORK, task=task, options=options), {})


ABAW = Table(
    "ABAW",
    "Aff-Wild2: each task alone, and three tasks in one network",
    "The ABAW competitions: Kollias et al. (6th, arXiv 2402.19344; 7th, arXiv 2407.03835); "
    "Savchenko (arXiv 2407.13184)",
    "the tasks of a network",
    "CNN-GRU of VGG-Face with the settings of paper C; several tasks have learnt weights and the "
    "same number of windows each",
    "the frames with a label of the task: of the official validation part, as the labels of the "
    "test part are not published",
    (*(measure for measure, _, _ in MEASURES.values()), TOTAL),
    (
        _cell("valence and arousal", "valence_arousal"),
        _cell("eight expressions", "expression_8"),
        _cell("twelve action units", "action_units"),
        _cell("three tasks", CHALLENGE, **_TOGETHER),
        _cell("three tasks, matched", CHALLENGE, matching="published", **_TOGETHER),
        Cell("Baseline of the 6th challenge, ResNet-50", "", None, {"CCC mean": 0.22}),
        Cell("Baseline of the 7th challenge, VGG-16 (s-Aff-Wild2)", "", None, {TOTAL: 0.32}),
        Cell("Savchenko (2024), 7th challenge (s-Aff-Wild2)", "", None, {TOTAL: 1.494}),
    ),
    score,
    labels=None,
    facts=facts,
    deviations=(
        "the 6th challenge scores the complete Aff-Wild2, the 7th its static part s-Aff-Wild2 with "
        "other frames",
        "published numbers of expressions and action units alone are left out, as they could not "
        "be compared with their source",
    ),
)  # fmt: skip

TABLES = (ABAW,)
