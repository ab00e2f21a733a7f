"""VGG-CNN-M-2048 (Chatfield et al., 2014) from MatConvNet's `imagenet-vgg-m-2048.mat`."""

from kollias_affect.weights import arrays, assignment, conventions
from kollias_affect.weights.assignment import FULLY_CONNECTED

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")


def load_vgg_cnn_m(model, path, fold=True):
    """Loads the weights of VGG-CNN-M-2048 into a model, with `fc6` to `fc8` where it has them.

    Args:
        model: `keras.Model` such as `backbones.cnn_m(form="vgg_cnn_m_2048")`, or a model that
            contains one.
        path: `.mat` file, whose kernels are HWIO and whose layers are named as in the model. The
            weights expect RGB minus the file's average image; its mean colour is used.
        fold: Whether to rewrite `conv1` so that the model takes RGB in [-1, 1]. This is exact
            everywhere, since `conv1` has no padding.

    Returns:
        `ImportReport`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: Chatfield et al. (2014); paper D §3.2.
    """
    layers, average = arrays.read_matconvnet(path)
    return assignment.assign_weights(
        model,
        layers,
        required=CONVOLUTIONS,
        optional=FULLY_CONNECTED,
        convention=conventions.subtract_mean(conventions.IMAGENET_RGB, average),
        fold=fold,
        path=path,
    )
