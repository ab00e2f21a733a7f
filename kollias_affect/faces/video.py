"""Decoding: the frames of a video, in order, with their time stamps."""

import dataclasses

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from kollias_affect import _checks, _untrusted
from kollias_affect.faces import container_ends, images, timestamps

VIDEO_ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
_STILL_FORMATS = ("image2", "_pipe", "tty")  # FFmpeg's names for single images, and for text
_PICTURES_OF_SOUND = Disposition.attached_pic | Disposition.timed_thumbnails
_DECLARING_ENDS = {"matroska", "webm", "nut"}  # Other containers declare how long they last.
_ASPECTS = (0.1, 10)  # widths of pixels by their height that are believed


@dataclasses.dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Attributes:
        index: 1-based position among the decoded frames.
        time: Time stamp in seconds, see `timestamps`.
        image: uint8 RGB `[height, width, 3]`, upright (rotation metadata applied), with square
            pixels, or `None` for skipped frames.
        grid: `(height, width)` of the image in pixels, also for skipped frames; `None` if unknown.
    """

    index: int
    time: float
    image: np.ndarray | None
    grid: tuple | None = None


class Video:
    """A video file as an iterable of frames; memory does not grow with its length.

    The frames are those that decode; the frame count of the container is ignored. Packets that do
    not decode are skipped, and the frames before and after them are kept. Time always increases,
    see `timestamps`. Pixels that are not square are made so, by more of them.

    Args:
        path: Video file.
        skip: Number of frames at the start that are yielded without their image, for resuming.
        only: Container of the numbers of frames that are yielded with their image; `None` for all.

    Attributes:
        broken: Description, after the iteration, of where the video first broke, or `None`.
        notes: Descriptions, after the iteration, of what else is unusual: where the number of
            pixels changes, pixels that are not square.
        expected_frames: Estimated number of frames, for progress bars only, or `None`.

    Raises:
        FileNotFoundError, ValueError: If `path` is missing, empty, no video, or an image.
    """

    def __init__(self, path, skip=0, only=None):
        self.path = _checks.existing_file("video", path)
        self.skip = skip
        self.only = only
        self.broken = None
        self.notes = []
        with self._open() as container:
            self.expected_frames = _expected_frames(container, _stream(container))

    def __iter__(self):
        self.broken, self.notes = None, []
        self._index = 0  # frames so far
        with self._open() as container:
            stream = _stream(container)
            # With more threads, the frames that decode of a damaged video depend on their number.
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            self._clock = timestamps.Clock(container, stream, self._break)
            shape = _Shape(stream, self._note)
            for picture in self._pictures(container, stream):
                if picture.is_corrupt:
                    self._break("the picture is damaged")
                time = self._clock.time(picture)
                self._index += 1
                grid = shape.of(picture, self._index, time)
                image = self._image(shape, picture) if self._is_wanted() else None
                yield Frame(self._index, time, image, grid)
            self._compare_with_container(container, stream)
        if self._index == 0:
            raise ValueError(
                f"A video must have at least one frame that decodes. Received: {self.path}, "
                f"with none ({self.broken or 'no picture in its stream'}). Convert it again."
            )

    def _is_wanted(self):
        return self._index > self.skip and (self.only is None or self._index in self.only)

    def _pictures(self, container, stream):
        """Yields the pictures that decode; notes the first that does not by `_break`."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except Exception as error:  # The container itself ends here.
                self._break(error)
                return
            self._clock.packet(packet)
            try:
                pictures = packet.decode()
            except Exception as error:
                self._break(error)
                self._clock.lost(packet)
                continue
            yield from pictures

    def _image(self, shape, picture):
        with _untrusted.reading(
            "A picture of a video must be convertible to RGB", self.path, "Convert it again."
        ):
            return shape.upright(picture)

    def _open(self):
        rule = "`video` must be a video file that FFmpeg can read"
        if images.is_still(self.path):
            raise ValueError(
                f"`video` must be a video. Received: {self.path}, which is a photograph (HEIC or "
                "AVIF). For images use `kollias_affect.faces.align`."
            )
        remedy = "Check that the file is complete, or convert it to mp4."
        with _untrusted.reading(rule, self.path, remedy):
            container = _untrusted.open_container(self.path)
        try:
            self._refuse_other_content(container)
        except ValueError:
            container.close()
            raise
        return container

    def _refuse_other_content(self, container):
        name, stream = container.format.name, _stream(container)
        if stream is None:
            raise ValueError(
                f"`video` must have moving pictures. Received: {self.path} (format {name}, "
                "sound only). Choose the file that holds the picture."
            )
        if any(still in name for still in _STILL_FORMATS):
            raise ValueError(
                f"`video` must be a video. Received: {self.path}, which is a single image or "
                f"text (format {name}). For images use `kollias_affect.faces.align`."
            )
        if stream.codec_context is None:
            raise ValueError(
                f"`video` must have pictures that FFmpeg can decode. Received: {self.path} "
                f"(format {name}, unknown codec). Check that the file is complete, or convert it "
                "to mp4."
            )

    def _break(self, error):
        if self.broken is None:
            where = f"at frame {self._index + 1} ({self._clock.end:.3f} s)"
            reason = error if isinstance(error, str) else _untrusted.reason(error)
            self.broken = f"{self.path.name} breaks {where}: {reason}"

    def _note(self, text):
        self.notes.append(f"{self.path.name}: {text}")

    def _compare_with_container(self, container, stream):
        missing = container_ends.missing_bytes(self.path)
        if missing:
            self._break(f"the file ends there, {missing:,} bytes before its container does")
        declared = _declared_end(container, stream)
        # Edit lists and frame counts are often wrong by a few frames, but not by half a second.
        if declared - self._clock.end > max(0.5, 3 * self._clock.interval):
            self._break(f"the file ends there, though it declares {declared:.3f} s")


