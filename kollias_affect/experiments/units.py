"""What tables train, divided into units that several machines run at the same time.

Every unit leaves its results in the folder of the trainings. When all of them are there, the tables
are computed from them as on one machine.
"""

import contextlib
import dataclasses
from collections.abc import Callable

from kollias_affect.experiments.declaration import Empty, Fusion, Repeated, Training

BEFORE, TRAINING, BEHIND = range(3)  # stages: pre-training, training, what joins trainings


@dataclasses.dataclass(frozen=True)
class Unit:
    """A part of a table that one process runs.

    Attributes:
        stage: Units of a stage run when those of smaller stages are over.
        key: Text that distinguishes it. Units with one key are the same.
        run: Function without arguments.
    """

    stage: int
    key: str
    run: Callable


def units_of(tables, laboratory):
    """Returns the units of tables, by stage.

    Args:
        tables: List of `Table`.
        laboratory: `Laboratory`.

    Returns:
        Dict from each key to its `Unit`, smaller stages first.
    """
    found = {}
    for table in tables:
        repeated = table.seeds == "runner"
        for each in laboratory.of_each_seed() if repeated else [laboratory]:
            for unit in _of_table(table, each):
                found.setdefault(unit.key, unit)
    return dict(sorted(found.items(), key=lambda entry: entry[1].stage))


def _of_table(table, laboratory):
    if table.seeds == "none":  # Nothing is trained.
        return
    settings = [*(cell.setting for cell in table.cells), *(f.setting for f in table.figures)]
    for place, setting in enumerate(settings):
        if setting is None:
            continue
        if table.units is not None:
            yield from table.units(laboratory, setting)
        elif hasattr(setting, "network") and not isinstance(setting, Training):
            yield from of_network(laboratory, setting.network)
        elif place >= len(table.cells):
            yield from of_network(laboratory, setting)
        else:
            key = f"{table.name}, cell {place}, seed {laboratory.scale.seed}"
            yield Unit(BEHIND, key, lambda s=setting: table.evaluate(laboratory, s))


def of_network(laboratory, network):
    """Yields the units of a `Training`, `Fusion`, `Separate` or `Repeated`.

    A network for which a role is missing has none, because its cell stays empty.
    """
    roles = {role for m in network.members for role in _needed(m)}
    if not laboratory.has(*roles):
        return
    if isinstance(network, Repeated) and network.by == "seeds":
        for other in laboratory.repetitions():
            yield from of_network(other, network.member)
    elif isinstance(network, Repeated):
        yield from _pretraining(laboratory, network.member)
        yield from _folds_of_training(laboratory, network.member)
    elif isinstance(network, Training):
        yield from _pretraining(laboratory, network)
        yield from _training(laboratory, network)
    else:
        for member in network.members:
            yield from of_network(laboratory, member)
        if isinstance(network, Fusion) and network.mode != "decision":
            key = laboratory.trainings.folder(network).name
            yield Unit(BEHIND, key, lambda: laboratory.predictions(network))


def _needed(member):
    return {"data", member.labels, *([member.before] if member.needs_before else [])}


def _pretraining(laboratory, training):
    folder = laboratory.trainings.pretraining_folder(training)
    if folder is not None:
        yield Unit(BEFORE, folder.name, lambda: laboratory.trainings.initial(training))


def _training(laboratory, training):
    trainings, folder = laboratory.trainings, laboratory.trainings.folder(training)
    if not training.folds:
        yield Unit(TRAINING, folder.name, lambda: laboratory.predictions(training))
        return
    yield Unit(BEFORE, f"{folder.name}, folds", lambda: trainings.start_folds(training))
    for number in range(1, training.folds + 1):
        key = f"{folder.name}, fold {number}"
        yield Unit(TRAINING, key, lambda n=number: trainings.cross_validated_fold(training, n))


def _folds_of_training(laboratory, training):
    trainings, folds = laboratory.trainings, laboratory.scale.repeats
    name = trainings.folder(training).name
    for number in range(1, trainings.count_folds(folds) + 1):
        key = f"{name}, fold {number} of {folds}"
        yield Unit(TRAINING, key, lambda n=number: trainings.fold_of_training(training, folds, n))


def run(unit):
    """Runs a unit; one whose cell stays empty leaves nothing."""
    with contextlib.suppress(Empty):
        unit.run()
