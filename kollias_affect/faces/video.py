"""Decoding: the frames of a video, in order, with their container time stamps."""

import dataclasses

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from kollias_affect import _checks

VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
_STILL_FORMATS = ("image2", "_pipe", "tty")  # FFmpeg's names for single images, and for text


@dataclasses.dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: 1-based position among the decoded frames.
        time: Container time stamp in seconds.
        image: uint8 RGB `[height, width, 3]`, upright (rotation metadata applied), or `None`
            for skipped frames.
    """

    index: int
    time: float
    image: np.ndarray | None


class Video:
    """A video file as an iterable of frames; memory does not grow with its length.

    The frames are those that decode; the frame count of the container is ignored. Packets that do
    not decode are skipped, and the frames before and after them are kept. Where time stamps jump
    back (joined recordings), the later ones are shifted so that time increases.

    Args:
        path: Video file.
        skip: Number of frames at the start that are yielded without their image, for resuming.

    Attributes:
        broken: Description, after the iteration, of where the video first broke, or `None`.
        expected_frames: Estimated number of frames, for progress bars only, or `None`.

    Raises:
        FileNotFoundError, ValueError: If `path` is missing, empty, no video, or an image.
    """

    def __init__(self, path, skip=0):
        self.path = _checks.existing_file("video", path)
        self.skip = skip
        self.broken = None
        with self._open() as container:
            self.expected_frames = _expected_frames(container, _stream(container))

    def __iter__(self):
        self.broken = None
        self._index, self._end = 0, 0.0  # frames so far, and the end of the last one in seconds
        with self._open() as container:
            stream = _stream(container)
            # With more threads, the frames that decode of a damaged video depend on their number.
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            interval = 1 / float(stream.average_rate or 25)
            to_rgb = VideoReformatter()  # Its construction takes longer than a conversion.
            last, moved = -np.inf, 0.0
            for picture in self._pictures(container, stream):
                time = picture.time if picture.time is not None else self._index * interval
                if time + moved < last:
                    self._break(f"time stamps jump back from {last:.3f} s to {time:.3f} s")
                    moved = last + interval - time
                if picture.is_corrupt:
                    self._break("the picture is damaged")
                last = float(time + moved)
                self._index += 1
                self._end = last + (float(picture.duration * picture.time_base) or interval)
                image = None if self._index <= self.skip else _upright(picture, to_rgb)
                yield Frame(self._index, last, image)
            self._compare_with_duration(container, stream, interval)
        if self._index == 0:
            raise ValueError(
                f"A video must have at least one frame that decodes. Received: {self.path}, "
                f"with none ({self.broken or 'no picture in its stream'}). Convert it again."
            )

    def _pictures(self, container, stream):
        """Yields the pictures that decode; notes the first that does not by `_break`."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError as error:  # The container itself ends here.
                self._break(error)
                return
            try:
                yield from packet.decode()
            except av.FFmpegError as error:
                self._break(error)

    def _open(self):
        try:
            container = _open(str(self.path))
        except (av.FFmpegError, ValueError) as error:
            raise ValueError(
                f"`video` must be a video file that FFmpeg can read. Received: {self.path} "
                f"({_reason(error)}). Check that the file is complete, or convert it to mp4."
            ) from error
        name = container.format.name
        try:
            stream = _stream(container)
            if stream is None or stream.disposition & Disposition.attached_pic:
                raise ValueError(
                    f"`video` must have moving pictures. Received: {self.path} (format {name}, "
                    "sound only). Choose the file that holds the picture."
                )
            if any(still in name for still in _STILL_FORMATS):
                raise ValueError(
                    f"`video` must be a video. Received: {self.path}, which is a single image or "
                    f"text (format {name}). For images use `kollias_affect.faces.align`."
                )
        except ValueError:
            container.close()
            raise
        return container

    def _break(self, error):
        if self.broken is None:
            where = f"at frame {self._index + 1} ({self._end:.3f} s)"
            self.broken = f"{self.path.name} breaks {where}: {_reason(error)}"

    def _compare_with_duration(self, container, stream, interval):
        if stream.duration is not None:
            declared = float(((stream.start_time or 0) + stream.duration) * stream.time_base)
        elif container.duration is not None:
            declared = ((container.start_time or 0) + container.duration) / av.time_base
        else:
            return
        # Edit lists and frame counts are often wrong by a few frames, but not by half a second.
        if declared - self._end > max(0.5, 3 * interval):
            self._break(f"the file ends there, though it declares {declared:.3f} s")


def frame_count(path):
    """Counts the frames of a video without decoding them.

    Args:
        path: Video file.

    Returns:
        Number of the coded pictures in the file, whatever its header declares.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not a video.
    """
    container = Video(path)._open()
    with container:
        return sum(1 for packet in container.demux(_stream(container)) if packet.size)


def _open(path):
    try:
        return av.open(path)
    except (
        UnicodeDecodeError
    ):  # A title has another encoding. PyAV 19 replaces such letters itself.
        return av.open(path, metadata_errors="replace")


def _stream(container):
    return container.streams.best("video")


def _upright(picture, to_rgb):
    """Returns the picture as RGB, turned and mirrored by its display matrix."""
    image = to_rgb.reformat(picture, format="rgb24").to_ndarray()
    matrix = picture.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return image
    # The numbers are fixed point; a pixel (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(a) < abs(b):
        image, a, d = image.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _expected_frames(container, stream):
    """Returns an estimate of the number of frames, `None` if the container declares nothing."""
    if stream.frames:
        return stream.frames
    if stream.average_rate and container.duration:
        return round(container.duration / av.time_base * float(stream.average_rate))
    return None


def _reason(error):
    return getattr(error, "strerror", None) or str(error)
