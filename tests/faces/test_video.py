import fractions

import av
import numpy as np
import pytest

from kollias_affect.faces import Video
from kollias_affect.faces.video import frame_count


def pictures(count, height=48, width=64):
    """Grey levels that rise from frame to frame, with a bright left upper corner."""
    frames = [np.full((height, width, 3), 20 + 5 * i, np.uint8) for i in range(count)]
    for frame in frames:
        frame[: height // 2, : width // 2] = 250
    return frames


def test_frames_come_in_order_with_index_and_seconds(write_video):
    frames = list(Video(write_video(pictures(10), rate=10)))
    assert [frame.index for frame in frames] == list(range(1, 11))
    assert np.allclose([frame.time for frame in frames], np.arange(10) / 10)
    levels = [frame.image[-5:, -5:].mean() for frame in frames]
    assert (np.diff(levels) > 2).all()


def test_variable_frame_rate_keeps_container_times(write_video):
    times = [0, 0.04, 0.2, 0.24, 1.0]
    frames = list(Video(write_video(pictures(5), times=times)))
    assert np.allclose([frame.time for frame in frames], times)


@pytest.mark.parametrize(
    ("matrix", "corner"),
    [
        ((1, 0, 0, 1), 0),
        ((0, 1, -1, 0), 1),  # turned clockwise by 90, 180 and 270 degrees
        ((-1, 0, 0, -1), 2),
        ((0, -1, 1, 0), 3),
        ((-1, 0, 0, 1), 1),  # mirrored
        ((1, 0, 0, -1), 3),
        ((0, 1, 1, 0), 0),
        ((0, -1, -1, 0), 2),
    ],
)
def test_rotation_metadata_is_applied(write_video, matrix, corner):
    path = write_video(pictures(3))
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd") + 4
    # After version, flags, times, id, duration, layer and volume: a, b, u, c, d, v, x, y, w.
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        content[header + 40 + place : header + 44 + place] = (value << 16).to_bytes(
            4, "big", signed=True
        )
    path.write_bytes(content)
    image = next(iter(Video(path))).image
    assert image.shape == ((48, 64, 3) if matrix[0] else (64, 48, 3))
    # Where the bright left upper corner has gone, clockwise from the left upper one.
    corners = [image[:9, :9], image[:9, -9:], image[-9:, -9:], image[-9:, :9]]
    assert int(np.argmax([part.mean() for part in corners])) == corner


def test_skipped_frames_are_counted_but_not_converted(write_video):
    frames = list(Video(write_video(pictures(6)), skip=4))
    assert [frame.image is None for frame in frames] == [True] * 4 + [False] * 2


def test_a_truncated_video_keeps_its_good_frames_and_reports_where_it_broke(write_video):
    noise = np.random.default_rng(0).integers(0, 255, (60, 48, 64, 3), np.uint8)
    path = write_video(list(noise), "cut.mp4", options={"movflags": "faststart"})
    complete = list(Video(path))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    video = Video(path)
    frames = list(video)
    assert 20 < len(frames) < 40
    # The last frame may be damaged; those before it are complete.
    for a, b in zip(frames[:-1], complete, strict=False):
        assert np.array_equal(a.image, b.image) and a.time == b.time
    assert f"cut.mp4 breaks at frame {len(frames)}" in video.broken or (
        f"cut.mp4 breaks at frame {len(frames) + 1}" in video.broken
    )


def test_a_complete_video_is_not_broken(write_video):
    video = Video(write_video(pictures(10)))
    assert len(list(video)) == 10 and video.broken is None


def test_wrong_frame_counts_of_containers_do_not_matter(shared_videos):
    path = shared_videos / "no_face.mp4"
    video = Video(path)
    with av.open(str(path)) as container:
        declared = container.streams.video[0].frames
    assert len(list(video)) != declared  # the container counts frames that are not there
    assert video.broken is None


def write_sound(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_image(path):
    import cv2

    path.write_bytes(cv2.imencode(".jpg", pictures(1)[0])[1].tobytes())


def test_a_long_last_frame_is_not_a_break(write_video):
    video = Video(write_video(pictures(5), times=[0, 0.04, 0.08, 0.12, 3.0]))
    assert len(list(video)) == 5 and video.broken is None


def test_titles_in_other_alphabets_do_not_matter(write_video):
    path = write_video(pictures(3), "video.avi")
    with av.open(str(path)) as source, av.open(str(path) + ".avi", "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        target.metadata["title"] = "Zurich"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    content = path.with_suffix(".avi.avi").read_bytes()
    assert b"Zurich" in content
    path.write_bytes(content.replace(b"Zurich", b"Z\xfcrich"))
    assert len(list(Video(path))) == 3


def write_text(path):
    path.write_text("a, b\n" * 99)


@pytest.mark.parametrize(
    ("name", "write", "error", "message"),
    [
        ("none.mp4", lambda path: None, FileNotFoundError, "existing file.*Check the path"),
        ("empty.mp4", lambda path: path.touch(), ValueError, "0 bytes"),
        ("folder.mp4", lambda path: path.mkdir(), IsADirectoryError, "Received: the folder"),
        ("text.mp4", write_text, ValueError, "FFmpeg can read"),
        ("text.txt", write_text, ValueError, "image or text|FFmpeg can read"),
        ("image.jpg", write_image, ValueError, "single image"),
        ("image.mp4", write_image, ValueError, "single image|FFmpeg can read"),
        ("sound.m4a", write_sound, ValueError, "moving pictures"),
    ],
)
def test_other_files_are_refused(tmp_path, name, write, error, message):
    write(tmp_path / name)
    with pytest.raises(error, match=message):
        Video(tmp_path / name)


def test_frames_are_counted_without_decoding(write_video, tmp_path):
    path = write_video(pictures(7), rate=10)
    assert frame_count(path) == 7 == sum(1 for _ in Video(path))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="must be a video"):
        frame_count(tmp_path / "text.mp4")


def test_pixels_that_are_not_square_become_square(tmp_path):
    for aspect, shape in ((2, (48, 128)), (1, (48, 64)), (fractions.Fraction(1, 2), (96, 64))):
        path = tmp_path / "aspect.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.codec_context.sample_aspect_ratio = fractions.Fraction(aspect)
            for picture in pictures(2):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        frame = next(iter(Video(path)))
        assert frame.image.shape[:2] == frame.grid == shape
        # The bright corner still is a quarter of the picture.
        bright = frame.image.mean(axis=-1) > 200
        assert bright.mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    "name",
    ["2024-01-01T12:30:05.mp4", "file:x.mp4", "concat:y.mp4", "http:z.mp4", "%03d.mp4", "-i.mp4"],
)
def test_names_are_never_addresses_or_patterns(write_video, tmp_path, monkeypatch, name):
    write_video(pictures(3), "plain.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(list(Video(name))) == 3 == frame_count(name)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile 'secret.mp4'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(write_video, tmp_path, text):
    write_video(pictures(3), "secret.mp4")
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(ValueError, match="list.mp4"):
        Video(tmp_path / "list.mp4")


def test_a_cover_of_a_sound_is_no_video(tmp_path, write_video):
    path = tmp_path / "cover.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(pictures(1)[0], format="rgb24")
        container.mux(cover.encode(picture))
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(ValueError, match=r"moving pictures.*sound only"):
        Video(path)


def test_a_stream_of_an_unknown_codec_is_refused_by_name(write_video):
    path = write_video(pictures(3))
    content = path.read_bytes()
    assert content.count(b"mp4v") == 1
    path.write_bytes(content.replace(b"mp4v", b"xxxx").replace(b"esds", b"xxxx"))
    with pytest.raises(ValueError, match=r"video.mp4 \(.*unknown codec"):
        Video(path)
