"""The command `kollias-affect`: thin commands over the Python API."""

import functools
import logging
import os
import sys
from pathlib import Path

import click

from kollias_affect import __version__


class _Group(click.Group):
    """Turns errors about input into one message and exit code 2; bugs keep their traceback."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except (OSError, ValueError) as error:
            if context.params.get("debug"):
                raise
            raise click.UsageError(_message(error)) from error


def _message(error):
    if isinstance(error, OSError) and error.strerror and error.filename:
        return (
            f"A file or folder cannot be used: {error.strerror}. Received: {error.filename}. "
            "Check its path, its permissions and the space left."
        )
    return str(error)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("--debug", is_flag=True, help="Show the traceback of errors, and more of the log.")
def main(debug):
    """Facial affect from video: valence and arousal, or seven expressions, per frame.

    Everything runs on this machine; nothing is sent anywhere. The outputs describe what a face
    shows, not what a person feels.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes on missing GPUs
    logging.basicConfig(level=logging.INFO if debug else logging.WARNING, format="%(message)s")


def _out(text):
    return click.option("--out", required=True, type=click.Path(path_type=Path), help=text)


_LOADER_OPTION = click.option(
    "--option",
    "loader_options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the database's loader, such as variant=FER28; may be given several times.",
)


def _dataset_options(command):
    """Options that say which clips to load."""
    for option in (
        _LOADER_OPTION,
        click.option("--split", help="Part of the dataset (for frames_csv: name of the csv file)."),
        click.option(
            "--dataset",
            default="frames_csv",
            show_default=True,
            help="Name of the database whose format DATA has, see `kollias-affect data`.",
        ),
    ):
        command = option(command)
    return command


@main.command()
@_out("Folder of the outputs.")
@click.option("--epochs", default=10, show_default=True)
@click.option("--seed", default=0, show_default=True)
def demo(out, epochs, seed):
    """Makes synthetic clips, trains a small AffWildNet on them, and shows the result."""
    from kollias_affect import demo as recipe

    recipe.run(out, say=click.echo, epochs=epochs, seed=seed)


@main.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@_out("Folder of the crops and tables.")
@click.option("--detector", default="hog", show_default=True, help="hog, cnn or haar.")
@click.option("--size", default=96, show_default=True, help="Side of the crops in pixels.")
@click.option("--faces", default="main", show_default=True, help="main or all.")
@click.option("--processes", type=int, help="Videos at a time.  [default: one per core]")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="Folder of <video>.csv or .txt, a row valence,arousal per frame; writes OUT/frames.csv.",
)
@click.option("--overwrite", is_flag=True, help="Work on finished videos anew.")
def extract(videos, out, labels, **options):
    """Finds, aligns and crops the face in every frame of VIDEOS.

    An interrupted run is continued by the same command; finished videos are skipped.
    """
    listed = None if labels is None else _before_labelling(videos, out, labels)
    clips, errors = _extract(videos, out, **options)
    if labels is not None and clips:
        _write_labelled(clips, listed, labels, out / "frames.csv")
    _report(errors)


@main.command()
@click.argument("name")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--split", help="Part of the database.  [default: all of it]")
@_LOADER_OPTION
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Also write the clips as a csv of frames, above the folders of their images.",
)
def data(name, root, split, loader_options, out):
    """Reads the database NAME at ROOT and prints what was found, what was left out, and why.

    NAME is affwild, affwild2, afew, afew_va, ck48, fer2013, frames_csv, images_csv, omg, recola,
    sfew or synthetic. Databases of videos have their faces extracted on the first reading.
    """
    from kollias_affect import datasets

    clips = _load(name, root, split, loader_options)
    click.echo(str(clips.report))
    if out is not None:
        datasets.frames_csv.write(clips, out)
        click.echo(f"{out}: {len(clips)} clips.")


