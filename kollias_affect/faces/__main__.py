"""The process of one video that `batch.extract_many` starts: a job in, JSON lines out."""

import json
import logging
import os
import signal
import sys
import threading

import cv2

from kollias_affect.faces.extraction import extract


def _main(job):
    logging.disable(logging.WARNING)  # the parent says it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers
    cv2.setNumThreads(1)  # the other videos have the other cores
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    video, out_dir, options = json.loads(job)
    try:
        extract(video, out_dir, on_frame=lambda frames: _tell({"frames": frames}), **options)
    except (OSError, ValueError) as error:
        kind = "OSError" if isinstance(error, OSError) else "ValueError"
        _tell({"error": str(error), "kind": kind})


def _end_with_the_parent():
    """The parent never writes: the pipe ends when it does."""
    sys.stdin.read()
    os._exit(1)


def _tell(message):
    print(json.dumps(message), flush=True)


_main(sys.argv[1])
