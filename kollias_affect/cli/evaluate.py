"""The command `evaluate`."""

import click

from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo


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
    "--groups",
    type=shared.EXISTING,
    metavar="FILE.csv",
    help="Also score groups of people, with intervals over persons and differences: a csv file "
    "with the column video or subject, and columns such as age,gender.",
)
@click.option(
    "--intervals",
    is_flag=True,
    help="Also print how many labels the intervals of a calibrated model hold, see `calibrate`.",
)
@click.option("--out", type=shared.FOLDER, help="Write tables and pictures there.")
@shared.excel_safe_option
def evaluate(
    model, data, dataset, split, loader_options, by, search, postprocessing, against, groups,
    intervals, out, **options,
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

    evaluation.check_options(by, search, postprocessing, groups)
    record = _record(model) if intervals else None
    network = shared.load_model(model)
    roles = ("test", "validation") if search is None else ("validation",)
    clips, text = shared.load_scored(dataset, data, split, loader_options, roles=roles)
    echo(f"Scored: {text}")
    shared.print_warning(seen.warning(model, dataset, clips))
    of_clips = None if groups is None else _groups(groups, clips)
    result = evaluation.evaluate_model(
        network,
        clips,
        by=by,
        search=search,
        postprocessing=postprocessing,
        against=None if against is None else shared.load_model(against),
        out_dir=out,
        groups=of_clips,
        **options,
    )
    if search is not None:
        echo(f"{search}: {result.steps}")
    shared.print_table(result.scores)
    if result.without_labels:
        echo(f"Without labels, and not scored: {', '.join(result.without_labels)}")
    if result.total is not None:
        echo(f"Sum of mean CCC, macro F1 and mean F1 (ABAW): {result.total:.4f}")
    if result.per_video is not None:
        echo()
        shared.print_table(result.per_video)
        single = evaluation.count_single(result.per_video)
        if single:
            echo(f"NaN: {count(single, 'video')} with one value, which has no correlation.")
    if result.levels is not None:
        echo()
        shared.print_table(result.levels)
    for task, table in result.by_group.items():
        _print_groups(task, table)
    if record is not None:
        from kollias_affect import uncertainty

        echo("\nIntervals and sets that hold the label:")
        shared.print_table(uncertainty.coverage(network, record, clips))
    if against is not None:
        echo()
        echo(f"{result.measure} of {model} and {against}:")
        shared.print_table(result.comparison)
    if out is not None:
        echo(f"Tables and pictures: {out}")


def _groups(path, clips):
    """Returns the groups of clips by key, and says how many clips have none."""
    from kollias_affect.datasets import groups

    found = groups.read(path, clips)
    if len(found) < len(clips):
        echo(f"Clips without a row in {path}: {len(clips) - len(found)} of {len(clips)}.")
    return found


def _print_groups(task, table):
    """Prints the rows of groups that say most, and the warnings; files have all rows."""
    from kollias_affect.evaluation import groups

    persons = table.index.get_level_values("column") == groups.SUBJECT
    shown = table[~persons].drop(columns=["others", "small"])
    if len(shown):
        echo(f"\nGroups, {task} (95 % intervals over persons):")
        shared.print_table(shown.reset_index().set_index("column"), digits=3)
    if persons.any():
        of_person = table[persons].groupby(level="group").last().iloc[:, 0].dropna()
        low, *quarters, high = of_person.quantile([0, 0.25, 0.5, 0.75, 1])
        echo(
            f"\nSingle persons, {task}, {table.columns[0]} of {len(of_person)}: lowest {low:.3f} "
            f"({of_person.idxmin()}), quartiles {', '.join(f'{q:.3f}' for q in quarters)}, "
            f"highest {high:.3f} ({of_person.idxmax()})."
        )
    for text in groups.warnings(table):
        shared.print_warning(text)
