"""Small videos of many kinds, each with the times and pictures that were written to it.

Every picture shows its number in binary, as bright and dark bars, so that order and times are known
without another decoder.
"""

import dataclasses
import fractions
import itertools

import av
import numpy as np

HEIGHT, WIDTH, BITS = 48, 96, 6
FRAMES = 12
NTSC = fractions.Fraction(30000, 1001)


@dataclasses.dataclass(frozen=True)
class Case:
    """One video: how it is written."""

    container: str
    codec: str
    pixels: str = "yuv420p"
    rate: fractions.Fraction = fractions.Fraction(25)
    b_frames: int = 0
    start: int = 0  # frames before the first one
    sound: bool = False  # begins at 0, before the pictures
    variable: bool = False
    aspect: str = "1:1"
    rotation: int = 0

    @property
    def name(self):
        parts = [self.codec, self.pixels, f"{float(self.rate):.2f}".replace(".", "-")]
        parts += [f"b{self.b_frames}"] * bool(self.b_frames)
        parts += [f"start{self.start}"] * bool(self.start)
        parts += ["sound"] * self.sound + ["variable"] * self.variable
        parts += [self.aspect.replace(":", "by")] * (self.aspect != "1:1")
        parts += [f"turned{self.rotation}"] * bool(self.rotation)
        return f"{'_'.join(parts)}.{self.container}"

    @property
    def ticks(self):
        """Times of the pictures in frames, from 0."""
        steps = itertools.cycle([1, 1, 3, 1, 2, 1] if self.variable else [1])
        return [0, *itertools.accumulate(itertools.islice(steps, FRAMES - 1))]

    @property
    def times(self):
        """Times that a reader must report, in seconds."""
        has_zero = self.container not in ("ts", "mpg", "vob", "flv", "nut")
        delay = self.start if self.sound or has_zero else 0
        return [float((tick + delay) / self.rate) for tick in self.ticks]

    @property
    def tolerance(self):
        """Seconds: containers count milliseconds, and sound begins up to 27 ms before 0."""
        return 0.028 if self.sound else 0.0011

    @property
    def shape(self):
        """Height and width as they are shown."""
        width, height = WIDTH, HEIGHT
        across, down = map(int, self.aspect.split(":"))
        if across > down:
            width = round(width * across / down)
        else:
            height = round(height * down / across)
        return (width, height) if self.rotation in (90, 270) else (height, width)


def cases():
    """Returns the list of cases, at least 150."""
    plain = [
        *(Case("mp4", c) for c in ("libx264", "mpeg4", "mjpeg", "libx265", "libvpx-vp9")),
        *(Case("mov", c) for c in ("libx264", "mpeg4", "mjpeg")),
        *(Case("m4v", c) for c in ("libx264", "mpeg4")),
        *(Case("3gp", c) for c in ("libx264", "mpeg4")),
        *(Case("mkv", c) for c in ("libx264", "mpeg4", "mjpeg", "vp8", "libvpx-vp9", "ffv1")),
        *(Case("mkv", c) for c in ("mpeg2video", "libx265", "msmpeg4")),
        *(Case("webm", c) for c in ("vp8", "libvpx-vp9", "libsvtav1")),
        *(Case("avi", c) for c in ("libx264", "mpeg4", "mjpeg", "ffv1", "msmpeg4", "mpeg2video")),
        *(Case("avi", c) for c in ("msmpeg4v2", "rawvideo", "utvideo", "wmv1", "flv")),
        *(Case("ts", c) for c in ("libx264", "mpeg2video", "mpeg1video", "libx265")),
        *(Case("mpg", c) for c in ("mpeg1video", "mpeg2video")),
        *(Case("vob", c) for c in ("mpeg2video",)),
        *(Case("wmv", c) for c in ("wmv1", "wmv2", "msmpeg4")),
        *(Case("asf", c) for c in ("wmv2",)),
        *(Case("flv", c) for c in ("flv", "libx264")),
        *(Case("nut", c) for c in ("libx264", "ffv1")),
        *(Case("h264", c) for c in ("libx264",)),
        *(Case("hevc", c) for c in ("libx265",)),
    ]
    # Motion JPEG has the full range of values.
    full = {"mjpeg": "yuvj420p"}
    plain = [dataclasses.replace(c, pixels=full.get(c.codec, c.pixels)) for c in plain]
    every = list(dict.fromkeys([*plain, *itertools.chain(*(_variants(c) for c in plain))]))
    turns = hasattr(av.VideoStream, "set_display_rotation")  # of newer PyAV
    return [c for c in every if turns or not c.rotation]


