"""Names of the outputs of a prediction, and protection of other files with these names."""

import collections
from pathlib import PurePosixPath

from kollias_affect.faces import COLUMNS
from kollias_affect.prediction.drawing import is_annotated
from kollias_affect.prediction.summary import FIRST_COLUMNS
from kollias_affect.prediction.table_files import first_columns, named

IMAGES, SUMMARY = "predictions", "summary"
"""Stems of the table of all images and of the summary."""
ANNOTATED = "annotated"
CROPS, OTHER_CROPS = "crops", "crops_by_name"
_UNCHANGED_ENDINGS = (".jpg", ".jpeg", ".png")


def stems(names):
    """Returns the stems of the outputs of videos.

    The stem is the name without its ending. Videos that would share a stem, or take that of another
    table, keep their ending: `a.mkv` and `a.ts` become `a.mkv.csv` and `a.ts.csv`.

    Args:
        names: Names of the videos, which differ.

    Returns:
        Dict from name to stem.

    Example:

    >>> stems(["a.mkv", "a.ts", "b.mp4", "summary.mp4"])
    {'a.mkv': 'a.mkv', 'a.ts': 'a.ts', 'b.mp4': 'b', 'summary.mp4': 'summary.mp4'}
    """
    choices = {n: [str(PurePosixPath(n).with_suffix("")), n, f"{n}_video"] for n in names}
    while True:
        owners = collections.Counter([IMAGES, SUMMARY, *(c[0] for c in choices.values())])
        same = [n for n, c in choices.items() if owners[c[0]] > 1 and len(c) > 1]
        if not same:
            return {name: left[0] for name, left in choices.items()}
        for name in same:
            choices[name].pop(0)


def annotated_images(names, folder):
    """Returns the annotated files of images: JPEG for JPEG, and PNG otherwise.

    Args:
        names: Names of the images, which differ.
        folder: `Path` of the annotated files.

    Returns:
        Dict from name to `Path`.

    Example:

    >>> from pathlib import Path
    >>> [path.as_posix() for path in annotated_images(["a.tif", "a.tif.png"], Path("x")).values()]
    ['x/a.tif.png.png', 'x/a.tif.png']
    """
    unchanged = {name for name in names if name.lower().endswith(_UNCHANGED_ENDINGS)}
    targets = {}
    for name in names:
        target = name if name in unchanged else f"{name}.png"
        while name not in unchanged and (target in unchanged or target in targets.values()):
            target = f"{target}.png"
        targets[name] = target
    return {name: folder / target for name, target in targets.items()}


def crops_folder(out_dir, name, stem):
    """Returns the folder in which the crops of a video lie.

    Args:
        out_dir: `Path` of all outputs.
        name, stem: Name of the video, and stem of its outputs.
    """
    plain = str(PurePosixPath(name).with_suffix("")) == stem and "/" not in name
    return out_dir / CROPS if plain else out_dir / OTHER_CROPS / stem


def refuse_foreign_table(out_dir, stem, kind, *plots):
    """Raises `FileExistsError` if an output would replace another kind of file.

    Args:
        out_dir: `Path` of all outputs.
        stem: Stem of a table, which may exist if it has the first columns of one.
        kind: Format of the table.
        *plots: `Path`s of plots, which may exist only beside the table.
    """
    path = named(out_dir, stem, kind)
    foreign = None
    if path.exists():
        expected = list(FIRST_COLUMNS if stem == SUMMARY else COLUMNS)
        foreign = None if first_columns(path)[: len(expected)] == expected else path
    else:
        foreign = next((plot for plot in plots if plot.exists()), None)
    if foreign:
        _refuse(foreign)


def refuse_foreign_media(path):
    """Raises `FileExistsError` if `path` exists and is not an annotated image or video."""
    if path.exists() and not is_annotated(path):
        _refuse(path)


def _refuse(path):
    raise FileExistsError(
        f"The outputs need the name {path}. It exists already and holds something else. Choose "
        "another output folder."
    )
