"""Files of the weights that ship, found without Keras.

They lie in the folder `pretrained/` of a checkout, or among the data files of an installed package.
A `manifest.json` beside them holds their SHA-256. Nothing is downloaded. Weights that ship also
exist as `.onnx`, which `prediction` runs without Keras.
"""

import importlib.metadata
from pathlib import Path

import kollias_affect
from kollias_affect import _checks, _files, _untrusted
from kollias_affect.catalogue.entries import DEFAULT, ENTRIES

MANIFEST = "manifest.json"
ENDINGS = (".keras", ".onnx")
_INSTALLED = ("share", "kollias_affect", "pretrained")  # as `setup.cfg` says


def pretrained_file(name):
    """Returns the path of the `.keras` file of weights by name, after a check of its SHA-256.

    Args:
        name: Name in `weights.list_pretrained`.

    Raises:
        ValueError: If the name is unknown, or the file is damaged.
        FileNotFoundError: If the file is not on this machine. The message lists the steps to get
            it.
    """
    entry = entry_of(name)
    if entry.kind != "by hand":
        path = find(entry)
        if path is not None:
            return _checked(path)
    steps = "\n".join(numbered_steps(entry))
    raise FileNotFoundError(
        f"Weights must be on this machine before they are loaded. Received: {name!r} "
        f"({entry.kind}), of which there is no file here. To get them:\n{steps}"
    )


def model_file(model):
    """Returns the file of a model that a user names.

    Args:
        model: Path of a `.keras` or `.onnx` file, or a name in `weights.list_pretrained`.

    Returns:
        `pathlib.Path`; of a name, the `.keras` file.

    Raises:
        FileNotFoundError: If it is neither, or the weights are not on this machine.
        ValueError: If the file of a name is damaged.
    """
    names = [entry.name for entry in ENTRIES]
    if str(model) in names:
        return pretrained_file(str(model))
    if Path(model).suffix not in ENDINGS and not Path(model).exists():
        raise FileNotFoundError(
            f"A model must be a .keras or .onnx file, or one of {', '.join(names)}. Received: "
            f"{model}. Check the path, or see `kollias-affect weights list`."
        )
    return Path(model)


def runtime_file(model=None):
    """Returns the file by which a model runs fastest: of a name, the `.onnx` file if it ships.

    Args:
        model: See `model_file`; `None` for the default.

    Returns:
        `pathlib.Path`.

    Raises:
        FileNotFoundError, ValueError: See `model_file`.
    """
    model = DEFAULT if model is None else model
    if str(model) in [entry.name for entry in ENTRIES if entry.kind == "shipped"]:
        found = (folder / f"{model}.onnx" for folder in _folders())
        path = next((path for path in found if path.is_file()), None)
        if path is not None:
            return _checked(path)
    return model_file(model)


def write_manifest(folder):
    """Writes the sizes and SHA-256 of the model files in a folder to its `manifest.json`.

    Args:
        folder: Folder of the files.
    """
    folder = Path(folder)
    files = sorted(path for ending in ENDINGS for path in folder.glob(f"*{ending}"))
    content = {_key(f): {"bytes": f.stat().st_size, "sha256": _files.sha256(f)} for f in files}
    _files.write_json(folder / MANIFEST, content)


def _key(path):
    """Returns the entry of a file in a manifest: `.keras` files are there by their name alone."""
    return path.stem if path.suffix == ".keras" else path.name


def entry_of(name):
    """Returns the `Entry` with a name, else raises `ValueError`."""
    entries = {entry.name: entry for entry in ENTRIES}
    return entries[_checks.one_of("name", name, entries)]


def numbered_steps(entry):
    """Returns the steps to get weights, one numbered line each."""
    return [f"  {number}. {step}" for number, step in enumerate(entry.steps, start=1)]


def find(entry):
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


def expected_sha256(path):
    """Returns the SHA-256 of a file according to its manifest, or `None` if there is none."""
    try:
        manifest = _untrusted.read_json(path.with_name(MANIFEST))
        return manifest[_key(path)]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _checked(path):
    """Returns `path` if the file has the SHA-256 of its manifest, else raises `ValueError`."""
    actual, expected = _files.sha256(path), expected_sha256(path)
    if actual == expected:
        return path
    raise ValueError(
        f"A file of weights must have the SHA-256 of its manifest. Received: {path} with {actual}, "
        f"expected {expected or f'an entry in the {MANIFEST} beside it'}. Get the folder again: "
        "check it out, or install the package again."
    )
