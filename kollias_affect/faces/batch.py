"""Many videos in parallel processes, with one progress bar.

Each video has a process of its own (`python -m kollias_affect.faces`), which reports every
frame on its standard output. So a native library that crashes takes only its video along, no
main module is imported again, and workers end with their parent, however that ends.
"""

import collections
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from kollias_affect import _checks
from kollias_affect.faces.extraction import extract
from kollias_affect.faces.video import Video


def extract_many(videos, out_dir, processes=None, progress=True, **options):
    """Runs `extract` on every video; one that fails does not stop the others.

    Args:
        videos: video files.
        out_dir: folder of the outputs.
        processes: how many videos at a time; default one per processor core. With 1, or a
            callable as `detector`, all work is done in this process.
        progress: show frames, frames per second and the time left on standard error.
        **options: of `extract`.

    Returns:
        `(results, errors)`: for each video that went well what `extract` returned, and for each
        other one the exception; both keyed by the path as given.

    Raises:
        ValueError: if two videos have the same name, whose outputs would mix.
    """
    videos = [str(video) for video in videos]
    _refuse_same_names(videos)
    processes = os.cpu_count() or 1 if processes is None else processes
    processes = _checks.positive_integer("processes", processes)
    in_process = processes == 1 or len(videos) < 2 or callable(options.get("detector"))
    with tqdm(total=_expected(videos), unit="frame", disable=not progress) as bar:
        if in_process:
            return _gather(videos, lambda v: extract(v, out_dir, on_frame=bar.update, **options))
        workers = _Workers(processes)
        try:
            jobs = {v: workers.submit(v, out_dir, bar.update, options) for v in videos}
            return _gather(videos, lambda video: jobs[video].result())
        finally:
            workers.stop()


def _gather(videos, work):
    results, errors = {}, {}
    for video in videos:
        try:
            results[video] = work(video)
        except (OSError, ValueError, RuntimeError) as error:
            errors[video] = error
    return results, errors


class _Workers:
    """Runs `extract` in processes that end when this one does, or when `stop` is called."""

    def __init__(self, processes):
        self.pool = concurrent.futures.ThreadPoolExecutor(processes)
        self.running = set()

    def submit(self, *job):
        return self.pool.submit(self._run, *job)

    def stop(self):
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self.running):
            process.kill()

    def _run(self, video, out_dir, on_frame, options):
        job = json.dumps([video, str(out_dir), options])
        command = [sys.executable, "-m", "kollias_affect.faces", job]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        message = {}
        with subprocess.Popen(command, **pipes) as process:
            self.running.add(process)
            for line in process.stdout:
                message = json.loads(line)
                on_frame(message.get("frames", 0))
        self.running.discard(process)
        if "error" in message:
            raise (OSError if message["kind"] == "OSError" else ValueError)(message["error"])
        if process.returncode:
            raise RuntimeError(
                f"The process that worked on {video} ended with code {process.returncode}. What "
                "it had done is kept. Run the same command again to go on."
            )
        # Finished: this reads the outputs.
        return extract(video, out_dir, **{**options, "overwrite": False})


def _expected(videos):
    """Frames to come, for the progress bar alone; `None` if any video does not tell."""
    counts = []
    for video in videos:
        try:
            counts.append(Video(video).expected_frames)
        except (OSError, ValueError):
            counts.append(0)  # its error is reported when its turn comes
    return None if None in counts else sum(counts)


def _refuse_same_names(videos):
    names = collections.Counter(Path(video).stem for video in videos)
    name, count = names.most_common(1)[0] if names else ("", 0)
    if count > 1:
        same = [video for video in videos if Path(video).stem == name]
        raise ValueError(
            f"Videos extracted into one folder must have different names. Received: {same}. "
            "Extract them into different folders, or rename them."
        )
