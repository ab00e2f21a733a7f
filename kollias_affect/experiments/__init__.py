"""The papers' tables as experiments: what varies, what is fixed, and how it is measured.

A table is a declaration in the package of its paper; `run_tables` runs it on any data.
"""

from kollias_affect.experiments.declaration import SMOKE, Scale, Table
from kollias_affect.experiments.laboratory import Laboratory
from kollias_affect.experiments.reproduction import TABLES, list_tables, reproduce, run_tables
from kollias_affect.experiments.roles import Parts
from kollias_affect.experiments.synthetic_roles import synthetic_roles

__all__ = [
    "SMOKE",
    "TABLES",
    "Laboratory",
    "Parts",
    "Scale",
    "Table",
    "list_tables",
    "reproduce",
    "run_tables",
    "synthetic_roles",
]
