"""Extraction of the faces of a complete video: crops, a table and landmarks, in one pass.

The pass can be interrupted and resumed; see `extraction_run`.
"""

import contextlib
import dataclasses
import itertools
import logging
import os
from pathlib import Path

import pandas as pd

from kollias_affect import _checks, _files, _runs, _untrusted, shards
from kollias_affect.clip import Clip
from kollias_affect.faces import alignment, cropping, detectors, likeness
from kollias_affect.faces.between_detections import FaceTracker
from kollias_affect.faces.crop_files import image_name
from kollias_affect.faces.extraction_run import ExtractionRun
from kollias_affect.faces.frame_journal import POINTS
from kollias_affect.faces.person_files import TABLE_VERSION
from kollias_affect.faces.prefetch import parallel, prefetch
from kollias_affect.faces.video import Video

_log = logging.getLogger(__name__)

MIN_SIZE, MAX_SIZE = 16, 2048  # pixels, sides of crops
MAX_DETECT_EVERY = 1000


def extract(
    video,
    out_dir,
    detector="auto",
    size=96,
    faces="main",
    longest_side=640,
    layout="procrustes",
    overwrite=False,
    on_frame=None,
    detect_every=1,
    threads=None,
    wait=None,
):
    """Extracts the aligned face of every frame of a video.

    Four kinds of files are written to `out_dir`:

    - `<video>/00001.jpg`, `00002.jpg` and so on: the crops. Frames without a face have none.
    - `<video>.csv`: one row per decoded frame, with the columns `faces.COLUMNS`. `timestamp` is in
      seconds, the rectangle in pixels of the frame (upright, with square pixels), and `FaceScore`
      is the detector's score, from 0 to 1. If the frames change their number of pixels, the columns
      `FrameWidth` and `FrameHeight` follow.
    - `<video>.npz`: `landmarks` in [-1, 1] of the crop and `landmarks_in_frame` in pixels, float32
      `[frames, 68, 2]`, NaN without a face.
    - `<video>.json`: settings, versions, where the video broke, and what else is unusual in it.

    A finished video is not extracted again. An interrupted extraction resumes and ends with the
    same bytes. Files that an extraction did not write are never replaced or deleted.

    Args:
        video: Video file.
        out_dir: Folder of the outputs. It is created if it is missing.
        detector: Name or callable, see `detectors.get`. `"auto"` depends on `faces`. A callable is
            called in one thread, which is not the caller's.
        size: Side of the crops in pixels, 16 to 2048.
        faces: `"main"` for the face that is seen longest, `"all"` for every face. With `"all"` each
            face has its own folder, table and landmarks, named by `identity.people`.
        longest_side: Frames are shrunk to this number of pixels for the detection only; `None` for
            full size.
        layout: Layout of the crops, one of `LAYOUTS`, see `faces_of`.
        overwrite: Whether to extract a finished video again.
        on_frame: Function that is called with 1 after every frame, for progress bars.
        detect_every: Maximum number of frames from one detection to the next, 1 to 1000. Faces are
            tracked by their landmarks in between, see `between_detections.FaceTracker`. A tracked
            face keeps the `FaceScore` of its last detection.
        threads: Number of frames that are searched at the same time, by a built-in detector with
            `detect_every=1`. Default: one per processor core. The outputs do not depend on it.
        wait: Longest time in seconds to wait while another process extracts the same video.
            Default: 10.

    Returns:
        `Clip` (`faces="main"`) or list of `Clip` (`faces="all"`), without labels.

    Raises:
        FileNotFoundError, ValueError: If `video` cannot be read, an argument is invalid, or
            `out_dir` holds an extraction of this video with other settings.
        OSError: If `out_dir` cannot be written, other files are in the way, or another process
            extracts the same video.
    """
    frames = Video(video)
    find, settings = prepared(frames, detector, size, faces, longest_side, layout, detect_every)
    threads = _checks.positive_integer(
        "threads", (os.cpu_count() or 1) if threads is None else threads
    )
    if callable(detector) or "detect_every" in settings:
        threads = 1
    if threads > 1:
        find = detectors.one_per_thread(detectors.chosen(detector, faces))
    out_dir = _checks.writable_folder("out_dir", out_dir)
    run = ExtractionRun(out_dir, frames.path.stem, settings, wait)
    with _files.writing(out_dir), run:
        if overwrite or not run.is_finished():
            tracker = face_tracker(find, settings)
            _extract_rest(frames, run, tracker, threads, overwrite, on_frame)
        summary = run.summary()
    log_remarks(summary)
    clips = [read(out_dir, name) for name in summary["people"]]
    return clips if faces == "all" else clips[0]


def log_remarks(summary):
    """Logs what is unusual in a video; see `Publication.summary` for the argument."""
    if summary["broken"]:
        _log.warning("%s. The frames that decode are kept.", summary["broken"])
    for note in summary["notes"]:
        _log.warning("%s.", note)


