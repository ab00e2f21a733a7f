"""Paper A: training with the centroids of another dataset, tables II to VII."""

import dataclasses

import numpy as np

from kollias_affect.experiments import scoring
from kollias_affect.experiments.declaration import Cell, Table
from kollias_affect.experiments.paper_a import report
from kollias_affect.experiments.paper_a.experiment import Experiment, Settings, cell_name
from kollias_affect.tasks import EXPRESSIONS

_FIXED = (
    "fixed CNN, fully connected layer and 2 x 128 GRU, linear f, Adam 1e-3; the decision for a "
    "video is the mean of its frames; means over the seeds. Lambda 0 predicts by the nearest "
    "centroid, the others by their outputs"
)
_ROLES = ("data", "other")
A_TEST, B_TEST = "a_test", "b_test"
_PARTS = {
    B_TEST: "test part of `other` (the paper: validation set of EmotiW 2017)",
    A_TEST: "test part of `data` (the paper: training set of EmotiW 2017, which it trained on)",
}


@dataclasses.dataclass(frozen=True)
class Adapted:
    """Setting of a cell: the part of the results of one λ that it shows.

    Args:
        lam: Weight λ of E_a against E_b, in [0, 1].
        part: `"a_test"` or `"b_test"`.
        label: Expression of a row or column, or `None`.
    """

    lam: float
    part: str = B_TEST
    label: str | None = None


def _experiment(laboratory):
    """The `Experiment` on the roles `data` (A) and `other` (B)."""
    return laboratory.once("paper A", lambda: _new_experiment(laboratory))


def _new_experiment(laboratory):
    scale, options = laboratory.scale, laboratory.options
    a, b = laboratory.parts("data"), laboratory.parts("other")
    clips = {
        "a_train": [*a.training, *a.validation],
        "a_test": a.test,
        "b_train": [*b.training, *b.validation],
        "b_test": b.test,
    }
    settings = Settings(
        seeds=options.get("seeds", 3),
        steps=options.get("steps", 1000),
        hidden_units=max(2, round(4096 * scale.units)),
        length=scale.length,
        batch_size=scale.batch_size or 4,
    )
    content = laboratory.fingerprint(
        dataclasses.asdict(settings),
        laboratory.options_fingerprint(),
        laboratory.contents("data", "other"),
    )
    folder = laboratory.out_dir / f"adaptation-{content}"
    return Experiment(clips, laboratory.backbone(), folder, settings)


def _decisions(experiment, setting):
    """Labels and predictions of all seeds on the setting's part, as indices of EXPRESSIONS."""
    pairs = []
    for seed in range(experiment.settings.seeds):
        experiment.net_a(setting.lam, seed)
        by = report.predictor_of(setting.lam)
        name = cell_name(setting.lam, seed)
        pairs.append(report.decisions(experiment, name, setting.part, by))
    labels, chosen = (np.concatenate(values) for values in zip(*pairs, strict=True))
    classes = np.array(experiment.classes)
    return classes[labels], classes[chosen]


def accuracy(laboratory, setting):
    """Computes the accuracy on a part, in [0, 1]."""
    return {"accuracy": per_category(laboratory, setting)["total"]}


def per_category(laboratory, setting):
    """Computes the accuracy of every expression; `None` for one that does not occur."""
    return scoring.accuracies(*_decisions(_experiment(laboratory), setting))


def confusion_row(laboratory, setting):
    """Computes the shares of the predictions for one label."""
    experiment = _experiment(laboratory)
    labels, chosen = _decisions(experiment, setting)
    chosen = chosen[labels == EXPRESSIONS.index(setting.label)]
    if not len(chosen):
        return dict.fromkeys(EXPRESSIONS)
    return {name: float((chosen == i).mean()) for i, name in enumerate(EXPRESSIONS)}


def distance(laboratory, setting):
    """Computes the distance of a category's centroids, see `report.centroid_distances`."""
    experiment = _experiment(laboratory)
    for lam in experiment.settings.extreme_lambdas:
        for seed in range(experiment.settings.seeds):
            experiment.net_a(lam, seed)
    column = report.centroid_distances(experiment)[f"lambda {setting.lam:g}"]
    return {"distance": float(column[setting.label]) if setting.label in column else None}


def accuracy_of_ours(laboratory, setting):
    """Computes our accuracy in the column of methods without further data."""
    return {"original": accuracy(laboratory, setting)["accuracy"]}


def facts(laboratory, table):
    """Describes what is true of a run: the start, the steps and the classes."""
    experiment = _experiment(laboratory)
    settings = experiment.settings
    left_out = [name for name in EXPRESSIONS if name not in experiment.names]
    return [
        f"Start: the fixed CNN is {laboratory.backbone_text()}; all other layers start from RANDOM "
        f"weights (`{settings.initializer}`).",
        f"Epochs: none is chosen; every network is the one after {settings.steps:,} batches of "
        f"{settings.batch_size} windows of {settings.length} frames.",
        f"Units of the fully connected layer: {settings.hidden_units:,}.",
        *(
            [f"Classes left out, as one part lacks them: {', '.join(left_out)}."]
            if left_out
            else []
        ),
    ]


def _table(name, title, number, varies, split, measures, cells, evaluate):
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
        seeds="table",
    )


A2 = _table(
    "A2",
    "Accuracy by lambda",
    "II",
    "lambda; dataset of the test",
    "; ".join(_PARTS.values()),
    ("accuracy",),
    [
        Cell(f"lambda {lam:g}", column, Adapted(lam, part), {"accuracy": value})
        for lam, values in report.PAPER_TABLE_2.items()
        for (column, part), value in zip((("B", B_TEST), ("A", A_TEST)), values, strict=True)
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
    "training part of `data`",
    ("distance",),
    [
        Cell(label, f"lambda {lam:g}", Adapted(lam, label=label), {"distance": value})
        for label, values in _DISTANCES.items()
        for lam, value in zip((0.0, 1.0), values, strict=True)
    ],
    distance,
)

TABLES = (A2, A3, A4, A5, A6, A7)
