"""Model files: plain `.keras` files with a card that says how to use them.

The card is one more entry, `kollias_affect.json`, of the `.keras` archive; Keras itself does not
look at it, so the file loads with `keras.saving.load_model` alone.
"""

import hashlib
import json
import re
import zipfile

import keras

import kollias_affect
from kollias_affect import _checks, _files
from kollias_affect.models.fast import plain
from kollias_affect.models.precision import in_float32_if_slow
from kollias_affect.tasks import TASKS

CARD = "kollias_affect.json"
# How `faces` lays out a crop, by the names in `faces.LAYOUTS`: see there. Written into every
# card, looked up before use.
CROPS = {
    "procrustes": "procrustes-5-anchors, prototype 1",
    "eyes": "eyes, paper D",
    "eyes_grey": "eyes, paper D, grey and stretched",
}
CROP = CROPS["procrustes"]

KEYS = {"task", "outputs", "range", "image", "crop", "landmarks", "length", "versions"}


def save(model, path, **facts):
    """Saves a model for use: architecture, weights and card, without optimizer and loss.

    Args:
        model: `keras.Model`, compiled or not.
        path: file ending in `.keras`; written atomically.
        **facts: more entries of the card (numbers, text), such as a score.
    """
    # The same layers in a model that was never compiled: the file then needs no loss of ours.
    model = plain(model)
    bare = keras.Model(model.input, model.output, name=model.name)
    with _files.atomic(path) as temporary:
        bare.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CARD, json.dumps({**describe(model), **facts}, indent=1))


def load(path):
    """Loads a model and its card.

    Args:
        path: `.keras` file, of this package or saved by Keras itself.

    Returns:
        `(model, card)`; `card` is a dict with the keys of `read_card`. A model of mixed precision
        is in float32 where the machine would only emulate the other.

    Raises:
        FileNotFoundError, ValueError: if the file is missing, or is no model.
    """
    model = in_float32_if_slow(load_any(path))
    described = describe(model)
    return model, read_card(path) or described


def load_any(path):
    """Loads a Keras model file of any kind, such as a backbone; runs no code from it.

    Args:
        path: `.keras` file.

    Returns:
        `keras.Model`, not compiled.

    Raises:
        FileNotFoundError, ValueError: if the file is missing, or is no model.
    """
    path = _checks.existing_file("model", path)
    rule = f"`model` must be a Keras model file. Received: {path}"
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{rule}, which is no .keras archive. Train one, or check the path.")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{rule}, which Keras cannot load ({reason}). Save it anew.") from error


def read_card(path):
    """The card of a model file, or `None` if it has none.

    Keys: `task`, `outputs` (names in order), `range`, `image` (`size`, `colour`, `range`),
    `crop`, `landmarks` (whether it takes them), `length` (frames per window, `None` for a model
    of single frames), `versions`.
    """
    with zipfile.ZipFile(path) as archive:
        if CARD not in archive.namelist():
            return None
        content = archive.read(CARD)
    try:
        card = json.loads(content)
        whole = set(card) >= KEYS and card["task"] in TASKS
    except (ValueError, TypeError):
        whole = False
    if not whole:
        raise ValueError(
            f"The card {CARD} of a model has the entries {sorted(KEYS)}. Received: {path}, whose "
            "card lacks some of them. Save the model anew with `kollias_affect.models.save`."
        )
    return card


def describe(model):
    """The card of a model as far as the model itself tells; see `read_card`."""
    outputs = list(getattr(model, "output_names", []))
    task = next((name for name in outputs if name in TASKS), None)
    inputs = {tensor.name: tensor.shape for tensor in model.inputs}
    if task is None or len(inputs.get("images", ())) not in (4, 5):
        raise ValueError(
            "A model for video takes `images`, alone or in windows, and has an output named after "
            f"its task, one of {tuple(TASKS)}. Received: inputs {inputs} and outputs {outputs}. "
            "Build it with `kollias_affect.models`."
        )
    names, span = TASKS[task]
    size = inputs["images"][-2]
    length = inputs["images"][1] if len(inputs["images"]) == 5 else None
    return {
        "task": task,
        "outputs": list(names),
        "range": list(span),
        "image": {"size": size, "colour": "RGB", "range": [-1, 1]},
        "crop": CROP,
        "landmarks": "landmarks" in inputs,
        "length": length,
        "versions": {
            "kollias_affect": kollias_affect.__version__,
            "keras": keras.__version__,
        },
    }


def fingerprint(model):
    """Of the architecture: equal for two models built alike, in one process or in two."""
    # Keras numbers the layers without a name of their own through the process.
    config = re.sub(r'"(reshape|split|power)(_\d+)?"', r'"\1"', json.dumps(model.get_config()))
    return hashlib.sha256(config.encode()).hexdigest()[:16]
