"""The outputs of one video while they are made: journal, publication, and cleaning up.

While a video is worked on, everything lies in the hidden folder `.<video>.partial` beside the
outputs: the crops of every face, and a journal with one line per frame. A frame's line is
written after its crops, so a killed run goes on behind the last complete line; and since all
that is published derives from journal and crops, it ends with the same bytes as a run that was
never interrupted. `<video>.json`, written last, marks a finished video.
"""

import base64
import csv
import dataclasses
import importlib.metadata
import json
import logging
import os
import re
import shutil
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np

import kollias_affect
from kollias_affect import _files
from kollias_affect.faces import tracking
from kollias_affect.faces.detectors import Box

try:
    import fcntl
except ImportError:  # Windows: no lock against a second process
    fcntl = None

_log = logging.getLogger(__name__)

COLUMNS = (
    "input",
    "frame",
    "timestamp",
    "face_id",
    "success",
    "confidence",
    "FaceRectX",
    "FaceRectY",
    "FaceRectWidth",
    "FaceRectHeight",
)
JPEG_QUALITY = 95
UNRECORDED = {"detect_every": 1}  # settings that are not written down at these values
LOCK_SECONDS = 10  # how long the workers of a killed parent may take to notice


@dataclasses.dataclass(frozen=True)
class Face:
    """One face of one frame: box, landmarks in the frame and in [-1, 1] of the crop, crop."""

    box: Box
    in_frame: np.ndarray
    in_crop: np.ndarray
    crop: np.ndarray


def image_name(frame):
    """File name of the crop of a frame (1-based)."""
    return f"{frame:05d}.jpg"


