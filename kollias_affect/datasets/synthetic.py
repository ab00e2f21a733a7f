"""Synthetic clips: one public-domain photograph, moved by known valence and arousal.

No real affect is in them. They exist so that the whole way from a video to a trained model can
be run, tested and shown without a database: the detectors find the face, the labels are exact,
and the videos are small. The photograph is NASA's of Eileen Collins, as scikit-image ships it.

Valence pulls the corners of the mouth up or down and the inner brows together; arousal opens
the mouth and the eyes and raises the brows. "Subjects" are further warps of the face, colours
and a mirror image; every clip has its own head movement, its own curves, and a moment in which
the face is hidden.
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files
from kollias_affect.datasets import frames_csv
from kollias_affect.datasets._report import LoadReport

LAYOUT = "a folder, in which the synthetic clips are made"
SPLITS = ("train", "validation")
FRAMES_PER_SECOND = 25
SIDE = 256  # of the videos, in pixels
HIDDEN_FRAMES = 4

# Part of the photograph that fills the picture: left, top, side.
_REGION = (113, 20, 220)
# Points of the photograph that move: place, reach in pixels, movement in pixels for a valence
# of 1 and for an arousal of 1.
_MUSCLES = (
    ((201, 140), 9, (-3, -8), (0, 0)),  # corners of the mouth
    ((245, 141), 9, (3, -8), (0, 0)),
    ((223, 155), 11, (0, 0), (0, 8)),  # lower lip
    ((222, 178), 18, (0, 0), (0, 6)),  # chin
    ((213, 90), 8, (-1, -3), (0, -3)),  # inner brows
    ((238, 92), 8, (1, -3), (0, -3)),
    ((199, 87), 12, (0, 0), (0, -6)),  # brows
    ((252, 90), 12, (0, 0), (0, -6)),
    ((206, 98), 6, (0, 0), (0, -3)),  # upper lids
    ((247, 100), 6, (0, 0), (0, -3)),
)
# Points that differ from subject to subject: chin, jaw, nose, brows.
_BUILD = ((222, 178), (188, 155), (258, 155), (225, 127), (202, 88), (250, 90))


def load(root, split=None, subjects=8, clips_per_subject=2, frames=100, size=96, seed=0):
    """Makes the videos that are missing in `root`, extracts their faces, and labels them.

    Args:
        root: folder for `videos/`, `annotations/` (one `valence,arousal` row per frame),
            `crops/` and the lists `train.csv` and `validation.csv` of `frames_csv`.
        split: `"train"`, `"validation"` (the last quarter of the subjects), or `None` for all.
        subjects, clips_per_subject, frames: how much; `frames` is per clip.
        size: side of the crops in pixels.
        seed: of everything random.

    Returns:
        list of `Clip` with `valence_arousal`.

    Raises:
        ValueError: if `root` holds synthetic clips made with other settings.
    """
    if split is not None:
        _checks.one_of("split", split, SPLITS)
    root = _checks.writable_folder("root", root)
    if not all((root / f"{name}.csv").exists() for name in SPLITS):
        from kollias_affect import faces  # only here: the other loaders read what was extracted

        videos = make(root, subjects, clips_per_subject, frames, seed)
        _, errors = faces.extract_many(videos, root / "crops", progress=False, size=size)
        for error in errors.values():
            raise error
        label(root)
    else:
        _same_settings(root, subjects, clips_per_subject, frames, seed)
        _same_size(root, size)
    report = LoadReport("synthetic", root, split, LAYOUT)
    return report.finish(frames_csv.load(root, split) if split else _both(root))


def make(root, subjects=8, clips_per_subject=2, frames=100, seed=0):
    """Writes the videos and their labels to `root`, and returns the videos' paths.

    Videos that are there already are kept: the same settings make the same clips.
    """
    root = _checks.writable_folder("root", root)
    _checks.integer_between("seed", seed, 0, 2**32 - 1)
    _same_settings(root, subjects, clips_per_subject, frames, seed)
    photograph = _photograph()
    videos = []
    for subject in range(subjects):
        look = _Look(np.random.default_rng([seed, subject]))
        for clip in range(clips_per_subject):
            name = f"subject{subject + 1:02d}_{clip + 1}"
            video = root / "videos" / f"{name}.mp4"
            random = np.random.default_rng([seed, subject, clip])
            labels = np.stack([_curve(random, frames), _curve(random, frames)], axis=1)
            if not video.exists():  # last: then its labels are there too
                _write_labels(root / "annotations" / f"{name}.csv", labels)
                _write_video(video, _pictures(photograph, look, labels, random))
            videos.append(video)
    return videos


def label(root):
    """Joins the extracted crops and the annotations of `root` into one csv of frames a split."""
    from kollias_affect import faces

    root = Path(root)
    clips = []
    for video in sorted((root / "videos").glob("*.mp4")):
        labels = _checks.existing_file("annotations", root / "annotations" / f"{video.stem}.csv")
        clip = frames_csv.label(faces.read(root / "crops", video.stem), labels)
        clip.subject = video.stem.rsplit("_", 1)[0]
        clips.append(clip)
    subjects = sorted({clip.subject for clip in clips})
    held_out = set(subjects[-max(1, len(subjects) // 4) :])
    for name in SPLITS:
        chosen = [c for c in clips if (c.subject in held_out) == (name == "validation")]
        frames_csv.write(chosen, root / f"{name}.csv")


def _both(root):
    return [clip for name in SPLITS for clip in frames_csv.load(root, name)]


def _same_settings(root, *values):
    settings = dict(zip(("subjects", "clips_per_subject", "frames", "seed"), values, strict=True))
    path = root / "synthetic.json"
    if not path.exists():
        _files.write_json(path, settings)
    elif json.loads(path.read_text()) != settings:
        raise ValueError(
            f"A folder holds the synthetic clips of one setting. {path} says "
            f"{path.read_text().split()}. Received: {settings}. Choose another folder."
        )


def _same_size(root, size):
    marker = next((root / "crops").glob("*.json"))
    made = json.loads(marker.read_text())["settings"]["size"]
    if made != size:
        raise ValueError(
            f"A folder holds the synthetic clips of one setting. The crops in {root} have a side "
            f"of {made} pixels. Received: size={size}. Choose another folder."
        )


def _photograph():
    import skimage.data

    return skimage.data.astronaut()


def _curve(random, frames):
    """A smooth curve in [-1, 1] with slow and faster swings."""
    seconds = np.arange(frames) / FRAMES_PER_SECOND
    rates, phases = random.uniform(0.15, 0.7, 3), random.uniform(0, 2 * np.pi, 3)
    curve = np.sin(2 * np.pi * rates[:, None] * seconds + phases[:, None]).sum(axis=0) / 1.8
    return np.clip(curve, -1, 1).astype(np.float32)


class _Look:
    """What makes a subject: build of the face, colours, mirror image."""

    def __init__(self, random):
        self.build = random.uniform(-4, 4, (len(_BUILD), 2))
        self.width = random.uniform(0.94, 1.08)
        self.gain = random.uniform(0.86, 1.08, 3)
        self.offset = random.uniform(-12, 20)
        self.mirrored = bool(random.integers(2))


def _pictures(photograph, look, labels, random):
    """Yields the uint8 RGB pictures of one clip."""
    frames = len(labels)
    turns = 8 * _curve(random, frames)  # degrees
    shifts = 9 * np.stack([_curve(random, frames), _curve(random, frames)], axis=1)  # pixels
    scales = 1 + 0.06 * _curve(random, frames)
    hidden = int(random.integers(frames // 4, max(frames // 2, frames // 4 + 1)))
    for i in range(frames):
        if hidden <= i < hidden + HIDDEN_FRAMES:
            picture = np.full((SIDE, SIDE, 3), 96.0)
        else:
            picture = _picture(photograph, look, labels[i], turns[i], shifts[i], scales[i])
        noise = random.normal(0, 2, picture.shape)
        yield np.clip(picture + noise, 0, 255).round().astype(np.uint8)


def _picture(photograph, look, label, turn, shift, scale):
    import cv2

    columns, rows = np.meshgrid(
        np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32)
    )
    # From the picture back to the photograph: pose, then build and expression.
    angle = np.deg2rad(turn)
    x, y = columns - SIDE / 2 - shift[0], rows - SIDE / 2 - shift[1]
    x, y = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    left, top, side = _REGION
    x = left + side / 2 + x * (side / SIDE) / (scale * look.width)
    y = top + side / 2 + y * (side / SIDE) / scale
    moves = [(place, 18, move) for place, move in zip(_BUILD, look.build, strict=True)]
    for place, reach, for_valence, for_arousal in _MUSCLES:
        moves.append(
            (place, reach, label[0] * np.array(for_valence) + label[1] * np.array(for_arousal))
        )
    dx, dy = np.zeros_like(x), np.zeros_like(y)
    for (px, py), reach, (mx, my) in moves:
        weight = np.exp(((x - px) ** 2 + (y - py) ** 2) / (-2 * reach**2))
        dx += weight * mx
        dy += weight * my
    map_x, map_y = (x - dx).astype(np.float32), (y - dy).astype(np.float32)
    picture = cv2.remap(photograph, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if look.mirrored:
        picture = picture[:, ::-1]
    return picture * look.gain + look.offset


def _write_video(path, pictures):
    import av

    with _files.atomic(path) as temporary, av.open(str(temporary), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(FRAMES_PER_SECOND))
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        stream.thread_count = 1  # the same bytes on every machine
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _write_labels(path, labels):
    with _files.atomic(path) as temporary:
        np.savetxt(
            temporary, labels, fmt="%.6f", delimiter=",", header="valence,arousal", comments=""
        )
