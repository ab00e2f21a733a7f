"""The command `ensemble`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand


@click.command(cls=KerasCommand)
@click.argument("members", nargs=-1, required=True, type=shared.MODEL)
@click.option("--out", required=True, type=shared.PATH, help="The new .keras file.")
@click.option(
    "--by",
    type=shared.one_of("outputs", "weights"),
    default="outputs",
    show_default=True,
    help="outputs: run all members and average what they say; weights: one network with the mean "
    "of their weights, for epochs or trainings that began alike.",
)
def ensemble(members, out, by):
    """Averages MEMBERS, .keras files of the same tasks and inputs, to one model.

    The file is a model like any other: evaluate, predict, calibrate, export. With --by outputs it
    also has the variance of the members, on which `calibrate` builds intervals.
    """
    from kollias_affect import models
    from kollias_affect import weights as registry
    from kollias_affect.models import ensembles

    if out.suffix != ".keras":
        raise ValueError(f"--out must be a .keras file. Received: {out}. Write {out.stem}.keras.")
    model, metadata = ensembles.join([registry.model_file(name) for name in members], by)
    models.save(model, out, **metadata)
    click.echo(f"{out}: mean of the {by} of {len(members)} models.")
