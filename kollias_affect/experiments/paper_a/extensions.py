"""What paper A announces (figure 3 and §V) as tables: facets, networks in turn, valence-arousal."""

import dataclasses

from kollias_affect.experiments.declaration import Cell, Table
from kollias_affect.experiments.paper_a import blocks, decisions, report, runs
from kollias_affect.experiments.paper_a.experiment import cell_name
from kollias_affect.experiments.paper_a.tables import SCALE
from kollias_affect.experiments.units import BEHIND, Unit

_FIXED = "fixed CNN, fully connected layer and RNN, see below; means over the seeds"
_SPLIT = "A and B, see the protocol"
_PLACES = (("B", "b_test"), ("A", "a_test"))
_DATABASES = ("other", "other2")
_BLOCKS = (0.5, 0.0)
_GRID = {"task": "valence_arousal"}
ROUNDS = 10


@dataclasses.dataclass(frozen=True)
class Extended:
    """Setting of a cell.

    Args:
        lam: Weight λ of E_a, in [0, 1]; for the block form `None` before it.
        part: `"a_test"` or `"b_test"`.
        other: Role of B.
        net: `"a"` or `"b"`.
    """

    lam: float | None
    part: str
    other: str = "other"
    net: str = "a"


def facet_accuracy(laboratory, setting):
    """Computes the accuracy of a facet of NetA on A or on its own B, for each seed."""
    experiment = runs.experiment(laboratory, setting.other)
    return [
        {"accuracy": _accuracy(experiment, name, setting.part, setting.lam)}
        for name in _trained(experiment, setting.lam)
    ]


def block_accuracy(laboratory, setting):
    """Computes the accuracy of a network before the block form or after it, for each seed."""
    experiment = runs.experiment(laboratory)
    if setting.lam is not None:
        results = laboratory.once(
            ("block form of paper A", setting.lam),
            lambda: blocks.accuracies(experiment, setting.lam, ROUNDS, laboratory.log),
        )
        key = f"Net{setting.net.upper()} on {setting.part[0].upper()}"
        return [{"accuracy": result[key]} for result in results]
    names = _trained(experiment, 1.0) if setting.net == "a" else ["net_b"]
    experiment.net_b()
    return [{"accuracy": _accuracy(experiment, name, setting.part, 1.0)} for name in names]


def grid_scores(laboratory, setting):
    """Computes the CCC that decoded cells reach, and their accuracy, for each seed."""
    experiment = runs.experiment(laboratory, **_GRID)
    results = []
    for seed, name in enumerate(_trained(experiment, setting.lam)):
        valence, arousal = report.agreement(experiment, setting.lam, seed, setting.part)
        right = _accuracy(experiment, name, setting.part, setting.lam)
        results.append(
            {"CCC valence": float(valence), "CCC arousal": float(arousal), "accuracy": right}
        )
    return results


def _trained(experiment, lam):
    """Trains every NetA of one λ and returns their names."""
    seeds = range(experiment.settings.seeds)
    for seed in seeds:
        experiment.net_a(lam, seed)
    return [cell_name(lam, seed) for seed in seeds]


def _accuracy(experiment, name, part, lam):
    by = decisions.predictor_of(lam)
    return decisions.accuracy(experiment.outputs(name, part), by, experiment.settings.decision)


def _facts_of_facets(laboratory, table):
    del table
    b = f"{' or '.join(f'`{other}`' for other in _DATABASES)}, see the rows"
    lines = {o: runs.facts(laboratory, runs.experiment(laboratory, o), b) for o in _DATABASES}
    common = [line for line in lines["other"] if line in lines["other2"]]
    own = [
        f"Where B is `{other}`: {line}"
        for other, facts in lines.items()
        for line in facts
        if line not in common
    ]
    return [*common, *own]


def _facts_of_blocks(laboratory, table):
    del table
    return [
        *runs.facts(laboratory, runs.experiment(laboratory), turns=True),
        f"Turns: NetA of lambda 1 and NetB start; in each of at most {ROUNDS} rounds each is "
        "trained for one epoch towards the centroids of the other, until neither is better for two "
        "rounds. The columns of the turns have each network after the round of its best accuracy "
        "on its own training clips. The paper announces this form without details, so the turns "
        "are ours.",
    ]


def _facts_of_grid(laboratory, table):
    del table
    return runs.facts(laboratory, runs.experiment(laboratory, **_GRID))


def _table(name, title, source, varies, measures, cells, evaluate, facts, **more):
    options = {"roles": ("data", "other"), "labels": "expression", **more}
    cells = tuple(cells)

    def units_of(laboratory, _):
        # Its cells share networks, so one process computes them all.
        yield Unit(BEHIND, name, lambda: [evaluate(laboratory, cell.setting) for cell in cells])

    return Table(
        name, title, f"Paper A, {source}; the paper has no numbers", varies, _FIXED, _SPLIT,
        measures, cells, evaluate, facts=facts, seeds="table", scale=SCALE, units=units_of,
        **options,
    )  # fmt: skip


SEVERAL = _table(
    "A-several",
    "Facets of NetA: the centroids of several networks",
    "figure 3",
    "database B whose centroids NetA is given; lambda; database that is scored",
    ("accuracy",),
    [
        Cell(f"B is `{other}`, lambda {lam:g}", column, Extended(lam, part, other), {})
        for other in _DATABASES
        for lam in (0.0, 1.0)
        for column, part in _PLACES
    ],
    facet_accuracy,
    _facts_of_facets,
    roles=("data", *_DATABASES),
)

ALTERNATE = _table(
    "A-alternate",
    "Block component form: NetA and NetB adapt to each other in turn",
    "section V",
    "network and database that is scored; lambda of both networks",
    ("accuracy",),
    [
        Cell(
            f"Net{net.upper()} on {place}",
            "before" if lam is None else f"lambda {lam:g}",
            Extended(lam, part, net=net),
            {},
        )
        for net in "ab"
        for place, part in _PLACES
        for lam in (None, *_BLOCKS)
    ],
    block_accuracy,
    _facts_of_blocks,
)

GRID = _table(
    "A-grid",
    "Valence and arousal as the cells of a grid",
    "section V",
    "lambda; database that is scored",
    ("CCC valence", "CCC arousal", "accuracy"),
    [
        Cell(f"lambda {lam:g}", column, Extended(lam, part), {})
        for lam in report.PAPER_TABLE_2
        for column, part in _PLACES
    ],
    grid_scores,
    _facts_of_grid,
    labels="valence_arousal",
)

TABLES = (SEVERAL, ALTERNATE, GRID)
