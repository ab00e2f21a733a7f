"""Videos of every kind: all pictures, in order, at the times at which they were written."""

import re
import subprocess

import decode_matrix
import numpy as np
import pytest

from kollias_affect.faces import Video

CASES = decode_matrix.cases()
assert len(CASES) >= 150
DEFAULT = CASES[::7]  # of every kind some; `.ci/nightly` takes all


def check(case, folder):
    """Writes and reads the video of a case; returns its path and the times read."""
    path = decode_matrix.write(case, folder)
    video = Video(path)
    frames = list(video)
    numbers = [decode_matrix.number_in(frame.image, case.rotation) for frame in frames]
    assert numbers == list(range(1, decode_matrix.FRAMES + 1))
    times = [frame.time for frame in frames]
    assert np.allclose(times, case.times, rtol=0, atol=case.tolerance), (times, case.times)
    assert {frame.image.shape[:2] for frame in frames} == {case.shape}
    assert {frame.grid for frame in frames} == {case.shape}
    assert video.broken is None
    return path, times


@pytest.mark.parametrize("case", DEFAULT, ids=lambda case: case.name)
def test_order_times_and_shape_are_those_that_were_written(case, tmp_path):
    check(case, tmp_path)


@pytest.mark.nightly
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_count_and_times_are_those_of_ffmpeg(case, tmp_path):
    import imageio_ffmpeg

    path, times = check(case, tmp_path)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", "0:v:0"]
    command += ["-fps_mode", "passthrough", "-f", "framemd5", "-"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    base = re.search(r"#tb 0: (\d+)/(\d+)", output)
    rows = [line.split(",") for line in output.splitlines() if not line.startswith("#")]
    expected = [int(row[2]) * int(base[1]) / int(base[2]) for row in rows]
    assert len(expected) == len(times)
    # Its tool rounds to the frame rate, and starts AVI with B-frames behind zero.
    assert np.allclose(np.diff(expected), np.diff(times), rtol=0, atol=0.0021)
