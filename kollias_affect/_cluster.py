"""Tasks on other processes and machines, through any `concurrent.futures.Executor`.

Dask schedules, moves and repeats the tasks; nothing here does. Tasks leave their results on a file
system that all machines share.
"""

import asyncio
import contextlib
import logging
import re
from pathlib import Path

RETRIES = 2  # of a task that ends with an error of the file system
CONNECT_SECONDS = 20
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
    `RETRIES` + 1 times.

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
    if cluster.startswith("local:"):
        processes = distributed.LocalCluster(
            n_workers=int(cluster.removeprefix("local:")),
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        )
        with processes, distributed.Client(processes) as client:
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
    with client:
        yield client


@contextlib.contextmanager
def submitted(executor, function, jobs, on_done=None):
    """Submits a task for each job; a context manager that cancels those that have not begun.

    Args:
        executor: `concurrent.futures.Executor`.
        function: Function of a module, which the workers import.
        jobs: Dict from a name to the arguments of its task.
        on_done: Function without arguments that is called when a task is over.

    Yields:
        Function from a name to the result of its task. It waits, and raises `OSError`, `ValueError`
        or `RuntimeError` if the task failed.
    """
    futures = {name: executor.submit(_settled, function, args) for name, args in jobs.items()}
    if on_done is not None:
        for future in futures.values():
            future.add_done_callback(lambda _: on_done())
    try:
        yield lambda name: _result(name, futures[name])
    finally:
        for future in futures.values():
            future.cancel()


def _settled(function, arguments):
    """Returns `(result, None)`, or `(None, error)` for errors that a repetition does not change.

    Other errors are raised, so that an engine that repeats tasks repeats this one.
    """
    try:
        return function(*arguments), None
    except (FileNotFoundError, FileExistsError) as error:
        return None, OSError(str(error))
    except ValueError as error:  # Subclasses may not survive the way to the other process.
        return None, ValueError(str(error))


def _result(name, future):
    try:
        result, error = future.result()
    except (OSError, ValueError):
        raise
    except (Exception, asyncio.CancelledError) as failure:  # each engine has its own
        raise RuntimeError(
            f"A task must not lose its workers. Received: {type(failure).__name__} for {name}: "
            f"{failure}. Run the same command again: it does what is missing."
        ) from failure
    if error is not None:
        raise error
    return result
