"""Layers of Keras as nodes of an ONNX graph: one short function for each type.

A function takes the graph, the layer, its input (a `Tensor`, or a list of them) and the shape of
its output, and returns a `Tensor`. To add a layer, write one and add a line to `LAYERS`.
"""

import numpy as np
from keras import layers, ops

from kollias_affect.layers import CentroidOutputs, MovingAverage, PeepholeLSTM, RotaryAttention
from kollias_affect.models.exporting import activations, centroids, over_time
from kollias_affect.models.exporting.graph import Tensor
from kollias_affect.models.exporting.recurrent import recurrent_nodes


def activated(graph, layer, name, tensor):
    """Applies the activation of a layer to a tensor."""
    kind = activations.name_of(layer.activation, activations.ACTIVATIONS, layer)
    if kind == "softmax":  # It runs over the last axis.
        tensor = graph.last(tensor)
    result = activations.ACTIVATIONS[kind](graph, tensor.name, name)
    return Tensor(result, tensor.shape, tensor.channels_first)


def identity(graph, layer, x, shape):
    """Layers that change nothing in inference."""
    return x


def _activation(graph, layer, x, shape):
    return activated(graph, layer, layer.name, x)


def _relu(graph, layer, x, shape):
    if layer.negative_slope or layer.threshold or layer.max_value not in (None, 6):
        raise ValueError(
            "ReLU layers of ONNX files have the slope 0, the threshold 0 and the maximum 6 or none."
            f" Received: {layer.name!r}. Use another format."
        )
    kind = "relu" if layer.max_value is None else "relu6"
    return Tensor(activations.ACTIVATIONS[kind](graph, x.name, layer.name), shape, x.channels_first)


def _leaky_relu(graph, layer, x, shape):
    name = graph.add("LeakyRelu", [x.name], layer.name, alpha=float(layer.negative_slope))
    return Tensor(name, shape, x.channels_first)


def _softmax(graph, layer, x, shape):
    name = graph.add("Softmax", [graph.last(x).name], layer.name, axis=layer.axis)
    return Tensor(name, shape)


def _dense(graph, layer, x, shape):
    x = graph.last(x)
    kernel = graph.weight(f"{layer.name}/kernel", layer.kernel)
    names = [kernel]
    if layer.use_bias:
        names.append(graph.weight(f"{layer.name}/bias", layer.bias))
    if len(x.shape) == 2:
        result = graph.add("Gemm", [x.name, *names], f"{layer.name}_gemm")
    else:
        result = graph.add("MatMul", [x.name, kernel], f"{layer.name}_matmul")
        if layer.use_bias:
            result = graph.add("Add", [result, names[1]], f"{layer.name}_add")
    return activated(graph, layer, layer.name, Tensor(result, shape))


