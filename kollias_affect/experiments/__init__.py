"""The papers' tables as experiments: what varies, what is fixed, and how it is measured.

A table is a declaration in the module of its paper; `run_tables` runs it on any data.
"""

from kollias_affect import _checks, transfer
from kollias_affect.experiments import builders, data, paper_a, paper_b, paper_c, paper_d, runner
from kollias_affect.experiments.declaration import SMOKE, Scale, Table
from kollias_affect.experiments.laboratory import Laboratory

TABLES = {
    table.name: table for paper in (paper_a, paper_b, paper_c, paper_d) for table in paper.TABLES
}

# Roles whose clips have valence and arousal, whatever the table is about.
VALENCE_AROUSAL = ("pretrain", "pretrain2", "annotator")
# Of paper A's networks, under `SMOKE`.
SMOKE_OPTIONS = {"steps": 2, "seeds": 1}

__all__ = [
    "SMOKE",
    "SMOKE_OPTIONS",
    "TABLES",
    "Laboratory",
    "Scale",
    "Table",
    "data",
    "listed",
    "refuse_missing_roles",
    "refuse_other_labels",
    "refuse_unknown",
    "roles_of",
    "run_tables",
    "weight_files",
]


def run_tables(names, roles, out_dir, scale=None, weight_files=None, say=print, options=None):
    """Runs tables of the papers; called again, it goes on where it was.

    Args:
        names: keys of `TABLES`.
        roles: dict from the names in `data.ROLES` to `data.Parts`.
        out_dir: folder of the tables; trainings are kept in `trainings/` and shared.
        scale: `Scale`. Default: the papers'.
        weight_files: dict from a backbone's name to the file of its published weights.
        say: called with lines of progress.
        options: see `Laboratory`.

    Returns:
        dict from the name of a table to its `pandas.DataFrame`, see `runner.run`.

    Raises:
        ValueError: before anything is trained, if a table is unknown, a role is missing that a
            table cannot do without, or clips lack labels or people.
    """
    refuse_unknown(names)
    tables = [TABLES[name] for name in dict.fromkeys(names)]
    for table in tables:
        refuse_missing_roles(table, roles)
        refuse_other_labels(table, roles)
    out_dir = _checks.writable_folder("out", out_dir)
    laboratory = Laboratory(
        roles, out_dir / "trainings", scale or Scale(), weight_files, say, options
    )
    return {table.name: runner.run(table, laboratory, out_dir, say) for table in tables}


def listed():
    """What tables there are, and the roles of their data, as text."""
    lines = []
    for table in TABLES.values():
        roles = ", ".join(f"[{role}]" if role in table.optional else role for role in table.roles)
        lines.append(f"{table.name:4} {table.title}. {table.source}. Data: {roles}")
    roles = (f"  {name:10} {told}" for name, told in data.ROLES.items())
    return "\n".join([*lines, "", "Roles of data; those in brackets may be left out:", *roles])


def refuse_unknown(names):
    """Raises `ValueError` if a name is that of no table."""
    for name in names:
        _checks.one_of("table", name, TABLES)


def roles_of(names):
    """The roles that tables use, in the order of `data.ROLES`."""
    used = {role for name in names for role in TABLES[name].roles}
    return tuple(role for role in data.ROLES if role in used)


def weight_files(texts):
    """Dict from a network to the file of its published weights, from texts `NAME=FILE`.

    Raises:
        FileNotFoundError, ValueError: if the network has no importer, or there is no such file.
    """
    found = {}
    for text in texts:
        name, _, path = text.partition("=")
        _checks.one_of("weights", name, (*builders.IMPORTERS, *transfer.NETWORKS))
        found[name] = _checks.existing_file("weights", path)
    return found


def refuse_other_labels(table, roles):
    """Raises `ValueError` if clips lack the labels of a table, or there are too few of them."""
    for role in (role for role in table.roles if role in roles):
        found = roles[role]
        kind = "valence_arousal" if role in VALENCE_AROUSAL else table.labels
        without = [clip.key for clip in found.everything if getattr(clip, kind) is None]
        needed = ["training", *(["test"] if role in data.JUDGED else ["validation"])]
        empty = [n for n in needed if not any(clip.valid.any() for clip in getattr(found, n))]
        if without or empty:
            raise ValueError(
                f"Table {table.name} needs clips with `{kind}` in every part of {role}. Received "
                f"without: {without[:5]} ({len(without)} clips); parts without a frame that "
                f"counts: {empty}. Give another database, or another split of it."
            )
        people = {clip.subject for clip in found.everything}
        if role == "data" and len(people) < table.folds:
            raise ValueError(
                f"Table {table.name} needs at least {table.folds} people, one per fold. Received: "
                f"{len(people)}. Give more clips."
            )


def refuse_missing_roles(table, roles):
    """Raises `ValueError` if a table's data are not all there; names what is missing."""
    missing = [role for role in table.roles if role not in roles and role not in table.optional]
    if missing:
        told = "; ".join(f"{role}: {data.ROLES[role]}" for role in missing)
        raise ValueError(
            f"Table {table.name} needs the data {table.roles}, of which {table.optional} may be "
            f"left out. Received: {sorted(roles)}. Missing are {told}."
        )
