"""SFEW 2.0 (Dhall et al., 2011, 2015): frames of movies with one of seven expressions.

Layout: `Train/<Emotion>/<movie>_<clip id>_<frame>.png`, `Val/<Emotion>/` and `Test/`, or the
aligned faces in `Train_Aligned_Faces/` and so on, see `LAYOUT`.

Labels: one expression per image, the name of its folder. Test images have no label.

Faces: the aligned faces of the database, or full frames, in which the faces are not detected yet.

Subjects: the movie, because the database does not name the actors. A split by subject keeps all
actors of a movie on one side; an actor of two movies may be on both.
"""

import warnings

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.tasks import EXPRESSIONS

FULL = {"train": ("Train",), "validation": ("Val",), "test": ("Test",)}
ALIGNED = {
    "train": ("Train_Aligned_Faces",),
    "validation": ("Val_Aligned_Faces_new", "Val_Aligned_Faces"),  # the first is a correction
    "test": ("Test_Aligned_Faces",),
}
OFFICIAL_PARTS = {"training": "train", "validation": "validation", "test": "test"}
LABELLED = ("train", "validation")
# Published numbers of full frames (EmotiW 2015), and of aligned faces as they are distributed:
# some frames have none.
PUBLISHED = {
    False: {"train": 958, "validation": 436, "test": 372},
    True: {"train": 891, "validation": 431},
}
LAYOUT = (
    "Train/<Emotion>/*.png, Val/<Emotion>/*.png and Test/*.png, or the same in "
    "Train_Aligned_Faces, Val_Aligned_Faces (or Val_Aligned_Faces_new) and Test_Aligned_Faces"
)


def load(root, split=None, aligned=None):
    """Reads SFEW 2.0; every image is a clip of one frame, `<split>/<name>`.

    Args:
        root: Folder of the database.
        split: `"train"`, `"validation"`, `"test"` (without labels), another name of these (see
            `_reading.canonical_split`), or `None` for both splits with labels.
        aligned: `True` for the aligned faces, `False` for the full frames. Default: the aligned
            faces if any split that is read has them, otherwise the full frames, with a warning.

    Returns:
        `Clips`, sorted by key, with `expression` if the split has labels.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If an image is in two folders of a split, or an argument unknown.

    Warns:
        UserWarning: If there are no aligned faces and `aligned` is not given.
    """
    split = _reading.canonical_split(split, tuple(FULL))
    _checks.one_of("aligned", aligned, (None, True, False))
    report = LoadReport("sfew", root, split, LAYOUT)
    parts = LABELLED if split is None else (split,)
    clips = []
    for part, folder in _folders(report, parts, aligned).items():
        read = _clips(report, part, folder)
        _compare_with_published(report, part, folder, len(read))
        clips += read
    return report.finish(clips)


def has_labels(root, split):
    """Whether a part has labels; those of the test images are not distributed."""
    return split in LABELLED


def _folders(report, parts, aligned):
    """Returns a dict from split to its folder."""
    report.require_folder()
    is_chosen = aligned is not None
    if not is_chosen:
        aligned = any(_find(report.root, part, True) for part in parts)
    folders = {part: _find(report.root, part, aligned) for part in parts}
    if not aligned and not is_chosen and any(folders.values()):
        _warn_of_full_frames(report, folders)
    kinds = ("aligned faces", "full frames") if aligned else ("full frames", "aligned faces")
    for part, folder in folders.items():
        if folder is None:
            other = _find(report.root, part, not aligned)
            rule = f", not mixed with {kinds[1]} (aligned={not aligned})" if other else ""
            report.note(f"splits without {kinds[0]}{rule}", part)
        if folder is None or not aligned:
            _note_packed(report, part)
    if "test" not in parts and _find(report.root, "test", aligned):
        report.note("splits without labels, not read", "test")
    return {part: folder for part, folder in folders.items() if folder is not None}


def _warn_of_full_frames(report, folders):
    for part in filter(folders.get, folders):
        report.note("splits of full frames, whose faces are not cropped", part)
    warnings.warn(
        f"SFEW in {report.root} has no aligned faces: its full frames are read. Crop their faces "
        "(`crop=true` in stages and roles, `--crop-a`), or pass aligned=False if they are wanted.",
        stacklevel=4,
    )


def _note_packed(report, part):
    for root in _roots(report.root):
        for parent in (root, _reading.find_folder(root, *FULL[part])):
            archive = parent and _reading.find_archive(parent, *FULL[part], *ALIGNED[part])
            if archive:
                report.note("archives that were not unpacked (unzip them)", archive)


def _roots(root):
    inner = _reading.only_folder(root)
    return [root] if inner == root else [root, inner]


def _find(root, part, aligned):
    """Returns the folder of a split's aligned faces or full frames, or `None`."""
    for parent in _roots(root):
        folder = full = _reading.find_folder(parent, *FULL[part])
        if aligned:
            folder = _first(parent, ALIGNED[part]) or (full and _first(full, ALIGNED[part]))
        if folder is not None:
            return folder
    return None


def _first(parent, names):
    """Returns the folder with the first of `names` that exists; unpacking may have nested it."""
    folders = (_reading.find_folder(parent, name) for name in names)
    folder = next(filter(None, folders), None)
    return folder and (_reading.find_folder(folder, *names) or folder)


def _clips(report, part, folder):
    if part in LABELLED:
        images = _reading.files_by_expression(folder, _reading.IMAGE_ENDINGS, report)
    else:
        images = [(None, file) for file in _reading.files(folder, _reading.IMAGE_ENDINGS, report)]
    files, clips = {}, []
    for name, file in images:
        if files.setdefault(file.stem, file) is not file:
            raise ValueError(
                f"An image must be in one folder of a split. Received: {files[file.stem]} and "
                f"{file}. Move the wrong one away."
            )
        expression = None if name is None else [EXPRESSIONS.index(name)]
        subject = _movie(report, file.stem)
        fields = {"expression": expression, "subject": subject, "names_person": False}
        clips.append(Clip(f"{part}/{file.stem}", [str(file)], **fields))
    return clips


def _compare_with_published(report, part, folder, count):
    names = [name.lower() for name in ALIGNED[part]]
    aligned = folder.name.lower() in names or folder.parent.name.lower() in names
    published = PUBLISHED[aligned].get(part, count)
    if count != published:
        kind = "aligned faces" if aligned else "full frames"
        report.note(f"{kind} of {part}, not {published} as published", folder.name, count)


def _movie(report, stem):
    """Returns `Airheads` for `Airheads_000519240_00000005`; movies may contain underscores."""
    movie, *numbers = stem.rsplit("_", 2)
    if len(numbers) == 2 and movie and all(number.isdecimal() for number in numbers):
        return movie
    report.note("names that are not <movie>_<clip id>_<frame>, each a subject of its own", stem)
    return stem
