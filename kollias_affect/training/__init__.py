"""Training that resumes after a kill: compiling, callbacks, and a complete run."""

from kollias_affect.training.choice import AggregateScores, CombinedScore
from kollias_affect.training.compilation import compile_model, decay_kernels
from kollias_affect.training.devices import STRATEGIES, connect, refuse_workers
from kollias_affect.training.global_batch import over_replicas
from kollias_affect.training.objectives import published_units, read_units, training_form
from kollias_affect.training.output import EpochLines, callbacks, epoch_output, progress_line
from kollias_affect.training.released import gradients_released
from kollias_affect.training.resuming import AtomicBackup, BestModel, InPlace, SeedEpochs
from kollias_affect.training.run import (
    RUN_FILES,
    check_folder,
    describe_run,
    load_best,
    resolve_options,
    train,
)

__all__ = [
    "RUN_FILES",
    "STRATEGIES",
    "AggregateScores",
    "AtomicBackup",
    "BestModel",
    "CombinedScore",
    "EpochLines",
    "InPlace",
    "SeedEpochs",
    "callbacks",
    "check_folder",
    "compile_model",
    "connect",
    "decay_kernels",
    "describe_run",
    "epoch_output",
    "gradients_released",
    "load_best",
    "over_replicas",
    "progress_line",
    "published_units",
    "read_units",
    "refuse_workers",
    "resolve_options",
    "train",
    "training_form",
]
