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
from kollias_affect import _checks, _files, _runs, _untrusted, catalogue
from kollias_affect.models.fast import with_plain_layers
from kollias_affect.models.precision import use_float32_if_emulated
from kollias_affect.models.unit_range import for_unit_range, scaling_of
from kollias_affect.runtime.cards import CARD, CROP, read_card
from kollias_affect.tasks import TASKS


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
    with _files.atomic(path, needs=_files.stored_size(bare.variables)) as temporary:
        bare.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CARD, json.dumps({**describe(model), **metadata}, indent=1))


def load(path):
    """Loads a model and its card.

    Args:
        path: `.keras` file, saved by this package or by Keras itself; or a name in
            `weights.list_pretrained`.

    Returns:
        `(model, card)`; `card` is a dict with the keys of `read_card`. A mixed precision model
        computes in float32 on machines that would emulate its precision.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not a model of faces, or its card is damaged.
    """
    path = catalogue.model_file(path)
    model = use_float32_if_emulated(load_any(path))
    card = describe(model)  # It raises if this is not a model of faces.
    return model, read_card(path) or card


def load_any(path):
    """Loads any Keras model file, such as a backbone, without running code from it.

    Args:
        path: `.keras` file, or a name in `weights.list_pretrained`.

    Returns:
        `keras.Model`, not compiled.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not a model file.
    """
    path = _checks.existing_file("model", catalogue.model_file(path))
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
    tasks = [name for name in outputs if name in TASKS]
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    if not tasks or len(inputs.get("images", ())) not in (4, 5):
        raise ValueError(
            "A model of faces must take `images`, single or in windows, and have an output named "
            f"after its task, one of {tuple(TASKS)}. Received: inputs {inputs} and outputs "
            f"{outputs}. Build it with `kollias_affect.models`."
        )
    size = inputs["images"][-2]
    length = inputs["images"][1] if len(inputs["images"]) == 5 else None
    scaling = scaling_of(model)
    scaling = {} if scaling is None else {"scaling": scaling}
    names = {task: list(TASKS[task][0]) for task in tasks}
    spans = {task: list(TASKS[task][1]) for task in tasks}
    several = len(tasks) > 1
    return {
        "task": tasks if several else tasks[0],
        "outputs": names if several else names[tasks[0]],
        "range": spans if several else spans[tasks[0]],
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
