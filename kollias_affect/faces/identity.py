"""Identity over frames: which box belongs to which face, and which face is the main one.

While a video runs, `IdentityTracker` links faces from frame to frame to tracks. At its end,
`persons` joins the tracks of one person, before and after a cut or an absence.
"""

import dataclasses

import numpy as np
import scipy.spatial

from kollias_affect.faces.boxes import overlap
from kollias_affect.faces.likeness import correlation

# Least correlation of the small copies of a face in two frames that are linked. On real videos it
# was at least 0.89 from frame to frame; between two people it was less in 99 of 100 pairs. What is
# separated wrongly is joined by `persons`.
MIN_CORRELATION = 0.88
# Distance of descriptors up to which two tracks are of one person: anywhere, and where one track
# goes on at the place of the other. `benchmarks/identities.py` measures them.
SAME, SAME_AT_ITS_PLACE = 0.5, 0.55
BRIEF = 0.2  # Seconds; a shorter interruption of a face at its place is a blur or a hand before it.


@dataclasses.dataclass
class Track:
    """What is remembered of one face; it holds no images but a small copy.

    Attributes:
        face_id: Identity, counted from 0.
        box: Last box.
        first, time: Time stamps of its first and last frame in seconds.
        frames: Number of frames with the face.
        area, centre: Sums of the area of the box and of its horizontal centre over these frames.
        start: First box.
        copy: `likeness.small_copy` of its last crop, or `None`.
        pictures: Number of its portraits that were kept.
        others: Identities of the faces that were seen in the same frames.
        parts: Identities of the tracks that were joined to this one.
    """

    face_id: int
    box: tuple
    first: float
    time: float
    frames: int = 0
    area: float = 0.0
    centre: float = 0.0
    start: tuple = None
    copy: np.ndarray = None
    pictures: int = 0
    others: set = dataclasses.field(default_factory=set)
    parts: tuple = ()

    def add(self, box, time, copy=None):
        """Counts one more frame with this face."""
        self.box, self.time, self.copy = box, time, copy
        self.frames += 1
        self.area += box.area
        self.centre += box.x + box.width / 2


class IdentityTracker:
    """Gives each box a `face_id` that stays the same while boxes overlap from frame to frame.

    A face that is missed for up to `memory` seconds keeps its identity if it reappears at the same
    place and looks alike. Otherwise a new identity begins, so that no track is of two people; see
    `persons` for those that are of one.

    Args:
        min_overlap: Intersection over union from which two boxes are one face.
        memory: Time in seconds.
    """

    def __init__(self, min_overlap=0.1, memory=10.0):
        self.min_overlap = min_overlap
        self.memory = memory
        self.tracks = []
        self.last_time = None

    def rescale(self, across, down):
        """Changes the unit of all boxes, where the pictures change their number of pixels.

        Args:
            across, down: New pixels per old one, horizontally and vertically.
        """
        for track in self.tracks:
            track.box = track.box.scaled(across, down)
            track.start = track.start.scaled(across, down)
            track.area *= across * down
            track.centre *= across

    def update(self, boxes, time, copies=None):
        """Returns the `face_id` of each box of a frame.

        Args:
            boxes: List of `Box`.
            time: Time stamp of the frame in seconds.
            copies: `likeness.small_copy` of the crop of each box; `None` to link by place alone.
        """
        copies = [None] * len(boxes) if copies is None else copies
        # The previous frame is always remembered, however long ago it was.
        alive = [
            track
            for track in self.tracks
            if time - track.time <= self.memory or track.time == self.last_time
        ]
        self.last_time = time
        candidates = [
            (overlap(box, track.box), i, track) for i, box in enumerate(boxes) for track in alive
        ]
        candidates.sort(key=lambda c: (-c[0], c[2].face_id, c[1]))
        linked, used = {}, set()
        for shared, i, track in candidates:
            free = i not in linked and track.face_id not in used
            if free and shared >= self.min_overlap and _alike(track.copy, copies[i]):
                linked[i] = track
                used.add(track.face_id)
        for i, box in enumerate(boxes):
            if i not in linked:
                number = len(self.tracks)
                linked[i] = Track(number, box, time, time, start=box, parts=(number,))
                self.tracks.append(linked[i])
            linked[i].add(box, time, copies[i])
        ids = [linked[i].face_id for i in range(len(boxes))]
        for face_id in ids:
            self.tracks[face_id].others.update(set(ids) - {face_id})
        return ids


def _alike(a, b):
    return a is None or b is None or correlation(a, b) >= MIN_CORRELATION


