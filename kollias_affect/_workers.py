"""Worker processes of this machine, and a watch over the workers of a cluster.

A nanny starts a worker again that died. Dask gives a nanny up that needs more than 15 seconds for
that (`distributed.deploy.lost-worker-timeout`), as it does on a busy machine, and one whose new
worker cannot start. Tasks then wait without an end.
"""

import contextlib
import logging
import multiprocessing
import threading

END_SECONDS = 30  # that workers of this machine have to end; otherwise they are killed
LOOK_SECONDS = 5  # between two looks at the workers
QUIET_LOOKS = 12  # without workers, until a log line says so
_NEVER = "365 days"
_LOGGERS = ("distributed", "distributed.client", "tornado.application")

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def quiet():
    """Leaves out the log of Dask, unless this program shows lines of level INFO (`--debug`).

    Dask's loggers write at level INFO, and to the handlers of this program if it has some.
    """
    shown = logging.getLogger().getEffectiveLevel() <= logging.INFO
    loggers = () if shown else [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def started(count):
    """Starts processes of this machine with a scheduler, and ends them.

    Yields:
        `distributed.LocalCluster`.

    Raises:
        OSError: If they do not start.
    """
    import dask
    import distributed

    with dask.config.set({"distributed.deploy.lost-worker-timeout": _NEVER}):
        others = {*multiprocessing.active_children()}
        try:
            processes = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                memory_limit=None,
                dashboard_address="127.0.0.1:0",  # any free port
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError as error:
            cause = error.__cause__ or error
            raise OSError(
                f"The {count} worker processes of this machine must start. Received: {cause}. "
                "Start fewer; in a program of your own, put what starts them behind "
                '`if __name__ == "__main__":`.'
            ) from error
        with _ended(processes, others):
            yield processes


@contextlib.contextmanager
def _ended(processes, others):
    """Closes a local cluster at the end, and kills what then still runs.

    Otherwise the interpreter would wait for it without an end when it exits, also for workers that
    Dask has given up.

    Args:
        processes: `distributed.LocalCluster`.
        others: Child processes that were there before.
    """
    try:
        yield
    finally:
        try:
            processes.close(timeout=END_SECONDS)
            processes.__exit__(None, None, None)  # also ends the thread of its event loop
        except Exception as error:  # The tasks are over; workers that died meanwhile do not matter.
            _log.debug("The workers did not end in order: %r", error)
        for child in {*multiprocessing.active_children()} - others:
            child.kill()


def are_lost(processes):
    """Returns whether no worker of a local cluster runs or starts again."""
    return all(nanny.status.name in ("closed", "failed") for nanny in processes.workers.values())


@contextlib.contextmanager
def watched(client, processes=None):
    """Closes a client whose workers are lost, so that its tasks fail; logs if there are none.

    Workers of other machines may come later, so tasks wait for them.

    Args:
        client: `distributed.Client`.
        processes: Its `distributed.LocalCluster`; `None` for a cluster of others.
    """
    end = threading.Event()

    def watch():
        looks = 0
        while not end.wait(LOOK_SECONDS):
            if processes is not None:
                if are_lost(processes):
                    client.close()
                    return
                continue
            looks = 0 if _has_workers(client) else looks + 1
            if looks == QUIET_LOOKS:
                _log.warning("The cluster has no workers. The tasks wait for some.")

    thread = threading.Thread(target=watch, name="watch over workers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(END_SECONDS)


def _has_workers(client):
    """Whether a cluster has workers, or cannot be asked now."""
    try:
        return bool(client.scheduler_info()["workers"])
    except Exception:  # The client connects again, or ends the tasks with an error.
        return True
