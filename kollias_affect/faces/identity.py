"""Identity over frames: which box belongs to which face, and which face is the main one."""

import dataclasses

from kollias_affect.faces.boxes import overlap


@dataclasses.dataclass
class Track:
    """What is remembered of one face; it holds no images.

    Attributes:
        face_id: Identity, counted from 0.
        box: Last box.
        first, time: Time stamps of its first and last frame in seconds.
        frames: Number of frames with the face.
        area, centre: Sums of the area of the box and of its horizontal centre over these frames.
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


class IdentityTracker:
    """Gives each box a `face_id` that stays the same while boxes overlap from frame to frame.

    A face that is missed for up to `memory` seconds keeps its identity if it reappears at the same
    place. Later, and wherever boxes do not overlap, a new identity begins. Faces are not
    recognised: two people at the same place before and after a cut have one identity, and a person
    who reappears elsewhere has a new one.

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
            track.area *= across * down
            track.centre *= across

    def update(self, boxes, time):
        """Returns the `face_id` of each box of the frame at `time` (seconds)."""
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
            if shared >= self.min_overlap and i not in linked and track.face_id not in used:
                linked[i] = track
                used.add(track.face_id)
        for i, box in enumerate(boxes):
            if i not in linked:
                linked[i] = Track(len(self.tracks), box, time, time)
                self.tracks.append(linked[i])
            linked[i].add(box, time)
        return [linked[i].face_id for i in range(len(boxes))]


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
