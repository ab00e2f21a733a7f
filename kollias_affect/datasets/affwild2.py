"""Aff-Wild2 (ABAW challenges): valence and arousal, expressions and action units of every frame.

Layout: annotations in `<any name>/VA_Estimation_Challenge/Train_Set/105.txt` (and similar names,
see `LAYOUT`) or in a multitask list with a header; images in `cropped_aligned/105/00001.jpg` or
videos in `batch1/105.mp4`.

Labels: line k after the header belongs to image k, whatever images exist. Labels without an image
or a video are kept, on frames without an image. The split "test" has no labels: it consists of the
people with images or a video, but without annotations of any task.

Faces: the images of the database if there are any, otherwise its videos, in which the package
detects the faces. A frame without a face has no image.

Subjects: every person in a video is a subject. A name that ends in `_left` or `_right` is one of
two people in a video; other endings belong to the name of the video.

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
from kollias_affect.datasets._report import LoadReport, PartNotFoundError
from kollias_affect.faces import database_crops
from kollias_affect.faces.video import frame_count
from kollias_affect.tasks import ACTION_UNITS, EXPRESSIONS_8

LABELS = ("valence_arousal", "expression", "action_units", "multitask", "all")
SPLITS = {"train": ("Train_Set", "Training_Set"), "validation": ("Validation_Set",)}
OFFICIAL_PARTS = {"training": "train", "validation": "validation"}
# Order of the database's classes if no header names them.
CLASSES = EXPRESSIONS_8
OTHER = "other"
LAYOUT = (
    "a folder with annotations, `<any name>/VA_Estimation_Challenge/Train_Set/105.txt` (or VA_Set, "
    "EXPR_Classification_Challenge, EXPR_Recognition_Challenge, EXPR_Set, AU_Detection_Challenge, "
    "AU_Set; Training_Set, Validation_Set), or a text file with the header "
    "image,valence,arousal,expression,aus; and with images, cropped_aligned/105/00001.jpg, or "
    "videos, batch1/105.mp4"
)
_SETS = {
    "valence_arousal": ("va_estimation_challenge", "va_set"),
    "expression": ("expr_classification_challenge", "expr_recognition_challenge", "expr_set"),
    "action_units": ("au_detection_challenge", "au_set"),
}
_IMAGES = (r"cropped_aligned.*", r"cropped")
_VIDEOS = ("batch1", "batch2", "new_vids")
_NO_ANNOTATIONS = ("cropped", *_VIDEOS, "__macosx")  # prefixes of folders with millions of images
_MULTITASK = ("image", "valence", "arousal", "expression", *(f"au {i}" for i in range(1, 13)))
_MULTITASK_HEADER = "image,valence,arousal,expression,aus"
_LONGEST_NUMBER = 9  # digits
_VALENCE_AROUSAL = ("valence,arousal", "arousal,valence")
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
    names=None,
    **options,
):
    """Reads Aff-Wild2; every person in a video is one clip.

    Args:
        root: Folder with annotations, images and videos, up to three levels deep, or the folder of
            the annotations beside the others.
        split: `"train"`, `"validation"`, `"test"`, another name of these (see
            `_reading.canonical_split`), or `None` for the two with labels. Clips of `"test"` have
            no labels, and as many frames as the video, or as the number of the last image, if that
            is larger.
        task: `"valence_arousal"` (frames with a value of -5 are not valid), `"expression"` (frames
            with -1 are not valid), `"action_units"` (likewise), or `"multitask"` for the lists with
            all of them (frames are valid if valence, arousal and expression are; clips consist of
            the listed frames in the order of their numbers). `"all"` joins the labels of every
            set of annotations, or reads the lists if there are no sets; frames are valid if they
            have a label of any task, and the training of several tasks takes what each frame has.
            Somebody who validates one task trains none of the others: in the split `"train"` such
            people are left out, and counted. Default: the first of these tasks with annotations.
        annotations: Folder of the annotations, or file of a multitask list, if `root` has more
            than one: an absolute path, or one relative to `root`.
        images: Folder, or list of folders, with `<name>/00001.jpg`. Default: the aligned crops in
            `root`, otherwise the crops that are not aligned.
        crops: Folder of faces that `faces.extract` has made, or makes now, from the videos. Images
            are then ignored. Default: a folder in the package's cache, if there are no images.
        other: Name in `EXPRESSIONS` for the class Other; or `"other"`, so that it stays a class,
            the eighth one, see `Clip`. Default: its frames are not valid; with `task="all"` it
            stays a class.
        names: For `"test"`: text file with the name of a person (or of a video without images) in
            each line, or a list of such names. Default: all without annotations.
        **options: Options of `faces.extract` for faces that are extracted now.

    Returns:
        `Clips` with `valence_arousal`, `expression`, `action_units`, or several of them, sorted by
        key. Frames without an
        image have an empty path, and so have all frames of a missing or unreadable video.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If a file is malformed, or an argument unknown.
    """
    split = _reading.canonical_split(split, (*SPLITS, "test"))
    if names is not None and split != "test":
        raise ValueError(
            "`names` choose the people of the split 'test'. Received: the split "
            f"{split!r}. Leave them out, or read the test set."
        )
    if task is not None:
        _checks.one_of("task", task, LABELS)
    if other is not None:
        _checks.one_of("other", other, EXPRESSIONS_8)
    if images is not None and crops is not None:
        raise ValueError(
            "Faces must come from `images` or from `crops`. Received: both. Name one of them."
        )
    if options.pop("faces", "all") != "all":
        raise ValueError(
            "Every person of Aff-Wild2 is a clip. Received: faces='main'. Leave the option out."
        )
    report = LoadReport("affwild2", root, split, LAYOUT)
    report.require_folder()
    if split == "test":
        return _test_set(report, names, images, crops, **options)
    task = _present_task(report, annotations) if task is None else task
    read = {"multitask": _multitask, "all": _all}.get(task, _per_frame)
    labels = read(report, split, task, annotations, other)
    folders = _image_folders(report, images) if crops is None else []
    if folders:
        clips = _from_images(report, labels, folders)
    else:
        clips = _from_videos(report, labels, crops, **options)
    clips = _reading.non_empty(report, clips)
    return report.finish(clips, video_of=lambda clip: video_name(clip.key))


def video_name(name):
    """Returns the name of a person's video: the name without `_left` or `_right` at its end.

    Example:
        >>> video_name("video10_1_left"), video_name("24-30-1920x1080-2")
        ('video10_1', '24-30-1920x1080-2')
    """
    return re.sub("_(left|right)$", "", name)


@dataclasses.dataclass
class _Labels:
    """Labels of one person.

    Attributes:
        frames: 1-based numbers of the frames, ascending.
        fields: Fields of `Clip`, including `valid`, with one row per frame; and `expressions`.
    """

    frames: np.ndarray
    fields: dict


def _per_frame(report, split, task, annotations, other):
    """Returns a dict from name to `_Labels`, read from one text file each."""
    labels = {}
    for folder in _split_folders(report, split, _set_folder(report, task, annotations)):
        for path in _reading.files(folder, (".txt",), report):
            if path.stem in labels:
                raise ValueError(
                    f"A name must be in one split. Received: {path}, which is in another split "
                    "too. Move one of them away."
                )
            if task == "valence_arousal":
                fields = _read_valence_arousal(path)
            elif task == "action_units":
                fields = _read_action_units(path)
            else:
                fields = _read_expression(report, path, other)
            labels[path.stem] = _Labels(np.arange(1, len(fields["valid"]) + 1), fields)
    return labels


def _all(report, split, task, annotations, other):
    """Returns a dict from name to the joined `_Labels` of every set of annotations."""
    del task
    other = OTHER if other is None else other
    present = _present_sets(report, annotations)
    if not present:
        labels = _multitask(report, split, "multitask", annotations, other)
        return {name: _joined([each.fields], each.frames) for name, each in labels.items()}
    validating = set()
    if split == "train":
        tops = [_set_folder(report, name, annotations) for name in present]
        folders = [_reading.find_folder(top, *SPLITS["validation"]) for top in tops]
        validating = {path.stem for f in folders if f for path in _reading.files(f, (".txt",))}
    fields_of, found = {}, False
    for name in present:
        try:
            labels = _per_frame(report, split, name, annotations, other)
        except PartNotFoundError:  # this set has no such split
            report.note("sets of annotations without the split", name)
            continue
        found = True
        for person, each in labels.items():
            if person in validating:
                report.note("labels of people who validate another task, left out", person)
            else:
                fields_of.setdefault(person, []).append(each.fields)
    if not found:
        raise PartNotFoundError(report.expected(f"where no set has the split {split}"))
    return {person: _joined(fields) for person, fields in fields_of.items()}


def _joined(sets, frames=None):
    """Returns the labels of several sets side by side, of as many frames as the longest has."""
    count = max(len(fields["valid"]) for fields in sets)
    result = {}
    for fields in sets:
        for name, values in fields.items():
            if name == "expressions":
                result[name] = values
            elif name != "valid":
                missing = -1 if name == "expression" else np.nan
                rest = np.full((count - len(values), *values.shape[1:]), missing)
                result[name] = np.concatenate([values, rest])
    known = [
        result[name] >= 0 if name == "expression" else np.isfinite(result[name]).any(axis=1)
        for name in ("valence_arousal", "expression", "action_units")
        if name in result
    ]
    frames = np.arange(1, count + 1) if frames is None else frames
    return _Labels(frames, {**result, "valid": np.any(known, axis=0)})


def _present_sets(report, annotations):
    """Returns the names of the sets of annotations that exist."""
    names = {folder.name.lower() for folder in _searched(report, annotations)}
    return [name for name in _SETS if names & set(_SETS[name])]


def parts(annotations=None, **options):
    """Returns the parts with the options of `load`: a list that is named is one part."""
    return {} if str(annotations).lower().endswith(".txt") else OFFICIAL_PARTS


def _split_folders(report, split, top):
    """Returns the folders of the splits that are read; missing ones are counted."""
    names = SPLITS if split is None else (split,)
    folders = {name: _reading.find_folder(top, *SPLITS[name]) for name in names}
    if not any(folders.values()):
        raise PartNotFoundError(report.expected(f"where {top} has no folder for the split {split}"))
    for name in names:
        if folders[name] is None:
            report.note("splits that are missing", name)
    return [folder for folder in folders.values() if folder]


def _present_task(report, annotations):
    """Returns the first task with annotations; valence and arousal if there are none."""
    task = "multitask"
    if annotations is None or not (report.root / annotations).is_file():
        searched = _searched(report, annotations)
        lists = (path for folder in searched for path in _reading.files(folder, (".txt",)))
        sets = _present_sets(report, annotations)
        if sets or not any(map(_is_multitask, lists)):
            task = (sets or LABELS)[0]
    if task != LABELS[0]:
        report.note(f"task that is read, as there are no annotations of {LABELS[0]}", task)
    return task


def _set_folder(report, task, annotations):
    """Returns the folder of the annotations of a task."""
    names = _SETS[task]
    sets = [f for f in _searched(report, annotations) if f.name.lower() in names]
    sets = [_reading.find_folder(f.parent, f.name) or f for f in sets if f.parent not in sets]
    return _only(report, sets, f"a folder {' or '.join(names)} (in any case)")


def _searched(report, annotations):
    """Returns the folders that may hold annotations."""
    start = report.root if annotations is None else report.root / annotations
    if not start.is_dir():
        raise FileNotFoundError(report.expected(f"where the annotations {start} are not a folder"))
    return list(_reading.walk_folders(start, depth=3, skip=_NO_ANNOTATIONS))


def _only(report, paths, description):
    """Returns the only path of a list, or raises an error."""
    if not paths:
        raise FileNotFoundError(report.expected(f"where there is not {description}"))
    if len(paths) > 1:
        raise ValueError(
            f"There must be one set of annotations. Received: {[str(path) for path in paths]} in "
            f"{report.root}. Choose one with `annotations`."
        )
    return paths[0]


def read_person(path):
    """Reads the file of one person: valence and arousal, expressions or action units per frame.

    Args:
        path: Text file of the database, or of a submission to its challenges.

    Returns:
        Dict of `valid`, and of `valence_arousal` (float `[frames, 2]`, NaN where a value is -5),
        `expression` (integers `[frames]`, indices into `EXPRESSIONS_8`, -1 where there is none) or
        `action_units` (float `[frames, 12]`, NaN where there is no label).

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is malformed.
    """
    path = _checks.existing_file("path", path)
    header = _lines(path)[0].replace(" ", "").lower()
    if header in _VALENCE_AROUSAL:
        return _read_valence_arousal(path)
    if header.startswith("au"):
        return _read_action_units(path)
    fields = _read_expression(LoadReport("affwild2", path.parent, None, LAYOUT), path, OTHER)
    return {name: fields[name] for name in ("expression", "valid")}


def _read_action_units(path):
    """Returns fields of `Clip`; -1 marks frames that could not be annotated."""
    content = _lines(path)
    numbers = [re.fullmatch(r"au0*(\d+)", name.strip().lower()) for name in content[0].split(",")]
    header = [match and f"AU{match[1]}" for match in numbers]
    if None in header or len(set(header)) < len(header) or not set(header) & set(ACTION_UNITS):
        _refuse_header(path, content[0], ",".join(ACTION_UNITS))
    values = _reading.read_numbers(path, header, skip=1, content=content)
    return _action_units(path, values, header)


def _action_units(path, values, header):
    rule = "An action unit must be 1, 0, or -1 where there is no label"
    _reading.refuse_rows(~np.isin(values, (-1, 0, 1)).all(axis=1), rule, values, path, skip=1)
    units = np.full((len(values), len(ACTION_UNITS)), np.nan)
    for column, name in enumerate(header):
        if name in ACTION_UNITS:
            known = values[:, column] >= 0
            units[known, ACTION_UNITS.index(name)] = values[known, column]
    return {"action_units": units, "valid": np.isfinite(units).any(axis=1)}


def _lines(path):
    """Returns the lines of annotations; some files of the database end each with a comma."""
    return [line.rstrip().removesuffix(",") for line in _reading.read_lines(path)]


def _read_valence_arousal(path):
    content = _lines(path)
    header = [name.strip().lower() for name in content[0].split(",")]
    if sorted(header) != ["arousal", "valence"]:
        _refuse_header(path, content[0], "valence,arousal")
    values = _reading.read_numbers(path, header, skip=1, content=content)
    values = values[:, [header.index("valence"), header.index("arousal")]]
    return _valence_arousal(path, values)


def _valence_arousal(path, values):
    """Returns fields of `Clip`; -5 marks frames that could not be annotated."""
    valid = (values != -5).all(axis=1)
    rule = "Valence and arousal must lie in [-1, 1], or be -5 where there is no label"
    _reading.refuse_rows(valid & ~(np.abs(values) <= 1).all(axis=1), rule, values, path, skip=1)
    return {"valence_arousal": np.where(valid[:, None], values, np.nan), "valid": valid}


def _read_expression(report, path, other):
    content = _lines(path)
    classes = [_class_of(name) for name in content[0].split(",")]
    if None in classes or len(set(classes)) < len(classes):
        _refuse_header(path, content[0], ",".join(name.capitalize() for name in CLASSES))
    values = _reading.read_numbers(path, ("expression",), skip=1, content=content)[:, 0]
    _refuse_unknown_classes(path, values, classes)
    return _expression(report, path.stem, values, classes, other)


def _class_of(name):
    return "other" if name.strip().lower() == "other" else _reading.expression_name(name)


def _expression(report, name, values, classes, other):
    """Returns fields of `Clip` from the database's numbers of the classes; -1 is no label."""
    result = np.full(len(values), -1)
    for number, label in enumerate(classes):
        rows = values == number
        if label == OTHER:
            label = other
            if rows.any() and other != OTHER:
                action = "left out" if other is None else f"counted as {other}"
                report.note(f"frames of the class Other, {action}", name, int(rows.sum()))
        if label is not None:
            result[rows] = EXPRESSIONS_8.index(label)
    fields = {"expression": result, "valid": result >= 0}
    return {**fields, "expressions": EXPRESSIONS_8} if other == OTHER else fields


