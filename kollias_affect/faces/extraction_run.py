"""The resumable run that extracts the faces of one video.

During the run everything lies in the hidden folder `.<video>.partial` beside the outputs: the crops
of every face, and a journal with one line per frame. The line of a frame is written after its
crops, so a killed run resumes behind the last complete line. The outputs derive from journal and
crops alone, so a resumed run ends with the same bytes as an uninterrupted one.
"""

import contextlib
import functools
import importlib.metadata
import logging
import os
import shutil

import numpy as np

import kollias_affect
from kollias_affect import _runs
from kollias_affect.faces import identity, likeness
from kollias_affect.faces.crop_files import image_name, write_crop
from kollias_affect.faces.frame_journal import FrameJournal
from kollias_affect.faces.linked_faces import LinkedFaces
from kollias_affect.faces.publication import Publication

_log = logging.getLogger(__name__)

LOCK_SECONDS = 10  # The workers of a killed parent may need this long to notice its end.
_DISTRIBUTIONS = ("av", "dlib-bin", "dlib", "opencv-python-headless", "opencv-python", "numpy")


class ExtractionRun:
    """The extraction of one video; a context manager that holds the lock of the video.

    Args:
        out_dir: Folder of the outputs.
        name: Name of the video without its ending.
        settings: JSON content that the outputs depend on.
        wait: Longest time in seconds to wait for the lock. Default: `LOCK_SECONDS`.
    """

    def __init__(self, out_dir, name, settings, wait=None):
        self.name = name
        self.settings = settings
        self.wait = LOCK_SECONDS if wait is None else wait
        self.folder = out_dir / f".{name}.partial"
        self.segments = segments_folder(out_dir, name)
        self.publication = Publication(out_dir, name, self.folder)
        self.journal = FrameJournal(self.folder / "journal.jsonl")
        self.linked = LinkedFaces()
        self.due = []  # `(face_id, number of the frame)` of each portrait that is kept
        self._lock = _runs.Lock(self.folder, "lock")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.journal.close()
        if self._lock.held and not self.journal.path.exists() and self.folder.exists():
            self._lock.remove_folder()  # The run was refused before it began.
        self._lock.release()

    def summary(self):
        """Returns the content of the marker; see `Publication.summary`."""
        return self.publication.summary()

    def is_finished(self):
        """Returns whether the video is finished with these settings.

        Raises:
            ValueError: If it is finished with other settings.
        """
        if not self.publication.matches(self.settings):
            return False
        # A run that was killed right after it wrote its marker leaves its folder.
        if self.folder.exists() and not self._lock.held and self._lock.try_acquire():
            self._remove_folder()
        return True

    def begin(self, overwrite=False):
        """Takes the lock and opens the journal for `add`.

        Args:
            overwrite: Whether to remove the outputs of a finished run.

        Returns:
            List with `(boxes, grid)` of each frame that is done already; `None` if another process
            finished the video in the meantime.
        """
        self._lock.acquire(self.wait)
        if not overwrite and self.is_finished():
            self._remove_folder()
            return None
        header = header_of(self.settings)
        earlier = self.journal.header()
        resumes = earlier == header
        if overwrite and self.publication.marker.exists():
            resumes = False
            self.publication.withdraw()
        elif self.publication.started and not resumes:
            self.publication.withdraw()
        if not self.publication.started:
            suffixes = ("", "_left", "_right") if self.settings["faces"] == "all" else ("",)
            self.publication.refuse_foreign([self.name + suffix for suffix in suffixes])
        if resumes:
            return self._resume()
        if earlier is not None:
            _log.warning("%s: an unfinished run with other settings is restarted.", self.name)
        self._restart(header)
        return []

    def _restart(self, header):
        """Removes the crops of a run with other settings or versions, and empties the journal."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
        self.journal.restart(header)

    def _resume(self):
        keep_all = "detect_every" not in self.settings or self.publication.started
        frames = self.journal.resume(keep_all)
        for number, (boxes, time, grid, copies, tracked) in enumerate(frames, start=1):
            self._link(number, boxes, time, grid, copies, tracked)
        return [(boxes, grid) for boxes, _, grid, *_ in frames]

    def _link(self, number, *of_frame):
        """Returns pairs: the `face_id` of each face of a frame, and whether its portrait is due."""
        linked = self.linked.follow(*of_frame)
        self.due += [(face_id, number) for face_id, due in linked if due]
        return linked

    def add(self, frame, faces, tracked=False):
        """Writes the crops of one frame, then its line in the journal.

        Args:
            frame: `Frame`.
            faces: List of `AlignedFace`.
            tracked: Whether the detector was not run on this frame.
        """
        copies = [likeness.small_copy(face.crop) for face in faces]
        boxes = [face.box for face in faces]
        linked = self._link(frame.index, boxes, frame.time, frame.grid, copies, tracked)
        for (face_id, due), face in zip(linked, faces, strict=True):
            write_crop(self._crop_file(face_id, frame.index), face.crop)
            if due:
                self.add_portrait(face_id, frame.index, face.portrait)
        self.journal.add(frame, faces, [face_id for face_id, _ in linked], copies, tracked)

    def adopt(self, frame, faces):
        """Moves the crops of one frame of a segment here, then writes its line in the journal.

        Args:
            frame: `Frame`.
            faces: List of `segments.StoredFace`. A crop that is missing was moved before.
        """
        copies = [face.copy for face in faces]
        boxes = [face.box for face in faces]
        linked = self._link(frame.index, boxes, frame.time, frame.grid, copies)
        for (face_id, due), face in zip(linked, faces, strict=True):
            _move(face.crop_file, self._crop_file(face_id, frame.index))
            if due:
                _move(face.portrait_file, self._portrait_file(face_id, frame.index))
        self.journal.add(frame, faces, [face_id for face_id, _ in linked], copies, False)

    def _crop_file(self, face_id, index):
        folder = self.folder / str(face_id)
        folder.mkdir(exist_ok=True)
        return folder / image_name(index)

    def _portrait_file(self, face_id, index):
        folder = self.folder / "portraits" / str(face_id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{index:08d}.npy"

    def missing_portraits(self):
        """Returns the portraits that no segment kept, of a video in which they are needed.

        Returns:
            Dict from the number of a frame to a dict from `face_id` to landmarks in the frame.
        """
        missing = {}
        if len(self.linked.tracks) > 1:
            for face_id, index in self.due:
                if not self._portrait_file(face_id, index).exists():
                    missing.setdefault(index, set()).add(face_id)
        points = self.journal.landmarks(missing)
        return {index: {i: points[index][i] for i in ids} for index, ids in missing.items()}

    def add_portrait(self, face_id, index, picture):
        """Keeps the portrait of a face in a frame."""
        write_portrait(self._portrait_file(face_id, index), picture)

    def _descriptors(self, track):
        """Returns the descriptors of the portraits of a track."""
        files = sorted((self.folder / "portraits" / str(track.face_id)).glob("*.npy"))
        return likeness.descriptors([np.load(file, allow_pickle=False) for file in files])

    def publish(self, broken, notes=()):
        """Publishes crops, tables and landmarks of the chosen faces, then the marker.

        Args:
            broken: Description of where the video broke, or `None`.
            notes: Descriptions of what else is unusual.
        """
        people = self._people()
        if not self.publication.started:
            self.publication.refuse_foreign(people)
        self.publication.start(people)
        for person, track in people.items():
            parts = () if track is None else track.parts
            self.publication.add_crops(person, self._joined_crops(parts))
            face_id = None if track is None else track.face_id
            entries = functools.partial(self.journal.entries, parts, face_id)
            sizes = len(self.linked.grids) > 1
            self.publication.add_files(person, self.settings["video"], entries, sizes)
        self.publication.finish(
            {
                "settings": self.settings,
                "versions": _versions(),
                "people": list(people),
                "broken": broken,
                "notes": list(notes),
            }
        )
        self._remove_folder()

    def _people(self):
        """Returns a dict from the name of each published person to its `Track` or `None`."""
        tracks = identity.persons(self.linked.tracks, self._descriptors)
        if self.settings["faces"] == "all":
            return identity.people(tracks, self.name)
        return {self.name: identity.main_face(tracks)}

    def _joined_crops(self, parts):
        """Moves the crops of a person to one folder and returns it; `None` without a face.

        A run that was killed after it had moved some, or all, goes on.
        """
        folders = [self.folder / str(part) for part in parts]
        for folder in folders[1:]:
            for crop in folder.glob("*.jpg"):
                crop.rename(folders[0] / crop.name)
        return folders[0] if folders else None

    def _remove_folder(self):
        """Removes what is unfinished, and the lock in it: another process may lock a new one."""
        self.journal.close()
        shutil.rmtree(self.segments, ignore_errors=True)
        self._lock.remove_folder()


def segments_folder(out_dir, name):
    """Returns the folder of the unfinished segments of a video, see `segments`."""
    return out_dir / f".{name}.segments"


def header_of(settings):
    """Returns the first line of the journal of a run with these settings."""
    return {"journal": 3, "settings": settings, "versions": _versions()}


def write_portrait(path, picture):
    """Writes a portrait, so that its file is complete if it exists."""
    temporary = path.with_suffix(".part")
    with open(temporary, "wb") as file:
        np.save(file, picture)
    os.replace(temporary, path)


def _move(source, target):
    """Moves a file, unless a run that was killed right after has moved it before."""
    with contextlib.suppress(FileNotFoundError):
        os.replace(source, target)


@functools.cache
def _versions():
    """Returns the versions of the installed packages that the outputs depend on."""
    versions = {"kollias_affect": kollias_affect.__version__}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
