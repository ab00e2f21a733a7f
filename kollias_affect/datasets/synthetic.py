"""Synthetic clips: a public-domain photograph, moved by known valence and arousal.

They contain no real affect. They let the complete pipeline, from a video to a trained model, be
run, tested and shown without a database. The photograph is NASA's portrait of Eileen Collins, as
scikit-image ships it.

Layout: a folder, which may be empty. `videos/`, `annotations/` and `crops/` are written to it.

Labels: valence and arousal in [-1, 1] of every frame. Valence moves the corners of the mouth and
the inner brows; arousal opens the mouth and the eyes and raises the brows.

Faces: extracted from the videos by `faces.extract_many`. Every clip has its own head movement, and
a few frames in which the face is hidden.

Subjects: warps of the face, with colours and mirroring of their own.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from kollias_affect import _checks, _files, _untrusted, shards
from kollias_affect.datasets import frames_csv
from kollias_affect.datasets._report import LoadReport

LAYOUT = "a folder, in which the synthetic clips are made"
SPLITS = ("train", "validation")
OFFICIAL_PARTS = {"training": "train", "validation": "validation"}
FRAMES_PER_SECOND = 25
SIDE = 192  # of the videos, in pixels
HIDDEN_FRAMES = 4
MARKER = "synthetic.json"
"""File in the folder of synthetic clips, with their settings."""

# Part of the photograph that fills a frame: left, top, side.
_REGION = (140, 47, 165)
# Pixels of the photograph around the region that moved frames can show, too.
_MARGIN = 32
_FIELD_START = np.subtract(_REGION[:2], _MARGIN)
# Points of the photograph that move: position, reach in pixels, and the displacement in pixels
# per unit of valence and of arousal.
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
# Points that differ between subjects (chin, jaw, nose, brows), and their reach.
_BUILD = ((222, 178), (188, 155), (258, 155), (225, 127), (202, 88), (250, 90))
_BUILD_REACH = 18


def load(root, split=None, subjects=8, clips_per_subject=2, frames=100, size=96, seed=0):
    """Makes the videos that are missing in `root`, extracts their faces, and labels them.

    Args:
        root: Folder for `videos/`, `annotations/` (one `valence,arousal` row per frame), `crops/`
            and the lists `train.csv` and `validation.csv` of `frames_csv`.
        split: `"train"`, `"validation"` (the last quarter of the subjects), or `None` for all.
        subjects: Number of subjects.
        clips_per_subject: Number of clips per subject.
        frames: Number of frames per clip.
        size: Side of the crops in pixels.
        seed: Seed of everything random.

    Returns:
        List of `Clip` with `valence_arousal`.

    Raises:
        ValueError: If `root` holds synthetic clips made with other settings.
    """
    if split is not None:
        _checks.one_of("split", split, SPLITS)
    root = _checks.writable_folder("root", root)
    if not all((root / f"{name}.csv").exists() for name in SPLITS):
        from kollias_affect import faces  # local: the other loaders only read crops

        videos = make(root, subjects, clips_per_subject, frames, seed)
        # The start of a process takes longer than such a short video.
        _, errors = faces.extract_many(
            videos, root / "crops", processes=1, progress=False, size=size
        )
        for error in errors.values():
            raise error
        label(root)
    else:
        _check_settings(root, subjects, clips_per_subject, frames, seed)
        _check_size(root, size)
    report = LoadReport("synthetic", root, split, LAYOUT)
    splits = SPLITS if split is None else (split,)
    clips = [clip for name in splits for clip in frames_csv.load(root, name)]
    report.sources = {clip.key: root / "videos" / f"{clip.key}.mp4" for clip in clips}
    return report.finish(clips)


def make(root, subjects=8, clips_per_subject=2, frames=100, seed=0):
    """Writes the videos and their labels to `root`.

    Existing videos are left as they are: the same settings make the same clips.

    Args:
        root: Folder for `videos/` and `annotations/`.
        subjects, clips_per_subject, frames, seed: See `load`.

    Returns:
        List of the paths of all videos.

    Raises:
        ValueError: If `root` holds synthetic clips made with other settings.
    """
    root = _checks.writable_folder("root", root)
    _checks.integer_between("seed", seed, 0, 2**32 - 1)
    _check_settings(root, subjects, clips_per_subject, frames, seed)
    photograph = _photograph()
    videos = []
    for subject in range(subjects):
        look = _Look(np.random.default_rng([seed, subject]))
        for clip in range(clips_per_subject):
            name = f"subject{subject + 1:02d}_{clip + 1}"
            video = root / "videos" / f"{name}.mp4"
            random = np.random.default_rng([seed, subject, clip])
            labels = np.stack([_curve(random, frames), _curve(random, frames)], axis=1)
            if not video.exists():  # The labels come first: a video that exists has them.
                _write_labels(root / "annotations" / f"{name}.csv", labels)
                _write_video(video, _pictures(photograph, look, labels, random))
            videos.append(video)
    return videos


def label(root):
    """Joins the extracted crops and the annotations of `root` into one list of frames per split.

    Args:
        root: Folder with `videos/`, `annotations/` and `crops/`.

    Raises:
        FileNotFoundError: If the crops or the annotations of a video are missing.
    """
    from kollias_affect import faces

    root = Path(root)
    clips = []
    for video in sorted((root / "videos").glob("*.mp4")):
        labels = _checks.existing_file("annotations", root / "annotations" / f"{video.stem}.csv")
        clip = frames_csv.label(faces.read(root / "crops", video.stem), labels)
        clip.subject = video.stem.rsplit("_", 1)[0]
        clips.append(clip)
    subjects = sorted({clip.subject for clip in clips})
    last = set(subjects[-max(1, len(subjects) // 4) :])
    train = [clip for clip in clips if clip.subject not in last]
    validation = [clip for clip in clips if clip.subject in last]
    for name, part in zip(SPLITS, (train, validation), strict=True):
        frames_csv.write(part, root / f"{name}.csv")


def facts(clips):
    """Returns what the card of a model says if all clips that trained it are synthetic.

    Args:
        clips: List of `Clip`, loaded by any loader.

    Returns:
        `{"synthetic": True}`, or `{}`.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> facts([Clip("a", ["crops/a/00001.jpg"])])
    {}
    """
    shown = [next(filter(None, clip.paths), None) for clip in clips]
    return {"synthetic": True} if shown and all(map(_is_synthetic, shown)) else {}


def _is_synthetic(path):
    """Returns whether an image lies in a folder that `make` made, at `crops/<video>/`."""
    above = Path(shards.tree_path(path)).parents if path else ()
    return any((folder / MARKER).is_file() for folder in list(above)[:3])


def _check_settings(root, *values):
    settings = dict(zip(("subjects", "clips_per_subject", "frames", "seed"), values, strict=True))
    path = root / MARKER
    if not path.exists():
        _files.write_json(path, settings)
    elif _untrusted.read_json(path) != settings:
        raise ValueError(
            "A folder holds synthetic clips of one set of settings. Received: "
            f"{settings}, while {path} holds {path.read_text().split()}. Choose another folder."
        )


def _check_size(root, size):
    metadata = next((root / "crops").glob("*.json"))
    existing = _untrusted.read_json(metadata)["settings"]["size"]
    if existing != size:
        raise ValueError(
            f"A folder holds synthetic clips of one set of settings. The crops in {root} have "
            f"{existing} pixels. Received: size={size}. Choose another folder."
        )


def _photograph():
    import skimage.data

    return skimage.data.astronaut()


def _curve(random, frames):
    """A smooth curve in [-1, 1]: the sum of three sines, `[frames]`."""
    seconds = np.arange(frames) / FRAMES_PER_SECOND
    rates, phases = random.uniform(0.15, 0.7, 3), random.uniform(0, 2 * np.pi, 3)
    curve = np.sin(2 * np.pi * rates[:, None] * seconds + phases[:, None]).sum(axis=0) / 1.8
    return np.clip(curve, -1, 1).astype(np.float32)


class _Look:
    """The appearance of a subject: build of the face, colours, mirroring."""

    def __init__(self, random):
        self.build = random.uniform(-4, 4, (len(_BUILD), 2))
        self.width = random.uniform(0.94, 1.08)
        self.gain = random.uniform(0.86, 1.08, 3).astype(np.float32)
        self.offset = np.float32(random.uniform(-12, 20))
        self.mirrored = bool(random.integers(2))


def _pictures(photograph, look, labels, random):
    """Yields the frames of one clip, uint8 RGB."""
    frames = len(labels)
    turns = 8 * _curve(random, frames)  # degrees
    shifts = 9 * np.stack([_curve(random, frames), _curve(random, frames)], axis=1)  # pixels
    scales = 1 + 0.06 * _curve(random, frames)
    hidden = int(random.integers(frames // 4, max(frames // 2, frames // 4 + 1)))
    for i in range(frames):
        if hidden <= i < hidden + HIDDEN_FRAMES:
            picture = np.full((SIDE, SIDE, 3), 96, np.float32)
        else:
            picture = _picture(photograph, look, labels[i], turns[i], shifts[i], scales[i])
        picture += 2 * random.standard_normal(picture.shape, np.float32)
        yield np.clip(picture, 0, 255).round().astype(np.uint8)


def _picture(photograph, look, label, turn, shift, scale):
    """One frame, float32 RGB."""
    import cv2

    field = _displacements(look, label)
    to_photograph = _pose(look, turn, shift, scale)
    moved = cv2.warpAffine(
        field,
        to_photograph - np.pad(_FIELD_START[:, None], ((0, 0), (2, 0))),
        (SIDE, SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    pixels = np.arange(SIDE)
    maps = [
        (a * pixels + b * pixels[:, None] + c).astype(np.float32) - moved[..., axis]
        for axis, (a, b, c) in enumerate(to_photograph)
    ]
    picture = cv2.remap(photograph, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if look.mirrored:
        picture = picture[:, ::-1]
    return picture * look.gain + look.offset


def _pose(look, turn, shift, scale):
    """The affine map `[2, 3]` from pixels of a frame to pixels of the photograph."""
    left, top, side = _REGION
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    factors = side / SIDE / scale / np.array([look.width, 1])
    linear = np.array([[cosine, sine], [-sine, cosine]]) * factors[:, None]
    centre = np.array([left, top]) + side / 2
    return np.c_[linear, centre - linear @ (SIDE / 2 + np.asarray(shift, float))]


def _displacements(look, label):
    """Displacements `[side, side, 2]` of the photograph's pixels from `_FIELD_START` on."""
    build = [(point, _BUILD_REACH, move) for point, move in zip(_BUILD, look.build, strict=True)]
    expression = [
        (point, reach, label[0] * np.array(valence) + label[1] * np.array(arousal))
        for point, reach, valence, arousal in _MUSCLES
    ]
    points, reaches, moves = (np.array(part) for part in zip(*build, *expression, strict=True))
    pixels = _FIELD_START[:, None] + np.arange(_REGION[2] + 2 * _MARGIN)
    # A round Gaussian is the product of one along x and one along y.
    along_x, along_y = (
        np.exp((pixels[axis] - points[:, axis, None]) ** 2 / (-2 * reaches[:, None] ** 2))
        for axis in (0, 1)
    )
    field = [along_y.T @ (along_x * moves[:, axis, None]) for axis in (0, 1)]
    return np.stack(field, axis=-1).astype(np.float32)


def _write_video(path, pictures):
    import av

    with (
        _files.atomic(path) as temporary,
        av.open(_untrusted.media_address(temporary), "w") as container,
    ):
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
