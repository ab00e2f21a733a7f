"""From raw videos and images to tables and pictures of a model's outputs."""

import collections
import dataclasses
import itertools
import os
import statistics
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from kollias_affect import _checks, _files, evaluation, models, weights
from kollias_affect.datasets import _reading
from kollias_affect.faces import COLUMNS, LAYOUTS, Video, extract_many, faces_of
from kollias_affect.faces import images as image_files
from kollias_affect.prediction import drawing
from kollias_affect.weights.catalogue import DEFAULT

VIDEO_ENDINGS = (*_reading.VIDEO_ENDINGS, ".m4v", ".mpg", ".mpeg", ".wmv")
IMAGE_TABLE = "predictions.csv"
ANNOTATED = "annotated"
_WHOLE = {name: "Int64" for name in ("face_id", *COLUMNS) if name.lower().startswith("face")}
_BATCH = 64
# Images are searched at a finer scale than videos, since faces in photographs of groups are small.
_LONGEST_SIDE = 1280


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a user named: videos, images, and what was passed over in the folders among them.

    Attributes:
        videos, images: lists of `Path`.
        passed_over: `collections.Counter` of other files by their ending, and of `"folders"`.
    """

    videos: list
    images: list
    passed_over: collections.Counter


def find_inputs(paths):
    """Tells videos from images by their endings, and looks into folders, one level deep.

    A named file that has not the ending of an image counts as a video, whatever its ending. In
    folders, only files with known endings count; hidden ones are not even counted.

    Args:
        paths: files and folders.

    Raises:
        ValueError: if a folder holds neither videos nor images.
    """
    found = Inputs([], [], collections.Counter())
    for path in map(Path, paths):
        if not path.is_dir():
            (found.images if _is(path, image_files.ENDINGS) else found.videos).append(path)
            continue
        names = [e for e in os.scandir(path) if not e.name.startswith(".")]
        inside = [Path(e.path) for e in sorted(names, key=lambda e: _reading.natural_key(e.name))]
        videos = [file for file in inside if file.is_file() and _is(file, VIDEO_ENDINGS)]
        images = [file for file in inside if file.is_file() and _is(file, image_files.ENDINGS)]
        if not videos and not images:
            raise ValueError(
                f"A folder must hold videos ({', '.join(VIDEO_ENDINGS)}) or images "
                f"({', '.join(image_files.ENDINGS)}). Received: {path} with {len(inside)} other "
                "entries. Name the folder that holds them; folders in it are not searched."
            )
        found.videos.extend(videos)
        found.images.extend(images)
        others = set(inside) - {*videos, *images}
        found.passed_over.update(
            "folders" if other.is_dir() else other.suffix.lower() or "no ending" for other in others
        )
    return found


def predict_videos(
    model,
    videos,
    out_dir,
    detector="hog",
    processes=None,
    progress=True,
    faces="main",
    annotate=True,
    detect_every=1,
):
    """Runs a trained model on videos.

    Writes `out_dir/<video>.csv` (one row per decoded frame, or per face and frame where
    `faces="all"`: the columns of `faces.extract`, then one per output of the model, clipped to
    its range, empty where there is no face), `out_dir/<video>.png` (the outputs over time; with
    several faces one picture per face, named as its crops), `out_dir/annotated/<video>.mp4` (the
    video with boxes and outputs, same time stamps, no sound) and `out_dir/crops/` (what
    `faces.extract` writes). Other files in the way are never replaced; outputs of the same kind
    are.

    Args:
        model: `.keras` file, or a name of `weights.list_pretrained`; `None` for the shipped
            expression model.
        videos: video files.
        out_dir: folder of the outputs.
        detector: see `faces.extract`.
        processes, progress: see `faces.extract_many`.
        faces: `"main"` for the main face, `"all"` for every face.
        annotate: write annotated videos.
        detect_every: see `faces.extract`.

    Returns:
        `(tables, errors)`: for each video that went well its `pandas.DataFrame`, for each other
        one the exception; both keyed by the path as given.

    Raises:
        FileNotFoundError, ValueError: if `model` is no model, or was trained on other crops.
        FileExistsError: if another file has the name of an output.
    """
    network, card, layout = _load(model)
    out_dir = _checks.writable_folder("out_dir", out_dir)
    header = _header(card)
    for video in videos:
        stem = Path(video).stem
        _refuse_name_of_image_table(stem)
        _refuse_foreign_table(out_dir / f"{stem}.csv", header, out_dir / f"{stem}.png")
        if annotate:
            _refuse_foreign_picture(out_dir / ANNOTATED / f"{stem}.mp4")
    results, errors = extract_many(
        videos,
        out_dir / "crops",
        processes,
        progress,
        detector=detector,
        size=card["image"]["size"],
        faces=faces,
        layout=layout,
        detect_every=detect_every,
    )
    tables = {}
    for video, clips in results.items():
        people = clips if isinstance(clips, list) else [clips]
        outputs = [_of_clip(network, clip, card) for clip in people]
        table = _table_of_people(out_dir / "crops", people, outputs, card["outputs"])
        stem = Path(video).stem
        pictures = [out_dir / f"{clip.key}.png" for clip in people]
        try:
            _refuse_foreign_table(out_dir / f"{stem}.csv", header, *pictures)
        except FileExistsError as error:
            errors[video] = error
            continue
        _write_csv(table, out_dir / f"{stem}.csv")
        for clip, values, picture in zip(people, outputs, pictures, strict=True):
            evaluation.traces(clip.times, values, card["outputs"], picture, title=clip.key)
        if annotate:
            _annotate_video(video, table, card, out_dir / ANNOTATED / f"{stem}.mp4")
        tables[video] = table
    return tables, errors


def predict_images(model, images, out_dir, detector="hog", progress=True, annotate=True):
    """Runs a trained model of single frames on images.

    Writes `out_dir/predictions.csv` (one row per face of every image, the columns as for videos;
    `frame` is 1 and `timestamp` 0; `face_id` counts the faces of an image, the surest first; an
    image without a face has one row with `success` 0) and `out_dir/annotated/<image>` (JPEG for
    JPEG, else PNG). Other files in the way are never replaced; earlier predictions are.

    Args:
        model: as for `predict_videos`, but of single frames.
        images: image files, whose names differ.
        out_dir: folder of the outputs.
        detector: see `faces.extract`.
        progress: show images, images per second and the time left on standard error.
        annotate: write annotated images.

    Returns:
        `(table, errors)`: a `pandas.DataFrame`, and for each image that cannot be read the
        exception, keyed by the path as given.

    Raises:
        FileNotFoundError, ValueError: if `model` is no such model, or two images have one name.
        FileExistsError: if another file has the name of an output.
    """
    network, card, layout = _load(model)
    if card["length"] is not None:
        raise ValueError(
            f"Images need a model of single frames. Received: one of windows of {card['length']} "
            "frames. Leave the images out, or choose another model."
        )
    out_dir = _checks.writable_folder("out_dir", out_dir)
    _refuse_foreign_table(out_dir / IMAGE_TABLE, _header(card))
    targets = _annotated_names(images, out_dir / ANNOTATED)
    for target in targets.values() if annotate else ():
        _refuse_foreign_picture(target)
    size = card["image"]["size"]
    find = {"detector": detector, "size": size, "layout": layout, "longest_side": _LONGEST_SIDE}
    found, errors = {}, {}
    for image in tqdm(images, unit="image", disable=not progress):
        try:
            Path(image).name.encode()  # the table is UTF-8
            found[image] = faces_of(image_files.read_image(image), **find)
        except (OSError, ValueError) as error:
            errors[image] = error
    outputs = _of_faces(network, [face for faces in found.values() for face in faces], card)
    table = _table_of_images(found, outputs, card["outputs"])
    _write_csv(table, out_dir / IMAGE_TABLE)
    if annotate:
        for image in found:
            rows = table[table["input"] == Path(image).name]
            picture = image_files.read_image(image)
            drawn = drawing.draw(picture, _drawn(rows, card), card["range"], _note(rows))
            drawing.write_image(drawn, targets[image])
    return table, errors


def _is(path, endings):
    return path.suffix.lower() in endings


def _load(model):
    """Network, card, and how its crops are laid out."""
    path = weights.model_file(DEFAULT if model is None else model)
    network, card = models.load(path)
    layouts = [name for name in LAYOUTS if models.CROPS.get(name) == card["crop"]]
    if not layouts:
        raise ValueError(
            "The model must have been trained on crops like one of these: "
            f"{'; '.join(models.CROPS.values())}. Received: {path}, made for {card['crop']}. Use "
            f"the version of the package that trained it: {card['versions']}."
        )
    return network, card, layouts[0]


def _of_clip(network, clip, card):
    """Outputs of the frames of a clip, NaN without a face."""
    if not clip.has_image.any():
        return np.full((len(clip), len(card["outputs"])), np.nan, np.float32)
    return np.clip(evaluation.predict(network, [clip])[clip.key], *card["range"])


def _of_faces(network, faces, card):
    """Outputs of faces of images, `[faces, outputs]`."""
    parts = [np.zeros((0, len(card["outputs"])), np.float32)]
    for start in range(0, len(faces), _BATCH):
        batch = faces[start : start + _BATCH]
        # Batches of one size: TensorFlow would compile the network for every other size.
        filled = [batch[min(i, len(batch) - 1)] for i in range(min(_BATCH, len(faces)))]
        inputs = {"images": np.stack([face.crop for face in filled]) / np.float32(127.5) - 1}
        if card["landmarks"]:
            inputs["landmarks"] = np.stack([face.in_crop.reshape(136) for face in filled])
        values = network.predict_on_batch(inputs)
        values = values[card["task"]] if isinstance(values, dict) else values
        parts.append(np.clip(values[: len(batch)], *card["range"]))
    return np.concatenate(parts)


def _table_of_people(folder, clips, outputs, names):
    """One table of a video: the rows with a face, and one for each frame without any."""
    tables = []
    for clip, values in zip(clips, outputs, strict=True):
        tables.append(pd.read_csv(folder / f"{clip.key}.csv", dtype=_WHOLE))
        tables[-1][names] = values
    if len(tables) == 1:
        return tables[0]
    table = pd.concat(tables, ignore_index=True)
    found = table["success"] == 1
    nobody = ~table["frame"].isin(table.loc[found, "frame"]) & (table.index < len(tables[0]))
    return table[found | nobody].sort_values(["frame", "face_id"], ignore_index=True)


def _table_of_images(found, outputs, names):
    rows, number = [], 0
    for image, faces in found.items():
        start = [Path(image).name, 1, 0.0]
        for face_id, face in enumerate(faces):
            rows.append([*start, face_id, 1, face.box.score, *face.box[:4], *outputs[number]])
            number += 1
        if not faces:
            rows.append([*start, None, 0, None, *[None] * 4, *[np.nan] * len(names)])
    table = pd.DataFrame(rows, columns=[*COLUMNS, *names])
    return table.astype({**_WHOLE, **dict.fromkeys(names, "float32")})


def _write_csv(table, path):
    with _files.atomic(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def _annotate_video(video, table, card, path):
    """The video anew, with the table's boxes and outputs on its frames."""
    rows = dict(iter(table.groupby("frame")))
    times = table.drop_duplicates("frame")["timestamp"]
    intervals = [b - a for a, b in itertools.pairwise(times) if b > a]
    rate = round(1 / statistics.median(intervals)) if intervals else 25

    def pictures():
        for frame in Video(video):
            here = rows[frame.index]
            drawn = drawing.draw(frame.image, _drawn(here, card), card["range"], _note(here))
            yield frame.time, drawn

    drawing.write_video(pictures(), path, rate=min(max(rate, 1), 240))


