"""Names of files do not reach the terminal as orders."""

import click
from click.testing import CliRunner

from kollias_affect.cli._group import ErrorGroup


def test_escape_sequences_of_a_name_are_written_out_in_the_message():
    @click.group(cls=ErrorGroup)
    def main():
        pass

    @main.command()
    def read():
        raise ValueError("Received: \x1b[2J\x9b31m.mp4\nCheck it.")

    result = CliRunner().invoke(main, ["read"])
    assert result.exit_code == 2
    assert "Received: \\x1b[2J\\x9b31m.mp4\nCheck it." in result.output
