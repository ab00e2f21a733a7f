"""A whole video to aligned crops, a table and landmarks: atomic, resumable, in one pass.

While a video is being worked on, everything lies in a hidden folder beside the outputs: the
crops of every face, and a journal with one line per frame. A frame's line is written after its
crops, so a killed run is continued behind the last complete line, and since everything
published is derived from the journal and the crops, it ends with the same bytes as one that was
never interrupted. `<video>.json` is written last and marks a finished video.
"""

import csv
import dataclasses
import importlib.metadata
import json
import logging
import shutil
from pathlib import Path

import cv2
import numpy as np

import kollias_affect
from kollias_affect import _checks, _files
from kollias_affect.clip import Clip
from kollias_affect.faces import alignment, detectors, tracking
from kollias_affect.faces.landmarks import find_landmarks
from kollias_affect.faces.video import Video

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


def extract(
    video,
    out_dir,
    detector="hog",
    size=96,
    faces="main",
    longest_side=640,
    overwrite=False,
    on_frame=None,
):
    """Extracts the aligned face of every frame of a video.

    Writes `out_dir/<video>/00001.jpg` … (1-based; frames without a face have no image),
    `out_dir/<video>.csv` (one row per decoded frame, columns `COLUMNS`; `timestamp` in seconds,
    rectangle in pixels of the frame, `confidence` as the detector gives it),
    `out_dir/<video>.npz` (`landmarks` in [-1, 1] of the crop and `landmarks_in_frame` in pixels,
    float32 `[frames, 68, 2]`, NaN without a face) and `out_dir/<video>.json` (settings,
    versions, where the video broke). A finished video is not worked on again; an interrupted
    one is continued and ends with the same bytes.

    Args:
        video: video file.
        out_dir: folder of the outputs; created if missing.
        detector: `"hog"`, `"cnn"`, `"haar"` or a callable (see `detectors.get`).
        size: side of the crops in pixels.
        faces: `"main"` for the longest, largest face; `"all"` for every face, each with its own
            folder, table and landmarks (names: see `tracking.people`).
        longest_side: frames are shrunk to this for detection alone; `None` for full size.
        overwrite: work on the video anew even if it is finished.
        on_frame: called with the number of frames done, for progress bars.

    Returns:
        `Clip` (`faces="main"`) or list of `Clip` (`faces="all"`), without labels.

    Raises:
        FileNotFoundError, ValueError: if `video` cannot be read, an argument is unknown, or the
            outputs of another run with other settings are in the way.
        OSError: if `out_dir` cannot be written.
    """
    video = _checks.existing_file("video", video)
    _checks.one_of("faces", faces, ("main", "all"))
    find = detectors.get(detector)
    settings = {
        "video": video.name,
        "bytes": video.stat().st_size,
        "detector": detector if isinstance(detector, str) else _name_of(detector),
        "size": _checks.positive_integer("size", size),
        "faces": faces,
        "longest_side": longest_side,
        "prototype": alignment.PROTOTYPE.tolist(),
    }
    work = _Work(_checks.writable_folder("out_dir", out_dir), video.stem, settings)
    if overwrite:
        work.delete()
    if not work.finished():
        frames = Video(video, skip=work.resume())
        _work_through(frames, work, find, on_frame or (lambda done: None))
        work.publish(frames.broken)
    clips = [read(out_dir, name) for name in work.summary()["people"]]
    return clips if faces == "all" else clips[0]


def read(out_dir, name):
    """The `Clip` that `extract` left in `out_dir` under `name`."""
    folder = Path(out_dir)
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        landmarks = arrays["landmarks"]
    images = folder.resolve() / name
    return Clip(
        key=name,
        paths=[
            str(images / _image_name(int(row["frame"]))) if row["success"] == "1" else ""
            for row in rows
        ],
        times=np.array([float(row["timestamp"]) for row in rows]),
        landmarks=landmarks,
    )


def broken(out_dir, video):
    """Where a finished video broke off, in words, or `None` if it did not."""
    marker = Path(out_dir) / f"{Path(video).stem}.json"
    return json.loads(marker.read_text(encoding="utf-8"))["broken"]


def _work_through(frames, work, find, on_frame):
    for frame in frames:
        if frame.image is not None:
            work.add(frame, _faces_of(frame.image, find, work.settings))
        on_frame(1)


def _faces_of(image, find, settings):
    """`(box, landmarks in the frame, crop, landmarks in [-1, 1] of the crop)` of each face."""
    faces = []
    for box in detectors.detect(image, find, settings["longest_side"]):
        points = find_landmarks(image, box)
        crop, moved = alignment.align(image, points, settings["size"])
        faces.append((box, points, crop, alignment.normalize(moved, settings["size"])))
    return faces