def prepared(
    frames, detector="auto", size=96, faces="main", longest_side=640, layout="procrustes",
    detect_every=1,
):  # fmt: skip
    """Checks options of `extract`.

    Args:
        frames: `Video`.
        detector, size, faces, longest_side, layout, detect_every: See `extract`.

    Returns:
        `(find, settings)`: the detector, and the JSON content that the outputs depend on.

    Raises:
        FileNotFoundError, ValueError: See `extract`.
    """
    faces = _checks.one_of("faces", faces, ("main", "all"))
    detector = detectors.chosen(detector, faces)
    find = detectors.get(detector)
    settings = {
        "video": _encodable(frames.path.name),
        **_runs.file_identity(frames.path),
        "detector": detectors.name_of(detector),
        "size": _checks.integer_between("size", size, MIN_SIZE, MAX_SIZE),
        "faces": faces,
        "longest_side": longest_side
        and _checks.integer_between("longest_side", longest_side, 80, 100_000),
        "layout": _checks.one_of("layout", layout, cropping.LAYOUTS),
        "prototype": alignment.PROTOTYPE.tolist(),
        "table": TABLE_VERSION,
    }
    if _checks.integer_between("detect_every", detect_every, 1, MAX_DETECT_EVERY) > 1:
        settings["detect_every"] = int(detect_every)  # See `publication.UNRECORDED`.
    return find, settings


def face_tracker(find, settings):
    """Returns the `FaceTracker` of an extraction with these settings, see `prepared`."""
    size, layout, longest_side = (settings[k] for k in ("size", "layout", "longest_side"))
    return FaceTracker(
        settings.get("detect_every", 1),
        lambda image: [
            _with_portrait(image, face)
            for face in cropping.faces_of(image, find, size, layout, longest_side)
        ],
        lambda image, box: cropping.face_in(image, box, size, layout),
    )


def _with_portrait(image, face):
    return dataclasses.replace(face, portrait=likeness.portrait(image, face.in_frame))


def _extract_rest(frames, run, tracker, threads, overwrite, on_frame):
    """Extracts the frames that are not done: threads decode, find faces, and write."""
    done = run.begin(overwrite)
    if done is None:
        return
    for boxes, grid in done:
        tracker.remember(boxes, grid)
    frames.skip = len(done)
    if done:
        _runs.progress.info("%s resumes at frame %d.", frames.path.name, len(done) + 1)
    decoded = prefetch(iter(frames))
    if threads > 1:
        results = parallel(lambda frame: _detected(frame, tracker), decoded, threads)
    else:
        results = prefetch(_find_faces(decoded, tracker))
    with contextlib.closing(results):
        for frame, faces, tracked in results:
            if faces is not None:
                run.add(frame, faces, tracked)
            if on_frame is not None:
                on_frame(1)
    complete_portraits(run, frames.path)
    run.publish(frames.broken, frames.notes)


def complete_portraits(run, path):
    """Adds the portraits that no segment of an `ExtractionRun` kept."""
    missing = run.missing_portraits()
    if not missing:
        return
    last = max(missing)
    with contextlib.closing(iter(Video(path, only=missing))) as frames:
        for frame in itertools.takewhile(lambda frame: frame.index <= last, frames):
            for face_id, points in missing.get(frame.index, {}).items():
                run.add_portrait(face_id, frame.index, likeness.portrait(frame.image, points))


def _detected(frame, tracker):
    """Returns what `_find_faces` yields for a frame, if every frame is searched on its own."""
    if frame.image is None:
        return frame, None, False
    return dataclasses.replace(frame, image=None), tracker.detect(frame.image), False


def _find_faces(frames, tracker):
    """Yields frames, their faces (`None` if they are done) and whether these were tracked."""
    with contextlib.closing(frames):
        for frame in frames:
            if frame.image is None:
                yield frame, None, False
            else:
                yield from _without_images(tracker.run(itertools.chain([frame], frames)))


def _without_images(results):
    """Yields the results without the image of the frame, so that waiting results are small."""
    for frame, *rest in results:
        yield dataclasses.replace(frame, image=None), *rest


def read(out_dir, name):
    """Returns the `Clip` that `extract` left.

    Args:
        out_dir: Folder of the outputs, or what `shards.pack` made of it.
        name: Name of the video without its ending, or of a person in it.

    Returns:
        `Clip` without labels, one entry per decoded frame.
    """
    folder = Path(out_dir)
    remedy = "Extract the video again, with overwrite=True or --overwrite."
    with _untrusted.reading("A table of faces must be complete", folder / f"{name}.csv", remedy):
        table = pd.read_csv(
            folder / f"{name}.csv", usecols=["frame", "timestamp", "success"], dtype="float64"
        ).astype({"frame": int, "success": bool})
    with _untrusted.reading("Landmarks must be complete", folder / f"{name}.npz", remedy):
        landmarks = _untrusted.map_npz(folder / f"{name}.npz", "landmarks")
        if landmarks.shape != (len(table), *POINTS) or landmarks.dtype.kind != "f":
            raise _untrusted.UnreadableError(
                f"{landmarks.dtype} of shape {landmarks.shape} for {len(table)} frames"
            )
    names = [
        image_name(frame).encode() if success else b""
        for frame, success in zip(table["frame"], table["success"], strict=True)
    ]
    place = folder.resolve()
    return Clip(
        key=name,
        paths=shards.FramePaths(shards.in_tree(place, name) or f"{place / name}/", names),
        times=table["timestamp"].to_numpy(),
        landmarks=landmarks,
    )


def _encodable(name):
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The name of a video must be text that can be written to a table (UTF-8). Received: "
            f"{name!r}. Rename the file, or set a UTF-8 locale."
        ) from error
    return name
