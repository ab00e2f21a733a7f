"""Scores an expression network, or one with two tasks, on pictures that no training has seen.

    python examples/affect_scores.py model.keras fer2013.tar ferplus_for_fer2013_tar.csv maps.json \
        --photographs facial_expressions.tar

- FER-2013, PublicTest: accuracy against its labels and against the most frequent vote of FER+;
  calibration against both; CCC and r of valence and arousal against the values that the votes mean.
- The kept photographs of `affect_photographs.py`, from the complete picture: a picture in which no
  face is found counts as wrong.

Intervals are 95 % percentile intervals over resampled pictures, for photographs over persons. For a
network without valence and arousal, the map of `affect_votes.py` is applied to its probabilities.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from affect_photographs import LONGEST_SIDE, kept_persons, person_of, read
from affect_votes import CLASSES, ccc, correlation, valence_arousal
from export_fer2013 import accuracy, calibration_error, fitted_temperature, scaled
from tqdm import tqdm
from train_affect import affect_targets, expression_targets, read_votes
from train_fer2013 import to_unit_range

from kollias_affect import EXPRESSIONS, _files, catalogue, datasets
from kollias_affect.faces import faces_of
from kollias_affect.prediction import predictor
from kollias_affect.tasks import DIMENSIONS


def main(command_line=None):
    """Prints the scores as a table."""
    arguments = parse_arguments(command_line)
    cv2.setNumThreads(1)
    trained = predictor.load(catalogue.model_file(arguments.model))  # by Keras
    table = fer2013_scores(trained, arguments)
    if arguments.photographs:
        table = pd.concat([table, photograph_scores(trained, arguments)])
    print(table.round(4).to_string(index=False))
    if arguments.out:
        with _files.atomic(arguments.out) as temporary:
            table.to_csv(temporary, index=False)


def parse_arguments(command_line):
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help=".keras file, or a name of `kollias-affect weights list`")
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("votes", type=Path, help="FER+ by the file names of that archive, csv")
    parser.add_argument("maps", type=Path, help="JSON file of affect_votes.py")
    parser.add_argument("--photographs", type=Path, help="facial_expressions.tar")
    parser.add_argument("--detector", default="blazeface_main")
    parser.add_argument("--out", type=Path, help="csv file for the table")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(command_line)


# --- FER-2013


def fer2013_scores(trained, arguments):
    """Returns the scores on PublicTest as `pandas.DataFrame`."""
    clips = datasets.load("fer2013", arguments.data, "PublicTest")
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    labels = np.concatenate([clip.expression for clip in clips])
    votes = read_votes(arguments.votes, [Path(clip.paths[0]).name for clip in clips])
    fitted = json.loads(arguments.maps.read_text())
    shares, weight = expression_targets(votes)
    affect, affect_weight = affect_targets(votes, fitted)
    outputs = outputs_of(trained.network, to_unit_range(images), fitted)
    probabilities, seen = outputs["expression"], shares.argmax(axis=1)
    known, rated = weight > 0, affect_weight > 0
    bootstrap = Bootstrap(arguments, np.arange(len(images)))
    rows = bootstrap.rows("PublicTest", classification, probabilities, labels)
    voted = Bootstrap(arguments, np.arange(known.sum()))
    rows += voted.rows("FER+", classification, probabilities[known], seen[known])
    values = Bootstrap(arguments, np.arange(rated.sum()))
    rows += values.rows("FER+", agreement, outputs["valence_arousal"][rated], affect[rated])
    for name, chosen, truth in (("PublicTest", np.ones_like(known), labels), ("FER+", known, seen)):
        rows += calibration(name, probabilities[chosen], truth[chosen])
    return pd.DataFrame(rows)


def outputs_of(network, images, fitted):
    """Returns the outputs of a network by name; `valence_arousal` by the map if it has none."""
    outputs = network.predict({"images": images}, batch_size=256, verbose=0)
    outputs = outputs if isinstance(outputs, dict) else {"expression": outputs}
    if "valence_arousal" not in outputs:
        others = np.zeros((len(images), len(CLASSES) - len(EXPRESSIONS)))
        outputs["valence_arousal"] = valence_arousal(
            fitted, np.hstack([outputs["expression"], others])
        )
    return outputs


def classification(outputs, labels):
    """Returns accuracy, mean recall of the classes that occur, and recall of each, by name."""
    predicted = outputs.argmax(axis=-1) if outputs.ndim > 1 else outputs
    recall = {EXPRESSIONS[c]: (predicted[labels == c] == c).mean() for c in np.unique(labels)}
    result = {"accuracy": (predicted == labels).mean(), "mean recall": np.mean([*recall.values()])}
    return {**result, **{f"recall of {name}": value for name, value in recall.items()}}


def agreement(outputs, targets):
    """Returns CCC and r of valence and arousal by name."""
    result = {}
    for name, values, truth in zip(DIMENSIONS, outputs.T, targets.T, strict=True):
        result[f"CCC of {name}"] = ccc(values, truth)
        result[f"r of {name}"] = correlation(values, truth)
    return result


def calibration(source, outputs, labels):
    """Returns rows with the calibration error, and the temperature that fits best."""
    temperature = fitted_temperature(outputs, labels)
    values = {
        "calibration error": calibration_error(outputs, labels),
        "mean confidence minus accuracy": outputs.max(axis=1).mean() - accuracy(outputs, labels),
        "best temperature": temperature,
        "calibration error at it": calibration_error(scaled(outputs, temperature), labels),
    }
    return [
        {"on": source, "n": len(labels), "measure": name, "value": value}
        for name, value in values.items()
    ]


# --- Photographs


def photograph_scores(trained, arguments):
    """Returns the scores on the kept photographs as `pandas.DataFrame`."""
    photographs = read(arguments.photographs)
    kept = kept_persons(photographs)
    photographs = [p for p in photographs if person_of(p["name"]) in kept]
    predicted = np.full(len(photographs), -1)  # no face is never right
    for i, photograph in enumerate(tqdm(photographs, "photographs", disable=None)):
        faces = faces_of(
            photograph["image"], arguments.detector, trained.size, trained.layout, LONGEST_SIDE
        )
        if faces:
            images = faces[0].crop[None] / np.float32(127.5) - 1
            outputs = trained.network.predict_on_batch({"images": images})
            outputs = outputs["expression"] if isinstance(outputs, dict) else outputs
            predicted[i] = np.argmax(outputs[0])
    labels = np.array([photograph["label"] for photograph in photographs])
    bootstrap = Bootstrap(arguments, np.array([person_of(p["name"]) for p in photographs]))

    def measures(predicted, labels):
        return {"missed": (predicted < 0).mean(), **classification(predicted, labels)}

    return pd.DataFrame(bootstrap.rows("kept photographs", measures, predicted, labels))


class Bootstrap:
    """Scores with percentile intervals over resampled units.

    Args:
        arguments: Arguments of the command line.
        units: Unit of each row, `[n]`; units are drawn complete.
    """

    def __init__(self, arguments, units):
        self.resamples, self.seed = arguments.resamples, arguments.seed
        order = np.argsort(units, kind="stable")
        starts = np.unique(units[order], return_index=True)[1][1:]
        self.units = np.split(order, starts)

    def rows(self, source, measures, outputs, truth):
        """Returns one dict per measure: `on`, `n`, `measure`, `value`, `low` and `high`."""
        random = np.random.default_rng(self.seed)
        draws = []
        for _ in range(self.resamples):
            chosen = random.integers(len(self.units), size=len(self.units))
            rows = np.concatenate([self.units[i] for i in chosen])
            draws.append(measures(outputs[rows], truth[rows]))
        result = []
        for name, value in measures(outputs, truth).items():
            values = [draw[name] for draw in draws if name in draw]
            low, high = np.quantile(values, (0.025, 0.975)) if values else (np.nan, np.nan)
            row = {"on": source, "n": len(truth), "measure": name, "value": value}
            result.append({**row, "low": low, "high": high})
        return result


if __name__ == "__main__":
    main()
