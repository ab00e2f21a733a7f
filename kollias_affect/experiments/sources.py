"""The databases that a stage is trained on, as Python objects or as one text."""

import dataclasses
import re
from pathlib import Path

import numpy as np

from kollias_affect import _checks, datasets, tasks
from kollias_affect.clip import Clips
from kollias_affect.datasets import division, fer2013
from kollias_affect.datasets._report import PartNotFoundError
from kollias_affect.datasets.option_texts import parse_value
from kollias_affect.faces.picture_crops import paper_d_crops
from kollias_affect.transfer.stages import Stage

STAGE_OPTIONS = ("name", "epochs", "learning_rate", "frozen", "new_head")
SOURCE_OPTIONS = ("split", "validation", "test", "crop")


@dataclasses.dataclass(frozen=True)
class Source:
    """A database, and the parts of it that train, validate and are scored.

    Args:
        dataset: Name in `datasets.DATASETS`.
        root: Folder or file of the database.
        split, validation, test: Parts, see `datasets.divide`. Default: the official parts, or
            shares of the persons of a database without them. `split="all"` mixes all parts.
        crop: Whether the images are complete pictures, whose faces `paper_d_crops` crops.
        options: Dict of options of the database's loader.
    """

    dataset: str
    root: str
    split: str | None = None
    validation: str | float | None = None
    test: str | float | None = None
    crop: bool = False
    options: dict = dataclasses.field(default_factory=dict)

    def divide(self, parts=division.PARTS, crops_dir=None, seed=0, size=256, log=None, **drawing):
        """Loads the clips and divides them.

        Args:
            parts: Parts that are needed, see `datasets.divide`.
            crops_dir, size: Folder of the crops and their side in pixels, used if `crop` is set.
            seed: Seed of the draw of persons, if shares of them are drawn.
            log: Function that is called with a line of text for every set of crops, or `None`.
            **drawing: `share` and `draw`, see `datasets.divide`.

        Returns:
            `datasets.Division`.

        Raises:
            FileNotFoundError, ValueError: As `datasets.divide` does.
        """
        return datasets.divide(
            self.dataset, self.root, self.split, self.validation, self.test, seed=seed,
            parts=parts, read=lambda split: self._read(split, crops_dir, size, log), **drawing,
            **self._described(),
        )  # fmt: skip

    def load_scored(self, crops_dir=None, size=256, log=None):
        """Loads the clips of a database that is only scored on.

        Args:
            crops_dir, size, log: See `divide`.

        Returns:
            `(clips, text)`, see `datasets.load_scored`; `test` names the part, or else `split`.
        """
        split = self.split if self.test is None else self.test
        return datasets.load_scored(
            self.dataset, self.root, split, lambda split: self._read(split, crops_dir, size, log),
            **self._described(),
        )  # fmt: skip

    def _described(self):
        """Options for the text; the draw has a `seed` of its own beside that of `synthetic`."""
        return {name: value for name, value in self.options.items() if name != "seed"}

    def _read(self, split, crops_dir, size=256, log=None):
        clips = self._load(split)
        if not self.crop:
            return clips
        folder = Path(crops_dir or "crops") / f"{self.dataset}-{split or 'all'}"
        cropped = paper_d_crops(clips, folder, size)
        if log is not None:
            log(f"{self.dataset}: {cropped.report}")
        return cropped

    def _load(self, split):
        """Loads a part; one of a variant of paper D must have all that the paper names.

        A database without a part lends it from another one, but a variant is what its parts are.
        """
        variant = self.options.get("variant")
        usages = fer2013.VARIANTS.get(variant, {}).get(split, ())
        try:
            clips = datasets.load(self.dataset, self.root, split, **self.options)
        except PartNotFoundError:
            if not usages:
                raise
            clips = []
        missing = [u for u in usages if not any(clip.key.startswith(u) for clip in clips)]
        if missing:
            remedy = "Give a complete copy"
            if split == "validation":
                remedy = (
                    "Let a share of its other images choose the epochs, by the option "
                    "validation=0.11 of the database, or --without-private-test of --path; or "
                    "give a complete copy"
                )
            raise FileNotFoundError(
                f"The {split} data of {variant} are {' and '.join(usages)}. Received: {self.root} "
                f"without {' and '.join(missing)}. {remedy}."
            )
        return clips


