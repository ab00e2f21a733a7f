"""Every backbone with every head and RNN, with and without landmarks, as one table."""

from kollias_affect import backbones, models

# Name of the row: backbone and arguments (narrow, and as small as its topology allows).
BACKBONES = {
    "vgg_face": ("vgg_face", {"input_shape": (32, 32, 3), "width": 0.05}),
    "vgg16": ("vgg16", {"input_shape": (32, 32, 3), "width": 0.05}),
    "resnet50 slim": ("resnet50", {"input_shape": (33, 33, 3), "width": 0.05}),
    "resnet50 keras": (
        "resnet50",
        {"input_shape": (33, 33, 3), "width": 0.05, "form": "keras"},
    ),
    "densenet121": ("densenet121", {"input_shape": (32, 32, 3), "width": 0.1}),
    "cnn_m": ("cnn_m", {"input_shape": (64, 64, 3), "width": 0.02}),
    "vgg_cnn_m_2048": (
        "cnn_m",
        {"input_shape": (64, 64, 3), "width": 0.02, "form": "vgg_cnn_m_2048"},
    ),
    "alexnet": ("alexnet", {"input_shape": (67, 67, 3), "width": 0.05}),
}
HEADS = ("cnn", *models.RNNS)
LENGTH = 2

# The default run has every backbone once, and every head on the baseline's small backbone.
# The other combinations run nightly.
EVERY_CASE = [(b, h, m) for b in BACKBONES for h in HEADS for m in (True, False)]
CASES = [case for case in EVERY_CASE if case[1:] == ("gru", True) or case[0] == "cnn_m"]
NIGHTLY_CASES = [case for case in EVERY_CASE if case not in CASES]


def build(backbone, head, landmarks):
    name, arguments = BACKBONES[backbone]
    backbone = backbones.build(name, **arguments)
    options = {"landmarks": landmarks, "length": LENGTH, "hidden_units": 6, "dropout": 0.0}
    if head == "cnn":
        return models.cnn(backbone, "valence_arousal", **options)
    rnn = {"rnn": head, "rnn_units": 3, "rnn_dropout": 0.0}
    return models.cnn_rnn(backbone, "valence_arousal", **rnn, **options)
