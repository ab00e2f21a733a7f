"""Weights by name: those that ship with the package, and how to get the others.

Shipped weights lie in the folder `pretrained/` of a checkout, among the data files of an
installed package, or in the cache folder. A `manifest.json` beside them holds their SHA-256. The
network is used only if the caller asks for it and the catalogue has an address.
"""

import importlib.metadata
import json
from pathlib import Path

import keras
import pandas as pd

import kollias_affect
from kollias_affect import _checks, _files, models
from kollias_affect.weights import catalogue
from kollias_affect.weights.download import fetch, sha256

MANIFEST = "manifest.json"
_INSTALLED = ("share", "kollias_affect", "pretrained")  # as `setup.cfg` says


def list_pretrained():
    """What weights there are.

    Returns:
        `pandas.DataFrame` with the columns `name`, `kind` (`"shipped"`, `"download"` or
        `"by hand"`), `task`, `file`, `megabytes`, `sha256`, `licence`, `source` and `available`
        (whether a whole, undamaged file is on this machine; empty for `"by hand"`).
    """
    return pd.DataFrame([_row(entry) for entry in catalogue.ENTRIES])


def load_pretrained(name, download=False):
    """A model with its weights.

    Args:
        name: of `list_pretrained`.
        download: fetch the file if it is not on this machine and the catalogue has an address;
            nothing else is ever sent or fetched.

    Returns:
        `keras.Model` from float32 RGB `[batch, size, size, 3]` in [-1, 1] to its outputs; for
        expressions to seven probabilities in `EXPRESSIONS` order. Models that take landmarks too
        take a dict of `images` and `landmarks`.

    Raises:
        ValueError: if the name is unknown, or the file damaged.
        FileNotFoundError: if the file is not on this machine; says how to get it.
        OSError: if it cannot be downloaded.
    """
    model, _ = models.load(pretrained_file(name, download))
    if isinstance(model.input, dict) and list(model.input) == ["images"]:
        return keras.Model(model.input["images"], model.output, name=model.name)
    return model


def pretrained_file(name, download=False):
    """The `.keras` file of weights by name, its hash checked; see `load_pretrained`."""
    entry = _entry(name)
    if entry.kind != "by hand":
        for folder in _folders():
            if (folder / entry.file).is_file():
                return _checked(entry, folder)
        if download and entry.url is not None:
            return _download(entry)
    steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(entry.steps, start=1))
    fetch = "Pass `download=True`, or:" if entry.url else "To get them:"
    raise FileNotFoundError(
        f"Weights must be on this machine before they are loaded. Received: {name!r} "
        f"({entry.kind}), of which there is no file here. {fetch}\n{steps}"
    )


def model_file(model):
    """The file of a model that a user names: a `.keras` file, or a name of `list_pretrained`."""
    names = [entry.name for entry in catalogue.ENTRIES]
    if str(model) in names:
        return pretrained_file(str(model))
    if Path(model).suffix != ".keras" and not Path(model).exists():
        raise FileNotFoundError(
            f"A model is a .keras file or one of {', '.join(names)}. Received: {model}. Check the "
            "path, or see `kollias-affect weights list`."
        )
    return Path(model)


def describe_pretrained(name):
    """What is known of weights, as text: catalogue, card of the file, or steps to get it."""
    entry = _entry(name)
    lines = [f"{key}: {value}" for key, value in _row(entry).items() if value is not None]
    if entry.kind != "by hand" and _row(entry)["available"]:
        card = models.read_card(pretrained_file(name))
        lines += ["card:", json.dumps(card, indent=1)]
    else:
        lines += ["steps:", *(f"  {i}. {step}" for i, step in enumerate(entry.steps, start=1))]
    return "\n".join(lines)


def write_manifest(folder):
    """Writes the sizes and hashes of the `.keras` files in `folder` to its `manifest.json`."""
    folder = Path(folder)
    files = sorted(folder.glob("*.keras"))
    content = {f.stem: {"bytes": f.stat().st_size, "sha256": sha256(f)} for f in files}
    _files.write_json(folder / MANIFEST, content)


def _entry(name):
    entries = {entry.name: entry for entry in catalogue.ENTRIES}
    return entries[_checks.one_of("name", name, entries)]


def _row(entry):
    row = {"name": entry.name, "kind": entry.kind, "task": entry.task, "file": entry.file}
    row.update(megabytes=None, sha256=entry.sha256, available=None)
    if entry.kind != "by hand":
        folder = next((f for f in _folders() if (f / entry.file).is_file()), None)
        row["available"] = folder is not None
        if folder is not None:
            row["megabytes"] = round((folder / entry.file).stat().st_size / 1e6, 2)
            row["sha256"] = _expected(entry, folder)
            row["available"] = sha256(folder / entry.file) == row["sha256"]
    return {**row, "licence": entry.licence, "source": entry.source}


def _folders():
    """Where shipped weights may lie, the nearest first."""
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
    yield _cache()


def _cache():
    return _files.cache_folder() / "pretrained"


def _expected(entry, folder):
    """The SHA-256 that the file must have, or `None` where nothing says so."""
    if entry.sha256 is not None:
        return entry.sha256
    try:
        return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))[entry.name]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checked(entry, folder):
    path, expected = folder / entry.file, _expected(entry, folder)
    found = sha256(path)
    if found == expected:
        return path
    remedy = "Get the folder anew: check it out, or install the package again."
    if folder == _cache() and entry.url is not None:  # we brought it, and can bring it again
        path.unlink()
        remedy = "It was removed; load the weights again."
    wanted = expected or f"the {MANIFEST} beside it, which lacks it"
    raise ValueError(
        f"A file of weights must have the SHA-256 of its manifest. Received: {path} with {found}, "
        f"expected {wanted}. {remedy}"
    )


def _download(entry):
    return fetch(entry.url, _cache() / entry.file, entry.sha256)
