from fractions import Fraction

import av
import numpy as np
import pytest

from kollias_affect.annotations import videos
from kollias_affect.annotations.store import Store
from kollias_affect.faces.video import Video


def write(
    path, picture="mpeg4", sound=None, times=None, pixels="yuv420p", size=(64, 48), **options
):
    """Writes a video whose frames get brighter, with a tone if there is sound."""
    times = np.arange(20) / 25 if times is None else times
    with av.open(str(path), "w") as container:
        stream = container.add_stream(picture, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream(sound, rate=48000, layout="stereo") if sound else None
        for i, time in enumerate(times):
            image = np.full((size[1], size[0], 3), 10 + 10 * (i % 24), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio:
            _write_tone(container, audio, times[0], times[-1])
    return path


def _write_tone(container, audio, start, stop):
    samples = np.sin(np.arange(int(48000 * (stop - start))) / 20).astype(np.float32) / 4
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(np.stack([samples] * 2)), format="fltp", layout="stereo"
    )
    frame.sample_rate, frame.pts = 48000, round(start * 48000)
    frame.time_base = Fraction(1, 48000)
    resampler = av.AudioResampler(audio.format, "stereo", 48000, frame_size=1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(audio.encode(part))
    container.mux(audio.encode())


@pytest.mark.parametrize(
    ("name", "options", "problems"),
    [
        ("a.mp4", {"picture": "libx264"}, []),
        ("b.mp4", {"picture": "libx264", "sound": "aac"}, []),
        ("c.webm", {"picture": "libvpx", "sound": "libopus"}, []),
        ("d.mp4", {"picture": "mpeg4"}, ["picture codec mpeg4"]),
        ("e.mp4", {"picture": "libx264", "pixels": "yuv444p"}, ["pixel format yuv444p"]),
        ("f.mkv", {"picture": "libx264"}, ["container matroska,webm"]),
        ("g.avi", {"picture": "mpeg4"}, ["container avi", "picture codec mpeg4"]),
        ("h.mov", {"picture": "libx264", "sound": "pcm_s16le"}, ["sound codec pcm_s16le"]),
        ("i.mp4", {"picture": "libx265"}, ["picture codec hevc"]),
    ],
)
def test_what_browsers_do_not_play_is_found_with_the_reason(tmp_path, name, options, problems):
    facts = videos.inspect(write(tmp_path / name, **options))
    assert list(facts.problems) == problems
    assert facts.playable == (not problems)


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "a.mp4"])
def test_a_copy_has_the_same_frames_at_the_same_times(tmp_path, name):
    times = np.arange(20) / 25
    if name != "a.avi":  # AVI has no time stamps: its frames are evenly spaced.
        times = np.array([0, 0.04, 0.05, 0.3, 0.9, 0.94, 1.5, 1.501, 2.0, 2.5])
    source = write(tmp_path / name, times=times)
    copy = videos.make_copy(source, tmp_path / "copies")
    assert videos.inspect(copy).playable
    frames = [(f.time, f.image.mean()) for f in Video(source)]
    copied = [(f.time, f.image.mean()) for f in Video(copy)]
    assert len(copied) == len(times)
    # A tick of the copy is 11 microseconds; H.264 changes grey levels by a few units.
    np.testing.assert_allclose(*(np.array(f)[:, 0] for f in (frames, copied)), atol=2e-5)
    np.testing.assert_allclose(*(np.array(f)[:, 1] for f in (frames, copied)), atol=4)


