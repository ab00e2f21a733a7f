"""Inputs of a prediction: videos and images among files and folders."""

import collections
import dataclasses
import os
from pathlib import Path

from kollias_affect._files import natural_key
from kollias_affect.faces.images import IMAGE_ENDINGS
from kollias_affect.faces.video import VIDEO_ENDINGS


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Videos and images, and what was ignored in folders.

    Attributes:
        videos, images: Lists of `Path`.
        ignored: `collections.Counter` of other files by their ending, and of `"folders"`.
    """

    videos: list
    images: list
    ignored: collections.Counter


def find_inputs(paths):
    """Finds the videos and images among files and in folders, one level deep.

    A file that is named itself and does not end like an image counts as a video, whatever its
    ending. In folders only files with known endings count, and hidden files are not even counted.

    Args:
        paths: Files and folders.

    Returns:
        `Inputs`. The content of each folder is in natural order.

    Raises:
        ValueError: If a folder holds neither videos nor images.
    """
    inputs = Inputs([], [], collections.Counter())
    for path in map(Path, paths):
        if path.is_dir():
            _add_folder(inputs, path)
        else:
            (inputs.images if _ends_in(path, IMAGE_ENDINGS) else inputs.videos).append(path)
    return inputs


def _add_folder(inputs, folder):
    names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
    content = [folder / name for name in sorted(names, key=natural_key)]
    videos = [path for path in content if path.is_file() and _ends_in(path, VIDEO_ENDINGS)]
    images = [path for path in content if path.is_file() and _ends_in(path, IMAGE_ENDINGS)]
    if not videos and not images:
        raise ValueError(
            f"A folder must hold videos ({', '.join(VIDEO_ENDINGS)}) or images "
            f"({', '.join(IMAGE_ENDINGS)}). Received: {folder} with {len(content)} other entries. "
            "Name the folder that holds them; folders in it are not searched."
        )
    inputs.videos.extend(videos)
    inputs.images.extend(images)
    for path in set(content) - {*videos, *images}:
        kind = "folders" if path.is_dir() else path.suffix.lower() or "no ending"
        inputs.ignored[kind] += 1


def _ends_in(path, endings):
    return path.suffix.lower() in endings
