"""Videos, the persons in them, and who watched which part of them."""

import json
import secrets
import time

from kollias_affect.annotations import stretches

SEEN = 0.98  # share of a video from which on it counts as watched: players end a little early
FIELDS = (
    "sha256", "name", "path", "size", "modified", "duration", "start", "rate", "copy", "facts",
)  # fmt: skip


class Videos:
    """Videos and persons in a store. A video is identified by the SHA-256 of its file."""

    def __init__(self, database):
        self._database = database

    def known(self, path, size, modified):
        """Returns the video that lay at `path` with this size and time of change, or `None`."""
        return _video(
            self._database.row(
                "SELECT * FROM videos WHERE path = ? AND size = ? AND modified = ?",
                (str(path), size, modified),
            )
        )

    def with_sha256(self, sha256):
        """Returns the video of a file, wherever it lay, or `None`."""
        return _video(self._database.row("SELECT * FROM videos WHERE sha256 = ?", (sha256,)))

    def add(self, **fields):
        """Adds a video, or updates the one with the same `sha256`; returns it as a dict.

        Args:
            fields: All of `sha256 name path size modified duration start rate copy facts`.
        """
        values = [*(fields[name] for name in FIELDS[:-1]), json.dumps(fields["facts"])]
        updates = ", ".join(f"{name} = excluded.{name}" for name in FIELDS[1:])
        with self._database.transaction() as connection:
            connection.execute(
                f"INSERT INTO videos (public, {', '.join(FIELDS)}) "
                f"VALUES (?{', ?' * len(FIELDS)}) ON CONFLICT (sha256) DO UPDATE SET {updates}",
                (secrets.token_urlsafe(9), *values),
            )
        return self.with_sha256(fields["sha256"])

    def all(self):
        """Returns all videos as dicts, in the order in which they were added."""
        return [_video(row) for row in self._database.rows("SELECT * FROM videos ORDER BY id")]

    def persons(self, video):
        """Returns the persons of a video as dicts with `id` and `label`."""
        return self._database.rows(
            "SELECT id, label FROM persons WHERE video = ? ORDER BY id", (video,)
        )

    def add_person(self, video, label):
        """Adds a person to a video, unless there is one with this label; returns it as a dict."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO persons (video, label, created) VALUES (?, ?, ?)",
                (video, label, time.time()),
            )
        return self._database.row(
            "SELECT id, label FROM persons WHERE video = ? AND label = ?", (video, label)
        )

    def watch(self, annotator, video, ranges):
        """Adds stretches that an annotator has watched; returns the share watched so far.

        Args:
            annotator: Number of the annotator.
            video: The video, a dict.
            ranges: Pairs of seconds.
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT ranges FROM viewings WHERE annotator = ? AND video = ?",
                (annotator, video["id"]),
            ).fetchone()
            before = json.loads(row["ranges"]) if row else []
            watched = stretches.union([*before, *ranges], slack=0.25)
            total = sum(stop - start for start, stop in watched)
            share = min(1.0, total / video["duration"]) if video["duration"] > 0 else 1.0
            connection.execute(
                "INSERT OR REPLACE INTO viewings VALUES (?, ?, ?, ?)",
                (annotator, video["id"], json.dumps(watched), share),
            )
        return share

    def watched(self, annotator):
        """Dict from the number of a video to the share that an annotator has watched."""
        rows = self._database.rows(
            "SELECT video, share FROM viewings WHERE annotator = ?", (annotator,)
        )
        return {row["video"]: row["share"] for row in rows}


def _video(row):
    return row and {**row, "facts": json.loads(row["facts"])}
