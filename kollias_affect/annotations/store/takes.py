"""Takes, and the batches of samples that they consist of."""

import dataclasses
import json
import time

import numpy as np

from kollias_affect.annotations import stretches, traces


class SequenceConflict(ValueError):
    """A batch has the number of another one that has other samples."""


@dataclasses.dataclass(frozen=True)
class Batch:
    """Samples and events that a page sends at once.

    Attributes:
        writer: Random name of the opened page.
        sequence: Number of the batch among those of the page for this take, from 0.
        segment: Number of the segment.
        samples: Float64 `[samples, 3]` (or 4): video time, clock, values.
        events: Dicts with `kind`, `video_time`, `clock`, `detail`.
        device: JSON object that describes the device and its calibration.
        origin: Unix time in milliseconds at which `clock` is 0.
        presented, dropped: Video frames of the segment so far, and how many were dropped.
    """

    writer: str
    sequence: int
    segment: int
    samples: np.ndarray
    events: tuple = ()
    device: dict = dataclasses.field(default_factory=dict)
    origin: float = 0.0
    presented: int = 0
    dropped: int = 0


class Takes:
    """Takes and samples in a store."""

    def __init__(self, database):
        self._database = database

    def create(self, uid, session, video, person, dimension, mode, practice=False):
        """Adds a take and returns it; a take with this `uid` is returned as it is.

        Args:
            uid: Random name that the page made.
            session: Session of the annotator, a dict.
            video, person: Numbers.
            dimension: `"valence"`, `"arousal"` or `"both"`.
            mode: `"bounded"` or `"unbounded"`.
            practice: Whether the take is for practice only.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO takes (uid, annotator, video, person, session, dimension, "
                "mode, practice, state, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",
                (uid, session["annotator"], video, person, session["id"], dimension, mode,
                 int(practice), time.time()),
            )  # fmt: skip
        return self.get(uid)

    def get(self, uid):
        """Returns a take as a dict, or `None`."""
        rows = self._list("WHERE takes.uid = ?", (uid,))
        return rows[0] if rows else None

    def list(self, annotator=None, video=None):
        """Returns takes as dicts, oldest first.

        Args:
            annotator: Number of the annotator whose takes are listed. Default: all.
            video: Number of the video. Default: all.

        Returns:
            Dicts with the columns of the table, `name` of the annotator, `person_label`,
            `samples`, `spans` (stretches of the segments in the video) and `segments` (the number
            of the last one, 0 if there is none).
        """
        wanted = {"takes.annotator": annotator, "takes.video": video}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        condition = " AND ".join(f"{name} = ?" for name in wanted)
        return self._list(f"WHERE {condition}" if wanted else "", tuple(wanted.values()))

    def _list(self, condition, arguments):
        takes = self._database.rows(
            "SELECT takes.*, annotators.name, persons.label AS person_label FROM takes "
            "JOIN annotators ON annotators.id = takes.annotator "
            f"JOIN persons ON persons.id = takes.person {condition} ORDER BY takes.id",
            arguments,
        )
        segments = self._database.rows(
            "SELECT segments.* FROM segments JOIN takes ON takes.id = segments.take "
            f"{condition} ORDER BY segments.number, segments.rowid",
            arguments,
        )
        by_take = {}
        for segment in segments:
            by_take.setdefault(segment["take"], []).append(segment)
        return [_take(take, by_take.get(take["id"], ())) for take in takes]

    def add(self, take, batch):
        """Stores a batch, unless it is stored already.

        Args:
            take: Number of the take.
            batch: `Batch`.

        Returns:
            Whether the batch was new. When the function returns, the batch is on the disk.

        Raises:
            SequenceConflict: If another batch of this page has this sequence number.
        """
        samples = np.ascontiguousarray(batch.samples, "<f8")
        data = samples.tobytes()
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT segment, data FROM batches WHERE take = ? AND writer = ? AND sequence = ?",
                (take, batch.writer, batch.sequence),
            ).fetchone()
            if row is not None:
                if (row["segment"], row["data"]) == (batch.segment, data):
                    return False
                raise SequenceConflict(
                    f"A sequence number must be used once. Received: number {batch.sequence} "
                    f"again with other samples. Reload the page."
                )
            connection.execute(
                "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?)",
                (take, batch.writer, batch.sequence, batch.segment, len(samples), time.time(),
                 data),
            )  # fmt: skip
            self._count(connection, take, batch, samples)
            connection.executemany(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (take, batch.writer, batch.sequence, position, event["kind"],
                     event["video_time"], event["clock"], event["detail"])
                    for position, event in enumerate(batch.events)
                ],
            )  # fmt: skip
        return True

    @staticmethod
    def _count(connection, take, batch, samples):
        first, last = (float(f(samples[:, 0])) if len(samples) else None for f in (np.min, np.max))
        connection.execute(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (take, number, writer) DO UPDATE SET "
            "first = min(coalesce(first, excluded.first), coalesce(excluded.first, first)), "
            "last = max(coalesce(last, excluded.last), coalesce(excluded.last, last)), "
            "samples = samples + excluded.samples, "
            "presented = max(presented, excluded.presented), "
            "dropped = max(dropped, excluded.dropped)",
            (take, batch.segment, batch.writer, first, last, len(samples), batch.presented,
             batch.dropped, json.dumps(batch.device), batch.origin, time.time()),
        )  # fmt: skip

    def segments(self, take):
        """Returns all samples of a take, in the order in which they were recorded.

        Returns:
            List of float64 arrays `[samples, 3]` (or 4), one per segment.
        """
        columns = 2 + self._values(take)
        rows = self._database.rows(
            "SELECT batches.segment, batches.writer, data FROM batches JOIN segments ON "
            "segments.take = batches.take AND segments.number = batches.segment AND "
            "segments.writer = batches.writer WHERE batches.take = ? "
            "ORDER BY segments.number, segments.rowid, batches.sequence",
            (take,),
        )
        grouped = {}
        for row in rows:
            grouped.setdefault((row["segment"], row["writer"]), []).append(row["data"])
        return [
            np.frombuffer(b"".join(parts), "<f8").reshape(-1, columns).copy()
            for parts in grouped.values()
        ]

    def trace(self, take):
        """Returns the samples of a take that count, as a `traces.Trace`."""
        return traces.effective(self.segments(take), self._values(take))

    def _values(self, take):
        row = self._database.row("SELECT dimension FROM takes WHERE id = ?", (take,))
        return 2 if row["dimension"] == "both" else 1

    def events(self, take):
        """Returns the events of a take as dicts, sorted by their video time."""
        return self._database.rows(
            "SELECT kind, video_time, clock, detail FROM events WHERE take = ? "
            "ORDER BY video_time, clock",
            (take,),
        )

    def devices(self, take):
        """Returns the device of every segment of a take, as dicts, in order of recording."""
        rows = self._database.rows(
            "SELECT number, writer, first, last, samples, presented, dropped, device, origin "
            "FROM segments WHERE take = ? ORDER BY number, rowid",
            (take,),
        )
        return [{**row, "device": json.loads(row["device"])} for row in rows]

    def finish(self, take, quality):
        """Ends a take with the findings of `quality.measure`."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE takes SET state = 'finished', finished = ?, quality = ? "
                "WHERE id = ? AND state IN ('open', 'finished')",
                (time.time(), json.dumps(quality), take),
            )

    def reopen(self, take):
        """Opens a finished or accepted take again, so that stretches can be recorded again."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE takes SET state = 'open', finished = NULL WHERE id = ? "
                "AND state IN ('finished', 'accepted')",
                (take,),
            )


def _take(take, segments):
    spans = [(s["first"], s["last"]) for s in segments if s["first"] is not None]
    return {
        **take,
        "practice": bool(take["practice"]),
        "quality": take["quality"] and json.loads(take["quality"]),
        "samples": sum(s["samples"] for s in segments),
        "presented": sum(s["presented"] for s in segments),
        "dropped": sum(s["dropped"] for s in segments),
        "spans": stretches.union(spans, slack=traces.GAP),
        "segments": max((s["number"] for s in segments), default=0),
    }
