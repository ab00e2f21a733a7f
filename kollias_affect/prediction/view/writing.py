"""Writes the page as one HTML file."""

import base64
import copy
import os
import urllib.parse
from pathlib import Path

from kollias_affect import _files
from kollias_affect.prediction.view import bundle
from kollias_affect.prediction.view import contents as page_contents

FILE_NAME = "view.html"
_GENERATOR = '<meta name="generator" content="kollias_affect view">'
MOST_EMBEDDED = 200 * 2**20  # bytes of all media; browsers become slow


def write_page(out_dir, path=None, media=(), embed=False):
    """Writes an interactive page of the outputs of a prediction, as one HTML file.

    The page shows each video with its curves of valence, arousal and expressions, and each image
    with its values. It needs no network. Videos and images are links to the files, relative to the
    page: it works as long as they stay where they are.

    Args:
        out_dir: Output folder of `predict`.
        path: HTML file; `None` for `view.html` in `out_dir`.
        media: Files, and folders of files, among which the inputs are. They are shown where there
            is no annotated copy.
        embed: Whether the page holds the videos and images themselves, so that it can be sent to
            somebody.

    Returns:
        `Path` of the page.

    Raises:
        FileNotFoundError: If `out_dir` or one of `media` does not exist.
        FileExistsError: If `path` exists and is no such page.
        ValueError: If `out_dir` holds no table of a prediction, or with `embed` the media are
            larger than 200 MiB together.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> header = "input,frame,timestamp,face_id,success,valence,arousal"
        >>> _ = (folder / "video.csv").write_text(f"{header}\\nvideo.mp4,1,0.0,0,1,0.5,0.1")
        >>> write_page(folder).name
        'view.html'
    """
    path = Path(out_dir) / FILE_NAME if path is None else Path(path)
    refuse_foreign(path)
    contents = page_contents.read(out_dir, media)
    if embed:
        # Only what is shown first: the others are for browsers that refuse it.
        contents = _with_first_media(contents)
        _refuse_large(contents)
    index = copy.deepcopy(contents.index)
    for medium in (m for entry in index["entries"] for m in entry["media"]):
        if not embed:
            medium["href"] = _link(contents.media[medium["number"]].path, path)
    blocks = [("index", bundle.as_json(index))]
    blocks += [(f"tracks-{i}", text) for i, text in enumerate(contents.tracks)]
    if embed:
        blocks += [(f"medium-{i}", _base64(m.path)) for i, m in enumerate(contents.media)]
    text = bundle.page(f"{index['folder']} · predictions", blocks)
    text = text.replace("<head>", f"<head>\n  {_GENERATOR}", 1)
    with _files.atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def refuse_foreign(path):
    """Raises `FileExistsError` if `path` exists and is no page of `write_page`."""
    if path.exists() and _GENERATOR not in path.read_text(encoding="utf-8", errors="replace")[:500]:
        raise FileExistsError(
            f"The page needs the name {path}. It exists already and holds something else. Choose "
            "another name."
        )


def _with_first_media(contents):
    entries, media = [], []
    for entry in contents.index["entries"]:
        first = entry["media"][:1]
        media += [contents.media[medium["number"]] for medium in first]
        entries.append({**entry, "media": [{**m, "number": len(media) - 1} for m in first]})
    index = {**contents.index, "entries": entries}
    return page_contents.Contents(index, contents.tracks, media)


def _refuse_large(contents):
    size = sum(medium.path.stat().st_size for medium in contents.media)
    if size > MOST_EMBEDDED:
        raise ValueError(
            f"--embed takes media of at most {MOST_EMBEDDED >> 20} MiB together. Received: "
            f"{size >> 20} MiB. Leave it out: the page then links to the files."
        )


def _link(medium, page):
    """Relative address of a file, from the page."""
    target, start = os.path.abspath(medium), os.path.dirname(os.path.abspath(page))
    try:
        relative = os.path.relpath(target, start)
    except ValueError:  # on another drive of Windows
        return Path(target).as_uri()
    parts = os.fsencode(relative).split(os.fsencode(os.sep))
    return "/".join(urllib.parse.quote(part, safe="") for part in parts)


def _base64(path):
    return base64.b64encode(path.read_bytes()).decode()
