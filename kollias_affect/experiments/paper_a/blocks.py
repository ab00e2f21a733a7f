"""Paper A's block component form (§V) in a finished experiment: NetA and NetB in turn."""

import numpy as np
import pandas as pd

from kollias_affect import _files
from kollias_affect.evaluation.tables import markdown, write_table
from kollias_affect.experiments.paper_a import decisions, texts


def accuracies(experiment, lam, rounds=10, log=None):
    """Runs the block form and scores both networks.

    Args:
        experiment: `Experiment`.
        lam: λ of both networks.
        rounds: Maximum number of rounds.
        log: See `Experiment.alternated`.

    Returns:
        List of dicts, one for each seed, from `"NetA on A"`, `"NetA on B"`, `"NetB on A"` and
        `"NetB on B"` to the accuracy.
    """
    by, rule = decisions.predictor_of(lam), experiment.settings.decision
    results = []
    for seed in range(experiment.settings.seeds):
        frames, _ = experiment.alternated(lam, seed, rounds, log)
        results.append(
            {
                f"Net{net.upper()} on {part[0].upper()}": decisions.accuracy(outputs, by, rule)
                for net, parts in frames.items()
                for part, outputs in parts.items()
            }
        )
    return results


def write(experiment, rounds=10, log=None):
    """Runs the block form for the smallest λ and writes `block_form.csv` and `.md`.

    Args:
        experiment: `Experiment` after `run`.
        rounds, log: See `accuracies`.

    Returns:
        `pandas.DataFrame` with a row for each network and database.
    """
    lam = experiment.settings.extreme_lambdas[0]
    results = accuracies(experiment, lam, rounds, log)
    frame = pd.DataFrame(
        [
            {"network": name, "accuracy": np.mean(values), "std": texts.spread(values)}
            for name, values in ((n, [r[n] for r in results]) for n in results[0])
        ]
    )
    write_table(frame, experiment.out_dir / "block_form", index=False)
    lines = [
        "# Block component form (paper A §V)",
        "",
        "NetA and NetB start as E_a alone has trained them. In every round each is trained for one "
        f"epoch towards the centroids of the other, with lambda {lam:g}. The round with the best "
        "accuracy on a network's own training clips is kept; the clips that are scored choose "
        "nothing"
        + (
            "."
            if experiment.settings.protocol == "held-out"
            else ", except that they are the same clips in this protocol."
        ),
        "",
        *(f"- {text}." for text in texts.lines(experiment, turns=True)),
        "",
        markdown(frame, False),
    ]
    with _files.atomic(experiment.out_dir / "block_form.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return frame
