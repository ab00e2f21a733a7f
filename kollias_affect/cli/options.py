"""Options that several commands share, and what they stand for."""

import importlib
import zipfile
from pathlib import Path

import click

from kollias_affect import _checks, _cluster, _storage, catalogue
from kollias_affect.cli._terminal import echo, echo_lines

PATH = click.Path(path_type=Path)


class _Existing(click.Path):
    """A file or folder that exists; files are not empty."""

    def convert(self, value, param, context):
        """Returns a `Path`."""
        path = super().convert(value, param, context)
        if not path.exists():
            raise FileNotFoundError(
                f"{_named(param)} must be an existing file or folder. Received: {path}, which does "
                f"not exist (looked from {Path.cwd()}). Check the path."
            )
        if path.is_file() and path.stat().st_size == 0:
            raise ValueError(
                f"{_named(param)} must not be empty. Received: {path}, which has 0 bytes. Copy or "
                "download it again."
            )
        return path


class _Folder(click.Path):
    """A folder for outputs, which need not exist."""

    def convert(self, value, param, context):
        """Returns a `Path`."""
        path = super().convert(value, param, context)
        above = next((p for p in (path, *path.absolute().parents) if p.exists()), None)
        if above is not None and not above.is_dir():
            raise NotADirectoryError(
                f"{_named(param)} must be a folder that can be written. Received: {path}, but "
                f"{above} is a file. Choose another folder."
            )
        return path


class _Model(click.ParamType):
    """A model file that exists, or a name of the catalogue."""

    name = "model"

    def convert(self, value, param, context):
        """Returns the text."""
        path = Path(value)
        if path.suffix in (".keras", ".onnx") or path.exists():
            EXISTING.convert(value, param, context)
            if path.suffix != ".onnx" and path.is_file() and not zipfile.is_zipfile(path):
                raise ValueError(
                    f"{_named(param)} must be a Keras model file. Received: {value}, which is not "
                    "a .keras archive. Check the path."
                )
        else:
            catalogue.model_file(value)
        return value


class _Name(click.ParamType):
    """A name in a registry, whose module is imported if the name is not the default."""

    name = "name"

    def __init__(self, module, registry):
        self.module = module
        self.registry = registry

    def convert(self, value, param, context):
        """Returns the name."""
        if value != param.default:
            names = getattr(importlib.import_module(self.module), self.registry)
            _checks.one_of(_named(param), value, names)
        return value


class _Whole(click.IntRange):
    """A whole number in a range."""

    def convert(self, value, param, context):
        """Returns an `int`."""
        return _number(super().convert, value, param, context)


class _Real(click.FloatRange):
    """A number in a range."""

    def convert(self, value, param, context):
        """Returns a `float`."""
        # NaN is in every range.
        return _number(super().convert, "" if value == "nan" else value, param, context)


def _number(convert, value, param, context):
    try:
        return convert(value, param, context)
    except click.BadParameter as error:
        raise ValueError(
            f"`{_named(param)}` must be a number in its range. Received: {error.message} Choose "
            "another one."
        ) from error


class _Detector(click.ParamType):
    """The name of a face detector, with its file where it needs one; see `faces.extract`."""

    name = "name"

    def convert(self, value, param, context):
        """Returns the name."""
        if value == param.default:  # nothing is imported
            return value
        from kollias_affect.faces import detectors

        return detectors.checked(value)


class _Cluster(click.ParamType):
    """The name of a cluster, see `_cluster.checked`."""

    name = "cluster"

    def convert(self, value, param, context):
        """Returns the text."""
        return _cluster.checked(value)


class _Size(click.ParamType):
    """A number of bytes with a unit, see `_storage.bytes_of`."""

    name = "size"

    def convert(self, value, param, context):
        """Returns an `int`."""
        return value if isinstance(value, int) else _storage.bytes_of(value)


class _OneOf(click.ParamType):
    """One of some names."""

    name = "name"

    def __init__(self, *names):
        self.names = names

    def convert(self, value, param, context):
        """Returns the name."""
        return _checks.one_of(_named(param), value, self.names)