def test_a_copy_has_the_sound_beside_its_pictures(tmp_path):
    source = write(tmp_path / "a.avi", sound="pcm_s16le", times=np.arange(50) / 25)
    copy = videos.make_copy(source, tmp_path)
    facts = videos.inspect(copy)
    assert facts.sound == "aac" and facts.playable
    with av.open(str(copy)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    assert abs(len(sound) / 48000 - 49 / 25) < 0.1
    assert np.abs(sound[4800:-9600]).max() > 0.1


@pytest.mark.parametrize(
    ("name", "picture"), [("a.mp4", "libx264"), ("a.webm", "libvpx"), ("a.mkv", "mpeg4")]
)
def test_a_late_start_is_part_of_the_duration(tmp_path, name, picture):
    facts = videos.inspect(write(tmp_path / name, picture, times=2 + np.arange(25) / 25))
    assert facts.start == pytest.approx(2, abs=1e-3)
    assert facts.duration == pytest.approx(3, abs=0.05)


def test_a_copy_counts_from_the_start_and_the_store_knows_by_how_much(tmp_path):
    source = write(tmp_path / "late.mkv", times=2 + np.arange(20) / 25)
    with Store(tmp_path / "out") as store:
        ((video,), _) = videos.register(store, [source], convert=True)
        copy, kind = videos.played_file(store, video)
    assert kind == "video/mp4" and video["duration"] == pytest.approx(0.8, abs=0.05)
    np.testing.assert_allclose(
        [f.time + video["start"] for f in Video(copy)], [f.time for f in Video(source)], atol=2e-5
    )


def test_odd_sizes_get_a_row_and_a_column(tmp_path):
    source = write(tmp_path / "odd.avi", picture="ffv1", pixels="bgr0", size=(63, 47))
    facts = videos.inspect(videos.make_copy(source, tmp_path))
    assert (facts.width, facts.height) == (64, 48)


def test_a_copy_is_made_once(tmp_path, monkeypatch):
    source = write(tmp_path / "a.avi")
    copy = videos.make_copy(source, tmp_path)
    changed = copy.stat().st_mtime_ns
    assert videos.make_copy(source, tmp_path) == copy
    assert copy.stat().st_mtime_ns == changed


def test_without_h264_the_copy_is_a_webm(tmp_path, monkeypatch):
    source = write(tmp_path / "a.avi", sound="pcm_s16le")
    real = av.codec.Codec

    def codec(name, mode):
        if name == "libx264":
            raise av.codec.codec.UnknownCodecError(name)
        return real(name, mode)

    monkeypatch.setattr(videos.av.codec, "Codec", codec)
    copy = videos.make_copy(source, tmp_path)
    facts = videos.inspect(copy)
    assert copy.suffix == ".webm" and facts.playable
    assert (facts.picture, facts.sound) == ("vp8", "opus")
    np.testing.assert_allclose(
        [f.time for f in Video(copy)], [f.time for f in Video(source)], atol=2e-3
    )


def test_a_moved_video_keeps_its_place_in_the_store(tmp_path):
    path = write(tmp_path / "a.mp4", picture="libx264")
    with Store(tmp_path / "out") as store:
        ((before,), _) = videos.register(store, [path])
        moved = path.rename(tmp_path / "b.mp4")
        ((after,), _) = videos.register(store, [moved])
        assert before["id"] == after["id"] and before["public"] == after["public"]
        assert after["name"] == "b.mp4" and after["path"] == str(moved)


def test_another_file_at_the_same_path_is_another_video(tmp_path):
    path = write(tmp_path / "a.mp4", picture="libx264")
    with Store(tmp_path / "out") as store:
        ((before,), _) = videos.register(store, [path])
        write(path, picture="libx264", times=np.arange(9) / 25)
        ((after,), _) = videos.register(store, [path])
        assert before["id"] != after["id"]


def test_equal_files_are_listed_once(tmp_path):
    path = write(tmp_path / "a.mp4", picture="libx264")
    (tmp_path / "b.mp4").write_bytes(path.read_bytes())
    lines = []
    with Store(tmp_path / "out") as store:
        found, _ = videos.register(store, [path, tmp_path / "b.mp4"], report=lines.append)
    assert len(found) == 1 and "the same content as" in lines[-1]


def test_one_error_names_all_files_that_are_no_videos(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    (tmp_path / "b.mp4").write_text("")
    with Store(tmp_path / "out") as store, pytest.raises(ValueError) as caught:
        videos.register(store, [tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"])
    assert all(name in str(caught.value) for name in ("a.mp4", "b.mp4", "c.mp4"))


def test_a_folder_stands_for_its_videos_in_natural_order(tmp_path):
    for name in ("clip10.mp4", "clip9.mp4", "notes.txt"):
        (tmp_path / name).write_text("x")
    assert [p.name for p in videos.listed([tmp_path])] == ["clip9.mp4", "clip10.mp4"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="must hold a file"):
        videos.listed([tmp_path / "empty"])


def test_real_videos_are_judged(shared_videos):
    judged = {p.name: videos.inspect(p).problems for p in sorted(shared_videos.iterdir())}
    assert judged["single_face.mp4"] == () and judged["no_face.mp4"] == ()
    assert judged["face_noface.mov"] == ("picture codec hevc",)
