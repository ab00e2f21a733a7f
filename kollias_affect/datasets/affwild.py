"""Aff-Wild (Kollias et al., 2019): 298 videos with valence and arousal of every frame.

Layout: `videos/{train,test}/105.avi`, `annotations/train/{valence,arousal}/105.txt`, and if
available `landmarks/{train,test}/105/1.pts` and `bboxes/{train,test}/105/1.pts`. Copies of the
database number the `.pts` files from 0 or from 1, which is determined for each video.

Labels: valence and arousal in [-1, 1], one line per frame. A video that is missing or cannot be
read keeps its labels, on frames without an image.

Faces: cropped once, by the landmarks of the frame, otherwise by its box. The package detects the
faces of videos with neither. A frame without a `.pts` file has no face.

Subjects: every video is a subject of its own. The 298 videos show 200 persons (paper C §2.4), and
no published file names them; the option `subjects` of `datasets.load` takes a file that does.

Annotators: the labels are the mean of two to four of six to eight annotators (paper C §3.4), whose
traces are not published. Paper C's comparison with one annotator (table 11) needs another database,
see `datasets.annotators`.

References: paper C §2.4 and §3.
"""

import dataclasses
import os
import re
from pathlib import Path

import numpy as np
from tqdm import tqdm

from kollias_affect import _checks, _files, _runs, faces
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport, refuse_same_keys
from kollias_affect.faces import database_crops, landmark_crops
from kollias_affect.tasks import DIMENSIONS

SPLITS = ("train", "test")
OFFICIAL_PARTS = {"training": "train", "test": "test"}
LAYOUT = (
    "a folder (or the one above it) with videos/{train,test}/105.avi, "
    "annotations/train/{valence,arousal}/105.txt, and if you have them "
    "bboxes/{train,test}/105/1.pts and landmarks/{train,test}/105/1.pts"
)
# Names of the folders in lower case, and the part of the database that they hold.
_NAMES = {
    "videos": "videos",
    "annotations": "annotations",
    "bboxes": "bboxes",
    "bboxs": "bboxes",
    "landmarks": "landmarks",
}


def load(root, split=None, crops=None, size=96, **options):
    """Reads Aff-Wild; every video is one clip.

    Args:
        root: Folder with `videos`, `annotations` and so on, or the folder above it.
        split: `"train"`, `"test"` (published without labels; its clips then have none), another
            name of these (see `_reading.canonical_split`), or `None` for all videos with labels.
        crops: Folder of the faces. Videos that `kollias-affect extract` has processed there are
            used as they are. Default: a folder in the package's cache, where crops are made again
            if their video, its `.pts` files or `size` change.
        size: Side in pixels of new crops.
        **options: Other options of `faces.extract`, for videos without landmarks and boxes.

    Returns:
        `Clips` with `valence_arousal`, sorted by key. A clip has as many frames as there are
        decoded frames, valence labels and arousal labels, whichever is the smallest number.
        Landmarks are NaN where a box was used.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If a file is malformed, or an argument unknown.
    """
    split = _reading.canonical_split(split, SPLITS)
    size = _checks.integer_between("size", size, 16, 2048)
    report = LoadReport("affwild", root, split, LAYOUT)
    parts = _parts(report)
    videos = []
    for name in SPLITS if split is None else (split,):
        videos += _videos(report, parts, name, labelled=split != "test")
    refuse_same_keys(videos)
    report.sources = {video.key: video.path for video in videos if video.path}
    unlabelled = _unlabelled_clips(report, videos, _crops(report, crops), size, options)
    clips = [_labelled(report, video, unlabelled) for video in videos]
    clips = [clip for clip in clips if clip is not None]
    return report.finish(_reading.non_empty(report, clips))


def has_labels(root, split):
    """Whether a part has labels: those of the test part are usually not distributed."""
    report = LoadReport("affwild", root, split, LAYOUT)
    folder = _subfolder(_parts(report).get("annotations"), split)
    return bool(_label_files(report, folder))


