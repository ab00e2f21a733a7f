"""The commands `du` and `clean`."""

import sys

import click

from kollias_affect import _storage
from kollias_affect._texts import count
from kollias_affect.cli import options as shared

_SHOWN = 20  # items of a list


def _folders(context, param, value):
    """Returns the folders, by default the cache of the package."""
    from kollias_affect import _files

    if value:
        return value
    cache = _files.cache_folder()
    return [cache] if cache.is_dir() else []


_folders_argument = click.argument("folders", nargs=-1, type=shared.PATH, callback=_folders)


def _items(folders):
    """Returns the items of all folders, each once."""
    found = {item.path: item for folder in folders for item in _storage.items(folder)}
    return list(found.values())


@click.command()
@_folders_argument
def du(folders):
    """Prints what FOLDERS hold by kind, how large it is, and what `clean` could remove.

    Without FOLDERS: the cache of the package.
    """
    found = _items(folders)
    click.echo(f"{'kind':<16}{'files':>12}{'size':>12}  can be made again")
    for kind in (*_storage.CACHES, *_storage.OUTPUTS):
        of_kind = [item for item in found if item.kind == kind]
        if of_kind:
            again = "yes" if kind in _storage.CACHES else "no"
            click.echo(_line(kind, of_kind) + f"  {again}")
    click.echo(_line("total", found))


def _line(name, found):
    files, size = sum(item.files for item in found), sum(item.bytes for item in found)
    return f"{name:<16}{files:>12,}{_storage.size_text(size):>12}"


@click.command()
@_folders_argument
@click.option(
    "--kind",
    "kinds",
    type=shared.one_of(*_storage.CACHES),
    multiple=True,
    help="Remove only this kind; may be given several times.  [default: all]",
)
@click.option(
    "--older-than",
    type=shared.real(min=0),
    default=0,
    metavar="DAYS",
    help="Remove only what was not used for so many days.",
)
@click.option("--dry-run", is_flag=True, help="List what would be removed, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(folders, kinds, older_than, dry_run, yes):
    """Removes files in FOLDERS that the package wrote and can make again.

    These are cached features and frames, unpacked archives, crops of databases in the cache of the
    package, unfinished videos and segments that nobody has written for a day, and temporary files
    of processes that were killed. What a command works on stays. Outputs are never removed: crops
    that you extracted, shards, runs, models, tables. Without FOLDERS: the cache of the package.
    """
    chosen = _storage.removable(_items(folders), kinds or _storage.CACHES, older_than)
    if not chosen:
        click.echo("Nothing to remove.")
        return
    for item in chosen if dry_run else chosen[:_SHOWN]:
        click.echo(f"{_storage.size_text(item.bytes):>10}  {item.kind}: {item.path}")
    if len(chosen) > _SHOWN and not dry_run:
        click.echo(f"and {count(len(chosen) - _SHOWN, 'more item')}")
    files, size = sum(item.files for item in chosen), sum(item.bytes for item in chosen)
    text = f"{count(files, 'file')}, {_storage.size_text(size)}"
    if dry_run:
        click.echo(f"Would remove {text}.")
        return
    if not yes:
        _ask(text)
    left = [item for item in chosen if not _storage.remove(item)]
    click.echo(f"Removed {text}." if not left else "Removed the others.")
    if left:
        raise OSError(
            f"Files are removed with the permission of their owner. Received: {left[0].path} and "
            f"{len(left) - 1} others, which stayed. Remove them by hand."
        )


def _ask(text):
    """Asks on a terminal; elsewhere, `--yes` is needed."""
    if not sys.stdin.isatty():
        raise ValueError(
            f"Without a terminal, `clean` needs --yes. Received: no answer for {text}. Look with "
            "--dry-run, then add --yes."
        )
    click.confirm(f"Remove {text}?", abort=True)
