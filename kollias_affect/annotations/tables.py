"""Tables of results on disk."""

from kollias_affect import _files


def write(table, path):
    """Writes a DataFrame to a csv, atomically."""
    with _files.atomic(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
