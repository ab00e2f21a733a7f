"""AFEW (Dhall et al., 2012) as in EmotiW 2017: clips of movies with one of seven expressions.

Layout: `Train_AFEW/<Emotion>/<id>.avi` with aligned faces in
`Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/<id>/*.jpg`, and the same in `Val_AFEW`.

Labels: one expression per video, the name of its folder.

Faces: the aligned faces of the database if it has them, otherwise the videos, in which the package
detects the faces. Aligned faces are named by the number of their frame and have no times. Where
a number is missing, tracking failed, and the frame has no image. A video without faces that can be
read keeps its label, on one frame without an image.

Subjects: the id of the video, because the database does not name the persons. Two ids are in both
splits with different labels, so ids are joined within a split.
"""

import dataclasses

from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.faces import database_crops
from kollias_affect.tasks import EXPRESSIONS

FOLDERS = {"train": "Train_AFEW", "validation": "Val_AFEW"}
# The labels of the test videos are not distributed.
OFFICIAL_PARTS = {"training": "train", "validation": "validation"}
FACES = {"train": "AlignedFaces_LBPTOP_Points", "validation": "AlignedFaces_LBPTOP_Points_Val"}
PUBLISHED = {"train": 773, "validation": 383}
MAX_FRAMES = 10_000  # per video; those of AFEW last a few seconds
LAYOUT = (
    "Train_AFEW/<Emotion>/*.avi with Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/<id>/*.jpg, and "
    "the same in Val_AFEW with AlignedFaces_LBPTOP_Points_Val"
)


def load(root, split=None, crops=None, **options):
    """Reads AFEW; every video is a clip `<split>/<id>`, whose frames all have its label.

    Args:
        root: Folder with `Train_AFEW` and `Val_AFEW`, one of the two, or a folder up to two
            levels above.
        split: `"train"`, `"validation"`, another name of these (see `_reading.canonical_split`),
            or `None` for both.
        crops: Folder of faces that `faces.extract` has made, or makes now, from the videos,
            `<crops>/train/<id>.csv` and so on. Default: the aligned faces of the database; for a
            split without them, a folder in the package's cache.
        **options: Options of `faces.extract` for faces that are extracted now.

    Returns:
        `Clips` with `expression`, sorted by key.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If a file is in the wrong place, or an argument unknown.
    """
    if str(split).lower() == "test":
        raise ValueError(
            "The labels of AFEW's test videos are not distributed. Received: split='test'. Use "
            f"one of {tuple(FOLDERS)}."
        )
    split = _reading.canonical_split(split, tuple(FOLDERS))
    report = LoadReport("afew", root, split, LAYOUT)
    clips, video_of = [], {}
    for part, folder in _folders(report, split).items():
        videos = _videos(report, part, folder)
        report.sources |= {key: file for key, (file, _) in videos.items()}
        faces = _faces(report, part, folder)
        if crops is None and faces is not None and _reading.folders(faces):
            people_of = _aligned(report, part, videos, faces)
        else:
            people_of = _extracted(report, videos, crops, options)
        for key, people in people_of.items():
            clips += people
            video_of.update((clip.key, key) for clip in people)
    return report.finish(clips, lambda clip: video_of[clip.key])


def _folders(report, split):
    """Returns a dict from split to its folder, for the splits that exist."""
    report.require_folder()
    folders = {}
    for part in FOLDERS if split is None else (split,):
        folder = _folder(report.root, FOLDERS[part])
        if folder is None:
            report.note("splits that are absent", FOLDERS[part])
        else:
            folders[part] = folder
    return folders


def _folder(root, name):
    """Returns the folder `name` nearest to `root`, which may be that folder, or `None`."""
    for parent in _reading.walk_folders(root, 2):
        folder = _reading.find_folder(parent, name)
        if folder is not None:
            return folder
        if parent.name.lower() == name.lower():
            return parent
    return None


def _videos(report, part, folder):
    """Returns a dict from `<split>/<id>` to `(video, index of its expression)`."""
    videos = {}
    for name, file in _reading.files_by_expression(
        folder, _reading.VIDEO_ENDINGS, report, beside=(*FACES.values(), "Faces")
    ):
        video = (file, EXPRESSIONS.index(name))
        before = videos.setdefault(f"{part}/{file.stem}", video)
        if before is not video:
            raise ValueError(
                "An id must have one video and one expression in a split. Received: "
                f"{before[0]} and {file}. Move the wrong one away."
            )
    if len(videos) != PUBLISHED[part]:
        reason = f"videos of {part}, not {PUBLISHED[part]} as published"
        report.note(reason, folder.name, len(videos))
    return videos


def _faces(report, part, folder):
    """Returns the folder of a split's aligned faces, with one folder per id, or `None`."""
    outer = _reading.find_folder(folder, *FACES.values())
    outer = outer or _reading.find_folder(folder.parent, FACES[part])
    faces = _reading.find_folder(outer or folder, "Faces") or outer
    archive = _reading.find_archive(folder, *FACES.values())
    if faces is None and archive is not None:
        report.note("archives of aligned faces that were not unpacked (unzip them)", archive)
    return faces


def _aligned(report, part, videos, faces):
    """Returns a dict from key to a list of the only clip of a video."""
    folders = {f"{part}/{folder.name}": folder for folder in _reading.folders(faces)}
    for key in sorted(folders.keys() - videos.keys()):
        report.note("folders of faces without a video, so without a label", key)
    clips = {}
    for key, (_, expression) in videos.items():
        paths = _frames(report, folders[key]) if key in folders else []
        if not paths:
            state = "an empty folder" if key in folders else "no folder"
            report.note(f"videos with {state} of faces, labels alone", key)
        clips[key] = [_with_label(Clip(key, paths or [""]), key, expression)]
    return clips


def _with_label(clip, key, expression):
    labels = [expression] * len(clip)
    return dataclasses.replace(
        clip, expression=labels, subject=key.split("/")[1], names_person=False
    )


def _frames(report, folder):
    """Returns the image of each frame from the first number to the last, `""` where missing."""
    numbered, others = _reading.numbered_files(folder, _reading.IMAGE_ENDINGS)
    for name in others:
        report.note("files among the faces whose name is not a number", f"{folder.name}/{name}")
    if not numbered:
        return []
    first, last = min(numbered), max(numbered)
    if last - first >= MAX_FRAMES:
        raise ValueError(
            f"A video must have fewer than {MAX_FRAMES:,} frames, whose numbers name the faces. "
            f"Received: {numbered[first]} and {numbered[last]} in {folder}. Move the wrong one "
            "away."
        )
    frames = range(first, last + 1)
    return [str(folder / numbered[i]) if i in numbered else "" for i in frames]


def _extracted(report, videos, folder, options):
    """Returns a dict from key to the clips of the people in a video."""
    files = {key: file for key, (file, _) in videos.items()}
    people = database_crops.of_videos(
        files, report.dataset, report.root, report.note, folder, **options
    )
    clips = {}
    for key, (_, expression) in videos.items():
        if key not in people:
            report.note("videos that cannot be read, labels alone", key)
        unlabelled = people.get(key, [Clip(key, [""])])
        clips[key] = [_with_label(clip, key, expression) for clip in unlabelled]
    return clips
