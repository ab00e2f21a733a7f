"""The table and the landmarks of one person in one video."""

import csv
import zipfile

import numpy as np

from kollias_affect.faces.frame_journal import POINTS, decode_points, grid_of

TABLE_VERSION = 2  # 1 had `confidence` in place of `FaceScore`, on the detector's own scale.
COLUMNS = (
    "input",
    "frame",
    "timestamp",
    "face_id",
    "success",
    "FaceScore",
    "FaceRectX",
    "FaceRectY",
    "FaceRectWidth",
    "FaceRectHeight",
)
# Only in tables of videos whose frames change their number of pixels.
SIZE_COLUMNS = ("FrameWidth", "FrameHeight")


def write_table(path, video, entries, sizes=False):
    """Writes a table with one row for each frame.

    Args:
        path: csv file.
        video: Content of the column `input`.
        entries: Iterable as `FrameJournal.entries` returns it.
        sizes: Whether to write `SIZE_COLUMNS`, too.

    Returns:
        Number of frames.
    """
    frames, grid = 0, None
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS + SIZE_COLUMNS * sizes)
        for line, face in entries:
            grid = grid_of(line, grid)
            size = reversed(grid or ("", "")) if sizes else ()
            table.writerow([video, line["frame"], line["t"], *_face_cells(face), *size])
            frames += 1
    return frames


def _face_cells(face):
    if face is None:
        return ["", 0, "", "", "", "", ""]
    *rectangle, score = face["box"]
    return [face["id"], 1, score, *rectangle]


def write_landmarks(path, frames, entries):
    """Writes the landmarks of a person as `np.savez` does, but one frame at a time.

    Args:
        path: npz file.
        frames: Number of frames.
        entries: Function that returns what `FrameJournal.entries` returns.
    """
    header = {"descr": "<f4", "fortran_order": False, "shape": (frames, *POINTS)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, field in (("landmarks", "in_crop"), ("landmarks_in_frame", "in_frame")):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(file, header)
                for _, face in entries():
                    file.write(decode_points(None if face is None else face[field]))
