"""Grad-CAM and HiResCAM: which places of the last large maps of a CNN an output depends on.

Keras has no gradients of its own, so this module is for its TensorFlow backend.
"""

import contextlib

import cv2
import numpy as np

from kollias_affect import runtime
from kollias_affect.tasks import label_field

SMALLEST = 5  # places per side of the maps that are chosen by default
_TINY = 1e-7  # probabilities nearer to 0 or 1 have no logarithm that helps


def gradient_maps(model, inputs, frame=None, layer=None, by_place=False):
    """Computes the Grad-CAM or HiResCAM of every output, with its sign.

    Formula: `sum_k a_k A_k`, where `A_k` is the k-th map of a layer and `a_k` the gradient of the
    output with respect to `A_k`: its mean over the places in Grad-CAM, its value at each place in
    HiResCAM. Both are equal if only means follow the layer. Otherwise the mean gradient can point
    at places that the network does not use. The paper on Grad-CAM keeps the positive part
    for classes; valence and arousal have two directions, so negative parts, which lower the
    output, stay. The gradient is that of valence, arousal, of the scores before the softmax (less
    their mean), or of the logits of action units. In a window the maps of all frames are added.

    Args:
        model: `Predictor` of a Keras model.
        inputs: See `occlusion_maps`.
        frame: See `occlusion_maps`.
        layer: Name of a layer with maps. Default: in each CNN of the model the last one whose maps
            have at least 5 x 5 places. Maps of several CNNs are added.
        by_place: Whether each place has its own gradient (HiResCAM).

    Returns:
        Dict from task to float32 `[outputs, size, size]`.

    Raises:
        ValueError: If the model is an ONNX file, has no such layer, or its CNN does not run.

    References: Selvaraju et al., "Grad-CAM: visual explanations from deep networks via
        gradient-based localization" (ICCV 2017), eq. 1 and 2; Draelos and Carin, "Use HiResCAM
        instead of Grad-CAM for faithful explanations of convolutional neural networks" (2020).
    """
    if isinstance(model.network, runtime.OnnxModel):
        raise ValueError(
            f"Grad-CAM needs gradients, which ONNX files lack. Received: {model.network.path}. Use "
            "the .keras file of the model, or --method occlusion (method='occlusion')."
        )
    from kollias_affect import models

    network = models.for_unit_range(model.network)
    chosen = _layers_with_maps(network, layer)
    size = inputs["images"].shape[-2]
    maps = _weighted_maps(network, chosen, inputs, frame, model.tasks, by_place)
    return {
        task: np.stack([_sized_sum(of_output, size) for of_output in of_task])
        for task, of_task in maps.items()
    }


def _sized_sum(maps, size):
    """Adds the maps of all frames and CNNs, each in the size of the image."""
    summed = (m.sum(axis=0) for m in maps)
    return sum(cv2.resize(m, (size, size), interpolation=cv2.INTER_LINEAR) for m in summed)


def _weighted_maps(network, chosen, inputs, frame, tasks, by_place):
    """Returns, by task, a list by output of lists by layer of maps `[frames, height, width]`."""
    import tensorflow as tf

    tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
    with contextlib.ExitStack() as stack:
        recorded = [stack.enter_context(_recorded(layer, tape)) for layer in chosen]
        with tape:
            outputs = network({name: inputs[name] for name in _names(network)}, training=False)
            outputs = outputs if isinstance(outputs, dict) else dict.fromkeys(tasks, outputs)
            scores = {
                task: tf.unstack(_scores(task, outputs[task])[0 if frame is None else (0, frame)])
                for task in tasks
            }
    if not all(recorded):
        raise ValueError(
            "Grad-CAM needs a layer that runs. Received: "
            f"{[layer.name for layer in chosen]}. Choose another one with `layer` (--layer)."
        )
    maps = [record[-1] for record in recorded]
    result = {}
    for task, of_task in scores.items():
        gradients = [tape.gradient(score, maps) for score in of_task]
        result[task] = [
            [_cam(a, g, by_place) for a, g in zip(maps, one, strict=True)] for one in gradients
        ]
    return result


def _names(network):
    return [tensor.name for tensor in network.inputs]


def _cam(maps, gradient, by_place):
    """Returns the maps weighted by their gradients, `[frames, height, width]`."""
    maps = np.asarray(maps, np.float32)
    if gradient is None:  # The output does not depend on this layer.
        return np.zeros(maps.shape[:3], np.float32)
    weights = np.asarray(gradient, np.float32)
    if not by_place:
        weights = weights.mean(axis=(1, 2), keepdims=True)
    return (weights * maps).sum(axis=-1)


def _scores(task, outputs):
    """Returns what is differentiated: scores before the softmax, logits, or the outputs."""
    import tensorflow as tf

    outputs = tf.cast(outputs, tf.float32)
    field = label_field(task)
    if field == "valence_arousal":
        return outputs
    inside = tf.clip_by_value(outputs, _TINY, 1 - _TINY)
    if field == "action_units":
        return tf.math.log(inside) - tf.math.log(1 - inside)
    logarithms = tf.math.log(inside)
    return logarithms - tf.reduce_mean(logarithms, axis=-1, keepdims=True)


@contextlib.contextmanager
def _recorded(layer, tape):
    """Records what a layer returns within the block, and lets the tape watch it."""
    outputs, call = [], layer.call

    def record(*args, **kwargs):
        value = call(*args, **kwargs)
        tape.watch(value)
        outputs.append(value)
        return value

    layer.call = record
    try:
        yield outputs
    finally:
        del layer.call


def _layers_with_maps(network, name):
    """Returns the layer of each CNN whose maps are shown."""
    from kollias_affect.models.parts import leaves

    chosen = []
    for cnn in _cnns(network):
        sides = {leaf: _side(leaf) for leaf in leaves(cnn) if _side(leaf) > 1}
        if name is None:
            large = [leaf for leaf, side in sides.items() if side >= SMALLEST] or list(sides)
        else:
            large = [leaf for leaf in sides if leaf.name == name]
        if not large:
            raise ValueError(
                "Grad-CAM needs a layer with maps, of "
                f"{[leaf.name for leaf in sides]}. Received: layer={name!r}. Choose one of them, "
                "or --method occlusion (method='occlusion')."
            )
        chosen.append(large[-1])
    return chosen


def _cnns(model):
    """Returns the models of single frames within a model, or the model itself."""
    from kollias_affect.models.parts import is_model_of_frames

    if is_model_of_frames(model):
        return [model]
    inner = [layer for layer in model.layers if hasattr(layer, "layers")]
    return [cnn for layer in inner for cnn in _cnns(layer)] or [model]


def _side(leaf):
    """Returns the number of places of the shorter side of a layer's maps; 0 if it has none."""
    import keras

    shape = getattr(leaf.output, "shape", ())
    if len(shape) != 4 or None in shape[1:] or isinstance(leaf, keras.layers.InputLayer):
        return 0
    return min(shape[1:3])
