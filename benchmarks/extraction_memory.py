"""Compares the peak memory of an extraction of 1 x and of 50 x the frames.

    python benchmarks/extraction_memory.py [--frames 100] [--times 50] [--detect-every 1]

The script writes two synthetic videos of `--frames` frames, and two with `--times` repetitions of
their pictures, to a temporary folder. `faces.extract_many` extracts each pair in a process of its
own, which has one process per video. The peak is the largest resident memory of that process plus
that of its largest child. The last line is the ratio of the peaks.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import av

from kollias_affect import faces
from kollias_affect.datasets import synthetic

RATE = 25


def repeat(video, target, times):
    """Writes the pictures of a video `times` times."""
    pictures = [frame.image for frame in faces.Video(video)]
    with av.open(str(target), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(times * len(pictures)):
            picture = pictures[number % len(pictures)]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def extract(videos, detect_every):
    """Extracts videos and prints the peaks in MiB of this process and of its largest child."""
    with tempfile.TemporaryDirectory() as out:
        _, errors = faces.extract_many(
            videos, out, processes=2, progress=False, detect_every=detect_every
        )
    if errors:
        raise next(iter(errors.values()))
    scopes = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    print(json.dumps([resource.getrusage(scope).ru_maxrss / 2**10 for scope in scopes]))


def peak(videos, detect_every):
    """Returns the peak in MiB of the extraction of `videos` in a process of its own."""
    job = json.dumps([[str(video) for video in videos], detect_every])
    command = [sys.executable, __file__, "--extract", job]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    parent, child = json.loads(output)
    print(f"{len(videos)} videos: parent {parent:.0f} MiB, its largest process {child:.0f} MiB")
    return parent + child


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--detect-every", type=int, default=1)
    parser.add_argument("--extract", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.extract is not None:
        return extract(*arguments.extract)
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for times in (1, arguments.times):
            (Path(folder) / f"times{times}").mkdir()
            videos = []
            for video in synthetic.make(folder, 2, 1, frames=arguments.frames):
                videos.append(Path(folder) / f"times{times}" / video.name)
                repeat(video, videos[-1], times)
            print(f"{times} x {arguments.frames} frames", end=", ", flush=True)
            peaks.append(peak(videos, arguments.detect_every))
    print(f"ratio {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
