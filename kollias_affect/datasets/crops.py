"""Faces of a database's videos: read where they were extracted, else extracted now."""

import hashlib
import json
from pathlib import Path

from kollias_affect import _checks, _files, faces


def of_videos(report, videos, crops=None, **options):
    """The people in each video, as `faces.extract` leaves them.

    What was extracted before is read. The rest is extracted, which takes as long as looking at
    the videos frame by frame takes, shows its progress, and goes on where it was interrupted.

    Args:
        report: `Report` of the load; videos that cannot be read are noted in it.
        videos: dict from a key, `name` or `folder/name`, to the video file `name.<ending>`, or
            to `None` where there is no video (then there may be crops of it).
        crops: folder of the crops, `<crops>/<key>.csv` and so on. Default: `folder(report)`.
        **options: of `faces.extract`, for what is extracted now.

    Returns:
        dict from key to list of `Clip` without labels, one per person, whose keys start with the
        video's. Videos without crops that cannot be read are missing in it.
    """
    crops = folder(report) if crops is None else Path(crops)
    missing = {}
    for key, video in videos.items():
        if video is not None and not _marker(crops, key).is_file():
            missing.setdefault(Path(key).parent, {})[str(video)] = key
    for parent, keys in missing.items():
        _, errors = faces.extract_many(list(keys), crops / parent, **options)
        for video, error in errors.items():
            reason = str(error).splitlines()[0]
            report.note("videos that cannot be read", f"{keys[str(video)]} ({reason})")
    there = [key for key in videos if _marker(crops, key).is_file()]
    return {key: _people(crops, key) for key in there}


def folder(report):
    """Where crops of this database are kept if the user names no folder: in the cache."""
    stamp = hashlib.sha256(str(report.root.resolve()).encode()).hexdigest()[:16]
    return _files.cache_folder() / f"{report.dataset}-{stamp}"


def _marker(crops, key):
    return crops / f"{key}.json"


def _people(crops, key):
    parent = Path(key).parent
    names = json.loads(_marker(crops, key).read_text(encoding="utf-8"))["people"]
    folder = crops / parent
    clips = [faces.read(folder, _checks.inside(folder, name).name) for name in names]
    for clip in clips:
        clip.key = clip.subject = (parent / clip.key).as_posix()
    return clips
