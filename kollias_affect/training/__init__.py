"""Training that resumes after a kill: compiling, callbacks, and a complete run."""

from kollias_affect.training.choice import AggregateScores
from kollias_affect.training.compilation import compile_model, decay_kernels
from kollias_affect.training.output import EpochLines, callbacks, epoch_output
from kollias_affect.training.released import gradients_released
from kollias_affect.training.resuming import AtomicBackup, BestModel, SeedEpochs
from kollias_affect.training.run import (
    RUN_FILES,
    describe_run,
    load_best,
    resolve_options,
    train,
)

__all__ = [
    "RUN_FILES",
    "AggregateScores",
    "AtomicBackup",
    "BestModel",
    "EpochLines",
    "SeedEpochs",
    "callbacks",
    "compile_model",
    "decay_kernels",
    "describe_run",
    "epoch_output",
    "gradients_released",
    "load_best",
    "resolve_options",
    "train",
]
