"""Aff-Wild (Kollias et al., 2019): 298 videos with valence and arousal of every frame.

Faces are cut out once, by the landmarks that come with the database, or else by its boxes, or
else where our own detector finds them. A frame without its `.pts` file has no face. Whether the
`.pts` files count from 0 or from 1 differs between copies and is found out per video.

References: paper C §2.4 and §3.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kollias_affect import _checks, faces
from kollias_affect.datasets import aligned, reading
from kollias_affect.datasets import crops as crop_folders
from kollias_affect.datasets.report import Report, refuse_same_keys

SPLITS = ("train", "test")
DIMENSIONS = ("valence", "arousal")
LAYOUT = (
    "a folder (or the one above it) with videos/{train,test}/105.avi, "
    "annotations/train/{valence,arousal}/105.txt, and if you have them "
    "bboxes/{train,test}/105/1.pts and landmarks/{train,test}/105/1.pts"
)
_NAMES = {
    "videos": "videos",
    "annotations": "annotations",
    "bboxes": "bboxes",
    "bboxs": "bboxes",
    "landmarks": "landmarks",
}


def load(root, split=None, crops=None, size=96, detector="hog"):
    """Reads Aff-Wild; every video is a clip, and a subject of its own.

    Args:
        root: the folder that holds `videos`, `annotations` and so on, or the one above it.
        split: `"train"`, `"test"` (published without labels; then its clips have none), or `None`
            for all videos that have labels.
        crops: folder of the faces. Videos that `kollias-affect extract` has done there are taken
            as they are. Default: in the package's cache folder.
        size: side in pixels of the crops that are made now.
        detector: of `faces.extract`, for videos without landmarks and boxes.

    Returns:
        list of `Clip` with `valence_arousal`, as long as the shortest of both labels and the
        decoded frames.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or malformed, an argument unknown.
    """
    if split is not None:
        _checks.one_of("split", split, SPLITS)
    size = _checks.integer_between("size", size, 16, 2048)
    report = Report("affwild", root, split, LAYOUT)
    parts = _parts(report)
    videos = []
    for name in SPLITS if split is None else (split,):
        videos += _videos(report, parts, name, labelled=split != "test")
    refuse_same_keys(videos)
    crops = crop_folders.folder(report) if crops is None else Path(crops)
    clips = _faces(report, videos, crops, size, detector)
    clips = [_label(report, v, clips[v.key]) for v in videos if v.key in clips]
    return report.finish(reading.filled(report, clips))


@dataclasses.dataclass
class _Video:
    """One video: its file, labels and point files as far as they are there.

    `labels` is `[frames, 2]`, `points` a dict from the 1-based frame to its `.pts` file in
    `folder`, which has `corners` points.
    """

    key: str
    path: Path | None
    labels: np.ndarray | None
    folder: Path | None
    points: dict
    corners: int


def _parts(report):
    """The folders of the database by their names."""
    if not report.root.is_dir():
        raise FileNotFoundError(report.expected("which is no folder"))
    found = {}
    for folder in reading.below(report.root, depth=3, skip=("__macosx",)):
        name = _NAMES.get(folder.name.lower())
        # Unpacking may have doubled a folder, and the root may bear any name.
        doubled = folder.parent != report.root and folder.parent.name.lower() in _NAMES
        if name and folder != report.root and not doubled:
            found.setdefault(name, []).append(folder)
    for name, folders in found.items():
        if len(folders) > 1:
            raise ValueError(
                f"A root holds Aff-Wild once. Received: {report.root} with {name} in "
                f"{[str(folder) for folder in folders]}. Name the folder above one of them."
            )
    if not found.keys() & {"videos", "annotations"}:
        raise FileNotFoundError(report.expected("which has neither videos nor annotations"))
    return {
        name: reading.find_folder(folders[0].parent, folders[0].name)
        for name, folders in found.items()
    }


def _inside(folder, *names):
    for name in names:
        folder = folder and reading.find_folder(folder, name)
    return folder


def _videos(report, parts, split, labelled):
    """The videos of a split; those without labels only if `labelled` is false."""
    files = _video_files(report, _inside(parts.get("videos"), split))
    labels = _label_files(report, _inside(parts.get("annotations"), split))
    videos = []
    for name in sorted({*files, *labels}, key=reading.natural):
        if name in labels or not labelled:
            values = _read_labels(report, name, labels[name]) if name in labels else None
            points = _point_files(report, parts, split, name, values)
            videos.append(_Video(name, files.get(name), values, *points))
        else:
            report.note("videos without labels, left out", name)
    return videos


def _video_files(report, folder):
    found = {}
    for path in reading.files(folder, reading.VIDEO_ENDINGS, report) if folder else ():
        if path.stem in found:
            report.note(f"videos with a second file, which is not read ({path.suffix})", path.stem)
        else:
            found[path.stem] = path
    return found


def _label_files(report, folder):
    """Dict from the name of a video to its two files."""
    found = [
        {path.stem: path for path in reading.files(place, (".txt",), report)} if place else {}
        for place in (_inside(folder, name) for name in DIMENSIONS)
    ]
    for name in sorted(found[0].keys() ^ found[1].keys(), key=reading.natural):
        report.note("videos with labels for one of valence and arousal, left out", name)
    return {name: (found[0][name], found[1][name]) for name in found[0].keys() & found[1].keys()}


def _read_labels(report, name, paths):
    columns = []
    for dimension, path in zip(DIMENSIONS, paths, strict=True):
        values = reading.numbers(path, (dimension,))[:, 0]
        rule = f"{dimension.capitalize()} must lie in [-1, 1]"
        reading.refuse_rows(~(np.abs(values) <= 1), rule, values, path)
        columns.append(values)
    length, longest = sorted(map(len, columns))
    if length < longest:
        report.note("labels for one of valence and arousal, left out", name, longest - length)
    return np.stack([column[:length] for column in columns], axis=1)


def _point_files(report, parts, split, name, labels):
    """Folder of the `.pts` files, dict from frame to its file, and how many points these have."""
    folders = [_inside(parts.get(part), split, name) for part in ("landmarks", "bboxes")]
    landmarks, boxes = (_listed(report, folder) for folder in folders)
    if landmarks and boxes.keys() - landmarks.keys():
        count = len(boxes.keys() - landmarks.keys())
        report.note("frames with a box and no landmarks, left without a face", name, count)
    folder, listed, corners = (folders[0], landmarks, 68) if landmarks else (folders[1], boxes, 4)
    base = _base(report, name, listed, labels)
    return folder, {number + 1 - base: file for number, file in listed.items()}, corners


def _listed(report, folder):
    files, others = reading.numbered(folder, (".pts",)) if folder else ({}, [])
    for other in others:
        report.note("files ignored among .pts files", f"{folder.name}/{other}")
    return files


def _base(report, name, listed, labels):
    """The number of the first frame. A `0.pts` proves 0; the last number may prove 1."""
    if 0 in listed:
        report.note("videos whose .pts files count from 0", name)
        return 0
    if listed and (labels is None or max(listed) != len(labels)):
        count = "no" if labels is None else len(labels)
        reason = "videos whose .pts files are taken to count from 1, with no proof of it"
        report.note(reason, f"{name} (last {max(listed)}, {count} labels)")
    return 1


def _faces(report, videos, crops, size, detector):
    """Dict from key to a `Clip` of all frames, without labels."""
    extracted = {v.key for v in videos if (crops / f"{v.key}.json").is_file()}
    ready = {v.key for v in videos if aligned.exists(crops, v.key)} - extracted
    for video in videos:
        if video.path is None and video.key not in extracted | ready:
            report.note("videos that are missing", video.key)
    to_align = [v for v in videos if v.path and v.points and v.key not in extracted | ready]
    for video in tqdm(to_align, desc="aligning faces", unit=" videos", disable=None):
        if _align(report, video, crops, size):
            ready.add(video.key)
    to_detect = {v.key: v.path for v in videos if v.key in extracted or not v.points}
    to_detect = {key: path for key, path in to_detect.items() if key not in ready}
    for key in to_detect.keys() - extracted:
        report.note("videos without landmarks and boxes, whose faces are detected", key)
    people = crop_folders.of_videos(report, to_detect, crops, size=size, detector=detector)
    clips = {key: _main(report, key, found) for key, found in people.items()}
    for video in videos:
        if video.key in ready:
            clips[video.key] = _aligned(report, video, crops, size)
    return {key: clip for key, clip in clips.items() if clip is not None}


def _align(report, video, crops, size):
    """Makes the crops of one video; whether it can be read."""
    points = {
        frame: read_pts(video.folder / name, video.corners) - 1
        for frame, name in video.points.items()
    }
    try:
        frames = faces.Video(video.path)
        aligned.make(crops, video.key, frames, points, size, _source(video))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        report.note("videos that cannot be read", f"{video.key} ({reason})")
        return False
    return True


def _source(video):
    return None if video.path is None else f"{video.path.name}, {video.path.stat().st_size} bytes"


def _aligned(report, video, crops, size):
    clip, broken = aligned.read(crops, video.key, size, _source(video))
    if broken:
        report.note("videos that break, read as far as they decode", broken)
    beyond = sum(frame > len(clip) for frame in video.points)
    if beyond:
        report.note(".pts files beyond the last frame", video.key, beyond)
    empty = len(video.points) - beyond - int(clip.has_image.sum())
    if empty > 0:
        report.note("boxes and landmarks that mark no face", video.key, empty)
    return clip


def _main(report, key, people):
    """The person of a video that was extracted; `None` if it has several."""
    if len(people) == 1:
        return dataclasses.replace(people[0], key=key, subject=key)
    report.note("videos with several people in `crops`, left out", key)
    return None


def _label(report, video, clip):
    if video.labels is None:
        return clip
    frames = np.arange(1, len(video.labels) + 1)
    return reading.joined(report, clip, frames, valence_arousal=video.labels)


def read_pts(path, points):
    """The points of a `.pts` file as they are written: the left upper pixel is (1, 1).

    Args:
        path: text file: `version: 1`, `n_points: 68`, `{`, one `x y` per line, `}`.
        points: how many it has to hold.

    Returns:
        float64 `[points, 2]`, x then y.

    Raises:
        ValueError: naming file and line, if it breaks that form.
    """
    rows = reading.lines(path)
    while rows and not rows[-1].strip():
        rows = rows[:-1]
    form = [
        ("version: 1", r"version\s*:\s*\d+"),
        (f"n_points: {points}", rf"n_points\s*:\s*{points}"),
        ("{", r"\{"),
        *[("x y", None)] * points,
        ("}", r"\}"),
        ("nothing", "(?!)"),
    ]
    result = []
    for line in range(max(len(rows), len(form) - 1)):
        wanted, pattern = form[min(line, len(form) - 1)]
        row = rows[line].strip() if line < len(rows) else ""
        pair = _pair(row) if pattern is None else None
        if pair is None if pattern is None else not re.fullmatch(pattern, row):
            raise ValueError(
                f"A .pts file must have {points} points, {{x y}} in each line. Received: "
                f"{row[:60]!r} instead of {wanted!r} in line {line + 1} of {path}. Copy the file "
                "again, or remove it; the frame then has no face."
            )
        if pair is not None:
            result.append(pair)
    return np.array(result)


def _pair(row):
    try:
        x, y = map(float, row.split())
    except ValueError:
        return None
    return (x, y) if np.isfinite(x) and np.isfinite(y) else None
