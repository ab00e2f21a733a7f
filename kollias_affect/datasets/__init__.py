"""Databases as lists of `Clip`: one module and one entry of `DATASETS` per database.

Every module has a function `load(root, split=None, **options)` that returns `Clips`. Its docstring
describes the database in the same sections: "Layout" (the files that are read), "Labels", "Faces"
and "Subjects" (where those come from), and "References". If the database has official parts, its
constant `OFFICIAL_PARTS` maps `"training"`, `"validation"` and `"test"` to names of splits; a
function `parts(**options)` replaces it where options change the parts, and `has_labels(root,
split)` tells cheaply whether a part has labels if some copies have none.
"""

import importlib
import inspect
from pathlib import Path

from kollias_affect import _checks, _untrusted
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

# Functions of `division`, which imports this module.
_DIVISION = ("Division", "divide", "load_scored", "official_parts")

__all__ = ["DATASETS", "Clip", "load", "loader_options", *_DIVISION]


def __getattr__(name):
    """Imports a module of this package on first use."""
    if name in _DIVISION:
        return getattr(importlib.import_module(f"{__name__}.division"), name)
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error


def load(name, root, split=None, **options):
    """Loads a database.

    Args:
        name: Name of the database, one of `DATASETS`.
        root: Folder (or file) of the database.
        split: Part of the database; each module lists the parts that it has. Default, and `"all"`:
            all parts. See `divide` for training and scoring, which keep official parts apart.
        **options: Options of the database's own `load`, see `loader_options`. `subjects` is a csv
            with the columns `video,subject[,gender]`, for every database that does not name its
            persons, see `subjects.assign`.

    Returns:
        `Clips`, sorted by key. The attribute `report` is a `LoadReport` with what was read, what
        was left out, and why.

    Raises:
        FileNotFoundError: If `root` does not hold the database. The message describes the expected
            layout.
        ValueError: If an argument is unknown, or if labels break a rule of `Clip`.

    Example:
        >>> import kollias_affect.datasets as datasets
        >>> datasets.load("affwild", "no/such/folder")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        FileNotFoundError: The dataset 'affwild' is read from a folder ...
    """
    known = loader_options(name)
    for option in options:
        _checks.one_of(f"option of {name}", option, known)
    if str(split).lower() == "all" and not Path(root, f"{split}.csv").is_file():
        split = None
    own = dict(options)
    people = None if "subjects" in _own_options(name) else own.pop("subjects", None)
    remedy = "Copy its files again, and compare its folders with docs/databases.md."
    with _untrusted.reading(f"The files of {name} must be whole", root, remedy, own=True):
        clips = _module(name).load(root, split=split, **own)
    part = _official_part(name, split, options)
    for clip in clips:
        clip.official_part = part
    if people is not None:
        from kollias_affect.datasets import subjects

        subjects.assign(clips, people)
    return clips


def loader_options(name):
    """Returns the options of a database's loader and their defaults.

    Loaders that extract faces from videos also accept the options of `faces.extract`.

    Args:
        name: Name of the database, one of `DATASETS`.

    Returns:
        Dict from the name of an option to its default.

    Raises:
        ValueError: If the database is unknown.

    Example:
        >>> loader_options("frames_csv")
        {'images': None, 'subjects': None}
    """
    own = _own_options(name)
    return own if "subjects" in own else {**own, "subjects": None}


def _own_options(name):
    """Returns the options that a loader has itself, and their defaults."""
    parameters = list(inspect.signature(_module(name).load).parameters.values())[2:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        from kollias_affect import faces

        parameters += list(inspect.signature(faces.extract).parameters.values())[2:]
    return {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}


def _parts(name, options):
    """Returns a dict from `"training"`, `"validation"` and `"test"` to names of splits."""
    module = _module(name)
    return getattr(module, "parts", lambda **_: getattr(module, "OFFICIAL_PARTS", {}))(**options)


def _official_part(name, split, options):
    """Returns the official part that a split stands for, such as `"omg/train"`, or `None`."""
    from kollias_affect.datasets import _reading

    for part, known in _parts(name, options).items() if split is not None else ():
        if _reading.same_part(split, known, part):
            return f"{name}/{known}"
    return None


def _module(name):
    """Returns the module of a database."""
    return importlib.import_module(DATASETS[_checks.one_of("dataset", name, DATASETS)])
