"""Faces of the videos of a database: read if they were extracted, otherwise extracted now."""

import inspect
import os
from pathlib import Path

from kollias_affect import _checks, _files, _runs, _untrusted
from kollias_affect.faces import detectors
from kollias_affect.faces.batch import extract_many
from kollias_affect.faces.extraction import extract, read
from kollias_affect.faces.person_files import TABLE_VERSION
from kollias_affect.faces.publication import UNRECORDED
from kollias_affect.faces.video import Video

# Options of `extract` that the crops depend on.
COMPARED = ("detector", "size", "faces", "longest_side", "layout", "detect_every")


def of_videos(videos, dataset, root, note, crops=None, **options):
    """Returns the people in each video, as `extract` leaves them.

    Videos that were extracted before are read. The others are extracted, frame by frame, with a
    progress bar; an interrupted extraction resumes. In the default folder, crops of another file or
    with other options are replaced. A folder that the user names keeps its crops.

    Args:
        videos: Dict from a key, `name` or `folder/name`, to the video file `name.<ending>`, or to
            `None` if there is no video. Crops may exist without their video.
        dataset: Name of the database, for the default folder.
        root: Folder of the database, for the default folder.
        note: Function `note(reason, item)` that is called for each video that cannot be read.
        crops: Folder of the crops, `<crops>/<key>.csv` and so on. Default: `default_folder`.
        **options: Options of `extract` for the videos that are extracted now.

    Returns:
        Dict from key to list of `Clip` without labels, one per person, whose keys start with the
        key of the video. Videos without crops that cannot be read are missing in it.

    Raises:
        OSError: If the folder of the crops cannot be written, or other files are in the way.
        ValueError: If an option is invalid.
    """
    named = crops is not None
    crops = Path(crops) if named else default_folder(dataset, root)
    work = {}  # from (folder, overwrite) to a dict from video to key
    for key, video in videos.items():
        extracted = _marker(crops, key).is_file()
        stale = extracted and not named and video is not None
        stale = stale and _is_stale(crops, key, video, options)
        if video is not None and (stale or not extracted):
            work.setdefault((crops / Path(key).parent, stale), {})[str(video)] = key
    for folder in {folder for folder, _ in work}:
        _check_writable(folder, named)
    failed = set()
    for (folder, stale), keys in work.items():
        overwrite = {"overwrite": True} if stale else {}
        _, errors = extract_many(list(keys), folder, **{**options, **overwrite})
        for video, error in errors.items():
            _refuse_other_causes(video, error)
            failed.add(keys[video])
            reason = str(error).splitlines()[0]
            note("videos that cannot be read", f"{keys[video]} ({reason})")
    readable = [key for key in videos if key not in failed and _marker(crops, key).is_file()]
    return {key: _people(crops, key) for key in readable}


def default_folder(dataset, root):
    """Returns the folder in the cache for the crops of a database.

    Args:
        dataset: Name of the database.
        root: Folder of the database. Each root has crops of its own.
    """
    stamp = _runs.fingerprint_bytes(os.fsencode(Path(root).resolve()))
    return _files.cache_folder() / f"{dataset}-{stamp}"


def _marker(crops, key):
    return crops / f"{key}.json"


def _is_stale(crops, key, video, options):
    """Returns whether the crops of a video are from another file, or have other options."""
    before = _untrusted.read_json(_marker(crops, key)).get("settings", {})
    defaults = inspect.signature(extract).parameters
    now = {name: options.get(name, defaults[name].default) for name in COMPARED}
    now["detector"] = detectors.name_of(detectors.chosen(now["detector"], now["faces"]))
    now = {"video": Path(video).name, **_runs.file_identity(Path(video)), **now}
    now["table"] = TABLE_VERSION
    before = {**UNRECORDED, **before}
    return any(before.get(name) != value for name, value in now.items())


def _check_writable(path, named):
    if named:
        _checks.writable_folder("crops", path)
    else:
        _files.made_folder(path)


def _refuse_other_causes(video, error):
    """Raises `error` if the video is not its cause: labels without faces would hide the cause."""
    if isinstance(error, OSError | ValueError) and _decodes(video):
        raise error


def _decodes(video):
    try:
        return next(iter(Video(video)), None) is not None
    except (OSError, ValueError):
        return False


def _people(crops, key):
    parent = Path(key).parent
    names = _untrusted.read_json(_marker(crops, key))["people"]
    folder = crops / parent
    clips = [read(folder, _checks.inside(folder, name).name) for name in names]
    for clip in clips:
        clip.key = clip.subject = (parent / clip.key).as_posix()
    return clips
