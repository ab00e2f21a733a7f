"""What one annotator recorded of one person along one dimension, from a store or from a file."""

import dataclasses
import hashlib

import numpy as np

from kollias_affect.annotations import quality, traces
from kollias_affect.annotations.store import Batch
from kollias_affect.tasks import DIMENSIONS

DONE = ("finished", "accepted")
STATES = ("open", "finished", "accepted", "replaced")
_CHUNK = 2000  # samples of a stored batch


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """One annotator's trace of one person along one dimension.

    Attributes:
        video: File name of the video.
        person: Label of the person in the video.
        annotator: Identifier of the annotator.
        dimension: `"valence"` or `"arousal"`.
        times: Time stamps of the video in seconds, `[samples]`, sorted.
        values: `[samples]`, in [-1, 1] in the bounded mode.
        mode: `"bounded"` or `"unbounded"`.
        dropped: Pairs of seconds that do not count.
        state: State of the take.
        practice: Whether it is practice only.
        take: Name of the take, `""` for a file.
        number: Number of the take in the store, or `None`.
    """

    video: str
    person: str
    annotator: str
    dimension: str
    times: np.ndarray
    values: np.ndarray
    mode: str = "bounded"
    dropped: tuple = ()
    state: str = "finished"
    practice: bool = False
    take: str = ""
    number: int | None = None

    @property
    def track(self):
        """Video, person and dimension."""
        return self.video, self.person, self.dimension

    def at(self, grid):
        """Values at other times, NaN in gaps and dropped stretches; see `traces.sampled`."""
        return traces.sampled(self.times, self.values, grid, self.dropped)


def load(store, states=DONE, practice=False):
    """Reads the recordings of a store; a take of both dimensions is two of them.

    Args:
        store: `Store`.
        states: States of the takes that are read, among `STATES`.
        practice: Whether practice is read, too.

    Returns:
        List of `Recording`, sorted by video, person, dimension and annotator. If somebody recorded
        a person twice, the older one comes first.
    """
    videos = {video["id"]: video for video in store.videos.all()}
    found = []
    for take in store.takes.list():
        if take["state"] in states and take["samples"] and practice >= take["practice"]:
            found += _of_take(store, take, videos[take["video"]])
    order = {dimension: i for i, dimension in enumerate(DIMENSIONS)}
    return sorted(
        found, key=lambda r: (r.video, r.person, order[r.dimension], r.annotator, r.number)
    )


def _of_take(store, take, video):
    trace = store.takes.trace(take["id"])
    drops = store.reviews.drops(take["id"])
    start = video["start"]
    dimensions = DIMENSIONS if take["dimension"] == "both" else (take["dimension"],)
    return [
        Recording(
            video=video["name"], person=take["person_label"], annotator=take["name"],
            dimension=dimension, times=trace.times + start, values=trace.values[:, column],
            mode=take["mode"],
            dropped=tuple((d["start"] + start, d["stop"] + start) for d in drops),
            state=take["state"], practice=take["practice"], take=take["uid"], number=take["id"],
        )
        for column, dimension in enumerate(dimensions)
    ]  # fmt: skip


def save(store, recording, video, source):
    """Stores a recording that was read from a file as a finished take.

    Args:
        store: `Store`.
        recording: `Recording`. The same one is stored once, however often it is saved.
        video: The video, a dict of the store.
        source: Where it comes from, a JSON object; it is stored as the device.

    Returns:
        Whether the recording was new.
    """
    times = np.asarray(recording.times, np.float64) - video["start"]
    samples = np.column_stack([times, 1000 * times, recording.values])
    track = "\n".join([video["sha256"], recording.person, recording.annotator, recording.dimension])
    uid = hashlib.sha256(track.encode() + samples.astype("<f8").tobytes()).hexdigest()[:32]
    if store.takes.get(uid) is not None:
        return False
    secret = store.people.log_in(recording.annotator, "annotator", source)
    session = store.people.session(secret)
    person = store.videos.add_person(video["id"], recording.person)
    take = store.takes.create(
        uid, session, video["id"], person["id"], recording.dimension, recording.mode
    )
    for sequence, start in enumerate(range(0, len(samples), _CHUNK)):
        part = samples[start : start + _CHUNK]
        store.takes.add(take["id"], Batch("import", sequence, 1, part, device=source))
    trace = store.takes.trace(take["id"])
    store.takes.finish(take["id"], quality.measure(trace, video["duration"]))
    for start, stop in recording.dropped:
        store.reviews.drop(
            take["id"], session["annotator"], start - video["start"], stop - video["start"]
        )
    store.people.log_out(session["id"])
    return True


def tracks(recordings):
    """Groups recordings by video, person and dimension; of each annotator the newest one stays.

    Returns:
        Pair: dict from `(video, person, dimension)` to the list of `Recording`, one per annotator,
        and the list of older ones.
    """
    grouped, older = {}, []
    for recording in recordings:
        of_track = grouped.setdefault(recording.track, {})
        if recording.annotator in of_track:
            older.append(of_track[recording.annotator])
        of_track[recording.annotator] = recording
    return {track: list(found.values()) for track, found in grouped.items()}, older
