"""Paper C, Kollias et al. (2019): AffWildNet and the Aff-Wild challenge."""

from kollias_affect.experiments.paper_c import comparisons, database, tables, transfer

TABLES = (*database.TABLES, *tables.TABLES, *transfer.TABLES, *comparisons.TABLES)

__all__ = ["TABLES"]