def _variants(case):
    """Yields the case in the other forms that its container and codec allow."""
    raw = case.container in ("h264", "hevc")
    mpeg = case.codec in ("libx264", "libx265", "mpeg4", "mpeg2video")
    vary = dataclasses.replace
    if case.codec not in ("mpeg1video", "libx265", "libsvtav1"):
        yield vary(case, rate=NTSC)
    if mpeg and case.codec != "libx265":
        yield vary(case, b_frames=2)
        yield vary(case, b_frames=2, rate=NTSC)
    if case.codec == "libx264" and not raw:
        for pixels in ("yuv422p", "yuv444p", "yuv420p10le", "yuvj420p"):
            yield vary(case, pixels=pixels)
    if case.codec == "ffv1":
        for pixels in ("yuv444p", "yuv420p10le", "gray", "bgr0", "rgb48le"):
            yield vary(case, pixels=pixels)
    late = ("mp4", "mov", "mkv", "ts", "webm", "flv", "nut")
    coded = ("libx264", "mpeg4", "vp8", "mpeg2video", "flv", "ffv1")
    if case.container in late and case.codec in coded:
        yield vary(case, start=50)
        if case.container not in ("webm", "nut"):
            yield vary(case, start=10, sound=True)
        if case.container in ("ts", "mkv", "mp4") and case.codec == "libx264":
            yield vary(case, start=50, b_frames=2)
    uneven = ("mp4", "mov", "mkv", "avi", "webm", "nut")
    coded = ("libx264", "mpeg4", "vp8", "mjpeg", "ffv1")
    if case.container in uneven and case.codec in coded:
        yield vary(case, variable=True)
        # AVI numbers packets as they are coded: with B-frames, gaps cannot be told.
        if case.codec in ("libx264", "mpeg4") and case.container != "avi":
            yield vary(case, variable=True, b_frames=2)
    if case.container in ("mp4", "mov", "mkv", "ts", "avi", "mpg") and not case.b_frames:
        # MPEG-2 knows pictures of 4:3, 16:9 and 2.21:1 only.
        aspects = {"libx264": ("2:1", "4:3", "1:2"), "mpeg4": ("2:1",), "mpeg2video": ("8:9",)}
        for aspect in aspects.get(case.codec, ()):
            yield vary(case, aspect=aspect)
    if case.container in ("mp4", "mov", "mkv") and case.codec in ("libx264", "mpeg4"):
        for rotation in (90, 180, 270):
            yield vary(case, rotation=rotation)
        if case.codec == "libx264":
            yield vary(case, rotation=90, aspect="2:1")


def picture(number, pixels="rgb24"):
    """Returns uint8 RGB with the bits of `number` as bars, the highest one on the left."""
    bits = [(number >> bit) & 1 for bit in reversed(range(BITS))]
    row = np.repeat(np.array(bits, np.uint8) * 180 + 40, WIDTH // BITS)
    image = np.repeat(np.tile(row, (HEIGHT, 1))[..., None], 3, axis=-1)
    image[: HEIGHT // 4] = 128  # which side is up
    return image


def number_in(image, rotation=0):
    """Returns the number that a decoded picture shows, -1 if its upper side is not above."""
    image = np.rot90(image, -rotation // 90)
    height, width = image.shape[:2]
    grey = image.mean(axis=-1)
    top = grey[: height // 5].mean(axis=0)
    if np.abs(top - 128).max() > 40:
        return -1
    middles = (np.arange(BITS) + 0.5) * width / BITS
    levels = [grey[height // 2 :, int(m) - 2 : int(m) + 3].mean() for m in middles]
    return sum(
        1 << bit for bit, level in zip(reversed(range(BITS)), levels, strict=True) if level > 128
    )


def write(case, folder):
    """Writes the video of a case to a folder and returns its path."""
    path = folder / case.name
    formats = {"vob": "vob", "m4v": "mp4", "ts": "mpegts", "wmv": "asf", "asf": "asf"}
    with av.open(str(path), "w", format=formats.get(case.container)) as container:
        stream = container.add_stream(case.codec, rate=case.rate, options=_options(case))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, case.pixels
        stream.codec_context.sample_aspect_ratio = fractions.Fraction(
            *map(int, case.aspect.split(":"))
        )
        if case.codec != "libsvtav1":
            stream.bit_rate = 2_000_000
        if case.rotation:
            stream.set_display_rotation(case.rotation)
        if case.sound:
            _write_sound(container, case)
        for number, tick in enumerate(case.ticks):
            frame = av.VideoFrame.from_ndarray(picture(number + 1), format="rgb24")
            frame.pts, frame.time_base = tick + case.start, 1 / case.rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _options(case):
    options = {"bf": str(case.b_frames)} if case.b_frames else {}
    if case.codec == "libx264":
        options |= {"preset": "ultrafast", "bf": str(case.b_frames), "g": "6"}
    if case.codec == "libx265":
        options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1"}
    if case.codec in ("vp8", "libvpx-vp9"):
        options = {"deadline": "realtime", "cpu-used": "8"}
    if case.codec == "libsvtav1":
        options = {"preset": "8", "crf": "10", "svtav1-params": "pred-struct=1"}
    if case.codec in ("mpeg1video", "mpeg2video", "mpeg4"):
        options |= {"g": "6"}
    return options


def _write_sound(container, case):
    """Silence from 0 to the last picture."""
    codec = {"flv": "mp3", "mpg": "mp2", "ts": "mp2"}.get(case.container, "aac")
    codec = "libmp3lame" if codec == "mp3" else codec
    stream = container.add_stream(codec, rate=44100, layout="mono")
    seconds = float((case.ticks[-1] + case.start + 1) / case.rate)
    size = 1152 if codec != "aac" else 1024
    for part in range(int(seconds * 44100) // size):
        form = "s16" if codec == "mp2" else "fltp"
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, size), np.int16 if form == "s16" else np.float32),
            format=form,
            layout="mono",
        )
        frame.rate, frame.pts, frame.time_base = 44100, part * size, fractions.Fraction(1, 44100)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