def _refuse_unknown_classes(path, values, classes):
    known = np.isin(values, range(-1, len(classes)))
    rule = f"An expression must be a number from 0 to {len(classes) - 1}, or -1 for none"
    _reading.refuse_rows(~known, rule, values, path, skip=1)


def _refuse_header(path, header, expected):
    raise ValueError(
        f"Annotations must start with a header such as {expected}. Received: {header[:60]!r} in "
        f"line 1 of {path}. {_reading.separator_hint(header)}Copy the file again, or add the "
        "header."
    )


def _multitask(report, split, task, annotations, other):
    """Returns a dict from name to `_Labels`, read from one list per split."""
    labels = {}
    for path in _multitask_files(report, split, annotations):
        for name, new in _read_multitask(report, path, other).items():
            if name in labels:
                raise ValueError(
                    f"A name must be in one split. Received: {name} in {path} and in another list. "
                    "Choose one with `annotations`."
                )
            labels[name] = new
    return labels


def _multitask_files(report, split, annotations):
    """Returns the lists of the splits that are read."""
    if annotations is not None and (report.root / annotations).is_file():
        return [report.root / annotations]
    lists = _multitask_files_by_split(report, annotations)
    names = [name for name in SPLITS if lists[name]] if split is None else [split]
    description = f"a list with the header {_MULTITASK_HEADER}, named after its split"
    if split is not None and not lists[split]:
        raise PartNotFoundError(report.expected(f"where there is not {description}"))
    return [_only(report, lists[name], description) for name in names or SPLITS]


