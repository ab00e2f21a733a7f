"""The command `adapt`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand


@click.command(cls=KerasCommand)
@shared.out_option("Folder of the run; the same command resumes an interrupted one.")
@click.option("--a", nargs=2, required=True, metavar="NAME ROOT", help="Dataset of NetA.")
@click.option("--b", nargs=2, required=True, metavar="NAME ROOT", help="Dataset of NetB.")
@click.option("--split-a", nargs=2, metavar="TRAIN TEST", help="Parts of A.  [default: official]")
@click.option("--split-b", nargs=2, metavar="TRAIN TEST", help="Parts of B.  [default: official]")
@click.option("--option-a", multiple=True, metavar="NAME=VALUE", help="Option of A's loader.")
@click.option("--option-b", multiple=True, metavar="NAME=VALUE", help="Option of B's loader.")
@click.option(
    "--backbone",
    required=True,
    help="Model whose convolutions are the fixed backbone: a file, or a pretrained name.",
)
@click.option("--crop-a", is_flag=True, help="A has complete pictures: crop the faces first.")
@click.option("--crop-b", is_flag=True, help="B has complete pictures: crop the faces first.")
@click.option("--lambda", "lambdas", type=float, multiple=True, help="[default: 0 .25 .5 .75 1]")
@click.option("--seeds", default=3, show_default=True, help="Networks per lambda.")
@click.option("--normalization", default="linear", show_default=True, help="linear or softmax.")
@click.option("--scale", default="1.0", show_default=True, help="A number, or centroids.")
@click.option("--method", default="kmeans", show_default=True, help="kmeans or class_means.")
@click.option("--balanced", is_flag=True, help="Give all classes the same weight in training.")
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
    """Trains networks on A with the centroids of a network trained on B, and writes a report.

    The method is paper A's. NetB is trained on the training part of B. The centroids of its
    representations become further desired outputs of NetA, which is trained on A, for every
    lambda and seed. OUT/report.md holds the paper's tables and figures. Without --split-a or
    --split-b the official training and test parts are used (the validation part, if the test part
    has no labels). A dataset without official parts is divided into halves by subject; "all all"
    does so with all parts of any dataset. Nothing that is scored should have trained the backbone.
    """
    from kollias_affect.datasets import option_texts
    from kollias_affect.experiments.paper_a import adapting, experiment

    databases = []
    for letter, (name, root) in (("a", a), ("b", b)):
        splits, texts, crop = (options.pop(f"{n}_{letter}") for n in ("split", "option", "crop"))
        loader_options = option_texts.parse_options(name, texts)
        databases.append(adapting.Database(name, root, splits, crop, loader_options))
    if lambdas:
        options["lambdas"] = tuple(lambdas)
    settings = experiment.Settings(scale=option_texts.parse_value(scale, 1.0), **options)
    adapting.adapt(*databases, backbone, out, settings, log=click.echo)
