"""What an experiment is, said as data: what varies, what is fixed, what is measured."""

import dataclasses
import hashlib
import json
from collections.abc import Callable

from kollias_affect import _checks


class Empty(Exception):
    """Raised for a cell that cannot be filled with these data; its text says why."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network as a paper names it; the width is the scale's.

    Args:
        build: `"cnn"`, `"affwildnet"` (any CNN-RNN with paper C's settings) or `"multi_rnn"`,
            functions of `models`.
        backbone: name in `backbones.BACKBONES`.
        options: of the function; numbers of units are multiplied by the scale's `units`.
    """

    build: str
    backbone: str = "vgg_face"
    options: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Training:
    """A network and what it is trained on.

    Args:
        network: `Network`.
        task: see `tasks.TASKS`.
        labels: role whose clips, of the same people, have the labels that are trained on.
            Default: those that are tested on.
        before: role that the network is trained on first, for valence and arousal, or `None`.
        needs_before: leave the cell empty if that role is not given; else it is trained from
            scratch.
        options: of `training.train`, as the paper prescribes them.
        folds: `None`, or the number of person-independent folds.
    """

    network: Network
    task: str = "valence_arousal"
    labels: str = "data"
    before: str | None = None
    needs_before: bool = False
    options: dict = dataclasses.field(default_factory=dict)
    folds: int | None = None


@dataclasses.dataclass(frozen=True)
class Fusion:
    """Trained networks put together.

    Args:
        members: `Training` of each.
        mode: `"decision"` (weighted mean of the outputs), `"fc"` or `"rnn"` (see `models.fuse`).
    """

    members: tuple
    mode: str


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of a table, or one group of columns of it.

    Args:
        row, column: where the numbers stand; `column` is empty where a table has one group.
        setting: what is run for it; the table's `evaluate` knows what to do with it.
        published: dict from the table's measures to the paper's numbers.
    """

    row: str
    column: str
    setting: object
    published: dict


@dataclasses.dataclass(frozen=True)
class Table:
    """A published table or figure of numbers as an experiment.

    Args:
        name: letter of the paper and number of the table, such as `"C12"`.
        title: what it shows.
        source: where it stands.
        varies, fixed, split: told in the report: what differs from cell to cell, what does not,
            and which frames are scored.
        measures: names of the numbers of a cell, in order.
        cells: tuple of `Cell`.
        evaluate: function of a `Laboratory` and a cell's setting that returns a dict from the
            measures to numbers, or raises `Empty`.
        roles: roles of data that the table uses, see `data.ROLES`.
        optional: those of them that need not be given.
        labels: what the clips are labelled with: `"valence_arousal"` or `"expression"`; those
            that are trained on before have valence and arousal in any case.
        folds: people that there must be at least, for cross-validation.
    """

    name: str
    title: str
    source: str
    varies: str
    fixed: str
    split: str
    measures: tuple
    cells: tuple
    evaluate: Callable
    roles: tuple = ("data",)
    optional: tuple = ()
    labels: str = "valence_arousal"
    folds: int = 0


@dataclasses.dataclass(frozen=True)
class Scale:
    """How large the trainings are; the default is the papers'.

    Args:
        width: factor on the channels of the CNNs.
        units: factor on the units of fully connected and recurrent layers.
        size: side of the images in pixels.
        picture: the same for paper D, whose networks cut crops out of larger pictures.
        length: frames per window.
        batch_size: windows per batch; `None` for the papers', or 4.
        epochs: of every training.
        stride: of the training windows.
        learning_rate: `None` for the papers', or paper B's.
        seed: of everything random.
        cache: keep the decoded frames in memory.
    """

    width: float = 1.0
    units: float = 1.0
    size: int = 96
    picture: int = 256
    length: int = 80
    batch_size: int | None = None
    epochs: int = 20
    stride: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    cache: bool = False

    def __post_init__(self):
        for name in ("width", "units"):
            _checks.number_between(name, getattr(self, name), 0, 100)
        for name in ("size", "picture", "length", "epochs"):
            _checks.positive_integer(name, getattr(self, name))
        for name in ("batch_size", "stride"):
            if getattr(self, name) is not None:
                _checks.positive_integer(name, getattr(self, name))
        if self.learning_rate is not None:
            _checks.number_between("learning_rate", self.learning_rate, 0, 10)
        _checks.integer_between("seed", self.seed, 0, 2**32 - 1)


# Minutes on two cores for all tables: the numbers mean nothing, the way is the whole one.
SMOKE = Scale(
    width=0.05, units=0.05, size=32, picture=64, length=8, batch_size=4, epochs=1,
    learning_rate=1e-3, cache=True,
)  # fmt: skip


def fingerprint(*content):
    """Sixteen characters that stand for dataclasses and JSON content."""

    def plain(value):
        return {"kind": type(value).__name__, **dataclasses.asdict(value)}

    text = json.dumps(content, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
