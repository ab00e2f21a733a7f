"""Settings of the trainings of papers B and C, one named preset a paper."""

import dataclasses

from kollias_affect import _checks


@dataclasses.dataclass(frozen=True)
class Preset:
    """What a paper prints about the training of its networks. The learning rate is constant.

    Args:
        name: Key in `PRESETS`.
        source: Paper and section.
        dropout: Dropout rate after each fully connected layer.
        rnn_dropout: Dropout rate after the first RNN layer, in Keras' convention: the share of the
            units that are set to zero.
        frozen_rate: Learning rate while the backbone is frozen.
        end_to_end_rate: Learning rate of a training of all weights.
        frame_batch: Frames of a batch of single frames, for CNNs.
        window_batch: Frames of a batch of windows, for CNN-RNNs.
        text: What pages say about the settings.
        initializer: Initial weights of the fully connected layers, a name in
            `initializers.INITIALIZERS`.
        length: Frames per window of CNN-RNNs.
        loss: Loss of valence and arousal, `"ccc"` or `"mse"`.

    Example:

    >>> preset("B").batch_size(80), preset("C").batch_size(80), preset("C").batch_size(1)
    (4, 1, 50)
    """

    name: str
    source: str
    dropout: float
    rnn_dropout: float
    frozen_rate: float
    end_to_end_rate: float
    frame_batch: int
    window_batch: int
    text: str
    initializer: str = "authors"
    length: int = 80
    loss: str = "ccc"

    def learning_rate(self, frozen):
        """Returns the learning rate.

        Args:
            frozen: Whether the backbone is frozen.

        Example:

        >>> preset("B").learning_rate(frozen=True), preset("B").learning_rate(frozen=False)
        (0.001, 0.0001)
        """
        return self.frozen_rate if frozen else self.end_to_end_rate

    def batch_size(self, length):
        """Returns the windows per batch.

        Args:
            length: Frames per window; 1 for a network of single frames.

        Returns:
            As many windows as have the frames of the paper's batch, at least one.
        """
        length = _checks.positive_integer("length", length)
        frames = self.frame_batch if length == 1 else self.window_batch
        return max(1, frames // length)


B = Preset(
    name="B",
    source="paper B, sections 5.4 and 6.2",
    dropout=0.5,
    rnn_dropout=0.8,
    frozen_rate=1e-3,
    end_to_end_rate=1e-4,
    frame_batch=320,
    window_batch=320,
    text=(
        "CCC loss, Adam 1e-3 with a frozen CNN and 1e-4 end to end (the paper: 1e-4 or 1e-5), "
        "batches of 4 windows of 80 frames, dropout 0.5 after fully connected layers and 0.8 after "
        "the first RNN layer, read as the share of the units that are dropped"
    ),
)
"""Paper B, section 6.2. "Dropout with 0.8 probability" is read as the share that is dropped."""

B_KEEP = dataclasses.replace(
    B,
    name="B-keep",
    rnn_dropout=0.2,
    text=B.text.replace("and 0.8 after", "and 0.2 after").replace(
        "read as the share of the units that are dropped",
        "since the printed 0.8 is read as the share of the units that are kept (TensorFlow 1)",
    ),
)
"""As `B`, but "dropout with 0.8 probability" is read as TensorFlow 1's probability to keep."""

C = Preset(
    name="C",
    source="paper C, section 4.2.1",
    dropout=0.5,
    rnn_dropout=0.5,
    frozen_rate=1e-3,
    end_to_end_rate=1e-3,
    frame_batch=50,
    window_batch=80,
    text=(
        "CCC loss, Adam 1e-3, dropout 0.5; batches of 50 single frames for CNNs and of one window "
        "of 80 frames for CNN-RNNs (the paper prints 80 without a unit)"
    ),
)
"""Paper C, section 4.2.1. Its batch of 80 counts frames, as its batch of 50 for CNNs does."""

C_BASELINE = Preset(
    name="C-baseline",
    source="paper C, section 4.1.1",
    dropout=0.0,
    rnn_dropout=0.0,
    frozen_rate=1e-3,
    end_to_end_rate=1e-3,
    frame_batch=80,
    window_batch=80,
    text=(
        "squared error, Adam 1e-3, batches of 80 frames, no dropout, first weights of the fully "
        "connected layers truncated normal of variance 0.1, biases 1"
    ),
    initializer="papers",
    loss="mse",
)
"""Paper C, section 4.1.1: CNN-M, the baseline of the Aff-Wild challenge."""

PRESETS = {preset.name: preset for preset in (B, B_KEEP, C, C_BASELINE)}
"""Dict from the name of a preset to the preset."""


def preset(name):
    """Returns the preset of a name.

    Args:
        name: One of `PRESETS`: "B", "B-keep", "C", "C-baseline".

    Returns:
        `Preset`.

    Raises:
        ValueError: If the name is unknown.

    Example:

    >>> preset("C").rnn_dropout
    0.5
    """
    return PRESETS[_checks.one_of("settings", name, PRESETS)]
