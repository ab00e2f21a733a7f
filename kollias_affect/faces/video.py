"""Decoding: the frames of a video, in order, with their container time stamps."""

import dataclasses
import logging

import av
import numpy as np

from kollias_affect import _checks

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: 1-based position among the decoded frames.
        time: container time stamp in seconds.
        image: uint8 RGB `[height, width, 3]`, upright (rotation metadata applied), or `None`
            where the reader was told to skip.
    """

    index: int
    time: float
    image: np.ndarray | None


class Video:
    """Iterates over the frames of a video file; memory does not grow with its length.

    Nothing is taken from the container's own frame count: the frames are those that decode.
    A packet that cannot be decoded is passed over; the frames before and after it are kept,
    and after the iteration `broken` says where the video broke.

    Args:
        path: video file.
        skip: how many frames at the start are yielded without their image (for resuming).

    Raises:
        FileNotFoundError, ValueError: if `path` is missing, empty, no video, or an image.
    """

    def __init__(self, path, skip=0):
        self.path = _checks.existing_file("video", path)
        self.skip = skip
        self.broken = None
        with self._open() as container:
            stream = container.streams.video[0]
            self.expected_frames = _expected_frames(container, stream)

    def __iter__(self):
        self.broken = None
        self._index, self._end = 0, 0.0  # frames so far, and when the last one ends
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            rate = float(stream.average_rate or 25)
            for picture in self._pictures(container, stream):
                self._index += 1
                time = picture.time if picture.time is not None else (self._index - 1) / rate
                self._end = time + 1 / rate
                image = None if self._index <= self.skip else _upright(picture)
                yield Frame(self._index, float(time), image)
            self._compare_with_duration(stream, rate)
        if self._index == 0:
            raise ValueError(
                f"A video must have at least one frame that decodes. Received: {self.path}, "
                f"with none ({self.broken or 'no picture in its stream'}). Convert it again."
            )

    def _pictures(self, container, stream):
        """The pictures that decode; what does not is noted by `_break` and passed over."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:  # the container itself ends here
                self._break(error)
                return
            try:
                yield from packet.decode()
            except av.FFmpegError as error:
                self._break(error)

    def _open(self):
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, ValueError) as error:
            raise ValueError(
                f"`video` must be a video file that FFmpeg can read. Received: {self.path} "
                f"({_reason(error)}). Check that the file is complete, or convert it to mp4."
            ) from error
        name = container.format.name
        if not container.streams.video:
            container.close()
            raise ValueError(
                f"`video` must have a picture stream. Received: {self.path} (format {name}, "
                "sound only). Choose the file that holds the picture."
            )
        if name.startswith("image2") or name.endswith("_pipe"):
            container.close()
            raise ValueError(
                f"`video` must be a video. Received: {self.path}, which is a single image "
                f"(format {name}). For images use `kollias_affect.faces.align`."
            )
        return container

    def _break(self, error):
        if self.broken is None:
            where = f"at frame {self._index + 1} ({self._end:.3f} s)"
            self.broken = f"{self.path.name} breaks {where}: {_reason(error)}"
            _log.warning("%s. The frames that decode are kept.", self.broken)

    def _compare_with_duration(self, stream, rate):
        if stream.duration is None or stream.time_base is None:
            return
        start = float((stream.start_time or 0) * stream.time_base)
        declared = start + float(stream.duration * stream.time_base)
        # Edit lists and frame counts are often wrong by a few frames; half a second is not.
        if declared - self._end > max(0.5, 3 / rate):
            self._break(f"the file ends there, though it declares {declared:.3f} s")


def _upright(picture):
    """The picture as upright RGB; `rotation` counts degrees counter-clockwise."""
    image = picture.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image, round(picture.rotation / 90)))


def _expected_frames(container, stream):
    """A guess for progress bars alone; `None` where the container says nothing."""
    if stream.frames:
        return stream.frames
    if stream.average_rate and container.duration:
        return round(container.duration / av.time_base * float(stream.average_rate))
    return None


def _reason(error):
    return getattr(error, "strerror", None) or str(error)
