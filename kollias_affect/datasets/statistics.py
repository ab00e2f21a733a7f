"""Statistics of a database: its videos, its persons, and where its labels lie.

References: paper C, tables 2 and 3.
"""

import collections
import functools
import math
import types

import numpy as np

from kollias_affect import _untrusted, datasets
from kollias_affect.clip import Clips
from kollias_affect.datasets import _reading, sampling
from kollias_affect.datasets._report import PartNotFoundError

ALL = "all"
# Numbers of annotators of a video, which the files of the databases do not tell.
ANNOTATORS = types.MappingProxyType(
    {
        "affwild": "6-8",  # paper C, table 2
        "affwild2": "8, or 4 where Aff-Wild lacks the video",  # paper B §3.1 and §3.2
        "omg": "5 on average",  # paper B §3
        "recola": "6",  # paper C §2
    }
)
# Paper C, tables 2 and 3; keys as those of `describe`.
PUBLISHED = types.MappingProxyType(
    {
        "affwild": {
            "train": {"videos": 252, "genders": {"male": 106, "female": 48}},
            "test": {"videos": 46, "genders": {"male": 24, "female": 22}},
            ALL: {
                "videos": 298,
                "minutes": (0.10, 14.47),
                "formats": ("AVI", "MP4"),
                "resolution_mean": (607, 359),
                "resolution_sd": (85, 11),
                "resolution_median": (640, 360),
                "annotators": "6-8",
                "subjects": 200,
                "genders": {"male": 130, "female": 70},
            },
        }
    }
)


def describe(clips, annotators=None, sources=None):
    """Computes the statistics of clips.

    Videos are opened and not decoded; their size is the stored one, before any rotation. Of a
    database of images, one image of each clip is opened, because frames of a clip have one size.

    Args:
        clips: `Clips`, as a loader returns them, or a list of `Clip`.
        annotators: Number of annotators of a video, as text, or `None`.
        sources: Dict from the name of a video to its file, or to its first image. Default: the
            files that the loader found, otherwise the images of the clips.

    Returns:
        Dict with these keys; a value that cannot be known is `None`:

        - `videos`, `clips`, `frames`: numbers.
        - `unreadable`: number of files that cannot be opened.
        - `minutes`: shortest and longest video, and `minutes_total`: sum over the videos.
        - `formats`, `pixel_formats`: dicts from the ending, such as `"MP4"`, and from the pixel
          format, such as `"yuv420p"`, to the number of files.
        - `resolution_of`: `"videos"` or `"images"`.
        - `resolution_mean`, `resolution_sd`, `resolution_median`: `(width, height)` in pixels
          over files; population standard deviation.
        - `annotators`: as given.
        - `subjects`: number of subjects, `persons_known`: whether these are persons, and
          `genders`: dict from a gender, or `"unknown"`, to the number of subjects.
        - `with_face`: share of the frames with a face.
        - `quadrants`: dict from the names in `sampling.QUADRANTS` to shares of the frames that
          have valence and arousal, with or without a face.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> labels = [[0.5, 0.5], [0.5, -0.1], [-0.2, 0.1], [0.3, 0.2]]
        >>> clips = [Clip("a", ["", "", "", ""], valence_arousal=labels, gender="female")]
        >>> statistics = describe(clips)
        >>> statistics["frames"], statistics["genders"], statistics["quadrants"]["+v+a"]
        (4, {'female': 1}, 0.5)
    """
    if sources is None:
        sources = _sources(clips)
    return _describe(clips, annotators, sources, _open)


def _describe(clips, annotators, sources, open_file):
    report = getattr(clips, "report", None)
    frames = sum(map(len, clips))
    with_face = sum(int(clip.has_image.sum()) for clip in clips)
    return {
        "videos": report.videos if report else len({clip.key for clip in clips}),
        "clips": len(clips),
        "frames": frames,
        **_of_files([open_file(path) for path in sources.values()]),
        "annotators": annotators,
        "subjects": len({clip.subject for clip in clips}),
        "persons_known": sampling.persons_known(clips),
        "genders": _genders(clips),
        "with_face": with_face / frames if frames else None,
        "quadrants": _quadrants(clips),
    }


