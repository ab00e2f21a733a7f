"""AFEW-VA (Kossaifi et al., 2017): 600 film clips with valence, arousal and 68 landmarks.

Layout: `01/001/00000.png` with `01/001/001.json`, or `001/00000.png` and so on.

Labels: valence and arousal of every frame, integers in [-10, 10] that are divided by 10.

Faces: aligned once, by the landmarks of the database. Complete frames on request.

Subjects: the actor that the json file names; without one, the clip is a subject of its own.

References: paper C §2.3 and §5.1.2.
"""

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from kollias_affect import _checks, _runs, _untrusted, faces
from kollias_affect._texts import count
from kollias_affect.clip import Clip
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport, refuse_same_keys
from kollias_affect.faces import database_crops, landmark_crops

MAX_LABEL = 10  # labels are integers from -10 to 10
LAYOUT = "a folder with 01/001/00000.png and 01/001/001.json, or with 001/00000.png and so on"


def load(root, split=None, crops=None, size=96, frames="faces"):
    """Reads AFEW-VA; every video is one clip.

    Args:
        root: Folder of the 12 groups, or of the clips themselves.
        split: `None`, as the database has no official split.
        crops: Folder of the aligned faces. Faces that are there are used as they are. Default: a
            folder in the package's cache, where faces are made again if their images, their
            landmarks or `size` change.
        size: Side of the crops in pixels.
        frames: `"faces"`, or `"complete"` for the complete frames of the films.

    Returns:
        `Clips` with `valence_arousal`, sorted by key. `landmarks` are in [-1, 1] of the crop. A
        frame without landmarks, or whose landmarks all coincide, has no path. With
        `frames="complete"`, landmarks are in [-1, 1] of the frame, and frames whose landmarks
        coincide have a path; if a json file has no landmarks at all, its frames are all read, and
        `landmarks` is `None`.

    Raises:
        FileNotFoundError: If `root` does not hold the database.
        ValueError: If a file is malformed, or an argument unknown.
    """
    _checks.one_of("frames", frames, ("faces", "complete"))
    if frames == "complete" and crops is not None:
        raise ValueError(
            "Complete frames have no crops. Received: frames='complete' and crops. Leave one out."
        )
    if split is not None:
        raise ValueError(
            f"AFEW-VA has no official split. Received: split={split!r}. Load all of it, and split "
            "it by actor with `kollias_affect.datasets.sampling.person_folds`."
        )
    size = _checks.integer_between("size", size, 16, 2048)
    report = LoadReport("afew_va", root, split, LAYOUT)
    report.require_folder()
    videos = [_Frames(report, folder, path) for folder, path in _clip_folders(report)]
    refuse_same_keys(videos)
    report.sources = {v.key: i for v in videos for i in filter(None, v.images[:1])}
    if frames == "complete":
        clips = [video.complete() for video in videos]
    else:
        folder = crops or database_crops.default_folder(report.dataset, report.root)
        videos = tqdm(videos, desc="aligning faces", unit=" clips", disable=None)
        clips = [video.cropped(Path(folder), size, crops is not None) for video in videos]
    return report.finish(_reading.non_empty(report, clips))


def _clip_folders(report):
    """Yields folder and json file of each clip."""
    for folder in _reading.walk_folders(report.root, depth=3, skip=("__macosx",)):
        if _is_cropped(folder):
            report.note("folders of crops, left out", folder.name)
            continue
        if _is_cropped(folder.parent) and folder != report.root:
            continue
        tables = _reading.files(folder, (".json",))
        if len(tables) > 1:
            raise ValueError(
                f"A clip must have one json file. Received: {[table.name for table in tables]} in "
                f"{folder}. Move the other one away."
            )
        if tables:
            yield folder, tables[0]
        elif _reading.files(folder, (".png",)):
            report.note("folders of images without a json file", folder.name)


def _is_cropped(folder):
    return folder.name.lower().endswith("_cropped")