@dataclasses.dataclass
class _Video:
    """One video with the files that exist for it.

    Attributes:
        key: Name of the video.
        path: Video file, or `None`.
        labels: Valence and arousal, `[frames, 2]`, or `None`.
        points: Dict from the 1-based frame to its `.pts` files, a dict from the number of points
            (68, 4 or both) to the path.
    """

    key: str
    path: Path | None
    labels: np.ndarray | None
    points: dict


@dataclasses.dataclass
class _Crops:
    """Folders of the crops.

    Crops in the cache are made again if their sources change. A folder that the user named is used
    as it is.

    Attributes:
        aligned: Folder of the crops cut by `.pts` files.
        detected: Folder of the crops of detected faces.
        named: Whether the user named the folder, which is then both.
    """

    aligned: Path
    detected: Path
    named: bool

    def are_detected(self, video):
        """Whether the detected faces of a video are there and to be used."""
        extracted = (self.detected / f"{video.key}.json").is_file()
        return extracted and (self.named or video.path is None or not video.points)

    def are_aligned(self, video, size):
        """Whether the aligned crops of a video are there and up to date."""
        if self.named:
            return landmark_crops.exists(self.aligned, video.key)
        if video.path is not None and not video.points:
            return False
        return landmark_crops.fits(self.aligned, video.key, size, self.source(video))

    def source(self, video):
        """Returns a description of what crops are cut from; `None` if the video is missing."""
        if video.path is None:
            return None
        size, changed = _runs.file_state(video.path)
        source = f"{video.path.name}, {size} bytes"
        if self.named:
            return source
        return f"{source}, changed {changed}, .pts files {_points_fingerprint(video.points)}"


def _points_fingerprint(points):
    """Fingerprint that changes if a `.pts` file is added, removed, rewritten or renumbered."""
    # Names without folders: the same root can be spelled in several ways.
    lines = [
        f"{frame} {count} {os.path.basename(path)} {_runs.file_state(path)[1]}\n"
        for frame, paths in sorted(points.items())
        for count, path in paths.items()
    ]
    return _runs.fingerprint_bytes("".join(lines).encode())


def _crops(report, crops):
    if crops is not None:
        return _Crops(Path(crops), Path(crops), named=True)
    folder = database_crops.default_folder(report.dataset, report.root)
    return _Crops(folder.with_name(f"{folder.name}-aligned"), folder, named=False)


def _parts(report):
    """Returns a dict from `"videos"`, `"annotations"` and so on to the folder."""
    report.require_folder()
    candidates = _part_candidates(report.root)
    for name, folders in candidates.items():
        if len(folders) > 1:
            raise ValueError(
                f"A root must hold Aff-Wild once. Received: {report.root} with {name} in "
                f"{[str(folder) for folder in folders]}. Name the folder above one of them."
            )
    if not candidates.keys() & {"videos", "annotations"}:
        raise FileNotFoundError(report.expected("which has neither videos nor annotations"))
    return {
        name: _reading.find_folder(folders[0].parent, folders[0].name)
        for name, folders in candidates.items()
    }


def _part_candidates(root):
    """Returns a dict from the name of a part to the folders with that name."""
    candidates = {}
    for folder in _reading.walk_folders(root, depth=3, skip=("__macosx",)):
        name = _NAMES.get(folder.name.lower())
        # Unpacking may have doubled a folder, and the root itself may have any name.
        doubled = folder.parent != root and folder.parent.name.lower() in _NAMES
        if name and folder != root and not doubled:
            candidates.setdefault(name, []).append(folder)
    return candidates


def _subfolder(folder, *names):
    """Returns the folder inside `folder` that `names` lead to, or `None`."""
    for name in names:
        folder = folder and _reading.find_folder(folder, name)
    return folder


