"""Paper A: training with the centroids of another dataset, tables II to VII."""

import dataclasses

import numpy as np

from kollias_affect.experiments import scoring
from kollias_affect.experiments.declaration import Cell, Empty, Figure, Table
from kollias_affect.experiments.paper_a import decisions, figures, report, runs
from kollias_affect.experiments.paper_a.experiment import PARTS, cell_name
from kollias_affect.experiments.units import BEFORE, TRAINING, Unit
from kollias_affect.tasks import EXPRESSIONS

_FIXED = "fixed CNN, fully connected layer and RNN, see below; means over the seeds"
_ROLES = ("data", "other")
A_TEST, B_TEST, B_TRAIN = "a_test", "b_test", "b_train"
_PARTS = {
    B_TEST: "B, see the protocol (the paper: validation set of EmotiW 2017)",
    A_TEST: "A, see the protocol (the paper: training set of EmotiW 2017, which it trained on)",
}
# Sizes that paper A's networks have; a backbone that is given has its own width.
SCALE = ("width", "units", "size", "length", "batch_size", "learning_rate")


@dataclasses.dataclass(frozen=True)
class Adapted:
    """Setting of a cell: the part of the results of one network that it shows.

    Args:
        lam: Weight λ of E_a against E_b, in [0, 1]; `None` for NetB.
        part: One of `experiment.PARTS`.
        label: Expression of a row or column, or `None`.
    """

    lam: float | None
    part: str = B_TEST
    label: str | None = None


def _decisions(experiment, setting):
    """Labels and predictions of every seed on the setting's part, as indices of EXPRESSIONS."""
    numbers, pairs = np.array(experiment.classes.numbers), []
    for name, by in _networks(experiment, setting.lam):
        labels, chosen = report.decisions(experiment, name, setting.part, by)
        pairs.append((numbers[labels], numbers[chosen]))
    return pairs


def _networks(experiment, lam):
    """Trains NetB or every NetA of one λ, and returns pairs of its name and its predictor."""
    if lam is None:
        experiment.net_b()
        return [("net_b", "outputs")]
    by, seeds = decisions.predictor_of(lam), range(experiment.settings.seeds)
    for seed in seeds:
        experiment.net_a(lam, seed)
    return [(cell_name(lam, seed), by) for seed in seeds]


def accuracy(laboratory, setting):
    """Computes the accuracy on a part for each seed, in [0, 1]."""
    return [{"accuracy": each["total"]} for each in per_category(laboratory, setting)]


def per_category(laboratory, setting):
    """Computes the accuracy of every expression for each seed; `None` where there is none."""
    pairs = _decisions(runs.experiment(laboratory), setting)
    return [scoring.accuracies(*pair) for pair in pairs]


def confusion_row(laboratory, setting):
    """Computes the shares of the predictions for one label, for each seed."""
    rows = []
    for labels, chosen in _decisions(runs.experiment(laboratory), setting):
        chosen = chosen[labels == EXPRESSIONS.index(setting.label)]
        none = dict.fromkeys(EXPRESSIONS)
        shares = {name: float((chosen == i).mean()) for i, name in enumerate(EXPRESSIONS)}
        rows.append(shares if len(chosen) else none)
    return rows


def distance(laboratory, setting):
    """Computes the distance of a category's centroids, see `report.distances_of`."""
    experiment = runs.experiment(laboratory)
    _networks(experiment, setting.lam)
    if setting.label not in experiment.names:
        return [{"distance": None}]
    place = experiment.names.index(setting.label)
    seeds = range(experiment.settings.seeds)
    values = [report.distances_of(experiment, setting.lam, seed)[place] for seed in seeds]
    return [{"distance": float(value)} for value in values]


def accuracy_of_ours(laboratory, setting):
    """Computes our accuracy in the column of methods without further data."""
    return [{"original": each["accuracy"]} for each in accuracy(laboratory, setting)]


