"""A whole video to aligned crops, a table and landmarks, in one pass that can be interrupted."""

import contextlib
import dataclasses
import hashlib
import itertools
import logging
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import _checks
from kollias_affect.clip import Clip
from kollias_affect.faces import alignment, cropping, detectors
from kollias_affect.faces.ahead import ahead
from kollias_affect.faces.following import Follower
from kollias_affect.faces.video import Video
from kollias_affect.faces.work import Work, image_name

_log = logging.getLogger(__name__)

SMALLEST, LARGEST = 16, 2048  # sides of crops in pixels
MOST_FRAMES = 1000  # between two detections


def extract(
    video,
    out_dir,
    detector="hog",
    size=96,
    faces="main",
    longest_side=640,
    layout="procrustes",
    overwrite=False,
    on_frame=None,
    detect_every=1,
):
    """Extracts the aligned face of every frame of a video.

    Writes `out_dir/<video>/00001.jpg` … (1-based; frames without a face have no image),
    `out_dir/<video>.csv` (one row per decoded frame, columns `work.COLUMNS`; `timestamp` in
    seconds, rectangle in pixels of the frame, `confidence` as the detector gives it),
    `out_dir/<video>.npz` (`landmarks` in [-1, 1] of the crop and `landmarks_in_frame` in pixels,
    float32 `[frames, 68, 2]`, NaN without a face) and `out_dir/<video>.json` (settings,
    versions, where the video broke). A finished video is not worked on again; an interrupted
    one is continued and ends with the same bytes. Nothing that was not written here is replaced
    or deleted.

    Args:
        video: video file.
        out_dir: folder of the outputs; created if missing.
        detector: `"hog"`, `"cnn"`, `"haar"` or a callable (see `detectors.get`).
        size: side of the crops in pixels, 16 to 2048.
        faces: `"main"` for the longest, largest face; `"all"` for every face, each with its own
            folder, table and landmarks (names: see `tracking.people`).
        longest_side: frames are shrunk to this for detection alone; `None` for full size.
        layout: of the crops, see `cropping.faces_of`.
        overwrite: work on the video anew even if it is finished.
        on_frame: called with 1 after every frame, for progress bars.
        detect_every: run the detector on every so many frames only, 1 to 1000, and follow the
            faces by their landmarks between them (see `following.Follower`). `confidence` of a
            followed face is that of its last detection.

    A callable `detector` is called in one thread, which is not the caller's.

    Returns:
        `Clip` (`faces="main"`) or list of `Clip` (`faces="all"`), without labels.

    Raises:
        FileNotFoundError, ValueError: if `video` cannot be read, an argument is unknown, or the
            outputs of another run with other settings are in the way.
        OSError: if `out_dir` cannot be written, other files are in the way, or another process
            works on the same video.
    """
    frames = Video(video)
    find = detectors.get(detector)
    settings = {
        "video": _encodable(frames.path.name),
        **_identity(frames.path),
        "detector": detector if isinstance(detector, str) else _name_of(detector),
        "size": _checks.integer_between("size", size, SMALLEST, LARGEST),
        "faces": _checks.one_of("faces", faces, ("main", "all")),
        "longest_side": longest_side
        and _checks.integer_between("longest_side", longest_side, 80, 100_000),
        "layout": _checks.one_of("layout", layout, cropping.LAYOUTS),
        "prototype": alignment.PROTOTYPE.tolist(),
    }
    if _checks.integer_between("detect_every", detect_every, 1, MOST_FRAMES) > 1:
        settings["detect_every"] = int(detect_every)  # see `work.UNRECORDED`
    with Work(_checks.writable_folder("out_dir", out_dir), frames.path.stem, settings) as work:
        if overwrite or not work.finished():
            _work_on(frames, work, _follower(find, settings), overwrite, on_frame)
        summary = work.summary()
    if summary["broken"]:
        _log.warning("%s. The frames that decode are kept.", summary["broken"])
    clips = [read(out_dir, name) for name in summary["people"]]
    return clips if faces == "all" else clips[0]


def _follower(find, settings):
    size, layout, longest_side = (settings[k] for k in ("size", "layout", "longest_side"))
    return Follower(
        settings.get("detect_every", 1),
        lambda image: cropping.faces_of(image, find, size, layout, longest_side),
        lambda image, box: cropping.face_in(image, box, size, layout),
    )


def _work_on(frames, work, follower, overwrite, on_frame):
    """Does what is left of a video. Three threads: decoding, finding faces, writing."""
    done = work.begin(overwrite, follower.remember)
    if done is None:
        return
    frames.skip = done
    with contextlib.closing(ahead(_found(ahead(iter(frames)), follower))) as found:
        for frame, faces, followed in found:
            if faces is not None:
                work.add(frame, faces, followed)
            if on_frame is not None:
                on_frame(1)
    work.publish(frames.broken)


def _found(frames, follower):
    """Frames with their faces (`None` where these are done) and whether they were followed."""
    with contextlib.closing(frames):
        for frame in frames:
            if frame.image is None:
                yield frame, None, False
            else:
                yield from _without_images(follower.run(itertools.chain([frame], frames)))


def _without_images(found):
    """The same, so that what waits to be written holds no pictures."""
    for frame, *rest in found:
        yield dataclasses.replace(frame, image=None), *rest


def read(out_dir, name):
    """The `Clip` that `extract` left in `out_dir` under `name`."""
    folder = Path(out_dir)
    table = pd.read_csv(folder / f"{name}.csv", usecols=["frame", "timestamp", "success"])
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        landmarks = arrays["landmarks"]
    images = folder.resolve() / name
    return Clip(
        key=name,
        paths=[
            str(images / image_name(frame)) if success else ""
            for frame, success in zip(table["frame"], table["success"], strict=True)
        ],
        times=table["timestamp"].to_numpy(),
        landmarks=landmarks,
    )


def _identity(path):
    """Tells two videos of one name apart, at the cost of two short reads."""
    ends = hashlib.sha256()
    with open(path, "rb") as file:
        ends.update(file.read(1 << 16))
        file.seek(max(0, path.stat().st_size - (1 << 16)))
        ends.update(file.read())
    return {"bytes": path.stat().st_size, "sha256_of_ends": ends.hexdigest()}


def _encodable(name):
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"The name of a video must be text that can be written to a table (UTF-8). Received: "
            f"{name!r}. Rename the file, or set a UTF-8 locale."
        ) from error
    return name


def _name_of(detector):
    kind = detector if hasattr(detector, "__qualname__") else type(detector)
    return f"{kind.__module__}.{kind.__qualname__}"