def _multitask_files_by_split(report, annotations):
    lists = {name: [] for name in SPLITS}
    start = report.root if annotations is None else report.root / annotations
    for folder in _searched(report, annotations):
        for path in filter(_is_multitask, _reading.files(folder, (".txt",))):
            split = _split_of(path.relative_to(start))
            if split is None:
                report.note("multitask lists named after neither train nor validation", path.name)
            else:
                lists[split].append(path)
    return lists


def _split_of(path):
    """Returns the split that a path is named after; its file name takes precedence."""
    for part in reversed(path.parts):
        for name, pattern in _SPLIT_IN_NAME.items():
            if re.search(pattern, part.lower()):
                return name
    return None


def _is_multitask(path):
    """Whether a text file starts with the header of a multitask list."""
    with open(path, "rb") as file:
        start = file.read(200).removeprefix(b"\xef\xbb\xbf")
    return start.replace(b" ", b"").lower().startswith(_MULTITASK_HEADER.encode())


def _read_multitask(report, path, other):
    """Returns a dict from name to `_Labels`."""
    content = _lines(path)
    while len(content) > 1 and not content[-1].strip():
        content.pop()
    if content[0].replace(" ", "").lower() != _MULTITASK_HEADER:
        _refuse_header(path, content[0], _MULTITASK_HEADER)
    images, _, rows = zip(*(line.partition(",") for line in content), strict=True)
    values = _reading.read_numbers(path, _MULTITASK[1:], skip=1, content=list(rows))
    _refuse_unknown_classes(path, values[:, 2], CLASSES)
    affect = _valence_arousal(path, values[:, :2])
    affect["action_units"] = _action_units(path, values[:, 3:], ACTION_UNITS)["action_units"]
    labels = {}
    for name, row_of_frame in _rows_by_name(path, images).items():
        frames, rows = np.array(sorted(row_of_frame.items())).T
        fields = {key: array[rows] for key, array in affect.items()}
        expression = _expression(report, name, values[rows, 2], CLASSES, other)
        valid = fields["valid"] & expression["valid"]
        labels[name] = _Labels(frames, {**fields, **expression, "valid": valid})
    return labels


