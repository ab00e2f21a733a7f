"""`python -m kollias_affect` is the command `kollias-affect`."""

from kollias_affect.cli import main

main(prog_name="kollias-affect")
