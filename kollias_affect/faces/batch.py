"""Extraction of many videos in parallel processes or on an executor, with one progress bar.

The workers of this machine (`python -m kollias_affect.faces`) read jobs from their standard input
and report every frame on their standard output. If a native library crashes, only its video is
affected. The main module is not imported again, and workers end with their parent, however it ends.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import cv2
from tqdm import tqdm

from kollias_affect import _checks, _cluster, _files, _runs, _untrusted
from kollias_affect.faces import segments
from kollias_affect.faces.extraction import extract, log_remarks
from kollias_affect.faces.video import Video

NOT_SHARED = (
    "The outputs of every worker must be on a file system that this machine shares. Received: no "
    "outputs of {video} in {folder}. Choose another folder."
)
SHARED_WAIT = 120  # seconds: a file server may hold the lock of a machine that died for 90


def extract_many(
    videos,
    out_dir,
    processes=None,
    progress=True,
    on_result=None,
    executor=None,
    segment=segments.LENGTH,
    keep=True,
    **options,
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
        segment: With an executor, frames of the segments in which several workers extract a long
            video at the same time, see `segments`. The outputs do not depend on it.
        keep: Whether the results are those of `extract`. Otherwise each is a list of `Extracted`,
            so that memory does not grow with the number of frames.
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
        return _extract_on(executor, videos, folders, segment, keep, progress, on_result, options)
    processes = os.cpu_count() or 1 if processes is None else processes
    processes = _checks.positive_integer("processes", processes)
    in_process = processes == 1 or len(videos) < 2 or callable(options.get("detector"))
    with tqdm(total=_expected(videos), unit="frame", disable=None if progress else True) as bar:
        if in_process:
            work = lambda v: extract(v, folders[v], on_frame=bar.update, **options)  # noqa: E731
            return _gather(videos, work, keep, on_result)
        cores = os.cpu_count() or 1
        options = {"threads": max(1, cores // min(processes, len(videos))), **options}
        workers = _Workers(processes)
        try:
            jobs = {v: workers.submit(v, folders[v], bar.update, options) for v in videos}
            return _gather(videos, lambda video: jobs[video].result(), keep, on_result)
        finally:
            workers.stop()


def _extract_on(executor, videos, folders, segment, keep, progress, on_result, options):
    """Runs `extract` in tasks of an executor."""
    options = options_of_tasks(options)
    paths = {video: (os.path.abspath(video), os.path.abspath(folders[video])) for video in videos}

    def work(video):
        call = _cluster.Call(extract_or_plan, (*paths[video], options, segment))
        ((bounds, extracted),) = yield [call]
        if bounds:
            extracted = yield from segment_calls(*paths[video], options, bounds, bar)
        if keep:
            return read_outputs(*paths[video], options)
        check_outputs(*paths[video])
        return extracted

    with parts_bar(len(videos), progress) as bar:
        works = ((video, work(video)) for video in videos)
        return in_order(videos, _cluster.run(executor, works, bar.update), on_result)


def options_of_tasks(options):
    """Returns options of `extract` for tasks of an executor."""
    if callable(options.get("detector")):
        raise ValueError(
            "With an executor, `detector` must be a name. Received: a function. Leave the executor "
            "out, or use one of the detectors by name."
        )
    return {"threads": 1, "wait": SHARED_WAIT, **options}


def parts_bar(videos, progress):
    """Returns a progress bar that counts videos, and the segments of those that are divided."""
    return tqdm(total=videos, unit="part", disable=None if progress else True)


def segment_calls(video, out_dir, options, bounds, bar):
    """Yields the lists of `Call` that extract a video that is divided, see `_cluster.run`.

    Returns:
        List of `Extracted`.
    """
    bar.total += len(bounds) + 1
    bar.refresh()
    options = {n: value for n, value in options.items() if n not in ("threads", "overwrite")}
    calls = [(video, out_dir, *bound, options) for bound in bounds]
    yield [_cluster.Call(segment_task, call) for call in calls]
    (extracted,) = yield [_cluster.Call(join_task, (video, out_dir, bounds, options))]
    return extracted


def check_outputs(video, out_dir):
    """Logs what is unusual in a video that a worker extracted.

    Raises:
        OSError: If it wrote the outputs elsewhere.
    """
    marker = Path(out_dir, f"{Path(video).stem}.json")
    if not _cluster.appears(marker):
        raise OSError(NOT_SHARED.format(video=video, folder=out_dir))
    log_remarks(_untrusted.read_json(marker))


def read_outputs(video, out_dir, options):
    """Returns what `extract` returned in a worker."""
    if not _cluster.appears(Path(out_dir, f"{Path(video).stem}.json")):
        raise OSError(NOT_SHARED.format(video=video, folder=out_dir))
    return extract(video, out_dir, **{**options, "overwrite": False})


@dataclasses.dataclass(frozen=True)
class Extracted:
    """What `extract` found of a person in a video.

    Attributes:
        key: Name of the video, or of a person in it.
        frames: Number of frames.
        faces: Number of frames with the face.
    """

    key: str
    frames: int
    faces: int


def described(result):
    """Returns a list of `Extracted` for a result of `extract`."""
    clips = result if isinstance(result, list) else [result]
    return [Extracted(clip.key, len(clip), int(clip.has_image.sum())) for clip in clips]


def extract_or_plan(video, out_dir, options, segment):
    """Runs `extract` in a worker, whose result stays on the file system, or divides a long video.

    Returns:
        `(bounds, extracted)`: what `segments.plan` returns, and a list of `Extracted` if the video
        is not divided.
    """
    _use_one_core()
    of_plan = {name: value for name, value in options.items() if name != "threads"}
    bounds = segments.plan(video, out_dir, segment, **of_plan)
    return bounds, None if bounds else described(extract(video, out_dir, **options))


def _use_one_core():
    """Leaves the other cores to the other workers, if this process is one."""
    if multiprocessing.parent_process() is not None:
        cv2.setNumThreads(1)


def segment_task(video, out_dir, start, stop, options):
    """Extracts a segment in a worker."""
    _use_one_core()
    segments.extract_segment(video, out_dir, start, stop, **options)


def join_task(video, out_dir, bounds, options):
    """Joins the segments of a video in a worker; returns a list of `Extracted`."""
    _use_one_core()
    segments.join(video, out_dir, bounds, **options)
    return described(extract(video, out_dir, **options))


def in_order(names, outcomes, on_result=None):
    """Collects the outcomes of works, and reports the results in the order of their names.

    Args:
        names: List of the names of all works.
        outcomes: Iterable of `(name, result, error)`, see `_cluster.run`.
        on_result: Function of a name and its result.

    Returns:
        `(results, errors)`, dicts by name in the order of the names.
    """
    results, errors, waiting = {}, {}, collections.deque(names)
    for name, result, error in outcomes:
        if error is None:
            results[name] = result
        else:
            errors[name] = error
        while waiting and (waiting[0] in results or waiting[0] in errors):
            first = waiting.popleft()
            if first in results and on_result is not None:
                on_result(first, results[first])
    return tuple({n: found[n] for n in names if n in found} for found in (results, errors))


def _gather(videos, work, keep, on_result):
    results, errors = {}, {}
    for video in videos:
        try:
            result = work(video)
            results[video] = result if keep else described(result)
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
