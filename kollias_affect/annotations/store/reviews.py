"""What happens to a take after it: dropped stretches, verdicts, the experts' choices."""

import time


class Reviews:
    """Dropped stretches, verdicts and choices in a store. Older ones stay as history."""

    def __init__(self, database):
        self._database = database

    def drop(self, take, annotator, start, stop):
        """Marks a stretch of a take as not to be used; returns its number."""
        with self._database.transaction() as connection:
            return connection.execute(
                "INSERT INTO drops (take, annotator, start, stop, created) VALUES (?, ?, ?, ?, ?)",
                (take, annotator, start, stop, time.time()),
            ).lastrowid

    def undrop(self, take, number):
        """Takes the mark from a stretch again."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE drops SET removed = ? WHERE id = ? AND take = ? AND removed IS NULL",
                (time.time(), number, take),
            )

    def drops(self, take):
        """Returns the dropped stretches of a take as dicts with `id`, `start`, `stop`."""
        return self._database.rows(
            "SELECT id, start, stop FROM drops WHERE take = ? AND removed IS NULL ORDER BY start",
            (take,),
        )

    def judge(self, take, annotator, verdict):
        """Accepts a take, or has it recorded again.

        Args:
            take: Number of the take.
            annotator: Number of who judges.
            verdict: `"accept"` or `"redo"`. A take that is recorded again stays in the store, as
                replaced.
        """
        state = {"accept": "accepted", "redo": "replaced"}[verdict]
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO verdicts (take, annotator, verdict, created) VALUES (?, ?, ?, ?)",
                (take, annotator, verdict, time.time()),
            )
            connection.execute("UPDATE takes SET state = ? WHERE id = ?", (state, take))

    def verdicts(self, take):
        """Returns the verdicts on a take as dicts with `verdict`, `name`, `created`."""
        return self._database.rows(
            "SELECT verdict, name, verdicts.created FROM verdicts JOIN annotators "
            "ON annotators.id = annotator WHERE take = ? ORDER BY verdicts.id",
            (take,),
        )

    def choose(self, video, person, dimension, annotator, takes):
        """Stores which takes of a person an expert accepts, in place of the earlier choice.

        Args:
            video, person: Numbers.
            dimension: `"valence"` or `"arousal"`.
            annotator: Number of the expert.
            takes: Numbers of the takes.
        """
        now = time.time()
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE choices SET replaced = ? WHERE video = ? AND person = ? AND dimension = ? "
                "AND annotator = ? AND replaced IS NULL",
                (now, video, person, dimension, annotator),
            )
            number = connection.execute(
                "INSERT INTO choices (video, person, dimension, annotator, created) "
                "VALUES (?, ?, ?, ?, ?)",
                (video, person, dimension, annotator, now),
            ).lastrowid
            connection.executemany(
                "INSERT INTO choice_takes VALUES (?, ?)", [(number, take) for take in takes]
            )

    def choices(self, video, person, dimension):
        """Returns the experts' current choices as dicts with `name`, `created`, `takes`."""
        rows = self._database.rows(
            "SELECT choices.id, name, choices.created, take FROM choices "
            "JOIN annotators ON annotators.id = annotator "
            "JOIN choice_takes ON choice_takes.choice = choices.id "
            "WHERE video = ? AND person = ? AND dimension = ? AND replaced IS NULL "
            "ORDER BY choices.id, take",
            (video, person, dimension),
        )
        choices = {}
        for row in rows:
            choice = choices.setdefault(
                row["id"], {"name": row["name"], "created": row["created"], "takes": []}
            )
            choice["takes"].append(row["take"])
        return list(choices.values())
