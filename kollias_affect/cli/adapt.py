"""The command `adapt`."""

import click

from kollias_affect.cli import names
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo_lines


def _check(a, b, **_):
    """Refuses at once databases that do not exist."""
    for name, root in (a, *b):
        shared.check_root(name, root)


@click.command(cls=KerasCommand, check=_check)
@shared.out_option("Folder of the run; the same command resumes an interrupted one.")
@click.option("--a", nargs=2, required=True, metavar="NAME ROOT", help="Dataset of NetA.")
@click.option(
    "--b",
    nargs=2,
    required=True,
    multiple=True,
    metavar="NAME ROOT",
    help="Dataset of NetB; several give one facet of NetA each.",
)
@click.option("--split-a", nargs=2, metavar="TRAIN TEST", help="Parts of A.  [default: official]")
@click.option(
    "--split-b",
    nargs=2,
    multiple=True,
    metavar="TRAIN TEST",
    help="Parts of B, once for each --b.  [default: official]",
)
@click.option("--option-a", multiple=True, metavar="NAME=VALUE", help="Option of A's loader.")
@click.option("--option-b", multiple=True, metavar="NAME=VALUE", help="Option of B's loader.")
@click.option(
    "--backbone",
    type=shared.MODEL,
    help="Model whose convolutions are the fixed backbone: a file, or a pretrained name.",
)
@click.option(
    "--network",
    type=shared.MODEL,
    help="Instead: trained CNN-RNN of any task that NetA and NetB start from; its CNN is fixed.",
)
@click.option("--crop-a", is_flag=True, help="A has complete pictures: crop the faces first.")
@click.option("--crop-b", is_flag=True, help="B has complete pictures: crop the faces first.")
@click.option(
    "--protocol",
    type=shared.one_of("held-out", "paper"),
    default="held-out",
    show_default=True,
    help="held-out, or paper: train on all of A and B and score these same clips.",
)
@click.option(
    "--choose",
    type=shared.one_of("last", "b"),
    help="Step that is scored: last, or b, the best on B.  [default: b for --protocol paper]",
)
@click.option(
    "--task",
    type=shared.one_of("expression", "valence_arousal"),
    default="expression",
    show_default=True,
    help="Or valence_arousal.",
)
@click.option(
    "--bins",
    type=shared.AT_LEAST_1,
    default=20,
    show_default=True,
    help="Cells of valence, and of arousal, as classes.",
)
@click.option("--alternate", is_flag=True, help="Also let NetA and NetB adapt in turn.")
@click.option(
    "--rounds",
    type=shared.AT_LEAST_1,
    default=10,
    show_default=True,
    help="Rounds of --alternate at most.",
)
@click.option("--lambda", "lambdas", type=float, multiple=True, help="[default: 0 .25 .5 .75 1]")
@click.option(
    "--seeds", type=shared.AT_LEAST_1, default=3, show_default=True, help="Networks per lambda."
)
@click.option(
    "--normalization",
    type=shared.one_of("linear", "softmax"),
    default="linear",
    show_default=True,
    help="linear or softmax.",
)
@click.option("--scale", default="1.0", show_default=True, help="A number, or centroids.")
@click.option(
    "--method",
    type=shared.one_of("kmeans", "class_means"),
    default="kmeans",
    show_default=True,
    help="kmeans or class_means.",
)
@click.option("--balanced", is_flag=True, help="Give all classes the same weight in training.")
@click.option(
    "--decision",
    type=shared.one_of("mean", "majority", "frames"),
    help="Per clip: mean or majority; or frames.  [default: mean]",
)
@click.option(
    "--initializer", default="papers", show_default=True, help="papers, papers-rnn or keras."
)
@click.option(
    "--hidden-units", type=shared.AT_LEAST_1, help="[default: 4096 for videos, 1024 for images]"
)
@click.option(
    "--dropout",
    type=shared.SHARE,
    default=0.5,
    show_default=True,
    help="After the fully connected layer.",
)
@click.option(
    "--rnn-dropout",
    type=shared.SHARE,
    default=0.8,
    show_default=True,
    help="After the first RNN layer.",
)
@click.option(
    "--rnn",
    type=shared.one_of(*names.RNNS),
    default="gru",
    show_default=True,
    help="Also lstm, peephole_lstm, blstm, bgru.",
)
@click.option("--rnn-units", type=shared.AT_LEAST_1, default=128, show_default=True)
@click.option("--rnn-layers", type=shared.AT_LEAST_1, default=2, show_default=True)
@click.option(
    "--length", type=shared.AT_LEAST_1, help="Frames per window.  [default: 80 for videos, 1]"
)
@click.option(
    "--steps", type=shared.AT_LEAST_1, default=1000, show_default=True, help="Batches per network."
)
@click.option(
    "--batch-size", type=shared.AT_LEAST_1, help="Windows per batch.  [default: 4 for videos, 128]"
)
@click.option("--learning-rate", type=shared.POSITIVE, default=1e-3, show_default=True)
def adapt(out, a, b, backbone, network, alternate, rounds, lambdas, scale, **options):
    """Trains networks on A with the centroids of a network trained on B, and writes a report.

    The method is paper A's. NetB is trained on the training part of B. The centroids of its
    representations become further desired outputs of NetA, which is trained on A, for every
    lambda and seed. OUT/report.md holds the paper's tables and figures. Without --split-a or
    --split-b the official training and test parts are used (the validation part, if the test part
    has no labels). A dataset without official parts is divided into halves by subject; "all all"
    does so with all parts of any dataset. Nothing that is scored should have trained the backbone.

    With --protocol paper, NetA is trained on all of A and NetB on all of B, or on the part that is
    named twice by --split-a or --split-b, and both are scored on these same clips:

    \b
      kollias-affect adapt --out run --protocol paper --backbone expression_vgg_fer2013 \\
        --a afew AFEW --split-a train train --b afew AFEW --split-b validation validation
    """
    from kollias_affect.datasets import option_texts
    from kollias_affect.experiments.paper_a import adapting, experiment

    splits = options.pop("split_b")
    if splits and len(splits) != len(b):
        raise click.UsageError(
            "--split-b must be given once for each --b. Received: "
            f"{len(splits)} for {len(b)} datasets. Give all of them or none."
        )
    texts = {letter: options.pop(f"option_{letter}") for letter in "ab"}
    crops = {letter: options.pop(f"crop_{letter}") for letter in "ab"}

    def database(letter, name, root, split):
        loader_options = option_texts.parse_options(name, texts[letter])
        return adapting.Database(name, root, split, crops[letter], loader_options)

    first = database("a", *a, options.pop("split_a"))
    others = [
        database("b", *each, split)
        for each, split in zip(b, splits or [None] * len(b), strict=True)
    ]
    if lambdas:
        options["lambdas"] = tuple(lambdas)
    settings = experiment.Settings(scale=option_texts.parse_value(scale, 1.0), **options)
    adapting.adapt(
        first, others[0] if len(others) == 1 else others, backbone, out, settings,
        log=echo_lines, network=network, alternate=alternate, rounds=rounds,
    )  # fmt: skip
