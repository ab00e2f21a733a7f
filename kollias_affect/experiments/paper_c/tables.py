"""Paper C: networks on Aff-Wild, tables 5 and 9 to 14."""

from kollias_affect._texts import count
from kollias_affect.experiments.declaration import Figure, Training
from kollias_affect.experiments.paper_c.networks import (
    BOTH,
    CCC,
    CNN_VALUES,
    DEVIATIONS,
    FIXED,
    RNN_VALUES,
    cell,
    cnn,
    cnn_rnn,
    table,
)

_BASELINE = {"settings": "C-baseline", "balance": ()}

C5 = table(
    "C5",
    "CNN-M, the baseline of the challenge",
    "table 5 (Aff-Wild test set)",
    "whether the convolutions are trained (§4.1.1 has both, and does not say which is scored)",
    "fully connected 4096, no landmarks",
    BOTH,
    [
        cell(
            "CNN-M, end to end", cnn("cnn_m", landmarks=False), BOTH, (0.15, 0.10, 0.13, 0.14),
            **_BASELINE,
        ),
        cell(
            "CNN-M, convolutions fixed", cnn("cnn_m", landmarks=False, frozen=True), BOTH,
            needs_weights=True, **_BASELINE,
        ),
    ],
    deviations=(
        *DEVIATIONS,
        "the paper's convolutions start from CNN-M trained on FaceValue (see Start for ours)",
    ),
)  # fmt: skip

C9 = table(
    "C9",
    "CNN alone, started from three networks",
    "table 9 (Aff-Wild test set)",
    "backbone (see Start for its first weights)",
    f"CNN with landmarks; {FIXED}",
    BOTH,
    [
        cell("VGG-Face", cnn(), BOTH, CNN_VALUES),
        cell("VGG-16", cnn("vgg16"), BOTH, (0.40, 0.30, 0.13, 0.11)),
        cell("ResNet-50", cnn("resnet50"), BOTH, (0.43, 0.30, 0.11, 0.11)),
    ],
)

C10 = table(
    "C10",
    "Landmarks as further inputs of the CNN",
    "table 10 (Aff-Wild test set)",
    "with or without the 68 landmarks",
    f"CNN of VGG-Face; {FIXED}",
    BOTH,
    [
        cell("with landmarks", cnn(), BOTH, CNN_VALUES, needs_landmarks=True),
        cell("without landmarks", cnn(landmarks=False), BOTH, (0.44, 0.32, 0.12, 0.11)),
    ],
)

C11 = table(
    "C11",
    "Labels of one annotator, or the mean of several",
    "table 11 (Aff-Wild test set)",
    "labels of the training; the test has those of `data`",
    f"CNN of VGG-Face with landmarks; {FIXED}",
    BOTH,
    [
        cell("one annotator", cnn(), BOTH, (0.39, 0.27, 0.15, 0.13), labels="annotator"),
        cell("mean of annotators", cnn(), BOTH, CNN_VALUES),
    ],
    roles=("data", "annotator", "test"),
)

_AFFWILDNET = cnn_rnn()
_TRAINED = Training(_AFFWILDNET, balance=("data",))

C12 = table(
    "C12",
    "GRU or LSTM",
    "table 12 (Aff-Wild test set)",
    "recurrent unit; the LSTM has peepholes (§4.2.1.3)",
    "fully connected 4096 on VGG-Face, two recurrent layers of 128 units",
    BOTH,
    [
        cell("CNN-GRU", _AFFWILDNET, BOTH, RNN_VALUES),
        cell("CNN-LSTM", cnn_rnn(rnn="peephole_lstm"), BOTH, (0.52, 0.38, 0.10, 0.09)),
    ],
    figures=(
        Figure("C14", "Predictions and labels over time (figure 14 of the paper)", _TRAINED),
        Figure("C15", "Labels and predictions in the plane (figure 15 of the paper)", _TRAINED),
    ),
)

C13 = table(
    "C13",
    "CNN alone, or CNN and RNN",
    "table 13 (Aff-Wild test set)",
    "with or without the recurrent layers",
    f"VGG-Face with landmarks; {FIXED}",
    BOTH,
    [
        cell("CNN", cnn(), BOTH, CNN_VALUES),
        cell("CNN-RNN", _AFFWILDNET, BOTH, RNN_VALUES),
    ],
)

_TABLE_14 = {
    100: ((0.44, 0.36), (0.50, 0.41)),
    128: ((0.53, 0.40), (0.57, 0.43)),
    150: ((0.46, 0.39), (0.51, 0.41)),
}


def _rnn(units, layers):
    """Network of a cell of table 14; with 128 units and 2 layers it is AffWildNet."""
    if (units, layers) == (128, 2):
        return _AFFWILDNET
    return cnn_rnn(rnn_units=units, rnn_layers=layers)


C14 = table(
    "C14",
    "Units and layers of the RNN",
    "table 14 (Aff-Wild test set)",
    "units of a recurrent layer; number of layers",
    "AffWildNet: fully connected 4096, GRU",
    CCC,
    [
        cell(f"{units} units", _rnn(units, layers), CCC, values, count(layers, "layer"))
        for units, groups in _TABLE_14.items()
        for layers, values in enumerate(groups, start=1)
    ],
)

_STARTS = {
    "random weights": ({}, {}),
    "published weights, fine-tuned": ({}, {"needs_weights": True}),
    "published weights, fixed": ({"frozen": True}, {"needs_weights": True}),
}


def _started(build, how):
    network, more = build(**_STARTS[how][0]), _STARTS[how][1]
    if not more:
        network = type(network)(network.build, network.backbone, network.options, published=False)
    return network, more


STARTS = table(
    "C-starts",
    "Random or published weights, fixed or fine-tuned",
    "section 4.2 (the paper prints no numbers; VGG-Face's published weights were best)",
    "first weights of the CNN; whether it is trained",
    f"VGG-Face with landmarks; {FIXED}",
    BOTH,
    [
        cell(f"{name}, {how}", network, BOTH, **more)
        for name, build in (("CNN", cnn), ("AffWildNet", cnn_rnn))
        for how in _STARTS
        for network, more in [_started(build, how)]
    ],
)

FED_BY = table(
    "C-fc",
    "The layer that feeds the RNN",
    "section 4.2.1.3 (one fully connected layer and two recurrent ones were best)",
    "fully connected layer whose outputs the RNN takes; recurrent layers",
    "AffWildNet with fully connected 4096 and 2048, 128 units in a recurrent layer, GRU",
    BOTH,
    [
        cell(f"{fed_by}, {count(layers, 'layer')}", cnn_rnn(**options), BOTH)
        for fed_by in ("fc1", "fc2")
        for layers in (1, 2)
        for options in [
            {
                **({} if fed_by == "fc1" else {"fed_by": fed_by}),
                **({} if layers == 2 else {"rnn_units": 128, "rnn_layers": layers}),
            }
        ]
    ],
)

TABLES = (C5, C9, C10, C11, C12, C13, C14, STARTS, FED_BY)