def _rows_by_name(path, images):
    """Returns a dict from name to a dict from frame to row."""
    names = {}
    for row, image in enumerate(images[1:]):
        match = re.fullmatch(r"([^/\\]+)[/\\](\d+)\.[A-Za-z]+", image.strip())
        if match is None or match[1] in (".", ".."):
            rule = "An image must be named <name>/<number>.jpg"
        elif (
            len(match[2]) > 9
            or int(match[2]) < 1
            or int(match[2]) in names.setdefault(match[1], {})
        ):
            rule = "Images must be numbered from 1, and each listed once"
        else:
            names[match[1]][int(match[2])] = row
            continue
        _reading.refuse_rows([row >= 0], rule, [image], path, skip=row + 1)
    return names


def _image_folders(report, images):
    """Returns the folders of images: those named, otherwise the preferred ones that exist."""
    if images is None:
        return next(filter(None, (_media_folders(report, name) for name in _IMAGES)), [])
    images = [images] if isinstance(images, (str, Path)) else images
    folders = [report.root / folder for folder in images]
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(
                f"`images` must be folders with <name>/00001.jpg. Received: {folder}, which is not "
                "a folder. Check the path."
            )
    return folders


def _media_folders(report, pattern):
    """Returns the folders with matching names, below the root or beside the annotations."""
    folders = _matching_folders(report.root, pattern, depth=2)
    above = _above_annotations(Path(os.path.abspath(report.root)))
    if not folders and above is not None:
        folders = _matching_folders(above, pattern, depth=1)
    return folders


