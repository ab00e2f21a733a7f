"""Weights by name: those that ship with the package, and the steps to get the others.

Shipped weights lie in the folder `pretrained/` of a checkout, or among the data files of an
installed package. A `manifest.json` beside them holds their SHA-256.
Nothing is downloaded.
"""

import json

import keras
import pandas as pd

from kollias_affect import _files, models
from kollias_affect.catalogue import files
from kollias_affect.catalogue.entries import DEFAULT, ENTRIES


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
    return pd.DataFrame([_row(entry) for entry in ENTRIES])


def load_pretrained(name=None):
    """Loads a model with its weights.

    Args:
        name: Name in `list_pretrained`; `None` for the default, `"affect_vgg"`.

    Returns:
        `keras.Model` from float32 RGB `[batch, size, size, 3]` in [-1, 1] to its outputs. For
        expressions these are seven probabilities in `EXPRESSIONS` order. The default returns a
        dict of `expression` and `valence_arousal`. A model that takes landmarks, too, takes a dict
        of `images` and `landmarks`.

    Raises:
        ValueError: If the name is unknown, or the file is damaged.
        FileNotFoundError: If the file is not on this machine. The message lists the steps to get
            it.
    """
    model, _ = models.load(files.pretrained_file(DEFAULT if name is None else name))
    if isinstance(model.input, dict) and list(model.input) == ["images"]:
        return keras.Model(model.input["images"], model.output, name=model.name)
    return model


def describe_pretrained(name):
    """Describes weights as text: the catalogue entry, and the file's card or the steps to get it.

    Args:
        name: Name in `list_pretrained`.

    Returns:
        Text of several lines.

    Raises:
        ValueError: If the name is unknown.
    """
    entry = files.entry_of(name)
    row = _row(entry)
    lines = [f"{key}: {value}" for key, value in row.items() if value is not None]
    if row["available"]:
        card = models.read_card(files.find(entry))
        lines += ["card:", json.dumps(card, indent=1)]
    else:
        lines += ["steps:", *files.numbered_steps(entry)]
    return "\n".join(lines)


def _row(entry):
    """Returns the row of an entry in `list_pretrained`, as a dict."""
    row = {"name": entry.name, "kind": entry.kind, "task": entry.task, "file": entry.file}
    row.update(megabytes=None, sha256=None, available=None)
    if entry.kind != "by hand":
        path = files.find(entry)
        row["available"] = path is not None
        if path is not None:
            row["megabytes"] = round(path.stat().st_size / 1e6, 2)
            row["sha256"] = files.expected_sha256(path)
            row["available"] = _files.sha256(path) == row["sha256"]
    return {**row, "licence": entry.licence, "source": entry.source}
