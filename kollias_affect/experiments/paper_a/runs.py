"""The experiments behind paper A's tables, from the roles of a laboratory."""

import dataclasses

from kollias_affect.experiments.paper_a import texts
from kollias_affect.experiments.paper_a.experiment import Experiment
from kollias_affect.experiments.paper_a.settings import Settings

# Options of a laboratory that are settings of an experiment.
_OPTIONS = ("seeds", "steps", "protocol", "bins")


def experiment(laboratory, other="other", **changes):
    """Returns the `Experiment` on the roles `data` (A) and `other` (B).

    Args:
        laboratory: `Laboratory`.
        other: Role of B.
        **changes: Settings that differ from those of the tables.

    Returns:
        `Experiment`, the same for the same arguments.
    """
    key = ("paper A", other, *sorted(changes.items()))
    return laboratory.once(key, lambda: _new(laboratory, other, changes))


def count_seeds(laboratory):
    """Returns the number of NetAs of each λ."""
    return laboratory.options.get("seeds", Settings().seeds)


def _new(laboratory, other, changes):
    a, b = laboratory.parts("data"), laboratory.parts(other)
    options = {n: laboratory.options[n] for n in _OPTIONS if n in laboratory.options}
    settings = dataclasses.replace(_settings(laboratory, a, b), **{**options, **changes})
    if settings.protocol == "paper":
        clips = {"a_train": a.training, "a_test": a.test}
        clips |= {"b_train": b.training, "b_test": b.test or b.training}
    else:
        clips = {
            "a_train": [*a.training, *a.validation],
            "a_test": a.test,
            "b_train": [*b.training, *b.validation],
            "b_test": b.test,
        }
    content = laboratory.fingerprint(
        dataclasses.asdict(settings),
        laboratory.options_fingerprint(),
        laboratory.contents("data", other),
    )
    folder = laboratory.out_dir / f"adaptation-{content}"
    return Experiment(clips, laboratory.backbone(), folder, settings)


def _settings(laboratory, a, b):
    """Settings of the scale; windows of single images have one frame."""
    scale = laboratory.scale
    videos = any(len(clip) > 1 for clip in (*a.everything, *b.everything))
    return Settings(
        hidden_units=max(2, round(4096 * scale.units)),
        length=scale.length if videos else 1,
        batch_size=scale.batch_size,
        learning_rate=scale.learning_rate or Settings.learning_rate,
    )


def facts(laboratory, run, b="`other`", turns=False):
    """Describes a run, as texts of a page.

    Args:
        laboratory: `Laboratory`.
        run: `Experiment`.
        b: Text that says which database is B.
        turns: See `texts.lines`.

    Returns:
        List of texts.
    """
    settings = run.settings
    known = laboratory.backbone_text()
    counts = [f"NetB seed {settings.seeds}"]
    if settings.chosen == "b":
        counts = [f"{name}: step {run.step(name):,}" for name in trained(run)]
    return [
        f"Databases: A is `data`, B is {b}.",
        f"Start: the fixed CNN is {known}; NetA and NetB start from other RANDOM weights each.",
        *(f"{text}." for text in texts.lines(run, turns)),
        *_trained_too(laboratory, run),
        f"Networks: {'; '.join(counts)}.",
        f"{texts.ours(settings)}.",
    ]


def _trained_too(laboratory, run):
    """Says that clips of a validation part are trained on where the data have one."""
    roles = [role for role in ("data", "other", "other2") if laboratory.has(role)]
    having = [f"`{role}`" for role in roles if laboratory.parts(role).validation]
    if run.settings.protocol == "paper" or not having:
        return []
    return [f"The validation part of {' and '.join(having)} is trained on too; it chooses nothing."]


def trained(run):
    """Returns the names of the networks of a run that exist, in order."""
    return sorted(path.stem for path in (run.out_dir / "models").glob("*.keras"))
