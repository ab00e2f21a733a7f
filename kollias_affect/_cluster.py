"""Tasks on other processes and machines, through any `concurrent.futures.Executor`.

Dask schedules, moves and repeats the tasks; nothing here does. Tasks leave their results on a file
system that all machines share.
"""

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import queue
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from kollias_affect import _files, _workers

RETRIES = 2  # of a task that ends with an error of the file system
LOST_AGAIN = 3  # times that a call which the engine lost is submitted again
WINDOW = 5_000  # works that have begun; a scheduler holds some kilobytes for each
CONNECT_SECONDS = 20
APPEAR_SECONDS = 2
_FORMS = "tcp://HOST:PORT, tls://HOST:PORT, local:N or a scheduler file"


def checked(cluster):
    """Returns the text that names a cluster.

    Args:
        cluster: `tcp://` or `tls://` address of a Dask scheduler, `local:N` for N processes of this
            machine, or the path of a scheduler file.

    Raises:
        ValueError: If it is none of these.
    """
    known = re.fullmatch(r"(tcp|tls)://.+:\d+|local:[1-9]\d*", cluster)
    if not known and not Path(cluster).is_file():
        raise ValueError(
            f"A cluster must be {_FORMS}. Received: {cluster!r}. Start one with `dask scheduler`, "
            "or use local:N."
        )
    return cluster


@contextlib.contextmanager
def executor(cluster):
    """Connects to a cluster; a context manager that gives its `concurrent.futures.Executor`.

    Dask replaces workers that die and begins their tasks again. It gives a task up when workers
    died on it four times (`distributed.scheduler.allowed-failures`), or when it raised an error
    `RETRIES` + 1 times. If all workers of `local:N` are lost, the tasks fail.

    Args:
        cluster: See `checked`; `None` gives `None`.

    Raises:
        ValueError: If `cluster` names no cluster, or Dask is missing.
        OSError: If the scheduler does not answer.
    """
    if cluster is None:
        yield None
        return
    checked(cluster)
    with _client(cluster) as client:
        # Two tasks with the same arguments are two tasks: the files may have changed in between.
        yield client.get_executor(retries=RETRIES, pure=False)


@contextlib.contextmanager
def _client(cluster):
    try:
        import distributed
    except ImportError as error:
        raise ValueError(
            f"A cluster needs Dask. Received: {cluster}, without the package distributed. Run "
            "`pip install 'kollias-affect[cluster]'`."
        ) from error
    # Its import sets the levels of its loggers.
    with _workers.quiet(), _connected(distributed, cluster) as client:
        yield client


@contextlib.contextmanager
def _connected(distributed, cluster):
    if cluster.startswith("local:"):
        with (
            _workers.started(int(cluster.removeprefix("local:"))) as processes,
            distributed.Client(processes) as client,
            _workers.watched(client, processes),
        ):
            yield client
        return
    where = {"address": cluster} if "://" in cluster else {"scheduler_file": cluster}
    try:
        client = distributed.Client(**where, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, asyncio.TimeoutError) as error:
        raise OSError(
            f"The scheduler of a cluster must answer. Received: {cluster}: {error}. Check its "
            "address, and that it runs."
        ) from error
    with client, _workers.watched(client):
        yield client


class Call(NamedTuple):
    """A function of a module, which the workers import, and its arguments."""

    function: Callable
    arguments: tuple = ()


def run(executor, works, on_call=None):
    """Runs works on an executor, several at a time.

    Args:
        executor: `concurrent.futures.Executor`.
        works: Iterable of pairs of a name and a generator. The generator yields lists of `Call`,
            which workers run at the same time, and is sent the list of their results; its return
            value is that of the work. At most `WINDOW` works have begun and not ended.
        on_call: Function without arguments that is called when a call is over.

    Yields:
        `(name, result, error)` of each work when it ends. `error` is `None`, or an `OSError`,
        `ValueError` or `RuntimeError`; the other works go on.

    Raises:
        DiskFullError: If a call finds no room: the other works would end in the same way.
    """
    waiting = iter(works)
    running, over = {}, queue.SimpleQueue()
    try:
        while True:
            for name, generator in itertools.islice(waiting, max(0, WINDOW - len(running))):
                work = running[name] = _Work(name, generator, executor, over)
                work.go_on()
                if work.ended:
                    yield running.pop(name).checked_outcome()
            if not running:
                return
            name, number = over.get()
            work = running[name]
            if work.repeats_if_lost(number):
                continue
            if on_call is not None:
                on_call()
            work.open_calls -= 1
            if work.open_calls == 0:
                work.go_on([_outcome(work.name, future) for future in work.futures])
            if work.ended:
                yield running.pop(work.name).checked_outcome()
    finally:
        for work in running.values():
            work.cancel()


