"""Aff-Wild2 (ABAW challenges): valence and arousal, or expressions, of every frame.

The images of the database are used where they are there (`cropped_aligned/`), else its videos;
labels without either are kept, on frames without an image.
Image `00001.jpg` belongs to the first line behind the header, whatever other images there are: a
frame without a face has no image. A name that ends in `_left` or `_right` is one of two people in
a video; other endings belong to the name of the video.

References: Kollias and Zafeiriou, "Aff-Wild2: Extending the Aff-Wild database" (2018).
"""

import dataclasses
import os
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.faces import database_crops
from kollias_affect.tasks import EXPRESSIONS

TASKS = ("valence_arousal", "expression", "multitask")
SPLITS = {"train": ("Train_Set", "Training_Set"), "validation": ("Validation_Set",)}
# The database's numbers, in order, where no header names them.
CLASSES = (
    *("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise"),
    "other",
)
LAYOUT = (
    "a folder with annotations, `<any name>/VA_Estimation_Challenge/Train_Set/105.txt` (or VA_Set, "
    "EXPR_Classification_Challenge, EXPR_Recognition_Challenge, EXPR_Set; Training_Set, "
    "Validation_Set), or a text file with the header image,valence,arousal,expression,aus; and "
    "with images, cropped_aligned/105/00001.jpg, or videos, batch1/105.mp4"
)
_SETS = {
    "valence_arousal": ("va_estimation_challenge", "va_set"),
    "expression": ("expr_classification_challenge", "expr_recognition_challenge", "expr_set"),
}
_IMAGES = (r"cropped_aligned.*", r"cropped")
_VIDEOS = ("batch1", "batch2", "new_vids")
_NO_ANNOTATIONS = ("cropped", *_VIDEOS, "__macosx")  # starts of names: millions of images
_MULTITASK = ("image", "valence", "arousal", "expression", *(f"au {i}" for i in range(1, 13)))
_MULTITASK_HEADER = "image,valence,arousal,expression,aus"
_SPLIT_IN_NAME = {
    "train": r"(?<![a-z])train(ing)?(?![a-z])",
    "validation": r"(?<![a-z])val(id|idation)?(?![a-z])",
}


def load(
    root,
    split=None,
    task=None,
    annotations=None,
    images=None,
    crops=None,
    other=None,
    size=96,
    detector="hog",
):
    """Reads Aff-Wild2; every person in a video is a clip, and a subject of its own.

    Args:
        root: folder that holds annotations, images and videos, up to three levels deep; or that
            of the annotations, beside which the others lie.
        split: `"train"`, `"validation"` (or another name of them, see `_reading.canonical_split`), or
            `None` for both.
        task: `"valence_arousal"` (a frame whose valence or arousal is -5 is not valid),
            `"expression"` (-1 is not valid), or `"multitask"` for the lists that have both (a
            frame is valid if all three labels are; clips have the frames that are listed, in order
            of their numbers). Default: the first of these that there are annotations for.
        annotations: folder of the annotations, or file of a multitask list, where `root` has more
            than one: a path, or one that starts from `root`.
        images: folder, or list of folders, with `<name>/00001.jpg`. Default: the aligned crops
            in `root`, or else those that are not aligned.
        crops: folder of faces that `faces.extract` has made, or makes now, of the videos; images
            are then not looked for. Default, if there are no images: in the package's cache folder.
        other: name in `EXPRESSIONS` that the class Other becomes. Default: not valid.
        size, detector: of `faces.extract`, for faces that are extracted now.

    Returns:
        list of `Clip` with `valence_arousal`, `expression`, or both. Frames without an image are in
        it, with an empty path; so are all frames of a video that is missing or cannot be read.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or malformed, an argument unknown.
    """
    split = _reading.canonical_split(split, tuple(SPLITS))
    if task is not None:
        _checks.one_of("task", task, TASKS)
    if other is not None:
        _checks.one_of("other", other, EXPRESSIONS)
    if images is not None and crops is not None:
        raise ValueError(
            "Faces come from `images` or from `crops`. Received: both. Name one of them."
        )
    report = LoadReport("affwild2", root, split, LAYOUT)
    if not report.root.is_dir():
        raise FileNotFoundError(report.expected("which is no folder"))
    task = _present_task(report, annotations) if task is None else task
    read = _multitask if task == "multitask" else _per_frame
    labels = read(report, split, task, annotations, other)
    folders = _image_folders(report, images) if crops is None else []
    if folders:
        clips = _from_images(report, labels, folders)
    else:
        clips = _from_videos(report, labels, crops, size=size, detector=detector)
    clips = _reading.non_empty(report, clips)
    return report.finish(clips, video_of=lambda clip: video_name(clip.key))


