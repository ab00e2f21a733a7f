"""The command `view`."""

import sys

import click

from kollias_affect._texts import count
from kollias_affect.cli import options as shared
from kollias_affect.cli._terminal import echo


@click.command()
@click.argument("out", type=shared.PATH)
@click.option(
    "--media",
    multiple=True,
    type=shared.PATH,
    metavar="PATH",
    help="A video, image or folder that was the input, for inputs without an annotated copy; may "
    "be given several times.",
)
@click.option(
    "--save",
    type=shared.PATH,
    metavar="FILE",
    help="Write the page to an HTML file instead of serving it. Media are relative links.",
)
@click.option("--embed", is_flag=True, help="With --save: put the media into the file, too.")
@shared.server_options(port=0)
def view(out, media, save, embed, browse, **options):
    """Shows the outputs in OUT, the folder of `predict`, as an interactive page.

    Videos with a cursor that moves along the curves of valence, arousal and expressions, the point
    in the plane of valence and arousal, people to choose; images with their values. Nothing leaves
    this machine.
    """
    if embed and save is None:
        raise ValueError("--embed needs --save FILE. Received: --embed alone. Name the file.")
    if save is not None:
        from kollias_affect.prediction import view as pages

        echo(pages.write_page(out, save, media, embed))
        return
    from kollias_affect._web import running
    from kollias_affect.prediction.view import server

    with server.prepare(out, media, **options) as prepared:
        echo(f"{count(prepared.count, 'input')}. Open {prepared.address}  (Ctrl+C ends)")
        sys.stdout.flush()
        if browse:
            click.launch(prepared.address)
        running.serve(prepared.app, prepared.listener)