def run_all(executor, works, count, unit, progress=True):
    """Runs works that are all needed, see `run`.

    Args:
        executor, works: See `run`.
        count: Number of the works.
        unit: What a work is called in the progress bar and in errors.
        progress: Whether to show a progress bar on standard error, if that is a terminal.

    Raises:
        OSError: If works failed, when all others are over. It names them.
    """
    errors = {}
    with tqdm(total=count, unit=unit, disable=None if progress else True) as bar:
        for name, _, error in run(executor, works):
            bar.update()
            if error is not None:
                errors[name] = error
    if errors:
        texts = "".join(f"\n{name}: {error}" for name, error in errors.items())
        raise OSError(
            f"Every {unit} of a run must end. Received: {len(errors)} of {count} that failed. Run "
            f"the same command again when their causes are gone.{texts}"
        )


def appears(path):
    """Returns whether a file that a worker wrote exists.

    A network file system may remember for a while that it did not exist. A look into its folder
    makes it forget that.
    """
    end = time.monotonic() + APPEAR_SECONDS
    while not path.exists():
        if time.monotonic() >= end:
            return False
        with contextlib.suppress(OSError):
            os.listdir(path.parent)
        time.sleep(APPEAR_SECONDS / 20)
    return True


class _Work:
    """A generator of calls, and the calls that it waits for."""

    def __init__(self, name, generator, executor, over):
        self.name, self.generator = name, generator
        self.executor, self.over = executor, over
        self.calls, self.futures, self.repeated, self.open_calls = [], [], [], 0
        self.ended, self.outcome = False, None

    def go_on(self, outcomes=None):
        """Sends the results of the last calls, or the first error, and submits the next calls."""
        try:
            failed = [error for _, error in outcomes or () if error is not None]
            if failed:
                calls = self.generator.throw(failed[0])
            else:
                results = None if outcomes is None else [result for result, _ in outcomes]
                calls = self.generator.send(results)
        except StopIteration as stop:
            self._end(stop.value, None)
        except (OSError, ValueError, RuntimeError) as error:
            self._end(None, error)
        else:
            self.calls, self.open_calls = calls, len(calls)
            self.repeated = [0] * len(calls)
            self.futures = [self._submitted(call) for call in calls]
            for number in range(len(calls)):
                self._report(number)

    def repeats_if_lost(self, number):
        """Submits a call again that the engine lost; returns whether it does.

        A scheduler cancels what it held when it starts again or forgets its workers.
        """
        if not _is_lost(self.futures[number]) or self.repeated[number] == LOST_AGAIN:
            return False
        self.repeated[number] += 1
        self.futures[number] = self._submitted(self.calls[number])
        self._report(number)
        return True

    def _report(self, number):
        """Puts the name and the number of a call into the queue when it is over."""
        self.futures[number].add_done_callback(lambda _: self.over.put((self.name, number)))

    def _submitted(self, call):
        try:
            return self.executor.submit(_settled, *call)
        except Exception as error:
            # A pool, or the client of a cluster, has lost its workers.
            if not isinstance(error, RuntimeError) and type(error).__name__ != "ClosedClientError":
                raise
            failed = concurrent.futures.Future()
            failed.set_exception(error)
            return failed

    def _end(self, result, error):
        self.ended, self.outcome, self.futures = True, (self.name, result, error), []

    def checked_outcome(self):
        """Returns the outcome, or raises `DiskFullError` if there was no room on a disk."""
        error = self.outcome[2]
        if error is not None and _files.is_disk_full(error):
            raise _disk_full(error)
        return self.outcome

    def cancel(self):
        """Cancels the calls that have not begun."""
        for future in self.futures:
            future.cancel()
        self.generator.close()


def _settled(function, arguments):
    """Returns `(result, None)`, or `(None, error)` for errors that a repetition does not change.

    Other errors are raised, so that an engine that repeats tasks repeats this one.
    """
    try:
        return function(*arguments), None
    except (FileNotFoundError, FileExistsError) as error:
        return None, OSError(str(error))
    except Exception as error:
        if _files.is_disk_full(error):
            return None, _disk_full(error)
        if isinstance(error, ValueError):
            # A subclass may not survive the way to the other process.
            return None, ValueError(str(error))
        raise


def _disk_full(error):
    """Returns the error of a full disk as a `DiskFullError`."""
    if isinstance(error, _files.DiskFullError):
        return error
    return _files.DiskFullError(getattr(error, "filename", None))


def _is_lost(future):
    """Returns whether an engine cancelled a call that nobody else cancelled."""
    try:
        error = future.exception()
    except (concurrent.futures.CancelledError, asyncio.CancelledError):
        return True
    return isinstance(error, (concurrent.futures.CancelledError, asyncio.CancelledError))


def _outcome(name, future):
    """Returns `(result, error)` of a call that is over."""
    try:
        return future.result()
    except (OSError, ValueError) as error:
        return None, error
    except (Exception, asyncio.CancelledError) as failure:  # each engine has its own
        error = RuntimeError(
            f"A task must not lose its workers. Received: {type(failure).__name__} for {name}: "
            f"{failure}. Run the same command again: it does what is missing."
        )
        error.__cause__ = failure
        return None, error
