"""The public names of `kollias_affect.annotations`, under the name that they had before."""

from kollias_affect.annotations import Agreement, agree, correlation_matrix, match, mean, single

__all__ = ["Agreement", "agree", "correlation_matrix", "match", "mean", "single"]
