"""Model files: plain `.keras` files with a card that describes how to use them.

The card is an additional entry, `kollias_affect.json`, of the `.keras` archive. Keras ignores it,
so the file loads with `keras.saving.load_model` alone.
"""

import io
import json
import re
import zipfile

import h5py
import keras

import kollias_affect
from kollias_affect import _checks, _files, _runs, _untrusted
from kollias_affect.models.fast import with_plain_layers
from kollias_affect.models.precision import use_float32_if_emulated
from kollias_affect.models.unit_range import for_unit_range, scaling_of
from kollias_affect.tasks import TASKS

CARD = "kollias_affect.json"
# Names in cards of the crop layouts of `faces.LAYOUTS`. Prediction reads the card of a model to
# choose the layout.
CROPS = {
    "procrustes": "procrustes-5-anchors, prototype 1",
    "eyes": "eyes, paper D",
    "eyes_grey": "eyes, paper D, grey and stretched",
}
CROP = CROPS["procrustes"]

KEYS = {"task", "outputs", "range", "image", "crop", "landmarks", "length", "versions"}


def save(model, path, **metadata):
    """Saves a model for inference: architecture, weights and card, without optimizer and loss.

    Every file takes images in [-1, 1]. A network with another scaling of its own (an imported
    checkpoint) is saved in its form `for_unit_range`, and the card names its scaling.

    Args:
        model: `keras.Model`, compiled or not.
        path: File ending in `.keras`; written atomically.
        **metadata: Further entries of the card (numbers, text), such as a score.

    Raises:
        ValueError: If the model is not one that `describe` knows.
    """
    # A model that was never compiled: a custom loss would have to be imported to load the file.
    model = with_plain_layers(for_unit_range(model))
    bare = keras.Model(model.input, model.output, name=model.name)
    with _files.atomic(path) as temporary:
        bare.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CARD, json.dumps({**describe(model), **metadata}, indent=1))


def load(path):
    """Loads a model and its card.

    Args:
        path: `.keras` file, saved by this package or by Keras itself.

    Returns:
        `(model, card)`; `card` is a dict with the keys of `read_card`. A mixed precision model
        computes in float32 on machines that would emulate its precision.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not a model of faces, or its card is damaged.
    """
    model = use_float32_if_emulated(load_any(path))
    card = describe(model)  # It raises if this is not a model of faces.
    return model, read_card(path) or card


def load_any(path):
    """Loads any Keras model file, such as a backbone, without running code from it.

    Args:
        path: `.keras` file.

    Returns:
        `keras.Model`, not compiled.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not a model file.
    """
    path = _checks.existing_file("model", path)
    rule = "`model` must be a Keras model file"
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{rule}. Received: {path}, which is not a .keras archive. Check the path."
        )
    with _untrusted.reading(rule, path, "Copy it again, or save it again."):
        _check_archive(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _check_archive(path):
    """Raises `ValueError` if an archive claims more than it holds, in its arrays too."""
    with zipfile.ZipFile(path) as archive:
        _untrusted.check_zip(archive)
        damaged = archive.testzip()
        if damaged is not None:
            raise _untrusted.UnreadableError(f"{damaged} is damaged")
        weights = [e for e in archive.infolist() if e.filename.endswith(".h5")]
        for entry in weights:
            with archive.open(entry) as file, h5py.File(io.BytesIO(file.read()), "r") as arrays:
                _check_arrays(arrays, entry.file_size)


def _check_arrays(arrays, available):
    def check(_, item):
        nonlocal available
        if isinstance(item, h5py.Dataset):
            available -= _untrusted.check_hdf5(item, available)

    arrays.visititems(check)


def read_card(path):
    """Reads the card of a model file.

    Args:
        path: `.keras` file.

    Returns:
        Dict with the keys `task`, `outputs` (names in order), `range`, `image` (`size`, `colour`,
        `range`, and `scaling` of a network that sees other pixels within, see
        `unit_range.scaling_of`), `crop`, `landmarks` (whether the model takes them), `length`
        (frames per window, `None` for a model of single frames), `versions`, and the metadata of
        `save`; or `None` if the file has no card.

    Raises:
        ValueError: If the card is damaged.
    """
    remedy = "Copy it again, or save it again."
    with (
        _untrusted.reading("`model` must be a Keras model file", path, remedy),
        zipfile.ZipFile(path) as archive,
    ):
        if CARD not in archive.namelist():
            return None
        _untrusted.check_zip(archive)
        content = archive.read(CARD)
    try:
        card = _untrusted.parse_json(content)
        is_complete = set(card) >= KEYS and card["task"] in TASKS
    except (ValueError, TypeError):
        is_complete = False
    if not is_complete:
        raise ValueError(
            f"The card {CARD} of a model must have the entries {sorted(KEYS)}. Received: {path}, "
            "whose card lacks some of them. Save the model again with `kollias_affect.models.save`."
        )
    return card


def describe(model):
    """Derives the card of a model from its inputs and outputs; see `read_card`.

    Args:
        model: `keras.Model`.

    Returns:
        Dict with the keys of `read_card`, without metadata.

    Raises:
        ValueError: If the model has no input `images`, or no output that is named after a task.

    Example:

    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> card = models.describe(models.cnn(backbone, "valence", hidden_units=8))
    >>> card["outputs"], card["range"], card["image"]["size"], card["landmarks"]
    (['valence'], [-1, 1], 32, True)
    """
    outputs = list(getattr(model, "output_names", []))
    task = next((name for name in outputs if name in TASKS), None)
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    if task is None or len(inputs.get("images", ())) not in (4, 5):
        raise ValueError(
            "A model of faces must take `images`, single or in windows, and have an output named "
            f"after its task, one of {tuple(TASKS)}. Received: inputs {inputs} and outputs "
            f"{outputs}. Build it with `kollias_affect.models`."
        )
    names, span = TASKS[task]
    size = inputs["images"][-2]
    length = inputs["images"][1] if len(inputs["images"]) == 5 else None
    scaling = scaling_of(model)
    scaling = {} if scaling is None else {"scaling": scaling}
    return {
        "task": task,
        "outputs": list(names),
        "range": list(span),
        "image": {"size": size, "colour": "RGB", "range": [-1, 1], **scaling},
        "crop": CROP,
        "landmarks": "landmarks" in inputs,
        "length": length,
        "versions": {
            "kollias_affect": kollias_affect.__version__,
            "keras": keras.__version__,
        },
    }


def fingerprint(model):
    """Computes a fingerprint of the architecture, equal for models that are built alike.

    Args:
        model: `keras.Model`.

    Returns:
        16 hexadecimal characters, the same in every process.
    """
    # Keras numbers unnamed layers consecutively within a process.
    config = re.sub(r'"(reshape|split|power)(_\d+)?"', r'"\1"', json.dumps(model.get_config()))
    return _runs.fingerprint_bytes(config.encode())
