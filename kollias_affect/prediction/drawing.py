"""Annotated images and videos: boxes and outputs drawn beside each face."""

import dataclasses
import fractions
import functools
import math
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

import kollias_affect
from kollias_affect import _files, _untrusted

# Okabe and Ito's colours can be distinguished without colour vision. The ground is dark because
# the letters are white.
ORANGE, BLUE, WHITE, GROUND = (230, 159, 0), (86, 180, 233), (255, 255, 255), (20, 20, 20)
MIN_SIDE = 480  # pixels; smaller images are enlarged, so that the texts can be read
JPEG_QUALITY = 92
_MARK = "annotated by kollias_affect"
# A key frame every 50 frames: players seek quickly.
_ENCODERS = {"libx264": {"crf": "20", "preset": "veryfast", "g": "50"}, "mpeg4": {}}
_TICK = fractions.Fraction(1, 60_000)  # Exact for 24, 25, 30, 50, 60 and 30000/1001 fps.


@dataclasses.dataclass(frozen=True)
class FaceOverlay:
    """Box, outputs and label that are drawn for one face.

    Attributes:
        box: `(x, y, width, height)` in pixels of the image.
        outputs: Dict from name to number: probabilities, or valence and arousal.
        label: Text in front of the result, such as a `face_id`, or `""`.
        expression: Name of the most probable class among the outputs, or `None`.
    """

    box: tuple
    outputs: dict
    label: str = ""
    expression: str | None = None


