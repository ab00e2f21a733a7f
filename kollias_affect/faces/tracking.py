"""Which box belongs to which face: linking by overlap, and the choice of the main face."""

import dataclasses

from kollias_affect.faces.detectors import overlap


@dataclasses.dataclass
class Track:
    """What is remembered of one face: never its images.

    `frames`, `area` and `centre` are sums over the frames in which it was found.
    """

    face_id: int
    box: tuple
    first: float
    time: float
    frames: int = 0
    area: float = 0.0
    centre: float = 0.0

    def add(self, box, time):
        """Counts one more frame with this face."""
        self.box, self.time = box, time
        self.frames += 1
        self.area += box.area
        self.centre += box.x + box.width / 2


class Tracker:
    """Gives each box a `face_id` that stays the same while boxes overlap from frame to frame.

    A face that is missed for up to `memory` seconds is taken up again where it was; after that,
    and wherever boxes do not overlap, a new face begins. Nothing is known of who it is: cuts
    between two people who fill the same place are not noticed, and somebody who comes back
    elsewhere is a new face.

    Args:
        least_overlap: intersection over union from which two boxes are one face.
        memory: seconds.
    """

    def __init__(self, least_overlap=0.1, memory=10.0):
        self.least_overlap = least_overlap
        self.memory = memory
        self.tracks = []
        self.last_time = None

    def update(self, boxes, time):
        """Returns the `face_id` of each box of the frame at `time` (seconds)."""
        # The frame before is always remembered, however far back it is.
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
            if shared >= self.least_overlap and i not in linked and track.face_id not in used:
                linked[i] = track
                used.add(track.face_id)
        for i, box in enumerate(boxes):
            if i not in linked:
                linked[i] = Track(len(self.tracks), box, time, time)
                self.tracks.append(linked[i])
            linked[i].add(box, time)
        return [linked[i].face_id for i in range(len(boxes))]


def main_face(tracks):
    """The track of the main face: the longest; among about equally long ones, the largest.

    A track counts as about equally long from 9/10 of the longest on, because detectors miss
    single frames. Returns `None` for no tracks.
    """
    if not tracks:
        return None
    longest = max(track.frames for track in tracks)
    rivals = [track for track in tracks if track.frames >= 0.9 * longest]
    return max(rivals, key=lambda track: (track.area / track.frames, track.frames, -track.face_id))


def people(tracks, video, least_frames=10):
    """Names every face as Aff-Wild2 does.

    Args:
        tracks: list of `Track`.
        video: name of the video.
        least_frames: shorter tracks are taken for false alarms, unless they are at least half as
            long as the longest one (of a short video).

    Returns:
        dict from name to `Track`: `<video>` for one face; `<video>_left` and `<video>_right`, by
        where they are in the image, for two that are seen together; else `<video>_face0`,
        `<video>_face1`, … by their `face_id`.
    """
    longest = max((track.frames for track in tracks), default=0)
    faces = [track for track in tracks if track.frames >= min(least_frames, longest / 2)]
    if len(faces) < 2:
        return {video: main_face(tracks)}
    left, right = sorted(faces[:2], key=lambda track: track.centre / track.frames)
    if len(faces) == 2 and max(left.first, right.first) <= min(left.time, right.time):
        return {f"{video}_left": left, f"{video}_right": right}
    return {f"{video}_face{track.face_id}": track for track in faces}
