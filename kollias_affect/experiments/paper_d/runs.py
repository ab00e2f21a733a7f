"""Runs of paper D's paths on the data of the tables, each trained once."""

import dataclasses
import json

import numpy as np

from kollias_affect import transfer
from kollias_affect.datasets import division
from kollias_affect.evaluation.measures import accuracy
from kollias_affect.experiments.declaration import Empty
from kollias_affect.experiments.paper_d.submissions import PATHS
from kollias_affect.experiments.units import Unit
from kollias_affect.tasks import EXPRESSIONS
from kollias_affect.transfer import optimization

VALIDATION, TEST = "validation", "test"


@dataclasses.dataclass(frozen=True)
class Shown:
    """Setting of a cell: the part of a path's results that it shows.

    Args:
        path: Key of `submissions.PATHS`.
        part: Part of EmotiW in a confusion, `"validation"` or `"test"`.
        label: Expression, row of the confusion.
    """

    path: int | str
    part: str = TEST
    label: str | None = None


def scored(laboratory):
    """Returns a dict from `"validation"` and `"test"` to the part of `emotiw` that stands for it.

    The labels of SFEW's test part are not distributed. Its official validation part is then scored
    in its place, so that its accuracy belongs beside the paper's validation accuracy, and there is
    no test accuracy.
    """
    if division.parts_of(laboratory.parts("emotiw").test) == ["sfew/validation"]:
        return {VALIDATION: "test", TEST: None}
    return {VALIDATION: "validation", TEST: "test"}


def confusion(laboratory, path, part):
    """Returns the counts `[labels][predictions]` of a path on EmotiW's part, array `[7, 7]`.

    Raises:
        Empty: If a database is not given, or the part has no labels.
    """
    roles = [role for name in PATHS[path].stages for role in roles_of(name)]
    missing = sorted({role for role in roles if not laboratory.has(role)})
    if missing:
        raise Empty(f"no data for {', '.join(missing)}")
    where = scored(laboratory)[part]
    if where is None:
        raise Empty("the labels of SFEW's test part are not given")
    counts = laboratory.once(("paper D", path), lambda: _run(laboratory, PATHS[path]))
    # The target of every run is EmotiW's validation part, whatever its stages validate on.
    return np.array(counts["target" if where == "validation" else "test"])


def units_of(laboratory, setting):
    """Yields the `Unit` of a cell; paths that share a folder are not in one stage."""
    submission = PATHS[setting.path]
    start = submission.network, submission.stages[0]
    sharing = [name for name, s in PATHS.items() if (s.network, s.stages[0]) == start]
    key = f"paper D, path {setting.path}, seed {laboratory.scale.seed}"
    yield Unit(sharing.index(setting.path), key, lambda: accuracies(laboratory, setting))


def roles_of(stage):
    """Returns the roles of a stage with a name as in figure 3, such as FER32+EmotiW."""
    return [name.lower() for name in stage.split("+")]


def accuracies(laboratory, setting):
    """Computes the accuracy on both parts, in [0, 1]; `None` for a part without labels."""
    return {
        f"{part} accuracy": None
        if where is None
        else float(accuracy(confusion(laboratory, setting.path, part)))
        for part, where in scored(laboratory).items()
    }


def confusion_row(laboratory, setting):
    """Computes the percentages of the predictions for one label."""
    counts = confusion(laboratory, setting.path, setting.part)
    row = counts[EXPRESSIONS.index(setting.label)].tolist()
    total = sum(row)
    shares = [100 * count / total if total else None for count in row]
    return dict(zip(EXPRESSIONS, shares, strict=True))


def batch_size(laboratory):
    """Returns the pictures per batch."""
    return laboratory.scale.batch_size or optimization.BATCH_SIZE


def learning_rate(laboratory):
    """Returns the initial learning rate of every stage."""
    rate = laboratory.scale.learning_rate
    return optimization.LEARNING_RATE if rate is None else rate


def _run(laboratory, submission):
    roles = {role for name in submission.stages for role in roles_of(name)} | {"emotiw"}
    scale = laboratory.scale
    # Paths with the same network and first stage share their first stage.
    start = f"{submission.network}-{submission.stages[0]}"
    content = laboratory.fingerprint(start, laboratory.contents(*sorted(roles)))
    folder = laboratory.out_dir / f"{start}-{content}"
    stages = [_stage(laboratory, name) for name in submission.stages]
    target = laboratory.parts("emotiw")
    model = transfer.network(
        submission.network,
        scale.picture,
        scale.width,
        seed=scale.seed,
        pretrained=laboratory.weight_files.get(submission.network),
    )
    transfer.staged(
        model,
        stages,
        folder,
        target.validation,
        target.test,
        batch_size=batch_size(laboratory),
        seed=scale.seed,
        cache=scale.cache,
        verbose=0,
    )
    last = f"{len(stages)}-{stages[-1].name}"
    return json.loads((folder / last / "evaluation.json").read_text())["confusions"]


def _stage(laboratory, name):
    parts = [laboratory.parts(role) for role in roles_of(name)]
    # On a union only the target's own part validates (paper D §3.3).
    return transfer.Stage(
        name,
        [clip for part in parts for clip in part.training],
        parts[-1].validation,
        epochs=laboratory.scale.epochs,
        learning_rate=learning_rate(laboratory),
    )
