"""How commands report errors and keep TensorFlow's start quiet."""

import os
import re
import signal
import sys
import tempfile

import click

from kollias_affect import _files
from kollias_affect.cli import _signals, _terminal

# Lines that TensorFlow's libraries print while they are loaded, before TF_CPP_MIN_LOG_LEVEL
# takes effect: a warning of absl, and entries such as "I0000 00:00:1795856719.005775 ...".
_LOG_LINE = re.compile(r"WARNING: All log messages before absl::|[IWE]\d{4} \d\d:\d\d:")

_NEXT = "\0"  # between several messages; no name of a file has it


class ErrorGroup(click.Group):
    """A group that turns errors about input into one message and exit code 2.

    Other errors are bugs and keep their traceback.
    """

    def invoke(self, context):
        """Runs the command."""
        try:
            with _signals.stopping():
                return super().invoke(context)
        except KeyboardInterrupt as error:
            click.echo(_signals.describe_stop(context.invoked_subcommand), err=True)
            context.exit(128 + getattr(error, "number", signal.SIGINT))
        except (OSError, ValueError) as error:
            _refuse(context, error)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:  # of TensorFlow, SQLite or HDF5
            if not _files.is_disk_full(error):
                raise
            _refuse(context, error)


def _refuse(context, error):
    """Ends the command with one message."""
    if context.params.get("debug"):
        raise error
    command = context.command.commands.get(context.invoked_subcommand)
    text = _with_options(message_of(error), command)
    if _files.is_disk_full(error) and context.invoked_subcommand in _signals.RESUMABLE:
        text = f"{text} The same command resumes."
    raise click.UsageError(_printable(text)) from error


class KerasCommand(click.Command):
    """A command that needs Keras: TensorFlow is imported first, without the lines of its log.

    Args:
        check: Function of the parameters of the command that raises `OSError` or `ValueError` for
            what can be refused at once. It runs before the import, which takes seconds.
    """

    def __init__(self, *args, check=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.check = check

    def invoke(self, context):
        """Runs the command."""
        if self.check is not None:
            self.check(**context.params)
        import_tensorflow(context)
        return super().invoke(context)


def import_tensorflow(context):
    """Imports TensorFlow without the lines of its log, which `--debug` shows.

    Anything else that is written to standard error meanwhile is printed afterwards.

    Args:
        context: Context of the command.
    """
    quiet = not context.find_root().params.get("debug")
    if not quiet or "tensorflow" in sys.modules:
        import tensorflow

        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with _scratch() as file:
        os.dup2(file.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            lines = file.read().decode(errors="replace").splitlines()
            for line in lines:
                if not _LOG_LINE.match(line):
                    print(line, file=sys.stderr)


def _scratch():
    """Returns a temporary file, in memory where that is possible: there may be no folder for it."""
    if hasattr(os, "memfd_create"):
        return open(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()


def message_of(error):
    """Text of an exception; errors of the operating system name the file."""
    if _files.is_disk_full(error) and not isinstance(error, (ValueError, _files.DiskFullError)):
        return str(_files.DiskFullError(getattr(error, "filename", None)))
    if isinstance(error, OSError) and error.strerror and error.filename:
        return (
            f"A file or folder cannot be used: {error.strerror}. Received: {error.filename}. "
            "Check its path, its permissions and the space left."
        )
    return str(error)


def _printable(text):
    """Returns a message in which control characters of names are written out."""
    return "\nError: ".join(map(_terminal.message, text.split(_NEXT)))


def _with_options(text, command):
    """Returns a message in which arguments of the library have the names of a command's options.

    `batch_size` becomes `--batch-size` where the command has that option.
    """
    for name, spelled in _spelled(command).items():
        text = re.sub(rf"`{name}(?=[`=])", f"`{spelled}", text)
    return text


def _spelled(command):
    """Returns a dict from the names of the options of a command to their spelling.

    Of a group, which command was called is not known here: options that two of its commands spell
    differently are left out.
    """
    commands = getattr(command, "commands", {"": command}).values()
    spelled = {}
    for each in commands:
        for option in getattr(each, "params", ()):
            if isinstance(option, click.Option):
                spelled.setdefault(option.name, set()).add(max(option.opts, key=len))
    if "out" in spelled:
        spelled["out_dir"] = spelled["out"]
    return {name: min(options) for name, options in spelled.items() if len(options) == 1}


def raise_errors(errors):
    """Raises one `ValueError` with all messages, if there are any; each is called an error.

    Args:
        errors: Dict from an input to the exception that it caused.
    """
    if errors:
        raise ValueError(_NEXT.join(message_of(error) for error in errors.values()))