def on_cluster(cluster, segment, processes):
    """Checks options that go with `--cluster`.

    Returns:
        Dict of options of `faces.extract_many`, `executor` left out.

    Raises:
        ValueError: If they exclude each other.
    """
    if cluster is not None and processes is not None:
        raise ValueError(
            "With --cluster, the cluster sets the number of processes. Received: --cluster "
            f"{cluster} and --processes {processes}. Leave one of them out."
        )
    if cluster is None and segment is not None:
        raise ValueError(
            "--segment is for clusters. Received: it without --cluster. Leave it out, or name a "
            "cluster."
        )
    return {"processes": processes} if segment is None else {"segment": segment}


def _named(param):
    """Returns the name of an option or argument as a user writes it, if it is known."""
    if param is None:
        return "An input"
    return param.opts[0] if isinstance(param, click.Option) else param.human_readable_name


EXISTING = _Existing(path_type=Path)
FOLDER = _Folder(path_type=Path)
MODEL = _Model()
SIZE = _Size()


one_of, registry, whole, real = _OneOf, _Name, _Whole, _Real
SHARE = _Real(0, 1, max_open=True)
POSITIVE = _Real(min=0, min_open=True)
DATASET = _Name("kollias_affect.datasets", "DATASETS")
AT_LEAST_1 = _Whole(min=1)

loader_option = click.option(
    "--option",
    "loader_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the database's loader, such as variant=FER28; may be given several times.",
)
detector_option = click.option(
    "--detector",
    type=_Detector(),
    default="auto",
    show_default=True,
    help="auto, blazeface, blazeface_main, hog, cnn, haar or yunet:FILE.",
)
detect_every_option = click.option(
    "--detect-every",
    type=_Whole(1, 1000),
    default=1,
    show_default=True,
    help="In videos, detect faces on every Nth frame and track them in between.",
)
processes_option = click.option(
    "--processes", type=AT_LEAST_1, help="Videos processed at a time.  [default: one per core]"
)
segment_option = click.option(
    "--segment",
    type=AT_LEAST_1,
    help="With --cluster: frames of the segments of a long video that are extracted at the same "
    "time.  [default: 7500]",
)
excel_safe_option = click.option(
    "--excel-safe",
    is_flag=True,
    help="For csv files that a spreadsheet opens: a quote before texts that it would take for a "
    "formula, such as the name =1+1.mp4.",
)
seed_option = click.option("--seed", type=_Whole(0, 2**32 - 1), default=0, show_default=True)


def cluster_option(tasks):
    """The option `--cluster`, with what its tasks are, such as `one task per video`."""
    return click.option(
        "--cluster",
        type=_Cluster(),
        help=f"Run {tasks} on a Dask cluster: tcp://HOST:PORT, a scheduler file, or local:N, N "
        "processes that are replaced if they die.",
    )


def out_option(text):
    """The required option `--out`, a folder, with a help text."""
    return click.option("--out", required=True, type=FOLDER, help=text)


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
            type=DATASET,
            default="frames_csv",
            show_default=True,
            help="Name of the database whose format DATA has, see `kollias-affect data`.",
        ),
    ):
        command = option(command)
    return command


def check_root(dataset, root):
    """Raises `FileNotFoundError` or `ValueError` if a database is not where a user says it is.

    Args:
        dataset: Name of the database; synthetic clips are made where they are missing.
        root: Its folder or file.
    """
    _checks.one_of("dataset", dataset, importlib.import_module(DATASET.module).DATASETS)
    if dataset != "synthetic":
        EXISTING.convert(root, None, None)


def check_data(data, dataset, **_):
    """Refuses at once data that do not exist, see `check_root`."""
    check_root(dataset, data)


def check_stage(text):
    """Refuses at once a text `[ROLE=]DATASET:PATH[:...]` of data that do not exist.

    Args:
        text: Several databases are separated by commas.
    """
    for part in text.split("=", 1)[-1].split(",") if "=" in text.split(":")[0] else text.split(","):
        dataset, colon, rest = part.partition(":")
        if colon and rest:  # Other texts are refused where they are read.
            check_root(dataset, rest.split(":")[0])


def check_weights(texts):
    """Refuses at once texts `NAME=FILE` of weights that do not exist."""
    for text in texts:
        _, equals, path = text.partition("=")
        if equals and path:
            EXISTING.convert(path, None, None)


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
    from kollias_affect import models

    return models.load(name)[0]


def print_warning(text):
    """Prints a text to standard error, unless it is `None`."""
    if text is not None:
        echo(text, err=True)


def print_table(table, digits=4):
    """Prints a `pandas.DataFrame` with so many decimals."""
    echo_lines(table.to_string(float_format=f"%.{digits}f"))
