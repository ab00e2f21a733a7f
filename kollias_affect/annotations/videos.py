"""The videos of a store, and copies of those that browsers do not play.

They are found here before anybody annotates.
"""

import dataclasses
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from kollias_affect import _checks, _files, _untrusted
from kollias_affect._web.playback import inspect, media_type

COPIES = "copies"  # folder below that of the store
CLOCK = 90_000  # ticks per second of a copy


def make_copy(path, folder):
    """Writes a copy of a video that browsers play.

    The copy is an MP4 with H.264 and AAC, or a WebM with VP8 and Opus if PyAV has no H.264. It has
    the same frames at the same times, counted from the first picture or sound; pictures are
    turned upright. A copy that exists is used again.

    Args:
        path: Video file.
        folder: Folder of the copies.

    Returns:
        Path of the copy, named after the SHA-256 of the video.
    """
    path, folder = Path(path), Path(folder)
    ending, picture_codec, sound_codec = _encoders()
    copy = _checks.writable_folder("out", folder) / f"{_files.sha256(path)[:24]}{ending}"
    if copy.exists():
        return copy
    facts = inspect(path)
    with _files.atomic(copy) as temporary:
        options = {"movflags": "+faststart"} if ending == ".mp4" else {}
        # The format is named, since the temporary file is.
        with av.open(
            _untrusted.media_address(temporary), "w", format=ending[1:], options=options
        ) as target:
            stream = _picture_stream(target, picture_codec, facts)
            sound = _SoundCopy(target, path, sound_codec, facts) if facts.sound else None
            _encode(target, stream, sound, path, facts)
    return copy


def _encoders():
    for ending, picture, sound in ((".mp4", "libx264", "aac"), (".webm", "libvpx", "libopus")):
        try:
            av.codec.Codec(picture, "w")
            return ending, picture, sound
        except av.codec.codec.UnknownCodecError:
            continue
    raise ValueError(
        "A copy of a video needs an encoder of H.264 or VP8. Received: a PyAV without both. "
        "Install PyAV from its wheel: pip install av."
    )


def _picture_stream(target, codec, facts):
    stream = target.add_stream(codec, rate=round(facts.rate) or 25)
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, CLOCK)
    if codec == "libx264":
        # A key frame every second or so: annotators seek.
        stream.options = {"preset": "veryfast", "crf": "20", "g": str(max(1, round(facts.rate)))}
    else:
        stream.options = {"deadline": "realtime", "cpu-used": "4", "crf": "12", "b": "4M"}
    return stream


def _encode(target, stream, sound, path, facts):
    from kollias_affect.faces.video import Video

    ticks = -1
    for frame in Video(path):
        picture = _even(frame.image)
        if ticks < 0:
            stream.height, stream.width = picture.shape[:2]
        # Two frames may have one time stamp; an encoder wants them to increase.
        ticks = max(round((frame.time - facts.start) * CLOCK), ticks + 1)
        encoded = av.VideoFrame.from_ndarray(picture, format="rgb24")
        encoded.pts, encoded.time_base = ticks, Fraction(1, CLOCK)
        target.mux(stream.encode(encoded))
        if sound:
            sound.copy_until(frame.time)
    target.mux(stream.encode())
    if sound:
        sound.copy_until(np.inf)