class _Shape:
    """The size of the shown pictures of a stream: upright, with square pixels.

    Args:
        stream: Of PyAV.
        note: Function that is called with a text on anything unusual.
    """

    def __init__(self, stream, note):
        self.stream, self.note = stream, note
        self.to_rgb = VideoReformatter()  # Its construction takes longer than a conversion.
        self.coded = self.grid = self.aspect = None

    def of(self, picture, index, time):
        """Returns `(height, width)` of a picture, and notes where it changes."""
        coded = picture.width, picture.height
        if coded != self.coded:
            self.aspect = self._aspect(coded)
            self.coded = coded
            width, height = self._shown()
            if width * height > _untrusted.MAX_PIXELS:
                raise ValueError(
                    f"A picture of a video must have at most {_untrusted.MAX_PIXELS:,} pixels. "
                    f"Received: {width} x {height} at frame {index}. Convert it to a smaller size."
                )
        width, height = self._shown()
        turned = (a_b := _turn(picture)) is not None and abs(a_b[0]) < abs(a_b[1])
        grid = (width, height) if turned else (height, width)
        if self.grid not in (None, grid):
            (old_height, old_width), (new_height, new_width) = self.grid, grid
            self.note(
                f"its pictures change from {old_width} x {old_height} to {new_width} x "
                f"{new_height} pixels at frame {index} ({time:.3f} s); rectangles are in pixels "
                "of their own frame"
            )
        self.grid = grid
        return grid

    def _aspect(self, coded):
        """Returns the width of a pixel by its height."""
        if self.coded is None:
            ratio = self.stream.sample_aspect_ratio
        elif coded[0] * self.coded[1] == coded[1] * self.coded[0]:
            return self.aspect
        else:
            ratio = self.stream.codec_context.sample_aspect_ratio
        ratio = float(ratio or 1)
        if not _ASPECTS[0] <= ratio <= _ASPECTS[1]:
            self.note(f"pixels of {ratio:g} times their height are taken as square")
            return 1.0
        return ratio

    def _shown(self):
        (width, height), aspect = self.coded, self.aspect
        if aspect > 1:
            return round(width * aspect), height
        return width, round(height / aspect)

    def upright(self, picture):
        """Returns a picture as RGB, turned and mirrored by its display matrix."""
        width, height = self._shown()
        image = self.to_rgb.reformat(picture, width, height, "rgb24").to_ndarray()
        turn = _turn(picture)
        if turn is None:
            return np.ascontiguousarray(image)  # Lines of some widths are padded.
        # A pixel (x, y) is shown at (a x + c y, b x + d y).
        a, b, c, d = turn
        if abs(a) < abs(b):
            image, a, d = image.transpose(1, 0, 2), c, b
        return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _turn(picture):
    """Returns `(a, b, c, d)` of the display matrix, fixed point numbers, or `None`."""
    matrix = picture.side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return None
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return a, b, c, d


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


def _stream(container):
    """Returns the stream of moving pictures, not the cover of a sound; `None` if there is none."""
    streams = [s for s in container.streams.video if not s.disposition & _PICTURES_OF_SOUND]
    best = container.streams.best("video")
    return best if best in streams else next(iter(streams), None)


def _declared_end(container, stream):
    """Returns the end that a container declares, in seconds; 0 if it declares none."""
    origin = timestamps.origin(container, stream)
    if stream.duration is not None:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base) - origin
    if container.duration is not None:
        declares_end = not _DECLARING_ENDS.isdisjoint(container.format.name.split(","))
        start = 0 if declares_end else container.start_time or 0
        return (start + container.duration) / av.time_base - origin
    return 0.0


def _expected_frames(container, stream):
    """Returns an estimate of the number of frames, `None` if the container declares nothing."""
    if stream.frames:
        return stream.frames
    if stream.average_rate and container.duration:
        return round(container.duration / av.time_base * float(stream.average_rate))
    return None
