"""Division of a database into parts for training, validation and test.

The official parts of a database are used wherever they exist. Parts are mixed on request only. What
is drawn here is drawn by person.
"""

import collections
import dataclasses
import itertools
from pathlib import Path

from kollias_affect import _checks, _texts, datasets
from kollias_affect.datasets import _reading, sampling
from kollias_affect.datasets._report import PartNotFoundError

PARTS = ("training", "validation", "test")
ALL = "all"  # the split that mixes all parts
NONE = "none"  # the validation part that is empty
SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class Division:
    """A database that is divided for training, validation and test.

    Attributes:
        training: List of `Clip` to train on.
        validation: List of `Clip` that choose epochs and settings.
        test: List of `Clip` that are scored.
        text: What was done, with counts of clips, frames and persons; one line.
        official: Whether at least two parts are official ones of the database. Only these may
            share persons; `text` then says how many.
    """

    training: list
    validation: list
    test: list
    text: str
    official: bool


def divide(
    name,
    root,
    split=None,
    validation=None,
    test=None,
    share=SHARE,
    seed=0,
    parts=PARTS,
    read=None,
    draw=sampling.split,
    **options,
):
    """Divides a database by its official parts, or by person if it has none.

    `parts` says what the caller needs. With all three, the official test part is scored and the
    official validation part chooses epochs. If the official test part is absent or has no labels,
    the official validation part is scored and a share of the persons of the training part chooses
    epochs, because what chose an epoch must not be scored. With `("training", "validation")`, the
    official validation part validates, and the test part is not read. With `("training", "test")`,
    nothing chooses; the official test part is scored, or else the official validation part.

    Args:
        name: Name of the database, one of `DATASETS`.
        root: Folder or file of the database.
        split: Part to train on. Default: the official training part, or everything if there is
            none. `"all"` mixes all parts.
        validation, test: Name of a part, share of the persons of the training part, or `"none"`
            for an empty part. Default: as above.
        share: Share of the persons that is drawn where no official part is used.
        seed: Seed of the draw.
        parts: Parts that are needed, `"training"` among them; the others stay empty.
        read: Function from the name of a split, or `None`, to `Clips`. Default: `load`.
        draw: Function `draw(clips, share, seed)` that returns the rest and what is drawn, without
            common persons. Default: `sampling.split`.
        **options: Options of the loader.

    Returns:
        `Division`.

    Raises:
        FileNotFoundError: If `root` does not hold the database, or a named part.
        ValueError: If an argument is unknown, parts that are not official share persons, or two
            parts share pictures.

    Example:
        >>> import tempfile
        >>> from kollias_affect import datasets
        >>> header = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"
        >>> row = "https://www.youtube.com/watch?v={0},0,1,{0},utterance_1.mp4,0.5,0.1,4"
        >>> with tempfile.TemporaryDirectory() as root:
        ...     for part, videos in (("Train", "abcde"), ("Validation", "fg")):
        ...         lines = [header, *map(row.format, videos)]
        ...         _ = Path(root, f"omg_{part}Videos.csv").write_text("\\n".join(lines))
        ...     division = datasets.divide("omg", root, labels_only=True)
        >>> len(division.training), len(division.validation), len(division.test)
        (4, 1, 2)
        >>> print(division.text)  # doctest: +ELLIPSIS
        omg (labels_only=True), official parts; the test part is absent or has no labels, so ...
    """
    for part in parts:
        _checks.one_of("parts", part, PARTS)
    reader = _Reader(name, root, read, options)
    chosen = {"validation": validation, "test": test}
    chosen = {part: chosen[part] if part in parts else NONE for part in chosen}
    plan = _plan(reader, split, chosen, "validation" in parts)
    return _carry_out(reader, plan, share, seed, draw)


def load_scored(name, root, split=None, read=None, roles=("test", "validation"), **options):
    """Loads the clips on which a model is scored.

    Args:
        name, root: See `load`.
        split: Part to score on. Default: the official test part if it has labels, otherwise the
            official validation part, otherwise everything. `"all"` mixes all parts.
        read: See `divide`.
        roles: Official parts to score on, the preferred one first. `("validation",)` keeps the test
            part unseen where the scores choose something.
        **options: Options of the loader.

    Returns:
        `(clips, text)`: `Clips`, and a line that says which part they are, with counts.

    Raises:
        FileNotFoundError: As `load` does.
        ValueError: As `load` does, or if a database with official parts has none of `roles`.
    """
    reader = _Reader(name, root, read, options)
    if split is not None:
        clips = reader.read(split)
        part = "all parts mixed on request" if _is_all(split) and reader.parts else _named(split)
        return clips, f"{reader.title}, {part}: {count(clips)}."
    for part in roles:
        clips = reader.official(part)
        if clips is not None:
            left = ", the test part is absent or has no labels" if part == "validation" else ""
            left = left if "test" in roles else ""
            kind = f"{reader.kind}part {reader.parts[part]}{left}"
            return clips, f"{reader.title}, {kind}: {count(clips)}."
    if reader.parts and "test" not in roles:
        raise ValueError(
            "What chooses something must not be the test part. Received: "
            f"{reader.title}, whose parts {tuple(reader.parts.values())} have no {roles[0]} part "
            "with labels. Name a part by --split."
        )
    clips = reader.read(None)
    return clips, f"{reader.title}, {reader.without_parts}: {count(clips)}."


