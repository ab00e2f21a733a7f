"""Search for the options of a training: one trial after the other, each with its own folder."""

import dataclasses
import gc
import json
import math
import shutil
from pathlib import Path

from kollias_affect import _checks, _runs, training
from kollias_affect.experiments import train_run

TRIALS, TABLE = "trials.jsonl", "trials.csv"


@dataclasses.dataclass(frozen=True)
class Vary:
    """An option that is searched.

    Attributes:
        name: Name of an option of `train_run.train`.
        choices: Tuple of values; or `None` for a range.
        low, high: Ends of the range, both included. Whole numbers give whole numbers.
        log: Whether the logarithm of the range is searched.

    Raises:
        ValueError: If the range is empty, or a logarithm begins at 0.
    """

    name: str
    choices: tuple | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False

    def __post_init__(self):
        if self.choices is None and not self.low < self.high:
            raise ValueError(
                f"A range of `{self.name}` must rise. Received: {self.low} to {self.high}. Swap "
                "the ends."
            )
        if self.log and self.low <= 0:
            raise ValueError(
                f"A logarithmic range of `{self.name}` must begin above 0. Received: {self.low}. "
                "Choose a larger start, or leave :log out."
            )

    def distribution(self):
        """Returns the distribution of Optuna."""
        from optuna import distributions

        if self.choices is not None:
            return distributions.CategoricalDistribution(self.choices)
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        kind = distributions.IntDistribution if whole else distributions.FloatDistribution
        return kind(self.low, self.high, log=self.log)


def parse(text):
    """Returns the `Vary` of a text.

    Args:
        text: `NAME=LOW:HIGH`, `NAME=LOW:HIGH:log`, or `NAME=A,B,C`; `none` stands for leaving the
            option out.

    Raises:
        ValueError: If the text is malformed.

    Example:

    >>> parse("learning-rate=1e-5:1e-2:log").log, parse("head=tcn,gru").choices
    (True, ('tcn', 'gru'))
    """
    name, equals, value = str(text).partition("=")
    name = name.strip().lstrip("-").replace("-", "_")
    parts = value.split(":")
    if equals and name and len(parts) in (2, 3) and parts[2:] in ([], ["log"]):
        ends = [_value(part) for part in parts[:2]]
        if all(type(end) in (int, float) and math.isfinite(end) for end in ends):
            return Vary(name, None, *ends, log=len(parts) == 3)
    choices = tuple(_value(part) for part in value.split(","))
    if not equals or not name or len(parts) > 1 or len(set(choices)) < 2:
        raise ValueError(
            "`vary` must be NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=A,B,... with two values or "
            f"more. Received: {text!r}. Write, for example, learning-rate=1e-5:1e-2:log."
        )
    return Vary(name, choices)


