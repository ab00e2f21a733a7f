"""Paper D, Ng et al. (2015): transfer learning from FER-2013 to SFEW."""

from kollias_affect.experiments.paper_d.tables import TABLES

__all__ = ["TABLES"]