def _pads(sides, kernel, strides, dilation, padding):
    """Returns the padding at the start and the end of each axis, as Keras pads."""
    if padding == "valid":
        return [0] * 4
    starts, ends = [], []
    for side, size, stride, step in zip(sides, kernel, strides, dilation, strict=True):
        extent = (size - 1) * step + 1
        total = max((-(-side // stride) - 1) * stride + extent - side, 0)
        starts.append(total // 2)
        ends.append(total - total // 2)
    return starts + ends


def _convolve(graph, layer, x, kernel, groups, bias, name, strides=None):
    """Adds one convolution; the kernel is `[height, width, inputs, outputs]`."""
    strides = list(strides or layer.strides)
    sizes, dilation = list(kernel.shape[:2]), list(layer.dilation_rate)
    names = [x.name, graph.weight(f"{name}/kernel", kernel.transpose(3, 2, 0, 1))]
    if bias is not None:
        names.append(graph.weight(f"{name}/bias", bias))
    return graph.add(
        "Conv",
        names,
        f"{name}_conv",
        kernel_shape=sizes,
        strides=strides,
        dilations=dilation,
        group=groups,
        pads=_pads(x.shape[1:3], sizes, strides, dilation, layer.padding),
    )


def _conv(graph, layer, x, shape):
    kernel, bias = np.asarray(layer.kernel), layer.bias if layer.use_bias else None
    result = _convolve(graph, layer, graph.first(x), kernel, layer.groups, bias, layer.name)
    return activated(graph, layer, layer.name, Tensor(result, shape, True))


def _depthwise_kernel(kernel):
    """Converts `[height, width, channels, multiplier]` to one input channel per group."""
    kernel = np.asarray(kernel)
    return kernel.reshape(*kernel.shape[:2], 1, -1)


def _depthwise(graph, layer, x, shape):
    kernel, bias = _depthwise_kernel(layer.kernel), layer.bias if layer.use_bias else None
    groups = x.shape[-1]
    result = _convolve(graph, layer, graph.first(x), kernel, groups, bias, layer.name)
    return activated(graph, layer, layer.name, Tensor(result, shape, True))


def _separable(graph, layer, x, shape):
    kernel = _depthwise_kernel(layer.depthwise_kernel)
    middle = _convolve(
        graph, layer, graph.first(x), kernel, x.shape[-1], None, f"{layer.name}_depthwise"
    )
    middle = Tensor(middle, (*shape[:3], kernel.shape[-1]), True)
    point, bias = np.asarray(layer.pointwise_kernel), layer.bias if layer.use_bias else None
    result = _convolve(graph, layer, middle, point, 1, bias, layer.name, (1, 1))
    return activated(graph, layer, layer.name, Tensor(result, shape, True))


def _pool(operator, **attributes):
    def apply(graph, layer, x, shape):
        x, sizes, strides = graph.first(x), list(layer.pool_size), list(layer.strides)
        pads = _pads(x.shape[1:3], sizes, strides, (1, 1), layer.padding)
        name = graph.add(
            operator,
            [x.name],
            layer.name,
            kernel_shape=sizes,
            strides=strides,
            pads=pads,
            **attributes,
        )
        return Tensor(name, shape, True)

    return apply


def _global_pool(operator):
    def apply(graph, layer, x, shape):
        name = graph.add(operator, [graph.first(x).name], f"{layer.name}_pool")
        pooled = Tensor(name, (*x.shape[:1], 1, 1, x.shape[-1]), True)
        return pooled if layer.keepdims else graph.reshape(pooled, shape, layer.name)

    return apply


def _zero_padding(graph, layer, x, shape):
    (top, bottom), (left, right) = layer.padding
    pads = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    pads = graph.weight(f"{layer.name}_pads", pads)
    return Tensor(graph.add("Pad", [graph.first(x).name, pads], layer.name), shape, True)


def _cropping(graph, layer, x, shape):
    (top, _), (left, _) = layer.cropping
    ends = [top + shape[1], left + shape[2]]
    return _slice(graph, layer.name, x, shape, [top, left], ends)


def _center_crop(graph, layer, x, shape):
    if x.shape[1] < shape[1] or x.shape[2] < shape[2]:
        raise ValueError(
            f"A crop of an ONNX file must be smaller than the image. Received: {layer.name!r} from "
            f"{x.shape} to {shape}. Use another format."
        )
    starts = [int((x.shape[axis] - shape[axis]) / 2) for axis in (1, 2)]
    return _slice(graph, layer.name, x, shape, starts, np.add(starts, shape[1:3]))


def _slice(graph, name, x, shape, starts, ends):
    values = [
        graph.weight(f"{name}_{label}", np.array(numbers, np.int64))
        for label, numbers in (("starts", starts), ("ends", ends), ("axes", [2, 3]))
    ]
    return Tensor(graph.add("Slice", [graph.first(x).name, *values], name), shape, True)


def _resizing(graph, layer, x, shape):
    """Multiplies rows and columns by matrices: every interpolation is linear and separable."""
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        raise ValueError(
            "A layer that resizes images in ONNX files must not crop or pad. Received: "
            f"{layer.name!r}. Use another format."
        )
    rows = graph.weight(f"{layer.name}/rows", interpolation(layer, x.shape[1], shape[1]))
    columns = graph.weight(f"{layer.name}/columns", interpolation(layer, x.shape[2], shape[2]).T)
    half = graph.add("MatMul", [rows, graph.first(x).name], f"{layer.name}_rows")
    return Tensor(graph.add("MatMul", [half, columns], layer.name), shape, True)


def interpolation(layer, old, new):
    """Returns the matrix `[new, old]` that resizes a column of pixels: that of unit vectors."""
    resized = ops.image.resize(
        np.eye(old, dtype=np.float32)[None, :, None],
        (new, 1),
        interpolation=layer.interpolation,
        antialias=layer.antialias,
        data_format="channels_last",
    )
    return np.asarray(resized)[0, :, 0]


def _batch_normalization(graph, layer, x, shape):
    """Formula: `x * s + (beta - mean * s)`, with `s = gamma / sqrt(variance + epsilon)`."""
    mean, variance = np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)
    gamma = np.asarray(layer.gamma) if layer.scale else np.ones_like(mean)
    beta = np.asarray(layer.beta) if layer.center else np.zeros_like(mean)
    if len(shape) != 4:
        scale = gamma / np.sqrt(variance + layer.epsilon)
        return _affine(graph, layer.name, graph.last(x), scale, beta - mean * scale)
    names = [
        graph.weight(f"{layer.name}/{label}", values)
        for label, values in (
            ("gamma", gamma),
            ("beta", beta),
            ("mean", mean),
            ("variance", variance),
        )
    ]
    name = graph.add(
        "BatchNormalization", [graph.first(x).name, *names], layer.name, epsilon=layer.epsilon
    )
    return Tensor(name, shape, True)


def _affine(graph, name, x, scale, offset):
    """Returns `x * scale + offset`, per channel, in the order of the axes of `x`."""
    around = (-1, 1, 1) if x.channels_first else (-1,)
    scale, offset = (np.broadcast_to(v, np.shape(v) or (1,)) for v in (scale, offset))
    scale = graph.weight(f"{name}/scale", scale.reshape(around))
    offset = graph.weight(f"{name}/offset", offset.reshape(around))
    product = graph.add("Mul", [x.name, scale], f"{name}_product")
    return Tensor(graph.add("Add", [product, offset], name), x.shape, x.channels_first)


def _group_normalization(graph, layer, x, shape):
    channels = shape[-1]
    groups = channels if layer.groups == -1 else layer.groups
    # One row per group: instances are normalized by their own mean and variance.
    grouped = graph.weight(f"{layer.name}_groups", np.array([0, groups, -1], np.int64))
    images = graph.weight(f"{layer.name}_images", np.array([0, channels, *shape[1:3]], np.int64))
    one = graph.weight(f"{layer.name}_one", np.ones(groups, np.float32))
    zero = graph.weight(f"{layer.name}_zero", np.zeros(groups, np.float32))
    rows = graph.add("Reshape", [graph.first(x).name, grouped], f"{layer.name}_rows")
    rows = graph.add(
        "InstanceNormalization",
        [rows, one, zero],
        f"{layer.name}_normalized",
        epsilon=layer.epsilon,
    )
    normalized = Tensor(graph.add("Reshape", [rows, images], f"{layer.name}_back"), shape, True)
    gamma = np.asarray(layer.gamma) if layer.scale else np.ones(channels)
    beta = np.asarray(layer.beta) if layer.center else np.zeros(channels)
    return _affine(graph, layer.name, normalized, gamma, beta)


def _layer_normalization(graph, layer, x, shape):
    if list(np.atleast_1d(layer.axis)) not in ([-1], [len(shape) - 1]):
        raise ValueError(
            "Layer normalization of ONNX files runs over the last axis. Received: "
            f"{layer.name!r} over {layer.axis}. Use another format."
        )
    gamma = layer.gamma if layer.scale else np.ones(shape[-1])
    names = [graph.last(x).name, graph.weight(f"{layer.name}/gamma", gamma)]
    if layer.center:
        names.append(graph.weight(f"{layer.name}/beta", layer.beta))
    return Tensor(
        graph.add("LayerNormalization", names, layer.name, axis=-1, epsilon=layer.epsilon), shape
    )


def _normalization(graph, layer, x, shape):
    """Formula: `(x - mean) / max(sqrt(variance), epsilon)`."""
    mean, variance = (np.asarray(v, np.float32).reshape(-1) for v in (layer.mean, layer.variance))
    scale = 1 / np.maximum(np.sqrt(variance), 1e-7)
    if layer.invert:
        return _affine(graph, layer.name, graph.last(x), 1 / scale, mean)
    return _affine(graph, layer.name, graph.last(x), scale, -mean * scale)


def _rescaling(graph, layer, x, shape):
    return _affine(graph, layer.name, x, np.float32(layer.scale), np.float32(layer.offset))


def _merge(operator):
    def apply(graph, layer, x, shape):
        images = len(shape) == 4 and all(len(each.shape) == 4 for each in x)
        # As they come, if all agree. Otherwise, numbers for all pixels fit only channels last.
        same = images and len({each.channels_first for each in x}) == 1
        parts = [each if same else graph.last(each) for each in x]
        result, first = parts[0].name, parts[0].channels_first
        for number, part in enumerate(parts[1:], start=1):
            label = layer.name if number == len(parts) - 1 else f"{layer.name}_{number}"
            result = graph.add(operator, [result, part.name], label)
        return Tensor(result, shape, first)

    return apply


def _average(graph, layer, x, shape):
    total = _merge("Add")(graph, layer, x, shape)
    return _affine(graph, f"{layer.name}_mean", total, np.float32(1 / len(x)), np.float32(0))


def _concatenate(graph, layer, x, shape):
    axis = layer.axis % len(shape)
    if len(shape) == 4 and axis == 3:
        names = [graph.first(each).name for each in x]
        return Tensor(graph.add("Concat", names, layer.name, axis=1), shape, True)
    names = [graph.last(each).name for each in x]
    return Tensor(graph.add("Concat", names, layer.name, axis=axis), shape)


def _reshape(graph, layer, x, shape):
    return graph.reshape(x, shape, layer.name)


def _flatten(graph, layer, x, shape):
    return x if len(x.shape) == 2 else graph.reshape(x, shape, layer.name)


def _time_distributed(graph, layer, x, shape):
    """Applies a layer to all frames of all windows at once."""
    frames = graph.reshape(x, (None, *x.shape[2:]), f"{layer.name}_frames")
    outputs = layer_nodes(graph, layer.layer, frames, (None, *shape[2:]))
    return graph.windows(outputs, shape, layer.name)


def _centroid_outputs(graph, layer, x, shape):
    return Tensor(centroids.outputs(graph, layer, graph.last(x).name), shape)


def _conv_over_time(graph, layer, x, shape):
    result = over_time.convolution(graph, layer, x)
    return activated(graph, layer, layer.name, Tensor(result, shape))


def _over_time(nodes_of):
    return lambda graph, layer, x, shape: Tensor(nodes_of(graph, layer, x), shape)


def layer_nodes(graph, layer, x, shape):
    """Adds the nodes of a layer.

    Args:
        graph: `Graph`.
        layer: Layer of Keras.
        x: `Tensor`, or a list of them.
        shape: Shape of its output.

    Returns:
        `Tensor`.

    Raises:
        ValueError: If the layer is not in `LAYERS`, or has an option that ONNX lacks.
    """
    refuse_unknown(layer)
    return LAYERS[type(layer)](graph, layer, x, shape)


def refuse_unknown(layer):
    """Raises `ValueError` if a layer is not in `LAYERS`, or has its channels first."""
    if getattr(layer, "data_format", None) == "channels_first":
        raise ValueError(
            f"Images must have their channels last. Received: the layer {layer.name!r}, channels "
            'first. Build the model with keras.config.set_image_data_format("channels_last").'
        )
    if type(layer) not in LAYERS:
        raise ValueError(
            "An ONNX file can hold the layers of this package's networks and of Keras' common "
            f"ones. Received: the layer {layer.name!r} ({type(layer).__name__}). Use the format "
            "saved_model or litert, or build the model from other layers."
        )


LAYERS = {
    layers.Activation: _activation,
    layers.Add: _merge("Add"),
    layers.Average: _average,
    layers.AveragePooling2D: _pool("AveragePool", count_include_pad=0),
    layers.BatchNormalization: _batch_normalization,
    layers.Bidirectional: recurrent_nodes,
    layers.CenterCrop: _center_crop,
    layers.Concatenate: _concatenate,
    layers.Conv1D: _conv_over_time,
    layers.Conv2D: _conv,
    layers.Cropping2D: _cropping,
    layers.Dense: _dense,
    layers.DepthwiseConv2D: _depthwise,
    layers.Dropout: identity,
    layers.Flatten: _flatten,
    layers.GRU: recurrent_nodes,
    layers.GaussianNoise: identity,
    layers.GlobalAveragePooling2D: _global_pool("GlobalAveragePool"),
    layers.GlobalMaxPooling2D: _global_pool("GlobalMaxPool"),
    layers.GroupNormalization: _group_normalization,
    layers.Identity: identity,
    layers.LSTM: recurrent_nodes,
    layers.LayerNormalization: _layer_normalization,
    layers.LeakyReLU: _leaky_relu,
    layers.MaxPooling2D: _pool("MaxPool"),
    layers.Maximum: _merge("Max"),
    layers.Minimum: _merge("Min"),
    layers.Multiply: _merge("Mul"),
    layers.Normalization: _normalization,
    layers.RandomFlip: identity,
    layers.RandomTranslation: identity,
    layers.ReLU: _relu,
    layers.Rescaling: _rescaling,
    layers.Reshape: _reshape,
    layers.Resizing: _resizing,
    layers.SeparableConv2D: _separable,
    layers.Softmax: _softmax,
    layers.SpatialDropout1D: identity,
    layers.SpatialDropout2D: identity,
    layers.Subtract: _merge("Sub"),
    layers.TimeDistributed: _time_distributed,
    layers.ZeroPadding2D: _zero_padding,
    CentroidOutputs: _centroid_outputs,
    MovingAverage: _over_time(over_time.moving_average),
    PeepholeLSTM: recurrent_nodes,
    RotaryAttention: _over_time(over_time.rotary),
}
