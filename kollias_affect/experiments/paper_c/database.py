"""Paper C: statistics of a database, tables 2 and 3."""

from kollias_affect.datasets import statistics
from kollias_affect.experiments.declaration import Cell, Empty, Figure
from kollias_affect.experiments.paper_c.networks import table

_PUBLISHED = statistics.PUBLISHED["affwild"]
_ALL, _SETS = statistics.ALL, {"training": "train", "test": "test"}
# Rows of table 2: part, key of `statistics.describe`, and place in its value.
_ROWS = {
    "videos for training": ("train", "videos", None),
    "videos for test": ("test", "videos", None),
    "videos": (_ALL, "videos", None),
    "shortest video (min)": (_ALL, "minutes", 0),
    "longest video (min)": (_ALL, "minutes", 1),
    "mean width (pixels)": (_ALL, "resolution_mean", 0),
    "mean height (pixels)": (_ALL, "resolution_mean", 1),
    "standard deviation of the width": (_ALL, "resolution_sd", 0),
    "standard deviation of the height": (_ALL, "resolution_sd", 1),
    "median width (pixels)": (_ALL, "resolution_median", 0),
    "median height (pixels)": (_ALL, "resolution_median", 1),
}
_GENDERS = ("male", "female")


def _statistics(laboratory):
    """Statistics of the role `data`: of its database, or of its clips if they have no database."""
    return laboratory.once("statistics", lambda: _new_statistics(laboratory.parts()))


def _new_statistics(parts):
    source = parts.source
    if source is not None:
        return statistics.describe_database(source.dataset, source.root, **source.options)
    described = {
        "train": statistics.describe([*parts.training, *parts.validation]),
        "test": statistics.describe(parts.test),
    }
    return {**described, _ALL: statistics.describe(parts.everything)}


def _value(values, place):
    """Value of a row in a dict from part to the dict of `describe`, or `None`."""
    part, key, index = place
    value = values.get(part, {}).get(key)
    return value if index is None or value is None else value[index]


def attribute(laboratory, place):
    """Computes a row of table 2.

    Args:
        laboratory: `Laboratory`.
        place: Part, key of `statistics.describe` and index of its value.

    Returns:
        Dict with the key `"value"`.

    Raises:
        Empty: If the database does not tell it.
    """
    value = _value(_statistics(laboratory), place)
    if value is None:
        raise Empty("the database has no such part, or no video that can be opened")
    return {"value": value}


def persons(laboratory, part):
    """Computes a row of table 3: the numbers of persons of a part by gender.

    Args:
        laboratory: `Laboratory`.
        part: `"train"` or `"test"`.

    Returns:
        Dict from gender to number.

    Raises:
        Empty: If persons or genders are unknown.
    """
    values = _statistics(laboratory).get(part)
    if values is None:
        raise Empty("the database has no such part")
    if not values["persons_known"] or not set(values["genders"]) & set(_GENDERS):
        raise Empty("persons and genders are unknown; name them by the loader's option `subjects`")
    return {name: values["genders"].get(name, 0) for name in _GENDERS}


def facts(laboratory, table):
    """Describes what the numbers are of: formats, annotators and the source of the resolution."""
    values = _statistics(laboratory)[_ALL]
    formats = ", ".join(f"{n} {name}" for name, n in (values["formats"] or {}).items())
    annotators, source = values["annotators"], "as the database's description says; "
    return [
        f"Files: {formats or 'none'}; the resolution is that of the {values['resolution_of']}.",
        f"Annotators: {annotators or 'unknown'} ({source if annotators else ''}the paper: 6-8).",
    ]


def _table(name, title, source, varies, measures, cells, evaluate, **more):
    return table(
        name, title, source, varies, "everything", measures, cells, split="nothing",
        evaluate=evaluate, facts=facts, deviations=(), seeds="none", scale=(), roles=("data",),
        **more,
    )  # fmt: skip


C2 = _table(
    "C2",
    "Attributes of the database",
    "table 2 (Aff-Wild)",
    "attribute",
    ("value",),
    [Cell(row, "", place, {"value": _value(_PUBLISHED, place)}) for row, place in _ROWS.items()],
    attribute,
    figures=(
        Figure("C6", "Labels in the plane (figure 6 of the paper)", part="everything"),
        Figure("C10", "Labels of the training part (figure 10 of the paper)", part="training"),
    ),
)

C3 = _table(
    "C3",
    "Persons by gender",
    "table 3 (Aff-Wild)",
    "part of the database",
    _GENDERS,
    [Cell(row, "", part, dict(_PUBLISHED[part]["genders"])) for row, part in _SETS.items()],
    persons,
)

TABLES = (C2, C3)