def _videos(report, parts, split, labelled):
    """Returns the list of `_Video` of a split; if `labelled`, only those with labels."""
    folder = _subfolder(parts.get("videos"), split)
    files = _reading.video_files(report, [folder] if folder else [])
    labels = _label_files(report, _subfolder(parts.get("annotations"), split))
    videos = []
    for name in sorted({*files, *labels}, key=_files.natural_key):
        if name in labels or not labelled:
            values = _read_labels(report, name, labels[name]) if name in labels else None
            points = _point_files(report, parts, split, name, values)
            videos.append(_Video(name, files.get(name), values, points))
        else:
            report.note("videos without labels, left out", name)
    return videos


def _label_files(report, folder):
    """Returns a dict from the name of a video to its files of valence and of arousal."""
    valence, arousal = (
        {path.stem: path for path in _reading.files(place, (".txt",), report)} if place else {}
        for place in (_subfolder(folder, name) for name in DIMENSIONS)
    )
    for name in sorted(valence.keys() ^ arousal.keys(), key=_files.natural_key):
        report.note("videos with labels for one of valence and arousal, left out", name)
    return {name: (valence[name], arousal[name]) for name in valence.keys() & arousal.keys()}


def _read_labels(report, name, paths):
    """Returns float64 `[frames, 2]`, as long as the shorter of the two files."""
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
    """Returns the `.pts` files of a video in the form of `_Video.points`."""
    folders = {
        68: _subfolder(parts.get("landmarks"), split, name),
        4: _subfolder(parts.get("bboxes"), split, name),
    }
    listed = {count: _numbered_pts(report, folder) for count, folder in folders.items()}
    boxes = len(listed[4].keys() - listed[68].keys())
    if listed[68] and boxes:
        report.note("frames with a box and no landmarks, cut by the box", name, boxes)
    numbers = sorted(listed[68].keys() | listed[4].keys())
    first = _first_number(report, name, numbers, labels)
    return {
        number + 1 - first: {
            count: os.path.join(folders[count], files[number])
            for count, files in listed.items()
            if number in files
        }
        for number in numbers
    }


def _numbered_pts(report, folder):
    """Returns a dict from the number of a `.pts` file to its name."""
    files, others = _reading.numbered_files(folder, (".pts",)) if folder else ({}, [])
    for other in others:
        report.note("files ignored among .pts files", f"{folder.name}/{other}")
    return files


def _first_number(report, name, listed, labels):
    """Returns the number of the first frame.

    A `0.pts` proves that it is 0. A last number equal to the number of labels proves that it is 1.
    """
    if 0 in listed:
        report.note("videos whose .pts files count from 0", name)
        return 0
    if listed and (labels is None or max(listed) != len(labels)):
        count = "no" if labels is None else len(labels)
        reason = "videos whose .pts files are assumed to count from 1, without proof"
        report.note(reason, f"{name} (last {max(listed)}, {count} labels)")
    return 1


def _unlabelled_clips(report, videos, crops, size, options):
    """Returns a dict from key to a `Clip` of all frames without labels, for readable videos.

    The value is `None` for a video with several people.
    """
    extracted = [video for video in videos if crops.are_detected(video)]
    keys = {video.key for video in extracted}
    others = [video for video in videos if video.key not in keys]
    aligned = _align_missing(report, others, crops, size)
    files = _files_to_detect(report, others, {video.key for video in aligned})
    files |= {video.key: video.path for video in extracted}
    folder = crops.detected if crops.named else None
    people = database_crops.of_videos(
        files, report.dataset, report.root, report.note, folder, size=size, **options
    )
    clips = {key: _only_person(report, key, found) for key, found in people.items()}
    return clips | {v.key: _read_aligned(report, v, crops, size) for v in aligned}


def _align_missing(report, videos, crops, size):
    """Makes missing crops of the videos with points; returns the videos that have crops now."""
    ready = {video.key for video in videos if crops.are_aligned(video, size)}
    missing = [v for v in videos if v.path and v.points and v.key not in ready]
    for video in tqdm(missing, desc="aligning faces", unit=" videos", disable=None):
        if _align(report, video, crops, size):
            ready.add(video.key)
    return [video for video in videos if video.key in ready]


