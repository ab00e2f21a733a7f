"""Worker of `batch.extract_many`: jobs from standard input, JSON lines to standard output."""

import json
import logging
import os
import queue
import signal
import sys
import threading

import cv2

from kollias_affect import _files, _runs
from kollias_affect.faces.extraction import extract


def _main():
    logging.getLogger().setLevel(logging.ERROR)  # The parent reports warnings.
    _runs.progress.setLevel(logging.INFO)
    _runs.progress.addHandler(_ToParent())
    _runs.progress.propagate = False
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends its workers.
    cv2.setNumThreads(1)  # The other cores are for the other videos.
    jobs = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    while True:
        _send(_extract(*json.loads(jobs.get())))


class _ToParent(logging.Handler):
    def emit(self, record):
        _send({"progress": record.getMessage()})


def _read_jobs(jobs):
    """Reads jobs, and ends the process when the parent closes the pipe or ends."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(1)


def _extract(video, out_dir, options):
    """Extracts a video and returns the last message about it."""
    try:
        extract(video, out_dir, on_frame=lambda frames: _send({"frames": frames}), **options)
    except _files.DiskFullError as error:
        return {"error": [str(error.path), error.needs], "kind": "DiskFullError"}
    except (OSError, ValueError) as error:
        kind = "OSError" if isinstance(error, OSError) else "ValueError"
        return {"error": str(error), "kind": kind}
    return {"finished": True}


def _send(message):
    print(json.dumps(message), flush=True)


_main()