def _drawn(rows, card):
    """The faces in rows of a table; numbered if there are several."""
    rows = rows[rows["success"] == 1]
    return [
        drawing.Face(
            tuple(int(row[name]) for name in COLUMNS[-4:]),
            {name: float(row[name]) for name in card["outputs"]},
            f"{row['face_id']}:" if len(rows) > 1 else "",
        )
        for _, row in rows.iterrows()
    ]


def _note(rows):
    return None if (rows["success"] == 1).any() else "no face found"


def _annotated_names(images, folder):
    """The annotated file of each image; two images of one name are refused."""
    targets = {}
    for image in images:
        name = Path(image).name
        plain = name.lower().endswith((".jpg", ".jpeg", ".png"))
        targets[image] = folder / (name if plain else f"{name}.png")
    twice = [name for name, n in collections.Counter(targets.values()).items() if n > 1]
    if twice:
        same = [str(image) for image, target in targets.items() if target == twice[0]]
        raise ValueError(
            f"Images of one call must have different names. Received: {same}. Give them different "
            "output folders, or rename them."
        )
    return targets


def _header(card):
    return ",".join([*COLUMNS, *card["outputs"]])


def _refuse_name_of_image_table(stem):
    if f"{stem}.csv" == IMAGE_TABLE:
        raise ValueError(
            f"OUT/{IMAGE_TABLE} is the table of images. Received: a video named {stem}. Rename it."
        )


def _refuse_foreign_table(table, header, *pictures):
    """Raises if a table would replace a file that is no such table; pictures go with a table."""
    foreign = None
    if table.exists():
        with open(table, encoding="utf-8", errors="replace") as file:
            foreign = None if file.readline().strip() == header else table
    else:
        foreign = next((picture for picture in pictures if picture.exists()), None)
    if foreign:
        _refuse(foreign)


def _refuse_foreign_picture(path):
    if path.exists() and not drawing.is_annotated(path):
        _refuse(path)


def _refuse(path):
    raise FileExistsError(
        f"The outputs need the name {path}. It exists already and holds something else. Choose "
        "another output folder."
    )