def _matching_folders(root, pattern, depth):
    return [
        _reading.find_folder(parent, folder.name)
        for parent in _reading.walk_folders(root, depth, skip=_NO_ANNOTATIONS)
        for folder in _reading.folders(parent)
        if re.fullmatch(pattern, folder.name.lower())
    ]


def _above_annotations(root):
    """Returns the folder around the folder of annotations `root`; `None` if `root` is not one."""
    above = root.parent if any(root.name.lower() in names for names in _SETS.values()) else root
    above = above.parent if above.name.lower().endswith("annotations") else above
    return None if above == root else above


def _from_images(report, labels, folders):
    """Returns the clips of all labels, with the images of the folder named after each."""
    folder_of = _folders_by_name(report, folders)
    for name in folder_of.keys() - labels.keys():
        report.note("folders of images without labels", name)
    return [
        _from_folder(report, name, label, folder_of[name])
        if name in folder_of
        else _reading.without_images(report, name, len(label.frames), **label.fields)
        for name, label in labels.items()
    ]


def _folders_by_name(report, folders):
    folder_of = {}
    for folder in folders:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if not entry.is_dir():
                report.note("files among the folders of images", entry.name)
            elif entry.name in folder_of:
                report.note("folders of images that exist twice, the first is read", entry.name)
            else:
                folder_of[entry.name] = entry.path
    return folder_of


