"""The command `kollias-affect`: thin commands over the Python API."""

import functools
import logging
import os
import sys
import warnings
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
    if not debug:
        warnings.formatwarning = lambda message, *_: f"Warning: {message}\n"  # without our code
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its notes on speed


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
    from kollias_affect.experiments import demo as recipe

    recipe.run(out, say=click.echo, epochs=epochs, seed=seed)


@main.command()
@click.argument("videos", nargs=-1, required=True, type=click.Path(path_type=Path))
@_out("Folder of the crops and tables.")
@click.option("--detector", default="hog", show_default=True, help="hog, cnn or haar.")
@click.option("--size", default=96, show_default=True, help="Side of the crops in pixels.")
@click.option("--faces", default="main", show_default=True, help="main or all.")
@click.option(
    "--detect-every",
    default=1,
    show_default=True,
    help="Detect on every so many frames, and follow the faces between.",
)
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

    if out is not None and out.exists():
        raise FileExistsError(
            f"`--out` must be a new file. Received: {out}, which exists. Move it away, or choose "
            "another name."
        )
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
@click.option(
    "--features",
    type=click.Path(path_type=Path),
    help="With --frozen: keep in this folder what the CNN says of each frame.",
)
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    help="float32, mixed_bfloat16, or auto: the second where the machine has it.",
)
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
    names += ("features",)
    fit = {name: options[name] for name in names}
    _, card = training.train(model, clips, validation_clips, out, **fit)
    click.echo(f"Best epoch {card['epoch']}: {_score(card)}. Model: {out / 'best.keras'}")


@main.command()
@click.argument("model")
@click.argument("data", type=click.Path(path_type=Path))
@_dataset_options
@click.option("--by", help="Score sequences, utterances or videos: sequence, utterance, video.")
@click.option(
    "--statistic", default="median", show_default=True, help="Of a sequence: median, mean, vote."
)
@click.option(
    "--search",
    type=click.Path(path_type=Path),
    help="Find post-processing that improves the scores on DATA, and save it to this file.",
)
@click.option(
    "--postprocessing", type=click.Path(path_type=Path), help="Apply what --search has saved."
)
@click.option("--per-video", is_flag=True, help="Also print a row for every video.")
@click.option(
    "--against",
    help="Another model, post-processed alike: print the differences with paired p-values.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write tables and pictures there.")
def evaluate(
    model, data, dataset, split, loader_options, by, statistic, search, postprocessing,
    per_video, against, out,
):  # fmt: skip
    """Prints the scores of MODEL on the clips of DATA, over all frames.

    MODEL is a .keras file, or a name of `kollias-affect weights list`.
    """
    from kollias_affect import _checks, evaluation, models
    from kollias_affect import weights as registry
    from kollias_affect.evaluation import results

    if search is not None and postprocessing is not None:
        raise ValueError(
            "Post-processing is searched on one set and applied to another. Received: --search and "
            "--postprocessing. Give one of them."
        )
    if by is not None:
        _checks.one_of("by", by, ("sequence", "utterance", "video"))
    network, card = models.load(registry.model_file(model))
    clips, task = _load(dataset, data, split, loader_options), card["task"]
    if task == "expression" and (search or postprocessing):
        raise ValueError(
            "Post-processing is of valence and arousal. Received: a model of expressions. Leave "
            "--search and --postprocessing out."
        )
    predictions = evaluation.predict(network, clips)
    steps = None
    if search is not None:
        unit = {"by": by, "statistic": statistic} if by == "utterance" else {}
        steps = evaluation.postprocess.search(predictions, clips, task=task, **unit)
        steps.save(search)
        click.echo(f"{search}: {steps}")
    if postprocessing is not None:
        steps = evaluation.postprocess.PostProcessing.load(postprocessing)
    how = {"steps": steps, "by": by, "statistic": statistic, "task": task}
    processed, scored = _scored(predictions, clips, **how)
    if out is not None:
        scores = results.write_report(clips, processed, out, task, scored)
    else:
        scores = evaluation.scores(clips, scored, task)
    click.echo(scores.to_string(float_format="%.4f"))
    if per_video:
        each = evaluation.scores(clips, scored, task, per_video=True)
        click.echo(f"\n{each.to_string(float_format='%.4f')}")
    if against is not None:
        other, other_card = models.load(registry.model_file(against))
        _refuse_other_task(task, other_card["task"])
        _, other = _scored(evaluation.predict(other, clips), clips, **how)
        measure = "accuracy" if task == "expression" else "CCC"
        compared = evaluation.compare(clips, scored, other, measure, task)
        click.echo(f"\n{measure} of {model} and {against}:")
        click.echo(compared.to_string(float_format="%.4f"))
    if out is not None:
        click.echo(f"Tables and pictures: {out}")


