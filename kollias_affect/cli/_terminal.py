"""Texts on the terminal: control characters, which names of files may have, are written out."""

import logging
import re

import click

from kollias_affect._texts import printable

# Numbered steps of a remedy, the only lines that a message of an error has.
_STEP = re.compile(r"\n(?=  \d+\. )")


def echo(text="", err=False):
    """Prints one line; line feeds in it are written out."""
    click.echo(printable(text), err=err)


def echo_lines(text):
    """Prints a text of several lines, such as a table."""
    click.echo(lines(text))


def lines(text):
    """Returns a text of several lines in which all other control characters are written out."""
    return "\n".join(map(printable, str(text).split("\n")))


def message(text):
    """Returns the message of an error: one line, and the numbered steps of its remedy."""
    return "\n".join(map(printable, _STEP.split(str(text))))


class LogFormatter(logging.Formatter):
    """Formats entries of this package as one line each; those of libraries may have several."""

    def formatMessage(self, record):
        """Returns the text of an entry."""
        own = record.name.startswith("kollias_affect")
        return (printable if own else lines)(record.message)
