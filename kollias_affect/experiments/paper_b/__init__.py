"""Paper B, Kollias & Zafeiriou (2020): multi-CNN features on OMG-Emotion."""

from kollias_affect.experiments.paper_b import ablations, tables

TABLES = (*tables.TABLES, *ablations.TABLES)

__all__ = ["TABLES"]
