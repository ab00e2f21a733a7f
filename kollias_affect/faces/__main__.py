"""The process of one video that `batch.extract_many` starts: a job in, JSON lines out."""

import json
import os
import sys

import cv2

from kollias_affect.faces.extraction import extract


def _main(job):
    cv2.setNumThreads(1)  # the other videos have the other cores
    video, out_dir, options = json.loads(job)
    try:
        extract(video, out_dir, on_frame=lambda frames: _tell({"frames": frames}), **options)
    except BrokenPipeError:  # the parent was killed
        os._exit(1)
    except (OSError, ValueError) as error:
        kind = "OSError" if isinstance(error, OSError) else "ValueError"
        _tell({"error": str(error), "kind": kind})


def _tell(message):
    print(json.dumps(message), flush=True)


_main(sys.argv[1])
