"""Paper B: comparisons that its text reports without a table of numbers."""

from kollias_affect.experiments.declaration import SCALE, Cell, Network, Repeated, Separate
from kollias_affect.experiments.paper_b.networks import (
    CNN_RNNS,
    CNNS,
    ONE_RNN,
    ONE_RNN_NAME,
    THREE_RNN,
    THREE_RNN_NAME,
    trained,
    with_options,
)
from kollias_affect.experiments.paper_b.tables import CCC, CHOSEN, SEQUENCES, SETTINGS, table
from kollias_affect.experiments.scoring import Scored


def _ablation(name, title, place, varies, settings, fixed=CHOSEN, **more):
    """A table without published numbers: one row for each network."""
    cells = (Cell(row, "", Scored(setting, True), {}) for row, setting in settings.items())
    return table(name, title, place, varies, fixed, (*CCC, *SEQUENCES), cells, **more)


_AFFWILDNET = CNN_RNNS["AffWildNet"]


def _rate(rate):
    """Fields of a `Training` whose row is about its learning rate (§5.4 prints three)."""
    return {"options": {"learning_rate": rate}, "fixed": ("learning_rate",)}


FROZEN = _ablation(
    "B-frozen",
    "CNN fixed, or trained end to end",
    "section 5.2 (end to end was better)",
    "network; whether the CNN is trained; learning rate",
    {
        f"{name}, {how}": trained(with_options(network, **options), **more)
        for name, network in (("AffWildNet", _AFFWILDNET), (THREE_RNN_NAME, THREE_RNN))
        for how, options, more in (
            ("end to end, 1e-4", {}, _rate(1e-4)),
            ("end to end, 1e-5", {}, _rate(1e-5)),
            ("CNN fixed, 1e-3", {"frozen": True}, _rate(1e-3)),
        )
    },
)


def _separate(network):
    return Separate((trained(network, task="valence"), trained(network, task="arousal")))


TASKS = _ablation(
    "B-tasks",
    "One network for both dimensions, or one for each",
    "section 5 (both at once was better)",
    "network; its tasks",
    {
        f"{name}, {how}": setting
        for name, network in (
            ("VGG-Face", CNNS["VGG-Face"]),
            ("AffWildNet", _AFFWILDNET),
            (THREE_RNN_NAME, THREE_RNN),
        )
        for how, setting in (("both", trained(network)), ("one each", _separate(network)))
    },
)

_TWO = ("pool5", "fc1")  # the paper does not print the two layers; these are the authors' code's


def _variant(mode, **options):
    return trained(Network("multi_rnn", options={"mode": mode, **options}))


VARIANTS = _ablation(
    "B-variants",
    "Further networks with several features",
    "section 5.3 (the others were about 4 to 5 % lower)",
    "number of features and of RNNs; whether a fully connected layer follows",
    {
        ONE_RNN_NAME: trained(ONE_RNN),
        THREE_RNN_NAME: trained(THREE_RNN),
        "CNN-3RNN-1FC": _variant("3rnn-1fc"),
        "CNN-2RNN": _variant("2rnn", features=_TWO),
        "CNN-2RNN-1FC": _variant("2rnn-1fc", features=_TWO),
        "CNN2-to-1RNN": _variant("2-to-1rnn", features=_TWO),
    },
    f"{CHOSEN}; networks of two features take the last pooling layer and the fully connected one, "
    "and 1FC has 128 units; the paper prints neither",
)

ENCODER = _ablation(
    "B-encoder",
    "A layer that encodes the landmarks",
    "section 7 (no significant difference)",
    "units of the layer between the landmarks and the features",
    {
        "no layer": trained(THREE_RNN),
        **{
            f"{units} units": trained(with_options(THREE_RNN, landmark_units=units))
            for units in (512, 1024, 2048)
        },
    },
    f"CNN-3RNN, {CHOSEN}",
)

REPEATS = _ablation(
    "B-folds",
    "Several trainings averaged, or folds",
    "section 7 (no significant difference)",
    "trainings whose predictions are averaged (`--repeats`; the paper: 10), and their data",
    {
        "one training": trained(THREE_RNN),
        "mean of several seeds": Repeated(trained(THREE_RNN), "seeds"),
        "mean of folds of the training and validation part": Repeated(trained(THREE_RNN), "folds"),
    },
    f"CNN-3RNN, {CHOSEN}",
    scale=(*SCALE, "repeats"),
)

DROPOUT = _ablation(
    "B-dropout",
    'Two readings of "dropout with 0.8 probability"',
    "section 6.1",
    "whether 0.8 is the share of the units that are dropped or kept",
    {
        f"{name}, {how}": trained(network, settings=settings)
        for name, network in (("AffWildNet", _AFFWILDNET), (THREE_RNN_NAME, THREE_RNN))
        for how, settings in (("0.8 dropped", "B"), ("0.8 kept", "B-keep"))
    },
)

STATISTIC = table(
    "B-median",
    "Median or mean of a sequence",
    "section 7 (the median was better)",
    "network; how the frames of a sequence become one value",
    CHOSEN,
    CCC,
    (
        Cell(row, column, Scored(SETTINGS[row], True, statistic=column), {})
        for row in ("VGG-Face", "AffWildNet", THREE_RNN_NAME)
        for column in ("median", "mean")
    ),
)

TABLES = (FROZEN, TASKS, VARIANTS, ENCODER, REPEATS, DROPOUT, STATISTIC)
