"""The texts of the page, in one file that a group can translate."""

import json
from importlib import resources

from kollias_affect import _checks, _untrusted


def default():
    """Returns the English texts: a dict from a key to its text."""
    file = resources.files("kollias_affect.annotations") / "page" / "texts.json"
    return json.loads(file.read_text(encoding="utf-8"))


def read(path):
    """Returns the texts of a translated file; texts that it lacks stay English.

    Args:
        path: JSON file: an object from keys of `page/texts.json` to texts.

    Raises:
        OSError, ValueError: If the file cannot be read, or has a key that does not exist.
    """
    path, texts = _checks.existing_file("texts", path), default()
    remedy = "Start from the file that --print-texts prints."
    with _untrusted.reading("--texts must be a JSON file in UTF-8", path, remedy):
        translated = _untrusted.read_json(path, encoding="utf-8-sig")
    if not isinstance(translated, dict) or not all(isinstance(t, str) for t in translated.values()):
        raise ValueError(
            f"--texts must be a JSON object from keys to texts. Received: {path}. Start from the "
            "file that --print-texts prints."
        )
    if unknown := sorted(set(translated) - set(texts)):
        raise ValueError(
            f"--texts must have only keys of the page. Received: {', '.join(unknown)} in {path}. "
            "Compare with the file that --print-texts prints."
        )
    return {**texts, **translated}
