"""Compares the temporal heads on sequences with noise, late labels and several people.

    python examples/temporal_heads.py run
    python examples/temporal_heads.py run_traces --traces joystick_traces

A sequence is valence and arousal over time, by sums of sines, or, with `--traces`, as people have
rated films (csv files with the columns annotator,seconds,x,y). Features of each frame show it:
through a random layer, with a person's own offset and gain, slow disturbances as of speech and
pose, and noise. Labels follow the face by 0.5 to 1.5 s, which differs between people, as annotators
do. In some seconds there is no face. Nobody is in two of the sets for training, validation and
test.

Every head and seed trains on the same windows; the best epoch on the validation people is scored on
the test people, on complete sequences. Prints and writes to the folder: the mean CCC with its 95 %
interval over seeds, the difference to the GRU of the same seed with its interval, parameters, and
processor seconds per epoch. An interrupted run resumes. The script needs no photograph.
"""

import argparse
import csv
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy import stats

from kollias_affect import _files, evaluation, models, training
from kollias_affect.annotations import match
from kollias_affect.evaluation import measures

PEOPLE = {"train": 12, "validation": 5, "test": 10}  # of generated sequences
SHARES = {"train": 0.5, "validation": 0.2, "test": 0.3}  # of the people of traces
SECONDS, RATE, TRACE_RATE = 30, 10, 5  # of a generated sequence; frames per second
UNITS, HIDDEN = 16, 24  # of the features; of the layer that hides what they show
WINDOW, STRIDE, BATCH = 60, 30, 16
LAG = (0.5, 1.5)  # seconds from the face to its label
NOISE, DISTURBANCE, MISSING = 1.0, 0.7, 2  # deviations; seconds without a face
MARGIN = 20  # frames
BASELINE = "gru"


