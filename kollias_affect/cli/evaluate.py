"""The command `evaluate`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand


def _record(model):
    """Returns the record of a calibrated model."""
    from kollias_affect import models, weights

    card = models.read_card(weights.model_file(model)) or {}
    if not card.get("uncertainty"):
        raise ValueError(
            f"--intervals needs a calibrated model. Received: {model}, which has no intervals. Run "
            "`kollias-affect calibrate` first."
        )
    return card["uncertainty"]


@click.command(cls=KerasCommand, check=shared.check_data)
@click.argument("model", type=shared.MODEL)
@click.argument("data", type=shared.PATH)
@shared.dataset_options
@click.option(
    "--task",
    help="Score only this task of a model with several; the other options of scores need one.  "
    "[default: all]",
)
@click.option(
    "--by",
    type=shared.one_of("sequence", "utterance", "video"),
    help="Score sequences, utterances or videos: sequence, utterance, video.",
)
@click.option(
    "--statistic",
    type=shared.one_of("median", "mean", "vote"),
    default="median",
    show_default=True,
    help="How the frames of a sequence become one value: median, mean, vote.",
)
@click.option(
    "--search",
    type=shared.PATH,
    help="Find post-processing that improves the scores on the official validation part, or on "
    "--split, and save it to this file.",
)
@click.option("--postprocessing", type=shared.EXISTING, help="Apply what --search has saved.")
@click.option("--per-video", is_flag=True, help="Also print a row for every video.")
@click.option(
    "--levels",
    is_flag=True,
    help="Also score frames, means of sequences, and utterances, of the same predictions.",
)
@click.option(
    "--significance",
    is_flag=True,
    help="Add the p-value of the correlation, as if all rows were independent.",
)
@click.option(
    "--against",
    type=shared.MODEL,
    help="Another model, with the same post-processing: print differences and paired p-values.",
)
@click.option(
    "--intervals",
    is_flag=True,
    help="Also print how many labels the intervals of a calibrated model hold, see `calibrate`.",
)
@click.option("--out", type=shared.FOLDER, help="Write tables and pictures there.")
def evaluate(
    model, data, dataset, split, loader_options, by, search, postprocessing, against, intervals,
    out, **options,
):  # fmt: skip
    """Prints the scores of MODEL on the clips of DATA, over all frames.

    MODEL is a .keras file, or a name of `kollias-affect weights list`. Of a model with several
    tasks, every output is scored on the frames with a label of its task. Without --split, the
    official test part of the database is scored if it has labels, otherwise its official
    validation part, and all clips of a database without official parts. --split all mixes the
    parts. --search looks at the official validation part, so that the test part stays unseen.
    """
    from kollias_affect import evaluation
    from kollias_affect.experiments import seen

    evaluation.check_options(by, search, postprocessing)
    record = _record(model) if intervals else None
    network = shared.load_model(model)
    roles = ("test", "validation") if search is None else ("validation",)
    clips, text = shared.load_scored(dataset, data, split, loader_options, roles=roles)
    click.echo(f"Scored: {text}")
    shared.print_warning(seen.warning(model, dataset, clips))
    result = evaluation.evaluate_model(
        network,
        clips,
        by=by,
        search=search,
        postprocessing=postprocessing,
        against=None if against is None else shared.load_model(against),
        out_dir=out,
        **options,
    )
    if search is not None:
        click.echo(f"{search}: {result.steps}")
    shared.print_table(result.scores)
    if result.without_labels:
        click.echo(f"Without labels, and not scored: {', '.join(result.without_labels)}")
    if result.total is not None:
        click.echo(f"Sum of mean CCC, macro F1 and mean F1 (ABAW): {result.total:.4f}")
    if result.per_video is not None:
        click.echo()
        shared.print_table(result.per_video)
    if result.levels is not None:
        click.echo()
        shared.print_table(result.levels)
    if record is not None:
        from kollias_affect import uncertainty

        click.echo("\nIntervals and sets that hold the label:")
        shared.print_table(uncertainty.coverage(network, record, clips))
    if against is not None:
        click.echo(f"\n{result.measure} of {model} and {against}:")
        shared.print_table(result.comparison)
    if out is not None:
        click.echo(f"Tables and pictures: {out}")
