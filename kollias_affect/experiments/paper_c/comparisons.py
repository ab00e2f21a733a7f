"""Paper C: other methods beside its own, tables 6 and 19."""

from kollias_affect.experiments import scoring
from kollias_affect.experiments.paper_c.networks import (
    AFTER,
    BOTH,
    FIXED,
    RNN_VALUES,
    cell,
    cnn_rnn,
    table,
)

C6 = table(
    "C6",
    "The challenge's methods, whose numbers are the paper's, and AffWildNet",
    "tables 6 and 12 (Aff-Wild test set)",
    "method",
    f"AffWildNet; {FIXED}",
    BOTH,
    [
        cell("MM-Net [31]", None, BOTH, (0.196, 0.214, 0.134, 0.088)),
        cell("FATAUVA-Net [5]", None, BOTH, (0.396, 0.282, 0.123, 0.095)),
        cell("DRC-Net [34]", None, BOTH, (0.042, 0.291, 0.161, 0.094)),
        cell("AffWildNet", cnn_rnn(), BOTH, RNN_VALUES),
    ],
)

# Total accuracy of the original architecture, after fine-tuning on FER-2013, and with
# augmentation.
_VARIANTS = ("original", "after FER-2013", "augmented")
_TABLE_19 = {
    "DenseNet-121 [25]": {"original": 0.414},
    "HoloNet [25]": {"original": 0.41},
    "ResNet-50 [25]": {"original": 0.418},
    "VGG-Face [27]": {"original": 0.379, "after FER-2013": 0.483},
    "FR-Net-A [27]": {"original": 0.337, "after FER-2013": 0.446},
    "FR-Net-B [27]": {"original": 0.334, "after FER-2013": 0.488},
    "FR-Net-C [27]": {"original": 0.376, "after FER-2013": 0.452},
    "LSTM + FR-NET-B [27]": {"after FER-2013": 0.465, "augmented": 0.504},
    "Weighted C3D (no overlap) [59]": {"augmented": 0.421},
    "LSTM C3D (no overlap) [59]": {"augmented": 0.432},
    "VGG-Face [59]": {"augmented": 0.414},
    "VGG-LSTM 1 layer [59]": {"augmented": 0.486},
    "EmotiW 2017 baseline [15]": {"original": 0.3881},
}


def _total(laboratory, setting):
    """The total accuracy of a network on videos, as `"original"`."""
    return {"original": scoring.expressions(laboratory, setting)["total"]}


C19 = table(
    "C19",
    "The winners of EmotiW 2017, whose numbers are the paper's, and AffWildNet",
    "table 19 and section 5.2 (validation set of EmotiW 2017, AFEW; pretrain is Aff-Wild)",
    "method",
    f"cross entropy; the decision for a video is the mean of its frames; {FIXED}",
    _VARIANTS,
    [
        *(
            cell(row, None, tuple(values), tuple(values.values()))
            for row, values in _TABLE_19.items()
        ),
        cell(
            "Fine-tuned AffWildNet", cnn_rnn(), _VARIANTS[:1], (0.454,), task="expression", **AFTER
        ),
    ],
    split="test part, by video",
    evaluate=_total,
    labels="expression",
    roles=("data", "pretrain", "test"),
)

TABLES = (C6, C19)