def parse(text):
    """Parses the text of a stage.

    `fer2013:PATH:variant=FER28` names a database, its path, and options of its loader or of
    `Source`. Several databases, separated by commas, are one stage on their union. Options of the
    stage (`name`, `epochs`, `learning_rate`, `frozen`, `new_head`) follow in the same way.

    Args:
        text: Text as above.

    Returns:
        `(options, sources)`: dict of options of the stage, list of `Source`.

    Raises:
        ValueError: If the text does not have this form, or an option is unknown.

    Examples:
        >>> options, sources = parse("fer2013:fer.tar:variant=FER28:epochs=3")
        >>> options, sources[0].root, sources[0].options
        ({'epochs': 3}, 'fer.tar', {'variant': 'FER28'})
    """
    known = "|".join(datasets.DATASETS)
    options, sources = {}, []
    for part in re.split(rf",(?=(?:{known}):)", text):
        dataset, *rest = part.split(":", 1)
        if dataset not in datasets.DATASETS or not rest or not rest[0]:
            raise ValueError(
                "A stage must be DATASET:PATH, with :NAME=VALUE for every option. Received: "
                f"{part!r}. Choose DATASET from {tuple(datasets.DATASETS)}."
            )
        root, *pairs = re.split(r":(?=[a-z_]+=)", rest[0])
        stage, source = _options(dataset, pairs)
        options.update(stage)
        sources.append(Source(dataset, root, **source))
    return options, sources


def _options(dataset, pairs):
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
            loader[name] = parse_value(text, defaults[name])
    return stage, {**source, "options": loader}


def _typed(name, text):
    convert, rule = CONVERTERS.get(name, (str, ""))
    try:
        return convert(text)
    except (ValueError, KeyError):
        raise ValueError(
            f"The option `{name}` of a stage must be {rule}. Received: {name}={text}. Correct it."
        ) from None


def _share_or_split(text):
    return float(text) if re.fullmatch(r"[\d.]+", text) else text


def _boolean(text):
    return {"true": True, "false": False}[text.lower()]


CONVERTERS = {
    "epochs": (int, "a whole number"),
    "learning_rate": (float, "a number"),
    "validation": (_share_or_split, "a split or a share"),
    "test": (_share_or_split, "a split or a share"),
    "new_head": (_boolean, "true or false"),
    "crop": (_boolean, "true or false"),
}


def _frozen(text):
    """Arguments of `freeze` for `cnn`, a number of last layers to train, or names joined by +."""
    if text == "cnn":
        return {"cnn": True}
    return {"last": int(text)} if text.isdecimal() else {"names": text.split("+")}


def stage(sources, name=None, crops_dir=None, limit=None, seed=0, **options):
    """Loads a stage: the union of its sources.

    Args:
        sources: List of `Source`.
        name: Name of the stage. Default: the variants or names of the databases.
        crops_dir: Folder of the crops, for sources with `crop`.
        limit: Number of frames per class and set, see `limited`; `None` for all frames.
        seed: Seed of divisions and of the limit.
        **options: Further arguments of `Stage`.

    Returns:
        `Stage`.
    """
    training, validation, texts = Clips(), Clips(), []
    for source in sources:
        parts = source.divide(("training", "validation"), crops_dir, seed)
        training += parts.training
        validation += parts.validation
        texts.append(parts.text)
    if limit is not None:
        training, validation = (limited(clips, limit, seed) for clips in (training, validation))
        texts.append(f"Of these, about {limit} frames of each class and set.")
    default = "+".join(str(s.options.get("variant", s.dataset)) for s in sources)
    return Stage(name or default, training, validation, text=" ".join(texts), **options)


def limited(clips, frames, seed=0):
    """Draws clips for quick trials: classes become about equally frequent.

    Complete clips are drawn in random order, until every class has at least `frames` valid
    frames.

    Args:
        clips: List of `Clip` with `expression`. The class of a clip is that of most of its valid
            frames.
        frames: Number of frames per class.
        seed: Seed of the draw.

    Returns:
        List of `Clip` in the order of `clips`.
    """
    frames = _checks.positive_integer("limit", frames)
    counts, chosen = {}, []
    for i in np.random.default_rng(seed).permutation(len(clips)).tolist():
        clip = clips[i]
        known = tasks.known(clip, "expression")
        if not known.any():
            continue
        label = int(np.bincount(clip.expression[known]).argmax())
        if counts.get(label, 0) < frames:
            counts[label] = counts.get(label, 0) + int(clip.valid.sum())
            chosen.append(i)
    return [clips[i] for i in sorted(chosen)]
