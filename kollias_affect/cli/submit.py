"""The command `submit`."""

import click

from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo


@click.command(cls=KerasCommand)
@click.argument("model", type=shared.MODEL)
@click.argument("root", type=shared.EXISTING)
@click.option(
    "--dataset",
    type=shared.one_of("omg", "affwild2", "affwild2_multitask"),
    required=True,
    help="Challenge: omg, affwild2, or affwild2_multitask.",
)
@click.option("--split", default="test", show_default=True, help="Part to predict.")
@shared.loader_option
@click.option("--task", help="For affwild2: only this task of a model with several.")
@click.option(
    "--out",
    required=True,
    type=shared.PATH,
    help="csv file for omg, folder of text files for affwild2, .txt file for affwild2_multitask.",
)
@click.option(
    "--postprocessing", type=shared.EXISTING, help="Apply what `evaluate --search` has saved."
)
@click.option(
    "--statistic",
    type=click.Choice(["median", "mean"]),
    help="For omg: how the frames of a sequence become one value.  [default: median]",
)
@click.option(
    "--missing",
    type=click.Choice(["mark", "interpolate"]),
    help="For affwild2: frames without a face are marked as in the annotations (-5, or -1 for "
    "expressions and action units), or filled from the faces around them.  [default: mark]",
)
def submit(
    model, root, dataset, split, loader_options, task, out, postprocessing, statistic, missing
):  # fmt: skip
    """Writes the predictions of MODEL for a challenge, on a part of the database in ROOT.

    MODEL is a .keras file, or a name of `kollias-affect weights list`. The part needs no labels,
    and labels are not used. For omg, the rows are those of the official table, in its order; an
    utterance without a face or a video has the mean of the others. For affwild2 there is a file for
    each person, with a line for each frame of the video, and a folder for each task of a model with
    several. For affwild2_multitask, a line for each image has valence, arousal, expression and
    action units.
    """
    from kollias_affect import evaluation
    from kollias_affect.datasets import submissions

    submissions.refuse_other_files(dataset, out)
    steps = _steps(dataset, postprocessing, statistic, missing)
    network = shared.load_model(model)
    network = evaluation.one_task(network, _task(network, dataset, task, steps))
    clips = shared.load_clips(dataset.removesuffix("_multitask"), root, split, loader_options)
    # `valid` and the frames that count must not depend on labels.
    unlabelled = dict.fromkeys(("valence_arousal", "expression", "action_units"))
    clips = [clip.labelled(**unlabelled, expression_shares=None) for clip in clips]
    predictions = evaluation.predict(network, clips)
    if steps is not None:
        predictions = steps.apply(predictions, clips)
    if dataset == "omg":
        done = _write_utterances(out, root, split, clips, predictions, statistic)
        unit = "utterance", "these have the mean of the others"
    elif dataset == "affwild2_multitask":
        done = submissions.write(dataset, out, clips, predictions)
        unit = "image", "these are left out"
    else:
        done = submissions.write(dataset, out, clips, predictions, missing=missing or "mark")
        unit = "frame", f"these are {'marked' if missing != 'interpolate' else 'interpolated'}"
    echo(f"{out}: {count(done.rows, unit[0])}, {done.without_face:,} without a face: {unit[1]}.")
    if done.clipped:
        echo(f"{count(done.clipped, 'prediction')} outside the range of the labels.")


def _task(network, dataset, task, steps):
    """Returns the task that is submitted, or `None` for all of the model."""
    from kollias_affect import models

    names = tuple(models.tasks_of(models.describe(network)))
    if dataset == "affwild2_multitask" and task is not None:
        raise ValueError(
            f"The multi-task challenge takes all tasks. Received: --task {task}. Leave it out."
        )
    if task is None and len(names) > 1 and (dataset == "omg" or steps is not None):
        return "valence_arousal"
    return task


def _steps(dataset, postprocessing, statistic, missing):
    """Returns the `PostProcessing` to apply, or `None`; refuses options of the other challenge."""
    from kollias_affect.evaluation.postprocess import PostProcessing

    if (dataset != "affwild2" and missing) or (dataset != "omg" and statistic):
        option, other = ("--missing", "affwild2") if missing else ("--statistic", "omg")
        raise ValueError(
            f"{option} belongs to the challenge {other}. Received: --dataset {dataset}. Leave it "
            "out."
        )
    steps = None if postprocessing is None else PostProcessing.load(postprocessing)
    if steps is not None and steps.by is not None and (dataset != "omg" or statistic):
        raise ValueError(
            "Post-processing of utterances includes their aggregation, and belongs to the "
            f"challenge omg without --statistic. Received: {postprocessing} of {steps.by}s. Search "
            "post-processing of frames (`evaluate --search` without --by)."
        )
    return steps


def _write_utterances(out, root, split, clips, predictions, statistic):
    """Writes a row for each utterance of the official table, also without a clip."""
    from kollias_affect import evaluation
    from kollias_affect.datasets import omg, submissions

    keys = omg.utterance_keys(root, split)
    table = predictions  # of post-processing that aggregates
    if not hasattr(table, "columns"):
        table = evaluation.aggregate(predictions, clips, "utterance", statistic or "median")
    unknown = sorted(set(table.index) - set(keys))
    if unknown:
        raise ValueError(
            f"A submission has one person an utterance. Received: {unknown[:5]}, which are not in "
            "the official table. Leave --option faces=all out."
        )
    return submissions.write("omg", out, keys, table.reindex(keys))
