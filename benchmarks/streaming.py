"""Compares a frame in `models.Stream` with the CNN alone.

    python benchmarks/streaming.py [--width 1.0] [--rounds 200]

Both run AffWildNet with landmarks on frames of 96 x 96 pixels, one per batch, after compilation.
The CNN alone is the same network up to `fc1`, on frames that are float32 already. Stream and CNN
take turns in a random order, so that other load on the machine affects both. The last line is the
median of the ratios of the rounds, the line before the ratio of the fastest frames.
"""

import argparse

import keras
import numpy as np
import side_by_side

from kollias_affect import backbones, models

SIZE = 96


def networks(width):
    """Returns a stream of AffWildNet, and its CNN for single frames."""
    model = models.affwildnet(width=width)
    units = model.get_layer("fc1").units
    backbone = backbones.vgg_face((SIZE, SIZE, 3), width)
    frames = models.cnn(backbone, "valence_arousal", hidden_units=(units,))
    return models.Stream(model), keras.Model(frames.input, frames.get_layer("fc1").output)


def measure(width, rounds):
    """Measures the seconds per frame of the stream and of the CNN alone, `[rounds, 2]`."""
    stream, cnn = networks(width)
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    points = random.uniform(-1, 1, (68, 2)).astype(np.float32)
    inputs = {
        "images": picture[None].astype(np.float32) / 127.5 - 1,
        "landmarks": points.reshape(1, 136),
    }
    turns = [lambda: stream.step(picture, points), lambda: cnn.predict_on_batch(inputs)]
    return side_by_side.seconds(turns, rounds, warm=3)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=1.0, help="1: as published")
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    seconds = measure(arguments.width, arguments.rounds)
    fastest, median = seconds.min(axis=0), np.median(seconds, axis=0)
    for name, values in (("fastest", fastest), ("median", median)):
        stream, cnn = 1000 * values
        print(f"{name}: a frame of the stream {stream:.2f} ms, of the CNN {cnn:.2f} ms")
    print(f"ratio of the fastest {fastest[0] / fastest[1]:.3f}")
    print(f"ratio {side_by_side.ratio(seconds, 0, 1):.3f}")


if __name__ == "__main__":
    main()
