"""Work in a thread beside the main one."""

import concurrent.futures
import threading

from kollias_affect import _files


class Stopped(Exception):
    """Raised in the thread if its results are no longer wanted."""


class _Flag(threading.Event):
    def raise_if_set(self):
        """Raises `Stopped` if the thread should end."""
        if self.is_set():
            raise Stopped


class Beside:
    """A thread that works through jobs in their order; a context manager.

    If the `with` block is left by an exception, jobs that wait are dropped, and a running one is
    told to stop. Otherwise the block waits for all jobs.
    """

    def __init__(self):
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._stopped = _Flag()
        self._jobs = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        if kind is not None:
            self._stopped.set()
        self._pool.shutdown(cancel_futures=kind is not None)

    def submit(self, key, function, *arguments):
        """Adds a job.

        Args:
            key: Key of the job in `errors`.
            function: Function of a flag, whose `raise_if_set` it calls now and then, and arguments.
            *arguments: Its other arguments.
        """
        self._jobs[key] = self._pool.submit(function, self._stopped, *arguments)

    def errors(self):
        """Waits for all jobs; returns a dict from key to `OSError` or `ValueError`.

        Other exceptions are raised, and that of a full disk is.
        """
        errors = {}
        for key, job in self._jobs.items():
            try:
                job.result()
            except _files.DiskFullError:
                raise
            except (OSError, ValueError) as error:
                errors[key] = error
        return errors
