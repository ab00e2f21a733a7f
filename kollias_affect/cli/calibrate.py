"""The command `calibrate`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand


def _check(data, dataset, **_):
    """Refuses at once data that do not exist."""
    shared.check_root(dataset, data)


@click.command(cls=KerasCommand, check=_check)
@click.argument("model", type=shared.MODEL)
@click.argument("data", type=shared.PATH)
@click.option("--out", required=True, type=shared.PATH, help="The new .keras file.")
@shared.dataset_options
@click.option(
    "--fit-split",
    help="Part of DATA to which the distance and a predicted variance are fitted.  [default: half "
    "of the people; the other half calibrates]",
)
@click.option(
    "--coverage",
    type=shared.real(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Share of the frames whose label the intervals and sets hold.",
)
@click.option(
    "--scale",
    type=shared.one_of("constant", "variance"),
    help="constant: intervals of one width; variance: wider where the model is unsure.  [default: "
    "variance for an ensemble, otherwise constant]",
)
@click.option(
    "--unfamiliar",
    type=shared.real(0, 0.5),
    default=0.01,
    show_default=True,
    help="Share of the frames of DATA, the most distant ones, that is flagged; 0 for no flag.",
)
@click.option(
    "--unit",
    type=shared.one_of("video", "person"),
    default="video",
    show_default=True,
    help="What counts as new: a video, or a person with several videos.",
)
@shared.seed_option
def calibrate(
    model, data, out, dataset, split, loader_options, fit_split, coverage, scale, unfamiliar, unit,
    seed,
):  # fmt: skip
    """Adds intervals to MODEL, and a flag for faces unlike those of DATA.

    DATA are clips with labels that MODEL was not trained on. Without --split, the official
    validation part is used. The table of `predict` then has valence_low, valence_high, …,
    expression_set, distance and unfamiliar. `evaluate --intervals` measures them on other clips.
    """
    from kollias_affect import models, uncertainty
    from kollias_affect import weights as registry
    from kollias_affect.experiments import seen

    if out.suffix != ".keras":
        raise ValueError(f"--out must be a .keras file. Received: {out}. Write {out.stem}.keras.")
    path = registry.model_file(model)
    network, card = models.load(path)
    clips, text = shared.load_scored(dataset, data, split, loader_options, roles=("validation",))
    click.echo(f"Calibrated on: {text}")
    shared.print_warning(seen.warning(model, dataset, clips, "the clips that calibrate"))
    fit = None
    if fit_split is not None:
        fit = shared.load_clips(dataset, data, fit_split, loader_options)
    network, record = uncertainty.calibrate(
        network, clips, fit, coverage, scale, unfamiliar or None, unit, seed
    )
    models.save(network, out, **_metadata(card), uncertainty=record)
    for task, of_task in record["tasks"].items():
        widths = ", ".join(f"{value:.3f}" for value in of_task["quantiles"])
        what = "times the predicted deviation" if of_task["scaled"] else "to each side"
        what = "below the certain class" if task.startswith("expression") else what
        click.echo(f"{task}: {widths} {what}")
    click.echo(
        f"{out}: coverage {coverage:g} by {record[f'{unit}s']} {unit}s, {record['frames']} frames."
    )


def _metadata(card):
    """Returns what a card says of a model besides its inputs and outputs, which `save` derives."""
    derived = {"task", "outputs", "range", "image", "landmarks", "length", "versions"}
    return {name: value for name, value in card.items() if name not in {*derived, "uncertainty"}}