def video_name(name):
    """The video of a person: `_left` and `_right` are taken off, any other ending is kept."""
    return re.sub("_(left|right)$", "", name)


@dataclasses.dataclass
class _Labels:
    """What a file says of one person: 1-based numbers of the frames, ascending, and their labels.

    `fields` are those of `Clip`, `valid` among them, each with one row per frame.
    """

    frames: np.ndarray
    fields: dict


def _per_frame(report, split, task, annotations, other):
    """Dict from name to `_Labels`, of one text file each."""
    top = _set_folder(report, task, annotations)
    places = {name: _reading.find_folder(top, *SPLITS[name]) for name in SPLITS}
    wanted = SPLITS if split is None else (split,)
    if not any(places[name] for name in wanted):
        raise FileNotFoundError(report.expected(f"where {top} has no folder for the split {split}"))
    labels = {}
    for name in wanted:
        if places[name] is None:
            report.note("splits that are missing", name)
            continue
        for path in _reading.files(places[name], (".txt",), report):
            if path.stem in labels:
                raise ValueError(
                    f"A name is in one split. Received: {path}, which is in another one too. Move "
                    "one of them away."
                )
            if task == "valence_arousal":
                fields = _read_valence_arousal(path)
            else:
                fields = _read_expression(report, path, other)
            labels[path.stem] = _Labels(np.arange(1, len(fields["valid"]) + 1), fields)
    return labels


def _present_task(report, annotations):
    """The first task that there are annotations for; valence and arousal if there are none."""
    task = "multitask"
    if annotations is None or not (report.root / annotations).is_file():
        searched = _searched(report, annotations)
        names = {folder.name.lower() for folder in searched}
        lists = (path for folder in searched for path in _reading.files(folder, (".txt",)))
        sets = [name for name in _SETS if names & set(_SETS[name])]
        if sets or not any(map(_is_multitask, lists)):
            task = (sets or TASKS)[0]
    if task != TASKS[0]:
        report.note(f"task with annotations, as there are none of {TASKS[0]}", task)
    return task


def _set_folder(report, task, annotations):
    names = _SETS[task]
    found = [f for f in _searched(report, annotations) if f.name.lower() in names]
    found = [_reading.find_folder(f.parent, f.name) or f for f in found if f.parent not in found]
    return _only(report, found, f"a folder {' or '.join(names)} (in any case)")


def _searched(report, annotations):
    """Folders that may hold annotations."""
    start = report.root if annotations is None else report.root / annotations
    if not start.is_dir():
        raise FileNotFoundError(report.expected(f"where the annotations {start} are no folder"))
    return list(_reading.walk_folders(start, depth=3, skip=_NO_ANNOTATIONS))


def _only(report, found, what):
    if not found:
        raise FileNotFoundError(report.expected(f"where there is not {what}"))
    if len(found) > 1:
        raise ValueError(
            f"There must be one set of annotations. Received: {[str(path) for path in found]} in "
            f"{report.root}. Choose one with `annotations`."
        )
    return found[0]


def _read_valence_arousal(path):
    content = _reading.read_lines(path)
    header = [name.strip().lower() for name in content[0].split(",")]
    if sorted(header) != ["arousal", "valence"]:
        _refuse_header(path, content[0], "valence,arousal")
    values = _reading.read_numbers(path, header, skip=1, content=content)
    values = values[:, [header.index("valence"), header.index("arousal")]]
    return _valence_arousal(path, values)


def _valence_arousal(path, values):
    """Fields of a `Clip`; -5 marks frames that could not be annotated."""
    valid = (values != -5).all(axis=1)
    rule = "Valence and arousal must lie in [-1, 1], or be -5 where there is no label"
    _reading.refuse_rows(valid & ~(np.abs(values) <= 1).all(axis=1), rule, values, path, skip=1)
    return {"valence_arousal": np.where(valid[:, None], values, np.nan), "valid": valid}


