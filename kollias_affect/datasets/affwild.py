"""Aff-Wild (Kollias et al., 2019): 298 videos with valence and arousal of every frame.

Faces are cut out once: each frame by the landmarks that come with the database, or else by its
box; videos without either where our own detector finds faces. A frame without its `.pts` file has
no face. Whether the `.pts` files count from 0 or from 1 differs between copies and is found out
per video. A video that is missing or cannot be read leaves its labels, on frames without an image.

References: paper C §2.4 and §3.
"""

import dataclasses
import hashlib
import os
import re
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kollias_affect import _checks, faces
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport, refuse_same_keys
from kollias_affect.faces import database_crops, landmark_crops

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
        split: `"train"`, `"test"` (published without labels; then its clips have none; for other
            names of both see `_reading.canonical_split`), or `None` for all videos that have labels.
        crops: folder of the faces. Videos that `kollias-affect extract` has done there are taken
            as they are. Default: in the package's cache folder, where crops are made again when
            their video, its `.pts` files or `size` have changed.
        size: side in pixels of the crops that are made now.
        detector: of `faces.extract`, for videos without landmarks and boxes.

    Returns:
        list of `Clip` with `valence_arousal`, as long as the shortest of both labels and the
        decoded frames. Landmarks are NaN where a box was used.

    Raises:
        FileNotFoundError, ValueError: if the files are missing or malformed, an argument unknown.
    """
    split = _reading.canonical_split(split, SPLITS)
    size = _checks.integer_between("size", size, 16, 2048)
    report = LoadReport("affwild", root, split, LAYOUT)
    parts = _parts(report)
    videos = []
    for name in SPLITS if split is None else (split,):
        videos += _videos(report, parts, name, labelled=split != "test")
    refuse_same_keys(videos)
    faces_of = _faces(report, videos, _crops(report, crops), size, detector)
    clips = [_label(report, v, faces_of[v.key]) for v in videos if v.key in faces_of]
    clips += [_alone(report, v) for v in videos if v.key not in faces_of and v.labels is not None]
    # A video with several people in `crops` has none that the labels are of.
    clips = [clip for clip in clips if clip is not None]
    return report.finish(_reading.non_empty(report, clips))


@dataclasses.dataclass
class _Video:
    """One video: its file, labels and point files as far as they are there.

    `labels` is `[frames, 2]`, `points` a dict from the 1-based frame to its `.pts` files: a dict
    from 68, 4 or both (how many points a file has) to its path.
    """

    key: str
    path: Path | None
    labels: np.ndarray | None
    points: dict


@dataclasses.dataclass
class _Crops:
    """Where the crops lie: cut by `.pts` files in `aligned`, of detected faces in `detected`.

    A folder that the user named holds both and stays as it is. In the cache, crops are made again
    when what they are from has changed.
    """

    aligned: Path
    detected: Path
    named: bool

    def are_detected(self, video):
        done = (self.detected / f"{video.key}.json").is_file()
        return done and (self.named or video.path is None or not video.points)

    def are_aligned(self, video, size):
        if self.named:
            return landmark_crops.exists(self.aligned, video.key)
        to_detect = video.path is not None and not video.points
        return not to_detect and landmark_crops.fits(
            self.aligned, video.key, size, self.source(video)
        )

    def source(self, video):
        """What crops are cut from; `None` if that is not there any more."""
        if video.path is None:
            return None
        state = video.path.stat()
        source = f"{video.path.name}, {state.st_size} bytes"
        if self.named:
            return source
        return f"{source}, changed {state.st_mtime_ns}, .pts files {_fingerprint(video.points)}"


def _fingerprint(points):
    """Changes when a `.pts` file is added, removed, written again or taken for another frame."""
    content = hashlib.sha256()
    for frame, paths in sorted(points.items()):
        for corners, path in paths.items():
            # Without folders: the root may be spelled in several ways.
            name, changed = os.path.basename(path), os.stat(path).st_mtime_ns
            content.update(f"{frame} {corners} {name} {changed}\n".encode())
    return content.hexdigest()[:16]


def _crops(report, crops):
    if crops is not None:
        return _Crops(Path(crops), Path(crops), named=True)
    folder = database_crops.folder(report)
    return _Crops(folder.with_name(f"{folder.name}-aligned"), folder, named=False)


def _parts(report):
    """The folders of the database by their names."""
    if not report.root.is_dir():
        raise FileNotFoundError(report.expected("which is no folder"))
    found = {}
    for folder in _reading.walk_folders(report.root, depth=3, skip=("__macosx",)):
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
        name: _reading.find_folder(folders[0].parent, folders[0].name)
        for name, folders in found.items()
    }


def _inside(folder, *names):
    for name in names:
        folder = folder and _reading.find_folder(folder, name)
    return folder


def _videos(report, parts, split, labelled):
    """The videos of a split; those without labels only if `labelled` is false."""
    files = _video_files(report, _inside(parts.get("videos"), split))
    labels = _label_files(report, _inside(parts.get("annotations"), split))
    videos = []
    for name in sorted({*files, *labels}, key=_reading.natural_key):
        if name in labels or not labelled:
            values = _read_labels(report, name, labels[name]) if name in labels else None
            points = _point_files(report, parts, split, name, values)
            videos.append(_Video(name, files.get(name), values, points))
        else:
            report.note("videos without labels, left out", name)
    return videos


def _video_files(report, folder):
    found = {}
    for path in _reading.files(folder, _reading.VIDEO_ENDINGS, report) if folder else ():
        if path.stem in found:
            report.note(f"videos with a second file, which is not read ({path.suffix})", path.stem)
        else:
            found[path.stem] = path
    return found


def _label_files(report, folder):
    """Dict from the name of a video to its two files."""
    found = [
        {path.stem: path for path in _reading.files(place, (".txt",), report)} if place else {}
        for place in (_inside(folder, name) for name in DIMENSIONS)
    ]
    for name in sorted(found[0].keys() ^ found[1].keys(), key=_reading.natural_key):
        report.note("videos with labels for one of valence and arousal, left out", name)
    return {name: (found[0][name], found[1][name]) for name in found[0].keys() & found[1].keys()}


def _read_labels(report, name, paths):
    columns = []
    for dimension, path in zip(DIMENSIONS, paths, strict=True):
        values = _reading.read_numbers(path, (dimension,))[:, 0]
        rule = f"{dimension.capitalize()} must lie in [-1, 1]"
        _reading.refuse_rows(~(np.abs(values) <= 1), rule, values, path)
        columns.append(values)
    length, longest = sorted(map(len, columns))
    if length < longest:
        report.note("labels for one of valence and arousal, left out", name, longest - length)
    return np.stack([column[:length] for column in columns], axis=1)


def _point_files(report, parts, split, name, labels):
    """Dict from the 1-based frame to a dict from the number of points to their file."""
    folders = {68: _inside(parts.get("landmarks"), split, name)}
    folders[4] = _inside(parts.get("bboxes"), split, name)
    listed = {corners: _listed(report, folder) for corners, folder in folders.items()}
    boxes = len(listed[4].keys() - listed[68].keys())
    if listed[68] and boxes:
        report.note("frames with a box and no landmarks, cut by the box", name, boxes)
    numbers = sorted(listed[68].keys() | listed[4].keys())
    base = _base(report, name, numbers, labels)
    return {
        number + 1 - base: {
            corners: os.path.join(folders[corners], files[number])
            for corners, files in listed.items()
            if number in files
        }
        for number in numbers
    }


def _listed(report, folder):
    files, others = _reading.numbered_files(folder, (".pts",)) if folder else ({}, [])
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
    """Dict from key to a `Clip` of all frames without labels, of the videos that can be read.

    It is `None` for a video with several people.
    """
    detected = {v.key for v in videos if crops.are_detected(v)}
    others = [v for v in videos if v.key not in detected]
    ready = {v.key for v in others if crops.are_aligned(v, size)}
    to_align = [v for v in others if v.path and v.points and v.key not in ready]
    for video in tqdm(to_align, desc="aligning faces", unit=" videos", disable=None):
        if _align(report, video, crops, size):
            ready.add(video.key)
    to_detect = {v.key: v.path for v in others if v.path and not v.points and v.key not in ready}
    for key in to_detect:
        report.note("videos without landmarks and boxes, whose faces are detected", key)
    to_detect |= {v.key: v.path for v in videos if v.key in detected}
    folder = crops.detected if crops.named else None
    people = database_crops.of_videos(report, to_detect, folder, size=size, detector=detector)
    clips = {key: _main(report, key, found) for key, found in people.items()}
    ready = [v for v in others if v.key in ready]
    return clips | {v.key: _aligned(report, v, crops, size) for v in ready}


def _align(report, video, crops, size):
    """Makes the crops of one video; whether it can be read."""
    points = {frame: _points(paths) for frame, paths in video.points.items()}
    how = {"source": crops.source(video), "overwrite": not crops.named}
    try:
        frames = faces.Video(video.path)
        landmark_crops.make(crops.aligned, video.key, frames, points, size, **how)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        report.note("videos that cannot be read", f"{video.key} ({reason})")
        return False
    return True


def _points(paths):
    """The first points of a frame that mark a face, or its last: landmarks, then its box."""
    for corners, path in paths.items():
        points = read_pts(path, corners) - 1
        if landmark_crops.marks_face(points):
            break
    return points


def _aligned(report, video, crops, size):
    clip, broken = landmark_crops.read(crops.aligned, video.key, size, crops.source(video))
    if broken:
        report.note("videos that break, read as far as they decode", broken)
    beyond = sum(frame > len(clip) for frame in video.points)
    if beyond:
        report.note(".pts files beyond the last frame", video.key, beyond)
    empty = len(video.points) - beyond - int(clip.has_image.sum())
    if empty > 0:
        report.note("boxes and landmarks that mark no face", video.key, empty)
    if clip.landmarks is not None:
        by_box = clip.has_image & np.isnan(clip.landmarks[:, 0, 0])
        degenerate = sum(68 in video.points.get(i + 1, ()) for i in np.flatnonzero(by_box))
        if degenerate:
            reason = "frames whose landmarks lie in one place, cut by the box"
            report.note(reason, video.key, degenerate)
    return clip


def _main(report, key, people):
    """The person of a video that was extracted; `None` if it has several."""
    if len(people) == 1:
        return dataclasses.replace(people[0], key=key, subject=key)
    report.note("videos with several people in `crops`, left out", key)
    return None


def _alone(report, video):
    """The labels of a video that cannot be shown."""
    report.note("videos that are missing or cannot be read, labels alone", video.key)
    return Clip(video.key, [""] * len(video.labels), valence_arousal=video.labels)


def _label(report, video, clip):
    if clip is None or video.labels is None:
        return clip
    frames = np.arange(1, len(video.labels) + 1)
    return _reading.join_labels(report, clip, frames, valence_arousal=video.labels)


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
    rows = _reading.read_lines(path)
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
