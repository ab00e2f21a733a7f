"""Tables of results on disk."""

from kollias_affect import _files


def write(table, path, excel_safe=False):
    """Writes a DataFrame to a csv, atomically; see `_files.write_csv`."""
    _files.write_csv(table, path, excel_safe, index=False)