def describe_database(name, root, split=None, **options):
    """Computes the statistics of every official part of a database, and of all together.

    Args:
        name, root: See `datasets.load`.
        split: Part that is described alone, or `None`.
        **options: Options of the loader. `subjects` is a file of persons and genders, without
            which table 3 cannot be counted.

    Returns:
        Dict from the name of a part to the dict of `describe`; the last one is `"all"`. Parts that
        are absent are left out. Parts without labels count: Aff-Wild's test videos have none.

    Raises:
        FileNotFoundError, ValueError: As `datasets.load` does.

    Example:
        >>> import pathlib, tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp())
        >>> for dimension in ("valence", "arousal"):
        ...     path = root / "annotations" / "train" / dimension / "105.txt"
        ...     path.parent.mkdir(parents=True)
        ...     _ = path.write_text("0.1\\n-0.2\\n")
        >>> statistics = describe_database("affwild", root)
        >>> statistics["train"]["videos"], statistics["all"]["annotators"]
        (1, '6-8')

    References: paper C, tables 2 and 3.
    """
    annotators, open_file = ANNOTATORS.get(name), functools.cache(_open)
    parts = _load_parts(name, root, split, options)
    sources = {part: _sources(clips) for part, clips in parts.items()}
    result = {
        part: _describe(clips, annotators, sources[part], open_file)
        for part, clips in parts.items()
    }
    if split is None and ALL not in parts:
        everything = Clips(clip for clips in parts.values() for clip in clips)
        joined = {(part, key): path for part in parts for key, path in sources[part].items()}
        result[ALL] = _describe(everything, annotators, joined, open_file)
        result[ALL]["videos"] = sum(clips.report.videos for clips in parts.values())
    return result


def table(statistics):
    """Returns statistics as a table of texts.

    Args:
        statistics: Dict from the name of a part to the dict of `describe`.

    Returns:
        `pandas.DataFrame` with a row for each attribute and a column for each part.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> rows = table({"all": describe([Clip("a", ["", ""], subject="anna", gender="female")])})
        >>> rows.loc["persons", "all"], rows.loc["length (min)", "all"]
        ('1 (1 female)', 'unknown')
    """
    import pandas as pd

    columns = {part: _texts(values) for part, values in statistics.items()}
    return pd.DataFrame(columns)


def _load_parts(name, root, split, options):
    """Returns a dict from the name of a part to its clips."""
    if split is not None:
        return {str(split): datasets.load(name, root, split, **options)}
    parts = {}
    for part in datasets.official_parts(name):
        try:
            parts[part] = datasets.load(name, root, part, **options)
        except PartNotFoundError:
            continue
    return parts or {ALL: datasets.load(name, root, **options)}


def _sources(clips):
    """Returns a dict from a video to its file, otherwise from the key of a clip to an image."""
    report = getattr(clips, "report", None)
    if report is not None and report.sources:
        return report.sources
    first = {clip.key: next(filter(None, clip.paths), None) for clip in clips}
    return {key: path for key, path in first.items() if path}


def _of_files(opened):
    """Statistics of video files, or of images."""
    files = [file for file in opened if file is not None]
    seconds = [file.seconds for file in files if file.seconds is not None]
    kinds = {"videos" if file.is_video else "images" for file in files}
    sizes = np.array([file.size for file in files], float).reshape(-1, 2)
    moments = (np.mean, np.std, np.median)
    moments = [tuple(map(float, m(sizes, axis=0))) if files else None for m in moments]
    return {
        "unreadable": len(opened) - len(files),
        "minutes": (min(seconds) / 60, max(seconds) / 60) if seconds else None,
        "minutes_total": math.fsum(seconds) / 60 if seconds else None,
        "formats": _counts(file.ending for file in files),
        "pixel_formats": _counts(file.pixels for file in files),
        "resolution_of": " and ".join(sorted(kinds, reverse=True)) or None,
        **dict(zip(_RESOLUTIONS, moments, strict=True)),
    }


