"""What a model has seen, as far as its card says it, and whether it is scored on that."""

import re
import zipfile

from kollias_affect import models, weights

# Entries of a card that describe in words what a model was trained and chosen on.
_WORDS = ("data", "selection", "split")


def warning(model, dataset, clips, what="the clips that are scored"):
    """Returns a warning if a model was trained, or its epoch chosen, on clips that are scored.

    Only what the card says can be known: its entry `trained_on` (official parts), or a description
    that names the database and the part.

    Args:
        model: Path of a model, or its name in `weights.list_pretrained`.
        dataset: Name of the database in `datasets.DATASETS`.
        clips: List of `Clip` that are scored.
        what: Start of the text.

    Returns:
        Text, or `None` if no overlap is known.
    """
    parts = overlap(_card(model), dataset, clips)
    if not parts:
        return None
    return (
        f"Warning: {what} are of {', '.join(parts)}, on which {model} was trained or its epoch was "
        "chosen, as its card says. The scores are too high. Use clips that it has not seen."
    )


def trained_on(model):
    """Returns the official parts on which a model was trained or chosen, as its card says.

    Args:
        model: Path of a model, or its name in `weights.list_pretrained`.

    Returns:
        List of names such as `"fer2013/Training"`, or of descriptions in words.
    """
    card = _card(model)
    return list(card.get("trained_on", [card["data"]] if "data" in card else ()))


def _card(model):
    """Returns the card of a model, `{}` for a file without one."""
    try:
        return models.read_card(weights.model_file(model)) or {}
    except (zipfile.BadZipFile, ValueError):  # such as an h5 file
        return {}


def overlap(card, dataset, clips):
    """Returns the parts of a database that a model has seen and that clips belong to.

    Args:
        card: Dict, see `models.read_card`.
        dataset, clips: See `warning`.

    Returns:
        List of official parts such as `"fer2013/Training"`, or the name of the database if it is
        not known which of its parts the clips belong to.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> clip = Clip("a", ["a.jpg"], official_part="fer2013/PublicTest")
        >>> card = {"data": "FER-2013, Training", "split": "PublicTest"}
        >>> overlap(card, "fer2013", [clip]), overlap(card, "ck48", [clip])
        (['fer2013/PublicTest'], [])
    """
    parts = {clip.official_part for clip in clips}
    known = card.get("trained_on", ())
    words = _plain(" ".join([*known, *(str(card.get(name, "")) for name in _WORDS)]))
    if _plain(dataset) not in words:
        return []
    seen = sorted(part for part in parts - {None} if _plain(part.split("/")[1]) in words)
    return seen or ([dataset] if None in parts else [])


def _plain(text):
    return re.sub("[^a-z0-9]", "", text.lower())
