"""Paper C: networks on Aff-Wild (tables 5 and 9-14) and on other databases (15-18)."""

from kollias_affect.experiments import scoring
from kollias_affect.experiments.declaration import Cell, Network, Table, Training
from kollias_affect.experiments.scoring import Scored

_SPLIT = "test part, over all its frames; epochs chosen on validation"
_BOTH = ("CCC valence", "CCC arousal", "MSE valence", "MSE arousal")
_CCC, _PEARSON = _BOTH[:2], ("Pearson valence", "Pearson arousal")
_ROLES = ("data", "test")
_START = {"initializer": "papers"}
# §4.2.1: batches of 50 for CNNs, rate 1e-3, dropout 0.5; the same for RNNs, with batches of 80.
_CNN = {"batch_size": 50, "learning_rate": 1e-3}
_RNN = {"learning_rate": 1e-3}
_FIXED = (
    "CCC loss, Adam 1e-3, dropout 0.5, first weights of variance 0.1 (the paper says so in §4.1); "
    "CNNs: batches of 50 single frames; CNN-RNNs: batches of 4 windows of 80 frames (the paper: "
    "80, without a unit)"
)


def _table(name, title, source, varies, fixed, measures, cells, **more):
    roles = more.pop("roles", _ROLES)
    options = {"split": _SPLIT, "evaluate": scoring.dimensional, **more}
    return Table(
        name, title, f"Paper C, {source}", varies, fixed, measures=measures, cells=tuple(cells),
        roles=roles, optional=tuple(set(roles) & {"test"}), **options,
    )  # fmt: skip


def _cell(row, network, measures, values, column="", **more):
    published = dict(zip(measures, values, strict=True))
    needs_landmarks = more.pop("needs_landmarks", False)
    more.setdefault("options", _CNN if network.build == "cnn" else _RNN)
    scored = Scored(Training(network, **more), needs_landmarks=needs_landmarks)
    return Cell(row, column, scored, published)


def _cnn(backbone="vgg_face", **options):
    return Network("cnn", backbone, {**_START, "length": 1, **options})


def _cnn_rnn(backbone="vgg_face", **options):
    return Network("affwildnet", backbone, {"rnn_dropout": 0.5, **options})


_CNN_VALUES, _RNN_VALUES = (0.51, 0.33, 0.10, 0.08), (0.57, 0.43, 0.08, 0.06)

C5 = _table(
    "C5",
    "CNN-M, the baseline of the challenge",
    "table 5 (Aff-Wild test set)",
    "nothing",
    "squared error, Adam 1e-3, batches of 80 single frames, fully connected 4096, no landmarks, "
    "first weights of variance 0.1; the convolutions start at random, the paper's from FaceValue",
    _BOTH,
    [
        _cell(
            "CNN-M", _cnn("cnn_m", landmarks=False), _BOTH, (0.15, 0.10, 0.13, 0.14),
            options={"loss": "mse", "batch_size": 80, "learning_rate": 1e-3},
        )
    ],
)  # fmt: skip

C9 = _table(
    "C9",
    "CNN alone, started from three networks",
    "table 9 (Aff-Wild test set)",
    "backbone, and its published weights where --weights names their file",
    f"CNN with landmarks, {_FIXED}",
    _BOTH,
    [
        _cell("VGG-Face", _cnn(), _BOTH, _CNN_VALUES),
        _cell("VGG-16", _cnn("vgg16"), _BOTH, (0.40, 0.30, 0.13, 0.11)),
        _cell("ResNet-50", _cnn("resnet50"), _BOTH, (0.43, 0.30, 0.11, 0.11)),
    ],
)

C10 = _table(
    "C10",
    "Landmarks as further inputs of the CNN",
    "table 10 (Aff-Wild test set)",
    "with or without the 68 landmarks",
    f"CNN of VGG-Face, {_FIXED}",
    _BOTH,
    [
        _cell("with landmarks", _cnn(), _BOTH, _CNN_VALUES, needs_landmarks=True),
        _cell("without landmarks", _cnn(landmarks=False), _BOTH, (0.44, 0.32, 0.12, 0.11)),
    ],
)

C11 = _table(
    "C11",
    "Labels of one annotator, or the mean of several",
    "table 11 (Aff-Wild test set)",
    "labels of the training; the test has those of `data`",
    f"CNN of VGG-Face with landmarks, {_FIXED}",
    _BOTH,
    [
        _cell("one annotator", _cnn(), _BOTH, (0.39, 0.27, 0.15, 0.13), labels="annotator"),
        _cell("mean of annotators", _cnn(), _BOTH, _CNN_VALUES),
    ],
    roles=("data", "annotator", "test"),
)

C12 = _table(
    "C12",
    "GRU or LSTM",
    "table 12 (Aff-Wild test set)",
    "recurrent unit; the LSTM has peepholes (§4.2.1.3)",
    f"AffWildNet: fully connected 4096, two recurrent layers of 128 units, {_FIXED}",
    _BOTH,
    [
        _cell("CNN-GRU", _cnn_rnn(), _BOTH, _RNN_VALUES),
        _cell("CNN-LSTM", _cnn_rnn(rnn="peephole_lstm"), _BOTH, (0.52, 0.38, 0.10, 0.09)),
    ],
)

C13 = _table(
    "C13",
    "CNN alone, or CNN and RNN",
    "table 13 (Aff-Wild test set)",
    "with or without the recurrent layers",
    f"VGG-Face with landmarks, {_FIXED}",
    _BOTH,
    [
        _cell("CNN", _cnn(), _BOTH, _CNN_VALUES),
        _cell("CNN-RNN", _cnn_rnn(), _BOTH, _RNN_VALUES),
    ],
)

