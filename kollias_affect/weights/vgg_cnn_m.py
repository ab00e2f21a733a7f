"""VGG-CNN-M-2048 (Chatfield et al., 2014) from MatConvNet's `imagenet-vgg-m-2048.mat`."""

from kollias_affect.weights import arrays, assignment, conventions

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
FULLY_CONNECTED = ("fc6", "fc7", "fc8")


def load_vgg_cnn_m(model, path, fold=True):
    """Fills `conv1` … `conv5` of a model, and `fc6`, `fc7`, `fc8` where it has them.

    Args:
        model: `keras.Model` such as `backbones.cnn_m(form="vgg_cnn_m_2048")`, or with one in it.
        path: `.mat` file, whose layers are HWIO and named as in the model. It expects RGB less its
            average image, which counts by its mean colour.
        fold: rewrite `conv1` so that the model takes RGB in [-1, 1]. Exact everywhere, since
            `conv1` pads nothing.

    Returns:
        `assignment.Report`.

    Raises:
        OSError: if there is no such file.
        ValueError: if the content is another, or if weights are missing or misshaped, all of
            which are named; nothing is loaded then.

    References: Chatfield et al. (2014); paper D §3.2.
    """
    layers, average = arrays.read_matconvnet(path)
    return assignment.fill(
        model,
        layers,
        required=CONVOLUTIONS,
        optional=FULLY_CONNECTED,
        convention=conventions.less_average(conventions.IMAGENET_RGB, average),
        fold=fold,
        path=path,
    )
