"""The annotation store: one SQLite file, `OUT/annotations.sqlite`.

`people` holds annotators and their sessions, `videos` the videos, the persons in them and who
watched what, `takes` the recorded samples, `reviews` dropped stretches, verdicts and the experts'
choices. `schema` documents the tables.
"""

from pathlib import Path

from kollias_affect.annotations.store.database import Database
from kollias_affect.annotations.store.people import People
from kollias_affect.annotations.store.reviews import Reviews
from kollias_affect.annotations.store.takes import Batch, SequenceConflict, Takes
from kollias_affect.annotations.store.videos import Videos

__all__ = ["FILE_NAME", "Batch", "SequenceConflict", "Store"]

FILE_NAME = "annotations.sqlite"


class Store:
    """The annotations in a folder.

    Args:
        folder: Folder of the store. It is made if it does not exist, unless `read_only`.
        read_only: Whether nothing may be written.

    Attributes:
        identity: Random name of this store.
        people, videos, takes, reviews: The parts of the store.

    Raises:
        OSError: If the folder or its file cannot be used.
        ValueError: If the file is no store, or belongs to a newer version of the package.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Store(folder) as store:
        ...     store.people.names()
        []
    """

    def __init__(self, folder, read_only=False):
        folder = Path(folder)
        if not read_only:
            folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.read_only = read_only
        self.database = Database(folder / FILE_NAME, read_only)
        self.people = People(self.database)
        self.videos = Videos(self.database)
        self.takes = Takes(self.database)
        self.reviews = Reviews(self.database)
        self.identity = self.meta("identity")

    def meta(self, key):
        """Returns a text that was kept by `set_meta`, or `None`."""
        row = self.database.row("SELECT value FROM meta WHERE key = ?", (key,))
        return row and row["value"]

    def set_meta(self, key, value):
        """Keeps a text."""
        with self.database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def close(self):
        """Closes the file."""
        self.database.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
