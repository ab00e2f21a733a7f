"""The command `extract`."""

import click

from kollias_affect import _cluster
from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import raise_errors
from kollias_affect.cli._terminal import echo


@click.command()
@click.argument("videos", nargs=-1, required=True, type=shared.EXISTING)
@shared.out_option("Folder of the crops and tables.")
@shared.detector_option
@click.option(
    "--size",
    type=shared.whole(16, 2048),
    default=96,
    show_default=True,
    help="Side of the crops in pixels.",
)
@click.option(
    "--faces",
    type=shared.one_of("main", "all"),
    default="main",
    show_default=True,
    help="main or all.",
)
@shared.detect_every_option
@shared.processes_option
@shared.cluster_option("one task per video")
@shared.segment_option
@click.option(
    "--labels",
    type=shared.EXISTING,
    help="Folder of <video>.csv or .txt, a row valence,arousal per frame; writes OUT/frames.csv.",
)
@click.option("--overwrite", is_flag=True, help="Extract finished videos again.")
def extract(videos, out, labels, cluster, segment, processes, **options):
    """Finds, aligns and crops the face in every frame of VIDEOS.

    The same command resumes an interrupted run and skips finished videos.
    """
    from kollias_affect import faces
    from kollias_affect.datasets import frames_csv

    options |= shared.on_cluster(cluster, segment, processes)
    if labels is not None:
        listed = frames_csv.read_label_list(videos, out, labels)
    with _cluster.executor(cluster) as executor:
        results, errors = faces.extract_many(
            videos, out, executor=executor, keep=labels is not None, **options
        )
    for result in results.values():
        for extracted in result if labels is None else faces.described(result):
            _print(extracted)
    clips = [clip for result in results.values() if labels is not None for clip in _listed(result)]
    if clips:
        path = out / "frames.csv"
        listed_clips = frames_csv.write_label_list(clips, listed, labels, path)
        echo(f"{path}: {count(listed_clips, 'clip')} with labels.")
    raise_errors(errors)


def _listed(result):
    return result if isinstance(result, list) else [result]


def _print(extracted):
    note = ""
    if not extracted.faces:
        note = " No face was found: no crops, a table without boxes."
    echo(
        f"{extracted.key}: {count(extracted.frames, 'frame')}, {extracted.faces:,} with a face."
        f"{note}"
    )
