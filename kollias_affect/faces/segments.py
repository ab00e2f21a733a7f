"""Segments of a long video, which several processes extract at the same time, and their joining.

The frames of a segment are searched as in one pass: with `detect_every=1`, what a detector finds in
a frame does not depend on the frames before. What does depend on them - which face goes on, whose
portraits are kept, who is who - is decided when the segments are joined, in the order of the
frames. The outputs are therefore those of one pass, to the byte.

With `detect_every` above 1, where the detector runs depends on all frames before, so such videos
are not divided.

Unfinished segments lie in the hidden folder `.<video>.segments` beside the outputs. A segment that
is killed goes on behind its last complete frame, as a video does.
"""

import contextlib
import dataclasses
import itertools
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, _runs, _untrusted
from kollias_affect.faces import extraction, likeness
from kollias_affect.faces.boxes import Box
from kollias_affect.faces.crop_files import write_crop
from kollias_affect.faces.extraction_run import (
    LOCK_SECONDS,
    ExtractionRun,
    header_of,
    segments_folder,
    write_portrait,
)
from kollias_affect.faces.frame_journal import FrameJournal
from kollias_affect.faces.linked_faces import LinkedFaces
from kollias_affect.faces.prefetch import prefetch
from kollias_affect.faces.video import Frame, Video, frame_count

LENGTH = 7_500  # frames: five minutes of a video, which take about two minutes of one core
_FINISHED, _LOCK = "finished.json", "lock"


@dataclasses.dataclass(frozen=True)
class StoredFace:
    """A face of one frame of a segment.

    Attributes:
        box, in_frame, in_crop: See `AlignedFace`.
        copy: `likeness.small_copy` of its crop.
        crop_file: `Path` of its crop.
        portrait_file: `Path` of its portrait, which need not exist.
    """

    box: Box
    in_frame: np.ndarray
    in_crop: np.ndarray
    copy: np.ndarray
    crop_file: Path
    portrait_file: Path


def plan(video, out_dir, length=LENGTH, overwrite=False, wait=None, **options):
    """Divides a video that is longer than a segment and not finished.

    Args:
        video, out_dir, wait: See `extract`.
        length: Frames of a segment.
        overwrite: Whether to remove the outputs of a finished run.
        **options: Other options of `extract` that its outputs depend on.

    Returns:
        List of `(start, stop)`, the number of the frames of the video before the segment and before
        its end; the last `stop` is `None`. Empty if the video is not divided.

    Raises:
        FileNotFoundError, OSError, ValueError: See `extract`.
    """
    length = _checks.positive_integer("segment", length)
    frames = Video(video)
    _, settings = extraction.prepared(frames, **options)
    if "detect_every" in settings:
        return []
    count = round((frames.expected_frames or frame_count(video)) / length)
    if count < 2:
        return []
    with ExtractionRun(Path(out_dir), frames.path.stem, settings, wait) as run:
        if not overwrite and run.is_finished():
            return []
        if overwrite and run.publication.marker.exists():
            run.begin(overwrite=True)  # Now the outputs are unfinished, and the segments resume.
    starts = [length * number for number in range(count)]
    return list(zip(starts, [*starts[1:], None], strict=True))


def extract_segment(video, out_dir, start, stop, wait=None, **options):
    """Extracts the faces of some frames; a finished segment is not extracted again.

    Args:
        video, out_dir, wait: See `extract`.
        start, stop: See `plan`.
        **options: Other options of `extract` that its outputs depend on.
    """
    frames = Video(video)
    find, settings = extraction.prepared(frames, **options)
    folder = segments_folder(_checks.writable_folder("out_dir", out_dir), frames.path.stem)
    segment = Segment(folder, start, stop, settings)
    lock = _runs.Lock(segment.folder, _LOCK)
    lock.acquire(LOCK_SECONDS if wait is None else wait)
    try:
        if not segment.is_finished():
            _extract_rest(frames, segment, extraction.face_tracker(find, settings))
    finally:
        segment.journal.close()
        lock.release()


def _extract_rest(frames, segment, tracker):
    """Extracts the frames that are not done: threads decode, find faces, and write."""
    frames.skip = segment.begin()
    decoded = prefetch(_until(segment.stop, frames))
    with contextlib.closing(prefetch(_found(decoded, tracker))) as results:
        for frame, faces in results:
            segment.add(frame, faces)
    segment.finish(frames.broken, frames.notes)


