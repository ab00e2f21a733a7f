"""The clips that an experiment needs, by the role they play in it."""

import dataclasses
import hashlib
import itertools
import os

import numpy as np

from kollias_affect import _checks, datasets
from kollias_affect.datasets import sampling
from kollias_affect.evaluation.costs import PLACES
from kollias_affect.experiments.sources import parse
from kollias_affect.tasks import EXPRESSIONS

ROLES = {
    "data": "the database that the networks are trained and tested on",
    "test": "clips to score on, instead of the validation part of `data`",
    "pretrain": "a first database to train on, with valence and arousal (the papers: Aff-Wild)",
    "pretrain2": "another one (paper B: Aff-Wild2)",
    "annotator": "the clips of `data` with the labels of one annotator",
    "other": "the dataset that NetB knows (paper A: the validation part of AFEW)",
    "fer28": "FER-2013 split as in paper D's FER28",
    "fer32": "FER-2013 split as in paper D's FER32",
    "emotiw": "the database that paper D aims at (SFEW)",
}
SHARE = 0.2
# Roles on whose test part numbers are measured.
JUDGED = ("data", "other", "emotiw")
# Roles that `test` may be of: one of them, or it would not be known which.
TESTED = ("data", "emotiw")


@dataclasses.dataclass(frozen=True)
class Parts:
    """Clips of one role, nobody in two parts.

    Attributes:
        training, validation, test: lists of `Clip`; epochs and post-processing are chosen on
            `validation`, numbers are of `test`.
    """

    training: list
    validation: list
    test: list

    @property
    def everything(self):
        """All clips."""
        return [*self.training, *self.validation, *self.test]


def parts(source, test=None, seed=0):
    """The parts of a database.

    Args:
        source: `sources.Source`. Its validation part is what is scored, unless there is `test`;
            then a fifth of the people who train choose the epochs, since what chose an epoch
            should not judge it.
        test: `sources.Source` of which every clip is scored, or `None`.
        seed: of the split.

    Returns:
        `Parts`.

    Raises:
        ValueError: if somebody is in two parts, or there are too few people.
    """
    training, validation = source.load(seed=seed)
    if test is not None:
        clips = dataclasses.replace(test, validation="none").load()[0]
    else:
        clips = validation
        training, validation = sampling.split(training, SHARE, seed)
    found = Parts(training, validation, clips)
    named = {"training": training, "validation": validation, "test": clips}
    for first, second in itertools.combinations(named, 2):
        sampling.refuse_common_subjects(named[first], named[second], f"{first} and {second}")
    return found


def read(texts, names, value, seed=0):
    """The parts of the roles that tables need, from texts such as `emotiw=sfew:PATH`.

    Args:
        texts: `ROLE=DATASET:PATH[:NAME=VALUE...]`, see `sources.parse`; without `ROLE=` it is
            `data`.
        names: roles that are needed; others are refused.
        value: see `sources.parse`.
        seed: see `parts`.

    Returns:
        dict from role to `Parts`.

    Raises:
        FileNotFoundError, ValueError: if a text cannot be read, a role is none or given twice, or
            a picture that is scored is trained on in another role.
    """
    sources = {}
    for text in texts:
        role, found = _source(text, value)
        _checks.one_of("role of the data", role, names)
        if role in sources:
            raise ValueError(
                f"A role has one database. Received for {role} a second one: {text}. Leave it out."
            )
        sources[role] = found
    test, annotator = sources.pop("test", None), sources.pop("annotator", None)
    tested = [role for role in TESTED if role in sources]
    if test is not None and (len(tested) != 1 or "other" in sources):
        raise ValueError(
            f"`test` belongs to one of {TESTED}. Received: it with {sorted(sources)}. Run tables "
            "with other test data, and those of paper A, apart."
        )
    found = {
        role: parts(source, test if role in tested else None, seed)
        if role in JUDGED
        else Parts(*source.load(seed=seed), [])
        for role, source in sources.items()
    }
    if annotator is not None and "data" in found:
        clips = dataclasses.replace(annotator, validation="none").load()[0]
        found["annotator"] = relabelled(found["data"], clips)
    _refuse_seen(found)
    return found


