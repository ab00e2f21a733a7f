"""Traces of annotators: matched to frames, compared, and averaged."""

from kollias_affect.annotations.traces import (
    Agreement,
    agree,
    correlation_matrix,
    match,
    mean,
    single,
)

__all__ = ["Agreement", "agree", "correlation_matrix", "match", "mean", "single"]
