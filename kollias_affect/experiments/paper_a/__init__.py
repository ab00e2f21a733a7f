"""Paper A, Kollias & Zafeiriou (2018): a network adapted by the centroids of another one."""

from kollias_affect.experiments.paper_a.tables import TABLES

__all__ = ["TABLES"]
