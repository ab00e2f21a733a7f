"""The resumable run that extracts the faces of one video.

During the run everything lies in the hidden folder `.<video>.partial` beside the outputs: the crops
of every face, and a journal with one line per frame. The line of a frame is written after its
crops, so a killed run resumes behind the last complete line. The outputs derive from journal and
crops alone, so a resumed run ends with the same bytes as an uninterrupted one.
"""

import functools
import importlib.metadata
import logging
import math
import shutil

import numpy as np

import kollias_affect
from kollias_affect import _runs
from kollias_affect.faces import identity, likeness
from kollias_affect.faces.crop_files import image_name, write_crop
from kollias_affect.faces.frame_journal import FrameJournal
from kollias_affect.faces.publication import Publication

_log = logging.getLogger(__name__)

# Frames of a track from which on portraits of a detection are kept, to recognise its person at the
# end.
PORTRAITS = (1, 4, 32, 256)
LOCK_SECONDS = 10  # The workers of a killed parent may need this long to notice its end.
_DISTRIBUTIONS = ("av", "dlib-bin", "dlib", "opencv-python-headless", "opencv-python", "numpy")


class ExtractionRun:
    """The extraction of one video; a context manager that holds the lock of the video.

    Args:
        out_dir: Folder of the outputs.
        name: Name of the video without its ending.
        settings: JSON content that the outputs depend on.
    """

    def __init__(self, out_dir, name, settings):
        self.name = name
        self.settings = settings
        self.folder = out_dir / f".{name}.partial"
        self.publication = Publication(out_dir, name, self.folder)
        self.journal = FrameJournal(self.folder / "journal.jsonl")
        self.identities = identity.IdentityTracker()
        self.grids = []  # of the frames, each time that it changes
        self._lock = _runs.Lock(self.folder, "lock")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.journal.close()
        if self._lock.held and not self.journal.path.exists() and self.folder.exists():
            self._remove_folder()  # The run was refused before it began.
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
        self._lock.acquire(LOCK_SECONDS)
        if not overwrite and self.is_finished():
            self._remove_folder()
            return None
        header = {"journal": 3, "settings": self.settings, "versions": _versions()}
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
        for boxes, time, grid, copies, tracked in frames:
            self._follow_grid(grid)
            for face_id in self.identities.update(boxes, time, copies):
                self._takes_portrait(face_id, tracked)
        return [(boxes, grid) for boxes, _, grid, *_ in frames]

    def _follow_grid(self, grid):
        """Scales what is remembered of the faces if the frames change their `(height, width)`."""
        if grid is None or self.grids[-1:] == [grid]:
            return
        if self.grids:
            down, across = (new / old for new, old in zip(grid, self.grids[-1], strict=True))
            self.identities.rescale(across, down)
        self.grids.append(grid)

    def add(self, frame, faces, tracked=False):
        """Writes the crops of one frame, then its line in the journal.

        Args:
            frame: `Frame`.
            faces: List of `AlignedFace`.
            tracked: Whether the detector was not run on this frame.
        """
        self._follow_grid(frame.grid)
        copies = [likeness.small_copy(face.crop) for face in faces]
        ids = self.identities.update([face.box for face in faces], frame.time, copies)
        for face_id, face in zip(ids, faces, strict=True):
            folder = self.folder / str(face_id)
            folder.mkdir(exist_ok=True)
            write_crop(folder / image_name(frame.index), face.crop)
            if self._takes_portrait(face_id, tracked):
                self._write_portrait(face_id, frame.index, face.portrait)
        self.journal.add(frame, faces, ids, copies, tracked)

    def _takes_portrait(self, face_id, tracked):
        """Counts and returns whether the portrait of a face in the last frame is kept."""
        track = self.identities.tracks[face_id]
        due = not tracked and track.frames >= (*PORTRAITS, math.inf)[track.pictures]
        track.pictures += due
        return due

    def _write_portrait(self, face_id, index, picture):
        folder = self.folder / "portraits" / str(face_id)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{index:08d}.npy", picture)

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
            sizes = len(self.grids) > 1
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
        tracks = identity.persons(self.identities.tracks, self._descriptors)
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
        self.journal.close()
        self._lock.remove_folder()


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
