"""The roles that data have in the tables, and how a database is divided for them."""

import dataclasses
import itertools

from kollias_affect import _runs, tasks
from kollias_affect.datasets import sampling
from kollias_affect.datasets.division import PARTS

ROLES = {
    "data": "the database that the networks are trained and tested on",
    "test": "clips to score on, instead of the test part of `data`",
    "pretrain": "a first database to train on, with valence and arousal (the papers: Aff-Wild)",
    "pretrain2": "another one (paper B: Aff-Wild2)",
    "annotator": "the clips of `data` with the labels of one annotator",
    "other": "the dataset of NetB (paper A: the validation part of AFEW)",
    "other2": "a second dataset of NetB, for another facet of NetA (paper A, figure 3)",
    "fer28": "FER-2013 split as in paper D's FER28",
    "fer32": "FER-2013 split as in paper D's FER32",
    "emotiw": "the target database of paper D (SFEW)",
}
# Roles whose test part is scored.
SCORED = ("data", "other", "other2", "emotiw")


@dataclasses.dataclass(frozen=True)
class Parts:
    """Clips of one role, divided.

    Attributes:
        training: List of `Clip` to train on.
        validation: List of `Clip` that choose epochs and post-processing.
        test: List of `Clip` that are scored.
        text: What the parts are, with counts of clips, frames and persons; one line.
        official: Whether they are official parts of a database. Only these may share persons;
            `text` then says how many.
        synthetic: Whether the clips are synthetic.
        source: `sources.Source` that the clips were loaded from, or `None`.
    """

    training: list
    validation: list
    test: list
    text: str = ""
    official: bool = False
    synthetic: bool = False
    source: object = None

    @property
    def lists(self):
        """Dict from the name of a part to its list of `Clip`."""
        return {name: getattr(self, name) for name in ("training", "validation", "test")}

    @property
    def everything(self):
        """List of all clips."""
        return [*self.training, *self.validation, *self.test]


def divide(source, test=None, seed=0, scored=True):
    """Divides a database into `Parts`, see `datasets.divide`.

    The test part of the database, or the clips of `test`, are scored. Nothing that is scored chose
    an epoch.

    Args:
        source: `sources.Source`.
        test: `sources.Source` whose test part is scored instead (all of its clips, if it has no
            official parts), or `None`.
        seed: Seed of the division.
        scored: Whether a part of the source is scored; otherwise its test part stays empty.

    Returns:
        `Parts`.

    Raises:
        ValueError: If a person is in two parts that are not official parts of one database, or
            there are too few persons.
    """
    parts = PARTS if scored and test is None else ("training", "validation")
    division = source.divide(parts, seed=seed)
    result = Parts(**vars(division), synthetic=source.dataset == "synthetic", source=source)
    if test is None:
        return result
    clips, text = test.load_scored()
    for part in ("training", "validation"):
        sampling.refuse_common_subjects(getattr(result, part), clips, f"{part} and test")
    return dataclasses.replace(result, test=clips, text=f"{result.text} test = {text}")


def whole(source):
    """Loads a database whose clips are trained on and scored on, as paper A does.

    Args:
        source: `sources.Source`; its `split` names the clips. Default: all.

    Returns:
        `Parts` whose training part and test part are the same clips.

    Raises:
        ValueError: If the source names a validation or test part.
    """
    if source.test is not None or source.validation is not None:
        raise ValueError(
            "With --protocol paper a database is scored on what is trained on. Received for "
            f"{source.dataset}: validation={source.validation}, test={source.test}. Name one part "
            "by split=PART, or leave all out."
        )
    clips, text = dataclasses.replace(source, split=source.split or "all").load_scored()
    return Parts(
        clips, [], clips, f"trained on and scored on the same clips, {text}",
        synthetic=source.dataset == "synthetic", source=source,
    )  # fmt: skip


def relabel(data, clips):
    """Gives the training and validation parts of `data` the labels of other clips.

    Args:
        data: `Parts`.
        clips: List of `Clip` with the keys of `data`.

    Returns:
        `Parts` without a test part.

    Raises:
        ValueError: If a clip is missing.
    """
    by_key = {clip.key: clip for clip in clips}
    missing = [c.key for c in (*data.training, *data.validation) if c.key not in by_key]
    if missing:
        raise ValueError(
            "`annotator` must have the clips of `data`, by their keys, with other labels. "
            f"Received: no clip for {missing[:5]} ({len(missing)} clips). Give them the same keys."
        )
    parts = [[by_key[clip.key] for clip in part] for part in (data.training, data.validation)]
    return Parts(*parts, [], "the training and validation clips of data", data.official)


def refuse_leaks(roles):
    """Checks that no picture is scored in one role and trained on in another.

    Args:
        roles: Dict from role to `Parts`.

    Raises:
        ValueError: If there is such a picture.
    """
    for scored, role in itertools.product(SCORED, roles):
        if scored not in roles or role == scored:
            continue
        trained = sampling.pictures([*roles[role].training, *roles[role].validation])
        both = sampling.pictures(roles[scored].test) & trained
        if both:
            raise ValueError(
                "Pictures that are scored must not be trained on. Received in the test part of "
                f"{scored} and in {role}: {sorted(both)[:3]} ({len(both)} pictures). Give another "
                "database."
            )


def fingerprint_clips(clips):
    """Fingerprint of keys, people, labels, landmarks and pictures of clips.

    A picture counts by path, size and modification time, because reading all of them would take
    too long.

    Args:
        clips: List of `Clip`.

    Returns:
        Text of 16 characters.
    """
    return _runs.fingerprint(
        [
            (
                clip.key,
                clip.subject,
                len(clip),
                *(
                    None if values is None else _runs.fingerprint_arrays(values)
                    for values in (
                        clip.valid,
                        clip.valence_arousal,
                        clip.expression,
                        clip.landmarks,
                    )
                ),
                *(
                    _runs.fingerprint_arrays(values)
                    for values in (clip.action_units, clip.expression_shares)
                    if values is not None
                ),
                _runs.fingerprint_states(clip.paths),
            )
            for clip in clips
        ]
    )


def are_utterances(clips):
    """Returns whether the valid frames of each clip have one label, and clips differ in it."""
    known = [tasks.known(clip, "valence_arousal") for clip in clips]
    labels = [c.valence_arousal[k] for c, k in zip(clips, known, strict=True) if k.any()]
    constant = all((values == values[0]).all() for values in labels)
    return constant and len({values[0].tobytes() for values in labels}) > 1