def draw(image, faces, spans, note=None):
    """Draws a box, the result and one bar per output for every face.

    The most probable expression is written above the box, and its bar is orange. Valence and
    arousal are written there, too, and their bars start at zero in the middle. Bars that would
    cover another face are left out.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        faces: List of `FaceOverlay`.
        spans: Dict from the name of an output to its range, `(0, 1)` or `(-1, 1)`.
        note: Text for the upper left corner, or `None`.

    Returns:
        uint8 RGB, enlarged by an integer if the longer side is below `MIN_SIDE`.
    """
    factor = enlargement(image.shape)
    picture = Image.fromarray(image)
    if factor > 1:
        picture = picture.resize((picture.width * factor, picture.height * factor), Image.BICUBIC)
    canvas = _Canvas(picture, [_scaled(face.box, factor) for face in faces], spans)
    for box in canvas.boxes:
        canvas.frame(box)
    if faces:
        canvas.results(faces)
    for face, box in zip(faces, canvas.boxes, strict=True):
        canvas.bars(face, box)
    if note:
        canvas.text(note, (canvas.size // 2, canvas.size // 2), canvas.size)
    return np.asarray(picture)


def enlargement(shape):
    """Returns the factor by which `draw` enlarges an image of this shape."""
    return max(1, math.ceil(MIN_SIDE / max(shape[:2])))


def write_image(image, path):
    """Writes an image atomically, with the mark that `is_annotated` reads.

    Args:
        image: uint8 RGB `[height, width, 3]`.
        path: File, PNG if it ends in `.png` and JPEG otherwise.
    """
    picture = Image.fromarray(image)
    with _files.atomic(path) as temporary:
        if temporary.suffix.lower() == ".png":
            text = PngImagePlugin.PngInfo()
            text.add_text("comment", _mark())
            picture.save(temporary, "PNG", pnginfo=text)
        else:
            picture.save(temporary, "JPEG", quality=JPEG_QUALITY, comment=_mark())


def write_video(frames, path, rate=25):
    """Writes images with time stamps as mp4 (H.264, or MPEG-4 if there is no such encoder).

    Args:
        frames: Iterable of `(seconds, image)`, uint8 RGB of one shape. Times must not decrease.
        path: File that ends in `.mp4`. It is written atomically, with the mark of `is_annotated`.
        rate: Approximate number of frames per second, as information for players.
    """
    with (
        _files.atomic(path) as temporary,
        av.open(_untrusted.media_address(temporary), "w") as container,
    ):
        container.metadata["comment"] = _mark()
        stream, last = None, None
        for seconds, image in frames:
            even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
            if stream is None:
                stream = _stream(container, even.shape, rate)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            tick = round(seconds / _TICK)
            last = tick if last is None else max(tick, last + 1)
            picture.pts, picture.time_base = last, _TICK
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode())


def is_annotated(path):
    """Returns whether `path` was written by `write_image` or `write_video`."""
    return _comment(path).startswith(_MARK)


def is_own(path):
    """Returns whether a picture or video was made by this package: an annotated one or a plot."""
    return _comment(path).startswith((_MARK, _files.PLOT_MARK))


def _comment(path):
    """Returns the comment of a picture or video, `""` if it has none or is damaged."""
    try:
        if Path(path).suffix == ".mp4":
            with _untrusted.open_container(path) as container:
                comment = container.metadata.get("comment", "")
        else:
            with Image.open(path, formats=("JPEG", "PNG")) as image:
                comment = image.info.get("comment", "")
    except Exception:  # Decoders raise anything on what is damaged, which this package never wrote.
        return ""
    return comment.decode(errors="replace") if isinstance(comment, bytes) else comment


def _mark():
    return f"{_MARK} {kollias_affect.__version__}"


def _stream(container, shape, rate):
    name = next(name for name in _ENCODERS if name in av.codecs_available)
    stream = container.add_stream(name, rate=rate, options=_ENCODERS[name])
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = _TICK
    context.max_b_frames = 0  # Pictures are encoded in their order.
    if name == "mpeg4":
        context.qmin = context.qmax = 3
    return stream


def _scaled(box, factor):
    return tuple(value * factor for value in box)


class _Canvas:
    """A picture, its occupied areas, and the size of its letters."""

    def __init__(self, picture, boxes, spans):
        self.picture = picture
        self.pen = ImageDraw.Draw(picture)
        self.width, self.height = picture.size
        self.boxes = boxes
        self.spans = spans
        self.size = max(12, round(min(self.width, self.height) / 34))
        self.taken = []  # areas (left, top, right, bottom) of texts and bars

    def frame(self, box):
        """Draws the rectangle around a face: orange between dark lines."""
        x, y, width, height = box
        line = max(2, self.size // 6)
        for grow, colour, stroke in ((1, GROUND, line + 2), (0, ORANGE, line)):
            area = (x - grow, y - grow, x + width + grow, y + height + grow)
            self.pen.rectangle(area, outline=colour, width=stroke)

    def results(self, faces):
        """Writes the result of each face above its box, or where there is room, in one size."""
        texts = [_summary(face, self.spans) for face in faces]
        sizes = [self._fitting(t, 1.3 * box[2]) for t, box in zip(texts, self.boxes, strict=True)]
        for text, box in zip(texts, self.boxes, strict=True):
            self._result(text, box, min(sizes))

    def _fitting(self, text, width):
        """Returns the largest size, within limits, at which a text is no wider than `width`."""
        size, smallest = self.size, max(10, round(self.size * 0.6))
        while size > smallest and self._extent(text, size)[0] > width:
            size -= 1
        return size

    def _result(self, text, box, size):
        width, height = self._extent(text, size)
        x, y, wide, tall = box
        gap = self.size // 5
        tops = (y - height - gap, y + tall + gap, y, y + tall - height)
        lefts = (x, x + (wide - width) / 2, x + wide - width)
        places = [
            (min(max(left, 0), max(0, self.width - width)), min(max(top, 0), self.height - height))
            for top in tops
            for left in lefts
        ]
        areas = {place: (*place, place[0] + width, place[1] + height) for place in places}
        free = [p for p in places if not self._hits(areas[p], self.taken)]
        clear = [p for p in free if not self._hits(areas[p], _corners(self.boxes))]
        self.text(text, (clear or free or places)[0], size)

    def text(self, text, place, size):
        """Writes white letters on a dark ground, whose upper left corner is at `place`."""
        width, height = self._extent(text, size)
        left, top = place
        self.taken.append((left, top, left + width, top + height))
        self.pen.rectangle(self.taken[-1], fill=GROUND)
        at = (left + size // 3, top + height / 2)
        self.pen.text(at, text, fill=WHITE, font=_font(size), anchor="lm")

    def bars(self, face, box):
        """Draws a panel with one bar per output, where it covers no face and no text."""
        names = list(face.outputs)
        sizes = (self.size, max(10, round(self.size * 0.75)))
        for size in sizes if len(self.boxes) == 1 else sizes[1:]:
            words = max(self._extent(name, size)[0] for name in names)
            width = words + 5 * size
            height = _row(size) * len(names) + size // 2
            place = self._room(box, width, height)
            if place is not None:
                break
        else:
            return
        left, top = (round(value) for value in place)
        self.taken.append((left, top, left + width, top + height))
        self.picture.paste(_panel(tuple(names), width, height, size), (left, top))
        for i, name in enumerate(names):
            colour = ORANGE if name == face.expression else BLUE
            area = (left + words, top + _middle(i, size), 4.6 * size, 0.36 * size)
            self._bar(area, face.outputs[name], self.spans[name], colour)

    def _bar(self, area, value, span, colour):
        left, middle, length, half = area
        low, high = span
        start, end = (
            left + length * (min(max(v, low), high) - low) / (high - low) for v in (0, value)
        )
        area = (min(start, end), middle - half, max(start, end), middle + half)
        self.pen.rectangle((left, middle - half, left + length, middle + half), fill=(70, 70, 70))
        self.pen.rectangle(area, fill=colour)
        if low < 0:
            zero = (start, middle - half * 1.4, start, middle + half * 1.4)
            self.pen.line(zero, fill=WHITE, width=max(1, round(half / 4)))

    def _room(self, box, width, height):
        """Returns the place of a panel: beside a single face, below one of several; or `None`.

        For a single face it may be a corner of the picture, where it covers least of the face.
        """
        x, y, wide, tall = box
        gap = self.size // 3
        top = min(max(y, 0), self.height - height)
        left = min(max(x, 0), self.width - width)
        beside = [(x + wide + gap, top), (x - width - gap, top)]
        stacked = [(left, y + tall + gap), (left, y - height - gap)]
        places = beside + stacked if len(self.boxes) == 1 else stacked + beside
        for place in places:
            area = (*place, place[0] + width, place[1] + height)
            if self._inside(area) and not self._hits(area, self.taken + _corners(self.boxes)):
                return place
        if len(self.boxes) > 1:
            return None
        corners = [(a, b) for a in (self.width - width, 0) for b in (self.height - height, 0)]
        areas = [(a, b, a + width, b + height) for a, b in corners]
        areas = [area for area in areas if self._inside(area) and not self._hits(area, self.taken)]
        covered = [_shared(area, _corners([box])[0]) for area in areas]
        return areas[int(np.argmin(covered))][:2] if areas else None

    def _inside(self, area):
        left, top, right, bottom = area
        return left >= 0 and top >= 0 and right <= self.width and bottom <= self.height

    def _hits(self, area, others):
        return any(_shared(area, other) > 0 for other in others)

    def _extent(self, text, size):
        """Returns width and height of a text with its ground."""
        return _length(text, size) + 2 * (size // 3), _row(size)


@functools.lru_cache(maxsize=1024)
def _length(text, size):
    return math.ceil(_font(size).getlength(text))


@functools.lru_cache(maxsize=8)
def _panel(names, width, height, size):
    """Returns the ground and the names of a panel of bars, which are the same in every frame."""
    panel = Image.new("RGB", (width, height), GROUND)
    pen = ImageDraw.Draw(panel)
    for i, name in enumerate(names):
        pen.text((size // 3, _middle(i, size)), name, fill=WHITE, font=_font(size), anchor="lm")
    return panel


def _row(size):
    """Returns the height of a line of text of this size."""
    return round(size * 1.35)


def _middle(row, size):
    """Returns the middle of a row of a panel, from its top."""
    return size // 4 + _row(size) * (row + 0.5)


def _summary(face, spans):
    parts = [f"{n} {value:+.2f}" for n, value in face.outputs.items() if spans[n][0] < 0]
    if face.expression is not None:
        parts.insert(0, f"{face.expression} {face.outputs[face.expression]:.2f}")
    return f"{face.label} {'  '.join(parts)}".strip()


def _corners(boxes):
    return [(x, y, x + width, y + height) for x, y, width, height in boxes]


def _shared(a, b):
    """Returns the area that two rectangles (left, top, right, bottom) share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


@functools.cache
def _font(size):
    return ImageFont.load_default(size)
