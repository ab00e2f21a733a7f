"""Pictures in tar files instead of one file each, with random access.

Millions of small files are slow to copy, list, back up and delete. `pack` writes the pictures of a
folder to a few tar files, its shards, and copies tables, landmarks and settings beside them, so
that the folder of shards has the layout of the folder. `unpack` reverses it. The path of a picture
in a shard is that of the shard followed by the picture's own: `shards/crops-00000.tar/105/1.jpg`.
Everything that reads the pictures of a `Clip` takes such paths.

Shards are plain tar files: `tar xf` unpacks them. Beside each lies an index with position, size and
CRC-32 of every picture, which is made again from the tar file if it is missing.
"""

from kollias_affect.shards.catalog import find_pictures, in_tree, place_of, tree_path
from kollias_affect.shards.packing import pack, unpack
from kollias_affect.shards.paths import FramePaths, common_paths
from kollias_affect.shards.reading import Reader, contents, opened, read_bytes, state

__all__ = [
    "FramePaths",
    "Reader",
    "common_paths",
    "contents",
    "find_pictures",
    "in_tree",
    "opened",
    "pack",
    "place_of",
    "read_bytes",
    "state",
    "tree_path",
    "unpack",
]