def _files_to_detect(report, videos, aligned):
    """Returns a dict from key to the file of the videos whose faces must be detected."""
    files = {v.key: v.path for v in videos if v.path and not v.points and v.key not in aligned}
    for key in files:
        report.note("videos without landmarks and boxes, whose faces are detected", key)
    return files


def _align(report, video, crops, size):
    """Makes the crops of one video; returns whether the video can be read."""
    points = {frame: _points(paths) for frame, paths in video.points.items()}
    options = {"source": crops.source(video), "overwrite": not crops.named}
    try:
        frames = faces.Video(video.path)
        landmark_crops.make(crops.aligned, video.key, frames, points, size, **options)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        report.note("videos that cannot be read", f"{video.key} ({reason})")
        return False
    return True


def _points(paths):
    """Returns the points of a frame: its landmarks if they mark a face, otherwise its box."""
    for count, path in paths.items():
        points = read_pts(path, count) - 1
        if landmark_crops.marks_face(points):
            break
    return points


def _read_aligned(report, video, crops, size):
    """Returns the clip of a video that was aligned, and counts what is missing in it."""
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


def _only_person(report, key, people):
    """Returns the person in an extracted video; `None` if there are several."""
    if len(people) == 1:
        return dataclasses.replace(people[0], key=key, subject=key)
    report.note("videos with several people in `crops`, left out", key)
    return None


def _labelled(report, video, clips):
    """Returns the clip of a video with its labels; `None` if there is nothing to show or label."""
    if video.key not in clips:
        return _labels_alone(report, video)
    clip = clips[video.key]
    if clip is None or video.labels is None:  # nobody says which of several people was labelled
        return clip
    frames = np.arange(1, len(video.labels) + 1)
    return _reading.join_labels(report, clip, frames, valence_arousal=video.labels)


def _labels_alone(report, video):
    if video.labels is None:
        return None
    count = len(video.labels)
    return _reading.without_images(report, video.key, count, valence_arousal=video.labels)


def read_pts(path, points):
    """Reads the points of a `.pts` file, in which the upper left pixel is (1, 1).

    Args:
        path: Text file with the lines `version: 1`, `n_points: 68`, `{`, one `x y` per point, `}`.
        points: Number of points that the file must hold.

    Returns:
        Float64 array `[points, 2]` in pixels, x then y.

    Raises:
        ValueError: If the file has another form. The message names file and line.
    """
    rows = _reading.read_lines(path)
    while rows and not rows[-1].strip():
        rows = rows[:-1]
    form = [
        ("version: 1", re.compile(r"version\s*:\s*\d+").fullmatch),
        (f"n_points: {points}", re.compile(rf"n_points\s*:\s*{points}").fullmatch),
        ("{", re.compile(r"\{").fullmatch),
        *[("x y", _pair)] * points,
        ("}", re.compile(r"\}").fullmatch),
    ]
    rows += [""] * (len(form) - len(rows))  # missing lines
    form += [("nothing", lambda row: None)] * (len(rows) - len(form))
    values = []
    for line, (row, (expected, parse)) in enumerate(zip(rows, form, strict=True), start=1):
        values.append(parse(row.strip()))
        if values[-1] is None:
            raise ValueError(
                f"A .pts file must have {points} points, {{x y}} in each line. Received: "
                f"{row.strip()[:60]!r} instead of {expected!r} in line {line} of {path}. Copy the "
                "file again, or remove it; the frame then has no face."
            )
    return np.array(values[3 : 3 + points])


def _pair(row):
    """Returns two finite numbers, or `None` if the text is something else."""
    try:
        x, y = map(float, row.split())
    except ValueError:
        return None
    return (x, y) if np.isfinite(x) and np.isfinite(y) else None
