"""Maps from votes for expressions to valence and arousal, and how far people agree.

    python examples/affect_votes.py affectnetc25 --out maps.json

AffectNetC25 has, for 1,600 pictures, the expression, valence and arousal that 25 people chose. From
these the script learns what the shares of votes mean in mean valence and mean arousal. It compares
several maps on pictures that were left out, fits the one that ships again on all of them, and
writes it with its expected errors. FER+ has ten votes for each picture of FER-2013. The map is
therefore fitted on draws of ten of the 25 votes: a share of ten votes is noisier than one of 25.

It also prints what one person achieves against the mean of the others, which no model trained on
such labels can be expected to exceed by much.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge

from kollias_affect import _files
from kollias_affect.tasks import DIMENSIONS

# Classes of the votes, with their numbers in AffectNetC25.
CLASSES = {
    "neutral": 7,
    "anger": 5,
    "disgust": 4,
    "fear": 3,
    "happiness": 0,
    "sadness": 1,
    "surprise": 2,
    "contempt": 6,
}
SETS, PEOPLE = (1, 2), 25
FOLDS, DRAWS = 10, 4  # of the pictures; of the votes of each picture
RIDGE = 3e-4  # penalty per picture
AGREEMENT_BINS = 5
SHIPPED = "roots and products"


def main(command_line=None):
    """Compares the maps and writes the one that ships."""
    arguments = parse_arguments(command_line)
    ratings = read_ratings(arguments.data)
    print("One person against the mean of the others:\n")
    print(ceilings(ratings, arguments.resamples).round(3).to_string(index=False))
    outputs = cross_validated(ratings, arguments.votes, arguments.seed)
    print(f"\nMaps from {arguments.votes} votes, pictures left out in turn:\n")
    print(compared(outputs, ratings["mean"]).round(3).to_string(index=False))
    shipped = fitted_map(ratings, arguments.votes, arguments.seed)
    shipped["errors"] = errors_by_agreement(outputs[SHIPPED], ratings, arguments.votes)
    print(f"\nRMSE of {SHIPPED!r} by the share of the most frequent class:\n")
    print(pd.DataFrame(shipped["errors"]).round(3).to_string(index=False))
    if arguments.out:
        _files.write_json(arguments.out, shipped)


def parse_arguments(command_line):
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of AffectNetC25")
    parser.add_argument("--out", type=Path, help="JSON file for the map")
    parser.add_argument("--votes", type=int, default=10, help="votes per picture, up to 25")
    parser.add_argument("--resamples", type=int, default=500, help="of the pictures")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(command_line)


def read_ratings(folder):
    """Reads AffectNetC25.

    Args:
        folder: Folder with `expression_set1_C25.csv` and so on.

    Returns:
        Dict: `votes`, integers `[pictures, people]` that index `CLASSES`; `ratings`, float
        `[pictures, people, 2]`, valence and arousal; `mean`, float `[pictures, 2]`; and `set`,
        integers `[pictures]`.
    """
    tables = {
        kind: pd.concat(
            [pd.read_csv(Path(folder) / f"{kind}_set{number}_C25.csv") for number in SETS],
            keys=SETS,
        )
        for kind in ("expression", *DIMENSIONS)
    }
    names = tables["expression"]["filename"]
    if any(not names.equals(table["filename"]) for table in tables.values()):
        raise ValueError(f"The tables of AffectNetC25 must list the same pictures. See {folder}.")
    people = [f"participant{i}" for i in range(PEOPLE)]
    codes = np.empty(len(CLASSES), int)
    codes[list(CLASSES.values())] = range(len(CLASSES))
    ratings = np.stack([tables[name][people].to_numpy(float) for name in DIMENSIONS], axis=-1)
    return {
        "votes": codes[tables["expression"][people].to_numpy(int)],
        "ratings": ratings,
        "mean": ratings.mean(axis=1),
        "set": names.index.get_level_values(0).to_numpy(),
    }


def shares(votes):
    """Returns the shares `[pictures, 8]` of the classes in votes `[pictures, people]`."""
    return (votes[:, :, None] == np.arange(len(CLASSES))).mean(axis=1)


def drawn(votes, count, random):
    """Returns `count` votes of each picture, drawn without replacement."""
    order = np.argsort(random.random(votes.shape), axis=1)[:, :count]
    return np.take_along_axis(votes, order, axis=1)


# --- Agreement of people


def ceilings(ratings, resamples=500, seed=0):
    """Computes how well one person's ratings agree with the mean of the other people's.

    Args:
        ratings: See `read_ratings`.
        resamples: Number of bootstrap samples of the pictures.
        seed: Seed of the draws.

    Returns:
        `pandas.DataFrame` with the columns `dimension`, `CCC`, `low` and `high` (95 % interval over
        pictures), `r`, and `CCC of people`, its range over people. CCC and r are means over people.
    """
    rows = []
    for number, name in enumerate(DIMENSIONS):
        one = ratings["ratings"][:, :, number].T
        others = (one.sum(axis=0) - one) / (len(one) - 1)
        random = np.random.default_rng(seed)
        draws = random.integers(0, one.shape[1], (resamples, one.shape[1]))
        values = [ccc(one[:, draw], others[:, draw]).mean() for draw in draws]
        of_people = ccc(one, others)
        low, high = np.quantile(values, (0.025, 0.975)) if resamples else (np.nan, np.nan)
        rows.append(
            {
                "dimension": name,
                "CCC": of_people.mean(),
                "low": low,
                "high": high,
                "r": correlation(one, others).mean(),
                "CCC of people": f"{of_people.min():.2f} to {of_people.max():.2f}",
            }
        )
    return pd.DataFrame(rows)


def ccc(a, b):
    """Computes the CCC along the last axis, with population moments."""
    covariance = (centred(a) * centred(b)).mean(axis=-1)
    distance = (a.mean(axis=-1) - b.mean(axis=-1)) ** 2
    return 2 * covariance / (a.var(axis=-1) + b.var(axis=-1) + distance)


def correlation(a, b):
    """Computes Pearson's correlation along the last axis."""
    return (centred(a) * centred(b)).mean(axis=-1) / (a.std(axis=-1) * b.std(axis=-1))


