"""SIGTERM and SIGHUP end a command as Ctrl-C does: worker processes first, then one message."""

import contextlib
import multiprocessing
import os
import signal
import threading

RESUMABLE = ("extract", "train", "search", "adapt", "finetune", "table")


class Stopped(KeyboardInterrupt):
    """A signal that asks the process to end.

    Args:
        number: Number of the signal.
    """

    def __init__(self, number):
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def stopping():
    """Raises `Stopped` in the main thread when SIGTERM or SIGHUP arrives in the context.

    A signal that is ignored (`nohup`) or that has another handler keeps what it has.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names]
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    process = os.getpid()

    def stop(number, _):
        if os.getpid() != process:  # a forked worker: its parent tells the user
            os._exit(128 + number)
        for child in multiprocessing.active_children():
            child.kill()  # SIGTERM is lost in a process that was forked a moment ago
        raise Stopped(number)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def describe_stop(command):
    """Returns the message for the user of a command that was stopped."""
    return "Stopped. The same command resumes." if command in RESUMABLE else "Stopped."
