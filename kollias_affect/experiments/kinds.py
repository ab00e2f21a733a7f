"""The kinds of networks that tables and the command `train` build: one line a kind."""

import dataclasses
import inspect
from collections.abc import Callable

from kollias_affect import models

# Names of options whose arguments have other names in `kollias_affect.models`.
ARGUMENTS = {"taps": "features"}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of network that can be trained.

    Args:
        build: Function of `kollias_affect.models` from backbone, task and options to a model.
        settings: Name of the preset of the paper that the network is from.
        length: Frames per window; `None` for those of the preset.
        options_of: Function whose arguments `build` passes on, or `None`.
    """

    build: Callable
    settings: str
    length: int | None = None
    options_of: Callable | None = None

    @property
    def options(self):
        """Names of the options of the network."""
        _, *others = inspect.signature(self.options_of or self.build).parameters  # the backbone
        names = set(others) - {"task", "frozen", "name", "representation", "output_activation"}
        shown = {argument: option for option, argument in ARGUMENTS.items()}
        return tuple(sorted(shown.get(name, name) for name in names))


NETWORKS = {
    "affwildnet": Kind(models.affwildnet, "C", options_of=models.cnn_rnn),
    "cnn": Kind(models.cnn, "C", length=1),
    "cnn_rnn": Kind(models.cnn_rnn, "C"),
    "multi_rnn": Kind(models.multi_rnn, "B"),
    "temporal": Kind(models.temporal, "C"),
}
"""Dict from a name of `train --network` to its `Kind`."""
