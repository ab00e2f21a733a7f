"""AFEW (Dhall et al., 2012) as in EmotiW 2017: clips of movies with one of seven expressions.

The folder of a video is its label. The aligned faces that come with it lie elsewhere, by the
video's id alone, so ids are joined within a split: two ids are in both splits, with different
labels. Who is in a clip is not said; the subject is the id, so a split by person keeps these two
together.
"""

import dataclasses

from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport
from kollias_affect.faces import database_crops
from kollias_affect.tasks import EXPRESSIONS

FOLDERS = {"train": "Train_AFEW", "validation": "Val_AFEW"}
FACES = {"train": "AlignedFaces_LBPTOP_Points", "validation": "AlignedFaces_LBPTOP_Points_Val"}
PUBLISHED = {"train": 773, "validation": 383}
LONGEST = 10_000  # frames; clips of AFEW last a few seconds
LAYOUT = (
    "Train_AFEW/<Emotion>/*.avi with Train_AFEW/AlignedFaces_LBPTOP_Points/Faces/<id>/*.jpg, and "
    "the same in Val_AFEW with AlignedFaces_LBPTOP_Points_Val"
)


def load(root, split=None, crops=None, **options):
    """Reads AFEW; a video is a clip `<split>/<id>`, its label that of each frame.

    The aligned faces of a split are read if it has them and `crops` names no other. They bear
    the numbers of their frames: where a number is missing in between, tracking failed, and the
    frame stays without an image. They have no times. In a split without them, faces are extracted
    from the videos. A video without faces that can be read keeps its label, on one frame without
    an image, and is counted.

    Args:
        root: folder with `Train_AFEW` and `Val_AFEW`, one of the two, or a folder up to two
            levels above.
        split: `"train"`, `"validation"` (or another name of them, see `_reading.canonical_split`), or
            `None` for both.
        crops: folder of faces extracted from the videos, `<crops>/train/<id>.csv` and so on; see
            `database_crops.of_videos`, which extracts missing ones.
        **options: of `faces.extract`.

    Returns:
        list of `Clip` with `expression`.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or in the wrong place, an argument
            is unknown.
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
        faces = _faces(report, part, folder)
        if crops is None and faces is not None and _reading.folders(faces):
            found = _aligned(report, part, videos, faces)
        else:
            found = _extracted(report, videos, crops, options)
        for key, people in found.items():
            clips += people
            video_of.update((clip.key, key) for clip in people)
    return report.finish(clips, lambda clip: video_of[clip.key])


def _folders(report, split):
    """Dict from split to its folder, those that are there."""
    if not report.root.is_dir():
        raise FileNotFoundError(report.expected("which is no folder"))
    found = {}
    for part in FOLDERS if split is None else (split,):
        for root in _reading.walk_folders(report.root, 2):
            itself = root if root.name.lower() == FOLDERS[part].lower() else None
            folder = _reading.find_folder(root, FOLDERS[part]) or itself
            if folder is not None:
                found[part] = folder
                break
        else:
            report.note("splits that are absent", FOLDERS[part])
    return found


def _videos(report, part, folder):
    """Dict from `<split>/<id>` to `(video, index of its expression)`."""
    videos = {}
    for name, file in _reading.files_by_expression(
        folder, _reading.VIDEO_ENDINGS, report, beside=(*FACES.values(), "Faces")
    ):
        video = (file, EXPRESSIONS.index(name))
        before = videos.setdefault(f"{part}/{file.stem}", video)
        if before is not video:
            raise ValueError(
                "An id has one video and one expression in a split. Received: "
                f"{before[0]} and {file}. Move the wrong one away."
            )
    if len(videos) != PUBLISHED[part]:
        reason = f"videos of {part}, not {PUBLISHED[part]} as published"
        report.note(reason, folder.name, len(videos))
    return videos


def _faces(report, part, folder):
    """The folder of a split's aligned faces, one folder per id, or `None`."""
    outer = _reading.find_folder(folder, *FACES.values())
    outer = outer or _reading.find_folder(folder.parent, FACES[part])
    faces = _reading.find_folder(outer or folder, "Faces") or outer
    archive = _reading.find_archive(folder, *FACES.values())
    if faces is None and archive is not None:
        report.note("archives of aligned faces that were not unpacked (unzip them)", archive)
    return faces


def _aligned(report, part, videos, faces):
    """Dict from key to the one clip of a video, in a list."""
    folders = {f"{part}/{folder.name}": folder for folder in _reading.folders(faces)}
    for key in sorted(folders.keys() - videos.keys()):
        report.note("folders of faces without a video, so without a label", key)
    clips = {}
    for key, (_, expression) in videos.items():
        paths = _frames(report, folders[key]) if key in folders else []
        if not paths:
            how = "an empty folder" if key in folders else "no folder"
            report.note(f"videos with {how} of faces, labels alone", key)
        clips[key] = [_labelled(Clip(key, paths or [""]), key, expression)]
    return clips


def _labelled(clip, key, expression):
    labels = [expression] * len(clip)
    return dataclasses.replace(clip, expression=labels, subject=key.split("/")[1])


def _frames(report, folder):
    """Image of each frame, from the first number to the last, `""` where there is none."""
    numbered, others = _reading.numbered_files(folder, _reading.IMAGE_ENDINGS)
    for name in others:
        report.note("files among the faces whose name is no number", f"{folder.name}/{name}")
    if not numbered:
        return []
    first, last = min(numbered), max(numbered)
    if last - first >= LONGEST:
        raise ValueError(
            f"Faces bear the numbers of their frames, fewer than {LONGEST:,} of them. Received: "
            f"{numbered[first]} and {numbered[last]} in {folder}. Move the wrong one away."
        )
    frames = range(first, last + 1)
    return [str(folder / numbered[i]) if i in numbered else "" for i in frames]


def _extracted(report, videos, folder, options):
    """Dict from key to the clips of the people in a video."""
    files = {key: file for key, (file, _) in videos.items()}
    people = database_crops.of_videos(report, files, folder, **options)
    clips = {}
    for key, (_, expression) in videos.items():
        if key not in people:
            report.note("videos that cannot be read, labels alone", key)
        found = people.get(key, [Clip(key, [""])])
        clips[key] = [_labelled(clip, key, expression) for clip in found]
    return clips
