"""The command `demo`."""

import click

from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo_lines
from kollias_affect.cli.options import AT_LEAST_1, out_option, seed_option


@click.command(cls=KerasCommand)
@out_option("Folder of the outputs.")
@click.option("--epochs", type=AT_LEAST_1, default=5, show_default=True)
@seed_option
def demo(out, epochs, seed):
    """Makes synthetic clips, trains a small AffWildNet on them, and shows the result."""
    from kollias_affect.experiments import demo as recipe

    recipe.run(out, epochs=epochs, seed=seed, log=echo_lines)
