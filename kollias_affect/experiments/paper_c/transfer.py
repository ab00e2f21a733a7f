"""Paper C: AffWildNet on other databases, tables 15 to 18."""

from kollias_affect.experiments import scoring
from kollias_affect.experiments.declaration import Figure, Training
from kollias_affect.experiments.paper_c.networks import (
    AFTER,
    CCC,
    FIXED,
    PEARSON,
    cell,
    cnn,
    cnn_rnn,
    table,
)

_WITH_PRETRAINING = ("data", "pretrain", "test")
# §4.2 duplicates runs of Aff-Wild alone.
_PLAIN = {"balance": ()}

# "A ResNet-50 and a 2-layer GRU stacked on top" (§5.1.1).
_resnet_gru = cnn_rnn("resnet50", hidden_units=(), landmarks=False)
_fine_tuned = Training(cnn_rnn(), **AFTER)

C15 = table(
    "C15",
    "AffWildNet fine-tuned on another database",
    "table 15 (RECOLA test set; pretrain is Aff-Wild)",
    "network; database of its pre-training",
    "2 x 128 GRU; AffWildNet with fully connected 4096 on VGG-Face, ResNet-GRU without one",
    CCC,
    [
        cell("Fine-tuned AffWildNet", cnn_rnn(), CCC, (0.526, 0.273), **AFTER),
        cell("ResNet-GRU", _resnet_gru, CCC, (0.462, 0.209), **_PLAIN),
    ],
    roles=_WITH_PRETRAINING,
    figures=(
        Figure("C16", "Labels and predictions in the plane (figure 16 of the paper)", _fine_tuned),
        Figure("C17", "Predictions and labels of a video (figure 17 of the paper)", _fine_tuned),
    ),
)

_FOLDS = (
    "all clips, each by the network of the fold that does not hold its person; five folds, scored "
    "together"
)

C16 = table(
    "C16",
    "AffWildNet fine-tuned, Pearson's correlation",
    "table 16 (AFEW-VA; pretrain is Aff-Wild)",
    "network",
    FIXED,
    PEARSON,
    [
        cell("best of [29]", None, PEARSON, (0.407, 0.445)),
        cell("Fine-tuned AffWildNet", cnn_rnn(), PEARSON, (0.514, 0.575), folds=5, **AFTER),
    ],
    split=_FOLDS,
    folds=5,
    roles=("data", "pretrain"),
    figures=(
        Figure("C18", "Discrete labels (figure 18 of the paper)", part="everything"),
        Figure("C19", "Labels in the plane (figure 19 of the paper)", part="everything"),
    ),
)

C17 = table(
    "C17",
    "CNN alone, or AffWildNet fine-tuned",
    "table 17 (AFEW-VA; pretrain is Aff-Wild)",
    "network; database of its pre-training",
    f"fully connected 4096 and 2048 in the CNN; {FIXED}",
    CCC,
    [
        cell("only CNN", cnn(), CCC, (0.44, 0.474), folds=5, **_PLAIN),
        cell("Fine-tuned AffWildNet", cnn_rnn(), CCC, (0.515, 0.556), folds=5, **AFTER),
    ],
    split=_FOLDS,
    folds=5,
    roles=("data", "pretrain"),
)

# Neutral, anger, disgust, fear, happy, sad, surprise, total.
_TABLE_18 = {
    "VGG-16": (cnn("vgg16"), (0.327, 0.424, 0.102, 0.093, 0.476, 0.138, 0.133, 0.263)),
    "VGG-16 + RNN": (
        cnn_rnn("vgg16"), (0.431, 0.559, 0.026, 0.07, 0.444, 0.259, 0.044, 0.293),
    ),
    "ResNet": (cnn("resnet50"), (0.31, 0.153, 0.077, 0.023, 0.534, 0.207, 0.067, 0.211)),
    "ResNet + RNN": (
        cnn_rnn("resnet50"), (0.431, 0.237, 0.077, 0.07, 0.587, 0.155, 0.089, 0.261),
    ),
    "VGG-Face + RNN": (cnn_rnn(), (0.552, 0.593, 0.026, 0.047, 0.794, 0.259, 0.111, 0.384)),
    "fine-tuned AffWildNet": (
        cnn_rnn(), (0.569, 0.627, 0.051, 0.023, 0.746, 0.709, 0.111, 0.454),
    ),
}  # fmt: skip

C18 = table(
    "C18",
    "From valence and arousal to seven expressions",
    "table 18 (validation set of EmotiW 2017, AFEW; pretrain is Aff-Wild)",
    "network; the last one is pre-trained for valence and arousal, and its head is replaced",
    f"cross entropy; the decision for a video is the mean of its frames; {FIXED}",
    scoring.ACCURACIES,
    [
        cell(
            row, network, scoring.ACCURACIES, values, task="expression",
            **(AFTER if row == "fine-tuned AffWildNet" else _PLAIN),
        )
        for row, (network, values) in _TABLE_18.items()
    ],
    split="test part, by video; accuracy for each expression",
    evaluate=scoring.expressions,
    labels="expression",
    roles=_WITH_PRETRAINING,
)  # fmt: skip

TABLES = (C15, C16, C17, C18)
