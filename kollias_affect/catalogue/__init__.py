"""Weights by name: what is known of them, and the files of those that ship; no Keras."""

from kollias_affect.catalogue.entries import DEFAULT, ENTRIES, Entry
from kollias_affect.catalogue.files import (
    ENDINGS,
    MANIFEST,
    model_file,
    pretrained_file,
    runtime_file,
    write_manifest,
)

__all__ = [
    "DEFAULT",
    "ENDINGS",
    "ENTRIES",
    "MANIFEST",
    "Entry",
    "model_file",
    "pretrained_file",
    "runtime_file",
    "write_manifest",
]
