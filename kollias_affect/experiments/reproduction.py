"""Runs the papers' tables: what is checked before, and everything that is needed for it."""

import dataclasses
import functools
import os
from pathlib import Path

from kollias_affect import _checks, _cluster, _files, _runs, transfer
from kollias_affect._texts import count
from kollias_affect.experiments import (
    abaw,
    builders,
    paper_a,
    paper_b,
    paper_c,
    paper_d,
    role_texts,
    roles,
    runner,
    units,
)
from kollias_affect.experiments.declaration import SMOKE, Scale
from kollias_affect.experiments.laboratory import Laboratory
from kollias_affect.experiments.paper_a.backbone import load_backbone
from kollias_affect.experiments.paper_a.settings import PROTOCOLS
from kollias_affect.experiments.synthetic_roles import synthetic_roles
from kollias_affect.weights import model_file

TABLES = {
    table.name: table
    for paper in (paper_a, paper_b, paper_c, paper_d, abaw)
    for table in paper.TABLES
}
# Roles whose clips have valence and arousal, whatever the labels of the table.
_VALENCE_AROUSAL = ("pretrain", "pretrain2", "annotator")
# Settings of paper A's networks with `SMOKE`.
SMOKE_OPTIONS = {"steps": 2, "seeds": 1, "bins": 4}


def list_tables():
    """Lists the tables and the roles of their data, as text."""
    lines = []
    for table in TABLES.values():
        names = ", ".join(f"[{role}]" if role in table.optional else role for role in table.roles)
        lines.append(f"{table.name:4} {table.title}. {table.source}. Data: {names}")
    descriptions = (f"  {name:10} {text}" for name, text in roles.ROLES.items())
    return "\n".join([*lines, "", "Roles of data; those in brackets are optional:", *descriptions])


def reproduce(
    names,
    data,
    out_dir,
    scale=None,
    smoke=False,
    weights=(),
    backbone=None,
    steps=1000,
    seeds=None,
    log=print,
    protocol="held-out",
    executor=None,
):
    """Runs tables on databases that are named by texts; the command `table` calls it.

    Args:
        names: Sequence of keys of `TABLES`; `"all"` stands for every table.
        data: Sequence of texts, see `role_texts.load_roles`.
        out_dir: Folder of the tables.
        scale: `Scale`. Default: the papers'.
        smoke: Whether the tables are run on synthetic clips with tiny networks, without `data`.
        weights: Sequence of texts `NAME=FILE`: a network, and the file of its published weights.
        backbone: Paper A's fixed CNN: a file, or a name in `weights.list_pretrained`.
        steps: Batches that every network of paper A is trained on.
        seeds: Trainings for every number. Default: 3 for paper A's tables, 1 for the others.
        log: Function that is called with a line of progress.
        protocol: For paper A's tables: `"held-out"`, or `"paper"`, which scores the clips that the
            networks are trained on, see `paper_a.settings.Settings`.
        executor: `concurrent.futures.Executor` that trains the networks and folds in tasks, a pool
            of this machine or that of a Dask client. Its workers see all files under the same
            paths. The tables are then computed here.

    Returns:
        Dict from the name of a table to its `pandas.DataFrame`.

    Raises:
        FileNotFoundError: If a database or a file does not exist.
        ValueError: If a table, a role or a network is unknown, options exclude each other, or as
            `run_tables` does.
    """
    request = Request(
        tuple(TABLES if "all" in names else names), tuple(map(str, data)),
        None if out_dir is None else str(out_dir), scale, smoke, tuple(map(str, weights)),
        None if backbone is None else str(backbone), steps, seeds, protocol,
    )  # fmt: skip
    loaded = request.load()
    if executor is not None:
        _run_units(executor, request.absolute(), _prepared(**loaded))
    return run_tables(**loaded, log=log)


