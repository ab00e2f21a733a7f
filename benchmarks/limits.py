"""What bounds the network: operations and bytes of each stage beside the limits of this machine.

    python benchmarks/limits.py [--rounds 5]

The limits are a product of two matrices of 2048 x 2048 (operations per second), and a copy of
256 MB (bytes per second). The stages are those of AffWildNet on one window of 80 frames, run alone
in inference; operations count a multiplication and an addition as two.
"""

import argparse

import keras
import networks
import numpy as np
import pandas as pd
import side_by_side
import tensorflow as tf

from kollias_affect import models
from kollias_affect.evaluation import tables

SIDE = 2048


def machine_limits(rounds):
    """Operations per second in float32 and bfloat16, and bytes per second, at best."""
    taken = []
    for dtype in (tf.float32, tf.bfloat16):
        matrix = tf.cast(tf.random.normal((SIDE, SIDE)), dtype)
        product = tf.function(tf.matmul)
        turns = [lambda m=matrix, p=product: p(m, m).numpy()]
        taken.append(side_by_side.seconds(turns, rounds).min())
    source = np.ones(32 << 20)
    target = np.empty_like(source)
    copying = side_by_side.seconds([lambda: np.copyto(target, source)], rounds).min()
    return [2 * SIDE**3 / seconds for seconds in taken], 2 * source.nbytes / copying


def operations(model):
    """Of one pass over one frame."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            total += 2 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
    return float(total)


def stages(policy):
    """Name, function to time, operations and bytes of weights of each stage of a window."""
    network, bare = models.fast(networks.affwildnet(policy)), networks.convolutions(policy)
    images, _ = networks.window()
    flat = np.prod(bare.output_shape[1:])
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
    return [
        ("convolutions and poolings", lambda: bare.predict_on_batch(images[0]), operations(bare)),
        ("fc1", lambda: dense.predict_on_batch(features), 2.0 * flat * networks.HIDDEN),
        ("two GRUs", lambda: recurrent.predict_on_batch(states), float(gru)),
        ("all of it", lambda: network.predict_on_batch({"images": images}), None),
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
        names, turns, counts = zip(*stages(policy), strict=True)
        taken = np.median(side_by_side.seconds(turns, arguments.rounds), axis=0) / networks.LENGTH
        total = sum(count for count in counts if count)
        for name, seconds, count in zip(names, taken, counts, strict=True):
            rate = (count or total) / seconds
            rows.append(
                {
                    "precision": policy,
                    "stage": name,
                    "MFLOP a frame": round((count or total) / 1e6, 1),
                    "ms a frame": round(1000 * seconds, 3),
                    "GFLOP/s": round(rate / 1e9, 1),
                    "share of the limit": f"{100 * rate / limit:.0f} %",
                }
            )
    print(tables.markdown(pd.DataFrame(rows), index=False, digits=2))


if __name__ == "__main__":
    main()
