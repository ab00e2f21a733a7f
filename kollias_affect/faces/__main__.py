"""Process for one video, started by `batch.extract_many`: a job in, JSON lines out."""

import json
import logging
import os
import signal
import sys
import threading

import cv2

from kollias_affect.faces.extraction import extract


def _main(job):
    logging.disable(logging.WARNING)  # The parent reports warnings.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent ends its workers.
    cv2.setNumThreads(1)  # The other cores are for the other videos.
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    video, out_dir, options = json.loads(job)
    try:
        extract(video, out_dir, on_frame=lambda frames: _send({"frames": frames}), **options)
    except (OSError, ValueError) as error:
        kind = "OSError" if isinstance(error, OSError) else "ValueError"
        _send({"error": str(error), "kind": kind})


def _end_with_the_parent():
    """Waits for the end of the pipe from the parent, which never writes, then ends the process."""
    sys.stdin.read()
    os._exit(1)


def _send(message):
    print(json.dumps(message), flush=True)


_main(sys.argv[1])