def _read_expression(report, path, other):
    content = _reading.read_lines(path)
    classes = [_class_of(name) for name in content[0].split(",")]
    if None in classes or len(set(classes)) < len(classes):
        _refuse_header(path, content[0], ",".join(name.capitalize() for name in CLASSES))
    values = _reading.read_numbers(path, ("expression",), skip=1, content=content)[:, 0]
    _refuse_unknown_classes(path, values, classes)
    return _expression(report, path.stem, values, classes, other)


def _class_of(name):
    return "other" if name.strip().lower() == "other" else _reading.expression_name(name)


def _expression(report, name, values, classes, other):
    """Fields of a `Clip`, from the database's numbers of the classes; -1 is no label."""
    result = np.full(len(values), -1)
    for number, label in enumerate(classes):
        here = values == number
        if label == "other":
            label = other
            if here.any():
                reason = "left out" if other is None else f"taken as {other}"
                report.note(f"frames of the class Other, {reason}", name, int(here.sum()))
        if label is not None:
            result[here] = EXPRESSIONS.index(label)
    return {"expression": result, "valid": result >= 0}


def _refuse_unknown_classes(path, values, classes):
    known = np.isin(values, range(-1, len(classes)))
    rule = f"An expression must be a number from 0 to {len(classes) - 1}, or -1 for none"
    _reading.refuse_rows(~known, rule, values, path, skip=1)


def _refuse_header(path, header, expected):
    raise ValueError(
        f"Annotations start with a header such as {expected}. Received: {header[:60]!r} in line 1 "
        f"of {path}. Copy the file again, or add the header."
    )


def _multitask(report, split, task, annotations, other):
    """Dict from name to `_Labels`, of the lists of all frames of a split."""
    labels = {}
    for path in _multitask_files(report, split, annotations):
        for name, found in _read_multitask(report, path, other).items():
            if name in labels:
                raise ValueError(
                    f"A name is in one split. Received: {name} in {path} and in another list. "
                    "Choose one with `annotations`."
                )
            labels[name] = found
    return labels


def _multitask_files(report, split, annotations):
    if annotations is not None and (report.root / annotations).is_file():
        return [report.root / annotations]
    found = {name: [] for name in SPLITS}
    start = report.root if annotations is None else report.root / annotations
    for folder in _searched(report, annotations):
        for path in _reading.files(folder, (".txt",)):
            part = _split_of(path.relative_to(start))
            if not _is_multitask(path):
                continue
            if part is None:
                report.note("multitask lists named after neither train nor validation", path.name)
            else:
                found[part].append(path)
    what = f"a list with the header {_MULTITASK_HEADER}, named after its split"
    if split is not None:
        return [_only(report, found[split], what)]
    return [_only(report, paths, what) for paths in found.values() if paths] or [
        _only(report, [], what)
    ]


def _split_of(path):
    """The split that a path is named after, its file name first."""
    for part in reversed(path.parts):
        for name, pattern in _SPLIT_IN_NAME.items():
            if re.search(pattern, part.lower()):
                return name
    return None


def _is_multitask(path):
    with open(path, "rb") as file:
        start = file.read(200).removeprefix(b"\xef\xbb\xbf")
    return start.replace(b" ", b"").lower().startswith(_MULTITASK_HEADER.encode())


def _read_multitask(report, path, other):
    content = _reading.read_lines(path)
    while not content[-1].strip():
        content.pop()
    if content[0].replace(" ", "").lower() != _MULTITASK_HEADER:
        _refuse_header(path, content[0], _MULTITASK_HEADER)
    images, _, rows = zip(*(line.partition(",") for line in content), strict=True)
    values = _reading.read_numbers(path, _MULTITASK[1:], skip=1, content=list(rows))
    _refuse_unknown_classes(path, values[:, 2], CLASSES)
    affect = _valence_arousal(path, values[:, :2])
    labels = {}
    for name, places in _frames_by_name(path, images).items():
        frames, rows = np.array(sorted(places.items())).T
        fields = {key: array[rows] for key, array in affect.items()}
        found = _expression(report, name, values[rows, 2], CLASSES, other)
        valid = fields["valid"] & found["valid"]
        labels[name] = _Labels(frames, {**fields, **found, "valid": valid})
    return labels


