"""Faces of a database's videos: read where they were extracted, else extracted now."""

import hashlib
import inspect
import json
from pathlib import Path

from kollias_affect import _checks, _files, faces
from kollias_affect.faces import extraction
from kollias_affect.faces.video import Video

# Options of `faces.extract`; one that was not written down had its default.
COMPARED = ("detector", "size", "faces", "longest_side", "layout", "detect_every")


def of_videos(report, videos, crops=None, **options):
    """The people in each video, as `faces.extract` leaves them.

    What was extracted before is read. The rest is extracted, which takes as long as looking at
    the videos frame by frame takes, shows its progress, and goes on where it was interrupted.
    In the default folder, what was extracted from another file or with other options is made
    anew; a folder that the user named is left as it is.

    Args:
        report: `LoadReport` of the load; videos that cannot be read are noted in it.
        videos: dict from a key, `name` or `folder/name`, to the video file `name.<ending>`, or
            to `None` where there is no video (then there may be crops of it).
        crops: folder of the crops, `<crops>/<key>.csv` and so on. Default: `folder(report)`.
        **options: of `faces.extract`, for what is extracted now.

    Returns:
        dict from key to list of `Clip` without labels, one per person, whose keys start with the
        video's. Videos without crops that cannot be read are missing in it.

    Raises:
        OSError: if the folder of the crops cannot be written, or what lies there is in the way.
        ValueError: if an option is unknown to `faces.extract`.
    """
    named = crops is not None
    crops = Path(crops) if named else folder(report)
    work = {}
    for key, video in videos.items():
        there = _marker(crops, key).is_file()
        stale = there and not named and video is not None and _is_stale(crops, key, video, options)
        if video is not None and (stale or not there):
            work.setdefault((Path(key).parent, stale), {})[str(video)] = key
    for parent in {parent for parent, _ in work}:
        _check_writable(crops / parent, named)
    failed = set()
    for (parent, stale), keys in work.items():
        how = {**options, "overwrite": True} if stale else options
        _, errors = faces.extract_many(list(keys), crops / parent, **how)
        for video, error in errors.items():
            _refuse_other_causes(video, error)
            failed.add(keys[str(video)])
            reason = str(error).splitlines()[0]
            report.note("videos that cannot be read", f"{keys[str(video)]} ({reason})")
    there = [key for key in videos if key not in failed and _marker(crops, key).is_file()]
    return {key: _people(crops, key) for key in there}


def folder(report):
    """Where crops of this database are kept if the user names no folder: in the cache."""
    stamp = hashlib.sha256(str(report.root.resolve()).encode()).hexdigest()[:16]
    return _files.cache_folder() / f"{report.dataset}-{stamp}"


def _marker(crops, key):
    return crops / f"{key}.json"


def _is_stale(crops, key, video, options):
    """Whether the crops of a video were made from another file, or with other options."""
    before = json.loads(_marker(crops, key).read_text(encoding="utf-8")).get("settings", {})
    defaults = inspect.signature(faces.extract).parameters
    now = {name: options.get(name, defaults[name].default) for name in COMPARED}
    before = {"detect_every": 1, **before}
    if not isinstance(now["detector"], str):
        now["detector"] = extraction._name_of(now["detector"])
    now = {"video": Path(video).name, **extraction._identity(Path(video)), **now}
    return any(before.get(name) != value for name, value in now.items())


def _check_writable(path, named):
    if named:
        _checks.writable_folder("crops", path)
    else:
        _files.made_folder(path)


def _refuse_other_causes(video, error):
    """Raises `error` if it is not the video's: labels alone would hide what is wrong."""
    if isinstance(error, OSError | ValueError) and _decodes(video):
        raise error


def _decodes(video):
    try:
        return next(iter(Video(video)), None) is not None
    except (OSError, ValueError):
        return False


def _people(crops, key):
    parent = Path(key).parent
    names = json.loads(_marker(crops, key).read_text(encoding="utf-8"))["people"]
    folder = crops / parent
    clips = [faces.read(folder, _checks.inside(folder, name).name) for name in names]
    for clip in clips:
        clip.key = clip.subject = (parent / clip.key).as_posix()
    return clips