def _scored(predictions, clips, steps, by, statistic, task):
    """Predictions of the frames after post-processing, and what is scored of them."""
    from kollias_affect import evaluation

    if steps is not None and steps.by is not None:
        if (by, statistic) != (steps.by, steps.statistic):
            raise ValueError(
                f"These steps are of utterances and their {steps.statistic}. Received: --by {by} "
                f"--statistic {statistic}. Give --by utterance --statistic {steps.statistic}, or "
                "search anew."
            )
        table = steps.apply(predictions, clips)
        options = {"statistic": steps.statistic, "length": steps.length, "task": task}
        return predictions, evaluation.join_labels(table, predictions, clips, **options)
    if steps is not None:
        predictions = steps.apply(predictions, clips)
    if by is None:
        return predictions, predictions
    return predictions, evaluation.aggregate(predictions, clips, by, statistic, task=task)


def _refuse_other_task(task, other):
    if task != other:
        raise ValueError(
            f"Two models are compared on one task. Received: {task} and {other}. Name another "
            "model."
        )


@main.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@_out("Folder of the tables and pictures.")
@click.option(
    "--model",
    help="A .keras file, or a name of `weights list`.  [default: the shipped expression model]",
)
@click.option("--detector", default="hog", show_default=True, help="hog, cnn or haar.")
@click.option("--faces", default="main", show_default=True, help="Of videos: main or all.")
@click.option(
    "--annotate/--no-annotate",
    default=True,
    show_default=True,
    help="Also draw the outputs on copies of the inputs, in OUT/annotated.",
)
@click.option(
    "--detect-every",
    default=1,
    show_default=True,
    help="Of videos: detect on every so many frames, and follow the faces between.",
)
@click.option("--processes", type=int, help="Videos at a time.  [default: one per core]")
def predict(inputs, out, model, detector, faces, annotate, detect_every, processes):
    """Runs a model on INPUTS: videos, images, or folders of them (one level deep).

    Every video gets a table and a picture of the outputs over time; all images share one table,
    OUT/predictions.csv, with a row per face. A first input that ends in .keras is the model.
    """
    from kollias_affect.prediction import inference

    if model is None and inputs[0].suffix == ".keras":
        model, *inputs = inputs
    found = inference.find_inputs(inputs)
    if not found.videos and not found.images:
        raise ValueError(
            f"`predict` needs a video, an image or a folder. Received: the model {model} alone. "
            "Name what it is to look at."
        )
    others = ", ".join(f"{count} {what}" for what, count in sorted(found.passed_over.items()))
    if others:
        click.echo(f"Passed over in folders: {others}.")
    errors = {}
    options = {"detector": detector, "annotate": annotate}
    if found.images:  # first: whether the model can do images at all is known at once
        table, bad = inference.predict_images(model, found.images, out, **options)
        _say_images(table, out / inference.IMAGE_TABLE)
        errors.update(bad)
    if found.videos:
        tables, bad = inference.predict_videos(
            model,
            found.videos,
            out,
            faces=faces,
            detect_every=detect_every,
            processes=processes,
            **options,
        )
        _say_videos(tables, out)
        errors.update(bad)
    _report(errors)


