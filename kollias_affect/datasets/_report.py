"""Reports of loads: what was read, what was left out, and why. Everything left out is counted."""

import dataclasses
from pathlib import Path

import numpy as np

from kollias_affect._texts import printable
from kollias_affect.clip import Clips
from kollias_affect.tasks import ACTION_UNITS, DIMENSIONS, EXPRESSIONS_8, known

MAX_EXAMPLES = 3  # names per reason
MAX_MESSAGE = 600  # characters of the message of an empty result
MIN_CAUSES = 150  # characters of that message for its causes, however long the path is


class PartNotFoundError(FileNotFoundError):
    """The root does not hold the part of the database that `split` names."""


@dataclasses.dataclass
class LoadReport:
    """Counts of one load, printed by `kollias-affect data`.

    A loader creates a report, calls `note` for what it leaves out, and ends with `finish`.

    Args:
        dataset: Name of the database in `DATASETS`.
        root: Folder or file that is read.
        split: Part that is read, or `None` for all parts.
        layout: Description of what `root` has to hold, for error messages.

    Attributes:
        clips, videos, subjects, frames: Counts of the result.
        without_face: Number of frames without an image.
        invalid: Number of frames with an image that do not count because of their label.
        ranges: Dict from `"valence"` and `"arousal"` to the minimum and maximum label of the valid
            frames.
        classes: Dict from expression to its number of valid frames, including zeros.
        units: Dict from action unit to the number of valid frames in which it is present.
        sources: Dict from the name of a video to its file (or to its first image), for databases
            whose clips show crops of them.
        notes: Dict from a reason to `(count, examples)`: what was left out, mapped or corrected.

    Raises:
        FileNotFoundError: If `root` does not exist.
    """

    dataset: str
    root: Path
    split: str | None
    layout: str
    clips: int = 0
    videos: int = 0
    subjects: int = 0
    frames: int = 0
    without_face: int = 0
    invalid: int = 0
    ranges: dict = dataclasses.field(default_factory=dict)
    classes: dict = dataclasses.field(default_factory=dict)
    units: dict = dataclasses.field(default_factory=dict)
    sources: dict = dataclasses.field(default_factory=dict)
    notes: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.root = Path(self.root)
        if not self.root.exists():
            raise FileNotFoundError(self.expected("which does not exist"))

    def expected(self, problem):
        """Returns the message that `root` does not hold this database.

        Args:
            problem: Relative clause that says what is wrong, such as `"which is not a folder"`.

        Returns:
            Text.
        """
        return (
            f"The dataset {self.dataset!r} is read from {self.layout}. Received: {self.root}, "
            f"{problem}. Check the path; docs/databases.md says more."
        )

    def require_folder(self):
        """Raises `FileNotFoundError` if `root` is a file."""
        if not self.root.is_dir():
            raise FileNotFoundError(self.expected("which is not a folder"))

    def note(self, reason, item, count=1):
        """Counts something that is left out or changed.

        Args:
            reason: Text that names what happens to which kind of item.
            item: Name of the item. The first few are kept as examples.
            count: Number of things that the item stands for.
        """
        total, examples = self.notes.get(reason, (0, ()))
        if len(examples) < MAX_EXAMPLES:
            examples = (*examples, printable(item))
        self.notes[reason] = (total + count, examples)

    def finish(self, clips, video_of=None):
        """Counts the content of `clips` and returns them, sorted by key.

        Args:
            clips: List of `Clip`.
            video_of: Function from a clip to the name of its video. Default: the clip's key.

        Returns:
            `Clips` with this report as their `report`.

        Raises:
            FileNotFoundError: If there are no clips.
            ValueError: If two clips have the same key.
        """
        if not clips:
            error = FileNotFoundError if self.split is None else PartNotFoundError
            raise error(self._empty_message())
        refuse_same_keys(clips)
        self.clips = len(clips)
        self.videos = len({video_of(clip) if video_of else clip.key for clip in clips})
        self.subjects = len({clip.subject for clip in clips})
        for clip in clips:
            self._count(clip)
        result = Clips(sorted(clips, key=lambda clip: clip.key))
        result.report = self
        return result

    def _empty_message(self):
        """Returns the message of an empty result, which starts with the most frequent causes.

        Among equally frequent causes, the one noted last comes first: it is the nearest to the end
        of the load.
        """
        part = "" if self.split is None else f" in the split {self.split!r}"
        # A count that differs from the published one is a consequence of the other causes.
        latest_first = reversed(self.notes.items())
        notes = sorted(latest_first, key=lambda n: (n[0].endswith("as published"), -n[1][0]))
        causes = "; ".join(line.strip() for line in _note_lines(dict(notes)))
        expected = self.expected(f"in which no clip was found{part}")
        start = f"Nothing could be read{part}: "
        room = max(MIN_CAUSES, MAX_MESSAGE - len(start) - len(expected) - len(". "))
        return f"{start}{_shorten(causes, room)}. {expected}" if causes else expected

    def _count(self, clip):
        has_image, valid = clip.has_image, clip.valid
        self.frames += len(clip)
        self.without_face += int((~has_image).sum())
        self.invalid += int((has_image & ~valid).sum())
        with_affect = known(clip, "valence_arousal")
        if with_affect.any():
            self._extend_ranges(clip.valence_arousal[with_affect])
        if clip.expression is not None:
            self._add_classes(clip.expression[known(clip, "expression_8")], clip.expressions)
        if clip.action_units is not None:
            present = clip.action_units[known(clip, "action_units")] >= 0.5
            for name, count in zip(ACTION_UNITS, present.sum(axis=0).tolist(), strict=True):
                self.units[name] = self.units.get(name, 0) + count

    def _extend_ranges(self, values):
        lows, highs = values.min(axis=0).tolist(), values.max(axis=0).tolist()
        for name, low, high in zip(DIMENSIONS, lows, highs, strict=True):
            before = self.ranges.get(name, (low, high))
            self.ranges[name] = (min(before[0], low), max(before[1], high))

    def _add_classes(self, labels, names):
        counts = np.bincount(labels, minlength=len(EXPRESSIONS_8)).tolist()
        for name, count in zip(names, counts, strict=False):
            self.classes[name] = self.classes.get(name, 0) + count

    def __str__(self):
        split = "" if self.split is None else f", split {self.split}"
        lines = [
            f"{self.dataset} from {printable(self.root)}{split}",
            f"  clips                 {self.clips:>9,}",
            f"  videos or images      {self.videos:>9,}",
            f"  subjects              {self.subjects:>9,}",
            f"  frames                {self.frames:>9,}",
            f"  frames without a face {self.without_face:>9,}",
            f"  invalid labels        {self.invalid:>9,}",
        ]
        for name, (low, high) in self.ranges.items():
            lines.append(f"  {name:<21} {low:>9.3f} to {high:.3f}")
        for name, count in (*self.classes.items(), *self.units.items()):
            lines.append(f"  {name:<21} {count:>9,}")
        return "\n".join(lines + _note_lines(self.notes))


def _note_lines(notes):
    return [
        f"  {count:,} {reason}: {', '.join(examples)}{' …' if count > len(examples) else ''}"
        for reason, (count, examples) in notes.items()
    ]


def _shorten(text, length):
    return text if len(text) <= length else f"{text[: length - 2]} …"


def refuse_same_keys(clips):
    """Raises `ValueError` if two clips have the same key."""
    keys = set()
    twice = sorted({c.key for c in clips if c.key in keys or keys.add(c.key)})
    if twice:
        raise ValueError(
            f"Clips of one dataset must have different names. Received twice: {twice[:5]}. Read "
            "one split at a time, or rename the files."
        )
