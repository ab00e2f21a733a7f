"""Paper B: networks on OMG-Emotion, tables 3 to 8."""

from kollias_affect.experiments import facts, scoring
from kollias_affect.experiments.declaration import Cell, Figure, Network, Table
from kollias_affect.experiments.paper_b.networks import (
    CNN_RNNS,
    CNNS,
    FUSION_NAME,
    ONE_RNN,
    ONE_RNN_NAME,
    THREE_RNN,
    THREE_RNN_NAME,
    fused,
    trained,
)
from kollias_affect.experiments.scoring import Scored

SPLIT = (
    "test part. Where all frames of a clip have one label, as in OMG-Emotion, CCC is that of the "
    "utterances (mean over sequences of 80 frames of their medians), and (sequences) is that of "
    "the means of the sequences, as in the authors' code; otherwise CCC is that of the frames"
)
FIXED = "2 x 128 GRU; 4096 units before them on VGG-Face, 1500 on ResNet and DenseNet"
CHOSEN = f"{FIXED}; post-processing (median filter, smoothing) as chosen on the validation part"
DEVIATIONS = (
    "the paper does not print a number of epochs, nor the formula of its smoothing; ours is a mean "
    "over neighbouring utterances weighted by frames",
    "faces are those of the loader of the database, see databases.md; the paper's come from a "
    "deformable part model",
)
CCC = ("CCC valence", "CCC arousal", "CCC mean")
SEQUENCES = tuple(f"{name} (sequences)" for name in CCC)
ROLES = ("data", "test", "pretrain2")


def table(name, title, place, varies, fixed, measures, cells, **more):
    """A table of paper B.

    Args:
        name, title, varies, fixed, measures: See `Table`.
        place: Place in the paper.
        cells: Sequence of `Cell`.
        **more: Further fields of `Table`.

    Returns:
        `Table`.
    """
    roles = more.pop("roles", ROLES)
    options = {"evaluate": scoring.dimensional, "deviations": DEVIATIONS, **more}
    return Table(
        name, title, f"Paper B, {place}", varies, fixed, SPLIT, measures, tuple(cells),
        roles=roles, optional=roles[1:], facts=facts.of_networks, **options,
    )  # fmt: skip


def published(measures, values):
    """Dict from measure to the paper's number."""
    return dict(zip(measures, values, strict=True))


# Networks of table 3, and their CCC of valence, arousal and the mean, with and without
# post-processing.
_TABLE_3 = {
    "VGG-Face": (0.378, 0.203, 0.291, 0.361, 0.193, 0.277),
    "DenseNet-121": (0.365, 0.191, 0.278, 0.350, 0.184, 0.267),
    "ResNet-50": (0.359, 0.195, 0.277, 0.344, 0.189, 0.267),
    "AffWildNet": (0.409, 0.224, 0.317, 0.390, 0.219, 0.305),
    "DenseNet-RNN": (0.394, 0.211, 0.303, 0.378, 0.209, 0.294),
    ONE_RNN_NAME: (0.449, 0.303, 0.376, 0.441, 0.297, 0.369),
    THREE_RNN_NAME: (0.472, 0.329, 0.401, 0.463, 0.322, 0.393),
    "Decision-level fusion": (0.501, 0.332, 0.417, 0.482, 0.321, 0.402),
    "Model-level fusion + FC": (0.518, 0.348, 0.433, 0.500, 0.328, 0.414),
    FUSION_NAME: (0.535, 0.365, 0.450, 0.512, 0.340, 0.426),
}
SETTINGS = {
    **{name: trained(network) for name, network in {**CNNS, **CNN_RNNS}.items()},
    ONE_RNN_NAME: trained(ONE_RNN),
    THREE_RNN_NAME: trained(THREE_RNN),
    "Decision-level fusion": fused("decision"),
    "Model-level fusion + FC": fused("fc"),
    FUSION_NAME: fused("rnn"),
}

B3 = table(
    "B3",
    "Networks, with and without post-processing",
    "table 3 (OMG-Emotion test set)",
    "network; post-processing (median filter, smoothing) as chosen on the validation part",
    FIXED,
    (*CCC, *SEQUENCES),
    (
        Cell(name, column, Scored(SETTINGS[name], processed), published(CCC, values[part]))
        for name, values in _TABLE_3.items()
        for column, processed, part in (
            ("post-processed", True, slice(0, 3)),
            ("as predicted", False, slice(3, 6)),
        )
    ),
    note=facts.p_values,
    figures=(Figure("B3", "Annotations of the parts (figure 3 of the paper)", part="parts"),),
)

# Valence and arousal: from scratch, pre-trained on Aff-Wild, on Aff-Wild2.
_TABLE_4 = {
    ONE_RNN_NAME: ((0.371, 0.210), (0.419, 0.278), (0.449, 0.303)),
    THREE_RNN_NAME: ((0.385, 0.192), (0.448, 0.302), (0.472, 0.329)),
    FUSION_NAME: ((0.431, 0.265), (0.511, 0.342), (0.535, 0.365)),
}
_STARTS = {"from scratch": None, "after pretrain": "pretrain", "after pretrain2": "pretrain2"}


