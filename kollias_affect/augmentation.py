"""Random changes of aligned faces in training: the images, their landmarks, and what stays.

Every change is drawn from a seed of its window alone. The seed depends on the run's seed, the epoch
and the place of the window in the epoch, so a training that resumes sees the same pictures as one
that was never interrupted. `keras.layers.Random*` cannot promise that inside `tf.data`, know no
landmarks, and draw anew for every frame.
"""

import dataclasses
import math
import numbers

import tensorflow as tf

from kollias_affect import _checks

PER = ("window", "frame")
STANDARD = "standard"

# The 68 points seen in a mirror: point i of the mirrored face is point MIRRORED[i] of the face.
MIRRORED = (
    *range(16, -1, -1),  # jaw
    *range(26, 16, -1),  # brows
    *(27, 28, 29, 30),  # bridge of the nose
    *range(35, 30, -1),  # nostrils
    *(45, 44, 43, 42, 47, 46),  # the right eye takes the place of the left one
    *(39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48),  # outer lips
    *(59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60),  # inner lips
    *(67, 66, 65),
)
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_SIGMAS = (0.002, 0.02)  # of the blur, in shares of the side
_AREAS = (0.02, 0.2)  # of the occluded rectangle, in shares of the image
_LARGEST_ASPECT = 3.3


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of windows of aligned faces.

    Valence, arousal, expressions and action units stay: none of them names a side of the face. The
    landmarks move with the image, and in a mirrored face each point takes the name of its opposite.

    Attributes:
        flip: Probability of mirroring, in [0, 1].
        shift: Largest shift of the crop along each axis, in shares of its side, below 0.5. Pixels
            that come in repeat the border.
        zoom: Largest change of the size: the factor lies in [1 - zoom, 1 + zoom].
        rotation: Largest angle in degrees, below 90.
        colour: Largest change of brightness, contrast and saturation: each factor lies in
            [1 - colour, 1 + colour].
        blur: Probability of a Gaussian blur of 0.2 to 2 % of the side.
        occlusion: Probability of a rectangle of one colour on 2 to 20 % of the image.
        per: `"window"` draws once for all frames of a window, as one camera and one head would
            show them; `"frame"` draws for every frame.

    Raises:
        ValueError: If a number is out of range, or `per` is unknown.

    Example:

    >>> Augmentation(rotation=0, blur=0).flip
    0.5

    References: Zhong et al. (AAAI 2020) for random rectangles, with their shares and aspects.
    """

    flip: float = 0.5
    shift: float = 0.04
    zoom: float = 0.08
    rotation: float = 6.0
    colour: float = 0.2
    blur: float = 0.1
    occlusion: float = 0.2
    per: str = "window"

    def __post_init__(self):
        limits = {"flip": 1, "shift": 0.5, "zoom": 1, "rotation": 90, "colour": 1}
        limits |= {"blur": 1, "occlusion": 1}
        for name, most in limits.items():
            value = getattr(self, name)
            includes = name in ("flip", "blur", "occlusion", "colour")
            real = isinstance(value, numbers.Real) and math.isfinite(value)
            if not real or not 0 <= value <= most or (value == most and not includes):
                raise ValueError(
                    f"`{name}` of an augmentation must be a number of at least 0 and "
                    f"{'at most' if includes else 'below'} {most}. Received: {name}={value!r}. "
                    "Choose one in between."
                )
        _checks.one_of("per", self.per, PER)

    def __call__(self, images, landmarks, seed):
        """Changes one window.

        Args:
            images: uint8 tensor `[length, size, size, 3]`.
            landmarks: float32 tensor `[length, 136]` in [-1, 1], or `None`.
            seed: int32 tensor `[2]`.

        Returns:
            `(images, landmarks)` of the same types and shapes.
        """
        count = 1 if self.per == "window" else tf.shape(images)[0]
        values = tf.cast(images, tf.float32)
        for number, change in enumerate((self._move, self._colour, self._blur, self._occlude)):
            values, landmarks = change(values, landmarks, _Draws(seed, count, number))
        # uint8 again: what follows is the same with and without augmentation.
        return tf.cast(tf.round(tf.clip_by_value(values, 0, 255)), tf.uint8), landmarks

    def _move(self, images, landmarks, draws):
        """Mirrors, then shrinks, turns and shifts around the middle of the crop."""
        if not (self.flip or self.shift or self.zoom or self.rotation):
            return images, landmarks
        mirrored = draws.happens(self.flip)
        factor = draws.uniform(1 - self.zoom, 1 + self.zoom)
        angle = draws.uniform(-1, 1) * (self.rotation * math.pi / 180)
        right, down = (draws.uniform(-1, 1) * self.shift for _ in range(2))
        side = tf.cast(tf.shape(images)[1], tf.float32)
        sign = 1 - 2 * mirrored
        cosine, sine = factor * tf.cos(angle), factor * tf.sin(angle)
        # From a point of the face to its new place, in units in which the crop is [-1, 1].
        matrix = tf.stack([cosine * sign, -sine, sine * sign, cosine], axis=1)
        move = tf.stack([right, down], axis=1) * 2 * side / (side - 1)
        images = _warped(images, tf.reshape(matrix, (-1, 2, 2)), move)
        if landmarks is None:
            return images, None
        points = tf.reshape(landmarks, (-1, 68, 2))
        points = tf.einsum("nij,npj->npi", _each(tf.reshape(matrix, (-1, 2, 2)), points), points)
        points += move[:, None]
        opposite = tf.gather(points, MIRRORED, axis=1)
        points = tf.where(mirrored[:, None, None] > 0, opposite, points)
        return images, tf.reshape(points, tf.shape(landmarks))

    def _colour(self, images, landmarks, draws):
        """Changes brightness, contrast and saturation."""
        if not self.colour:
            return images, landmarks
        factors = [draws.uniform(1 - self.colour, 1 + self.colour) for _ in range(3)]
        brightness, contrast, saturation = (f[:, None, None, None] for f in factors)
        images = tf.clip_by_value(images * brightness, 0, 255)
        mean = tf.reduce_mean(_grey(images), axis=(1, 2), keepdims=True)
        images = tf.clip_by_value(mean + (images - mean) * contrast, 0, 255)
        grey = _grey(images)
        return tf.clip_by_value(grey + (images - grey) * saturation, 0, 255), landmarks

    def _blur(self, images, landmarks, draws):
        """Blurs by a Gaussian."""
        if not self.blur:
            return images, landmarks
        happens = draws.happens(self.blur)
        side = images.shape[1]
        sigma = draws.uniform(*_SIGMAS) * side
        radius = max(1, math.ceil(3 * _SIGMAS[1] * side))
        distance = tf.range(-radius, radius + 1, dtype=tf.float32)
        weights = tf.exp(-0.5 * (distance / sigma[:, None]) ** 2)
        alone = tf.cast(distance == 0, tf.float32)  # a picture that stays sharp
        weights = tf.where(happens[:, None] > 0, weights, alone)
        weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
        blurred = lambda: _smoothed(images, weights, radius)  # noqa: E731 - for `cond`
        return tf.cond(tf.reduce_any(happens > 0), blurred, lambda: images), landmarks

    def _occlude(self, images, landmarks, draws):
        """Covers a rectangle with one colour."""
        if not self.occlusion:
            return images, landmarks
        happens = draws.happens(self.occlusion)
        limit = math.log(_LARGEST_ASPECT)
        aspect = tf.exp(draws.uniform(-limit, limit) / 2)
        root = tf.sqrt(draws.uniform(*_AREAS))
        spans = [tf.minimum(root * aspect, 1), tf.minimum(root / aspect, 1)]
        starts = [draws.uniform(0, 1) * (1 - span) for span in spans]
        colour = tf.stack([draws.uniform(0, 255) for _ in range(3)], axis=1)[:, None, None]
        places = (tf.range(images.shape[1], dtype=tf.float32) + 0.5) / images.shape[1]
        rows, columns = (
            (places >= start[:, None]) & (places < (start + span)[:, None])
            for start, span in zip(starts, spans, strict=True)
        )
        covered = rows[:, :, None, None] & columns[:, None, :, None]
        covered &= happens[:, None, None, None] > 0
        return tf.where(covered, colour, images), landmarks


class _Draws:
    """Independent random numbers, `[count]` each, that depend on the seed and their order alone."""

    def __init__(self, seed, count, number):
        self.seed, self.count, self.next = tf.cast(seed, tf.int32), count, 100 * number

    def uniform(self, low, high):
        self.next += 1
        seed = self.seed + tf.constant([0, self.next])
        return tf.random.stateless_uniform([self.count], seed, low, high)

    def happens(self, probability):
        return tf.cast(self.uniform(0, 1) < probability, tf.float32)


def _each(matrix, points):
    """Repeats the only matrix of a window for each of its frames."""
    return tf.broadcast_to(matrix, (tf.shape(points)[0], 2, 2))


def _warped(images, matrix, move):
    """Maps every point p of the images to `matrix p + move`, in units of [-1, 1]."""
    side = tf.cast(tf.shape(images)[1], tf.float32)
    middle = (side - 1) / 2
    # The operation wants the place in the input of each pixel of the output.
    inverse = tf.linalg.inv(matrix)
    start = middle - tf.einsum("nij,nj->ni", inverse, middle + move * middle)
    row = tf.concat([inverse, start[:, :, None]], axis=2)  # [n, 2, 3]
    flat = tf.concat([tf.reshape(row, (-1, 6)), tf.zeros_like(row[:, 0, :2])], axis=1)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=flat, output_shape=tf.shape(images)[1:3],
        fill_value=0.0, interpolation="BILINEAR", fill_mode="NEAREST",
    )  # fmt: skip
    return tf.ensure_shape(warped, images.shape)


def _grey(images):
    return tf.reduce_sum(images * _LUMA, axis=-1, keepdims=True)


def _smoothed(images, weights, radius):
    """Convolves rows and columns with the weights `[1 or images, 2 radius + 1]`."""
    for axis in (1, 2):
        paddings = [[0, 0]] * 4
        paddings[axis] = [radius, radius]
        side, padded = images.shape[axis], tf.pad(images, paddings, "SYMMETRIC")
        parts = [
            tf.gather(padded, tf.range(i, i + side), axis=axis) * weights[:, i][:, None, None, None]
            for i in range(2 * radius + 1)
        ]
        images = tf.add_n(parts)
    return images


def parse(text):
    """Returns the `Augmentation` that a text names.

    Args:
        text: `"standard"`; or numbers of some changes, `"flip=0.5,colour=0.3"`, with which the
            others are off; or both, `"standard,occlusion=0.5,per=frame"`.

    Raises:
        ValueError: If a name is unknown, or a number is out of range.

    Example:

    >>> parse("flip=0.5,per=frame")
    Augmentation(flip=0.5, shift=0, zoom=0, rotation=0, colour=0, blur=0, occlusion=0, per='frame')
    """
    names = [field.name for field in dataclasses.fields(Augmentation)]
    first, *others = parts = [part.strip() for part in str(text).split(",")]
    options = dict.fromkeys(names[:-1], 0)
    if first == STANDARD:
        options, parts = {}, others
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(
                "`augment` must be 'standard', or NAME=NUMBER with commas, with names of "
                f"{tuple(names)}. Received: {text!r}. Write, for example, flip=0.5,colour=0.2."
            )
        _checks.one_of("augment", name, names)
        options[name] = value if name == "per" else _number(name, value)
    return Augmentation(**options)


def _number(name, text):
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"`{name}` of an augmentation must be a number. Received: {name}={text!r}. Write, for "
            f"example, {name}=0.1."
        ) from None


def resolve(value):
    """Returns an `Augmentation` from one, from a text of `parse`, from a dict, or from `None`."""
    if value is None or isinstance(value, Augmentation):
        return value
    return Augmentation(**value) if isinstance(value, dict) else parse(value)
