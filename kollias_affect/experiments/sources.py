"""Where the clips of a stage come from: databases with splits, said in Python or as one text."""

import dataclasses
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks, datasets
from kollias_affect.clip import Clips
from kollias_affect.datasets import sampling
from kollias_affect.faces.picture_crops import paper_d_crops
from kollias_affect.transfer.stages import Stage

# Databases that come with splits of these names; of others, a share of the subjects validates.
WITH_SPLITS = ("affwild2", "afew", "fer2013", "sfew")
SHARE = 0.2
STAGE_OPTIONS = ("name", "epochs", "learning_rate", "frozen", "new_head")
SOURCE_OPTIONS = ("split", "validation", "crop")


@dataclasses.dataclass(frozen=True)
class Source:
    """A database, and which of its parts train and validate.

    Args:
        dataset: name in `datasets.DATASETS`.
        root: where it lies.
        split: part for training. Default: `"train"` where the database has it, else all.
        validation: part for validation, a share of the subjects of `split`, or `"none"` for no
            validation. Default: `"validation"` where the database has it and `split` is not
            given, else 0.2.
        crop: the images are whole pictures, whose faces are to be cut as `paper_d_crops` does.
        options: dict of options of the database's loader.
    """

    dataset: str
    root: str
    split: str | None = None
    validation: str | float | None = None
    crop: bool = False
    options: dict = dataclasses.field(default_factory=dict)

    def load(self, crops_dir=None, seed=0):
        """The clips for training and for validation, two lists.

        Args:
            crops_dir: folder of crops, for `crop`.
            seed: of the subjects that validate, where a share of them does.

        Raises:
            FileNotFoundError, ValueError: as `datasets.load`.
        """
        with_splits = self.dataset in WITH_SPLITS and self.split is None
        split = "train" if with_splits else self.split
        validation = self.validation
        if validation is None:
            validation = "validation" if with_splits else SHARE
        clips = self._read(split, crops_dir)
        if validation == "none":
            return clips, []
        if isinstance(validation, str):
            return clips, self._read(validation, crops_dir)
        return sampling.split(clips, validation, seed)

    def _read(self, split, crops_dir):
        clips = datasets.load(self.dataset, self.root, split, **self.options)
        if not self.crop:
            return clips
        part = f"{self.dataset}-{split or 'all'}"
        return paper_d_crops(clips, Path(crops_dir or "crops") / part)


def parse(text, value):
    """A stage said as one text.

    `fer2013:PATH:variant=FER28` is a database, where it lies, and options of its loader or of
    `Source`. Several with commas between them are one stage on their union. Options of the
    stage (`name`, `epochs`, `learning_rate`, `frozen`, `new_head`) stand beside them.

    Args:
        text: as above.
        value: function from an option's text and its default to its value.

    Returns:
        `(options, sources)`: dict of options of the stage, list of `Source`.

    Raises:
        ValueError: if the text is none, or an option is unknown.
    """
    known = "|".join(datasets.DATASETS)
    options, sources = {}, []
    for part in re.split(rf",(?=(?:{known}):)", text):
        dataset, *rest = part.split(":", 1)
        if dataset not in datasets.DATASETS or not rest or not rest[0]:
            raise ValueError(
                "A stage is DATASET:PATH, with :NAME=VALUE for every option. Received: "
                f"{part!r}. DATASET is one of {tuple(datasets.DATASETS)}."
            )
        root, *pairs = re.split(r":(?=[a-z_]+=)", rest[0])
        stage, source = _options(dataset, pairs, value)
        options.update(stage)
        sources.append(Source(dataset, root, **source))
    return options, sources


def _options(dataset, pairs, value):
    """Options of the stage, and arguments of `Source`."""
    defaults = datasets.loader_options(dataset)
    stage, source, loader = {}, {}, {}
    for name, text in (pair.split("=", 1) for pair in pairs):
        _checks.one_of(f"option of {dataset}", name, (*STAGE_OPTIONS, *SOURCE_OPTIONS, *defaults))
        if name in STAGE_OPTIONS:
            stage[name] = _frozen(text) if name == "frozen" else _typed(name, text)
        elif name in SOURCE_OPTIONS:
            source[name] = _typed(name, text)
        else:
            loader[name] = value(text, defaults[name])
    return stage, {**source, "options": loader}


def _typed(name, text):
    convert, rule = KINDS.get(name, (str, ""))
    try:
        return convert(text)
    except (ValueError, KeyError):
        raise ValueError(
            f"The option `{name}` of a stage must be {rule}. Received: {name}={text}. Correct it."
        ) from None


def _share(text):
    """A share where it looks like a number, else the name of a split."""
    return float(text) if re.match(r"[\d.]", text) else text


def _truth(text):
    return {"true": True, "false": False}[text.lower()]


KINDS = {
    "epochs": (int, "a whole number"),
    "learning_rate": (float, "a number"),
    "validation": (_share, "a split or a share"),
    "new_head": (_truth, "true or false"),
    "crop": (_truth, "true or false"),
}


def _frozen(text):
    """`cnn`, a number of last layers that are trained, or names with + between them."""
    if text == "cnn":
        return {"cnn": True}
    return {"last": int(text)} if text.isdecimal() else {"names": text.split("+")}


def stage(sources, name=None, crops_dir=None, limit=None, seed=0, **options):
    """Loads a stage: the union of its sources.

    Args:
        sources: list of `Source`.
        name: Default: variants or names of the databases.
        crops_dir: folder of crops, for sources with `crop`.
        limit: at most so many frames per class and set, see `limited`; `None` for all.
        seed: of splits and limits.
        **options: of `Stage`.

    Returns:
        `Stage`.
    """
    training, validation = Clips(), Clips()
    for source in sources:
        some, others = source.load(crops_dir, seed)
        training += some
        validation += others
    if limit is not None:
        training, validation = (limited(clips, limit, seed) for clips in (training, validation))
    default = "+".join(str(s.options.get("variant", s.dataset)) for s in sources)
    return Stage(name or default, training, validation, **options)


def limited(clips, frames, seed=0):
    """Whole clips, in random order, until every class has at least `frames` valid frames.

    For quick looks: the classes come out about equally frequent.

    Args:
        clips: list of `Clip` with `expression`; a clip belongs to the class most of its valid
            frames have.
        frames: per class.
        seed: which clips.

    Returns:
        list of `Clip` in the order of `clips`.
    """
    frames = _checks.positive_integer("limit", frames)
    counts, chosen = {}, []
    for i in np.random.default_rng(seed).permutation(len(clips)).tolist():
        clip = clips[i]
        if clip.expression is None or not clip.valid.any():
            continue
        label = int(np.bincount(clip.expression[clip.valid]).argmax())
        if counts.get(label, 0) < frames:
            counts[label] = counts.get(label, 0) + int(clip.valid.sum())
            chosen.append(i)
    return [clips[i] for i in sorted(chosen)]
