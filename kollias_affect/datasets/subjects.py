"""Persons of a database from a file of the user, where the database does not name them.

Paper C counts 200 persons in the 298 videos of Aff-Wild, and keeps them apart. The published files
do not say who is in which video.
"""

import csv
import dataclasses
from pathlib import Path

from kollias_affect import _untrusted
from kollias_affect.datasets import _reading

COLUMNS = ("video", "subject")
GENDERS = {"m": "male", "male": "male", "f": "female", "female": "female"}
_ENDINGS = (*_reading.VIDEO_ENDINGS, *_reading.IMAGE_ENDINGS)
_SHOWN = 8  # names in a message


@dataclasses.dataclass(frozen=True)
class Person:
    """The person in a video.

    Attributes:
        subject: Name of the person.
        gender: `"male"`, `"female"`, another word of the file, or `None`.
        line: Line of the file, for messages.
    """

    subject: str
    gender: str | None
    line: int


def read(path):
    """Reads a file of persons.

    Args:
        path: Csv with the columns `video,subject` and, if known, `gender` (`m`, `male`, `f`,
            `female`, or another word). `video` is the name of a video or image, with or without
            its ending, or the key of a clip. Other columns are ignored.

    Returns:
        Dict from the name of a video, without its ending, to its `Person`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column or a cell is missing, a video has two persons, or a person two
            genders. The message names the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "subjects.csv")
        ...     _ = path.write_text("video,subject,gender\\n105.avi,anna,f\\n106.avi,anna,f\\n")
        ...     people = read(path)
        >>> sorted(people), people["105"].subject, people["105"].gender
        (['105', '106'], 'anna', 'female')
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"`subjects` must be a csv file with the columns {','.join(COLUMNS)}[,gender]. "
            f"Received: {path}, which does not exist. Check the path."
        )
    people, genders = {}, {}
    for line, row in _rows(path):
        name = video_name(row["video"])
        person = Person(row["subject"], _gender(row.get("gender", "")), line)
        before = people.setdefault(name, person)
        known = genders.setdefault(person.subject, person)
        if before.subject != person.subject:
            _refuse(path, line, "A video must have one person", row["video"], before)
        if known.gender != person.gender:
            _refuse(path, line, "A person must have one gender", person.subject, known)
    return people


def assign(clips, path):
    """Sets `subject` and `gender` of clips from a file of persons.

    A clip is found by its key, or by a part of it between slashes: `train/000046280` is the video
    `000046280`, and `5b44393ed/utterance_4` is of the video `5b44393ed`. The longest such part
    counts.

    Args:
        clips: `Clips` with their report, which counts the persons, and the rows of the file that
            name no clip (those of other parts of the database).
        path: File, see `read`.

    Returns:
        `clips`, changed in place.

    Raises:
        FileNotFoundError, ValueError: As `read` does, or if a clip has no row, or parts of its key
            are videos of different persons.
    """
    people, used, missing = read(path), set(), []
    for clip in clips:
        name = row_of(clip.key, people, path, _one_person)
        if name is None:
            missing.append(clip.key)
            continue
        used.add(name)
        clip.subject, clip.gender = people[name].subject, people[name].gender
        clip.names_person = True
    unused = [name for name in people if name not in used]
    if missing:
        other = f" Rows that name no clip: {_listed(unused)}." if unused else ""
        raise ValueError(
            f"Every clip must have a row in {path}. Received: none for {_listed(missing)}.{other} "
            "Add the rows, or correct the names of the videos."
        )
    report = getattr(clips, "report", None)
    if report is not None:
        report.subjects = len({clip.subject for clip in clips})
        for name in unused:
            report.note("rows of `subjects` for videos that are not among these clips", name)
    return clips


def _rows(path):
    """Yields the line and the cells of each row, stripped, by the column in lower case."""
    remedy = "Fix the file, or save it as csv again."
    with _untrusted.reading("A file of persons must be a csv", path, remedy, own=True):
        lines = _reading.read_lines(path)
        rows = csv.reader(lines)
        header = [name.strip().lower() for name in next(rows, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ValueError(
                f"A file of persons must have the columns {','.join(COLUMNS)}[,gender]. Received: "
                f"{lines[0][:80]!r} in line 1 of {path}. "
                f"{_reading.separator_hint(lines[0])}Write them there."
            )
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            empty = [name for name in COLUMNS if not row.get(name)]
            if empty:
                raise ValueError(
                    f"A row must name a video and its person. Received: no {empty[0]} in line "
                    f"{rows.line_num} of {path}. Complete the row, or remove it."
                )
            yield rows.line_num, row


def video_name(text):
    """Returns the name of a video without its ending, with `/` between folders."""
    name = text.replace("\\", "/").strip("/")
    ending = next((e for e in _ENDINGS if name.lower().endswith(e)), "")
    return name[: len(name) - len(ending)] or name


def _gender(text):
    return GENDERS.get(text.lower(), text or None)


def _refuse(path, line, rule, name, before):
    raise ValueError(
        f"{rule}. Received: another one for {name!r} in line {line} of {path} than in line "
        f"{before.line}. Correct one of the lines."
    )


def _one_person(people):
    return len({person.subject for person in people}) == 1


def row_of(key, rows, path, agree):
    """Returns the name in the rows of a file that the key of a clip stands for, or `None`.

    Args:
        key: Key of a clip.
        rows: Dict from the name of a video, see `video_name`, to its row.
        path: The file, for the message.
        agree: Function from several rows to whether they say the same.

    Raises:
        ValueError: If parts of the key are videos whose rows do not agree.
    """
    if key in rows:
        return key
    parts = video_name(key).split("/")
    for length in range(len(parts), 0, -1):
        names = ["/".join(parts[i : i + length]) for i in range(len(parts) - length + 1)]
        found = [name for name in dict.fromkeys(names) if name in rows]
        if found and not agree([rows[name] for name in found]):
            raise ValueError(
                f"A clip must be of one video. Received: {key!r}, of which {found} are rows of "
                f"different persons in {path}. Write its key {key!r} in the column video."
            )
        if found:
            return found[0]
    return None


def _listed(names):
    shown = ", ".join(names[:_SHOWN])
    return f"{shown}{' …' if len(names) > _SHOWN else ''} ({len(names)})"