def _say_images(table, path):
    """One line per image, with what its faces show."""
    outputs = list(table.columns[table.columns.get_loc("FaceRectHeight") + 1 :])
    for image, rows in table.groupby("input", sort=False):
        rows = rows[rows["success"] == 1]
        told = ", ".join(_result(row[outputs]) for _, row in rows.iterrows())
        faces = f"{len(rows)} face{'s' if len(rows) > 1 else ''}: {told}" if told else "no face"
        click.echo(f"{image}: {faces}")
    click.echo(f"{path}: {table['input'].nunique()} images, {int(table['success'].sum())} faces.")


def _result(values):
    if values.min() < 0 or len(values) < 3:  # valence and arousal
        return " ".join(f"{name} {value:+.2f}" for name, value in values.items())
    best = values.astype(float).idxmax()
    return f"{best} {values[best]:.2f}"


def _say_videos(tables, out):
    for video, table in tables.items():
        frames, found = (len(set(rows["frame"])) for rows in (table, table[table["success"] == 1]))
        note = "" if found else " No face was found: no outputs."
        name = out / Path(video).stem
        click.echo(f"{video}: {frames} frames, {found} with a face.{note} {name}.csv, .png")


@main.command()
@_out("Folder of the run; the same command goes on with an interrupted one.")
@click.option("--a", nargs=2, required=True, metavar="NAME ROOT", help="Dataset to train on.")
@click.option("--b", nargs=2, required=True, metavar="NAME ROOT", help="Dataset to learn about.")
@click.option("--split-a", nargs=2, metavar="TRAIN TEST", help="Splits of A.  [default: halves]")
@click.option("--split-b", nargs=2, metavar="TRAIN TEST", help="Splits of B.  [default: halves]")
@click.option("--option-a", multiple=True, metavar="NAME=VALUE", help="Option of A's loader.")
@click.option("--option-b", multiple=True, metavar="NAME=VALUE", help="Option of B's loader.")
@click.option(
    "--backbone",
    required=True,
    help="Model whose convolutions are the fixed backbone: a file, or a pretrained name.",
)
@click.option("--crop-a", is_flag=True, help="A shows whole pictures: cut the faces out first.")
@click.option("--crop-b", is_flag=True, help="B shows whole pictures: cut the faces out first.")
@click.option("--lambda", "lambdas", type=float, multiple=True, help="[default: 0 .25 .5 .75 1]")
@click.option("--seeds", default=3, show_default=True, help="Networks per lambda.")
@click.option("--normalization", default="linear", show_default=True, help="linear or softmax.")
@click.option("--scale", default="1.0", show_default=True, help="A number, or centroids.")
@click.option("--method", default="kmeans", show_default=True, help="kmeans or class_means.")
@click.option("--balanced", is_flag=True, help="Weigh the classes alike in training.")
@click.option(
    "--decision", default="mean", show_default=True, help="Per clip: mean or majority; or frames."
)
@click.option("--initializer", default="papers", show_default=True, help="papers or keras.")
@click.option("--hidden-units", default=1024, show_default=True)
@click.option("--length", default=1, show_default=True, help="Frames per window.")
@click.option("--steps", default=1000, show_default=True, help="Batches per network.")
@click.option("--batch-size", default=128, show_default=True, help="Windows per batch.")
@click.option("--learning-rate", default=1e-3, show_default=True)
def adapt(out, a, b, backbone, lambdas, scale, **options):
    """Trains networks on A with what a network knows of B (paper A), and reports what it does.

    NetB is trained on the training part of B. The centroids of its representations become
    further desired outputs of NetA, which is trained on A, for every lambda and seed. OUT/report.md
    holds the paper's tables and figures. Without --split-a or --split-b a dataset is halved by
    subject.
    """
    from kollias_affect.experiments.paper_a import experiment, report

    clips, fixed = {}, _backbone(backbone)
    for part, dataset in (("a", a), ("b", b)):
        split, option, crop = (options.pop(f"{n}_{part}") for n in ("split", "option", "crop"))
        crops = out / f"crops_{part}" if crop else None
        both = _two_parts(*dataset, split, option, crops, fixed.input_shape[1])
        clips[f"{part}_train"], clips[f"{part}_test"] = both
    given = {"lambdas": tuple(lambdas)} if lambdas else {}
    settings = experiment.Settings(scale=_value(scale, 1.0), **given, **options)
    run = experiment.Experiment(clips, fixed, out, settings)
    click.echo(f"Classes: {', '.join(run.names)}. Frames of others, left out: {run.left_out}")
    run.run(say=click.echo)
    tables = report.write_report(run)
    click.echo(tables["table2_accuracy"].to_string(index=False, float_format="%.3f"))
    click.echo(f"Report: {out / 'report.md'}")


