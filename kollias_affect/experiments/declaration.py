"""What an experiment is, declared as data: what varies, what is fixed, what is measured."""

import dataclasses
from collections.abc import Callable

from kollias_affect import _checks

# Fields of `Scale` that the networks of papers B and C depend on.
SCALE = (
    "width", "units", "size", "length", "batch_size", "epochs", "stride", "learning_rate", "decay",
    "weight_decay",
)  # fmt: skip


class Empty(Exception):
    """Raised for a cell that cannot be computed with the given data; its text gives the reason."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A network as a paper names it; its width is that of the `Scale`.

    Args:
        build: Name in `kinds.NETWORKS`, such as `"cnn"` or `"affwildnet"` (any CNN-RNN).
        backbone: Name in `backbones.BACKBONES`.
        options: Dict of arguments of the function; numbers of units are multiplied by the
            scale's `units`.
        published: Whether the backbone starts from its published weights where a file is given.
    """

    build: str
    backbone: str = "vgg_face"
    options: dict = dataclasses.field(default_factory=dict)
    published: bool = True


@dataclasses.dataclass(frozen=True)
class Training:
    """A network and the clips that it is trained on.

    Args:
        network: `Network`.
        settings: Name of the preset of the training, see `presets.PRESETS`.
        task: Name in `tasks.TASKS`, or a tuple of several.
        labels: Role whose clips have the labels to train on. It has the same people as the role
            `"data"`, which is the default.
        before: Role that the network is pre-trained on, for valence and arousal, or `None`.
        needs_before: Whether the cell stays empty if that role is missing. Otherwise the network
            is then trained from scratch.
        needs_weights: Whether the cell stays empty without a file of the backbone's published
            weights, because its row is about them.
        balance: Tuple of the roles in whose training part runs of frames are duplicated, see
            `sampling.balance_quadrants`.
        options: Dict of arguments of `training.train` that differ from the preset's. They do not
            apply to the pre-training.
        fixed: Tuple of the names of those options that no option of a command replaces, because the
            row is about them.
        folds: Number of person-independent folds, or `None`.
    """

    network: Network
    settings: str = "C"
    task: str | tuple = "valence_arousal"
    labels: str = "data"
    before: str | None = None
    needs_before: bool = False
    needs_weights: bool = False
    balance: tuple = ()
    options: dict = dataclasses.field(default_factory=dict)
    fixed: tuple = ()
    folds: int | None = None

    @property
    def members(self):
        """Tuple of the trainings that the predictions need: this one."""
        return (self,)


@dataclasses.dataclass(frozen=True)
class Fusion:
    """A fusion of trained networks.

    Args:
        members: Tuple of `Training`.
        mode: `"decision"` (weighted mean of the outputs), `"fc"` or `"rnn"` (see `models.fuse`).
    """

    members: tuple
    mode: str


@dataclasses.dataclass(frozen=True)
class Separate:
    """Two networks, one for valence and one for arousal, whose outputs stand side by side.

    Args:
        members: Pair of `Training` with the tasks `"valence"` and `"arousal"`.
    """

    members: tuple