def units_of(laboratory, setting):
    """Yields the `Unit`s of a cell: NetB with its centroids, then NetA with every seed."""

    def net_b():
        experiment = runs.experiment(laboratory)
        experiment.net_b()
        _write_outputs(experiment, "net_b")

    def net_a(seed):
        experiment = runs.experiment(laboratory)
        experiment.net_a(setting.lam, seed)
        _write_outputs(experiment, cell_name(setting.lam, seed))

    yield Unit(BEFORE, "paper A, NetB", net_b)
    for seed in range(runs.count_seeds(laboratory) if setting.lam is not None else 0):
        name = f"paper A, {cell_name(setting.lam, seed)}"
        yield Unit(TRAINING, name, lambda seed=seed: net_a(seed))


def _write_outputs(experiment, name):
    for part in PARTS:
        experiment.outputs(name, part)


def facts(laboratory, table):
    """Describes what is true of a run: the start, the steps, the protocol and the classes."""
    del table
    return runs.facts(laboratory, runs.experiment(laboratory))


def draw_centroids(name):
    """Returns a function that draws the centroids of a category, see `figures.draw_category`."""

    def draw(laboratory, path):
        experiment = runs.experiment(laboratory)
        if name not in experiment.names:
            raise Empty(f"{name} is not among the classes of this run")
        for lam in experiment.settings.extreme_lambdas:
            _networks(experiment, lam)
        points = laboratory.once(
            ("centroids of paper A", experiment.out_dir.name), lambda: figures.embed(experiment)
        )
        figures.draw_category(points, experiment.names, name, path)

    return draw


def _table(name, title, number, varies, split, measures, cells, evaluate, figures=()):
    source = f"Paper A, table {number} (EmotiW 2017)"
    return Table(
        name,
        title,
        source,
        varies,
        _FIXED,
        split,
        measures,
        tuple(cells),
        evaluate,
        _ROLES,
        labels="expression",
        facts=facts,
        figures=figures,
        seeds="table",
        scale=SCALE,
        units=units_of,
    )


A2 = _table(
    "A2",
    "Accuracy by lambda",
    "II",
    "lambda; dataset that is scored. NetB is the network whose centroids NetA is given",
    "; ".join(_PARTS.values()),
    ("accuracy",),
    [
        *(
            Cell(f"lambda {lam:g}", column, Adapted(lam, part), {"accuracy": value})
            for lam, values in report.PAPER_TABLE_2.items()
            for (column, part), value in zip((("B", B_TEST), ("A", A_TEST)), values, strict=True)
        ),
        Cell("NetB", "A", Adapted(None, A_TEST), {"accuracy": 0.334}),
        Cell(
            "NetB, on the clips of B it is trained on",
            "B",
            Adapted(None, B_TRAIN),
            {"accuracy": 0.99},
        ),
        Cell("Baseline of the challenge (Dhall et al. 2017)", "B", None, {"accuracy": 0.3881}),
    ],
    accuracy,
)

# Neutral, anger, disgust, fear, happy, sad, surprise, total.
_CATEGORIES = {
    ("A3", "III", B_TEST): {
        0.0: (0.492, 0.578, 0.075, 0.217, 0.667, 0.623, 0.217, 0.446),
        1.0: (0.466, 0.56, 0.0, 0.046, 0.635, 0.431, 0.111, 0.384),
    },
    ("A4", "IV", A_TEST): {
        0.0: (0.842, 0.854, 0.08, 0.273, 0.923, 0.928, 0.444, 0.69),
        1.0: (0.833, 0.802, 0.007, 0.014, 0.901, 0.707, 0.164, 0.606),
    },
}

A3, A4 = (
    _table(
        name,
        "Accuracy by category",
        number,
        "lambda",
        _PARTS[part],
        scoring.ACCURACIES,
        [
            Cell(
                f"lambda {lam:g}",
                "",
                Adapted(lam, part),
                dict(zip(scoring.ACCURACIES, v, strict=True)),
            )
            for lam, v in values.items()
        ],
        per_category,
    )
    for (name, number, part), values in _CATEGORIES.items()
)