def _frames_by_name(path, images):
    """Dict from name to a dict from frame to row."""
    names = {}
    for row, image in enumerate(images[1:]):
        match = re.fullmatch(r"([^/\\]+)/(\d+)\.[A-Za-z]+", image.strip())
        if match is None or match[1] in (".", ".."):
            rule = "An image must be named <name>/<number>.jpg"
        elif int(match[2]) < 1 or int(match[2]) in names.setdefault(match[1], {}):
            rule = "Images are numbered from 1, and each is listed once"
        else:
            names[match[1]][int(match[2])] = row
            continue
        _reading.refuse_rows([row >= 0], rule, [image], path, skip=row + 1)
    return names


def _image_folders(report, images):
    if images is not None:
        chosen = [images] if isinstance(images, (str, Path)) else images
        folders = [report.root / folder for folder in chosen]
        for folder in folders:
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"`images` must be folders with <name>/00001.jpg. Received: {folder}, which is "
                    "none. Check the path."
                )
        return folders
    return next(filter(None, (_media_folders(report, name) for name in _IMAGES)), [])


def _media_folders(report, pattern):
    """Folders of images or videos by their names: below the root, or beside the annotations."""
    found = _folders_below(report.root, pattern, depth=2)
    beside = _above_annotations(Path(os.path.abspath(report.root)))
    if not found and beside is not None:
        found = _folders_below(beside, pattern, depth=1)
    return found


def _folders_below(root, pattern, depth):
    return [
        _reading.find_folder(parent, folder.name)
        for parent in _reading.walk_folders(root, depth, skip=_NO_ANNOTATIONS)
        for folder in _reading.folders(parent)
        if re.fullmatch(pattern, folder.name.lower())
    ]


def _above_annotations(root):
    """The folder that holds the folder of annotations `root`; `None` if `root` is not one."""
    above = root.parent if any(root.name.lower() in names for names in _SETS.values()) else root
    above = above.parent if above.name.lower().endswith("annotations") else above
    return None if above == root else above


def _from_images(report, labels, folders):
    places = {}
    for folder in folders:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                report.note("files among the folders of images", entry.name)
            elif entry.name in places:
                report.note("folders of images that come twice, the first is read", entry.name)
            else:
                places[entry.name] = entry.path
    for name in places.keys() - labels.keys():
        report.note("folders of images without labels", name)
    return [
        _from_folder(report, name, found, places[name])
        if name in places
        else _alone(report, name, found)
        for name, found in labels.items()
    ]


def _alone(report, name, labels):
    report.note("videos that are missing or cannot be read, labels alone", name)
    return Clip(name, [""] * len(labels.frames), **labels.fields)


def _from_folder(report, name, labels, folder):
    files, others = _reading.numbered_files(folder, _reading.IMAGE_ENDINGS)
    for file in others:
        report.note("files that are no numbered images", f"{name}/{file}")
    if 0 in files:
        raise ValueError(
            f"The images of Aff-Wild2 are numbered from 1, in the order of the labels. Received: "
            f"{files[0]} in {folder}. Number them from 1."
        )
    paths = [os.path.join(folder, files[f]) if f in files else "" for f in labels.frames.tolist()]
    shown = len(paths) - paths.count("")
    if shown < len(files):
        report.note("images without a label", name, len(files) - shown)
    missing = int(labels.fields["valid"].sum()) - sum(
        path != "" for path, valid in zip(paths, labels.fields["valid"], strict=True) if valid
    )
    if missing:
        report.note("labelled frames without an image", name, missing)
    return Clip(name, paths, **labels.fields)


def _from_videos(report, labels, crops, **options):
    files = {}
    for folder in _media_folders(report, "|".join(_VIDEOS)):
        for path in _reading.files(folder, _reading.VIDEO_ENDINGS, report):
            if path.stem in files:
                report.note("videos that come twice, the first is read", path.stem)
            files.setdefault(path.stem, path)
    videos = {video: files.get(video) for video in sorted({video_name(name) for name in labels})}
    people = database_crops.of_videos(report, videos, crops, faces="all", **options)
    clips = {clip.key: clip for found in people.values() for clip in found}
    for name in clips.keys() - labels.keys():
        report.note("people without labels", name)
    for name in labels.keys() - clips.keys():
        if video_name(name) in people:
            report.note("people with labels who were not found in their video", name)
    return [
        _reading.join_labels(report, clips[name], found.frames, **found.fields)
        if name in clips
        else _alone(report, name, found)
        for name, found in labels.items()
        if name in clips or video_name(name) not in people
    ]
