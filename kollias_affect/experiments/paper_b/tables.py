"""Paper B: networks on OMG-Emotion, tables 3 to 7."""

from kollias_affect.experiments import scoring
from kollias_affect.experiments.declaration import Cell, Fusion, Network, Table, Training
from kollias_affect.experiments.scoring import Scored

_SPLIT = "test part (OMG-Emotion: per utterance, else per frame); epochs chosen on validation"
_FIXED = (
    "CCC loss, Adam 1e-4 end to end, batches of 4 windows of 80 frames, dropout 0.5 and 0.8, 2 x "
    "128 GRU"
)
_CCC = ("CCC valence", "CCC arousal", "CCC mean")
_V_A = _CCC[:2]
_ROLES = ("data", "test", "pretrain", "pretrain2")

CNNS = {
    "VGG-Face": Network("cnn", options={"hidden_units": (4096,)}),
    "DenseNet-121": Network("cnn", "densenet121", {"hidden_units": (1500,)}),
    "ResNet-50": Network("cnn", "resnet50", {"hidden_units": (1500,)}),
}
CNN_RNNS = {
    "AffWildNet": Network("affwildnet", "resnet50", {"initializer": None}),  # paper B table 2
    "DenseNet-RNN": Network("affwildnet", "densenet121", {"initializer": None}),
}
ONE_RNN = Network("multi_rnn", options={"mode": "1rnn"})
THREE_RNN = Network("multi_rnn", options={"mode": "3rnn"})
_1RNN, _3RNN = "CNN-1RNN 2nd-pool last-pool fc", "CNN-3RNN 2nd-pool last-pool fc"
# Role of the database for pre-training in table 3 and tables 5 to 7: Aff-Wild2, if given.
_LAST = "pretrain2"


def _trained(network, before=_LAST, **more):
    return Training(network, before=before, **more)


def _fused(mode, before=_LAST, networks=(ONE_RNN, THREE_RNN), **more):
    return Fusion(tuple(_trained(network, before, **more) for network in networks), mode)


# Networks of table 3, and their CCC of valence, arousal and the mean, with and without
# post-processing.
_TABLE_3 = {
    "VGG-Face": (0.378, 0.203, 0.291, 0.361, 0.193, 0.277),
    "DenseNet-121": (0.365, 0.191, 0.278, 0.350, 0.184, 0.267),
    "ResNet-50": (0.359, 0.195, 0.277, 0.344, 0.189, 0.267),
    "AffWildNet": (0.409, 0.224, 0.317, 0.390, 0.219, 0.305),
    "DenseNet-RNN": (0.394, 0.211, 0.303, 0.378, 0.209, 0.294),
    _1RNN: (0.449, 0.303, 0.376, 0.441, 0.297, 0.369),
    _3RNN: (0.472, 0.329, 0.401, 0.463, 0.322, 0.393),
    "Decision-level fusion": (0.501, 0.332, 0.417, 0.482, 0.321, 0.402),
    "Model-level fusion + FC": (0.518, 0.348, 0.433, 0.500, 0.328, 0.414),
    "Model-level fusion + RNN": (0.535, 0.365, 0.450, 0.512, 0.340, 0.426),
}
_SETTINGS = {
    **{name: _trained(network) for name, network in {**CNNS, **CNN_RNNS}.items()},
    _1RNN: _trained(ONE_RNN),
    _3RNN: _trained(THREE_RNN),
    "Decision-level fusion": _fused("decision"),
    "Model-level fusion + FC": _fused("fc"),
    "Model-level fusion + RNN": _fused("rnn"),
}


def _published(measures, values):
    return dict(zip(measures, values, strict=True))


B3 = Table(
    "B3",
    "Networks, with and without post-processing",
    "Paper B, table 3 (OMG-Emotion test set)",
    "network; post-processing (median filter, smoothing) as chosen on validation",
    f"{_FIXED}; pre-trained on the role pretrain2 (Aff-Wild2) if it is given; DenseNet-121 never "
    "has published weights to start from",
    _SPLIT,
    _CCC,
    tuple(
        Cell(name, column, Scored(_SETTINGS[name], processed), _published(_CCC, values[part]))
        for name, values in _TABLE_3.items()
        for column, processed, part in (
            ("post-processed", True, slice(0, 3)),
            ("as predicted", False, slice(3, 6)),
        )
    ),
    scoring.dimensional,
    _ROLES,
    _ROLES[1:],
)

# Valence and arousal: from scratch, pre-trained on Aff-Wild, on Aff-Wild2.
_TABLE_4 = {
    _1RNN: ((0.371, 0.210), (0.419, 0.278), (0.449, 0.303)),
    _3RNN: ((0.385, 0.192), (0.448, 0.302), (0.472, 0.329)),
    "Model-level fusion + RNN": ((0.431, 0.265), (0.511, 0.342), (0.535, 0.365)),
}
_STARTS = {"from scratch": None, "after pretrain": "pretrain", "after pretrain2": "pretrain2"}


def _start(name, before):
    more = {"needs_before": before is not None}
    if name == "Model-level fusion + RNN":
        return _fused("rnn", before, **more)
    return _trained(ONE_RNN if name == _1RNN else THREE_RNN, before, **more)