_TABLE_14 = {
    100: ((0.44, 0.36), (0.50, 0.41)),
    128: ((0.53, 0.40), (0.57, 0.43)),
    150: ((0.46, 0.39), (0.51, 0.41)),
}


def _rnn(units, layers):
    """Network of a cell of table 14; with 128 units and 2 layers it is AffWildNet."""
    return (
        _cnn_rnn() if (units, layers) == (128, 2) else _cnn_rnn(rnn_units=units, rnn_layers=layers)
    )


C14 = _table(
    "C14",
    "Units and layers of the RNN",
    "table 14 (Aff-Wild test set)",
    "units of a recurrent layer; number of layers",
    f"AffWildNet, {_FIXED}",
    _CCC,
    [
        _cell(f"{units} units", _rnn(units, layers), _CCC, values, f"{layers} layer(s)")
        for units, groups in _TABLE_14.items()
        for layers, values in enumerate(groups, start=1)
    ],
)

_AFTER = {"before": "pretrain", "needs_before": True}
_WITH_PRETRAINING = ("data", "pretrain", "test")

# "A ResNet-50 and a 2-layer GRU stacked on top" (§5.1.1).
_resnet_gru = _cnn_rnn("resnet50", hidden_units=(), landmarks=False)

C15 = _table(
    "C15",
    "AffWildNet fine-tuned on another database",
    "table 15 (RECOLA test set; pretrain is Aff-Wild)",
    "network; database of its pre-training",
    _FIXED,
    _CCC,
    [
        _cell("Fine-tuned AffWildNet", _cnn_rnn(), _CCC, (0.526, 0.273), **_AFTER),
        _cell("ResNet-GRU", _resnet_gru, _CCC, (0.462, 0.209)),
    ],
    roles=_WITH_PRETRAINING,
)

_FOLDS = (
    "all clips, each by the network of the fold that does not hold its person; five folds; the "
    "epoch of a fold is chosen on the clips that it scores, which is optimistic (the paper does "
    "not describe its choice)"
)

C16 = _table(
    "C16",
    "AffWildNet fine-tuned, Pearson's correlation",
    "table 16 (AFEW-VA; pretrain is Aff-Wild)",
    "nothing; the best of Kossaifi et al. (2017) has 0.407 and 0.445 in the paper",
    _FIXED,
    _PEARSON,
    [
        _cell(
            "Fine-tuned AffWildNet", _cnn_rnn(), _PEARSON, (0.514, 0.575), folds=5, **_AFTER
        )
    ],
    split=_FOLDS,
    folds=5,
    roles=("data", "pretrain"),
)  # fmt: skip

C17 = _table(
    "C17",
    "CNN alone, or AffWildNet fine-tuned",
    "table 17 (AFEW-VA; pretrain is Aff-Wild)",
    "network; database of its pre-training",
    f"fully connected 4096 and 2048 in the CNN, {_FIXED}",
    _CCC,
    [
        _cell("only CNN", _cnn(), _CCC, (0.44, 0.474), folds=5),
        _cell("Fine-tuned AffWildNet", _cnn_rnn(), _CCC, (0.515, 0.556), folds=5, **_AFTER),
    ],
    split=_FOLDS,
    folds=5,
    roles=("data", "pretrain"),
)

# Neutral, anger, disgust, fear, happy, sad, surprise, total.
_TABLE_18 = {
    "VGG-16": (_cnn("vgg16"), (0.327, 0.424, 0.102, 0.093, 0.476, 0.138, 0.133, 0.263)),
    "VGG-16 + RNN": (
        _cnn_rnn("vgg16"), (0.431, 0.559, 0.026, 0.07, 0.444, 0.259, 0.044, 0.293),
    ),
    "ResNet": (_cnn("resnet50"), (0.31, 0.153, 0.077, 0.023, 0.534, 0.207, 0.067, 0.211)),
    "ResNet + RNN": (
        _cnn_rnn("resnet50"), (0.431, 0.237, 0.077, 0.07, 0.587, 0.155, 0.089, 0.261),
    ),
    "VGG-Face + RNN": (_cnn_rnn(), (0.552, 0.593, 0.026, 0.047, 0.794, 0.259, 0.111, 0.384)),
    "fine-tuned AffWildNet": (
        _cnn_rnn(), (0.569, 0.627, 0.051, 0.023, 0.746, 0.709, 0.111, 0.454),
    ),
}  # fmt: skip

C18 = _table(
    "C18",
    "From valence and arousal to seven expressions",
    "table 18 (validation set of EmotiW 2017, AFEW; pretrain is Aff-Wild)",
    "network; the last one is pre-trained for valence and arousal, and its head is replaced",
    "cross entropy, otherwise as in C9 and C12; the decision for a video is the mean of its frames",
    scoring.ACCURACIES,
    [
        _cell(
            row, network, scoring.ACCURACIES, values, task="expression",
            **(_AFTER if row == "fine-tuned AffWildNet" else {}),
        )
        for row, (network, values) in _TABLE_18.items()
    ],
    split="test part, by video; accuracy for each expression",
    evaluate=scoring.expressions,
    labels="expression",
    roles=_WITH_PRETRAINING,
)  # fmt: skip

TABLES = (C5, C9, C10, C11, C12, C13, C14, C15, C16, C17, C18)