def _two_parts(name, root, splits, options, crops, size):
    """Training and test clips of a dataset, by its splits or halved by subject.

    Their faces are cut out into the folder `crops`, unless it is `None`.
    """
    from kollias_affect import faces
    from kollias_affect.datasets import sampling

    parts = [_load(name, root, split, options) for split in splits or (None,)]
    if crops is not None:
        parts = [faces.paper_d_crops(clips, crops, size) for clips in parts]
        for clips in parts:
            click.echo(f"{name}: {clips.report}")
    if splits:
        return parts
    return sampling.stratified_split([clip for clip in parts[0] if clip.valid.any()])


def _backbone(name):
    """The convolutions of a model, by its file or by its name in `weights.list_pretrained`."""
    from kollias_affect.experiments.paper_a.backbone import load_backbone

    return load_backbone(name)


@main.command()
@_out("Folder of the run; the same command goes on with an interrupted one.")
@click.option(
    "--stage",
    "texts",
    multiple=True,
    metavar="DATASET:PATH[:NAME=VALUE...]",
    help="A stage; give one for each, in order.",
)
@click.option("--path", type=int, help="Paper D's submission 1, 2, 3, 5, 6, 7, 8 or 9.")
@click.option("--fer", type=click.Path(path_type=Path), help="FER-2013, for --path.")
@click.option("--emotiw", type=click.Path(path_type=Path), help="SFEW, for --path.")
@click.option(
    "--crop/--no-crop",
    default=True,
    help="For --path: cut faces out of SFEW's full frames, or take its aligned ones.  "
    "[default: crop]",
)
@click.option("--network", help="alexnet or vgg_cnn_m_2048.  [default: alexnet, or --path's]")
@click.option("--weights", type=click.Path(path_type=Path), help="ImageNet weights: .npy or .mat.")
@click.option("--model", help="Start from this model, a file or a pretrained name, instead.")
@click.option("--size", default=256, show_default=True, help="Side of the pictures in pixels.")
@click.option("--width", default=1.0, show_default=True, help="Factor on channels and units.")
@click.option("--epochs", default=20, show_default=True, help="Of each stage that does not say.")
@click.option("--learning-rate", default=1e-3, show_default=True, help="Likewise.")
@click.option("--batch-size", default=32, show_default=True)
@click.option("--limit", type=int, help="Frames per class and set, for quick looks.")
@click.option("--cache", is_flag=True, help="Keep the decoded pictures in memory.")
@click.option("--seed", default=0, show_default=True)
def finetune(out, texts, path, fer, emotiw, crop, limit, **options):
    """Fine-tunes a network for expressions in stages (paper D), and reports on all of them.

    \b
    A stage is a database, its path, and options of its loader:
      --stage fer2013:fer2013.tar:variant=FER28 --stage ck48:ck48.h5:epochs=5
    Several databases with commas between them make one stage. More options are name, epochs,
    learning_rate, frozen (cnn, a number of last layers to train, or layers with + between),
    new_head=true, split, validation (a split, a share of the subjects, or none) and crop=true
    (the images are whole pictures, whose faces are to be cut out).
    """
    from kollias_affect import transfer
    from kollias_affect.experiments import sources
    from kollias_affect.experiments.paper_d import submissions

    how = {"crops_dir": out / "crops", "limit": limit, "seed": options["seed"]}
    each = {name: options[name] for name in ("epochs", "learning_rate")}
    published, target = None, None
    if (path is None) == (not texts) or (path is not None and None in (fer, emotiw)):
        raise ValueError(
            "A run has stages, --stage, or one of the paper's paths, --path with --fer and "
            f"--emotiw. Received: {len(texts)} stages and --path {path}. Give either."
        )
    if path is not None:
        stages, target = submissions.path_stages(path, fer, emotiw, crop, **how, **each)
        published = submissions.PATHS[path].published
        options["network"] = options["network"] or submissions.PATHS[path].network
    else:
        parsed = [sources.parse(text, _value) for text in texts]
        stages = [sources.stage(found, **how, **{**each, **own}) for own, found in parsed]
    model, facts = _start(options)
    same = {name: options[name] for name in ("batch_size", "cache", "seed")}
    result = transfer.staged(
        model, stages, out, target, published=published, facts=facts, **same, verbose=2
    )
    click.echo(result.table.T.to_string(float_format="%.3f"))
    click.echo(f"Report: {out / 'report.md'}. Model: {out}/{result.card['stage']}/best.keras")