def count_parts(name, root, **options):
    """Counts the clips of every part that a database has.

    Args:
        name, root, **options: See `load`.

    Returns:
        Dict from the name of a part to the text of `count`, or to `None` if the part is absent or
        has no labels; `{}` for a database without parts.
    """
    reader = _Reader(name, root, None, options)
    clips = {split: reader.official(part) for part, split in reader.parts.items()}
    return {split: found and count(found) for split, found in clips.items()}


def official_parts(name):
    """Returns the official parts of a database.

    Args:
        name: Name of the database, one of `DATASETS`.

    Returns:
        Tuple of the names of its splits, `()` if it has none.

    Raises:
        ValueError: If the database is unknown.

    Example:
        >>> official_parts("omg"), official_parts("recola"), official_parts("afew_va")
        (('train', 'validation', 'test'), ('train', 'dev'), ())
    """
    return tuple(getattr(datasets._module(name), "OFFICIAL_PARTS", {}).values())


def parts_of(clips):
    """Returns the sorted official parts that clips belong to.

    Args:
        clips: List of `Clip`.

    Returns:
        List of names such as `"fer2013/Training"`, without clips of which none is known.
    """
    return sorted({clip.official_part for clip in clips} - {None})


def count(clips):
    """Returns a text with the numbers of clips, frames and persons.

    Where persons are unknown (see `sampling.persons_known`), the text says what counts as one.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> count([Clip("a", ["1.jpg", "2.jpg"], subject="x"), Clip("b", ["1.jpg"], subject="x")])
        '2 clips, 3 frames, 1 person'
    """
    clips_and_frames = (
        f"{_texts.count(len(clips), 'clip')}, {_texts.count(sum(map(len, clips)), 'frame')}"
    )
    return f"{clips_and_frames}, {_persons_text(clips)}"


def _persons_text(clips):
    persons = len({clip.subject for clip in clips})
    if len(clips) < 2 or sampling.persons_known(clips):
        return _texts.count(persons, "person", "persons")
    if persons == len(clips):
        return "every clip counts as a person"
    return f"{_texts.count(persons, 'subject')}, persons unknown"


def _is_all(split):
    return str(split).strip().lower() == ALL


def _named(split):
    return f"part {split}"


