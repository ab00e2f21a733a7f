"""VGG-Face (Parkhi et al., 2015) from files of MatConvNet, Keras, Caffe and Torch."""

import math
import re

from kollias_affect.backbones.vgg import BLOCKS
from kollias_affect.weights import arrays, assignment, conventions
from kollias_affect.weights.assignment import FULLY_CONNECTED

CONVOLUTIONS = tuple(
    f"conv{block}_{i}" for block, (count, _) in enumerate(BLOCKS, 1) for i in range(1, count + 1)
)
_LAYERS = (*CONVOLUTIONS, *FULLY_CONNECTED)


def load_vgg_face(model, path, fold=True, convention=None):
    """Loads the weights of VGG-Face into a model, with `fc6` to `fc8` where it has them.

    | content of the file | layout | input that the weights expect |
    |---|---|---|
    | MatConvNet `.mat`, `layers` at the top or in `net` | HWIO | RGB minus the file's average |
    | Keras `.h5`, layers named `conv1_1` … | HWIO, dense `fc6` on [H, W, C] | BGR minus mean |
    | Keras `.h5`, Sequential, 13 or 16 layers in order | HWIO, also `fc6` | BGR in [0, 1] |
    | `.npy`, dict | OIHW, `fc6` on [C, H, W]; or HWIO | BGR minus mean |

    Only the mean colour of an average image is used, since a convolution has one bias for all
    pixels. The third kind is that of deepface, which feeds BGR in [0, 1]. Its weights come from
    networks that were trained on 0–255 minus mean, so `conventions.VGG_FACE_BGR` may suit better.

    Args:
        model: `keras.Model` with the layers `conv1_1` to `conv5_3`, or a model that contains one.
        path: File. Its content decides which kind it is.
        fold: Whether to rewrite `conv1_1` so that the model takes RGB in [-1, 1]. Border pixels
            differ slightly, see `conventions.fold`.
        convention: `InputConvention` of the weights. Default: that of the table.

    Returns:
        `ImportReport`. Fully connected layers that the model lacks or has in another shape are in
        `unused`.

    Raises:
        OSError: If the file does not exist.
        ValueError: If the file has other content, or if weights are missing or have other shapes.
            The message names all of them, and no weights are assigned.

    References: Parkhi et al. (2015); paper C §4.2.1.2.
    """
    readers = {"mat": _from_mat, "h5": _from_h5, "npy": _from_npy}
    entries, default, unused = readers[arrays.kind(path)](path)
    return assignment.assign_weights(
        model,
        entries,
        required=CONVOLUTIONS,
        optional=FULLY_CONNECTED,
        convention=convention or default,
        fold=fold,
        path=path,
        unused=unused,
    )


# Each reader returns arrays by layer, the input convention, and the names of other contents.


def _from_mat(path):
    layers, average = arrays.read_matconvnet(path)
    return layers, conventions.subtract_mean(conventions.VGG_FACE_RGB, average), ()


def _from_h5(path):
    layers = {name: [*parts.values()] for name, parts in arrays.read_keras_h5(path).items()}
    layers = {name: parts for name, parts in layers.items() if parts}
    if any(name in layers for name in CONVOLUTIONS):
        return {k: _kernel_and_bias(v) for k, v in layers.items()}, conventions.VGG_FACE_BGR, ()
    if any(re.match(r"block\d_conv\d", name) for name in layers):
        raise ValueError(
            "`path` must be weights of VGG-Face. Received: "
            f"{path}, whose layers are named like those of Keras' VGG16, which is trained on "
            "ImageNet. Use the file of VGG-Face, or `load_vgg16`."
        )
    if len(layers) not in (len(CONVOLUTIONS), len(_LAYERS)):
        raise ValueError(
            f"An .h5 file of VGG-Face has layers named {CONVOLUTIONS[0]} …, or 13 or 16 layers "
            f"with weights in the network's order. Received: {path} with {len(layers)}: "
            f"{', '.join(layers)}. Use the file of the complete network."
        )
    in_order = zip(_LAYERS, layers.values(), strict=False)
    return {name: _kernel_and_bias(parts) for name, parts in in_order}, conventions.DEEPFACE, ()


def _kernel_and_bias(parts):
    return [*parts, None, None][:2]


