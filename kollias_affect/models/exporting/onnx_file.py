"""ONNX files: conversion, weights, comparison with Keras."""

import json

import numpy as np

from kollias_affect import _files
from kollias_affect.models.exporting import int8
from kollias_affect.models.exporting.conversion import graph_of
from kollias_affect.models.exporting.request import missing
from kollias_affect.runtime.cards import CARD
from kollias_affect.runtime.onnx_model import OnnxModel

_CAST_TO_FLOAT = 1  # `onnx.TensorProto.FLOAT`


def write(request, path):
    """Writes the ONNX file of a `Request`; returns what was measured, see `export`."""
    try:
        import onnx
    except ImportError as error:
        raise missing("onnx", "onnx") from error

    graph = graph_of(request.model, request.batch, request.length, request.stream)
    proto = graph.model(request.model.name, {CARD: json.dumps(request.card)})
    if request.weights == "float16":
        _store_as_float16(proto)
    with _files.atomic(path) as temporary:
        if request.weights == "int8":
            int8.quantize(proto, request, temporary)
        else:
            temporary.write_bytes(proto.SerializeToString())
        measured = {"difference": request.difference(_outputs(temporary, request), "onnx")}
        if request.weights == "int8":
            measured["loss"] = int8.loss(OnnxModel(temporary), request)
        proto = onnx.load_from_string(temporary.read_bytes())
        card = request.card_of("onnx", **measured)
        onnx.helper.set_model_props(proto, {CARD: json.dumps(card)})
        temporary.write_bytes(proto.SerializeToString())
        OnnxModel(temporary)  # It raises if the card does not fit.
    return {**measured, "bytes": path.stat().st_size}


def _outputs(path, request):
    """Returns the outputs of the file for the example, by name, with the states of a stream."""
    model = OnnxModel(path)
    outputs, states = model.step(request.example, model.zero_states(len(request.example["images"])))
    named = outputs if isinstance(outputs, dict) else {model.outputs[0]: outputs}
    return {**named, **{f"new_{name}": value for name, value in states.items()}}


def _store_as_float16(proto):
    """Stores the kernels of a graph as float16; ONNX Runtime makes them float32 when it loads."""
    from onnx import helper, numpy_helper

    casts, weights = [], []
    for weight in proto.graph.initializer:
        values = numpy_helper.to_array(weight)
        half = values.astype(np.float16) if weight.name.endswith("kernel") else values
        if half is values or not np.isfinite(half).all():  # beyond the range of float16
            weights.append(weight)
            continue
        name = f"{weight.name}_float16"
        weights.append(numpy_helper.from_array(half, name))
        casts.append(helper.make_node("Cast", [name], [weight.name], name=name, to=_CAST_TO_FLOAT))
    nodes = [*casts, *proto.graph.node]
    del proto.graph.node[:], proto.graph.initializer[:]
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(weights)
