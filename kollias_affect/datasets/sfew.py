"""SFEW 2.0 (Dhall et al., 2011, 2015): frames of movies with one of seven expressions.

An image is named `<movie>_<clip id>_<frame>`. Who is in it is not said; the subject is the movie,
so a split by person keeps all actors of a movie on one side.
"""

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.tasks import EXPRESSIONS

FULL = {"train": ("Train",), "validation": ("Val",), "test": ("Test",)}
ALIGNED = {
    "train": ("Train_Aligned_Faces",),
    "validation": ("Val_Aligned_Faces_new", "Val_Aligned_Faces"),  # the first replaced the second
    "test": ("Test_Aligned_Faces",),
}
LABELLED = ("train", "validation")
LAYOUT = (
    "Train/<Emotion>/*.png, Val/<Emotion>/*.png and Test/*.png, or the same in "
    "Train_Aligned_Faces, Val_Aligned_Faces (or Val_Aligned_Faces_new) and Test_Aligned_Faces"
)


def load(root, split=None, aligned=None):
    """Reads SFEW 2.0; an image is a clip of one frame, `<split>/<name>`.

    Args:
        root: folder of the database.
        split: `"train"`, `"validation"`, `"test"`, whose images have no label (or another name of
            them, see `_reading.canonical_split`), or `None` for the two that have labels.
        aligned: `True` for the aligned faces, `False` for the full frames, whose faces are still
            to be found, `None` for the aligned faces if any of these splits has them.

    Returns:
        list of `Clip` with `expression`; without, for `"test"`.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or in the wrong place, an argument
            is unknown.
    """
    split = _reading.canonical_split(split, tuple(FULL))
    _checks.one_of("aligned", aligned, (None, True, False))
    report = LoadReport("sfew", root, split, LAYOUT)
    parts = LABELLED if split is None else (split,)
    clips = []
    for part, folder in _folders(report, parts, aligned).items():
        clips += _clips(report, part, folder)
    return report.finish(clips)


def _folders(report, parts, aligned):
    """Dict from split to its folder."""
    if not report.root.is_dir():
        raise FileNotFoundError(report.expected("which is no folder"))
    if aligned is None:
        aligned = any(_find(report.root, part, True) for part in parts)
    found = {part: _find(report.root, part, aligned) for part in parts}
    kind = "aligned faces" if aligned else "full frames"
    for part, folder in found.items():
        if folder is None:
            other = _find(report.root, part, not aligned)
            rule = f", not mixed with what aligned={not aligned} reads" if other else ""
            report.note(f"splits without {kind}{rule}", part)
        if folder is None or not aligned:
            _note_packed(report, part)
    if "test" not in parts and _find(report.root, "test", aligned):
        report.note("splits without labels, not read", "test")
    return {part: folder for part, folder in found.items() if folder is not None}


def _note_packed(report, part):
    for root in _roots(report.root):
        for place in (root, _reading.find_folder(root, *FULL[part])):
            archive = place and _reading.find_archive(place, *FULL[part], *ALIGNED[part])
            if archive:
                report.note("archives that were not unpacked (unzip them)", archive)


def _roots(root):
    inner = _reading.only_folder(root)
    return [root] if inner == root else [root, inner]


def _find(root, part, aligned):
    """The folder of a split's aligned faces or full frames, or `None`."""
    for parent in _roots(root):
        full = _reading.find_folder(parent, *FULL[part])
        if not aligned:
            found = full
        else:
            found = _named(parent, ALIGNED[part]) or (full and _named(full, ALIGNED[part]))
        if found is not None:
            return found
    return None


def _named(parent, names):
    found = next((f for f in (_reading.find_folder(parent, name) for name in names) if f), None)
    return found and (_reading.find_folder(found, *names) or found)


def _clips(report, part, folder):
    if part in LABELLED:
        images = _reading.files_by_expression(folder, _reading.IMAGE_ENDINGS, report)
    else:
        images = [(None, file) for file in _reading.files(folder, _reading.IMAGE_ENDINGS, report)]
    files, clips = {}, []
    for name, file in images:
        if files.setdefault(file.stem, file) is not file:
            raise ValueError(
                f"An image is in one folder of a split. Received: {files[file.stem]} and {file}. "
                "Move the wrong one away."
            )
        expression = None if name is None else [EXPRESSIONS.index(name)]
        subject = _movie(report, file.stem)
        clips.append(
            Clip(f"{part}/{file.stem}", [str(file)], expression=expression, subject=subject)
        )
    return clips


def _movie(report, stem):
    """`Airheads` of `Airheads_000519240_00000005`; names of movies may have underscores too."""
    movie, *numbers = stem.rsplit("_", 2)
    if len(numbers) == 2 and movie and all(number.isdecimal() for number in numbers):
        return movie
    report.note("names that are no <movie>_<clip id>_<frame>, each its own subject", stem)
    return stem