class _Frames:
    """The frames that the json file of one clip lists.

    `labels` is `[frames, 2]`. `landmarks` has `[68, 2]` in pixels, or `None`, for each frame, and
    `images` its path, or `None`.
    """

    def __init__(self, report, folder, path):
        self.report, self.folder, self.key = report, folder, folder.name
        table = _read(path)
        self.actor = _actor(report, self.key, table)
        self._compare_name(path, table)
        listed = sorted((_number(path, name), name) for name in table["frames"])
        _refuse_same_numbers(path, listed)
        entries = [(name, table["frames"][name]) for _, name in listed]
        self.labels = np.array([_labels(path, *e) for e in entries]).reshape(-1, 2) / MAX_LABEL
        self.landmarks = [_landmarks(path, *entry) for entry in entries]
        self.has_landmarks = any("landmarks" in entry for _, entry in entries)
        self.images = self._images([number for number, _ in listed])

    def complete(self):
        """Returns the clip of the complete frames."""
        self.report.note("clips of complete frames, whose faces are not aligned", self.key)
        if not self.has_landmarks:
            self.report.note("clips without landmarks, whose images are all read", self.key)
            return self._with_labels(Clip(self.key, [i and str(i) for i in self.images]))
        pairs = zip(self.images, self.landmarks, strict=True)
        paths = [str(i) if i and p is not None else "" for i, p in pairs]
        return self._with_labels(Clip(self.key, paths, landmarks=self._in_frame(paths)))

    def cropped(self, crops, size, named):
        """Returns the clip of the aligned faces, which are made if they are missing.

        In a folder that the user has not named, they are made again if their sources changed.
        """
        if not self.has_landmarks:
            self.report.note("clips without landmarks, so without faces", self.key)
        points = {i: p for i, p in enumerate(self.landmarks, 1) if _is_shape(p)}
        source = self._source() if named else f"{self._source()}, {self._fingerprint()}"
        there = landmark_crops.exists(crops, self.key)
        if not (there if named else landmark_crops.fits(crops, self.key, size, source)):
            landmark_crops.make(
                crops, self.key, self._decoded(), points, size, source, overwrite=not named
            )
        clip, _ = landmark_crops.read(crops, self.key, size, source)
        lost = sum(
            i is not None and p is not None
            for i, p in zip(self.images, self.landmarks, strict=True)
        ) - int(clip.has_image.sum())
        if lost:
            self.report.note("frames that cannot be read or aligned", self.key, lost)
        return self._with_labels(clip)

    def _with_labels(self, clip):
        clip = clip.labelled(valence_arousal=self.labels)
        clip.subject = self.actor
        return clip

    def _compare_name(self, path, table):
        names = [str(name).strip() for name in (path.stem, table.get("video_id")) if name]
        others = [name for name in names if name.lstrip("0") != self.key.lstrip("0")]
        if others:
            reason = "clips whose json file has another name than their folder"
            self.report.note(reason, f"{self.key} ({others[0]})")

    def _images(self, numbers):
        """Returns the path or `None` of each frame; unmatched files and frames are counted."""
        files, others = _reading.numbered_files(self.folder, _reading.IMAGE_ENDINGS)
        for name in others:
            if not name.lower().endswith((".json", "_cropped")):
                self.report.note("files that are not numbered images", f"{self.key}/{name}")
        counts = {
            "images that the json file does not list": len(files.keys() - set(numbers)),
            "frames without an image": len(set(numbers) - files.keys()),
            "frames without landmarks": sum(p is None for p in self.landmarks),
            "frames whose landmarks coincide": sum(
                p is not None and not _is_shape(p) for p in self.landmarks
            ),
        }
        for reason, frames in counts.items():
            if frames:
                self.report.note(reason, self.key, frames)
        return [self.folder / files[n] if n in files else None for n in numbers]

    def _in_frame(self, paths):
        """Returns landmarks in [-1, 1] of the frame; `None` if its size is unknown."""
        images = map(_read_image, filter(None, paths))
        image = next((image for image in images if image is not None), None)
        if image is None:
            self.report.note(
                "clips without an image that can be read, so without landmarks", self.key
            )
            return None
        missing = np.full((68, 2), np.nan)
        points = np.array([p if _is_shape(p) else missing for p in self.landmarks])
        return points * 2 / (np.array(image.shape[1::-1]) - 1) - 1

    def _decoded(self):
        for i, path in enumerate(self.images, 1):
            yield faces.Frame(i, np.nan, None if path is None else _read_image(path))

    def _fingerprint(self):
        """Fingerprint that changes with the images and the landmarks."""
        states = [None if path is None else _runs.file_state(path) for path in self.images]
        points = [None if p is None else p.tolist() for p in self.landmarks]
        return _runs.fingerprint([states, points])

    def _source(self):
        return f"{self.key}, {count(len(self.images), 'frame')}"


def _read(path):
    text = "\n".join(_reading.read_lines(path))
    try:
        table = _untrusted.parse_json(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"A json file must be complete. Received: {path}, line {error.lineno} ({error.msg}). "
            "Copy it again."
        ) from error
    except _DuplicateKeyError as error:
        _refuse(path, "has every key once", f"the key {error} twice")
    if not isinstance(table, dict) or not isinstance(table.get("frames"), dict):
        _refuse(path, 'holds {"frames": {"00000": …}}', "other content")
    return table


class _DuplicateKeyError(Exception):
    """A key that an object has twice."""


def _unique(pairs):
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return result


def _refuse(path, rule, received):
    raise ValueError(
        f"A json file of AFEW-VA {rule}. Received: {received} in {path}. Copy the file again."
    )


def _number(path, name):
    if not (name.isdecimal() and name.isascii()):
        _refuse(path, "has the numbers of its images as frames", f"frame {name!r}")
    return int(name)


def _refuse_same_numbers(path, listed):
    for (number, first), (following, second) in itertools.pairwise(listed):
        if number == following:
            _refuse(path, "has every frame once", f"frames {first!r} and {second!r}")


def _labels(path, name, entry):
    values = [entry.get(key) for key in ("valence", "arousal")] if isinstance(entry, dict) else []
    valid = [type(v) in (int, float) and abs(v) <= MAX_LABEL for v in values]
    if not values or not all(valid):
        rule = f"has valence and arousal in [-{MAX_LABEL}, {MAX_LABEL}]"
        _refuse(path, rule, f"{values or entry!r} of frame {name!r}")
    return values


def _landmarks(path, name, entry):
    """Returns float64 `[68, 2]` in pixels, or `None` without landmarks."""
    points = entry.get("landmarks")
    if not points:
        return None
    try:
        points = np.array(points, np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        _refuse(path, "has 68 landmarks [x, y] per frame, or none", f"others in frame {name!r}")
    return points


def _is_shape(points):
    return points is not None and landmark_crops.marks_face(points)


def _actor(report, key, table):
    actor = str(table.get("actor") or "").strip()
    if not actor:
        report.note("clips without an actor, each a subject of its own", key)
    return actor or key


def _read_image(path):
    """Returns uint8 RGB, or `None` if the image cannot be read."""
    image = cv2.imread(str(path))
    return None if image is None else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