@dataclasses.dataclass(frozen=True)
class Request:
    """The arguments of `reproduce`, which a process on another machine loads again."""

    names: tuple
    data: tuple
    out_dir: str | None
    scale: Scale | None
    smoke: bool
    weights: tuple
    backbone: str | None
    steps: int
    seeds: int | None
    protocol: str

    def absolute(self):
        """Returns the same request for a process with another working folder."""
        return dataclasses.replace(
            self,
            data=tuple(map(role_texts.with_absolute_paths, self.data)),
            out_dir=os.path.abspath(self.out_dir),
            weights=tuple(map(_with_absolute_path, self.weights)),
            backbone=self.backbone and str(os.path.abspath(model_file(self.backbone))),
        )

    def load(self):
        """Checks the arguments and loads the data; returns the arguments of `run_tables`."""
        names = list(self.names)
        _check_names(names)
        _check_protocol(self.protocol, names)
        if self.out_dir is None:
            raise ValueError("Tables need a folder. Received: no --out. Name one.")
        if self.smoke and self.data:
            raise ValueError(
                f"`--smoke` has its own synthetic data. Received: --data {self.data[0]}. Leave one "
                "out."
            )
        files = parse_weights(self.weights)
        common = {"names": names, "out_dir": self.out_dir, "weight_files": files}
        if self.smoke:
            loaded = synthetic_roles(Path(self.out_dir) / "synthetic")
            if self.protocol == "paper":
                loaded = {role: _everything(parts) for role, parts in loaded.items()}
            options = {**SMOKE_OPTIONS, "protocol": self.protocol}
            return {**common, "roles": loaded, "scale": SMOKE, "options": options}
        scale = self.scale or Scale()
        options = {"steps": self.steps, "seeds": self.seeds or 3, "protocol": self.protocol}
        if self.backbone is not None:
            path = model_file(self.backbone)
            options["backbone"] = load_backbone(self.backbone)
            digest = _files.sha256(path)
            options["backbone_text"] = f"the convolutions of {path.name}, sha256 {digest[:12]}"
        loaded = role_texts.load_roles(self.data, _roles_of(names), scale.seed, self.protocol)
        return {
            **common, "roles": loaded, "scale": scale, "options": options,
            "seeds": self.seeds or 1,
        }  # fmt: skip


def _with_absolute_path(text):
    """Returns a text `NAME=FILE` with an absolute path."""
    name, _, path = text.partition("=")
    return f"{name}={os.path.abspath(path)}"


def _run_units(executor, request, prepared):
    """Runs what the tables train in tasks of an executor, one stage after the other."""
    stages = {}
    for key, unit in units.units_of(*prepared).items():
        stages.setdefault(unit.stage, []).append(key)
    for keys in stages.values():
        works = ((key, _work_of(request, key)) for key in keys)
        _cluster.run_all(executor, works, len(keys), "training")


def _work_of(request, key):
    yield [_cluster.Call(run_unit, (request, key))]


def run_unit(request, key):
    """Runs a unit of tables in a worker, which keeps the data for the next one."""
    units.run(_units(request)[key])


@functools.lru_cache(maxsize=1)
def _units(request):
    tables, laboratory = _prepared(**request.load())
    laboratory.log = lambda _: None
    return units.units_of(tables, laboratory)


def run_tables(
    names, roles, out_dir, scale=None, weight_files=None, log=print, options=None, seeds=1
):
    """Runs tables of the papers; called again, it resumes.

    Args:
        names: Sequence of keys of `TABLES`.
        roles: Dict from the names in `roles.ROLES` to `roles.Parts`.
        out_dir: Folder of the tables; its subfolder `trainings/` is shared between them.
        scale: `Scale`. Default: the papers'.
        weight_files: Dict from a backbone's name to the file of its published weights.
        log: Function that is called with a line of progress.
        options, seeds: See `Laboratory`.

    Returns:
        Dict from the name of a table to its `pandas.DataFrame`, see `runner.run`.

    Raises:
        OSError: If another process runs in `out_dir`.
        ValueError: Before anything is trained, if a table is unknown, a required role is missing,
            or clips lack labels or people.
    """
    tables, laboratory = _prepared(names, roles, out_dir, scale, weight_files, log, options, seeds)
    for role, parts in roles.items():
        log(f"Data of the role {role}: {parts.text or 'given as clips'}")
    sizes = ", ".join(f"{table.name} ({len(table.cells)})" for table in tables)
    log(f"Plan: {count(len(tables), 'table')} with their cells: {sizes}. The same command resumes.")
    with _runs.Lock(Path(out_dir)) as lock:
        return {t.name: runner.run(t, laboratory, Path(out_dir), log, lock.check) for t in tables}


