"""Paper B: its networks, by the names that its tables give them."""

from kollias_affect.experiments.declaration import Fusion, Network, Training

CNNS = {
    "VGG-Face": Network("cnn", options={"hidden_units": (4096,)}),
    "DenseNet-121": Network("cnn", "densenet121", {"hidden_units": (1500,)}),
    "ResNet-50": Network("cnn", "resnet50", {"hidden_units": (1500,)}),
}
CNN_RNNS = {
    "AffWildNet": Network("affwildnet", "resnet50"),  # table 2
    "DenseNet-RNN": Network("affwildnet", "densenet121"),
}
ONE_RNN = Network("multi_rnn", options={"mode": "1rnn"})
THREE_RNN = Network("multi_rnn", options={"mode": "3rnn"})
ONE_RNN_NAME = "CNN-1RNN 2nd-pool last-pool fc"
THREE_RNN_NAME = "CNN-3RNN 2nd-pool last-pool fc"
FUSION_NAME = "Model-level fusion + RNN"
# Role of the database for pre-training in table 3 and tables 5 to 7: Aff-Wild2, if given.
LAST = "pretrain2"


def trained(network, before=LAST, **more):
    """A `Training` with paper B's settings.

    Args:
        network: `Network`.
        before: Role of the database for pre-training, or `None`.
        **more: Further fields of `Training`.

    Returns:
        `Training`.
    """
    return Training(network, before=before, **{"settings": "B", **more})


def fused(mode, before=LAST, networks=(ONE_RNN, THREE_RNN), **more):
    """A `Fusion` of networks with paper B's settings.

    Args:
        mode: Mode of `Fusion`.
        before, **more: See `trained`.
        networks: Tuple of `Network`.

    Returns:
        `Fusion`.
    """
    return Fusion(tuple(trained(network, before, **more) for network in networks), mode)


def with_options(network, **options):
    """A `Network` with further options."""
    return Network(network.build, network.backbone, {**network.options, **options})
