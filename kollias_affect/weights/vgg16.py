"""VGG-16 (Simonyan & Zisserman, 2015), trained on ImageNet, from files of Keras and MatConvNet."""

from kollias_affect.backbones.vgg import BLOCKS
from kollias_affect.weights import arrays, assignment, conventions
from kollias_affect.weights.assignment import FULLY_CONNECTED
from kollias_affect.weights.vgg_face import CONVOLUTIONS, load_vgg_face

# Names of the layers in files of Keras.
_OF_KERAS = {
    f"block{block}_conv{i}": f"conv{block}_{i}"
    for block, (count, _) in enumerate(BLOCKS, start=1)
    for i in range(1, count + 1)
} | dict(zip(("fc1", "fc2", "predictions"), FULLY_CONNECTED, strict=True))


def load_vgg16(model, path, fold=True):
    """Loads the ImageNet weights of VGG-16 into a model, with `fc6` to `fc8` where it has them.

    | content of the file | input that the weights expect |
    |---|---|
    | Keras `.h5` or `.weights.h5`, layers named `block1_conv1` … | BGR minus the ImageNet mean |
    | MatConvNet `.mat`, layers named `conv1_1` … | RGB minus the file's average |
    | `.npy`, dict, layers named `conv1_1` … | BGR minus the ImageNet mean |

    Args:
        model: `keras.Model` such as `backbones.vgg16()`, or a model that contains one.
        path: File. Its content decides which kind it is.
        fold: Whether to rewrite `conv1_1` so that the model takes RGB in [-1, 1]. Border pixels
            differ slightly, see `conventions.fold`.

    Returns:
        `ImportReport`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: `keras.applications.vgg16`; paper C §4.2.1.2.
    """
    kind = arrays.kind(path)
    if kind == "npy":
        return load_vgg_face(model, path, fold, conventions.IMAGENET_BGR)
    if kind == "mat":
        entries, average = arrays.read_matconvnet(path)
        convention = conventions.subtract_mean(conventions.IMAGENET_RGB, average)
    else:
        convention = conventions.IMAGENET_BGR
        entries = {
            _OF_KERAS.get(name, name): values
            for name, values in arrays.read_keras_entries(path).items()
        }
    return assignment.assign_weights(
        model,
        entries,
        required=CONVOLUTIONS,
        optional=FULLY_CONNECTED,
        convention=convention,
        fold=fold,
        path=path,
    )