def _prepared(
    names, roles, out_dir, scale=None, weight_files=None, log=print, options=None, seeds=1
):
    """Returns the checked tables and their `Laboratory`; see `run_tables` for the arguments."""
    _check_names(names)
    tables = [TABLES[name] for name in dict.fromkeys(names)]
    for table in tables:
        _check_roles(table, roles)
        _check_labels(table, roles)
    out_dir = _checks.writable_folder("out", out_dir)
    laboratory = Laboratory(
        roles, out_dir / "trainings", scale or Scale(), weight_files, log, options, seeds
    )
    return tables, laboratory


def parse_weights(texts):
    """Parses texts `NAME=FILE`.

    Returns:
        Dict from a network to the file of its published weights.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If there is no importer for a network.
    """
    files = {}
    for text in texts:
        name, _, path = text.partition("=")
        _checks.one_of("weights", name, (*builders.IMPORTERS, *transfer.NETWORKS))
        files[name] = _checks.existing_file("weights", path)
    return files


def _check_protocol(protocol, names):
    _checks.one_of("protocol", protocol, PROTOCOLS)
    others = [name for name in names if not name.startswith("A")]
    if protocol == "paper" and others:
        raise ValueError(
            "--protocol paper is that of paper A, whose tables have names with A. Received: "
            f"{others}. Run these without it."
        )


def _everything(parts):
    """Clips of a role that are trained on and scored."""
    clips = parts.everything
    text = f"{parts.text}, trained on and scored on the same clips"
    return dataclasses.replace(parts, training=clips, validation=[], test=clips, text=text)


def _roles_of(names):
    """The roles that tables use, in the order of `ROLES`."""
    used = {role for name in names for role in TABLES[name].roles}
    return tuple(role for role in roles.ROLES if role in used)


def _check_names(names):
    for name in names:
        _checks.one_of("table", name, TABLES)


def _check_roles(table, given):
    missing = [role for role in table.roles if role not in given and role not in table.optional]
    if missing:
        descriptions = "; ".join(f"{role}: {roles.ROLES[role]}" for role in missing)
        raise ValueError(
            f"Table {table.name} needs the data {table.roles}, of which {table.optional} may be "
            f"left out. Received: {sorted(given)}. Missing are {descriptions}."
        )


def _check_labels(table, given):
    """Checks that the clips of every role have labels, and that there are enough people."""
    for role in (role for role in table.roles if role in given):
        parts = given[role]
        field = "valence_arousal" if role in _VALENCE_AROUSAL else table.labels
        clips = parts.everything if field is not None else ()
        unlabelled = [clip.key for clip in clips if getattr(clip, field) is None]
        needed = ["training", "test" if role in roles.SCORED else "validation"]
        empty = [n for n in needed if not any(clip.valid.any() for clip in getattr(parts, n))]
        if unlabelled or empty:
            raise ValueError(
                f"Table {table.name} needs clips with `{field}` in every part of {role}. Received: "
                f"{len(unlabelled)} clips without, such as {unlabelled[:5]}; parts without a valid "
                f"frame: {empty}. Give another database, or another split of it."
            )
        people = {clip.subject for clip in parts.everything}
        if role == "data" and len(people) < table.folds:
            raise ValueError(
                f"Table {table.name} needs at least {table.folds} people, one per fold. Received: "
                f"{len(people)}. Give more clips."
            )
