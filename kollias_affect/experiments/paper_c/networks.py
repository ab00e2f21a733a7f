"""Paper C: its networks and the parts that its tables share."""

from kollias_affect.experiments import facts, scoring
from kollias_affect.experiments.declaration import Cell, Network, Table, Training
from kollias_affect.experiments.scoring import Scored

ROLES = ("data", "test")
BOTH = ("CCC valence", "CCC arousal", "MSE valence", "MSE arousal")
CCC, PEARSON = BOTH[:2], ("Pearson valence", "Pearson arousal")
SPLIT = "test part, over all its frames"
FIXED = "2 x 128 GRU in CNN-RNNs; fully connected layers of table 7, 8 and figure 11"
DEVIATIONS = (
    "the paper does not print a number of epochs",
    "faces and landmarks are those of the loader of the database, see databases.md; the paper's "
    "come from other detectors and trackers",
)
# §4.2: runs of frames are duplicated in the training part of Aff-Wild.
_BALANCED = ("data", "annotator", "pretrain")
# Numbers that several tables print.
CNN_VALUES, RNN_VALUES = (0.51, 0.33, 0.10, 0.08), (0.57, 0.43, 0.08, 0.06)
AFTER = {"before": "pretrain", "needs_before": True, "balance": ("pretrain",)}


def cnn(backbone="vgg_face", **options):
    """A CNN of single frames, with landmarks (§4.2.1)."""
    return Network("cnn", backbone, {"length": 1, **options})


def cnn_rnn(backbone="vgg_face", **options):
    """A CNN-RNN, with landmarks (§4.2.1.3); on VGG-Face it is AffWildNet."""
    return Network("affwildnet", backbone, options)


def cell(row, network, measures, values=(), column="", needs_landmarks=False, **more):
    """A cell whose numbers are scores of one network.

    Args:
        row, column: See `Cell`.
        network: `Network`, or `None` for a row of published numbers alone.
        measures: Measures of `values`.
        values: The paper's numbers; none if it does not print them.
        needs_landmarks: See `Scored`.
        **more: Further fields of `Training`.

    Returns:
        `Cell`.
    """
    published = dict(zip(measures, values, strict=False))
    if network is None:
        return Cell(row, column, None, published)
    training = Training(network, **{"balance": _BALANCED, **more})
    return Cell(row, column, Scored(training, needs_landmarks=needs_landmarks), published)


def table(name, title, source, varies, fixed, measures, cells, **more):
    """A table of paper C.

    Args:
        name, title, varies, fixed, measures: See `Table`.
        source: Place in the paper.
        cells: Sequence of `Cell`.
        **more: Further fields of `Table`.

    Returns:
        `Table`.
    """
    roles = more.pop("roles", ROLES)
    options = {
        "split": SPLIT,
        "evaluate": scoring.dimensional,
        "facts": facts.of_networks,
        "deviations": DEVIATIONS,
        **more,
    }
    return Table(
        name, title, f"Paper C, {source}", varies, fixed, measures=measures, cells=tuple(cells),
        roles=roles, optional=tuple(set(roles) & {"test"}), **options,
    )  # fmt: skip
