"""Input conventions of networks, and their conversion to that of this package."""

import dataclasses

import numpy as np

from kollias_affect import _checks


@dataclasses.dataclass(frozen=True)
class InputConvention:
    """Input convention of a network: `(pixels - mean) * scale`, for pixels in 0–255.

    Args:
        colour: Order of the channels, `"RGB"` or `"BGR"`.
        scale: Factor, 1 for the range 0–255; or three, in the order `colour`.
        mean: Three numbers in 0–255, in the order `colour`.

    Raises:
        ValueError: If the order is unknown, or numbers are out of range.

    Example:

    >>> from kollias_affect import weights
    >>> convention = weights.InputConvention("BGR", mean=(100, 110, 120))
    >>> convention.prepare([[255, 128, 0]]).tolist()
    [[-100.0, 18.0, 135.0]]
    """

    colour: str
    scale: float | tuple = 1.0
    mean: tuple = (0.0, 0.0, 0.0)

    def __post_init__(self):
        _checks.one_of("colour", self.colour, ("RGB", "BGR"))
        mean = tuple(float(value) for value in np.ravel(self.mean))
        scale = np.ravel(self.scale)
        is_finite = np.isfinite([*mean, *scale]).all()
        if len(mean) != 3 or len(scale) not in (1, 3) or not is_finite or (scale <= 0).any():
            raise ValueError(
                "An input convention must have a positive `scale`, or three, and three numbers as "
                f"`mean`. Received: scale={self.scale}, mean={self.mean}. Give the mean as in "
                f"{VGG_FACE_RGB}."
            )
        object.__setattr__(self, "mean", mean)

    def prepare(self, images):
        """Converts RGB images in 0–255, `[..., 3]`, to the network's input.

        Args:
            images: Array of numbers in 0–255, RGB.

        Returns:
            float32 array of the same shape.
        """
        pixels = np.asarray(images, "float64")
        pixels = pixels[..., ::-1] if self.colour == "BGR" else pixels
        return ((pixels - self.mean) * self.scale).astype("float32")


# This package's images: RGB in [-1, 1].
OURS = InputConvention("RGB", 1 / 127.5, (127.5, 127.5, 127.5))

# Parkhi et al. (2015): the files of MatConvNet are RGB; those of Caffe and Torch, and files that
# were converted from them, are BGR.
VGG_FACE_RGB = InputConvention("RGB", 1.0, (129.1863, 104.7624, 93.5940))
VGG_FACE_BGR = InputConvention("BGR", 1.0, (93.5940, 104.7624, 129.1863))
# deepface feeds BGR in [0, 1] to its copy of the weights, and subtracts a mean only on request.
DEEPFACE = InputConvention("BGR", 1 / 255)

# Caffe's ILSVRC-2012 mean image, averaged over its pixels.
ALEXNET = InputConvention("BGR", 1.0, (104.00699, 116.66877, 122.67891))
# The ImageNet mean that Keras ("caffe" mode) and slim (in RGB) subtract.
IMAGENET_BGR = InputConvention("BGR", 1.0, (103.939, 116.779, 123.68))
IMAGENET_RGB = InputConvention("RGB", 1.0, (123.68, 116.779, 103.939))
# Keras' "torch" mode: RGB in [0, 1], minus mean, divided by standard deviation.
IMAGENET_STANDARDIZED = InputConvention(
    "RGB",
    tuple(1 / (255 * std) for std in (0.229, 0.224, 0.225)),
    tuple(255 * mean for mean in (0.485, 0.456, 0.406)),
)


def subtract_mean(convention, average):
    """Sets the mean of a convention to the mean colour of a file's average image.

    Args:
        convention: `InputConvention` in RGB.
        average: `[1, 1, 3]`, `[height, width, 3]`, any shape of three numbers; or `None`, which
            leaves the convention unchanged.

    Returns:
        `InputConvention`.

    Raises:
        ValueError: If the average image has another shape.
    """
    if average is None:
        return convention
    average = np.asarray(average, "float64")
    if average.size != 3 and average.shape[-1] != 3:
        raise ValueError(
            "An average image must be [height, width, 3] or three numbers. Received: shape "
            f"{average.shape}. Correct the file."
        )
    return dataclasses.replace(convention, mean=tuple(average.reshape(-1, 3).mean(axis=0)))


def fold(kernel, bias, convention):
    """Rewrites the first convolution of a network so that it takes RGB in [-1, 1].

    Formula: With `pixels = 127.5 (x + 1)`, `sum K s (pixels - m) + b` is
    `sum (127.5 s K) x + b + sum K s (127.5 - m)`, where s and m may differ between channels. For
    BGR, K's input channels are reversed.

    This is exact where the kernel lies completely on the image. Results differ where the kernel
    covers zero padding, because zero means mid-grey (127.5) now and meant the mean colour before.
    The difference is `sum K s (127.5 - m)` over the padded positions. With random weights on
    photographs of faces of 96 x 96 pixels, the outermost pixels of VGG-Face's `conv1_1` differed
    by up to 0.9 standard deviations of that layer, the other pixels did not differ, and `pool5`
    differed by up to 0.04. For `DEEPFACE`, whose mean is black, these were 3.1 and 0.09.

    Args:
        kernel: `[height, width, 3, filters]`.
        bias: `[filters]`, or `None` for a convolution without bias. Then subtract the returned
            bias from the moving mean of the following batch normalisation.
        convention: `InputConvention` of the weights.

    Returns:
        `(kernel, bias)` in float32, computed in float64.

    Raises:
        ValueError: If the kernel has another shape.
    """
    kernel = np.asarray(kernel, "float64")
    if kernel.ndim != 4 or kernel.shape[2] != 3:
        raise ValueError(
            "The first convolution's kernel must be [height, width, 3, filters]. Received: shape "
            f"{kernel.shape}. Transpose it, or pass `fold=False`."
        )
    scaled = kernel * np.reshape(convention.scale, (-1, 1))  # a factor for each input channel
    bias = (0.0 if bias is None else np.asarray(bias, "float64")) + np.einsum(
        "hwcf,c->f", scaled, 127.5 - np.array(convention.mean)
    )
    scaled = scaled[:, :, ::-1] if convention.colour == "BGR" else scaled
    return (127.5 * scaled).astype("float32"), bias.astype("float32")
