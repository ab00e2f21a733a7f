"""What a network expects its pixels to be, and how to make it take this package's images."""

import dataclasses

import numpy as np

from kollias_affect import _checks


@dataclasses.dataclass(frozen=True)
class InputConvention:
    """A network's input is `(pixels - mean) * scale`, for pixels in 0–255 in the order `colour`.

    Args:
        colour: `"RGB"` or `"BGR"`.
        scale: factor, 1 for 0–255.
        mean: three numbers on the scale 0–255, in the order `colour`.
    """

    colour: str
    scale: float = 1.0
    mean: tuple = (0.0, 0.0, 0.0)

    def __post_init__(self):
        _checks.one_of("colour", self.colour, ("RGB", "BGR"))
        mean = tuple(float(value) for value in np.ravel(self.mean))
        if len(mean) != 3 or not np.isfinite([*mean, self.scale]).all() or self.scale <= 0:
            raise ValueError(
                "An input convention has a positive `scale` and three numbers as `mean`. Received: "
                f"scale={self.scale}, mean={self.mean}. Give the mean as in {VGG_FACE_RGB}."
            )
        object.__setattr__(self, "mean", mean)

    def prepare(self, images):
        """RGB images in 0–255, `[..., 3]`, as the network expects them, in float32."""
        pixels = np.asarray(images, "float64")
        pixels = pixels[..., ::-1] if self.colour == "BGR" else pixels
        return ((pixels - self.mean) * self.scale).astype("float32")


# This package's images: RGB in [-1, 1].
OURS = InputConvention("RGB", 1 / 127.5, (127.5, 127.5, 127.5))

# Parkhi et al. (2015): MatConvNet's files are RGB; Caffe's, Torch's and what was made of them, BGR.
VGG_FACE_RGB = InputConvention("RGB", 1.0, (129.1863, 104.7624, 93.5940))
VGG_FACE_BGR = InputConvention("BGR", 1.0, (93.5940, 104.7624, 129.1863))
# deepface feeds its copy of the weights with BGR in [0, 1], and subtracts a mean only on demand.
DEEPFACE = InputConvention("BGR", 1 / 255)

# Caffe's ILSVRC-2012 mean image, averaged over its pixels.
ALEXNET = InputConvention("BGR", 1.0, (104.00699, 116.66877, 122.67891))
# The ImageNet mean that Keras ("caffe" mode) and slim (in RGB) subtract.
IMAGENET_BGR = InputConvention("BGR", 1.0, (103.939, 116.779, 123.68))
IMAGENET_RGB = InputConvention("RGB", 1.0, (123.68, 116.779, 103.939))


def less_average(convention, average):
    """`convention` with the mean colour of a file's average image, if the file has one.

    Args:
        convention: `InputConvention` in RGB.
        average: `[1, 1, 3]`, `[height, width, 3]`, any shape of three numbers, or `None`.
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
    """Rewrites a first convolution for `convention` so that it takes RGB in [-1, 1].

    Formula: with `pixels = 127.5 (x + 1)`, `sum K s (pixels - m) + b` is
    `sum (127.5 s K) x + b + sum K s (127.5 - m)`; for BGR, K's input channels are turned round.

    Exact wherever the kernel lies wholly on the image. Where it hangs over a border that the
    layer pads with zeros, results differ: zero stands for mid-grey (127.5) now, and stood for the
    mean colour before. The difference there is `sum K s (127.5 - m)` over the taps outside. With
    random weights on photographs of faces of 96 x 96, the outermost pixels of VGG-Face's
    `conv1_1` differed by up to 0.9 standard deviations of that layer and all others by none,
    `pool5` by up to 0.04; for `DEEPFACE`, whose mean is black, by 3.1 and 0.09.

    Args:
        kernel: `[height, width, 3, filters]`.
        bias: `[filters]`, or `None` for a convolution without bias. Then subtract the returned
            bias from the moving mean of the batch normalisation that follows.
        convention: `InputConvention` of the weights.

    Returns:
        `(kernel, bias)` in float32, computed in float64.
    """
    kernel = np.asarray(kernel, "float64")
    if kernel.ndim != 4 or kernel.shape[2] != 3:
        raise ValueError(
            "The first convolution's kernel must be [height, width, 3, filters]. Received: shape "
            f"{kernel.shape}. Transpose it, or pass `fold=False`."
        )
    scaled = kernel * convention.scale
    bias = (0.0 if bias is None else np.asarray(bias, "float64")) + np.einsum(
        "hwcf,c->f", scaled, 127.5 - np.array(convention.mean)
    )
    scaled = scaled[:, :, ::-1] if convention.colour == "BGR" else scaled
    return (127.5 * scaled).astype("float32"), bias.astype("float32")