def _start(options):
    """The model that `finetune` begins with, and what its card says of it."""
    import keras

    from kollias_affect import _checks, models, transfer
    from kollias_affect import weights as importers

    names = ("network", "weights", "model")
    network, file, model = (options[name] for name in names)
    if model is not None:
        if network is not None or file is not None:
            raise ValueError(
                "`--model` stands in place of `--network` and `--weights`. Received: both. "
                "Leave one out."
            )
        start = models.load(importers.model_file(model))[0]
        return start, {"start": model, "crop": models.CROPS["eyes_grey"]}
    keras.utils.set_random_seed(_checks.integer_between("seed", options["seed"], 0, 2**32 - 1))
    network = network or "alexnet"
    size, width = options["size"], options["width"]
    start = transfer.network(network, size, width, pretrained=file, seed=options["seed"])
    told = f"{network}, width {width}, {'random' if file is None else file.name}"
    return start, {"start": told, "crop": models.CROPS["eyes_grey"]}


@main.command()
@click.argument("names", nargs=-1)
@click.option(
    "--data",
    "texts",
    multiple=True,
    metavar="[ROLE=]DATASET:PATH[:NAME=VALUE...]",
    help="A database and what it is for; may be given several times.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the tables; the same command goes on with an interrupted run.",
)
@click.option("--smoke", is_flag=True, help="Synthetic clips and tiny networks: minutes.")
@click.option(
    "--weights",
    "files",
    multiple=True,
    metavar="NAME=FILE",
    help="Published weights to start from: vgg_face, vgg16, resnet50, alexnet, vgg_cnn_m_2048.",
)
@click.option("--backbone", help="For paper A: model whose convolutions are the fixed CNN.")
@click.option("--steps", default=1000, show_default=True, help="For paper A: batches per network.")
@click.option("--seeds", default=3, show_default=True, help="For paper A: networks per lambda.")
@click.option("--width", default=1.0, show_default=True, help="Factor on the numbers of channels.")
@click.option("--units", default=1.0, show_default=True, help="Factor on units of other layers.")
@click.option("--size", default=96, show_default=True, help="Side of the images in pixels.")
@click.option("--picture", default=256, show_default=True, help="The same for paper D.")
@click.option("--length", default=80, show_default=True, help="Frames per window.")
@click.option("--stride", type=int, help="Frames from window to window.  [default: length]")
@click.option("--batch-size", type=int, help="Windows per batch.  [default: the papers', or 4]")
@click.option("--epochs", default=20, show_default=True, help="Of every training.")
@click.option("--learning-rate", type=float, help="[default: the papers']")
@click.option("--cache", is_flag=True, help="Keep the decoded frames in memory.")
@click.option("--seed", default=0, show_default=True)
def table(names, texts, out, smoke, files, backbone, steps, seeds, **scale):
    """Runs the papers' tables NAMES on your data, with the papers' numbers beside.

    Without NAMES it prints which tables there are, and the roles of their data. `all` is every
    one of them. ROLE is data where it is left out:

    \b
      kollias-affect table C12 --data affwild:Aff-Wild --out tables
      kollias-affect table B4 --data omg:OMG --data pretrain=affwild:Aff-Wild --out tables
      kollias-affect table all --smoke --out smoke
    """
    from kollias_affect import experiments
    from kollias_affect.evaluation import markdown

    if not names:
        click.echo(experiments.listed())
        return
    names = list(experiments.TABLES) if "all" in names else names
    experiments.refuse_unknown(names)
    if out is None:
        raise ValueError("Tables need a folder. Received: no --out. Name one.")
    if smoke:
        if texts:
            raise ValueError(
                f"`--smoke` has its own synthetic data. Received: --data {texts[0]}. Leave one out."
            )
        chosen, options = experiments.SMOKE, experiments.SMOKE_OPTIONS
        roles = experiments.data.synthetic(out / "synthetic")
    else:
        chosen = experiments.Scale(**scale)
        options = {"steps": steps, "seeds": seeds}
        if backbone is not None:
            options["backbone"] = _backbone(backbone)
        needed = experiments.roles_of(names)
        roles = experiments.data.read(texts, needed, _value, chosen.seed)
    weight_files = experiments.weight_files(files)
    found = experiments.run_tables(
        names, roles, out, chosen, weight_files, say=click.echo, options=options
    )
    for name, frame in found.items():
        click.echo(f"\n{name}: {experiments.TABLES[name].title}\n{markdown(frame)}")
    click.echo(f"\nTables: {', '.join(str(out / f'{name}.md') for name in found)}")


