"""Options that several commands share, and what they stand for."""

from pathlib import Path

import click

PATH = click.Path(path_type=Path)

loader_option = click.option(
    "--option",
    "loader_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the database's loader, such as variant=FER28; may be given several times.",
)
detector_option = click.option(
    "--detector", default="hog", show_default=True, help="hog, cnn or haar."
)
detect_every_option = click.option(
    "--detect-every",
    default=1,
    show_default=True,
    help="In videos, detect faces on every Nth frame and track them in between.",
)
processes_option = click.option(
    "--processes", type=int, help="Videos processed at a time.  [default: one per core]"
)
seed_option = click.option("--seed", default=0, show_default=True)


def out_option(text):
    """The required option `--out` with a help text."""
    return click.option("--out", required=True, type=PATH, help=text)


def server_options(port):
    """Returns a decorator that adds the options of a server of pages to a command.

    Args:
        port: Default of `--port`; 0 takes a free one.
    """
    options = (
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="Address to listen on."
        ),
        click.option("--port", default=port, show_default=True, help="Port; 0 takes a free one."),
        click.option(
            "--name",
            "names",
            multiple=True,
            help="Host name of a server in front of this one, such as one with TLS; makes a token.",
        ),
        click.option(
            "--token", help="Secret of the address.  [default: made if --host is another one]"
        ),
        click.option(
            "--open/--no-open", "browse", default=True, help="Whether a browser is opened."
        ),
    )

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


def dataset_options(command):
    """Adds the options that name the clips to load to a command."""
    for option in (
        loader_option,
        click.option(
            "--split",
            help="Part of the dataset (for frames_csv: name of the csv file), or all, which mixes "
            "its parts.  [default: official parts]",
        ),
        click.option(
            "--dataset",
            default="frames_csv",
            show_default=True,
            help="Name of the database whose format DATA has, see `kollias-affect data`.",
        ),
    ):
        command = option(command)
    return command


def load_clips(dataset, root, split, texts):
    """Loads clips.

    Args:
        dataset, root, split: See `datasets.load`.
        texts: Texts `NAME=VALUE`, options of the database's loader.

    Returns:
        `Clips`.
    """
    from kollias_affect import datasets
    from kollias_affect.datasets import option_texts

    return datasets.load(dataset, root, split, **option_texts.parse_options(dataset, texts))


def load_scored(dataset, root, split, texts, **more):
    """Loads the clips on which a model is scored.

    Args:
        dataset, root, split: See `datasets.load_scored`.
        texts: Texts `NAME=VALUE`, options of the database's loader.
        **more: Further arguments of `datasets.load_scored`.

    Returns:
        `(clips, text)`, see `datasets.load_scored`.
    """
    from kollias_affect import datasets
    from kollias_affect.datasets import option_texts

    options = option_texts.parse_options(dataset, texts)
    return datasets.load_scored(dataset, root, split, **more, **options)


def load_model(name):
    """Loads a model by its file or by its name in `weights.list_pretrained`.

    Returns:
        `keras.Model`.
    """
    from kollias_affect import models, weights

    return models.load(weights.model_file(name))[0]


def print_warning(text):
    """Prints a text to standard error, unless it is `None`."""
    if text is not None:
        click.echo(text, err=True)


def print_table(table, digits=4):
    """Prints a `pandas.DataFrame` with so many decimals."""
    click.echo(table.to_string(float_format=f"%.{digits}f"))