def _until(stop, frames):
    """Yields the frames to number `stop` that have an image."""
    with contextlib.closing(iter(frames)) as all_frames:
        for frame in itertools.takewhile(lambda f: stop is None or f.index <= stop, all_frames):
            if frame.image is not None:
                yield frame


def _found(frames, tracker):
    with contextlib.closing(frames):
        for frame in frames:
            yield dataclasses.replace(frame, image=None), tracker.detect(frame.image)


def join(video, out_dir, bounds, wait=None, **options):
    """Publishes the outputs of a video whose segments are finished.

    Args:
        video, out_dir, wait: See `extract`.
        bounds: What `plan` returned.
        **options: Other options of `extract` that its outputs depend on.

    Raises:
        OSError: If a segment is missing.
        ValueError: If a segment is from another version of this package or of a dependency.
    """
    frames = Video(video)
    _, settings = extraction.prepared(frames, **options)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    with ExtractionRun(out_dir, frames.path.stem, settings, wait) as run:
        done = None if run.is_finished() else run.begin()
        if done is None:  # Another process has finished it.
            return
        parts = [Segment(run.segments, *bound, settings) for bound in bounds]
        for part in parts:
            part.check_finished()
        for part in parts:
            for frame, faces in part.frames():
                if frame.index > len(done):
                    run.adopt(frame, faces)
        extraction.complete_portraits(run, frames.path)
        # The last segment has decoded all frames.
        run.publish(*parts[-1].remarks())


class Segment:
    """The faces of some frames of a video.

    Args:
        folder: Folder of all segments of the video.
        start, stop: See `plan`.
        settings: See `extraction.prepared`.
    """

    def __init__(self, folder, start, stop, settings):
        self.folder = folder / str(start)
        self.start, self.stop = start, stop
        self.header = {**header_of(settings), "start": start, "stop": stop}
        self.journal = FrameJournal(self.folder / "journal.jsonl", before=start)
        self.linked = LinkedFaces()

    def is_finished(self):
        """Returns whether all frames are done, with these settings."""
        return (self.folder / _FINISHED).exists() and self.journal.header() == self.header

    def check_finished(self):
        """Raises an error if the segment is not finished."""
        if self.is_finished():
            return
        if (self.folder / _FINISHED).exists():
            raise ValueError(
                "All machines need the same versions of this package and of its dependencies. "
                f"Received: a segment {self.folder} of other ones. Install the same everywhere, "
                "and run the same command again."
            )
        raise FileNotFoundError(
            "The outputs of every worker must be on a file system that this machine shares. "
            f"Received: {self.folder} without {_FINISHED}. Choose another folder."
        )

    def begin(self):
        """Opens the journal; returns the number of the frames of the video that are done."""
        if self.journal.header() != self.header:
            for path in self.folder.iterdir():
                if not path.name.startswith(_LOCK):
                    path.unlink()
            self.journal.restart(self.header)
            return self.start
        done = self.journal.resume(keep_all=True)
        for boxes, time, grid, copies, _ in done:
            self.linked.follow(boxes, time, grid, copies)
        return self.start + len(done)

    def add(self, frame, faces):
        """Writes the crops of one frame, then its line in the journal."""
        copies = [likeness.small_copy(face.crop) for face in faces]
        boxes = [face.box for face in faces]
        linked = self.linked.follow(boxes, frame.time, frame.grid, copies)
        for place, (face, (_, due)) in enumerate(zip(faces, linked, strict=True)):
            write_crop(self._file(frame.index, place, ".jpg"), face.crop)
            if due:
                write_portrait(self._file(frame.index, place, ".npy"), face.portrait)
        self.journal.add(frame, faces, range(len(faces)), copies, False)

    def finish(self, broken, notes):
        """Marks the segment as finished; see `ExtractionRun.publish` for the arguments."""
        _files.write_json(self.folder / _FINISHED, {"broken": broken, "notes": list(notes)})

    def remarks(self):
        """Returns what was given to `finish`."""
        content = _untrusted.read_json(self.folder / _FINISHED)
        return content["broken"], content["notes"]

    def frames(self):
        """Yields each `Frame`, without its image, and the list of its `StoredFace`s."""
        for index, time, grid, faces in self.journal.frames():
            yield (
                Frame(index, time, None, grid),
                [
                    StoredFace(
                        *(face[name] for name in ("box", "in_frame", "in_crop", "copy")),
                        *(self._file(index, place, ending) for ending in (".jpg", ".npy")),
                    )
                    for place, face in enumerate(faces)
                ],
            )

    def _file(self, index, place, ending):
        return self.folder / f"{index}_{place}{ending}"