def _from_npy(path):
    layers, unused = arrays.pairs(arrays.read_npy(path))
    # Older versions of Caffe store biases as [1, 1, 1, outputs].
    layers = {k: (kernel, None if b is None else b.ravel()) for k, (kernel, b) in layers.items()}
    complete = {
        k: pair
        for k, pair in layers.items()
        if k in _LAYERS and all(part is not None for part in pair)
    }
    layout = _layout(complete, path)
    if layout == "OIHW":
        _check_fully_connected(complete, _caffe_outputs, path)
        channels = complete[CONVOLUTIONS[-1]][1].size if CONVOLUTIONS[-1] in complete else None
        for name, (kernel, bias) in complete.items():
            if name in CONVOLUTIONS:
                layers[name] = (_convolution(kernel, bias.size), bias)
            else:
                inputs = channels if name == "fc6" else None
                layers[name] = (_fully_connected(kernel, bias.size, inputs), bias)
    else:
        _check_fully_connected(complete, lambda kernel, _: kernel.shape[-1], path)
    return layers, conventions.VGG_FACE_BGR, unused


def _check_fully_connected(complete, outputs_of, path):
    for name, (kernel, bias) in complete.items():
        if name in FULLY_CONNECTED and outputs_of(kernel, bias) != bias.size:
            raise ValueError(
                "Fully connected kernels of a .npy file must be laid out like its convolutions: "
                "[inputs, outputs] beside [height, width, channels, filters], [outputs, inputs] "
                f"beside [filters, channels, height, width]. Received: {path} with {name} "
                f"{kernel.shape}. Transpose it, or leave it out."
            )


def _layout(complete, path):
    """Returns the layout that the shapes of all convolutions allow, `"HWIO"` or `"OIHW"`."""
    allowed, is_known = {"HWIO", "OIHW"}, False
    for name in set(CONVOLUTIONS).intersection(complete):
        # `assign_weights` reports kernels that fit no layout.
        if layouts := _layouts_of(*complete[name]):
            allowed, is_known = allowed & layouts, True
    if is_known and len(allowed) == 1:
        return allowed.pop()
    shapes = ", ".join(f"{k} {complete[k][0].shape}" for k in CONVOLUTIONS if k in complete)
    raise ValueError(
        "The kernels of a .npy file must be all [height, width, channels, filters] or all "
        f"[filters, channels, height, width]. Received: {path}, whose kernels "
        f"{'could be either' if is_known and allowed else 'are not'}: {shapes or 'none'}. "
        "Use the complete network, or save kernels as [height, width, channels, filters]."
    )


def _layouts_of(kernel, bias):
    """Returns the set of layouts that the shape of a convolution allows."""
    layouts = set()
    if kernel.ndim == 4 and kernel.shape[:2] == (3, 3) and kernel.shape[3] == bias.size:
        layouts.add("HWIO")
    if kernel.ndim == 4 and kernel.shape[2:] == (3, 3) and kernel.shape[0] == bias.size:
        layouts.add("OIHW")
    if kernel.ndim <= 2 and kernel.size % (9 * bias.size) == 0:  # Torch flattens OIHW.
        layouts.add("OIHW")
    return layouts


def _convolution(kernel, filters):
    """Converts a kernel from OIHW, flat or not, to HWIO; returns other kernels unchanged."""
    if kernel.ndim == 4 or kernel.size % (9 * filters):
        return kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel
    return kernel.reshape(filters, -1, 3, 3).transpose(2, 3, 1, 0)


def _caffe_outputs(kernel, bias):
    """Returns the number of outputs of a fully connected kernel of Caffe or Torch."""
    if kernel.ndim == 1:  # A flat kernel only has to be a multiple of the bias.
        return bias.size if kernel.size % bias.size == 0 else 0
    return kernel.shape[0 if _is_convolution(kernel) else -2]


def _is_convolution(kernel):
    # Older Caffe has [1, 1, outputs, inputs] in fully connected layers.
    return kernel.ndim == 4 and kernel.shape[:2] != (1, 1)


def _fully_connected(kernel, outputs, channels):
    """Converts Caffe's or Torch's `[outputs, inputs]` to `[inputs, outputs]`, or to HWIO.

    The inputs of `fc6`, which have `channels`, are flattened from [C, H, W] there and from
    [H, W, C] here.
    """
    if _is_convolution(kernel):
        return kernel.transpose(2, 3, 1, 0)
    kernel = kernel.reshape(outputs, -1)
    side = math.isqrt(kernel.shape[1] // channels) if channels else 0
    if channels and side * side * channels == kernel.shape[1]:
        return kernel.reshape(outputs, channels, side, side).transpose(2, 3, 1, 0)
    return kernel.T