def main():
    """Trains the heads and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--traces", type=Path, help="folder of csv files: annotator,seconds,x,y")
    parser.add_argument("--heads", default=",".join(models.HEADS), help="of models.HEADS")
    parser.add_argument("--centred", action="store_true", help="heads that see later frames, too")
    parser.add_argument("--no-lag", action="store_true", help="labels that are not late")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--units", type=int, default=24, help="of each layer of a head")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    options = parser.parse_args()
    rows = read_rows(options.out / "results.csv")
    for head in options.heads.split(","):
        trainer = None
        for seed in range(options.seeds):
            key = name_of(head, options), str(seed)
            if key in {(row["head"], row["seed"]) for row in rows}:
                continue
            sets = make_sets(seed, options)
            trainer = trainer or Trainer(head, sets, options)
            row = {"head": key[0], "seed": key[1], **trainer.run(sets, seed)}
            rows.append({name: str(value) for name, value in row.items()})
            write_rows(options.out / "results.csv", rows)
            print(" ".join(rows[-1].values()), flush=True)
    table = summary(pd.DataFrame(rows))
    evaluation.write_table(table, options.out / "table")
    print(table.to_string())


def name_of(head, options):
    """Returns the name of a head in the table."""
    centred = " centred" if options.centred else ""
    return f"{head}{centred}{' no lag' if options.no_lag else ''}"


def read_rows(path):
    """Returns the rows of an earlier run."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path, rows):
    """Writes all rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _files.atomic(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def sines(random, frames, rate):
    """A smooth curve of valence and arousal in [-1, 1], `[frames, 2]`: sums of three sines."""
    rates, phases = random.uniform(0.05, 0.4, (3, 2)), random.uniform(0, 2 * np.pi, (3, 2))
    seconds = np.arange(frames)[:, None, None] / rate
    return np.clip(np.sin(2 * np.pi * rates * seconds + phases).sum(axis=1) / 1.8, -1, 1)


def drawn_people(random):
    """Returns the curves of two sequences of each person, by set."""
    frames = SECONDS * RATE
    return {
        name: [[sines(random, frames + RATE * 2, RATE) for _ in range(2)] for _ in range(count)]
        for name, count in PEOPLE.items()
    }


def traced_people(folder, random):
    """Returns the curves that people have drawn, one for each film, by set."""
    people = {}
    for path in sorted(folder.glob("*.csv")):
        for name, trace in pd.read_csv(path).groupby("annotator"):
            grid = np.arange(trace["seconds"].min(), trace["seconds"].max(), 1 / TRACE_RATE)
            values = match(grid, trace["seconds"], trace[["x", "y"]])
            people.setdefault(name, []).append(np.clip(values, -1, 1))
    names = random.permutation(sorted(people)).tolist()
    stops = np.round(np.cumsum(list(SHARES.values())) * len(names)).astype(int)
    parts = np.split(names, stops[:-1])
    return {s: [people[name] for name in part] for s, part in zip(SHARES, parts, strict=True)}


def slow_noise(random, frames, rate, units):
    """Disturbances that last about half a second, of variance 1."""
    keep = np.exp(-1 / (0.5 * rate))
    values = [random.normal(size=units)]
    for step in random.normal(0, np.sqrt(1 - keep**2), (frames - 1, units)):
        values.append(keep * values[-1] + step)
    return np.stack(values)


def make_sets(seed, options):
    """Makes features and labels.

    Returns:
        Dict from the name of a set to a list of `(features, labels, weights)` of each sequence.
    """
    random = np.random.default_rng(seed)
    if options.traces is None:
        people, rate = drawn_people(random), RATE
    else:
        people, rate = traced_people(options.traces, random), TRACE_RATE
    layer = random.normal(0, 1, (2, HIDDEN)), random.normal(0, 0.5, HIDDEN)
    last = random.normal(0, 1 / np.sqrt(HIDDEN), (HIDDEN, UNITS))
    disturbing = random.normal(0, 1 / np.sqrt(2), (2, UNITS))

    def sequences(curves):
        lag = 0 if options.no_lag else round(random.uniform(*LAG) * rate)
        offset, gain = random.normal(0, 0.5, UNITS), random.uniform(0.6, 1.4)
        for curve in curves:
            face, labels = curve[lag:], curve[: len(curve) - lag]  # labels are late
            features = gain * np.tanh(face @ layer[0] + layer[1]) @ last + offset
            features += DISTURBANCE * slow_noise(random, len(face), rate, 2) @ disturbing
            features += NOISE * random.normal(size=features.shape)
            shown = np.ones(len(face))
            for start in random.integers(rate, len(face) - 2 * rate, MISSING):
                shown[start : start + rate] = 0
            yield features * shown[:, None], labels, shown

    return {
        name: [
            tuple(np.float32(part) for part in sequence)
            for curves in members
            for sequence in sequences(curves)
        ]
        for name, members in people.items()
    }


def windows_of(sequences):
    """Returns the arrays of all windows: features, labels and weights."""
    parts = [
        [part[start : start + WINDOW] for part in sequence]
        for sequence in sequences
        for start in range(0, len(sequence[0]) - WINDOW + 1, STRIDE)
    ]
    return [np.stack(part) for part in zip(*parts, strict=True)]


def build(head, length, options):
    """Builds a head on features of each frame."""
    causal = not options.centred
    units = options.units
    return models.temporal(UNITS, "valence_arousal", head, units, causal=causal, length=length)


def ccc(model, sequences):
    """Returns the mean CCC of valence and arousal over all frames with a face.

    The model takes sequences of the greatest length; the end of shorter ones is missing.
    """
    length = model.inputs[0].shape[1]
    padded = np.zeros((len(sequences), length, UNITS), np.float32)
    for row, (features, _, _) in zip(padded, sequences, strict=True):
        row[: len(features)] = features
    outputs = model.predict({"features": padded}, batch_size=8, verbose=0)
    shown = [weights > 0 for _, _, weights in sequences]
    predicted = [o[: len(s)][s] for o, s in zip(outputs, shown, strict=True)]
    labels = [label[s] for (_, label, _), s in zip(sequences, shown, strict=True)]
    return float(measures.ccc(np.concatenate(labels), np.concatenate(predicted)).mean())


class Trainer:
    """A head, compiled once for all seeds."""

    def __init__(self, head, sets, options):
        self.head, self.options = head, options
        self.model = build(head, WINDOW, options)
        self.fast = training.compile_model(models.fast(self.model), options.learning_rate)
        longest = max(len(sequence[0]) for part in sets.values() for sequence in part)
        # Sequences of other seeds, with other lags, may be longer by some frames.
        self.whole = build(head, longest + MARGIN, options)
        self.scorer = models.fast(self.whole)

    def run(self, sets, seed):
        """Trains from new weights; returns scores, parameters and processor seconds per epoch."""
        keras.utils.set_random_seed(seed)
        self.model.set_weights(build(self.head, WINDOW, self.options).get_weights())
        for variable in self.fast.optimizer.variables:
            if "learning_rate" not in variable.path:
                variable.assign(keras.ops.zeros_like(variable))
        features, labels, weights = windows_of(sets["train"])
        best, times = (-2.0, None), []
        for _ in range(self.options.epochs):
            start = time.process_time()
            self.fast.fit({"features": features}, labels, BATCH, sample_weight=weights, verbose=0)
            times.append(time.process_time() - start)
            score = self.score(self.model.get_weights(), sets["validation"])
            if score > best[0]:
                best = score, self.model.get_weights()
        return {
            "validation": round(best[0], 4),
            "CCC": round(self.score(best[1], sets["test"]), 4),
            "parameters": self.model.count_params(),
            "seconds": round(float(np.median(times)), 3),  # the first one compiles
        }

    def score(self, weights, sequences):
        """Returns the CCC of these weights on complete sequences."""
        self.whole.set_weights(weights)
        return ccc(self.scorer, sequences)


def interval(values):
    """Returns the mean and half of the 95 % interval of Student's t over seeds."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.sem() if len(values) > 1 else np.nan
    return values.mean(), half


def summary(rows):
    """Returns the table of all heads."""
    rows = rows.astype(dict.fromkeys(rows.columns.drop("head"), float))
    base = rows[rows["head"] == BASELINE].set_index("seed")["CCC"]
    table = {}
    for head, group in rows.groupby("head", sort=False):
        of_seed = group.set_index("seed")["CCC"]
        difference = (of_seed - base.reindex(of_seed.index)).dropna()
        texts = [
            f"{mean:{sign}.3f} ± {half:.3f}"
            for (mean, half), sign in ((interval(of_seed), ""), (interval(difference), "+"))
        ]
        table[head] = {
            "CCC": texts[0],
            f"against {BASELINE}": texts[1] if len(difference) and head != BASELINE else "",
            "parameters": int(group["parameters"].iloc[0]),
            "processor seconds per epoch": round(group["seconds"].median(), 2),
            "seeds": len(group),
        }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("head")


if __name__ == "__main__":
    main()
