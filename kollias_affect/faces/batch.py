"""Extraction of many videos in parallel processes or on an executor, with one progress bar.

The workers of this machine (`python -m kollias_affect.faces`) read jobs from their standard input
and report every frame on their standard output. If a native library crashes, only its video is
affected. The main module is not imported again, and workers end with their parent, however it ends.
"""

import collections
import concurrent.futures
import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from tqdm import tqdm

from kollias_affect import _checks, _cluster, _files, _runs
from kollias_affect.faces.extraction import extract
from kollias_affect.faces.video import Video


def extract_many(
    videos, out_dir, processes=None, progress=True, on_result=None, executor=None, **options
):
    """Runs `extract` on every video; a failure does not stop the other videos.

    Args:
        videos: List of video files.
        out_dir: Folder of the outputs, or a dict from each video to its own.
        processes: Number of videos that are extracted at the same time. Default: one per processor
            core, and the cores are shared among the videos (`threads` of `extract`). With 1, or a
            callable as `detector`, everything runs in this process.
        progress: Whether to show a progress bar on standard error, if that is a terminal.
        on_result: Function that is called with the path of a video and its result, in the order of
            `videos`, while later videos are still extracted by other processes.
        executor: `concurrent.futures.Executor` that runs one task per video instead of `processes`,
            a pool of this machine or that of a Dask client. Its workers see the videos and the
            outputs under the same paths. Each video uses one core (`threads`). The caller ends it.
        **options: Options of `extract`.

    Returns:
        `(results, errors)`: dicts from the path of a video, as text, to the result of `extract`,
        and to the exception for videos that failed.

    Raises:
        ValueError: If two videos have the same name and folder, so that their outputs would mix, or
            if an executor gets a callable as `detector`.
    """
    folders = out_dir if isinstance(out_dir, dict) else dict.fromkeys(videos, out_dir)
    folders = {str(video): str(folder) for video, folder in folders.items()}
    videos = [str(video) for video in videos]
    _refuse_same_names(videos, folders)
    if executor is not None:
        return _extract_on(executor, videos, folders, progress, on_result, options)
    processes = os.cpu_count() or 1 if processes is None else processes
    processes = _checks.positive_integer("processes", processes)
    in_process = processes == 1 or len(videos) < 2 or callable(options.get("detector"))
    with tqdm(total=_expected(videos), unit="frame", disable=None if progress else True) as bar:
        if in_process:
            work = lambda v: extract(v, folders[v], on_frame=bar.update, **options)  # noqa: E731
            return _gather(videos, work, on_result)
        cores = os.cpu_count() or 1
        options = {"threads": max(1, cores // min(processes, len(videos))), **options}
        workers = _Workers(processes)
        try:
            jobs = {v: workers.submit(v, folders[v], bar.update, options) for v in videos}
            return _gather(videos, lambda video: jobs[video].result(), on_result)
        finally:
            workers.stop()


def _extract_on(executor, videos, folders, progress, on_result, options):
    """Runs `extract` in one task of an executor per video."""
    if callable(options.get("detector")):
        raise ValueError(
            "With an executor, `detector` must be a name. Received: a function. Leave the executor "
            "out, or use one of the detectors by name."
        )
    options = {"threads": 1, **options}
    paths = {video: (os.path.abspath(video), os.path.abspath(folders[video])) for video in videos}
    jobs = {video: (*paths[video], options) for video in videos}
    with (
        tqdm(total=len(videos), unit="video", disable=None if progress else True) as bar,
        _cluster.submitted(executor, extract_task, jobs, bar.update) as wait,
    ):

        def work(video):
            wait(video)
            path, folder = paths[video]
            if not Path(folder, f"{Path(path).stem}.json").exists():
                raise OSError(
                    "The outputs of every worker must be on a file system that this machine "
                    f"shares. Received: no outputs of {video} in {folder}. Choose another folder."
                )
            # The video is finished, so this only reads the outputs.
            return extract(path, folder, **{**options, "overwrite": False})

        return _gather(videos, work, on_result)


def extract_task(video, out_dir, options):
    """Runs `extract` in a worker, whose result stays on the file system."""
    extract(video, out_dir, **options)


def _gather(videos, work, on_result):
    results, errors = {}, {}
    for video in videos:
        try:
            results[video] = work(video)
        except _files.DiskFullError:  # The other videos would end in the same way.
            raise
        except (OSError, ValueError, RuntimeError) as error:
            errors[video] = error
            continue
        if on_result is not None:
            on_result(video, results[video])
    return results, errors


class _Workers:
    """Processes that run `extract`, and that end with this one or when `stop` is called.

    A process extracts one video after the other: its start takes as long as a short video. If it
    ends during a video, only that video fails, and another process takes the next one.
    """

    def __init__(self, processes):
        self.pool = concurrent.futures.ThreadPoolExecutor(processes)
        self.own = threading.local()  # the process of each thread of the pool
        self.processes = []

    def submit(self, *job):
        return self.pool.submit(self._run, *job)

    def stop(self):
        self.pool.shutdown(wait=False, cancel_futures=True)
        for process in list(self.processes):
            process.kill()
            process.wait()
            process.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()

    def _run(self, video, out_dir, on_frame, options):
        process = self._process()
        process.stdin.write(json.dumps([video, str(out_dir), options]) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            message = json.loads(line)
            if "frames" in message:
                on_frame(message["frames"])
            elif "progress" in message:
                _runs.progress.info("%s", message["progress"])
            else:
                break
        else:
            raise RuntimeError(
                "The process that extracts a video must not end during it. Received: code "
                f"{process.wait()} for {video}. Run the same command again to resume it."
            )
        if message.get("kind") == "DiskFullError":
            raise _files.DiskFullError(*message["error"])
        if "error" in message:
            raise (OSError if message["kind"] == "OSError" else ValueError)(message["error"])
        # The video is finished, so this only reads the outputs.
        return extract(video, out_dir, **{**options, "overwrite": False})

    def _process(self):
        """Returns the process of this thread, a new one if there is none that runs."""
        process = getattr(self.own, "process", None)
        if process is None or process.poll() is not None:
            command = [sys.executable, "-m", "kollias_affect.faces"]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            process = self.own.process = subprocess.Popen(command, **pipes)
            self.processes.append(process)
        return process


def _expected(videos):
    """Returns the expected number of frames, `None` if any video does not declare its number."""
    counts = []
    for video in videos:
        try:
            counts.append(Video(video).expected_frames)
        except (OSError, ValueError):
            counts.append(0)  # `extract` reports its error.
    return None if None in counts else sum(counts)


def _refuse_same_names(videos, folders):
    names = collections.Counter((folders[video], Path(video).stem) for video in videos)
    (folder, name), count = names.most_common(1)[0] if names else (("", ""), 0)
    if count > 1:
        same = [v for v in videos if (folders[v], Path(v).stem) == (folder, name)]
        raise ValueError(
            f"Videos extracted into one folder must have different names. Received: {same}. "
            "Extract them into different folders, or rename them."
        )
