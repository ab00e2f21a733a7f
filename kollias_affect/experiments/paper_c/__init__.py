"""Paper C, Kollias et al. (2019): AffWildNet and the Aff-Wild challenge."""

from kollias_affect.experiments.paper_c.tables import TABLES

__all__ = ["TABLES"]