B4 = Table(
    "B4",
    "From scratch or pre-trained",
    "Paper B, table 4 (OMG-Emotion test set; pretrain is Aff-Wild, pretrain2 Aff-Wild2)",
    "network; database of its pre-training",
    f"{_FIXED}; post-processing as chosen on validation",
    _SPLIT,
    _V_A,
    tuple(
        Cell(name, column, Scored(_start(name, before), True), _published(_V_A, values))
        for name, groups in _TABLE_4.items()
        for (column, before), values in zip(_STARTS.items(), groups, strict=True)
    ),
    scoring.dimensional,
    _ROLES,
    _ROLES[1:],
)

# The backbone's convolutions, counted from the first one.
_CONVOLUTIONS = (
    "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1",
    "conv4_2", "conv4_3", "conv5_1", "conv5_2", "conv5_3",
)  # fmt: skip


def _feature(name):
    """Name of the layer of a feature in the notation of table 5."""
    names = {"2nd pool": "pool2", "last pool": "pool5", "last conv": "conv5_3", "fc": "fc1"}
    return names.get(name) or _CONVOLUTIONS[int(name[0]) - 1]


_TABLE_5 = {
    "8th conv + last pool + fc": (0.416, 0.261, 0.339),
    "5th conv + last pool + fc": (0.455, 0.322, 0.389),
    "2nd pool + last pool + fc": (0.472, 0.329, 0.401),
    "3rd conv + 7th conv + fc": (0.402, 0.267, 0.335),
    "last conv + last pool + fc": (0.440, 0.248, 0.344),
    "6th conv + 7th conv + 8th conv": (0.328, 0.162, 0.245),
    "7th conv + 8th conv + 9th conv": (0.334, 0.172, 0.253),
    "3rd conv + 4th conv + 5th conv": (0.345, 0.185, 0.265),
}


def _layers(row):
    features = tuple(_feature(name) for name in row.split(" + "))
    # The default features are left out, so that the training is shared with the other tables.
    is_default = features == ("pool2", "pool5", "fc1")
    options = {"mode": "3rnn", **({} if is_default else {"features": features})}
    return Scored(_trained(Network("multi_rnn", options=options)), True)


B5 = Table(
    "B5",
    "Layers whose features are the inputs of the RNNs",
    "Paper B, table 5 (OMG-Emotion test set)",
    "layers of the CNN-3RNN",
    f"{_FIXED}; pre-trained on pretrain2 if it is given; post-processing as chosen on validation",
    _SPLIT,
    _CCC,
    tuple(Cell(row, "", _layers(row), _published(_CCC, v)) for row, v in _TABLE_5.items()),
    scoring.dimensional,
    _ROLES,
    _ROLES[1:],
)

_TABLE_6 = {
    _1RNN: ((0.429, 0.291, 0.360), (0.449, 0.303, 0.376)),
    _3RNN: ((0.454, 0.310, 0.382), (0.472, 0.329, 0.401)),
    "Model-level fusion + RNN": ((0.524, 0.352, 0.438), (0.535, 0.365, 0.450)),
}
_BLIND = tuple(
    Network("multi_rnn", options={"mode": mode, "landmarks": False}) for mode in ("1rnn", "3rnn")
)
_WITHOUT = {
    _1RNN: _trained(_BLIND[0]),
    _3RNN: _trained(_BLIND[1]),
    "Model-level fusion + RNN": _fused("rnn", networks=_BLIND),
}

B6 = Table(
    "B6",
    "Landmarks as further inputs",
    "Paper B, table 6 (OMG-Emotion test set)",
    "network; with or without the 68 landmarks",
    f"{_FIXED}; pre-trained on pretrain2 if it is given; post-processing as chosen on validation",
    _SPLIT,
    _CCC,
    tuple(
        Cell(
            name,
            column,
            Scored(settings[name], True, needs_landmarks=settings is _SETTINGS),
            _published(_CCC, values),
        )
        for name, groups in _TABLE_6.items()
        for (column, settings), values in zip(
            {"without landmarks": _WITHOUT, "with landmarks": _SETTINGS}.items(),
            groups,
            strict=True,
        )
    ),
    scoring.dimensional,
    _ROLES,
    _ROLES[1:],
)

_ERRORS = ("MSE valence", "MSE arousal")
# Names of the regions in `evaluation.mse_by_region`.
_TABLE_7 = {
    "V in [0, 1], A in [0, 0.5)": (0.101, 0.031),
    "V in [0, 1], A in [0.5, 1]": (0.055, 0.021),
    "V in [-1, 0), A in [0, 0.5)": (0.154, 0.061),
    "V in [-1, 0), A in [0.5, 1]": (0.110, 0.040),
    "whole": (0.110, 0.041),
}

B7 = Table(
    "B7",
    "Errors in regions of the V-A plane",
    "Paper B, table 7 (OMG-Emotion test set, whose arousal is in [0, 1])",
    "region that the label lies in",
    f"CNN-3RNN, {_FIXED}; pre-trained on pretrain2 if it is given; post-processed",
    _SPLIT,
    (*_ERRORS, "frames or utterances"),
    tuple(
        Cell(region, "", Scored(_SETTINGS[_3RNN], True, region), _published(_ERRORS, values))
        for region, values in _TABLE_7.items()
    ),
    scoring.regions,
    _ROLES,
    _ROLES[1:],
)

TABLES = (B3, B4, B5, B6, B7)
