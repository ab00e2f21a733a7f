"""The order in which an annotator sees the videos, and named selections of videos."""

import csv
import hashlib

from kollias_affect import _checks, _untrusted

ORDERS = ("random", "given")


def order(videos, annotator, kind="random", seed=0):
    """Sorts videos for one annotator.

    Args:
        videos: SHA-256 of each video, in the order of the command line.
        annotator: Identifier of the annotator.
        kind: `"random"` (another order for every annotator, the same one whenever it is asked for;
            a video that is added later moves no other one) or `"given"`.
        seed: Changes all random orders.

    Returns:
        The same names, sorted.

    Example:
        >>> order(["a", "b", "c", "d"], "A1") == order(["d", "c", "b", "a"], "A1")
        True
    """
    _checks.one_of("order", kind, ORDERS)
    if kind == "given":
        return list(videos)
    return sorted(
        videos,
        key=lambda v: hashlib.sha256(f"{seed}\n{annotator}\n{v}".encode()).hexdigest(),
    )


def read(path, names):
    """Reads a csv with the columns `playlist,video`.

    Args:
        path: The file.
        names: File names of the videos that are served.

    Returns:
        Dict from the name of a playlist to the list of file names of its videos.

    Raises:
        OSError, ValueError: If the file cannot be read, or names a video that is not served.
    """
    path = _checks.existing_file("playlist", path)
    playlists = {}
    with (
        _untrusted.reading("--playlist must be a csv", path, "Save it as UTF-8.", own=True),
        open(path, newline="", encoding="utf-8-sig") as file,
    ):
        reader = csv.DictReader(file)
        if not {"playlist", "video"} <= set(reader.fieldnames or ()):
            raise ValueError(
                "--playlist must be a csv with the columns playlist and video. Received: "
                f"{path} with the columns {reader.fieldnames}. Write them into its first line."
            )
        for row in reader:
            if row["video"] not in names:
                raise ValueError(
                    "--playlist must name videos of the command line. Received: "
                    f"{row['video']!r} in line {reader.line_num} of {path}. Add the video to the "
                    "command, or remove the line."
                )
            playlists.setdefault(row["playlist"], []).append(row["video"])
    if not playlists:
        raise ValueError(
            f"--playlist must list at least one video. Received: {path} without rows. Write a row "
            "playlist,video for each video."
        )
    return playlists
