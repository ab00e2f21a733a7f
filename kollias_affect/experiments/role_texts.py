"""The data of the tables as texts, such as `emotiw=sfew:PATH`, for commands."""

import dataclasses
import os

from kollias_affect import _checks
from kollias_affect.experiments.roles import ROLES, SCORED, divide, refuse_leaks, relabel, whole
from kollias_affect.experiments.sources import parse

# Roles that the clips of `test` may belong to.
_WITH_TEST = ("data", "emotiw")


def load_roles(texts, allowed, seed=0, protocol="held-out"):
    """Loads the parts of the roles that tables need.

    Args:
        texts: Sequence of texts `ROLE=DATASET:PATH[:NAME=VALUE...]`, see `sources.parse`. The
            default of ROLE is `data`.
        allowed: Roles that are needed; others are refused.
        seed: Seed of the divisions.
        protocol: `"held-out"`, or `"paper"`, paper A's: everything is trained on and scored.

    Returns:
        Dict from role to `Parts`.

    Raises:
        FileNotFoundError: If a database does not exist.
        ValueError: If a text cannot be parsed, a role is unknown or given twice, or a picture
            that is scored is trained on in another role.
    """
    sources = {}
    for text in texts:
        role, source = _parse(text)
        _checks.one_of("role of the data", role, allowed)
        if role in sources:
            raise ValueError(
                f"A role must have one database. Received for {role} a second one: {text}. Leave "
                "it out."
            )
        sources[role] = source
    test, annotator = sources.pop("test", None), sources.pop("annotator", None)
    with_test = [role for role in _WITH_TEST if role in sources]
    if test is not None and (len(with_test) != 1 or "other" in sources):
        raise ValueError(
            f"`test` belongs to one of {_WITH_TEST}. Received: test with {sorted(sources)}. Run "
            "tables with other test data, and those of paper A, separately."
        )
    if protocol == "paper":
        if test is not None:
            raise ValueError(
                "With --protocol paper, what is trained on is scored. Received: other clips as "
                "`test`. Leave them out."
            )
        roles = {role: whole(source) for role, source in sources.items()}
        refuse_leaks(roles)
        return roles
    roles = {
        role: divide(source, test if role in with_test else None, seed, role in SCORED)
        for role, source in sources.items()
    }
    if annotator is not None and "data" in roles:
        everything = dataclasses.replace(annotator, split=annotator.split or "all")
        clips = everything.divide(("training",)).training
        roles["annotator"] = relabel(roles["data"], clips)
    refuse_leaks(roles)
    return roles


def with_absolute_paths(text):
    """Returns a text of `load_roles` for a process with another working folder.

    Example:

    >>> with_absolute_paths("pretrain=affwild:/data/../Aff-Wild:task=all")
    'pretrain=affwild:/Aff-Wild:task=all'
    """
    dataset, colon, rest = text.partition(":")
    path, *options = rest.split(":")
    return ":".join([dataset, os.path.abspath(path), *options]) if colon else text


def _parse(text):
    """Role and `Source` of a text."""
    role, equals, rest = text.partition("=")
    if not equals or role not in ROLES:
        role, rest = "data", text
    options, sources = parse(rest)
    if options or len(sources) > 1:
        raise ValueError(
            "The data of a role must be one database without options of a stage. Received: "
            f"{text}. Leave out {sorted(options) or 'all but one'}."
        )
    return role, sources[0]
