"""Measures how cached features of 16 bits change the CCC, and their size.

    python benchmarks/feature_precision.py [--epochs 8] [--seeds 3] [--clips FOLDER]

The script trains the head of a narrow AffWildNet with a frozen CNN on synthetic clips, on cached
features in float32, float16 and bfloat16, from the same seeds. It also runs the networks trained on
float32 features on rounded features; that change is due to the rounding alone. It prints the bytes
of the files relative to float32, and for each type the larger change of the mean CCC.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import numpy as np
from precision_accuracy import network

from kollias_affect import datasets, evaluation, features, training, windows

TYPES = ("float32", "float16", "bfloat16")


def ccc(head, clips, cached):
    """Computes the mean CCC of a head on cached features."""
    length = head.input["features"].shape[1]
    data = windows.dataset(clips, length, landmarks=True, labels=False, features=cached)
    frames = evaluation.predictions.of_clips(head.predict(data, verbose=0), clips, length)
    return float(evaluation.scores(clips, frames).loc["mean", "CCC"])


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clips", type=Path, help="folder for the synthetic clips, to be kept")
    arguments = parser.parse_args()
    trained, run = ({name: [] for name in TYPES} for _ in range(2))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        root = arguments.clips or folder / "clips"
        clips = [datasets.load("synthetic", root, part) for part in ("train", "validation")]
        for seed in range(arguments.seeds):
            for name in TYPES:
                model, card = training.train(
                    network(seed, frozen=True), *clips, folder / f"{name}{seed}", arguments.epochs,
                    1e-3, batch_size=4, stride=10, seed=seed, features=folder / name,
                    features_dtype=name, verbose=0,
                )  # fmt: skip
                trained[name].append(card["val_ccc"])
                print(f"seed {seed}, {name}: CCC {card['val_ccc']:.4f}", flush=True)
                if name == "float32":
                    model.trainable = False
                    cnn, head = features.split(model)
                    for other in TYPES:
                        cached = features.of_clips(
                            cnn, clips[1], folder / other, 96, progress=False, dtype=other
                        )
                        run[other].append(ccc(head, clips[1], cached))
                keras.backend.clear_session()
        sizes = {name: sum(p.stat().st_size for p in (folder / name).iterdir()) for name in TYPES}
    print(f"size {max(sizes[name] for name in TYPES[1:]) / sizes['float32']:.3f}")
    for name in TYPES[1:]:
        changes = [abs(np.mean(s[name]) - np.mean(s["float32"])) for s in (trained, run)]
        print(f"trained on {name} {changes[0]:.5f}, run on {name} {changes[1]:.5f}")
        print(f"change by {name} {max(changes):.5f}")


if __name__ == "__main__":
    main()
