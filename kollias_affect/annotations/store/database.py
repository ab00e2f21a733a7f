"""Connections and transactions of the SQLite file of a store."""

import contextlib
import os
import secrets
import sqlite3
import threading
from pathlib import Path

from kollias_affect.annotations.store import schema

WAIT = 20.0  # seconds for which a writer waits for another one


class Database:
    """The SQLite file of a store, in WAL mode, used by several threads and processes at once.

    A transaction is on the disk when it ends: what was committed survives a killed process and a
    power failure.

    Args:
        path: The file. It is made if it does not exist, unless `read_only`.
        read_only: Whether nothing may be written.

    Raises:
        FileNotFoundError: If the file does not exist and `read_only`.
        ValueError: If the file is no store, or has the layout of a newer version.
    """

    def __init__(self, path, read_only=False):
        self.path = Path(path)
        self.read_only = read_only
        self._local = threading.local()
        self._open = []
        self._lock = threading.Lock()
        if read_only and not self.path.is_file():
            raise FileNotFoundError(
                f"A store that is only read must exist. Received: {self.path}, which does not. "
                "Name the folder of an earlier `annotate`, or leave out --read-only."
            )
        self._prepare()

    def rows(self, sql, arguments=()):
        """Returns the rows of a query as a list of dicts."""
        return [dict(row) for row in self._connection().execute(sql, arguments)]

    def row(self, sql, arguments=()):
        """Returns the first row of a query as a dict, or `None`."""
        row = self._connection().execute(sql, arguments).fetchone()
        return None if row is None else dict(row)

    @contextlib.contextmanager
    def transaction(self):
        """Yields a connection; what it writes is stored completely at the end, or not at all."""
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # A full disk ends some transactions by itself.
                connection.execute("ROLLBACK")
            raise

    def close(self):
        """Closes the connections of all threads."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            connection.close()
        self._local = threading.local()

    def _connection(self):
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            with self._lock:
                self._open.append(connection)
        return connection

    def _connect(self):
        # `close` may be called by another thread than the one that opened the connection.
        options = {"timeout": WAIT, "isolation_level": None, "check_same_thread": False}
        if not self.read_only:
            connection = sqlite3.connect(self.path, **options)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        else:
            # WAL needs a file beside the store; in a folder that cannot be written, nobody writes.
            frozen = not os.access(self.path.parent, os.W_OK)
            address = f"{self.path.resolve().as_uri()}?mode=ro{'&immutable=1' * frozen}"
            connection = sqlite3.connect(address, uri=True, **options)
        connection.row_factory = sqlite3.Row
        return connection

    def _prepare(self):
        try:
            version = self.row("PRAGMA user_version")["user_version"]
            empty = self.row("SELECT count(*) AS tables FROM sqlite_master")["tables"] == 0
            if empty and not self.read_only:
                version = self._create()
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(
                f"An annotation store must be an SQLite file of this package. Received: "
                f"{self.path} ({error}). Choose another --out folder, or restore the file."
            ) from error
        if version != schema.VERSION:
            self.close()
            raise ValueError(
                f"The layout of an annotation store must have version {schema.VERSION}. Received: "
                f"{self.path} with version {version}. Install the version of the package that "
                "wrote it, or choose another --out folder."
            )

    def _create(self):
        self._connection().execute("PRAGMA journal_mode = WAL")
        with self.transaction() as connection:
            # Another process may have been faster.
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                for statement in schema.TABLES.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(
                    "INSERT INTO meta VALUES ('identity', ?)", (secrets.token_hex(6),)
                )
                connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        return schema.VERSION
