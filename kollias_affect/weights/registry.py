"""Weights by name: those that ship with the package, and the steps to get the others.

Shipped weights lie in the folder `pretrained/` of a checkout, or among the data files of an
installed package. A `manifest.json` beside them holds their SHA-256.
Nothing is downloaded.
"""

import importlib.metadata
import json
from pathlib import Path

import keras
import pandas as pd

import kollias_affect
from kollias_affect import _checks, _files, _untrusted, models
from kollias_affect.weights import catalogue

MANIFEST = "manifest.json"
_INSTALLED = ("share", "kollias_affect", "pretrained")  # as `setup.cfg` says


def list_pretrained():
    """Lists the weights that are known by name.

    Returns:
        `pandas.DataFrame` with the columns `name`, `kind` (`"shipped"` or `"by hand"`), `task`,
        `file`, `megabytes`, `sha256`, `licence`, `source` and `available` (whether an undamaged
        file is on this machine; empty for `"by hand"`).

    Example:

    >>> from kollias_affect import weights
    >>> table = weights.list_pretrained().set_index("name")
    >>> table.loc["expression_vgg_fer2013", ["kind", "task"]].tolist()
    ['shipped', 'expression']
    >>> table.loc["vgg_face", "kind"]
    'by hand'
    """
    return pd.DataFrame([_row(entry) for entry in catalogue.ENTRIES])


def load_pretrained(name):
    """Loads a model with its weights.

    Args:
        name: Name in `list_pretrained`.

    Returns:
        `keras.Model` from float32 RGB `[batch, size, size, 3]` in [-1, 1] to its outputs. For
        expressions these are seven probabilities in `EXPRESSIONS` order. A model that takes
        landmarks, too, takes a dict of `images` and `landmarks`.

    Raises:
        ValueError: If the name is unknown, or the file is damaged.
        FileNotFoundError: If the file is not on this machine. The message lists the steps to get
            it.
    """
    model, _ = models.load(pretrained_file(name))
    if isinstance(model.input, dict) and list(model.input) == ["images"]:
        return keras.Model(model.input["images"], model.output, name=model.name)
    return model


def pretrained_file(name):
    """Returns the path of the `.keras` file of weights by name, after a check of its SHA-256.

    Args:
        name: Name in `list_pretrained`.

    Raises:
        ValueError: See `load_pretrained`.
        FileNotFoundError: See `load_pretrained`.
    """
    entry = _entry(name)
    if entry.kind != "by hand":
        path = _find(entry)
        if path is not None:
            return _checked(path)
    steps = "\n".join(_numbered_steps(entry))
    raise FileNotFoundError(
        f"Weights must be on this machine before they are loaded. Received: {name!r} "
        f"({entry.kind}), of which there is no file here. To get them:\n{steps}"
    )


def model_file(model):
    """Returns the file of a model that a user names.

    Args:
        model: Path of a `.keras` file, or a name in `list_pretrained`.

    Returns:
        `pathlib.Path`.

    Raises:
        FileNotFoundError: If it is neither, or the weights are not on this machine.
        ValueError: If the file of a name is damaged.
    """
    names = [entry.name for entry in catalogue.ENTRIES]
    if str(model) in names:
        return pretrained_file(str(model))
    if Path(model).suffix != ".keras" and not Path(model).exists():
        raise FileNotFoundError(
            f"A model must be a .keras file or one of {', '.join(names)}. Received: {model}. "
            "Check the path, or see `kollias-affect weights list`."
        )
    return Path(model)


def describe_pretrained(name):
    """Describes weights as text: the catalogue entry, and the file's card or the steps to get it.

    Args:
        name: Name in `list_pretrained`.

    Returns:
        Text of several lines.

    Raises:
        ValueError: If the name is unknown.
    """
    entry = _entry(name)
    row = _row(entry)
    lines = [f"{key}: {value}" for key, value in row.items() if value is not None]
    if row["available"]:
        card = models.read_card(_find(entry))
        lines += ["card:", json.dumps(card, indent=1)]
    else:
        lines += ["steps:", *_numbered_steps(entry)]
    return "\n".join(lines)


def write_manifest(folder):
    """Writes the sizes and SHA-256 of the `.keras` files in a folder to its `manifest.json`.

    Args:
        folder: Folder of the files.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.keras"))
    content = {f.stem: {"bytes": f.stat().st_size, "sha256": _files.sha256(f)} for f in files}
    _files.write_json(folder / MANIFEST, content)


def _entry(name):
    entries = {entry.name: entry for entry in catalogue.ENTRIES}
    return entries[_checks.one_of("name", name, entries)]


def _numbered_steps(entry):
    return [f"  {number}. {step}" for number, step in enumerate(entry.steps, start=1)]


def _row(entry):
    """Returns the row of an entry in `list_pretrained`, as a dict."""
    row = {"name": entry.name, "kind": entry.kind, "task": entry.task, "file": entry.file}
    row.update(megabytes=None, sha256=None, available=None)
    if entry.kind != "by hand":
        path = _find(entry)
        row["available"] = path is not None
        if path is not None:
            row["megabytes"] = round(path.stat().st_size / 1e6, 2)
            row["sha256"] = _expected_sha256(path)
            row["available"] = _files.sha256(path) == row["sha256"]
    return {**row, "licence": entry.licence, "source": entry.source}


def _find(entry):
    """Returns the first existing file of a shipped entry, or `None`."""
    paths = (folder / entry.file for folder in _folders())
    return next((path for path in paths if path.is_file()), None)


def _folders():
    """Yields the folders of shipped weights: checkout, installation."""
    checkout = Path(kollias_affect.__file__).resolve().parents[1]
    if (checkout / "setup.cfg").is_file():
        yield checkout / "pretrained"
    try:
        files = importlib.metadata.files("kollias-affect") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.parts[-4:] == (*_INSTALLED, MANIFEST):
            yield Path(file.locate()).resolve().parent


def _expected_sha256(path):
    """Returns the SHA-256 of a file according to its manifest, or `None` if there is none."""
    try:
        manifest = _untrusted.read_json(path.with_name(MANIFEST))
        return manifest[path.stem]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checked(path):
    """Returns `path` if the file has the SHA-256 of its manifest, else raises `ValueError`."""
    actual, expected = _files.sha256(path), _expected_sha256(path)
    if actual == expected:
        return path
    raise ValueError(
        f"A file of weights must have the SHA-256 of its manifest. Received: {path} with {actual}, "
        f"expected {expected or f'an entry in the {MANIFEST} beside it'}. Get the folder again: "
        "check it out, or install the package again."
    )