@main.command()
@click.argument("data", type=click.Path(path_type=Path))
@_out("Folder of the run; the same command goes on with an interrupted one.")
@_dataset_options
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    help="Validation data.  [default: subjects of DATA]",
)
@click.option("--validation-split", help="Split to validate on.")
@click.option(
    "--validation-share",
    default=0.2,
    show_default=True,
    help="Share of the subjects, without the two options above.",
)
@click.option(
    "--task",
    default="valence_arousal",
    show_default=True,
    help="valence_arousal, valence, arousal or expression.",
)
@click.option("--backbone", default="vgg_face", show_default=True)
@click.option("--width", default=1.0, show_default=True, help="Factor on the numbers of channels.")
@click.option("--hidden-units", type=int, help="Of the first fully connected layer.")
@click.option("--rnn", default="gru", show_default=True, help="gru or lstm.")
@click.option("--rnn-units", default=128, show_default=True)
@click.option("--rnn-layers", default=2, show_default=True)
@click.option(
    "--dropout", default=0.5, show_default=True, help="After the first fully connected layer."
)
@click.option(
    "--rnn-dropout",
    default=0.8,
    show_default=True,
    help="After the first RNN layer; share set to zero.",
)
@click.option("--initializer", default="papers", show_default=True, help="papers or keras.")
@click.option("--landmarks/--no-landmarks", default=True, show_default=True)
@click.option(
    "--frozen/--end-to-end",
    default=False,
    help="Keep the backbone fixed, or train it.  [default: end-to-end]",
)
@click.option("--size", default=96, show_default=True, help="Side of the images in pixels.")
@click.option("--length", default=80, show_default=True, help="Frames per window.")
@click.option("--stride", type=int, help="Frames from window to window.  [default: length]")
@click.option("--batch-size", default=4, show_default=True, help="Windows per batch.")
@click.option("--epochs", default=20, show_default=True)
@click.option("--learning-rate", type=float, help="[default: 1e-3 frozen, 1e-4 end-to-end]")
@click.option(
    "--decay", nargs=2, type=(int, float), help="Multiply the rate every STEPS batches by RATE."
)
@click.option(
    "--level",
    default="frame",
    show_default=True,
    help="CCC loss over frames or sequence means: frame or sequence.",
)
@click.option("--cache", is_flag=True, help="Keep the decoded frames in memory.")
@click.option("--seed", default=0, show_default=True)
def train(
    data,
    out,
    dataset,
    split,
    loader_options,
    validation,
    validation_split,
    validation_share,
    **options,
):
    """Trains an AffWildNet on the clips of DATA."""
    from kollias_affect import training
    from kollias_affect.datasets import sampling

    load = functools.partial(_load, dataset, options=loader_options)
    clips = load(data, split=split)
    if validation is None and validation_split is None:
        clips, validation_clips = sampling.split(clips, validation_share, options["seed"])
    else:
        validation_clips = load(validation or data, split=validation_split)
    model = _build(options)
    names = ("epochs", "learning_rate", "batch_size", "stride", "level", "decay", "cache", "seed")
    fit = {name: options[name] for name in names}
    _, card = training.train(model, clips, validation_clips, out, **fit)
    click.echo(f"Best epoch {card['epoch']}: {_score(card)}. Model: {out / 'best.keras'}")


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@_dataset_options
def evaluate(model, data, dataset, split, loader_options):
    """Prints the scores of MODEL on the clips of DATA, per dimension, over all frames."""
    from kollias_affect import evaluation, models

    network, card = models.load(model)
    clips = _load(dataset, data, split, loader_options)
    predictions = evaluation.predict(network, clips)
    table = evaluation.scores(clips, predictions, card["task"])
    click.echo(table.to_string(float_format="%.4f"))


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@_out("Folder of the tables and pictures.")
@click.option("--detector", default="hog", show_default=True, help="hog, cnn or haar.")
@click.option("--processes", type=int, help="Videos at a time.  [default: one per core]")
def predict(model, videos, out, **options):
    """Runs MODEL on raw VIDEOS: a table and a picture of its outputs for each."""
    from kollias_affect import inference

    tables, errors = inference.predict_videos(model, videos, out, **options)
    for video, table in tables.items():
        found = int(table["success"].sum())
        name = out / Path(video).stem
        note = "" if found else " No face was found: no outputs."
        click.echo(f"{video}: {len(table)} frames, {found} with a face.{note} {name}.csv, .png")
    _report(errors)


@main.group()
def weights():
    """Published weights of the papers' authors."""