def _from_folder(report, name, labels, folder):
    """Returns the clip of one person, with an image for each frame that has one."""
    files, others = _reading.numbered_files(folder, _reading.IMAGE_ENDINGS)
    for file in others:
        report.note("files that are not numbered images", f"{name}/{file}")
    if 0 in files:
        raise ValueError(
            f"The images of Aff-Wild2 must be numbered from 1, as the labels are. Received: "
            f"{files[0]} in {folder}. Number them from 1."
        )
    paths = [os.path.join(folder, files[f]) if f in files else "" for f in labels.frames.tolist()]
    with_image = np.array([path != "" for path in paths], bool)
    unlabelled = len(files) - int(with_image.sum())
    if unlabelled:
        report.note("images without a label", name, unlabelled)
    missing = int((labels.fields["valid"] & ~with_image).sum())
    if missing:
        report.note("labelled frames without an image", name, missing)
    return Clip(name, paths, **labels.fields)


def _test_set(report, names, images, crops, **options):
    """Returns the clips of the people without annotations."""
    chosen = None if names is None else _listed_names(names)
    labelled = set() if chosen is not None else _annotated_names(report)
    folders = _image_folders(report, images) if crops is None else []
    videos = _reading.video_files(report, _media_folders(report, "|".join(_VIDEOS)))
    if folders:
        clips = {
            name: _unlabelled(report, name, folder, videos.get(video_name(name)))
            for name, folder in _folders_by_name(report, folders).items()
            if (name not in labelled if chosen is None else name in chosen)
        }
    else:
        labelled = {video_name(name) for name in labelled}
        wanted = set(videos) - labelled if chosen is None else set(map(video_name, chosen))
        people = database_crops.of_videos(
            {video: videos.get(video) for video in sorted(wanted)},
            report.dataset, report.root, report.note, crops, faces="all", **options
        )  # fmt: skip
        clips = {clip.key: clip for found in people.values() for clip in found}
        if chosen is not None and chosen - set(videos):  # names of people
            clips = {key: clip for key, clip in clips.items() if key in chosen}
    missing = sorted((chosen or set()) - set(clips) - {video_name(key) for key in clips})
    for name in missing:
        report.note("names of the list without images or a video that can be read", name)
    clips = _reading.non_empty(report, list(clips.values()))
    return report.finish(clips, video_of=lambda clip: video_name(clip.key))