@dataclasses.dataclass
class _Work:
    """The outputs of one video while they are made, and the state from which to go on."""

    out_dir: Path
    name: str
    settings: dict

    def __post_init__(self):
        self.folder = self.out_dir / f".{self.name}.partial"
        self.journal = self.folder / "journal.jsonl"
        self.marker = self.out_dir / f"{self.name}.json"
        self.tracker = tracking.Tracker()

    def summary(self):
        return json.loads(self.marker.read_text(encoding="utf-8"))

    def finished(self):
        """Whether the video is done with these settings; raises if with others."""
        if not self.marker.exists():
            return False
        before = self.summary()["settings"]
        other = sorted(k for k in self.settings if self.settings[k] != before.get(k))
        if other:
            changes = ", ".join(f"{k}={before.get(k)!r} not {self.settings[k]!r}" for k in other)
            raise ValueError(
                f"A folder holds one extraction per video name. {self.marker} was made with "
                f"{changes}. Choose another output folder, or overwrite this one."
            )
        return True

    def delete(self):
        """Removes what an earlier run of `extract` wrote for this video, and nothing else."""
        if self.marker.exists():
            for person in self.summary()["people"]:
                shutil.rmtree(self.out_dir / person, ignore_errors=True)
                for suffix in (".csv", ".npz"):
                    (self.out_dir / f"{person}{suffix}").unlink(missing_ok=True)
            self.marker.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def resume(self):
        """Opens the journal, replays its complete lines, and returns how many frames it has."""
        self.folder.mkdir(exist_ok=True)
        self._lock()
        header = {"settings": self.settings, "versions": _versions()}
        lines = self._complete_lines()
        if next(lines, None) != header:
            self._forget()
            self._open("w")
            self._append(header)
            return 0
        frames = 0
        for line in lines:
            self.tracker.update([detectors.Box(*face["box"]) for face in line["faces"]], line["t"])
            frames += 1
        self._open("r+")
        if frames:
            _log.info("%s: going on behind frame %d.", self.name, frames)
        return frames

    def _forget(self):
        """Removes the crops of a run with other settings or versions."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    def _complete_lines(self):
        """Parsed lines; `self.good_bytes` grows with them, and a torn last line is left out."""
        self.good_bytes = 0
        if not self.journal.exists():
            return
        with open(self.journal, "rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.good_bytes += len(line)
                yield json.loads(line)

    def _open(self, mode):
        self.file = open(self.journal, mode + "b")  # noqa: SIM115 - closed by `publish`
        if mode == "r+":
            self.file.truncate(self.good_bytes)
            self.file.seek(0, 2)

    def _lock(self):
        """One process per video: the lock ends with its process, however that ends."""
        try:
            import fcntl
        except ImportError:  # Windows
            return
        self.lock = open(self.folder / "lock", "w")  # noqa: SIM115 - held until `publish`
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(
                f"One process at a time may work on a video. Another one holds {self.folder}. "
                "Wait for it to end, or choose another output folder."
            ) from error

    def _append(self, content):
        self.file.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")
        self.file.flush()

    def add(self, frame, faces):
        """Writes the crops of one frame, then its line in the journal."""
        ids = self.tracker.update([box for box, *_ in faces], frame.time)
        line = {"frame": frame.index, "t": frame.time, "faces": []}
        for face_id, (box, points, crop, moved) in zip(ids, faces, strict=True):
            folder = self.folder / str(face_id)
            folder.mkdir(exist_ok=True)
            _write_jpeg(folder / _image_name(frame.index), crop)
            line["faces"].append(
                {"id": face_id, "box": list(box), "in_frame": _floats(points), "in": _floats(moved)}
            )
        self._append(line)

    def publish(self, broken):
        """Moves the crops of the chosen faces out, writes tables and landmarks, then the marker."""
        self.file.close()
        tracks = self.tracker.tracks
        if self.settings["faces"] == "all":
            people = tracking.people(tracks, self.name)
        else:
            people = {self.name: tracking.main_face(tracks)}
        for person, track in people.items():
            self._publish_crops(person, track)
            self._publish_tables(person, track)
        _files.write_json(
            self.marker,
            {
                "settings": self.settings,
                "versions": _versions(),
                "people": list(people),
                "broken": broken,
            },
        )
        shutil.rmtree(self.folder)

    def _publish_crops(self, person, track):
        target = self.out_dir / person
        if track is None:
            target.mkdir(exist_ok=True)
            return
        source = self.folder / str(track.face_id)
        if not source.exists():  # moved by a run that was killed right after
            return
        if target.exists():
            raise FileExistsError(
                f"The crops of {person} need a folder of that name. {target} exists already and "
                "is not from a finished extraction. Move it away, or choose another output folder."
            )
        source.rename(target)

    def _publish_tables(self, person, track):
        lines = self._complete_lines()
        next(lines)
        in_frame, in_crop = [], []
        missing = np.full((68, 2), np.nan, np.float32)
        with (
            _files.atomic(self.out_dir / f"{person}.csv") as path,
            open(path, "w", newline="", encoding="utf-8") as file,
        ):
            table = csv.writer(file, lineterminator="\n")
            table.writerow(COLUMNS)
            for line in lines:
                face = next(
                    (f for f in line["faces"] if track is not None and f["id"] == track.face_id),
                    None,
                )
                table.writerow(self._row(line, face))
                in_frame.append(missing if face is None else np.float32(face["in_frame"]))
                in_crop.append(missing if face is None else np.float32(face["in"]))
        with _files.atomic(self.out_dir / f"{person}.npz") as path:
            np.savez(path, landmarks=np.stack(in_crop), landmarks_in_frame=np.stack(in_frame))

    def _row(self, line, face):
        start = [self.settings["video"], line["frame"], line["t"]]
        if face is None:
            return [*start, "", 0, "", "", "", "", ""]
        *rectangle, score = face["box"]
        return [*start, face["id"], 1, score, *rectangle]


def _write_jpeg(path, image):
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    path.write_bytes(encoded.tobytes())


def _image_name(frame):
    return f"{frame:05d}.jpg"


def _floats(points):
    return [[float(x), float(y)] for x, y in points]


def _name_of(detector):
    kind = detector if hasattr(detector, "__qualname__") else type(detector)
    return f"{kind.__module__}.{kind.__qualname__}"


def _versions():
    distributions = ("av", "dlib-bin", "dlib", "opencv-python-headless", "opencv-python", "numpy")
    versions = {"kollias_affect": kollias_affect.__version__}
    for name in distributions:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
