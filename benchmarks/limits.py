"""Compares operations and bytes of each stage of the network with the limits of the machine.

    python benchmarks/limits.py [--rounds 5]

The limits are the operations per second of a product of two matrices of 2048 x 2048 or of a
convolution of 3 x 3 with 512 channels, whichever is faster, and the bytes per second of a copy of
256 MB. The stages are those of AffWildNet in inference on one window of 80 frames, run one by one.
A multiplication and an addition count as two operations. Bytes are the inputs and outputs of each
layer, and its weights once per window.
"""

import argparse
from functools import partial

import keras
import networks
import numpy as np
import pandas as pd
import side_by_side
import tensorflow as tf

from kollias_affect import models
from kollias_affect.evaluation import tables

SIDE, BATCH = 2048, 40


def run_to_end(function, *inputs):
    """Runs a function of TensorFlow and waits for its result."""
    function(*inputs)[0].numpy()


def machine_limits(rounds):
    """Returns the best operations per second in float32 and bfloat16, and bytes per second."""
    matrix = tf.random.normal((SIDE, SIDE))
    images, kernel = tf.random.normal((BATCH, 12, 12, 512)), tf.random.normal((3, 3, 512, 512))
    convolve = tf.function(lambda x, y: tf.nn.conv2d(x, y, 1, "SAME"))
    tasks = [
        (tf.function(tf.matmul), matrix, matrix, 2 * SIDE**3),
        (convolve, images, kernel, 2 * BATCH * 12 * 12 * int(tf.size(kernel))),
    ]
    rates = []
    for dtype in (tf.float32, tf.bfloat16):
        turns = [
            partial(run_to_end, f, tf.cast(x, dtype), tf.cast(y, dtype)) for f, x, y, _ in tasks
        ]
        fastest = side_by_side.seconds(turns, rounds, warm=1).min(axis=0)
        rates.append(max(task[-1] / seconds for task, seconds in zip(tasks, fastest, strict=True)))
    source = np.ones(32 << 20)
    target = np.empty_like(source)
    copying = side_by_side.seconds([lambda: np.copyto(target, source)], rounds).min()
    return rates, 2 * source.nbytes / copying


def operations(model):
    """Returns the operations of the convolutions for one frame."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            total += 2 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
    return float(total)


def traffic(model, width):
    """Returns the bytes that move for one frame, if a number has `width` bytes."""
    numbers = sum(
        np.prod(tensor.shape[1:]) for x in model.layers[1:] for tensor in (x.input, x.output)
    )
    return width * float(numbers + model.count_params() / networks.LENGTH)


def stages(policy):
    """Returns name, function to time, operations and bytes per frame of each stage."""
    network, cnn = models.fast(networks.affwildnet(policy)), networks.convolutions(policy)
    images, _ = networks.window()
    flat = np.prod(cnn.output_shape[1:])
    with networks.precision(policy):
        inputs = keras.Input((networks.LENGTH, int(flat)))
        dense = keras.Model(inputs, keras.layers.Dense(networks.HIDDEN, "relu")(inputs))
        hidden = keras.Input((networks.LENGTH, networks.HIDDEN))
        x = keras.layers.GRU(128, return_sequences=True, reset_after=False, dtype="float32")(hidden)
        x = keras.layers.GRU(128, return_sequences=True, reset_after=False, dtype="float32")(x)
        recurrent = models.fast(keras.Model(hidden, x))
    random = np.random.default_rng(0)
    features = random.uniform(0, 1, (1, networks.LENGTH, int(flat))).astype(np.float32)
    states = random.uniform(0, 1, (1, networks.LENGTH, networks.HIDDEN)).astype(np.float32)
    gru = 2 * (networks.HIDDEN + 128 + 128 + 128) * 384
    width = 4 if policy == "float32" else 2
    parts = [
        ("convolutions and poolings", cnn, images[0], operations(cnn), traffic(cnn, width)),
        ("fc1", dense, features, 2.0 * flat * networks.HIDDEN,
         width * (flat + networks.HIDDEN + flat * networks.HIDDEN / networks.LENGTH)),
        # The recurrent kernels are read for every frame from the processor's cache.
        ("two GRUs", recurrent, states, float(gru), 4.0 * (gru / 2 + networks.HIDDEN)),
    ]  # fmt: skip
    parts.append(
        ("complete network", network, {"images": images}, *np.sum([p[3:] for p in parts], 0))
    )
    return [
        (name, partial(model.predict_on_batch, x), *counts) for name, model, x, *counts in parts
    ]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rates, bandwidth = machine_limits(arguments.rounds)
    print(f"float32 {rates[0] / 1e9:.0f}, bfloat16 {rates[1] / 1e9:.0f} GFLOP/s")
    print(f"memory {bandwidth / 1e9:.1f} GB/s\n")
    rows = []
    for policy, limit in zip(("float32", "mixed_bfloat16"), rates, strict=True):
        names, turns, counts, bytes_ = zip(*stages(policy), strict=True)
        medians = np.median(side_by_side.seconds(turns, arguments.rounds), axis=0)
        for name, seconds, count, moved in zip(
            names, medians / networks.LENGTH, counts, bytes_, strict=True
        ):
            row = {
                "precision": policy,
                "stage": name,
                "MFLOP a frame": count / 1e6,
                "MB a frame": moved / 1e6,
                "ms a frame": 1000 * seconds,
                "GFLOP/s": count / seconds / 1e9,
                "of the limit": f"{count / seconds / limit:.0%}",
                "GB/s": moved / seconds / 1e9,
                "of the memory's": f"{moved / seconds / bandwidth:.0%}",
            }
            rows.append(row)
    print(tables.markdown(pd.DataFrame(rows), index=False, digits=2))


if __name__ == "__main__":
    main()