@dataclasses.dataclass(frozen=True)
class Repeated:
    """The mean of the predictions of one network that is trained several times.

    Args:
        member: `Training`.
        by: `"seeds"` (other initial weights and order of windows) or `"folds"` (person-independent
            folds of the training and the validation part; each fold chooses the epoch once).
    """

    member: Training
    by: str

    @property
    def members(self):
        """Tuple of the `Training`."""
        return (self.member,)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure of a paper that belongs to a table.

    Args:
        name: Letter of the paper and number of the figure, such as `"C14"`; without `draw_with` a
            key of `evaluation.plots.figures.FIGURES`.
        title: Caption.
        setting: `Training` or `Fusion` whose predictions are drawn; `None` for labels alone.
        part: Clips of the role `"data"`: `"test"`, `"training"`, `"everything"` for the complete
            database, or `"parts"` for a dict from the names of the parts to their clips.
        draw_with: Function of a `Laboratory` and the path of the picture that draws it, or raises
            `Empty`. `setting` and `part` are then unused.
    """

    name: str
    title: str
    setting: object = None
    part: str = "test"
    draw_with: Callable | None = None


@dataclasses.dataclass(frozen=True)
class Cell:
    """One line of a table, or one group of columns of it.

    Args:
        row: Name of the row.
        column: Name of the group of columns; empty if the table has one group.
        setting: Argument of the table's `evaluate`: what is run for the cell.
        published: Dict from the table's measures to the paper's numbers.
    """

    row: str
    column: str
    setting: object
    published: dict


@dataclasses.dataclass(frozen=True)
class Table:
    """A published table, or a figure of numbers, as an experiment.

    Args:
        name: Letter of the paper and number of the table, such as `"C12"`.
        title: Title of the table.
        source: Place of the table in the paper.
        varies: Text of the report: what differs from cell to cell.
        fixed: Text of the report: what is the same in all cells.
        split: Text of the report: which frames are scored.
        measures: Tuple of the names of a cell's numbers, in order.
        cells: Tuple of `Cell`. A cell with the setting `None` has published numbers only.
        evaluate: Function of a `Laboratory` and the setting of a cell. It returns a dict from the
            measures to numbers, or raises `Empty`; with `seeds="table"` a list of such dicts, one
            for each seed.
        roles: Tuple of the roles of data that the table uses, see `data.ROLES`.
        optional: Those of them that may be missing.
        labels: Labels of the clips, `"valence_arousal"` or `"expression"`; `None` if each clip may
            have others. Roles that networks are pre-trained on have valence and arousal in any
            case.
        folds: Minimum number of people, for cross-validation.
        facts: Function of a `Laboratory` and the table that returns lines of the page: what the
            networks started from, who chose the epochs, how many steps they were trained.
        deviations: Tuple of texts of the report: what differs from the paper on any data.
        figures: Tuple of `Figure`.
        scale: Tuple of the fields of `Scale` that the numbers depend on, besides the seed.
        seeds: Who trains with several seeds: `"runner"`, `"table"` (`evaluate` itself, as paper A's
            tables do) or `"none"` (nothing is trained).
        note: Function of the list of the cells' numbers that returns a line of the page.
        units: Function of a `Laboratory` and the setting of a cell that yields each `units.Unit`
            that it needs. Default: the trainings of settings with a network, otherwise the cell.
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
    labels: str | None = "valence_arousal"
    folds: int = 0
    facts: Callable | None = None
    deviations: tuple = ()
    figures: tuple = ()
    scale: tuple = SCALE
    seeds: str = "runner"
    note: Callable | None = None
    units: Callable | None = None


@dataclasses.dataclass(frozen=True)
class Scale:
    """The size of the trainings; the default is that of the papers.

    Args:
        width: Factor on the channels of the CNNs.
        units: Factor on the units of fully connected and recurrent layers.
        size: Side of the images in pixels.
        picture: Side of the pictures of paper D, whose networks crop them, in pixels.
        length: Frames per window.
        batch_size: Windows per batch; `None` for the papers', or 4.
        epochs: Epochs of every training.
        stride: Frames from one training window to the next; `None` for `length`.
        learning_rate: Initial learning rate; `None` for the papers'.
        decay: `None`, or `(steps, rate)` of an exponential decay, see `training.compile_model`.
        weight_decay: Weight decay of paper B's and C's networks, see `training.train`; `None` for
            none.
        repeats: Number of trainings or folds whose predictions are averaged (paper B §7: 10).
        seed: Seed of everything random.
        cache: Whether the decoded frames are kept in memory.

    Raises:
        ValueError: If an argument is out of range.
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
    decay: tuple | None = None
    weight_decay: float | None = None
    repeats: int = 10
    seed: int = 0
    cache: bool = False

    def __post_init__(self):
        for name in ("width", "units"):
            _checks.number_between(name, getattr(self, name), 0, 100)
        for name in ("size", "picture", "length", "epochs", "repeats"):
            _checks.positive_integer(name, getattr(self, name))
        for name in ("batch_size", "stride"):
            if getattr(self, name) is not None:
                _checks.positive_integer(name, getattr(self, name))
        for name in ("learning_rate", "weight_decay"):
            if getattr(self, name) is not None:
                _checks.number_between(name, getattr(self, name), 0, 10)
        if self.decay is not None:
            _checks.positive_integer("decay steps", self.decay[0])
            _checks.number_between("decay rate", self.decay[1], 0, 1)
        _checks.integer_between("seed", self.seed, 0, 2**32 - 1)


# All tables run in minutes on two cores. The numbers mean nothing, but every step is executed.
SMOKE = Scale(
    width=0.05, units=0.05, size=32, picture=64, length=8, batch_size=4, epochs=1,
    learning_rate=1e-3, repeats=2, cache=True,
)  # fmt: skip
