"""Transfer to another database or task: freezing, new heads, fine-tuning (papers B to D)."""

from kollias_affect.evaluation.cost_sensitive import DEFAULT_COSTS, cost_sensitive_accuracy
from kollias_affect.transfer.crops import ten_crops
from kollias_affect.transfer.folds import CrossValidated, cross_validate, run_fold, start_folds
from kollias_affect.transfer.freezing import freeze, unfreeze
from kollias_affect.transfer.heads import swap_head
from kollias_affect.transfer.labels import scale_labels
from kollias_affect.transfer.networks import NETWORKS, network
from kollias_affect.transfer.optimization import compile_sgd, step_decay
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
    "freeze",
    "network",
    "run_fold",
    "scale_labels",
    "staged",
    "start_folds",
    "step_decay",
    "swap_head",
    "ten_crops",
    "unfreeze",
]