_CONFUSION = (
    (0.492, 0.111, 0.032, 0.047, 0.175, 0.111, 0.032),
    (0.094, 0.578, 0.108, 0.063, 0.016, 0.078, 0.063),
    (0.125, 0.175, 0.075, 0.15, 0.05, 0.175, 0.25),
    (0.109, 0.109, 0.152, 0.217, 0.131, 0.109, 0.173),
    (0.175, 0.016, 0.016, 0.016, 0.667, 0.0, 0.11),
    (0.066, 0.0, 0.115, 0.082, 0.033, 0.623, 0.081),
    (0.109, 0.087, 0.0, 0.261, 0.174, 0.152, 0.217),
)

A5 = _table(
    "A5",
    "Confusion with lambda 0: labels in rows, predictions in columns",
    "V",
    "label",
    _PARTS[B_TEST],
    EXPRESSIONS,
    [
        Cell(label, "", Adapted(0.0, B_TEST, label), dict(zip(EXPRESSIONS, values, strict=True)))
        for label, values in zip(EXPRESSIONS, _CONFUSION, strict=True)
    ],
    confusion_row,
)

# Winners of the challenge: accuracy of the original architecture, with their own method of
# learning, after fine-tuning on FER-2013, and with augmentation.
_VARIANTS = ("original", "own learning", "fine-tuned", "augmented")
_WINNERS = {
    "Hu et al., DenseNet-121": {"original": 0.414, "own learning": 0.457},
    "Hu et al., HoloNet": {"original": 0.41, "own learning": 0.465},
    "Hu et al., ResNet-50": {"original": 0.418, "own learning": 0.426},
    "Knyazev et al., VGG-Face": {"original": 0.379, "fine-tuned": 0.483},
    "Knyazev et al., FR-Net-A": {"original": 0.337, "fine-tuned": 0.446},
    "Knyazev et al., FR-Net-B": {"original": 0.334, "fine-tuned": 0.488},
    "Knyazev et al., FR-Net-C": {"original": 0.376, "fine-tuned": 0.452},
    "Knyazev et al., LSTM + FR-Net-B": {"fine-tuned": 0.465, "augmented": 0.504},
    "Vielzeuf et al., weighted C3D": {"augmented": 0.421},
    "Vielzeuf et al., LSTM C3D": {"augmented": 0.432},
    "Vielzeuf et al., VGG-Face": {"augmented": 0.414},
    "Vielzeuf et al., VGG-LSTM 1 layer": {"augmented": 0.486},
}

A6 = _table(
    "A6",
    "Comparison with the winners of the challenge, whose numbers are the paper's",
    "VI",
    "method",
    _PARTS[B_TEST],
    _VARIANTS,
    [
        Cell("Baseline of the challenge (Dhall et al. 2017)", "", None, {"original": 0.3881}),
        *(Cell(row, "", None, values) for row, values in _WINNERS.items()),
        Cell("CNN-RNN with lambda 0", "", Adapted(0.0), {"original": 0.446}),
    ],
    accuracy_of_ours,
)

_DISTANCES = {
    "neutral": (0.015, 0.067),
    "anger": (0.015, 0.061),
    "disgust": (0.052, 0.058),
    "fear": (0.055, 0.065),
    "happiness": (0.012, 0.077),
    "sadness": (0.025, 0.065),
    "surprise": (0.055, 0.067),
}

A7 = _table(
    "A7",
    "Distance of NetA's centroids to NetB's",
    "VII",
    "category; lambda",
    "clips of A that NetA is trained on, and of B that NetB is trained on",
    ("distance",),
    [
        Cell(label, f"lambda {lam:g}", Adapted(lam, label=label), {"distance": value})
        for label, values in _DISTANCES.items()
        for lam, value in zip((0.0, 1.0), values, strict=True)
    ],
    distance,
    tuple(
        Figure(
            f"A{number}",
            f"Centroids of {name} (paper A, figure {number}): t-SNE of NetB's (dots), of NetA's "
            "with lambda 0 (stars) and with lambda 1 (crosses), one of each for every seed",
            draw_with=draw_centroids(name),
        )
        for number, name in enumerate(("neutral", "anger", "disgust", "sadness", "happiness"), 5)
    ),
)

TABLES = (A2, A3, A4, A5, A6, A7)
