"""Annotators and their sessions."""

import hashlib
import json
import secrets
import time


class People:
    """Annotators and their sessions in a store."""

    def __init__(self, database):
        self._database = database

    def names(self):
        """Returns the names of all annotators, in the order of their first log-in."""
        rows = self._database.rows("SELECT name FROM annotators ORDER BY id")
        return [row["name"] for row in rows]

    def log_in(self, name, role, settings):
        """Starts a session.

        Args:
            name: Identifier of the annotator; an unknown one is added.
            role: `"annotator"` or `"expert"`.
            settings: JSON object: dimension, mode, device, playlist.

        Returns:
            The secret of the session, for a cookie. The store keeps only its digest.
        """
        secret = secrets.token_urlsafe(32)
        now = time.time()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO annotators (name, created) VALUES (?, ?)", (name, now)
            )
            connection.execute(
                "INSERT INTO sessions (digest, annotator, role, settings, created) "
                "SELECT ?, id, ?, ?, ? FROM annotators WHERE name = ?",
                (_digest(secret), role, json.dumps(settings), now, name),
            )
        return secret

    def session(self, secret):
        """Returns the open session of a secret as a dict, or `None`.

        Returns:
            Dict with `id`, `annotator`, `name`, `role`, `settings`.
        """
        row = self._database.row(
            "SELECT sessions.id, annotator, name, role, settings FROM sessions "
            "JOIN annotators ON annotators.id = annotator WHERE digest = ? AND ended IS NULL",
            (_digest(secret),),
        )
        return row and {**row, "settings": json.loads(row["settings"])}

    def change_settings(self, session, settings):
        """Replaces the settings of a session."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE sessions SET settings = ? WHERE id = ?", (json.dumps(settings), session)
            )

    def log_out(self, session):
        """Ends a session."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE sessions SET ended = ? WHERE id = ? AND ended IS NULL",
                (time.time(), session),
            )


def _digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()
