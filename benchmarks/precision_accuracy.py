"""Measures how mixed precision and cached features change the CCC.

    python benchmarks/precision_accuracy.py [--epochs 8] [--seeds 3]

The script trains a narrow AffWildNet on synthetic clips in a temporary folder: in float32 and in
mixed_bfloat16 from the same seeds, and with a frozen CNN on images and on cached features. It
compares the means over the seeds of the validation CCC of the best epochs. It also runs the
networks trained in float32 in both precisions; that change is due to the precision alone. The last
line is the largest change.
"""

import argparse
import tempfile
from pathlib import Path

import keras
import networks
import numpy as np

from kollias_affect import datasets, evaluation, models, training


def network(seed, policy="float32", frozen=False):
    """Returns a narrow AffWildNet."""
    keras.utils.set_random_seed(seed)
    with networks.precision(policy):
        return models.affwildnet(
            length=20, width=0.125, hidden_units=128, rnn_units=64, initializer=None,
            dropout=0.2, rnn_dropout=0.2, frozen=frozen,
        )  # fmt: skip


def ccc(model, clips):
    """Computes the mean CCC of valence and arousal."""
    return float(evaluation.scores(clips, evaluation.predict(model, clips)).loc["mean", "CCC"])


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    table = {"float32": [], "mixed_bfloat16": [], "frozen": [], "frozen, cached features": []}
    run_only = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clips = [datasets.load("synthetic", folder / "clips", s) for s in ("train", "validation")]
        for seed in range(arguments.seeds):
            for name, scores in table.items():
                frozen = name.startswith("frozen")
                policy = name if not frozen else "float32"
                model, card = training.train(
                    network(seed, policy, frozen), *clips, folder / f"{name}{seed}",
                    arguments.epochs, 1e-3, batch_size=4, stride=10, cache=True, seed=seed,
                    features=folder / "features" if name.endswith("features") else None, verbose=0,
                )  # fmt: skip
                scores.append(card["val_ccc"])
                print(f"seed {seed}, {name}: CCC {card['val_ccc']:.4f}", flush=True)
                if name == "float32":
                    other = network(seed, "mixed_bfloat16")
                    other.set_weights(model.get_weights())
                    run_only.append(ccc(other, clips[1]) - ccc(model, clips[1]))
    means = {name: np.mean(scores) for name, scores in table.items()}
    changes = {
        "run in mixed_bfloat16": np.abs(run_only).max(),
        "trained in mixed_bfloat16": abs(means["mixed_bfloat16"] - means["float32"]),
        "cached features": abs(means["frozen, cached features"] - means["frozen"]),
    }
    for name, change in changes.items():
        print(f"{name}: {change:.4f}")
    print(f"change {max(changes.values()):.4f}")


if __name__ == "__main__":
    main()
