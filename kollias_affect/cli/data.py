"""The command `data`."""

import click

from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._terminal import echo, echo_lines


@click.command()
@click.argument("name", type=shared.DATASET)
@click.argument("root", type=shared.PATH)
@click.option("--split", help="Part of the database.  [default: the complete database]")
@shared.loader_option
@click.option(
    "--out",
    type=shared.PATH,
    help="Also write the clips as a csv of frames, above the folders of their images.",
)
@click.option(
    "--statistics",
    is_flag=True,
    help="Also print length, resolution, persons by gender and quadrants for each part.",
)
def data(name, root, split, loader_options, out, statistics):
    """Loads the database NAME at ROOT and prints what was found, what was left out, and why.

    NAME is affwild, affwild2, afew, afew_va, ck48, fer2013, frames_csv, images_csv, omg, recola,
    sfew or synthetic. The faces of databases of videos are extracted when they are first loaded.
    Without --split everything is read, and the official parts are counted besides.
    """
    from kollias_affect import datasets
    from kollias_affect.datasets import division, option_texts

    shared.check_root(name, root)
    if out is not None and out.exists():
        raise FileExistsError(
            f"`--out` must be a new file. Received: {out}, which exists. Move it away, or choose "
            "another name."
        )
    options = option_texts.parse_options(name, loader_options)
    clips = datasets.load(name, root, split, **options)
    echo_lines(clips.report)
    if split is None:
        for part, text in division.count_parts(name, root, **options).items():
            echo(f"  part {part}: {text or 'absent, or without labels'}")
    if statistics:
        described = datasets.statistics.describe_database(name, root, split, **options)
        echo_lines(f"\n{datasets.statistics.table(described).to_string()}")
    if out is not None:
        datasets.frames_csv.write(clips, out)
        echo(f"{out}: {count(len(clips), 'clip')}.")