def centred(values):
    """Returns values minus their mean along the last axis."""
    return values - values.mean(axis=-1, keepdims=True)


# --- Maps


def products(values):
    """Returns the products of all pairs of different columns."""
    first, second = np.triu_indices(values.shape[1], 1)
    return values[:, first] * values[:, second]


def shares_alone(values):
    """Features of the linear map."""
    return values


def shares_and_products(values):
    """Features of the quadratic map; squares add nothing, since the shares sum to 1."""
    return np.hstack([values, products(values)])


def shares_and_roots(values):
    """Features in which the first votes for a class count more than the next ones."""
    return np.hstack([values, np.sqrt(values)])


def roots_and_products(values):
    """Features of the map that ships: shares, their roots, and the products of the roots."""
    return np.hstack([values, np.sqrt(values), products(np.sqrt(values))])


FEATURES = {
    "linear": shares_alone,
    "shares and products": shares_and_products,
    "shares and roots": shares_and_roots,
    SHIPPED: roots_and_products,
}


def fit_ridge(features, targets, penalty=RIDGE):
    """Fits ridge regression on standardised features.

    Args:
        features: Float `[n, k]`.
        targets: Float `[n, outputs]`.
        penalty: Penalty per sample.

    Returns:
        `(weights, offset)` such that the outputs are `features @ weights + offset`.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation = np.where(deviation > 0, deviation, 1)
    z = (features - mean) / deviation
    gram = z.T @ z / len(z) + penalty * np.eye(z.shape[1])
    weights = np.linalg.solve(gram, z.T @ (targets - targets.mean(axis=0)) / len(z))
    weights = weights / deviation[:, None]
    return weights, targets.mean(axis=0) - mean @ weights


def predictors():
    """Returns functions by name that fit a map: from shares and targets to a function of shares."""

    def ridge(features):
        def fit(values, targets):
            weights, offset = fit_ridge(features(values), targets)
            return lambda others: features(others) @ weights + offset

        return fit

    def kernel(values, targets):
        # One draw of the votes per picture: the kernel matrix of all would be large.
        count = len(values) // DRAWS if len(values) > 4000 else len(values)
        model = KernelRidge(alpha=0.3, kernel="rbf", gamma=1.0)
        mean = targets.mean(axis=0)
        model.fit(np.sqrt(values[:count]), targets[:count] - mean)
        return lambda others: model.predict(np.sqrt(others)) + mean

    def boosting(values, targets):
        options = {"max_iter": 120, "learning_rate": 0.06, "max_leaf_nodes": 8, "random_state": 0}
        models = [HistGradientBoostingRegressor(**options).fit(values, t) for t in targets.T]
        return lambda others: np.stack([model.predict(others) for model in models], axis=-1)

    maps = {name: ridge(features) for name, features in FEATURES.items()}
    return {**maps, "kernel ridge on roots": kernel, "gradient boosting": boosting}


def cross_validated(ratings, votes, seed=0):
    """Predicts each picture by maps that were fitted on other pictures.

    Args:
        ratings: See `read_ratings`.
        votes: Number of votes per picture.
        seed: Seed of the folds and of the draws of votes.

    Returns:
        Dict from the name of a map to its outputs `[pictures, 2]`.
    """
    random = np.random.default_rng(seed)
    folds = random.permutation(len(ratings["mean"])) % FOLDS
    draws = [shares(drawn(ratings["votes"], votes, random)) for _ in range(DRAWS + 1)]
    tested, draws = draws[0], draws[1:]
    maps = predictors()
    outputs = {name: np.zeros_like(ratings["mean"]) for name in maps}
    for fold in range(FOLDS):
        others, left_out = folds != fold, folds == fold
        values = np.concatenate([draw[others] for draw in draws])
        targets = np.tile(ratings["mean"][others], (DRAWS, 1))
        for name, fit in maps.items():
            outputs[name][left_out] = fit(values, targets)(tested[left_out])
    return outputs


def compared(outputs, targets):
    """Returns a `pandas.DataFrame` with r, CCC and RMSE of each map and dimension."""
    rows = []
    for name, values in outputs.items():
        row = {"map": name}
        for dimension, value, target in zip(DIMENSIONS, values.T, targets.T, strict=True):
            row[f"r {dimension}"] = correlation(value, target)
            row[f"CCC {dimension}"] = ccc(value, target)
            row[f"RMSE {dimension}"] = np.sqrt(((value - target) ** 2).mean())
        rows.append(row)
    return pd.DataFrame(rows)


def errors_by_agreement(outputs, ratings, votes, seed=0):
    """Computes the error of a map for pictures on which people agree less or more.

    Args:
        outputs: Outputs of the map for pictures that it was not fitted on, `[pictures, 2]`.
        ratings: See `read_ratings`.
        votes, seed: Those of `cross_validated`.

    Returns:
        Dict of lists of equal length: `share` (mean of the largest share, ascending), `pictures`,
        and the RMSE of `valence` and of `arousal`.
    """
    random = np.random.default_rng(seed)
    random.permutation(len(ratings["mean"]))  # the folds
    largest = shares(drawn(ratings["votes"], votes, random)).max(axis=1)
    squares = (outputs - ratings["mean"]) ** 2
    parts = np.array_split(np.argsort(largest, kind="stable"), AGREEMENT_BINS)
    errors = np.array([np.sqrt(squares[part].mean(axis=0)) for part in parts])
    return {
        "share": [float(largest[part].mean()) for part in parts],
        "pictures": [len(part) for part in parts],
        **{name: errors[:, i].tolist() for i, name in enumerate(DIMENSIONS)},
    }


def fitted_map(ratings, votes, seed=0):
    """Fits the map that ships on all pictures.

    Returns:
        Dict for JSON: `features`, `classes`, `votes`, `weights` and `offset`.
    """
    random = np.random.default_rng(seed)
    values = np.concatenate([shares(drawn(ratings["votes"], votes, random)) for _ in range(DRAWS)])
    targets = np.tile(ratings["mean"], (DRAWS, 1))
    weights, offset = fit_ridge(FEATURES[SHIPPED](values), targets)
    return {
        "features": SHIPPED,
        "classes": list(CLASSES),
        "votes": votes,
        "weights": weights.tolist(),
        "offset": offset.tolist(),
    }


def valence_arousal(fitted, values):
    """Returns valence and arousal `[n, 2]` in [-1, 1] for shares `[n, 8]` by a fitted map."""
    features = FEATURES[fitted["features"]](np.asarray(values, float))
    return np.clip(features @ np.array(fitted["weights"]) + fitted["offset"], -1, 1)


def expected_error(fitted, values):
    """Returns the expected RMSE `[n, 2]` of `valence_arousal`, by agreement of the votes."""
    largest, errors = np.asarray(values).max(axis=1), fitted["errors"]
    return np.stack([np.interp(largest, errors["share"], errors[d]) for d in DIMENSIONS], axis=-1)


if __name__ == "__main__":
    main()
