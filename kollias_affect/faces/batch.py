"""Many videos in parallel processes, with one progress bar."""

import collections
import concurrent.futures
import multiprocessing
import os
from pathlib import Path

from tqdm import tqdm

from kollias_affect.faces.extraction import extract
from kollias_affect.faces.video import Video


def extract_many(videos, out_dir, processes=None, progress=True, **options):
    """Runs `extract` on every video; one that fails does not stop the others.

    Args:
        videos: video files.
        out_dir: folder of the outputs.
        processes: how many videos at a time; default one per processor core.
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
    processes = min(len(videos), processes or os.cpu_count() or 1)
    with tqdm(total=_expected(videos), unit="frame", disable=not progress) as bar:
        if processes <= 1:
            return _one_by_one(videos, out_dir, options, bar)
        return _in_parallel(videos, out_dir, processes, options, bar)


def _one_by_one(videos, out_dir, options, bar):
    results, errors = {}, {}
    for video in videos:
        try:
            results[video] = extract(video, out_dir, on_frame=bar.update, **options)
        except (OSError, ValueError) as error:
            errors[video] = error
    return results, errors


def _in_parallel(videos, out_dir, processes, options, bar):
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    results, errors = {}, {}
    with concurrent.futures.ProcessPoolExecutor(processes, context, _start, (done,)) as pool:
        jobs = {pool.submit(_job, video, out_dir, options): video for video in videos}
        waiting = set(jobs)
        while waiting:
            finished, waiting = concurrent.futures.wait(waiting, timeout=0.5)
            bar.update(done.value - bar.n)
            for job in finished:
                try:
                    results[jobs[job]] = job.result()
                except (OSError, ValueError) as error:
                    errors[jobs[job]] = error
    return (
        {video: results[video] for video in videos if video in results},
        {video: errors[video] for video in videos if video in errors},
    )


def _start(done):
    """Gives a worker the shared counter, and one thread to OpenCV so that workers do not fight."""
    import cv2

    global _done
    _done = done
    cv2.setNumThreads(1)


def _job(video, out_dir, options):
    return extract(video, out_dir, on_frame=_count, **options)


def _count(frames):
    with _done.get_lock():
        _done.value += frames


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
