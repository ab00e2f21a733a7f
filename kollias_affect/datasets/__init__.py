"""Databases as lists of `Clip`: one module each, one line in `DATASETS` each.

A module has a function `load(root, split=None, **options) -> list[Clip]`.
"""

import importlib
import inspect

from kollias_affect import _checks
from kollias_affect.clip import Clip

DATASETS = {
    name: f"kollias_affect.datasets.{name}"
    for name in (
        "affwild",
        "affwild2",
        "afew",
        "afew_va",
        "ck48",
        "fer2013",
        "frames_csv",
        "images_csv",
        "omg",
        "recola",
        "sfew",
        "synthetic",
    )
}

__all__ = ["DATASETS", "Clip", "load", "loader_options"]


def __getattr__(name):
    """The modules of this room, imported on use."""
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error


def load(name, root, split=None, **options):
    """Loads a database.

    Args:
        name: one of `DATASETS`.
        root: folder (or file) where it lies.
        split: part of the database, or `None` for all of it; each module says which it has.
        **options: of the module's own `load`.

    Returns:
        list of `Clip`, sorted by key; its attribute `report` is the `LoadReport` that says
        what was found, what was left out, and why.

    Raises:
        FileNotFoundError: if `root` does not hold the database; says what was expected.
        ValueError: if an argument is unknown, or if labels break a rule of `Clip`.
    """
    known = loader_options(name)
    for option in options:
        _checks.one_of(f"option of {name}", option, known)
    return _module(name).load(root, split=split, **options)


def loader_options(name):
    """Dict from the options of a database's loader to their defaults.

    Loaders that extract faces from videos take the options of `faces.extract` too.
    """
    found = list(inspect.signature(_module(name).load).parameters.values())[2:]
    if any(option.kind is option.VAR_KEYWORD for option in found):
        from kollias_affect import faces

        found += list(inspect.signature(faces.extract).parameters.values())[2:]
    return {option.name: option.default for option in found if option.kind != option.VAR_KEYWORD}


def _module(name):
    return importlib.import_module(DATASETS[_checks.one_of("dataset", name, DATASETS)])
