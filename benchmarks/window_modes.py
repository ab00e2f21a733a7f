"""How a model of windows is best run on a video: CCC and jumps of every mode on synthetic clips.

    kollias-affect demo --out demo0 --seed 0
    kollias-affect demo --out demo1 --seed 1
    python benchmarks/window_modes.py demo0 demo1

Predicts the clips of the subjects that the network of each demo was not trained on, in every mode
of `prediction.over_time`: windows that follow each other, overlapping windows whose outputs are
averaged, and one sequence. Prints the mean CCC of valence and arousal, and the mean absolute change
of the outputs where a window starts and elsewhere. The clips show one moved photograph: the
comparison says which mode suits a recurrent network, not how well it does on real faces.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import datasets, evaluation
from kollias_affect.prediction import over_time, predictor


def main():
    """Reads the arguments and prints a row for each demo and mode, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demos", nargs="+", type=Path, help="folders of `kollias-affect demo`")
    rows = [row for demo in parser.parse_args().demos for row in compare(demo)]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="%.3f"))
    print(table.drop(columns="demo").groupby("mode").mean().to_string(float_format="%.3f"))


def compare(demo):
    """Yields a dict of results for each mode."""
    model = predictor.load(demo / "run" / "best.keras")
    clips = datasets.load("frames_csv", demo / "clips" / "validation.csv")
    for mode in over_time.MODES:
        outputs = {c.key: model.outputs_of_clip(c, mode)["valence_arousal"] for c in clips}
        ccc = evaluation.scores(clips, outputs).loc["mean", "CCC"]
        yield {"demo": demo.name, "mode": mode, "CCC": ccc} | jumps(outputs, model.length)


def jumps(outputs, length):
    """Returns the mean absolute change of outputs at the starts of windows, and elsewhere."""
    at_starts, elsewhere = [], []
    for values in outputs.values():
        changes = np.abs(np.diff(values, axis=0)).mean(axis=1)
        starts = np.arange(1, len(values)) % length == 0
        at_starts.append(changes[starts & ~np.isnan(changes)])
        elsewhere.append(changes[~starts & ~np.isnan(changes)])
    return {
        "change at starts": np.concatenate(at_starts).mean(),
        "change elsewhere": np.concatenate(elsewhere).mean(),
    }


if __name__ == "__main__":
    main()