def _even(image):
    """Repeats the last row and column where their number is odd, which 4:2:0 does not allow."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


class _SoundCopy:
    """The sound of a video, encoded step by step beside the pictures."""

    def __init__(self, target, path, codec, facts):
        from kollias_affect.faces.timestamps import origin

        self._source = _untrusted.open_container(path)
        sound = self._source.streams.best("audio")
        self._origin = origin(self._source, self._source.streams.best("video"))
        self._target, self._start = target, facts.start + self._origin
        rate = 48_000 if codec == "libopus" else sound.rate or 48_000
        self._stream = target.add_stream(codec, rate=rate, layout="stereo")
        self._resampler = av.AudioResampler(self._stream.format, "stereo", rate)
        self._frames = self._decoded(sound)
        self._rate, self._waiting = rate, None

    def _decoded(self, sound):
        for packet in self._source.demux(sound):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue  # A damaged packet leaves a gap; the time stamps after it are right.

    def copy_until(self, seconds):
        """Encodes the sound up to a time of the source; infinity ends the stream."""
        while True:
            frame = self._waiting or next(self._frames, None)
            self._waiting = None
            if frame is None:
                if seconds == np.inf:
                    self._encode(None)
                    self._target.mux(self._stream.encode())
                    self._source.close()
                return
            if frame.time is not None and frame.time - self._origin > seconds:
                self._waiting = frame
                return
            self._encode(frame)

    def _encode(self, frame):
        if frame is not None and frame.pts is not None:
            frame.pts -= round(self._start / float(frame.time_base))
        for resampled in self._resampler.resample(frame):
            self._target.mux(self._stream.encode(resampled))


def listed(paths):
    """Returns the video files of paths: files as they are, of folders the videos in them.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If a folder holds no video.
    """
    files = []
    for path in map(Path, paths):
        files += _videos_in(path) if path.is_dir() else [_checks.existing_file("video", path)]
    return files


def _videos_in(folder):
    from kollias_affect.faces.video import VIDEO_ENDINGS

    found = [p for p in folder.iterdir() if p.suffix.lower() in VIDEO_ENDINGS]
    if not found:
        raise ValueError(
            f"A folder of videos must hold a file that ends in {' '.join(VIDEO_ENDINGS)}. "
            f"Received: {folder} without one. Name the video files themselves."
        )
    return sorted(found, key=lambda p: _files.natural_key(p.name))


@dataclasses.dataclass(frozen=True)
class Unplayable:
    """A video that some browsers do not play, and why."""

    path: Path
    problems: tuple


def register(store, paths, convert=False, report=lambda text: None, play=True):
    """Adds videos to a store, and makes the copies that are needed.

    A video is known by its content: one that was moved or renamed keeps its annotations.

    Args:
        store: `Store`.
        paths: Video files.
        convert: Whether copies are made of videos that browsers do not play.
        report: Function that receives lines of progress.
        play: Whether a browser is going to play them. Otherwise no copies are needed.

    Returns:
        Pair: the videos as dicts of the store, in order and once each, and the list of
        `Unplayable` ones that are left out because `convert` is false.

    Raises:
        OSError, ValueError: If a file is no video. One error names all of them.
    """
    videos, unplayable, errors = {}, [], []
    for path in paths:
        try:
            video = _registered(store, path, convert, report, play)
        except (OSError, ValueError) as error:
            errors.append(error)
            continue
        if isinstance(video, Unplayable):
            unplayable.append(video)
        elif video["id"] in videos:
            report(f"{path} has the same content as {videos[video['id']]['name']}: listed once.")
        else:
            videos[video["id"]] = video
    if errors:
        raise ValueError("\n".join(map(str, errors)))
    return list(videos.values()), unplayable


def _registered(store, path, convert, report, play):
    path = Path(os.path.abspath(_checks.existing_file("video", path)))
    stat = path.stat()
    known = store.videos.known(path, stat.st_size, stat.st_mtime_ns)
    copies = store.folder / COPIES
    if known is not None and (not play or _has_played_file(known, copies)):
        return known
    if store.read_only:
        found = store.videos.with_sha256(_files.sha256(path))
        if found is None or not _has_played_file(found, copies):
            raise ValueError(
                "With --read-only, every video must be in the store, and playable. Received: "
                f"{path}, which is not. Leave the video or the option out."
            )
        return {**found, "path": str(path)}
    facts = inspect(path)
    copy, start, duration = None, 0.0, facts.duration
    if play and not facts.playable:
        if not convert:
            return Unplayable(path, facts.problems)
        report(f"{path.name}: copy for browsers ({', '.join(facts.problems)})")
        copy = make_copy(path, copies)
        start, duration = facts.start, inspect(copy).duration
    report(f"{path.name}: new, {duration:.1f} s")
    return store.videos.add(
        sha256=_files.sha256(path), name=path.name, path=str(path), size=stat.st_size,
        modified=stat.st_mtime_ns, duration=duration, start=start, rate=facts.rate,
        copy=copy and copy.name, facts=dataclasses.asdict(facts),
    )  # fmt: skip


def _has_played_file(video, copies):
    if video["copy"] is None:
        return not video["facts"]["problems"]
    return (copies / video["copy"]).is_file()


def played_file(store, video):
    """Path and media type of what the browser plays of a video (a dict of the store)."""
    if video["copy"] is None:
        return Path(video["path"]), media_type(video["facts"]["container"])
    path = store.folder / COPIES / video["copy"]
    return path, "video/webm" if path.suffix == ".webm" else "video/mp4"
