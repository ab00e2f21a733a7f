"""Many videos in parallel processes, with one progress bar.

Each video has a process of its own (`python -m kollias_affect.faces`), which reports every
frame on its standard output. So a native library that crashes takes only its video along, no
main module is imported again, and a worker whose parent was killed stops at its next frame.
"""

import collections
import concurrent.futures
import json
import os
import subprocess
import sys
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
    work = extract if processes <= 1 else _extract_in_process
    results, errors = {}, {}
    with (
        tqdm(total=_expected(videos), unit="frame", disable=not progress) as bar,
        concurrent.futures.ThreadPoolExecutor(max(1, processes)) as pool,
    ):
        jobs = [pool.submit(work, v, out_dir, on_frame=bar.update, **options) for v in videos]
        for video, job in zip(videos, jobs, strict=True):
            try:
                results[video] = job.result()
            except (OSError, ValueError, RuntimeError) as error:
                errors[video] = error
    return results, errors


def _extract_in_process(video, out_dir, on_frame, **options):
    """`extract` in a process of its own."""
    job = json.dumps([video, str(out_dir), options])
    command = [sys.executable, "-m", "kollias_affect.faces", job]
    message = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            message = json.loads(line)
            if "frames" in message:
                on_frame(message["frames"])
    if "error" in message:
        raise (OSError if message["kind"] == "OSError" else ValueError)(message["error"])
    if process.returncode:
        raise RuntimeError(
            f"The process that worked on {video} ended with code {process.returncode}. What it "
            "had done is kept: run the same command again to go on."
        )
    return extract(video, out_dir, **options)  # finished: reads the outputs


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