_RESOLUTIONS = ("resolution_mean", "resolution_sd", "resolution_median")
_File = collections.namedtuple("_File", "size seconds ending pixels is_video")


def _open(path):
    """Returns what the header of a video or image says, or `None` if it cannot be read."""

    path = str(path)
    ending = path.rpartition(".")[2].upper()
    is_video = path.lower().endswith(_reading.VIDEO_ENDINGS)
    try:
        with (
            _untrusted.reading("A video or image must be readable", path, "Copy it again."),
            _untrusted.open_container(path) as container,
        ):
            stream = container.streams.best("video")
            codec = stream and stream.codec_context
            if not codec or not codec.width:
                return None
            seconds = _seconds(container, stream) if is_video else None
            pixels = codec.format.name if codec.format else "unknown"
            return _File((codec.width, codec.height), seconds, ending, pixels, is_video)
    except (OSError, ValueError):
        return None


def _seconds(container, stream):
    import av

    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def _counts(names):
    return dict(sorted(collections.Counter(names).items()))


def _genders(clips):
    """Returns a dict from a gender to its number of subjects."""
    of_subject = {}
    for clip in clips:
        of_subject[clip.subject] = of_subject.get(clip.subject) or clip.gender
    return _counts(gender or "unknown" for gender in of_subject.values())


def _quadrants(clips):
    """Returns a dict from a quadrant to its share of the labelled frames, or `None`."""
    labels = [clip.valence_arousal for clip in clips if clip.valence_arousal is not None]
    labels = np.concatenate(labels) if labels else np.empty((0, 2))
    negative = labels[(np.abs(labels) <= 1).all(axis=1)] < 0  # NaN and other marks do not count
    if not len(negative):
        return None
    shares = np.bincount(negative[:, 0] + 2 * negative[:, 1], minlength=4) / len(negative)
    return dict(zip(sampling.QUADRANTS, shares.tolist(), strict=True))


def _texts(values):
    """Returns a dict from the name of a row to its text."""

    def number(value, form=","):
        return "unknown" if value is None else format(value, form)

    def size(value):
        return "unknown" if value is None else f"{value[0]:.0f} x {value[1]:.0f}"

    counted = {n: c for n, c in values["genders"].items() if n != "unknown"}
    genders = ", ".join(f"{count} {name}" for name, count in counted.items())
    unknown = values["genders"].get("unknown", 0)
    if counted and unknown:
        genders += f", {unknown} unknown"
    persons = number(values["subjects"]) + (f" ({genders})" if genders else "")
    if not values["persons_known"]:
        persons = f"unknown, {number(values['subjects'])} subjects"
    lengths = values["minutes"]
    return {
        "videos or images": number(values["videos"]),
        "length (min)": "unknown" if lengths is None else f"{lengths[0]:.2f}-{lengths[1]:.2f}",
        "total length (min)": number(values["minutes_total"], ".2f"),
        "formats": ", ".join(f"{n} {c}" for n, c in values["formats"].items()) or "unknown",
        "pixel formats": ", ".join(values["pixel_formats"]) or "unknown",
        "resolution of": values["resolution_of"] or "unknown",
        "mean resolution": size(values["resolution_mean"]),
        "standard deviation": size(values["resolution_sd"]),
        "median resolution": size(values["resolution_median"]),
        "files that cannot be read": number(values["unreadable"]),
        "annotators": values["annotators"] or "unknown",
        "persons": persons,
        "clips": number(values["clips"]),
        "frames": number(values["frames"]),
        "frames with a face": number(values["with_face"], ".1%"),
        **{
            f"frames in {name}": number((values["quadrants"] or {}).get(name), ".1%")
            for name in sampling.QUADRANTS
        },
    }
