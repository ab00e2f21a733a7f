"""The command `table`."""

import click

from kollias_affect import _cluster
from kollias_affect.cli import names as known
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo, echo_lines


def _check(data, weights, smoke, **_):
    """Refuses at once databases and weights that do not exist."""
    for text in () if smoke else data:
        shared.check_stage(text)
    shared.check_weights(weights)


@click.command(cls=KerasCommand, check=_check)
@click.argument("names", nargs=-1, type=shared.one_of("all", *known.TABLES))
@click.option(
    "--data",
    multiple=True,
    metavar="[ROLE=]DATASET:PATH[:NAME=VALUE...]",
    help="A database and its role; may be given several times.",
)
@click.option(
    "--out", type=shared.FOLDER, help="Folder of the tables; the same command resumes a run."
)
@click.option("--smoke", is_flag=True, help="Synthetic clips and tiny networks: minutes.")
@click.option(
    "--weights",
    multiple=True,
    metavar="NAME=FILE",
    help="Published weights to start from: vgg_face, vgg16, resnet50, densenet121, cnn_m, alexnet, "
    "vgg_cnn_m_2048.",
)
@click.option(
    "--backbone", type=shared.MODEL, help="For paper A: model whose convolutions are the fixed CNN."
)
@click.option(
    "--steps",
    type=shared.AT_LEAST_1,
    default=1000,
    show_default=True,
    help="For paper A: batches per network.",
)
@click.option(
    "--protocol",
    type=shared.one_of("held-out", "paper"),
    default="held-out",
    show_default=True,
    help="For paper A: held-out, or paper, which scores the clips that are trained on.",
)
@click.option(
    "--seeds",
    type=shared.AT_LEAST_1,
    help="Trainings for every number.  [default: 3 for paper A, otherwise 1]",
)
@click.option(
    "--repeats",
    type=shared.AT_LEAST_1,
    default=10,
    show_default=True,
    help="For B-folds: trainings or folds whose predictions are averaged.",
)
@click.option(
    "--width",
    type=shared.POSITIVE,
    default=1.0,
    show_default=True,
    help="Factor on the numbers of channels.",
)
@click.option(
    "--units",
    type=shared.POSITIVE,
    default=1.0,
    show_default=True,
    help="Factor on units of other layers.",
)
@click.option(
    "--size",
    type=shared.AT_LEAST_1,
    default=96,
    show_default=True,
    help="Side of the images in pixels.",
)
@click.option(
    "--picture",
    type=shared.AT_LEAST_1,
    default=256,
    show_default=True,
    help="The same for paper D.",
)
@click.option(
    "--length", type=shared.AT_LEAST_1, default=80, show_default=True, help="Frames per window."
)
@click.option(
    "--stride", type=shared.AT_LEAST_1, help="Frames from window to window.  [default: length]"
)
@click.option(
    "--batch-size", type=shared.AT_LEAST_1, help="Windows per batch.  [default: the papers', or 4]"
)
@click.option(
    "--epochs",
    type=shared.AT_LEAST_1,
    default=20,
    show_default=True,
    help="Epochs of every training.",
)
@click.option("--learning-rate", type=shared.POSITIVE, help="[default: the papers']")
@click.option(
    "--decay",
    nargs=2,
    type=(int, float),
    metavar="STEPS RATE",
    help="Papers B and C: multiply the learning rate every STEPS batches by RATE.",
)
@click.option(
    "--weight-decay",
    type=shared.real(min=0),
    help="Papers B and C: weight decay.  [default: none]",
)
@click.option("--cache", is_flag=True, help="Keep the decoded frames in memory.")
@shared.seed_option
@shared.cluster_option("one task per training or fold")
def table(names, data, out, smoke, weights, backbone, steps, protocol, seeds, cluster, **scale):
    """Runs the papers' tables NAMES on your data, beside the papers' numbers.

    Without NAMES it lists the tables and the roles of their data. `all` stands for every table.
    The default ROLE is data:

    \b
      kollias-affect table C12 --data affwild:Aff-Wild --out tables
      kollias-affect table B4 --data omg:OMG --data pretrain=affwild:Aff-Wild --out tables
      kollias-affect table all --smoke --out smoke
    """
    from kollias_affect import experiments
    from kollias_affect.evaluation import markdown

    if not names:
        echo_lines(experiments.list_tables())
        return
    with _cluster.executor(cluster) as executor:
        frames = experiments.reproduce(
            names, data, out, experiments.Scale(**scale), smoke, weights, backbone, steps, seeds,
            log=echo_lines, protocol=protocol, executor=executor,
        )  # fmt: skip
    for name, frame in frames.items():
        echo_lines(f"\n{name}: {experiments.TABLES[name].title}\n{markdown(frame)}")
    echo()
    echo(f"Tables: {', '.join(str(out / f'{name}.md') for name in frames)}")
