"""What a load found, what it left out, and why: nothing disappears uncounted."""

import dataclasses
from pathlib import Path

import numpy as np

from kollias_affect.clip import Clips
from kollias_affect.tasks import EXPRESSIONS

EXAMPLES = 3  # named per reason
LONGEST = 600  # characters of the message of an empty result
LEAST = 150  # of them for its causes, however long the path is


@dataclasses.dataclass
class LoadReport:
    """Counts of one load, printed by `kollias-affect data`.

    A loader makes one, notes what it leaves out, and ends with `finish`.

    Args:
        dataset: its name in `DATASETS`.
        root: folder or file that is read.
        split: part that is read, or `None`.
        layout: what `root` has to hold, for the message if it does not.

    Attributes:
        clips, videos, subjects, frames: how many there are in the result.
        without_face: frames that have no image.
        invalid: frames that have an image and do not count, because of their label.
        ranges: least and largest label of the valid frames, for `valence` and `arousal`.
        classes: valid frames per expression, those without any included.
        notes: dict from a reason to `(count, examples)`: what was dropped, mapped or mended.

    Raises:
        FileNotFoundError: if `root` does not exist.
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
    notes: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.root = Path(self.root)
        if not self.root.exists():
            raise FileNotFoundError(self.expected("which does not exist"))

    def expected(self, found):
        """The message that `root` does not hold this database; `found` says what is wrong."""
        return (
            f"The dataset {self.dataset!r} is read from {self.layout}. Received: {self.root}, "
            f"{found}. Check the path; docs/databases.md says more."
        )

    def note(self, reason, item, count=1):
        """Counts something that is left out or changed, and keeps its name as an example."""
        total, examples = self.notes.get(reason, (0, ()))
        if len(examples) < EXAMPLES:
            examples = (*examples, str(item))
        self.notes[reason] = (total + count, examples)

    def finish(self, clips, video_of=None):
        """Counts what is in `clips` and returns them, sorted by key.

        Args:
            clips: list of `Clip`.
            video_of: function from a clip to the name of its video. Default: its key.

        Returns:
            `Clips`, whose `report` is this one.

        Raises:
            FileNotFoundError: if there are none.
            ValueError: if two have the same key.
        """
        if not clips:
            raise FileNotFoundError(self._nothing_found())
        refuse_same_keys(clips)
        self.clips = len(clips)
        self.videos = len({video_of(clip) if video_of else clip.key for clip in clips})
        self.subjects = len({clip.subject for clip in clips})
        for clip in clips:
            self._count(clip)
        result = Clips(sorted(clips, key=lambda clip: clip.key))
        result.report = self
        return result

    def _nothing_found(self):
        """The message of an empty result: the causes first, the most frequent one in front.

        Of causes that are equally frequent, the one noted last: it lies nearest to the end.
        """
        part = "" if self.split is None else f" in the split {self.split!r}"
        # A number that differs from the published one follows from the other causes.
        last = reversed(self.notes.items())
        notes = sorted(last, key=lambda n: (n[0].endswith("as published"), -n[1][0]))
        why = "; ".join(line.strip() for line in _lines_of(dict(notes)))
        expected = self.expected(f"in which no clip was found{part}")
        start = f"Nothing could be read{part}: "
        room = max(LEAST, LONGEST - len(start) - len(expected) - len(". "))
        return f"{start}{_shortened(why, room)}. {expected}" if why else expected

    def _count(self, clip):
        shown, valid = clip.has_image, clip.valid
        self.frames += len(clip)
        self.without_face += int((~shown).sum())
        self.invalid += int((shown & ~valid).sum())
        if clip.valence_arousal is not None and valid.any():
            values = clip.valence_arousal[valid]
            for i, name in enumerate(("valence", "arousal")):
                low, high = float(values[:, i].min()), float(values[:, i].max())
                before = self.ranges.get(name, (low, high))
                self.ranges[name] = (min(before[0], low), max(before[1], high))
        if clip.expression is not None:
            found = np.bincount(clip.expression[valid], minlength=len(EXPRESSIONS)).tolist()
            before = self.classes or dict.fromkeys(EXPRESSIONS, 0)
            self.classes = {
                name: before[name] + count for name, count in zip(EXPRESSIONS, found, strict=True)
            }

    def __str__(self):
        split = "" if self.split is None else f", split {self.split}"
        lines = [
            f"{self.dataset} from {self.root}{split}",
            f"  clips                 {self.clips:>9,}",
            f"  videos or images      {self.videos:>9,}",
            f"  subjects              {self.subjects:>9,}",
            f"  frames                {self.frames:>9,}",
            f"  frames without a face {self.without_face:>9,}",
            f"  invalid labels        {self.invalid:>9,}",
        ]
        for name, (low, high) in self.ranges.items():
            lines.append(f"  {name:<21} {low:>9.3f} to {high:.3f}")
        for name, count in self.classes.items():
            lines.append(f"  {name:<21} {count:>9,}")
        return "\n".join(lines + _lines_of(self.notes))


def _lines_of(notes):
    return [
        f"  {count:,} {reason}: {', '.join(examples)}{' …' if count > len(examples) else ''}"
        for reason, (count, examples) in notes.items()
    ]


def _shortened(text, most):
    return text if len(text) <= most else f"{text[: most - 2]} …"


def refuse_same_keys(clips):
    """Raises `ValueError` if two clips have the same key."""
    keys = set()
    twice = sorted({c.key for c in clips if c.key in keys or keys.add(c.key)})
    if twice:
        raise ValueError(
            f"Clips of one dataset must have different names. Received twice: {twice[:5]}. Read "
            "one split at a time, or rename them."
        )