def relabelled(data, clips):
    """The training and validation parts of `data` with the labels of other clips of these keys.

    Raises:
        ValueError: if a clip is missing.
    """
    by_key = {clip.key: clip for clip in clips}
    training, validation = data.training, data.validation
    missing = [clip.key for clip in (*training, *validation) if clip.key not in by_key]
    if missing:
        raise ValueError(
            "`annotator` has the clips of `data`, by their keys, with other labels. Received none "
            f"for {missing[:5]} ({len(missing)} clips). Name them alike."
        )
    return Parts(*([by_key[clip.key] for clip in part] for part in (training, validation)), [])


def _refuse_seen(found):
    """Raises if a picture is scored in one role and trained on in another."""
    for judged, role in itertools.product(JUDGED, found):
        if judged not in found or role == judged:
            continue
        trained = {
            path for c in (*found[role].training, *found[role].validation) for path in c.paths
        }
        both = {path for clip in found[judged].test for path in clip.paths if path} & trained
        if both:
            raise ValueError(
                f"What is scored must not be trained on. Received in the test part of {judged} and "
                f"in {role}: {sorted(both)[:3]} ({len(both)} pictures). Give another database."
            )


def contents(clips):
    """Sixteen characters that stand for clips: keys, people, labels, landmarks and pictures.

    A picture counts by path, size and time of change; reading all would take too long.
    """
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(repr((clip.key, clip.subject, len(clip))).encode())
        for values in (clip.valid, clip.valence_arousal, clip.expression, clip.landmarks):
            digest.update(b"-" if values is None else values.tobytes())
        for path in clip.paths:
            status = os.stat(path) if path else None
            stamp = (status.st_size, status.st_mtime_ns) if status else None
            digest.update(repr((path, stamp)).encode())
    return digest.hexdigest()[:16]


def of_utterances(clips):
    """Whether the valid frames of each clip have one label, and clips differ in it."""
    labels = [clip.valence_arousal[clip.valid] for clip in clips if clip.valid.any()]
    constant = all((values == values[0]).all() for values in labels)
    return constant and len({values[0].tobytes() for values in labels}) > 1


def _source(text, value):
    role, equals, rest = text.partition("=")
    if not equals or role not in ROLES:
        role, rest = "data", text
    options, sources = parse(rest, value)
    if options or len(sources) > 1:
        raise ValueError(
            "Data of a role are one database without options of a stage. Received: "
            f"{text}. Leave out {sorted(options) or 'all but one'}."
        )
    return role, sources[0]


def synthetic(root):
    """Small synthetic clips in every role, for `--smoke`; no real affect is in them.

    An expression is the one whose place in the V-A plane is nearest, and the labels of "one
    annotator" are the true ones with a slow error added.

    Args:
        root: folder, in which they are made.

    Returns:
        dict from role to `Parts`.
    """
    clips = datasets.load("synthetic", root, subjects=10, clips_per_subject=1, frames=16)
    clips = [_with_expressions(clip) for clip in sorted(clips, key=lambda clip: clip.key)]
    data = Parts(clips[:3], clips[3:4], clips[4:5])
    first, second = (Parts(clips[a:b], clips[b : b + 1], []) for a, b in ((5, 6), (7, 9)))
    return {
        "data": data,
        "pretrain": first,
        "pretrain2": second,
        "annotator": relabelled(data, [_one_annotator(clip) for clip in data.everything]),
        "other": Parts(second.training, [], second.validation),
        "fer28": Parts(clips[5:7], clips[7:8], []),
        "fer32": Parts(clips[6:9], clips[9:10], []),
        "emotiw": data,
    }


def _with_expressions(clip):
    places = np.array([PLACES[name] for name in EXPRESSIONS])
    apart = np.linalg.norm(clip.valence_arousal[:, None] - places, axis=-1)
    return dataclasses.replace(clip, expression=apart.argmin(axis=1))


def _one_annotator(clip):
    phase = 2 * np.pi * np.arange(len(clip)) / 50
    error = 0.2 * np.stack([np.sin(phase), np.cos(phase)], axis=1)
    return dataclasses.replace(clip, valence_arousal=np.clip(clip.valence_arousal + error, -1, 1))
