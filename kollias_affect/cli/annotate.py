"""The command `annotate`."""

import sys

import click

from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._terminal import echo, echo_lines


def _print_texts(context, parameter, value):
    if value and not context.resilient_parsing:
        from kollias_affect.annotations import texts

        echo_lines(json_text(texts.default()))
        context.exit()


def json_text(content):
    """A JSON object that people edit."""
    import json

    return json.dumps(content, indent=2, ensure_ascii=False)


@click.command()
@click.argument("videos", nargs=-1, required=True, type=shared.PATH)
@shared.out_option("Folder of the annotations, OUT/annotations.sqlite.")
@click.option(
    "--dimension",
    "dimensions",
    multiple=True,
    type=click.Choice(["valence", "arousal", "both"]),
    help="Dimension that annotators may choose; may be given several times.  [default: all]",
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice(["bounded", "unbounded"]),
    help="bounded: from -1 to 1. unbounded: without limits (RankTrace).  [default: both]",
)
@click.option(
    "--person",
    "persons",
    multiple=True,
    metavar="VIDEO=LABEL",
    help="A person in a video, such as talk.mp4=left; may be given several times. Each person gets "
    "a trace. Annotators can add persons, too.",
)
@click.option(
    "--order",
    type=click.Choice(["random", "given"]),
    default="random",
    show_default=True,
    help="random: every annotator gets another order.",
)
@shared.seed_option
@click.option("--playlist", type=shared.PATH, help="A csv with the columns playlist,video.")
@click.option("--practice", type=shared.PATH, help="Video to practise with, shown first.")
@click.option("--guidelines", type=shared.PATH, help="Markdown file that annotators read.")
@click.option("--texts", type=shared.PATH, help="JSON file of the page's texts, translated.")
@click.option(
    "--print-texts",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_texts,
    help="Print the page's texts, to translate them.",
)
@click.option(
    "--expert",
    "experts",
    multiple=True,
    metavar="NAME",
    help="Who may log in as an expert; may be given several times.  [default: everybody]",
)
@click.option(
    "--first-viewing/--no-first-viewing",
    default=True,
    show_default=True,
    help="Whether a video must be watched before it is annotated.",
)
@click.option("--countdown", default=3, show_default=True, help="Seconds before recording starts.")
@click.option(
    "--convert",
    is_flag=True,
    help="Make copies in OUT/copies of videos that browsers do not play, without asking.",
)
@click.option("--read-only", is_flag=True, help="Show the annotations; nobody can change them.")
@shared.server_options(port=8400)
def annotate(videos, out, browse, convert, **options):
    """Serves a page on which people annotate VIDEOS (files or folders) continuously.

    Annotators move a joystick, mouse, key or finger while they watch. Every sample is stored in
    OUT/annotations.sqlite within a second. The same command continues where it was stopped.
    """
    from kollias_affect._web import running
    from kollias_affect.annotations.server import start

    with start.prepare(
        videos, out, confirm=_confirmation(convert), report=echo, **options
    ) as prepared:
        echo(f"{count(prepared.count, 'video')}. Annotations: {prepared.store_file}")
        echo(f"Open {prepared.address}  (Ctrl+C ends)")
        sys.stdout.flush()
        if browse:
            click.launch(prepared.address)
        running.serve(prepared.app, prepared.listener)


def _confirmation(convert):
    """Function that asks whether copies are made; receives the videos that need one."""
    if convert:
        return lambda unplayable: True
    if not sys.stdin.isatty():
        return lambda unplayable: False
    return lambda unplayable: click.confirm(
        f"{count(len(unplayable), 'video')} cannot be played by all browsers. Make copies for "
        "browsers?",
        default=True,
    )
