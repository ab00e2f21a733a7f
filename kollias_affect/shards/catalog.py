"""The list of the shards of a folder, and paths of pictures in them."""

import functools
import os
from pathlib import Path

import numpy as np

from kollias_affect import _files, _untrusted
from kollias_affect.shards import index

NAME = "shards.json"  # the list, written last: a folder with it is complete
TAR = ".tar"
_VERSION = 1
_IN_TAR = f"{TAR}/"
_REMEMBERED = 4  # indices in memory, each some 50 bytes a picture


def place_of(path):
    """Splits the path of a picture in a shard.

    Args:
        path: Text.

    Returns:
        `(shard, name)`, the path of the tar file and the name of the picture in it; `None` for the
        path of a file.

    Examples:

    >>> place_of("shards/crops-00000.tar/105/00001.jpg")
    ('shards/crops-00000.tar', '105/00001.jpg')
    >>> place_of("crops/105/00001.jpg") is None
    True
    """
    path = os.fspath(path)
    before, found, name = path.partition(_IN_TAR)
    while found:
        shard = before + TAR
        if not os.path.isdir(shard):
            return shard, name
        more, found, name = name.partition(_IN_TAR)
        before = f"{shard}/{more}"
    return None


def tree_path(path):
    """Returns the path that a picture in a shard has in the folder that was packed.

    Examples:

    >>> tree_path("shards/crops-00000.tar/105/00001.jpg")
    'shards/105/00001.jpg'
    """
    place = place_of(path)
    if place is None:
        return path
    return os.path.join(os.path.dirname(place[0]), place[1])


def index_of(shard):
    """Returns the `Index` of a shard, which stays in memory for a while."""
    status = os.stat(shard)
    return _remembered(os.path.abspath(shard), status.st_size, status.st_mtime_ns)


@functools.lru_cache(_REMEMBERED)
def _remembered(shard, size, time):
    return index.read(shard)


def write(folder, folders):
    """Writes the list of the shards of a folder, atomically.

    Args:
        folder: Folder of the shards.
        folders: Dict from the name of a shard to the folders of its pictures.
    """
    _files.write_json(Path(folder) / NAME, {"version": _VERSION, "shards": folders})


def read(folder):
    """Returns a dict from each folder of pictures to the name of its shard; `None` without a list.

    Raises:
        ValueError: If the list is damaged.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    status = path.stat()
    return _shard_of_folder(str(path), status.st_size, status.st_mtime_ns)


@functools.lru_cache(_REMEMBERED)
def _shard_of_folder(path, size, time):
    with _untrusted.reading("The list of shards must be complete", path, "Pack it again."):
        content = _untrusted.read_json(path)
        if content["version"] != _VERSION:
            raise _untrusted.UnreadableError(f"version {content['version']} of the format")
        for name in content["shards"]:
            if os.path.basename(name) != name or not name.endswith(TAR):
                raise _untrusted.UnreadableError(f"the name {name!a} of a shard")
        return {f: name for name, folders in content["shards"].items() for f in folders}


def in_tree(root, folder):
    """Returns what the paths of the pictures of a folder start with.

    Args:
        root: Folder, or folder of shards.
        folder: Folder of pictures below it, with slashes, `""` for `root` itself.

    Returns:
        Text that ends with a slash: the folder below `root` if it exists there, otherwise in its
        shard; `None` if it is in neither.
    """
    below = f"{folder}/" if folder else ""
    shard = (read(root) or {}).get(folder)
    if shard is not None:
        return os.path.join(root, shard, below)
    place = os.path.join(root, below)
    return place if os.path.isdir(place) else None


def find_pictures(start, names):
    """Tells which pictures exist.

    Args:
        start: Result of `in_tree`.
        names: Names of pictures, bytes `[names]`.

    Returns:
        Booleans `[names]`.
    """
    place = place_of(start)
    if place is not None:
        members = np.char.add(os.fsencode(place[1]), names)
        return index_of(place[0]).find(members) >= 0
    return np.isin(names, np.array(os.listdir(os.fsencode(start)), np.bytes_))
