"""The commands `pack` and `unpack`."""

import click

from kollias_affect._texts import count
from kollias_affect.cli import options as shared


@click.command()
@click.argument("folder", type=shared.EXISTING)
@shared.out_option("Folder for the shards.")
@click.option(
    "--shard-size",
    type=shared.SIZE,
    default="1GB",
    show_default=True,
    help="Size of pictures after which the next tar file begins.",
)
def pack(folder, out, shard_size):
    """Packs the pictures of FOLDER into tar files with random access.

    FOLDER has crops and their tables, as `extract` leaves them, or any pictures. Tables, landmarks
    and settings are copied, so that OUT has the layout of FOLDER, with a few large files for many
    small ones: commands take it where they take FOLDER. The same command goes on after an
    interruption.
    """
    from kollias_affect import shards

    packed = shards.pack(folder, out, shard_size)
    click.echo(
        f"{out}: {count(packed.pictures, 'picture')} in {count(packed.shards, 'shard')}, "
        f"{count(packed.copied, 'other file')} copied."
    )
    if packed.left_out:
        examples = ", ".join(packed.left_out[:3])
        click.echo(
            f"Left out, {count(len(packed.left_out), 'file')} of other kinds: {examples}", err=True
        )


@click.command()
@click.argument("folder", type=shared.EXISTING)
@shared.out_option("New folder for the pictures.")
def unpack(folder, out):
    """Writes the pictures of the shards in FOLDER back to files, compared with their checksums."""
    from kollias_affect import shards

    packed = shards.unpack(folder, out)
    click.echo(
        f"{out}: {count(packed.pictures, 'picture')}, {count(packed.copied, 'other file')} copied."
    )
