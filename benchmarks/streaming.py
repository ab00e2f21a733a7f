"""What a frame costs in `models.Stream` beside the CNN alone: the ratio is printed last.

    python benchmarks/streaming.py [--width 1.0] [--rounds 200]

AffWildNet on 96 x 96 with landmarks, batches of one frame, both compiled and warm. The CNN alone
is the same network up to `fc1`, on frames that are float32 already. Stream and CNN take turns, in
an order drawn anew for every round. The ratio printed last is the median of the rounds' ratios:
what else runs on a machine meets both halves of a round alike. That of the fastest is before it.
"""

import argparse
import time

import keras
import numpy as np

from kollias_affect import backbones, models

SIZE = 96


def networks(width):
    """A stream of AffWildNet, and the CNN of single frames below its RNN."""
    model = models.affwildnet(width=width)
    units = model.get_layer("fc1").units
    backbone = backbones.vgg_face((SIZE, SIZE, 3), width)
    frames = models.cnn(backbone, "valence_arousal", hidden_units=(units,))
    return models.Stream(model), keras.Model(frames.input, frames.get_layer("fc1").output)


def measure(width, rounds):
    """Seconds of each frame in the stream, and in the CNN alone: `[rounds, 2]`."""
    stream, cnn = networks(width)
    random = np.random.default_rng(0)
    picture = random.integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    points = random.uniform(-1, 1, (68, 2)).astype(np.float32)
    inputs = {
        "images": picture[None].astype(np.float32) / 127.5 - 1,
        "landmarks": points.reshape(1, 136),
    }
    turns = [lambda: stream.step(picture, points), lambda: cnn.predict_on_batch(inputs)]
    seconds = np.empty((rounds + 3, 2))
    for row in seconds:
        for which in random.permutation(2):
            started = time.perf_counter()
            turns[which]()
            row[which] = time.perf_counter() - started
    return seconds[3:]


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=1.0, help="1: as published")
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    seconds = measure(arguments.width, arguments.rounds)
    least, median = seconds.min(axis=0), np.median(seconds, axis=0)
    for name, values in (("fastest", least), ("median", median)):
        stream, cnn = 1000 * values
        print(f"{name}: a frame of the stream {stream:.2f} ms, of the CNN {cnn:.2f} ms")
    print(f"ratio of the fastest {least[0] / least[1]:.3f}")
    print(f"ratio {np.median(seconds[:, 0] / seconds[:, 1]):.3f}")


if __name__ == "__main__":
    main()
