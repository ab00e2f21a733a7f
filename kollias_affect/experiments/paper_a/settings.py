"""Settings of paper A's experiment, and what is used where none is given."""

import dataclasses

from kollias_affect import _checks
from kollias_affect.adaptation.centroids import METHODS
from kollias_affect.adaptation.decision import RULES
from kollias_affect.layers.centroid_outputs import NORMALIZATIONS, positive_scale
from kollias_affect.models.parts import RNNS

LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)  # paper A, table II
PROTOCOLS = ("held-out", "paper")
CHOICES = ("last", "b")
INITIALIZERS = ("papers", "papers-rnn", "keras")
TASKS = ("expression", "valence_arousal")
# Fields that depend on the data where they are not given: for videos as in the paper, for images.
_BY_DATA = {
    "length": (80, 1),
    "hidden_units": (4096, 1024),
    "batch_size": (4, 128),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of an experiment, written to `settings.json` before anything is trained.

    Args:
        lambdas: Values of λ in [0, 1].
        seeds: Number of networks for each λ; their seeds are 0, 1, …
        protocol: `"held-out"` scores the test parts, which no network is trained on. `"paper"`
            trains NetA on all of A and NetB on all of B and scores both on these same clips
            (paper A §IV.B and tables II to V).
        choose: Which step of a training is scored: `"last"`, or `"b"`, the best of ten checks by
            accuracy on B (paper A §IV.B: "selected the architecture which provided the best
            accuracy on the validation data set"). Default: `"b"` for the protocol of the paper,
            else `"last"`, because B's test part must not choose what it scores.
        task: Labels that are learned, `"expression"`, or `"valence_arousal"` as the cells of a
            grid (paper A §V).
        bins: Cells of the grid in each dimension (paper A §V: 20).
        normalization: Normalization f of `losses.CentroidLoss`, `"linear"` or `"softmax"`.
        scale: Scale of `losses.CentroidLoss`, a number or `"centroids"`.
        method: Method of `Centroids.fit`, `"kmeans"` (paper) or `"class_means"`.
        balanced: Whether all classes have the same weight in training, in E_a and in E_b.
        initializer: `"papers"` (variance 0.1, biases 1; §IV.A) for the fully connected layers,
            `"papers-rnn"` for the RNN layers too, or `"keras"`.
        hidden_units: Units of the fully connected layer. Default: 4096 as in the paper, 1024 for
            databases of single images.
        dropout: Dropout rate after the fully connected layer (paper: 0.5).
        rnn_dropout: Dropout rate after the first RNN layer. Paper A has such a layer (table I) and
            prints no rate; 0.8 is paper B's, see `models.cnn_rnn`.
        rnn: RNN, see `models.cnn_rnn`; paper A considers `"blstm"` and `"gru"` and uses GRUs.
        rnn_units, rnn_layers: Units of each RNN layer, and their number.
        decision: Rule by which the frames of a clip become one decision, `"mean"` or
            `"majority"`, see `adaptation.video_decision`. `"frames"` scores single frames, which
            is the default for valence and arousal.
        length: Frames per window. Default: 80 as in the paper, 1 for single images.
        steps: Number of batches that every network is trained on.
        batch_size: Windows per batch. Default: 4, or 128 for single images.
        learning_rate: Learning rate of Adam (paper: 0.001, constant; the optimiser is ours).

    Raises:
        ValueError: If a value is out of its range, or B would choose what is scored on B's test
            part.
    """

    lambdas: tuple = LAMBDAS
    seeds: int = 3
    protocol: str = "held-out"
    choose: str | None = None
    task: str = "expression"
    bins: int = 20
    normalization: str = "linear"
    scale: float | str = 1.0
    method: str = "kmeans"
    balanced: bool = False
    initializer: str = "papers"
    hidden_units: int | None = None
    dropout: float = 0.5
    rnn_dropout: float = 0.8
    rnn: str = "gru"
    rnn_units: int = 128
    rnn_layers: int = 2
    decision: str | None = None
    length: int | None = None
    steps: int = 1000
    batch_size: int | None = None
    learning_rate: float = 1e-3

    def __post_init__(self):
        for name, allowed in (
            ("initializer", INITIALIZERS),
            ("protocol", PROTOCOLS),
            ("choose", (*CHOICES, None)),
            ("task", TASKS),
            ("rnn", tuple(RNNS)),
            ("normalization", NORMALIZATIONS),
            ("method", METHODS),
            ("decision", (*RULES, "frames", None)),
        ):
            _checks.one_of(name, getattr(self, name), allowed)
        for name in ("seeds", "bins", "rnn_units", "rnn_layers", "steps", *_BY_DATA):
            if getattr(self, name) is not None or name not in _BY_DATA:
                _checks.positive_integer(name, getattr(self, name))
        for name in ("dropout", "rnn_dropout"):
            _checks.share(name, getattr(self, name))
        if self.scale != "centroids":
            positive_scale(self.scale)
        if not self.lambdas or not all(0 <= lam <= 1 for lam in self.lambdas):
            raise ValueError(
                f"`lambdas` must be numbers from 0 to 1. Received: {self.lambdas}. The paper uses "
                f"{LAMBDAS}."
            )
        if self.protocol == "held-out" and self.choose == "b":
            raise ValueError(
                "What is scored must not choose the network. Received: choose='b' with the "
                "protocol 'held-out', which scores B's test part. Leave `choose` out, or use the "
                "protocol 'paper', which does so."
            )
        if self.task == "valence_arousal" and self.decision not in (None, "frames"):
            raise ValueError(
                "Valence and arousal are scored frame by frame. Received: decision="
                f"{self.decision!r}. Leave it out."
            )

    @property
    def extreme_lambdas(self):
        """The smallest and the largest λ."""
        return min(self.lambdas), max(self.lambdas)

    @property
    def chosen(self):
        """Which step is scored, one of `CHOICES`."""
        return self.choose or ("b" if self.protocol == "paper" else "last")

    def for_clips(self, clips):
        """Returns these settings with the defaults that depend on the data.

        Args:
            clips: List of all `Clip`; those of videos have more than one frame.

        Returns:
            `Settings` without `None`.

        Example:
            >>> from kollias_affect.clip import Clip
            >>> for paths in (["1.jpg"], ["1.jpg", "2.jpg"]):
            ...     settings = Settings().for_clips([Clip("a", paths)])
            ...     print(settings.length, settings.hidden_units, settings.batch_size)
            1 1024 128
            80 4096 4
        """
        videos = any(len(clip) > 1 for clip in clips)
        defaults = {name: values[0 if videos else 1] for name, values in _BY_DATA.items()}
        defaults["decision"] = "mean" if self.task == "expression" else "frames"
        defaults["choose"] = self.chosen
        missing = {n: v for n, v in defaults.items() if getattr(self, n) is None}
        return dataclasses.replace(self, **missing)
