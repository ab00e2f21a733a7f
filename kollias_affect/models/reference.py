"""The six networks that the papers' authors published, built as in their TensorFlow 1 code."""

from kollias_affect import _checks, backbones
from kollias_affect.models.cnn import cnn
from kollias_affect.models.cnn_rnn import cnn_rnn
from kollias_affect.models.multi_rnn import multi_rnn

_TASK = "valence_arousal"


def reference(name, length=80):
    """Builds a published network, without weights; `weights.load_tf1_checkpoint` loads them.

    It takes no landmarks. Its GRUs have the form of TensorFlow 1 (`reset_after=False`). The
    authors' weights expect `(pixels - 128) / 128`, see there.

    Args:
        name: One of `REFERENCES`.
        length: Frames per window of the recurrent networks.

    Returns:
        `keras.Model` from RGB in [-1, 1], `[batch, length, 96, 96, 3]`, to valence and arousal,
        `[batch, length, 2]`. The two `vggface_*` ones go from `[batch, 96, 96, 3]` to
        `[batch, 2]`.

    Raises:
        ValueError: If the name is unknown.

    References: Paper C, table 8 (`affwildnet_*`) and table 7 (`vggface_*`); paper B §5.3
    (`omg_*`).
    """
    return REFERENCES[_checks.one_of("name", name, REFERENCES)](name, length)


def _affwildnet_vggface(name, length):
    return _recurrent(cnn_rnn, backbones.vgg_face(), name, length, hidden_units=4096)


def _affwildnet_resnet(name, length):
    # The published code feeds the RNN with pool5; table 8's layer of 1500 units is not in it.
    return _recurrent(cnn_rnn, backbones.resnet50(form="slim"), name, length, hidden_units=())


def _omg_1rnn(name, length):
    features = ("fc1", "pool5")
    return _recurrent(multi_rnn, backbones.vgg_face(), name, length, mode="1rnn", features=features)


def _omg_3rnn(name, length):
    features = ("conv5_3", "pool5", "fc1")
    return _recurrent(multi_rnn, backbones.vgg_face(), name, length, mode="3rnn", features=features)


def _vggface(*hidden_units):
    def build(name, length):
        del length  # The frames are independent.
        return cnn(
            backbones.vgg_face(), _TASK, landmarks=False, hidden_units=hidden_units, name=name
        )

    return build


def _recurrent(build, backbone, name, length, **options):
    return build(
        backbone, _TASK, landmarks=False, length=length, reset_after=False, name=name, **options
    )


REFERENCES = {
    "affwildnet_vggface_gru": _affwildnet_vggface,
    "affwildnet_resnet_gru": _affwildnet_resnet,
    "vggface_4096x4096x2": _vggface(4096, 4096),
    "vggface_4096x2000x2": _vggface(4096, 2000),
    "omg_cnn_gru_1rnn": _omg_1rnn,
    "omg_cnn_gru_3rnn": _omg_3rnn,
}
