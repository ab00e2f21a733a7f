"""CNN-M in two forms: paper C's baseline, and the VGG-CNN-M-2048 that paper D fine-tunes."""

import keras
from keras import layers

from kollias_affect import _checks
from kollias_affect.backbones import parts

EPSILON = 1e-5  # of the batch normalisations, as in MatConvNet
# Paper C table 4: channels, kernel, stride and padding of a convolution; size and padding of the
# pooling of stride 2 after it.
AFFWILD = (
    (96, 7, 2, "valid", (3, "valid")),
    (256, 5, 2, "same", (3, "same")),
    (512, 3, 1, "same", None),
    (512, 3, 1, "same", None),
    (512, 3, 1, "same", (2, "same")),
)


def cnn_m(input_shape=(96, 96, 3), width=1.0, form="affwild", name="cnn_m"):
    """Builds the convolutional and pooling layers of CNN-M, `conv1` to `pool5`.

    The form "affwild" is table 4 of paper C, with the printed padding. The table has a row "batch
    norm" after each convolution, and the text mentions a ReLU "in the convolutional and batch
    normalisation layers". This is implemented as convolution (with bias), batch normalisation
    (epsilon 1e-5) and one ReLU, as in the public CNN-M for faces, from whose kind of weights the
    authors started. Taps: `conv1`, `conv1_bn`, `conv1_relu` and so on, `pool1`, `pool2`, `pool5`.

    The form "vgg_cnn_m_2048" normalises the first two ReLUs over neighbouring channels instead,
    and has Caffe's poolings. The published weights expect 224 x 224 pixels, for which `pool5` is
    6 x 6; the layers `fc6` (4096 units) and `fc7` (2048 units) belong to the head. Taps: `conv1`
    to `conv5` (after their ReLU), `norm1`, `norm2`, `pool1`, `pool2`, `pool5`.

    Args:
        input_shape: `(height, width, 3)`, both at least 11 ("affwild") or 41 ("vgg_cnn_m_2048");
            RGB in [-1, 1]. The published weights of the latter expect RGB in [0, 255] minus their
            average image; those in Caffe's files expect BGR.
        width: Factor on the numbers of channels, for narrow versions.
        form: `"affwild"` or `"vgg_cnn_m_2048"`.
        name: Name of the model.

    Returns:
        `keras.Model`; its output is `pool5`, `[batch, height', width', 512 * width]`.

    Raises:
        ValueError: If the form is unknown, the input is too small, or `width` is not positive.

    References: Chatfield et al. (2014), CNN-M; Albanie & Vedaldi's `vgg_m_face_bn`; paper C
    §4.1.1, table 4; paper D §3.2.
    """
    build, min_size, reason = FORMS[_checks.one_of("form", form, FORMS)]
    inputs = parts.image_input(input_shape, width, min_size, reason)
    return keras.Model(inputs, build(inputs, width), name=name)


def _affwild(x, width):
    for i, (channels, kernel, stride, padding, pooling) in enumerate(AFFWILD, start=1):
        x = layers.Conv2D(
            parts.channels(channels, width),
            kernel,
            stride,
            padding,
            name=f"conv{i}",
        )(x)
        x = layers.BatchNormalization(epsilon=EPSILON, name=f"conv{i}_bn")(x)
        x = layers.ReLU(name=f"conv{i}_relu")(x)
        if pooling:
            size, padding = pooling
            x = layers.MaxPooling2D(size, 2, padding, name=f"pool{i}")(x)
    return x


def _vgg_cnn_m_2048(x, width):
    def convolution(x, number, channels, kernel, **options):
        filters = parts.channels(channels, width)
        return layers.Conv2D(filters, kernel, activation="relu", name=f"conv{number}", **options)(x)

    x = convolution(x, 1, 96, 7, strides=2)
    x = _normalize(x, "norm1")
    x = parts.ceil_max_pool(x, "pool1")
    x = layers.ZeroPadding2D(1, name="conv2_pad")(x)
    x = convolution(x, 2, 256, 5, strides=2)
    x = _normalize(x, "norm2")
    x = parts.ceil_max_pool(x, "pool2")
    for number in (3, 4, 5):
        x = convolution(x, number, 512, 3, padding="same")
    return parts.ceil_max_pool(x, "pool5")


def _normalize(x, name):
    # The prototxt's alpha is 5e-4, which Caffe divides by the 5 channels of the window.
    return parts.local_response_normalization(x, alpha=5e-4 / 5, beta=0.75, bias=2, name=name)


# Form: function, minimum size of the input, and the reason for that size.
FORMS = {
    "affwild": (_affwild, 11, "an unpadded convolution and an unpadded pooling come first"),
    "vgg_cnn_m_2048": (_vgg_cnn_m_2048, 41, "two convolutions and three poolings halve it"),
}