@weights.command("import")
@click.argument("reference")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@_out("Model file to write, ending in .keras.")
@click.option("--length", default=80, show_default=True, help="Frames per window.")
def import_(reference, checkpoint, out, length):
    """Turns the authors' TensorFlow 1 CHECKPOINT of the network REFERENCE into a model file.

    REFERENCE is affwildnet_vggface_gru, affwildnet_resnet_gru, vggface_4096x4096x2,
    vggface_4096x2000x2, omg_cnn_gru_1rnn or omg_cnn_gru_3rnn. CHECKPOINT is what TensorFlow calls
    it: the common part of the names of its .index and .data files, or one older file.
    """
    from kollias_affect import models
    from kollias_affect import weights as importers

    if out.suffix != ".keras":
        raise ValueError(
            f"A model file ends in .keras. Received: --out {out}. Give it that ending."
        )
    model = models.reference(reference, length)
    importers.load_tf1_checkpoint(model, checkpoint)
    models.save(model, out, source=f"{reference}, checkpoint {checkpoint.name}")
    click.echo(f"{out}: {reference} with {model.count_params():,} parameters.")


def _extract(videos, out, **options):
    from kollias_affect import faces

    results, errors = faces.extract_many(videos, out, **options)
    clips = []
    for result in results.values():
        people = result if isinstance(result, list) else [result]
        clips += people
        for clip in people:
            found = int(clip.has_image.sum())
            note = "" if found else " No face was found: no crops, a table without boxes."
            click.echo(f"{clip.key}: {len(clip)} frames, {found} with a face.{note}")
    return clips, errors


def _report(errors):
    """Names what failed, after everything else was done."""
    if errors:
        raise ValueError("\n".join(_message(error) for error in errors.values()))


def _before_labelling(videos, out, labels):
    """What stands in the way of a list of labelled frames is said before the long work.

    Returns the clips that OUT/frames.csv lists already.
    """
    from kollias_affect import datasets

    if "frames" in {video.stem for video in videos}:
        raise ValueError(
            "OUT/frames.csv is the list of labelled frames. Received: a video named frames. "
            "Rename it."
        )
    if not labels.is_dir():
        raise FileNotFoundError(
            f"`--labels` must be a folder with a file for every video. Received: {labels}, which "
            f"is none. It would hold {videos[0].stem}.csv or .txt, and so on."
        )
    if not (out / "frames.csv").exists():
        return []
    try:
        return datasets.load("frames_csv", out / "frames.csv")
    except (OSError, ValueError) as error:
        raise FileExistsError(
            f"OUT/frames.csv is the list of labelled frames. {out / 'frames.csv'} exists already "
            f"and is no such list ({error}) Move it away, or choose another folder."
        ) from error


def _write_labelled(clips, listed, labels, path):
    """Writes the list: the clips that it had, and those just extracted."""
    from kollias_affect import _checks
    from kollias_affect.datasets import frames_csv

    labelled = {clip.key: clip for clip in listed}
    for clip in clips:
        found = [labels / f"{clip.key}{ending}" for ending in (".csv", ".txt")]
        file = next((file for file in found if file.exists()), found[0])
        labelled[clip.key] = frames_csv.label(clip, _checks.existing_file("labels", file))
    frames_csv.write(list(labelled.values()), path)
    click.echo(f"{path}: {len(labelled)} clips with labels.")


def _load(dataset, root, split, options):
    """The clips of a database; `options` are texts NAME=VALUE with values as Python has them."""
    import ast

    from kollias_affect import datasets

    values = {}
    for pair in options:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"`--option` must be NAME=VALUE. Received: {pair}. Write an = in it.")
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            values[name] = value  # a text without quotes
    return datasets.load(dataset, root, split, **values)


def _build(options):
    """The AffWildNet that the options of `train` describe; takes them out of `options`."""
    import keras

    from kollias_affect import _checks, models

    keras.utils.set_random_seed(_checks.integer_between("seed", options["seed"], 0, 2**32 - 1))
    names = ("task", "backbone", "width", "hidden_units", "rnn", "rnn_units", "rnn_layers")
    names += ("dropout", "rnn_dropout", "landmarks", "frozen", "length")
    initializer = _checks.one_of("initializer", options["initializer"], ("papers", "keras"))
    return models.affwildnet(
        **{name: options[name] for name in names},
        initializer="papers" if initializer == "papers" else None,
        input_shape=(options["size"], options["size"], 3),
        seed=options["seed"],
    )


def _score(card):
    return ", ".join(f"{k} {card[k]:.3f}" for k in card if k.startswith("val_"))


if __name__ == "__main__":
    sys.exit(main())