@main.group()
def weights():
    """Weights by name, and published weights of the papers' authors."""


@weights.command("list")
def list_weights():
    """Prints which weights there are, whose they are, and whether they are here."""
    from kollias_affect import weights as registry

    table = registry.list_pretrained().drop(columns=["file", "sha256", "source"])
    table["megabytes"] = table["megabytes"].map("{:.1f}".format, na_action="ignore")
    click.echo(table.fillna("").to_string(index=False))
    click.echo("More: kollias-affect weights show NAME")


@weights.command("show")
@click.argument("name")
def show_weights(name):
    """Prints what is known of the weights NAME: origin, licence, scores, or how to get them."""
    from kollias_affect import weights as registry

    click.echo(registry.describe_pretrained(name))


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
    from kollias_affect import _checks, datasets

    defaults = datasets.loader_options(dataset)
    values = {}
    for pair in options:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"`--option` must be NAME=VALUE. Received: {pair}. Write an = in it.")
        _checks.one_of(f"option of {dataset}", name, defaults)
        values[name] = _value(text, defaults[name])
    return datasets.load(dataset, root, split, **values)


def _value(text, default):
    """An option's value as Python has it; what Python cannot read is a text without quotes."""
    import ast

    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    # Options without a default are names and folders, and folders may be named 2024.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return text if default is None and is_number else value


def _build(options):
    """The AffWildNet that the options of `train` describe; takes them out of `options`."""
    import keras

    from kollias_affect import _checks, models

    keras.utils.set_random_seed(_checks.integer_between("seed", options["seed"], 0, 2**32 - 1))
    names = ("task", "backbone", "width", "hidden_units", "rnn", "rnn_units", "rnn_layers")
    names += ("dropout", "rnn_dropout", "landmarks", "frozen", "length")
    initializer = _checks.one_of("initializer", options["initializer"], ("papers", "keras"))
    precisions = ("auto", "float32", "mixed_bfloat16")
    precision = _checks.one_of("precision", options["precision"], precisions)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(models.native_precision() if precision == "auto" else precision)
    try:
        return models.affwildnet(
            **{name: options[name] for name in names},
            initializer="papers" if initializer == "papers" else None,
            input_shape=(options["size"], options["size"], 3),
            seed=options["seed"],
        )
    finally:
        keras.config.set_dtype_policy(before)


def _score(card):
    return ", ".join(f"{k} {card[k]:.3f}" for k in card if k.startswith("val_"))


if __name__ == "__main__":
    sys.exit(main())
