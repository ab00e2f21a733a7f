"""What can be shown beside the curves of an input: its annotated copy, or the input itself.

Names come from tables, so that a name may be one like `../../secret`: only files inside the folders
that were named are found.
"""

import dataclasses
import mimetypes
import os
from pathlib import Path

import av

from kollias_affect._web import playback
from kollias_affect.prediction.view.reading import ANNOTATED

_PICTURES = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".gif": "image/gif", ".bmp": "image/bmp", ".avif": "image/avif",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Medium:
    """A file that a browser shows.

    Attributes:
        path: Its path.
        media_type: Its media type.
        annotated: Whether boxes and outputs are drawn in it.
        sound: Whether it has sound.
    """

    path: Path
    media_type: str
    annotated: bool
    sound: bool


def find(table, folder, originals=()):
    """Finds what can be shown of an input.

    Args:
        table: `reading.Table`.
        folder: Output folder of the prediction.
        originals: Files, and folders of files, among which the input itself may be.

    Returns:
        Pair: list of `Medium`, the best one first, and a text that says why there is none, `""`
        if there is one.
    """
    found, reasons = [], []
    for path, annotated in _candidates(table, Path(folder), [Path(p) for p in originals]):
        shown = (_picture if table.kind == "image" else _video)(path)
        if shown.problems:
            reasons.append(f"{path.name} ({', '.join(shown.problems)})")
        else:
            found.append(Medium(path, shown.media_type, annotated, shown.sound))
    return found, "" if found else _missing(table, reasons)


def _candidates(table, folder, originals):
    """Files that exist, once each, and whether they are annotated."""
    names = [f"{table.stem}.mp4"] if table.kind == "video" else [table.name, f"{table.name}.png"]
    named = [path for path in originals if path.is_file() and _has_name(path, table.name)]
    folders = [*(path for path in originals if path.is_dir()), folder, folder.parent]
    yield from ((p, True) for p in _inside(folder / ANNOTATED, names))
    seen = set()
    for path in [*named, *(path for place in folders for path in _inside(place, [table.name]))]:
        if path.resolve() not in seen:
            seen.add(path.resolve())
            yield path, False


def _has_name(path, name):
    """Whether a path ends in a name, which may have folders."""
    parts = name.split("/")
    return list(Path(os.path.abspath(path)).parts[-len(parts) :]) == parts


def _inside(folder, names):
    """Files with these names, if they really are below the folder."""
    root = folder.resolve()
    for name in names:
        try:
            path = (folder / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                yield folder / name
        except (OSError, ValueError):  # too long, or with a zero byte
            continue


def _picture(path):
    media_type = _PICTURES.get(path.suffix.lower())
    if media_type is None:
        kind = mimetypes.guess_type(path.name)[0] or "files without a known ending"
        return playback.Playable("", False, (f"browsers do not show {kind}",))
    return playback.Playable(media_type, False, ())


def _video(path):
    try:
        return playback.playable(path)
    except (OSError, ValueError, av.FFmpegError) as error:
        return playback.Playable("", False, (str(error),))


def _missing(table, reasons):
    what = "picture" if table.kind == "image" else "video"
    if reasons:
        return f"Browsers do not show this {what}: {'; '.join(reasons)}. Its outputs are below."
    return (
        f"The {what} {table.name} is not beside the tables, and there is no annotated copy. Its "
        "outputs are below. To see both, name its folder: kollias-affect view OUT --media FOLDER."
    )