def persons(tracks, descriptors, memory=10.0):
    """Joins the tracks that are of one person.

    The nearest two groups of tracks are joined, and so on, as long as the mean distance of their
    descriptors is small enough. Faces that are seen in one frame are never joined.

    Args:
        tracks: List of `Track` of an `IdentityTracker`.
        descriptors: Function from a `Track` to the descriptors of some of its pictures,
            `[pictures, 128]`. It is called only if there are several tracks.
        memory: Longest absence in seconds after which a face goes on at its place.

    Returns:
        List of `Track`, one per person, by first appearance, with new `face_id`s from 0.
    """
    groups = [[i] for i in range(len(tracks))]
    if len(tracks) > 1:
        sums = _distances(tracks, [descriptors(track) for track in tracks], memory)
        while (pair := _nearest(sums, groups)) is not None:
            kept, gone = pair
            groups[kept] += groups.pop(gone)
            sums[kept] += sums[gone]
            sums[:, kept] += sums[:, gone]
            sums = np.delete(np.delete(sums, gone, axis=0), gone, axis=1)
    groups.sort(key=min)
    return [_joined(number, [tracks[i] for i in group]) for number, group in enumerate(groups)]


def _distances(tracks, features, memory):
    """Returns the mean distances of tracks, in units of the distance that is allowed."""
    distances = np.full((len(tracks), len(tracks)), np.inf)
    pictures = np.array([len(vectors) for vectors in features])
    known = np.flatnonzero(pictures)
    if len(known):
        vectors = np.concatenate([features[i] for i in known])
        starts = np.cumsum(pictures[known]) - pictures[known]
        each = np.add.reduceat(scipy.spatial.distance.cdist(vectors, vectors), starts, axis=0)
        each = np.add.reduceat(each, starts, axis=1)
        distances[np.ix_(known, known)] = each / np.outer(pictures[known], pictures[known])
    for i, a in enumerate(tracks):
        for j, b in enumerate(tracks[:i]):
            first, then = sorted((a, b), key=lambda track: (track.first, track.face_id))
            goes_on = overlap(first.box, then.start) > 0 and 0 <= then.first - first.time <= memory
            allowed = SAME_AT_ITS_PLACE if goes_on else SAME
            distance = 0.0 if _interrupts(first, then) else distances[i, j] / allowed
            distance = np.inf if b.face_id in a.others else distance
            distances[i, j] = distances[j, i] = distance
    return distances


def _interrupts(face, brief):
    """Returns whether a track is a brief interruption of another one at its place."""
    inside = face.first < brief.first and brief.time < face.time
    at_its_place = overlap(face.start, brief.start) > 0 or overlap(face.box, brief.start) > 0
    return inside and at_its_place and brief.time - brief.first < BRIEF


def _nearest(sums, groups):
    """Returns the two groups to join next, `None` if none are near enough.

    Args:
        sums: Sums of the distances between the tracks of two groups, `[groups, groups]`.
        groups: Lists of tracks.
    """
    sizes = np.array([len(group) for group in groups])
    means = sums / np.outer(sizes, sizes)
    means[np.tril_indices(len(groups))] = np.inf
    if not len(groups) or means.min() > 1:
        return None
    return np.unravel_index(means.argmin(), means.shape)


def _joined(face_id, group):
    """Returns one track with a new identity for the tracks of a person."""
    group = sorted(group, key=lambda track: track.face_id)
    return dataclasses.replace(
        group[0],
        face_id=face_id,
        box=group[-1].box,
        time=max(track.time for track in group),
        frames=sum(track.frames for track in group),
        area=sum(track.area for track in group),
        centre=sum(track.centre for track in group),
        others=set().union(*(track.others for track in group)),
        parts=tuple(track.face_id for track in group),
    )


def main_face(tracks):
    """Returns the track of the main face: the longest; among about equally long ones, the largest.

    Detectors miss single frames, therefore a track counts as about equally long from 9/10 of the
    longest.

    Args:
        tracks: List of `Track`.

    Returns:
        `Track`, or `None` if there are no tracks.
    """
    if not tracks:
        return None
    longest = max(track.frames for track in tracks)
    rivals = [track for track in tracks if track.frames >= 0.9 * longest]
    return max(rivals, key=lambda track: (track.area / track.frames, track.frames, -track.face_id))


def people(tracks, video, min_frames=10):
    """Names every face as Aff-Wild2 does.

    Args:
        tracks: List of `Track`.
        video: Name of the video.
        min_frames: Shorter tracks count as false alarms, unless they have at least half the length
            of the longest one (in short videos).

    Returns:
        Dict from name to `Track`. One face is named `<video>`. Two faces that are seen together are
        named `<video>_left` and `<video>_right` by their places in the image. Other faces are named
        `<video>_face0`, `<video>_face1` and so on by their `face_id`.
    """
    longest = max((track.frames for track in tracks), default=0)
    faces = [track for track in tracks if track.frames >= min(min_frames, longest / 2)]
    if len(faces) < 2:
        return {video: main_face(tracks)}
    left, right = sorted(faces[:2], key=lambda track: track.centre / track.frames)
    if len(faces) == 2 and max(left.first, right.first) <= min(left.time, right.time):
        return {f"{video}_left": left, f"{video}_right": right}
    return {f"{video}_face{track.face_id}": track for track in faces}
