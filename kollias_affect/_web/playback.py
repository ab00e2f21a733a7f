"""Which videos a browser can play.

A browser plays few combinations of container and codec, and shows a black picture, or plays
without sound, for the others.
"""

import dataclasses
from pathlib import Path

import av

from kollias_affect import _untrusted

_MP4 = "mov,mp4,m4a,3gp,3g2,mj2"  # FFmpeg's name of the family
_PICTURE = {
    _MP4: ("h264", "vp9", "av1"),
    "webm": ("vp8", "vp9", "av1"),
}
_SOUND = {_MP4: ("aac", "mp3", "opus", "flac"), "webm": ("opus", "vorbis")}
_MEDIA_TYPES = {_MP4: "video/mp4", "webm": "video/webm"}
_PIXELS = ("yuv420p", "yuvj420p")  # what every browser's decoder takes
_WEBM_ENDINGS = (".webm",)  # Matroska has the same format, but only WebM plays everywhere


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a video file holds.

    Attributes:
        container: FFmpeg's name of the format; `"webm"` for WebM.
        picture, sound: Codecs; `sound` is `None` without sound.
        pixels: Pixel format, such as `"yuv420p"`.
        width, height: Size in pixels.
        rate: Frames per second, on average.
        duration: Time stamp of the end, in seconds. Browsers show nothing before the first frame.
        start: Time stamp of the first picture or sound, in seconds, see `faces.timestamps`.
        problems: Reasons for which some browser does not play the file; empty if all do.
    """

    container: str
    picture: str
    sound: str | None
    pixels: str
    width: int
    height: int
    rate: float
    duration: float
    start: float
    problems: tuple

    @property
    def playable(self):
        """Whether browsers play the file."""
        return not self.problems

    @property
    def media_type(self):
        """Media type of the file, for HTTP."""
        return media_type(self.container)


def media_type(container):
    """Media type of a container, for HTTP."""
    return _MEDIA_TYPES.get(container, "application/octet-stream")


def inspect(path):
    """Reads the container, the codecs and the length of a video, without decoding it.

    Args:
        path: Video file.

    Returns:
        `Facts`.

    Raises:
        OSError, ValueError: If `path` is missing, empty, no video, or an image.
    """
    # Slow; a server of known videos does without.
    from kollias_affect.faces.timestamps import origin
    from kollias_affect.faces.video import Video

    path = Path(path)
    Video(path)  # its checks
    with _untrusted.open_container(path) as container:
        picture = container.streams.best("video")
        fields = {
            **_codecs(container, path),
            "width": picture.codec_context.width,
            "height": picture.codec_context.height,
            "rate": float(picture.average_rate or 25),
            "start": (container.start_time or 0) / av.time_base - origin(container, picture),
            "duration": _end(container) - origin(container, picture),
        }
    if fields["duration"] <= 0:
        fields["duration"] = _decoded_duration(path, fields["rate"])
    return Facts(**fields, problems=tuple(_problems(fields)))


@dataclasses.dataclass(frozen=True)
class Playable:
    """How a browser plays a video.

    Attributes:
        media_type: Media type, for HTTP.
        sound: Whether there is sound.
        problems: Reasons for which some browser does not play it; empty if all do.
    """

    media_type: str
    sound: bool
    problems: tuple


def playable(path):
    """Returns how a browser plays a file that is known to be a video, as `Playable`.

    Raises:
        av.FFmpegError, ValueError: If `path` is no video.
    """
    with _untrusted.open_container(path) as container:
        if not container.streams.video:
            raise ValueError("it has no picture")
        fields = _codecs(container, Path(path))
    kind = media_type(fields["container"])
    return Playable(kind, fields["sound"] is not None, tuple(_problems(fields)))


def _codecs(container, path):
    picture = container.streams.best("video")
    sound = container.streams.best("audio")
    name = container.format.name
    if name == "matroska,webm" and path.suffix.lower() in _WEBM_ENDINGS:
        name = "webm"
    return {
        "container": name,
        "picture": picture.codec_context.codec.canonical_name,
        "sound": sound and sound.codec_context.codec.canonical_name,
        "pixels": picture.codec_context.pix_fmt or "",
    }


def _end(container):
    """Time stamp of the end that a container declares, 0 if it declares none."""
    declared = (container.duration or 0) / av.time_base
    # Matroska declares the time of the end, other containers the time between start and end.
    if declared and "matroska" not in container.format.name:
        declared += max(0, container.start_time or 0) / av.time_base
    return declared


def _decoded_duration(path, rate):
    """Time of the end of the last frame; some containers declare none."""
    from kollias_affect.faces.video import Video

    last = 0.0
    for frame in Video(path, skip=1 << 60):
        last = frame.time
    return last + 1 / rate


def _problems(fields):
    container = fields["container"]
    if container not in _PICTURE:
        yield f"container {container}"
    family = container if container in _PICTURE else _MP4
    if fields["picture"] not in _PICTURE[family]:
        yield f"picture codec {fields['picture']}"
    elif fields["pixels"] not in _PIXELS:
        yield f"pixel format {fields['pixels']}"
    if fields["sound"] is not None and fields["sound"] not in _SOUND[family]:
        yield f"sound codec {fields['sound']}"
