"""FER+ (Barsoum et al., 2016): ten people's votes for the images of FER-2013.

Layout: `fer2013new.csv` as published, whose rows are in the order of `fer2013.csv`; or a csv with a
column `file`, the name of an image in a copy of FER-2013 with folders. Both have a column of votes
for each of `VOTES`.

References: Barsoum, Zhang, Canton Ferrer and Zhang, "Training deep networks for facial expression
recognition with crowd-sourced label distribution" (ICMI 2016).
"""

import csv
from pathlib import PurePosixPath

import numpy as np

from kollias_affect import _checks, _untrusted
from kollias_affect.datasets import _reading
from kollias_affect.tasks import EXPRESSIONS

NO_FACE = "NF"
VOTES = (
    *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
    *("contempt", "unknown", NO_FACE),
)


def add_shares(clips, path, report):
    """Sets `expression_shares` of the images of FER-2013 to the shares of FER+'s votes.

    Votes for contempt, an unknown expression or no face do not count. Images of which at least half
    of the people say that they show no face are left out, as the authors do. The other labels stay.

    Args:
        clips: List of `Clip` of FER-2013.
        path: File of votes.
        report: `LoadReport`, which counts the images without votes or a face.

    Returns:
        List of the clips that stay.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed, or its rows are not of these images.
    """
    votes, by_row = _read(_checks.existing_file("votes", path))
    places = [VOTES.index(name) for name in EXPRESSIONS]
    kept, found = [], 0
    for clip in clips:
        counts = votes.get(_name(clip, by_row))
        if counts is None:
            report.note("images without votes of FER+", clip.key)
        else:
            found += 1
            if 2 * counts[VOTES.index(NO_FACE)] >= counts.sum():
                report.note("images without a face, by the votes of FER+, left out", clip.key)
                continue
            chosen = counts[places]
            if chosen.sum():
                clip.expression_shares = np.float32(chosen / chosen.sum())[None]
        kept.append(clip)
    if clips and not found:
        rows = "the row numbers of fer2013.csv" if by_row else "names in the column file"
        raise ValueError(
            f"Votes must be of the images that are loaded. Received: {path} with {rows}, and "
            f"images such as {clips[0].key}. Use fer2013new.csv for fer2013.csv, and a file with "
            "the column file for folders."
        )
    return kept


def _name(clip, by_row):
    """Returns the key of the row of `fer2013.csv`, or the name of the file without ending."""
    return clip.key if by_row else PurePosixPath(clip.paths[0]).stem


def _read(path):
    """Returns a dict from key or file name to the votes, int64 `[10]`, and whether rows count."""
    remedy = "Fix the file, or download it again."
    with _untrusted.reading("FER+ must be a csv", path, remedy, own=True):
        reader = csv.DictReader(_reading.read_lines(path))
        columns = reader.fieldnames or []
        missing = [name for name in VOTES if name not in columns]
        if missing or not {"file", "Usage"} & set(columns):
            raise ValueError(
                f"FER+ must have the columns {','.join(VOTES)}, and Usage or file. Received: "
                f"{path} with {columns[:12]}. Download it again."
            )
        by_row, votes = "file" not in columns, {}
        for number, row in enumerate(reader):
            name = f"{row['Usage']}_{number:05d}" if by_row else PurePosixPath(row["file"]).stem
            try:
                votes[name] = np.array([int(row[vote]) for vote in VOTES], np.int64)
            except (TypeError, ValueError):
                votes[name] = np.array([-1])
            if votes[name].min() < 0 or votes[name].sum() > 1000:
                raise ValueError(
                    "Votes of FER+ must be whole numbers from 0 on. Received: "
                    f"{[row[vote] for vote in VOTES]} in line {reader.line_num} of {path}. "
                    "Download it again."
                )
        return votes, by_row
