"""Cards: descriptions of inputs and outputs that are stored in model files.

A card is JSON. It is the entry `kollias_affect.json` of a `.keras` archive, an entry of the archive
at the end of a `.tflite` file, a property of the metadata of an `.onnx` file, or a file in
`assets.extra` of the folder of a SavedModel.
"""

import zipfile
from pathlib import Path

from kollias_affect import _untrusted
from kollias_affect.tasks import TASKS, tasks_of

CARD = "kollias_affect.json"
# Names in cards of the crop layouts of `faces.LAYOUTS`. Prediction reads the card of a model to
# choose the layout.
CROPS = {
    "procrustes": "procrustes-5-anchors, prototype 1",
    "eyes": "eyes, paper D",
    "eyes_grey": "eyes, paper D, grey and stretched",
    "fer2013": "fer2013, 5 anchors",
}
CROP = CROPS["procrustes"]

KEYS = {"task", "outputs", "range", "image", "crop", "landmarks", "length", "versions"}


def read_card(path):
    """Reads the card of a model file.

    Args:
        path: `.keras`, `.onnx` or `.tflite` file, or folder of a SavedModel.

    Returns:
        Dict with the keys `task`, `outputs` (names in order), `range`, `image` (`size`, `colour`,
        `range`, and `scaling` of a network that sees other pixels within, see
        `unit_range.scaling_of`), `crop`, `landmarks` (whether the model takes them), `length`
        (frames per window, `None` for a model of single frames), `versions`, and the metadata of
        `models.save`; or `None` if the file has no card. Of a model with several tasks, `task` is a
        list, and `outputs` and `range` are dicts by task, see `tasks.tasks_of`.

    Raises:
        ValueError: If the card is damaged.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        from kollias_affect.runtime.onnx_model import OnnxModel

        return OnnxModel(path).card
    if path.is_dir():
        file = path / "assets.extra" / CARD
        return parse(file.read_text(encoding="utf-8"), path) if file.is_file() else None
    remedy = "Copy it again, or save it again."
    with (
        _untrusted.reading("`model` must be a Keras model file", path, remedy),
        zipfile.ZipFile(path) as archive,
    ):
        if CARD not in archive.namelist():
            return None
        _untrusted.check_zip(archive)
        content = archive.read(CARD)
    return parse(content, path)


def parse(content, path):
    """Returns a card from its JSON.

    Args:
        content: JSON text or bytes.
        path: File that it came from, for the message.

    Raises:
        ValueError: If it is damaged.
    """
    try:
        card = _untrusted.parse_json(content)
        tasks = tasks_of(card)
        is_complete = set(card) >= KEYS and bool(tasks) and set(tasks) <= set(TASKS)
    except (AttributeError, KeyError, TypeError, ValueError):
        is_complete = False
    if not is_complete:
        raise ValueError(
            f"The card {CARD} of a model must have the entries {sorted(KEYS)}. Received: {path}, "
            "whose card lacks some of them. Save the model again with `kollias_affect.models.save`."
        )
    return card