class _Reader:
    """Reads the parts of one database at one root, each of them once.

    Attributes:
        parts: Dict from the names in `PARTS` to the names of the splits that the database has.
        is_official: Whether these parts come from the database and not from the user's files.
        title: Name of the database and options, for texts.
    """

    def __init__(self, name, root, read, options):
        module = datasets._module(name)
        self.is_official = hasattr(module, "OFFICIAL_PARTS")
        if self.is_official:
            self.parts = datasets._parts(name, options)
        else:  # files of the user, who may have named them after parts
            usual = getattr(module, "USUAL_PARTS", {}) if Path(root).is_dir() else {}
            self.parts = {p: s for p, s in usual.items() if Path(root, f"{s}.csv").is_file()}
            if "training" not in self.parts or len(self.parts) < 2:
                self.parts = {}
        self._has_labels = getattr(module, "has_labels", lambda root, split: True)
        self._root, self._options, self._cache = root, options, {}
        self._read = read or (lambda split: datasets.load(name, root, split, **options))
        settings = ", ".join(f"{option}={value}" for option, value in options.items())
        self.title = f"{name} ({settings})" if settings else name
        self.kind = "official " if self.is_official else ""
        self.without_parts = (
            "of which there is no official training part"
            if self.parts and self.is_official
            else "which has no official parts"
        )

    def read(self, split):
        """Returns the clips of a split; of all parts for `"all"` and `None`."""
        split = None if split is None or _is_all(split) else split
        if split not in self._cache:
            self._cache[split] = self._read(split)
        return self._cache[split]

    def official(self, part):
        """Returns the clips of an official part, or `None` if it is absent or has no labels."""
        split = self.parts.get(part)
        if split is None or not self._has_labels(self._root, split):
            return None
        try:
            return self.read(split)
        except PartNotFoundError:
            return None

    def is_part(self, split, part):
        """Whether a name that the user gave stands for an official part."""
        known = self.parts.get(part)
        return known is not None and _reading.same_part(split, known, part)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What each part is: the name of a split, a share of the training part, or `NONE`.

    `None` for the training part is everything, and for the others a share of the default size.
    """

    training: str | None
    validation: str | float | None
    test: str | float | None
    text: str


def _plan(reader, split, chosen, chooses):
    """Returns the `_Plan` for what the caller named and what the database has."""
    if split is not None and _is_all(split):
        kind = "all parts mixed on request" if reader.parts else reader.without_parts
        return _Plan(None, chosen["validation"], chosen["test"], kind)
    start = reader.parts.get("training") if split is None else split
    if split is None and reader.official("training") is None:
        start = None
    if start is None:
        return _Plan(None, chosen["validation"], chosen["test"], reader.without_parts)
    if not reader.is_part(start, "training"):
        return _Plan(start, chosen["validation"], chosen["test"], _named(start))
    return _with_official(reader, start, chosen, chooses)


def _with_official(reader, start, chosen, chooses):
    """Returns the `_Plan` that trains on the official training part."""
    plan, text = dict(chosen), f"{reader.kind}parts"
    named = [value for value in chosen.values() if isinstance(value, str)]

    def free(part):
        taken = any(reader.is_part(split, part) for split in named)
        return not taken and reader.official(part) is not None

    if plan["test"] is None and free("test"):
        plan["test"] = reader.parts["test"]
    elif plan["test"] is None and free("validation"):
        plan["test"] = reader.parts["validation"]
        text += "; the test part is absent or has no labels, so "
        text += f"{plan['test']} is scored"
        if chooses and plan["validation"] is None:
            text += " and persons of the training part choose epochs"
        return _Plan(start, plan["validation"], plan["test"], text)
    if plan["validation"] is None and free("validation"):
        plan["validation"] = reader.parts["validation"]
    return _Plan(start, plan["validation"], plan["test"], text)


def _carry_out(reader, plan, share, seed, draw):
    """Returns the `Division` of a plan."""
    training = reader.read(plan.training)
    name = plan.training or "everything"
    clips, texts, others = {}, {}, f"the persons of {name}"
    # The test part is drawn first: the persons who choose epochs are a share of the others.
    for part in ("test", "validation"):
        value = getattr(plan, part)
        if value == NONE:
            clips[part] = []
        elif isinstance(value, str):
            clips[part], texts[part] = reader.read(value), value
        else:
            size = share if value is None else value
            training, clips[part] = draw(training, size, seed)
            texts[part] = f"{size:.0%} of {others}, seed {seed}"
            others = "the other persons"
    if others == "the other persons":
        name += " without the persons drawn"
    clips, texts = {"training": training, **clips}, {"training": name, **texts}
    official = _is_official(reader, plan)
    _check(clips)
    counts = [f"{part} = {texts[part]} ({count(clips[part])})" for part in PARTS if part in texts]
    text = f"{reader.title}, {plan.text}: {', '.join(counts)}.{_common_text(clips)}"
    return Division(**clips, text=text, official=official)


def _is_official(reader, plan):
    """Whether at least two parts are official ones."""
    values = (plan.training, plan.validation, plan.test)
    names = [v for v in values if isinstance(v, str) and v != NONE]
    is_part = [any(reader.is_part(name, part) for part in PARTS) for name in names]
    return reader.is_official and len(names) > 1 and all(is_part)


def _check(clips):
    """Refuses common pictures of two parts, and common persons unless the parts are official."""
    for first, second in itertools.combinations(clips, 2):
        both = sampling.pictures(clips[first]) & sampling.pictures(clips[second])
        if both:
            raise ValueError(
                f"No picture may be in both {first} and {second}. Received in both: "
                f"{sorted(both)[:3]} ({len(both)} pictures). Name parts that do not overlap."
            )
        sampling.refuse_common_subjects(clips[first], clips[second], f"{first} and {second}")


def _common_text(clips):
    """Says how many persons (or subjects, see `count`) are in two parts, if any is."""
    sets = ({clip.subject for clip in part} for part in clips.values())
    times = collections.Counter(itertools.chain.from_iterable(sets))
    common = sum(number > 1 for number in times.values())
    if not common:
        return ""
    known = all(sampling.persons_known(part) for part in clips.values())
    noun = "person" if known else "subject"
    subjects = _texts.count(common, noun, f"{noun}s")
    return f" {subjects} {'is' if common == 1 else 'are'} in two parts."
