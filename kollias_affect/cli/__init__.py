"""The command `kollias-affect`: thin commands over the Python API, one file each."""

import logging
import os
import sys
import warnings

import click

from kollias_affect import __version__
from kollias_affect.cli import _terminal
from kollias_affect.cli._group import ErrorGroup
from kollias_affect.cli.adapt import adapt
from kollias_affect.cli.annotate import annotate
from kollias_affect.cli.annotations import annotations
from kollias_affect.cli.calibrate import calibrate
from kollias_affect.cli.clean import clean, du
from kollias_affect.cli.data import data
from kollias_affect.cli.demo import demo
from kollias_affect.cli.ensemble import ensemble
from kollias_affect.cli.evaluate import evaluate
from kollias_affect.cli.explain import explain
from kollias_affect.cli.export import export
from kollias_affect.cli.extract import extract
from kollias_affect.cli.finetune import finetune
from kollias_affect.cli.pack import pack, unpack
from kollias_affect.cli.predict import predict
from kollias_affect.cli.search import search
from kollias_affect.cli.submit import submit
from kollias_affect.cli.table import table
from kollias_affect.cli.train import train
from kollias_affect.cli.view import view
from kollias_affect.cli.weights import weights


@click.group(cls=ErrorGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of errors, and more of the log.")
def main(debug):
    """Facial affect from video: valence and arousal, or seven expressions, per frame.

    Everything runs on this machine; nothing is sent anywhere. The outputs describe what a face
    shows, not what a person feels.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on missing GPUs
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, format="%(message)s")
    logging.getLogger("kollias_affect.progress").setLevel(logging.INFO)
    if not debug:  # without source lines
        warnings.formatwarning = lambda text, *_: f"Warning: {_terminal.lines(text)}\n"
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its notes on speed
        # Without a home folder that can be written it works, and says that it makes another one.
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:  # that of `basicConfig`
            handler.setFormatter(_terminal.LogFormatter())


for _command in (
    demo, extract, annotate, annotations, data, train, search, ensemble, calibrate, evaluate,
    predict, explain, view, export, submit, adapt, finetune, table, weights, pack, unpack, du,
    clean,
):  # fmt: skip
    main.add_command(_command)

if __name__ == "__main__":
    sys.exit(main())
