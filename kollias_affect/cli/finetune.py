"""The command `finetune`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo


def _check(stages, **_):
    """Refuses at once databases that do not exist."""
    for stage in stages:
        shared.check_stage(stage)


@click.command(cls=KerasCommand, check=_check)
@shared.out_option("Folder of the run; the same command resumes an interrupted one.")
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="DATASET:PATH[:NAME=VALUE...]",
    help="A stage; give the option once for each, in order.",
)
@click.option(
    "--path",
    type=shared.one_of("1", "2", "3", "5", "6", "7", "8", "9", "direct-alexnet", "direct-vgg"),
    help="Paper D's submission 1, 2, 3, 5, 6, 7, 8 or 9, or direct-alexnet or direct-vgg for SFEW "
    "without FER-2013.",
)
@click.option("--fer", type=shared.EXISTING, help="FER-2013, for --path.")
@click.option("--emotiw", type=shared.EXISTING, help="SFEW, for --path.")
@click.option(
    "--crop/--no-crop",
    default=True,
    help="For --path: crop the faces of SFEW's full frames, or use its aligned faces.  "
    "[default: crop]",
)
@click.option(
    "--without-private-test",
    is_flag=True,
    help="For --path 6 to 9 and copies of FER-2013 without PrivateTest: a ninth of FER32 chooses "
    "the epochs and does not train.",
)
@click.option(
    "--network",
    type=shared.one_of("alexnet", "vgg_cnn_m_2048"),
    help="alexnet or vgg_cnn_m_2048.  [default: alexnet, or --path's]",
)
@click.option("--weights", type=shared.EXISTING, help="ImageNet weights: .npy or .mat.")
@click.option(
    "--mean-image",
    type=shared.EXISTING,
    help="Mean image of --weights: .binaryproto.  [default: that of a .mat file]",
)
@click.option(
    "--model",
    type=shared.MODEL,
    help="Start from this model, a file or a pretrained name, instead.",
)
@click.option(
    "--size",
    type=shared.AT_LEAST_1,
    default=256,
    show_default=True,
    help="Side of the pictures in pixels.",
)
@click.option(
    "--width",
    type=shared.POSITIVE,
    default=1.0,
    show_default=True,
    help="Factor on channels and units.",
)
@click.option(
    "--epochs", type=shared.AT_LEAST_1, default=20, show_default=True, help="Default of the stages."
)
@click.option(
    "--learning-rate",
    type=shared.POSITIVE,
    default=1e-3,
    show_default=True,
    help="Default of the stages.",
)
@click.option(
    "--batch-size",
    type=shared.AT_LEAST_1,
    default=128,
    show_default=True,
    help="Pictures per batch.",
)
@click.option(
    "--colour",
    type=shared.real(min=0),
    default=0.0,
    show_default=True,
    help="Size of random shifts of the colours in training; Krizhevsky et al. (2012): 0.1.",
)
@click.option("--ten-crops", is_flag=True, help="Score the mean output of ten crops, as they do.")
@click.option("--limit", type=shared.AT_LEAST_1, help="Frames per class and set, for quick trials.")
@click.option("--cache", is_flag=True, help="Keep the decoded pictures in memory.")
@shared.seed_option
def finetune(out, **options):
    """Fine-tunes a network for expressions in stages (paper D), and reports on all stages.

    \b
    A stage is a database, its path, and options of its loader:
      --stage fer2013:fer2013.tar:variant=FER28 --stage ck48:ck48.h5:epochs=5
    Several databases separated by commas make one stage. Further options are name, epochs,
    learning_rate, frozen (cnn, a number of last layers to train, or layers separated by +),
    new_head=true, split, validation (a split, a share of the people, or none) and crop=true
    (the images are complete pictures, whose faces are cropped). The official training and
    validation parts of a database are used by default; split=all mixes all parts.
    """
    from kollias_affect.experiments.paper_d import finetuning

    result = finetuning.finetune(out, log=echo, **options)
    shared.print_table(result.table.T, digits=3)
    echo(f"Report: {out / 'report.md'}. Model: {out}/{result.card['stage']}/best.keras")
