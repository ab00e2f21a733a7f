"""Output folders of a prediction, without a network."""

import contextlib

import numpy as np
import pandas as pd
import pytest
from pages import RATE, serving, write_h264

from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS

HEADER = (
    "input", "frame", "timestamp", "face_id", "success", "FaceScore", "FaceRectX", "FaceRectY",
    "FaceRectWidth", "FaceRectHeight",
)  # fmt: skip


def rows_of(name, times, face_id=0, outputs=(), box=(40, 30, 50, 60), without=()):
    """Rows of one person: output `k` at frame `i` is a known function of both."""
    frames = np.arange(1, len(times) + 1)
    face = ~np.isin(frames, without)
    table = pd.DataFrame({"input": name, "frame": frames, "timestamp": times})
    table["face_id"] = np.where(face, str(face_id), "")
    table["success"] = face.astype(int)
    for column, value in zip(HEADER[5:], (0.9, *box), strict=True):
        table[column] = np.where(face, value, np.nan)
    for k, output in enumerate(outputs):
        table[output] = np.where(face, value_of(output, k, frames, face_id), np.nan)
    if set(EXPRESSIONS) <= set(outputs):
        best = [EXPRESSIONS[i] for i in table[list(EXPRESSIONS)].fillna(0).to_numpy().argmax(1)]
        table["expression"] = np.where(face, best, "")
    table["pitch"] = np.where(face, 3.0, np.nan)
    return table


def value_of(output, k, frames, face_id=0):
    """The output of these tables at frames that count from 1."""
    phase = np.asarray(frames) / 7 + k + 2 * face_id
    wave = np.sin(phase)
    return np.round(wave if output in DIMENSIONS else (1 + wave) / 2, 4)


@pytest.fixture
def prediction(tmp_path):
    """Returns a function that writes the outputs of a prediction in `tmp_path / "out"`."""

    def write(name="talk.mp4", times=None, outputs=(*DIMENSIONS, *EXPRESSIONS), people=1,
              annotated=True, without=(), copy=None):  # fmt: skip
        out = tmp_path / "out"
        (out / "annotated").mkdir(parents=True, exist_ok=True)
        times = np.arange(80) / RATE if times is None else np.asarray(times)
        tables = [rows_of(name, times, i, outputs, without=without) for i in range(people)]
        stem = name.rpartition(".")[0]
        pd.concat(tables).sort_values("frame", kind="stable").to_csv(
            out / f"{stem}.csv", index=False
        )
        if annotated:
            copy = out / "annotated" / f"{stem}.mp4"
        if copy:
            write_h264(copy, grey(len(times)), times)
        return out

    return write


def grey(count):
    return (np.full((240, 320, 3), 20 + 2 * (i % 100), np.uint8) for i in range(count))


@pytest.fixture
def pictures(tmp_path):
    """Returns a function that writes the table and the annotated copies of images."""
    from PIL import Image

    def write(names, faces=2, outputs=(*DIMENSIONS, *EXPRESSIONS)):
        out = tmp_path / "out"
        tables = []
        for name in names:
            tables += [rows_of(name, [0.0], i, outputs) for i in range(faces)]
            path = out / "annotated" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 48), (200, 120, 40)).save(path)
        pd.concat(tables).to_csv(out / "predictions.csv", index=False)
        return out

    return write


@pytest.fixture
def serve():
    """Returns a function that serves an output folder, and stops it at the end."""
    from kollias_affect.prediction.view import server

    with contextlib.ExitStack() as stack:
        yield lambda out, **options: stack.enter_context(
            serving(stack.enter_context(server.prepare(out, **options)))
        )
