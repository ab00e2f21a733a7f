"""The public names of `kollias_affect.annotations`, importable from here as in earlier versions."""

from kollias_affect.annotations import Agreement, agree, correlation_matrix, match, mean, single

__all__ = ["Agreement", "agree", "correlation_matrix", "match", "mean", "single"]
