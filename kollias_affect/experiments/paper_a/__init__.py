"""Paper A, Kollias & Zafeiriou (2018): a network adapted by the centroids of another one."""

from kollias_affect.experiments.paper_a import extensions, tables

TABLES = (*tables.TABLES, *extensions.TABLES)

__all__ = ["TABLES"]