def _start(name, before):
    more = {"needs_before": before is not None}
    if name == FUSION_NAME:
        return fused("rnn", before, **more)
    return trained(ONE_RNN if name == ONE_RNN_NAME else THREE_RNN, before, **more)


B4 = table(
    "B4",
    "From scratch or pre-trained",
    "table 4 (OMG-Emotion test set; pretrain is Aff-Wild, pretrain2 Aff-Wild2)",
    "network; database of its pre-training",
    CHOSEN,
    (*CCC[:2], *SEQUENCES[:2]),
    (
        Cell(name, column, Scored(_start(name, before), True), published(CCC[:2], values))
        for name, groups in _TABLE_4.items()
        for (column, before), values in zip(_STARTS.items(), groups, strict=True)
    ),
    roles=("data", "test", "pretrain", "pretrain2"),
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
    return Scored(trained(Network("multi_rnn", options=options)), True)


B5 = table(
    "B5",
    "Layers whose features are the inputs of the RNNs",
    "table 5 (OMG-Emotion test set)",
    "layers of the CNN-3RNN",
    "2 x 128 GRU for each layer; where fc is one of them, 4096 units, which landmarks enter; "
    "post-processing as chosen on the validation part",
    (*CCC, *SEQUENCES),
    (Cell(row, "", _layers(row), published(CCC, values)) for row, values in _TABLE_5.items()),
    note=facts.p_values,
)

_TABLE_6 = {
    ONE_RNN_NAME: ((0.429, 0.291, 0.360), (0.449, 0.303, 0.376)),
    THREE_RNN_NAME: ((0.454, 0.310, 0.382), (0.472, 0.329, 0.401)),
    FUSION_NAME: ((0.524, 0.352, 0.438), (0.535, 0.365, 0.450)),
}
_BLIND = tuple(
    Network("multi_rnn", options={"mode": mode, "landmarks": False}) for mode in ("1rnn", "3rnn")
)
_WITHOUT = {
    ONE_RNN_NAME: trained(_BLIND[0]),
    THREE_RNN_NAME: trained(_BLIND[1]),
    FUSION_NAME: fused("rnn", networks=_BLIND),
}

B6 = table(
    "B6",
    "Landmarks as further inputs",
    "table 6 (OMG-Emotion test set)",
    "network; with or without the 68 landmarks",
    CHOSEN,
    (*CCC, *SEQUENCES),
    (
        Cell(
            name,
            column,
            Scored(settings[name], True, needs_landmarks=settings is SETTINGS),
            published(CCC, values),
        )
        for name, groups in _TABLE_6.items()
        for (column, settings), values in zip(
            {"without landmarks": _WITHOUT, "with landmarks": SETTINGS}.items(),
            groups,
            strict=True,
        )
    ),
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

B7 = table(
    "B7",
    "Errors in regions of the V-A plane",
    "table 7 (OMG-Emotion test set, whose arousal is in [0, 1])",
    "region that the label lies in",
    f"CNN-3RNN, {CHOSEN}",
    (*_ERRORS, "frames or utterances"),
    (
        Cell(
            region,
            "",
            Scored(SETTINGS[THREE_RNN_NAME], True, region),
            published(_ERRORS, values),
        )
        for region, values in _TABLE_7.items()
    ),
    evaluate=scoring.regions,
)

# Other methods on OMG-Emotion with the paper's reference number and the modalities they use.
_TABLE_8 = {
    "VNet [51], video": (0.438, 0.244),
    "ANet + VNet [51], audio and video": (0.442, 0.236),
    "openSMILE + LSTMs, VGG-FACE-BLSTM [60], A: audio, V: video": (0.258, 0.277),
    "openSMILE + LSTMs, VGG-FACE-BLSTM + openSMILE + LSTMs [60], A: audio, V: audio and video": (
        0.369, 0.286,
    ),
    "openSMILE + LSTMs [60], audio": (0.361, 0.293),
    "Single Multi-Modal [64], audio and video": (0.484, 0.345),
    "Ensemble I [64], audio and video": (0.496, 0.356),
    "Ensemble II [64], audio and video": (0.499, 0.361),
}  # fmt: skip
_OURS_8 = {THREE_RNN_NAME: (0.472, 0.329), FUSION_NAME: (0.535, 0.365)}

B8 = table(
    "B8",
    "Comparison with other methods, whose numbers are the paper's",
    "table 8 (OMG-Emotion test set)",
    "method, and the modalities it uses",
    CHOSEN,
    CCC[:2],
    (
        *(Cell(row, "", None, published(CCC[:2], values)) for row, values in _TABLE_8.items()),
        *(
            Cell(f"{row}, video", "", Scored(SETTINGS[row], True), published(CCC[:2], values))
            for row, values in _OURS_8.items()
        ),
    ),
)

TABLES = (B3, B4, B5, B6, B7, B8)