class Work:
    """The work on one video; a context manager that holds its lock.

    Args:
        out_dir: folder of the outputs.
        name: of the video, without its ending.
        settings: JSON content that the outputs depend on.
    """

    def __init__(self, out_dir, name, settings):
        self.out_dir = out_dir
        self.name = name
        self.settings = settings
        self.folder = out_dir / f".{name}.partial"
        self.journal = self.folder / "journal.jsonl"
        self.publication = self.folder / "publication.json"
        self.marker = out_dir / f"{name}.json"
        self.tracker = tracking.Tracker()
        self._file = self._lock = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._lock is not None and not self.journal.exists() and self.folder.exists():
            shutil.rmtree(self.folder)  # refused before any work
        for file in (self._file, self._lock):
            if file is not None:
                file.close()

    def summary(self):
        """The content of the marker; `ValueError` if the file is not ours."""
        try:
            content = json.loads(self.marker.read_text(encoding="utf-8"))
            ours = {"settings", "versions", "people", "broken"} == set(content)
            # Names are used as paths: only such as an extraction of this video gives.
            ours = ours and all(self._is_name(name) for name in content["people"])
        except (ValueError, TypeError):
            ours = False
        if not ours:
            raise ValueError(
                f"The outputs of {self.name} need a file {self.marker}. It exists and was not "
                "written by an extraction. Move it away, or choose another output folder."
            )
        return content

    def finished(self):
        """Whether the video is done with these settings; raises if it is with others."""
        if not self.marker.exists():
            return False
        before, now = ({**UNRECORDED, **s} for s in (self.summary()["settings"], self.settings))
        other = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if other:
            changes = ", ".join(f"{k}={before.get(k)!r} not {now.get(k)!r}" for k in other)
            raise ValueError(
                f"A folder holds one extraction per video name. {self.marker} was made with "
                f"{changes}. Choose another output folder, or overwrite this one."
            )
        if self.folder.exists() and self._lock is None and self._try_lock():
            shutil.rmtree(self.folder)  # of a run that was killed after its marker
        return True

    def begin(self, overwrite=False, remember=lambda boxes: None):
        """Prepares for `add`, and returns how many frames are done already.

        `None` if another process has finished the video in the meantime. `remember` is called
        with the boxes of each frame that is done.
        """
        self._take_lock()
        if not overwrite and self.finished():
            shutil.rmtree(self.folder)
            return None
        header = {"journal": 2, "settings": self.settings, "versions": _versions()}
        lines = self._complete_lines()
        continued = next(lines, None) == header
        if overwrite and self.marker.exists():
            continued = False
            self._withdraw(self.summary()["people"], self.marker)
        elif self.publication.exists() and not continued:
            self._withdraw(json.loads(self.publication.read_text())["people"])
        if not self.publication.exists():
            suffixes = ("", "_left", "_right") if self.settings["faces"] == "all" else ("",)
            self._refuse_foreign([self.name + suffix for suffix in suffixes])
        if not continued:
            self._restart(header)
            return 0
        frames = 0
        for line in self._that_stay(lines):
            boxes = [Box(*face["box"]) for face in line["faces"]]
            self.tracker.update(boxes, line["t"])
            remember(boxes)
            frames += 1
        self._file = open(self.journal, "r+b")  # noqa: SIM115 - closed by `__exit__`
        self._file.truncate(self._good_bytes)
        self._file.seek(0, os.SEEK_END)
        return frames

    def add(self, frame, faces, followed=False):
        """Writes the crops of one frame, then its line in the journal."""
        ids = self.tracker.update([face.box for face in faces], frame.time)
        line = {"frame": frame.index, "t": frame.time, "faces": []}
        for face_id, face in zip(ids, faces, strict=True):
            folder = self.folder / str(face_id)
            folder.mkdir(exist_ok=True)
            _write_jpeg(folder / image_name(frame.index), face.crop)
            line["faces"].append(
                {
                    "id": face_id,
                    "box": list(face.box),
                    "in_frame": _text(face.in_frame),
                    "in_crop": _text(face.in_crop),
                }
            )
        if followed:
            line["followed"] = True
        self._append(line)

    def publish(self, broken):
        """Moves the crops of the chosen faces out, writes tables and landmarks, then the marker."""
        tracks = self.tracker.tracks
        if self.settings["faces"] == "all":
            people = tracking.people(tracks, self.name)
        else:
            people = {self.name: tracking.main_face(tracks)}
        if not self.publication.exists():
            self._refuse_foreign(people)
        # From here on, what bears these names is known to be ours.
        _files.write_json(self.publication, {"people": list(people)})
        for person, track in people.items():
            self._publish_crops(person, track)
            self._publish_tables(person, track)
        summary = {
            "settings": self.settings,
            "versions": _versions(),
            "people": list(people),
            "broken": broken,
        }
        staged = self.folder / self.marker.name
        _files.write_json(staged, summary)
        os.replace(staged, self.marker)
        shutil.rmtree(self.folder)

    def _is_name(self, name):
        return re.fullmatch(re.escape(self.name) + r"(_left|_right|_face\d+)?", name) is not None

    def _outputs(self, person):
        return [self.out_dir / f"{person}{suffix}" for suffix in ("", ".csv", ".npz")]

    def _take_lock(self):
        """One process per video: the lock ends with its process, however that ends."""
        for _ in range(10 * LOCK_SECONDS):
            if self._try_lock():
                return
            time.sleep(0.1)
        if not self._try_lock():
            raise OSError(
                f"One process at a time may work on a video. Another one holds {self.folder}. "
                "Wait for it to end, or choose another output folder."
            )

    def _try_lock(self):
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "lock"
        lock = open(path, "w")  # noqa: SIM115 - closed by `__exit__`
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The process that held it may have removed the folder while we waited.
            if os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
                self._lock = lock
                return True
        except (BlockingIOError, FileNotFoundError):
            pass
        lock.close()
        return False

    def _refuse_foreign(self, people):
        """Raises if a file in the way was not written by an extraction of this video."""
        for person in people:
            for path in self._outputs(person):
                if path.exists():
                    raise FileExistsError(
                        f"The outputs of {self.name} need the name {path}. It exists already and "
                        "is not from an extraction of this video. Move it away, or choose another "
                        "output folder."
                    )

    def _withdraw(self, people, marker=None):
        """Removes what an earlier run published, in an order that a kill cannot spoil."""
        _files.write_json(self.publication, {"people": people})
        if marker is not None:
            marker.unlink()
        for person in people:
            folder, *files = self._outputs(person)
            for path in files:
                path.unlink(missing_ok=True)
            if folder.is_dir():
                for image in folder.iterdir():
                    if re.fullmatch(r"\d{5,}\.jpg", image.name):
                        image.unlink()
                if not any(folder.iterdir()):
                    folder.rmdir()
        self.publication.unlink()

    def _restart(self, header):
        """An empty journal; the crops of a run with other settings or versions go."""
        if self._good_bytes:
            _log.warning("%s: an unfinished run with other settings is begun anew.", self.name)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        self._file = open(self.journal, "wb")  # noqa: SIM115 - closed by `__exit__`
        self._append(header)

    def _complete_lines(self):
        """Parsed lines; `_good_bytes` grows with them, and all from a torn line on is left out."""
        self._good_bytes = 0
        if not self.journal.exists():
            return
        with open(self.journal, "rb") as file:
            for line in file:
                try:
                    content = json.loads(line)
                except ValueError:
                    return
                if not line.endswith(b"\n"):
                    return
                self._good_bytes += len(line)
                yield content

    def _that_stay(self, lines):
        """All lines; where faces are followed, those before the last detection.

        What a followed face looked like is not in the journal: the detection is made again.
        """
        all_stay = "detect_every" not in self.settings or self.publication.exists()
        waiting, start = [], self._good_bytes
        size = start  # of the journal before the line
        for line in lines:
            if not line.get("followed"):
                yield from waiting
                waiting, start = [], size
            waiting.append(line)
            size = self._good_bytes
        if all_stay:
            yield from waiting
        else:
            self._good_bytes = start

    def _append(self, content):
        self._file.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
        self._file.flush()

    def _publish_crops(self, person, track):
        target = self._outputs(person)[0]
        if track is None:
            target.mkdir(exist_ok=True)
            return
        source = self.folder / str(track.face_id)
        if source.exists():  # else moved by a run that was killed right after
            source.rename(target)

    def _publish_tables(self, person, track):
        _, table_path, landmarks_path = self._outputs(person)
        staged = self.folder / "table.csv"
        frames = 0
        with open(staged, "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for line, face in self._lines_of(track):
                table.writerow(self._row(line, face))
                frames += 1
        os.replace(staged, table_path)
        staged = self.folder / "landmarks.npz"
        with zipfile.ZipFile(staged, "w") as archive:
            for name, field in (("landmarks", "in_crop"), ("landmarks_in_frame", "in_frame")):
                found = (face for _, face in self._lines_of(track))
                points = (None if face is None else face[field] for face in found)
                _write_landmarks(archive, name, frames, points)
        os.replace(staged, landmarks_path)

    def _lines_of(self, track):
        """Each frame's line of the journal, and the entry of the face in it or `None`."""
        lines = self._complete_lines()
        next(lines)  # the header
        for line in lines:
            faces = line["faces"] if track is not None else []
            yield line, next((face for face in faces if face["id"] == track.face_id), None)

    def _row(self, line, face):
        start = [self.settings["video"], line["frame"], line["t"]]
        if face is None:
            return [*start, "", 0, "", "", "", "", ""]
        *rectangle, score = face["box"]
        return [*start, face["id"], 1, score, *rectangle]


def _write_landmarks(archive, name, frames, points):
    """What `np.savez` writes for float32 `[frames, 68, 2]`, but one frame at a time."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (frames, 68, 2)}
    missing = np.full((68, 2), np.nan, "<f4").tobytes()
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for found in points:
            file.write(missing if found is None else base64.b64decode(found))


def _text(points):
    """Float32 points as text for the journal, which is shorter and quicker than decimals."""
    return base64.b64encode(points.astype("<f4").tobytes()).decode()


def _write_jpeg(path, image):
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    Path(path).write_bytes(encoded.tobytes())


def _versions():
    distributions = ("av", "dlib-bin", "dlib", "opencv-python-headless", "opencv-python", "numpy")
    versions = {"kollias_affect": kollias_affect.__version__}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