def _listed_names(names):
    """Returns a set of names from a text file with one in each line, or from a list."""
    if isinstance(names, (str, Path)):
        names = _reading.read_lines(_checks.existing_file("names", names))
    names = {name.strip() for name in names if name.strip()}
    if not names:
        raise ValueError(
            "`names` must hold the name of at least one person. Received: none. Check the file."
        )
    return names


def _annotated_names(report):
    """Returns the names of all people with annotations of any task."""
    known = {name for names in _SETS.values() for name in names}
    sets = [folder for folder in _searched(report, None) if folder.name.lower() in known]
    files = [
        file
        for top in sets
        for folder in _reading.walk_folders(top, 1)
        for file in _reading.files(folder, (".txt",))
    ]
    if not files:
        report.note("annotations that tell the people of the other splits, missing in", report.root)
    return {file.stem for file in files}


def _unlabelled(report, name, folder, video):
    """Returns the clip of one person without labels, with a frame for each one of the video."""
    files, others = _reading.numbered_files(folder, _reading.IMAGE_ENDINGS)
    for file in others:
        report.note("files that are not numbered images", f"{name}/{file}")
    frames = max(files, default=0)
    if video is None:
        report.note("people without a video, whose frames end with their last image", name)
    else:
        frames = max(frames, frame_count(video))
    paths = [os.path.join(folder, files[f]) if f in files else "" for f in range(1, frames + 1)]
    return Clip(name, paths)


def _from_videos(report, labels, crops, **options):
    """Returns the clips of all labels, with faces that are detected in the videos."""
    files = _reading.video_files(report, _media_folders(report, "|".join(_VIDEOS)))
    videos = {video: files.get(video) for video in sorted({video_name(name) for name in labels})}
    report.sources = {video: file for video, file in videos.items() if file}
    people = database_crops.of_videos(
        videos, report.dataset, report.root, report.note, crops, faces="all", **options
    )
    clips = {clip.key: clip for found in people.values() for clip in found}
    for name in clips.keys() - labels.keys():
        report.note("people without labels", name)
    result = []
    for name, label in labels.items():
        if name in clips:
            result.append(_reading.join_labels(report, clips[name], label.frames, **label.fields))
        elif video_name(name) in people:
            report.note("people with labels who were not found in their video", name)
        else:
            result.append(_reading.without_images(report, name, len(label.frames), **label.fields))
    return result


def read_list(path):
    """Reads a multitask list of the database, or of a submission to its challenges.

    Args:
        path: Text file with the header `image,valence,arousal,expression,aus`.

    Returns:
        Dict from the name of each person to `(frames, fields)`: 1-based numbers of the listed
        frames, ascending, and the fields of `read_person` of all tasks, with a row for each.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is malformed.
    """
    path = _checks.existing_file("path", path)
    report = LoadReport("affwild2", path.parent, None, LAYOUT)
    labels = _read_multitask(report, path, OTHER)
    return {name: (each.frames, each.fields) for name, each in labels.items()}
