"""Inputs of a prediction: videos and images among files and folders, and their names."""

import collections
import dataclasses
import os
from pathlib import Path

from kollias_affect._files import natural_key
from kollias_affect.faces.images import IMAGE_ENDINGS, is_still
from kollias_affect.faces.video import VIDEO_ENDINGS
from kollias_affect.prediction.drawing import is_own
from kollias_affect.prediction.outputs import ANNOTATED, CROPS, OTHER_CROPS


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Videos and images, their names, and what was ignored in folders.

    Attributes:
        names: Dict from `Path` to the name in tables and of outputs, in the order of the inputs.
        images: Set of the `Path`s that are images; the others are videos.
        ignored: `collections.Counter` of other files by their ending, and of `"folder"`.
    """

    names: dict
    images: set
    ignored: collections.Counter

    @property
    def named_videos(self):
        """Dict from `Path` to name of the videos."""
        return {path: name for path, name in self.names.items() if path not in self.images}

    @property
    def named_images(self):
        """Dict from `Path` to name of the images."""
        return {path: name for path, name in self.names.items() if path in self.images}


def find_inputs(paths, recursive=False, leave_out=None):
    """Finds the videos and images among files and in folders.

    A file that is named itself and does not end like an image counts as a video, whatever its
    ending. In folders only files with known endings count, and hidden files are not even counted.
    A file that is given twice counts once.

    The name of a file in a folder is its path from there, such as `b/1.jpg`; other files have their
    own name. Where two names would be the same, folders precede them until they differ.

    Args:
        paths: Files and folders.
        recursive: Whether the folders in folders are searched, too.
        leave_out: Folder of the outputs, which is not searched. If it is one of `paths`, or in it
            lie the inputs, the outputs in it are left out.

    Returns:
        `Inputs`. The content of each folder is in natural order.

    Raises:
        ValueError: If a folder holds neither videos nor images.
    """
    found, ignored = {}, collections.Counter()
    for path in map(Path, paths):
        content = [(path, 1)]
        if path.is_dir():
            content = _content(path, recursive, leave_out, ignored)
        for file, parts in content:
            found.setdefault(os.path.realpath(file), (file, parts))
    names = _names(list(found.values()))
    images = {path for path in names if _is_image(path)}
    return Inputs(names, images, ignored)


def _is_image(path):
    """Whether a file is an image: by its ending, and photographs of phones by their content."""
    return _ends_in(path, IMAGE_ENDINGS) or (path.is_file() and is_still(path))


def names_of(files):
    """Returns a dict from each of these files to its name, see `find_inputs`."""
    names = find_inputs(files).names
    return {file: names[Path(file)] for file in files if Path(file) in names}


def _content(folder, recursive, leave_out, ignored):
    """Returns the videos and images in a folder, each with the number of parts of its name."""
    files, others, folders = [], collections.Counter(), 0
    for root, subfolders, entries in os.walk(folder):
        inner = [name for name in subfolders if not name.startswith(".")]
        if leave_out is not None:
            inner, entries = _without_outputs(Path(root), inner, entries, leave_out)
        subfolders[:] = inner if recursive else []
        folders += 0 if recursive else len(inner)
        for name in entries:
            path = Path(root, name)
            if not name.startswith(".") and _ends_in(path, VIDEO_ENDINGS + IMAGE_ENDINGS):
                files.append((path, len(path.relative_to(folder).parts)))
            elif not name.startswith("."):
                others[path.suffix.lower() or "no ending"] += 1
    if folders:
        others["folder"] += folders
    if not files:
        remedy = "Name the folder that holds them"
        if not recursive:
            remedy = f"{remedy}, or search the folders in it, too (--recursive, recursive=True)"
        raise ValueError(
            f"A folder must hold videos ({', '.join(VIDEO_ENDINGS)}) or images "
            f"({', '.join(IMAGE_ENDINGS)}). Received: {folder} with {sum(others.values())} other "
            f"entries. {remedy}."
        )
    ignored.update(others)
    return sorted(files, key=lambda entry: [natural_key(p) for p in entry[0].parts])


def _without_outputs(root, subfolders, entries, out):
    """Leaves out the outputs of an earlier prediction into `out`."""
    inner = [name for name in subfolders if not _same(root / name, out)]
    if _same(root, out):
        inner = [name for name in inner if name not in (ANNOTATED, CROPS, OTHER_CROPS)]
    if Path(os.path.realpath(root)).is_relative_to(os.path.realpath(out)):
        entries = [n for n in entries if not (n.endswith(".png") and is_own(root / n))]
    return inner, entries


def _names(files):
    """Returns a dict from each `Path` to its name: its last parts, as many as distinguish it."""
    parts_of = {path: Path(os.path.abspath(path)).parts[1:] for path, _ in files}
    counts = dict(files)
    while True:
        names = {path: "/".join(parts_of[path][-counts[path] :]) for path, _ in files}
        owners = collections.Counter(names.values())
        same = [path for path in names if owners[names[path]] > 1]
        longer = [path for path in same if counts[path] < len(parts_of[path])]
        if not longer:
            return names
        for path in longer:
            counts[path] += 1


def _same(path, other):
    return os.path.realpath(path) == os.path.realpath(other)


def _ends_in(path, endings):
    return path.suffix.lower() in endings