def _value(text):
    """Returns a number, a truth value, `None`, or the text itself."""
    text = text.strip()
    named = {"none": None, "true": True, "false": False}
    if text.lower() in named:
        return named[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def search(data, out, vary, trials=20, seed=0, log=print, **options):
    """Searches options of a training by the score on its validation clips.

    The options of each trial are proposed by Optuna's TPE sampler from the scores of those before,
    and trained in a folder of their own. The same call resumes: finished trials are read, and the
    interrupted one goes on at its last epoch with the options that it had. It may ask for more
    trials. The extra `search` installs Optuna.

    Args:
        data: See `train_run.train`.
        out: Folder of the search: a folder for each trial, `trials.csv`, and `trials.jsonl`.
        vary: List of `Vary`, or of texts of `parse`.
        trials: Number of trials, those before an interruption included.
        seed: Seed of the search and of every training.
        log: Function that is called with lines of text.
        **options: The other options of `train_run.train`, the same for all trials.

    Returns:
        `pandas.DataFrame` with a row for each trial, the best one first: `trial`, `score` (NaN if
        the training diverged), `epoch`, and the options.

    Raises:
        ValueError: If Optuna is missing, an option is varied and given, or as `train_run.train`
            does.
        OSError: If another process works in `out`, or it cannot be written.

    References: Bergstra et al. (NeurIPS 2011) for TPE; Akiba et al. (KDD 2019) for Optuna.
    """
    _optuna()
    vary = [each if isinstance(each, Vary) else parse(each) for each in vary]
    options = {name: value for name, value in options.items() if value is not None}
    _check_names(vary, options)
    training.refuse_workers(options.get("strategy", "auto"), "A search")
    trials = _checks.positive_integer("trials", trials)
    out = _checks.writable_folder("out", out)
    content = {
        "data": str(data), "seed": seed, "vary": [dataclasses.asdict(each) for each in vary],
        "options": json.loads(json.dumps(options, default=str)),
    }  # fmt: skip
    with _runs.Lock(out):
        _runs.start_folder(out, content, (TRIALS, TABLE), required=("vary",))
        journal = _runs.Journal(out / TRIALS)
        lines = list(journal.lines())
        finished = [content for content, _ in lines]
        journal.resume(lines[-1][1] if lines else 0)
        try:
            for number in range(len(finished), trials):
                chosen = _proposal(vary, finished, seed, number)
                log(f"Trial {number + 1} of {trials}: {_text(chosen)}")
                folder = out / f"trial-{number + 1:03}"
                result = _trial(data, folder, chosen, seed, log, options)
                shutil.rmtree(folder / "backup", ignore_errors=True)  # the trial never goes on
                finished.append({"trial": number + 1, **result, "options": chosen})
                journal.append(finished[-1])
                log(f"Trial {number + 1}: {_score_text(finished[-1])}")
        finally:
            journal.close()
        table = _table(finished)
        table.to_csv(out / TABLE, index=False)
    return table


def _optuna():
    try:
        import optuna
    except ImportError as error:
        raise ValueError(
            "A search needs the extra `search`. Received: no package optuna. Run "
            "pip install 'kollias-affect[search]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _check_names(vary, options):
    names = [each.name for each in vary]
    given = [name for name in names if name in options]
    if not names or len(set(names)) < len(names) or given:
        raise ValueError(
            "`vary` must name one option or more, each once and not given otherwise. Received: "
            f"{names}, and {given} are given. Leave one of the two out."
        )


def _proposal(vary, finished, seed, number):
    """Returns the options of a trial: they depend on the trials before and the seed alone."""
    optuna = _optuna()
    sampler = optuna.samplers.TPESampler(seed=(seed * 100_003 + number) % 2**32)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    space = {each.name: each.distribution() for each in vary}
    for trial in finished:
        failed = trial["score"] is None
        state = optuna.trial.TrialState.FAIL if failed else optuna.trial.TrialState.COMPLETE
        study.add_trial(
            optuna.trial.create_trial(
                state=state, value=trial["score"], params=trial["options"], distributions=space
            )
        )
    return study.ask(space).params


def _trial(data, folder, chosen, seed, log, options):
    """Trains with the chosen options; returns the score and the epoch of the best one."""
    try:
        _, card = train_run.train(data, folder, seed=seed, log=log, **{**options, **chosen})
    except ValueError as error:
        if not (folder / _runs.SETTINGS).exists():  # the options are wrong, not the result
            raise
        log(str(error))
        return {"score": None, "epoch": None}
    finally:
        gc.collect()  # otherwise the graphs of all trainings stay in memory
    score = next(value for name, value in card.items() if name.startswith("val_"))
    return {"score": float(score), "epoch": card["epoch"]}


def _table(finished):
    import pandas as pd

    rows = [{**trial, **trial["options"]} for trial in finished]
    table = pd.DataFrame(rows).drop(columns="options")
    return table.sort_values("score", ascending=False, na_position="last", ignore_index=True)


def best_folder(out, table):
    """Returns the folder of the best trial of a table of `search`."""
    return Path(out) / f"trial-{int(table.iloc[0]['trial']):03}"


def _text(chosen):
    shown = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in chosen.values())
    return ", ".join(f"{name} {value}" for name, value in zip(chosen, shown, strict=True))


def _score_text(trial):
    if trial["score"] is None:
        return "no finite score"
    return f"{trial['score']:.4f} at epoch {trial['epoch']}"
