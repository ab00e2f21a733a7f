"""From raw videos to a table and a picture of a model's outputs."""

from pathlib import Path

import numpy as np
import pandas as pd

from kollias_affect import _checks, _files, evaluation, faces, models


def predict_videos(model, videos, out_dir, detector="hog", processes=None, progress=True):
    """Runs a trained model on videos.

    Writes `out_dir/<video>.csv` (one row per decoded frame: the columns of `faces.extract`, then
    one per output of the model, clipped to its range, empty where there is no face),
    `out_dir/<video>.png` (the outputs over time) and `out_dir/crops/` (what `faces.extract`
    writes).

    Args:
        model: `.keras` file.
        videos: video files.
        out_dir: folder of the outputs.
        detector: see `faces.extract`.
        processes, progress: see `faces.extract_many`.

    Returns:
        `(tables, errors)`: for each video that went well its `pandas.DataFrame`, for each other
        one the exception; both keyed by the path as given.

    Raises:
        FileNotFoundError, ValueError: if `model` is no model, or was trained on other crops.
    """
    network, card = models.load(model)
    if card["crop"] != models.CROP:
        raise ValueError(
            f"The model must have been trained on crops like these: {models.CROP}. Received: "
            f"{model}, made for {card['crop']}. Use the version of the package that trained it: "
            f"{card['versions']}."
        )
    out_dir = _checks.writable_folder("out_dir", out_dir)
    header = ",".join([*faces.COLUMNS, *card["outputs"]])
    for video in videos:
        _refuse_foreign(out_dir / Path(video).stem, header)
    clips, errors = faces.extract_many(
        videos,
        out_dir / "crops",
        processes,
        progress,
        detector=detector,
        size=card["image"]["size"],
    )
    tables = {}
    for video, clip in clips.items():
        whole = {name: "Int64" for name in faces.COLUMNS if name.startswith("Face")}
        table = pd.read_csv(
            out_dir / "crops" / f"{clip.key}.csv", dtype={**whole, "face_id": "Int64"}
        )
        outputs = np.full((len(clip), len(card["outputs"])), np.nan, np.float32)
        if clip.has_image.any():
            outputs = np.clip(evaluation.predict(network, [clip])[0], *card["range"])
        table[card["outputs"]] = outputs
        with _files.atomic(out_dir / f"{clip.key}.csv") as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
        picture = out_dir / f"{clip.key}.png"
        evaluation.traces(clip.times, outputs, card["outputs"], picture, title=clip.key)
        tables[video] = table
    return tables, errors


def _refuse_foreign(stem, header):
    """Raises if the outputs of a video would replace files that are not such outputs."""
    table, picture = Path(f"{stem}.csv"), Path(f"{stem}.png")
    foreign = picture if picture.exists() and not table.exists() else None
    if table.exists():
        with open(table, encoding="utf-8", errors="replace") as file:
            foreign = None if file.readline().strip() == header else table
    if foreign:
        raise FileExistsError(
            f"The outputs for {stem.name} need the name {foreign}. It exists already and holds "
            "something else. Choose another output folder."
        )
