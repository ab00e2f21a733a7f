"""Time stamps of videos whose container stores none, wrong ones, or ones that start elsewhere."""

import fractions
import types

import av
import numpy as np
import pytest
from shared_values import SHARED

from kollias_affect.faces import Video, timestamps

RATE = 25


def packets(codec="libx264", frames=12, size=(64, 48), first=0, **options):
    """Coded pictures whose times count from `first`, in coding order."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = fractions.Fraction(1, RATE), RATE
    encoder.options = {"preset": "ultrafast", "bf": "0", **options} if codec == "libx264" else {}
    result = []
    for i in range(frames):
        grey = np.full((size[1], size[0], 3), 20 + 5 * (first + i), np.uint8)
        picture = av.VideoFrame.from_ndarray(grey, format="rgb24")
        picture.pts, picture.time_base = first + i, fractions.Fraction(1, RATE)
        result += encoder.encode(picture)
    return [*result, *encoder.encode(None)]


def mux(path, coded, move=lambda tick: tick, codec="libx264", size=(64, 48)):
    """Writes coded pictures at moved times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for packet in coded:
            packet.stream, packet.time_base = stream, fractions.Fraction(1, RATE)
            packet.pts, packet.dts = move(packet.pts), move(packet.dts)
            container.mux(packet)
    return path


def times(path):
    video = Video(path)
    return [frame.time for frame in video], video.broken


def even(frames):
    return np.arange(frames) / RATE


def test_pictures_of_avi_with_b_frames_have_even_times_in_the_order_in_which_they_are_shown(
    tmp_path,
):
    path = mux(tmp_path / "a.avi", packets(bf="3"))
    levels = [frame.image.mean() for frame in Video(path)]
    assert (np.diff(levels) > 2).all()
    read, broken = times(path)
    assert np.allclose(read, even(12)) and broken is None


@pytest.mark.parametrize("is_noticed", [True, False])
def test_a_lost_packet_of_avi_moves_no_picture_behind_the_next_key_frame(is_noticed):
    """Packets 0 to 8 in decoding order; 2 is a B-frame, 4 is lost, 6 is a key frame."""
    container = types.SimpleNamespace(format=types.SimpleNamespace(name="avi"), start_time=0)
    base = fractions.Fraction(1, RATE)
    stream = types.SimpleNamespace(
        time_base=base, start_time=0, guessed_rate=RATE, average_rate=RATE
    )
    clock = timestamps.Clock(container, stream, pytest.fail)
    read = {}
    for coded, shown in enumerate([[], [0], [2], [1], [], [3, 5], [6], [7], [8]]):
        packet = types.SimpleNamespace(size=9, dts=coded, pts=None)
        clock.packet(packet)
        if coded == 4 and is_noticed:
            clock.lost(packet)
        for number in shown:
            picture = types.SimpleNamespace(
                pts=number, key_frame=number in (0, 6), duration=1, time_base=base
            )
            read[number] = clock.time(picture)
    times = [read[number] * RATE for number in (0, 2, 1, 3)]
    assert np.allclose(times, [0, 1, 2, 3])
    assert np.allclose([read[number] * RATE for number in (6, 7, 8)], [6, 7, 8])


def test_repeated_times_go_on_by_the_frame_rate_and_are_reported(tmp_path):
    path = mux(tmp_path / "a.mkv", packets(), lambda tick: min(tick, 3))
    read, broken = times(path)
    assert np.allclose(read, even(12), atol=0.001)
    assert "time stamps repeat 0.120 s" in broken and "breaks at frame 5" in broken


def test_times_of_joined_recordings_are_shifted_and_reported(tmp_path):
    parts = [mux(tmp_path / f"{i}.ts", packets(first=5 * i)) for i in range(2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in reversed(parts)))
    read, broken = times(joined)
    assert np.allclose(read, even(24), atol=0.001)
    assert "jump back" in broken


def test_time_counts_from_the_start_of_the_container(tmp_path):
    path = mux(tmp_path / "a.ts", packets(), lambda tick: tick + 40)
    with av.open(str(path)) as container:
        assert container.start_time / av.time_base > 1.4
    read, broken = times(path)
    assert np.allclose(read, even(12), atol=0.001) and broken is None


@pytest.mark.parametrize("ending", ["webm", "mkv", "avi", "mp4"])
def test_a_cut_file_without_a_declared_duration_is_reported(tmp_path, ending):
    codec = "vp8" if ending == "webm" else "libx264"
    path = tmp_path / f"a.{ending}"
    options = {"mp4": {"movflags": "faststart"}, "avi": {}}.get(ending, {"live": "1"})
    noise = np.random.default_rng(0).integers(0, 255, (12, 48, 64, 3), np.uint8)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    complete, broken = times(path)
    assert broken is None and len(complete) == 12
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    read, broken = times(path)
    assert 1 <= len(read) < 12 and np.allclose(read, complete[: len(read)])
    assert "a." + ending + " breaks at frame" in broken


@pytest.mark.parametrize(
    ("name", "frames", "rate", "broken"),
    [
        ("h264_bframes.avi", 40, 30, None),
        ("h264_bframes_short.avi", 10, 30, None),
        ("equal_timestamps.mkv", 12, 30, "time stamps repeat 0.000 s"),
        ("cut.webm", 2, 30, "the file ends there"),
        ("anamorphic.mp4", 12, 30, None),
    ],
)
def test_shared_cases(name, frames, rate, broken):
    path = SHARED / "cases" / name
    if not path.is_file():
        pytest.skip(f"these inputs are not part of the repository: {path}")
    read, said = times(path)
    assert np.allclose(np.diff(read), 1 / rate, atol=0.0011) and read[0] < 0.01
    assert len(read) == frames
    assert said is None if broken is None else broken in said
