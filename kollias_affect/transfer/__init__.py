"""From one database or task to another: freezing, head swaps, staged fine-tuning (papers B–D)."""

from kollias_affect.evaluation.costs import DEFAULT_COSTS, cost_sensitive_accuracy
from kollias_affect.transfer.folds import CrossValidated, cross_validate
from kollias_affect.transfer.freezing import freeze, unfreeze
from kollias_affect.transfer.heads import swap_head
from kollias_affect.transfer.labels import scale_labels
from kollias_affect.transfer.networks import NETWORKS, network
from kollias_affect.transfer.optimization import compile_sgd, falling_rate
from kollias_affect.transfer.stages import Stage, Staged, staged

__all__ = [
    "DEFAULT_COSTS",
    "NETWORKS",
    "CrossValidated",
    "Stage",
    "Staged",
    "compile_sgd",
    "cost_sensitive_accuracy",
    "cross_validate",
    "falling_rate",
    "freeze",
    "network",
    "scale_labels",
    "staged",
    "swap_head",
    "unfreeze",
]
