"""Predictions on anything as one table, without a folder of outputs."""

import os
import tempfile
import warnings
from pathlib import Path

import pandas as pd

from kollias_affect import _checks
from kollias_affect._texts import count
from kollias_affect.faces import extract_many
from kollias_affect.prediction import images, one_video, over_time, predictor, videos
from kollias_affect.prediction.inputs import find_inputs
from kollias_affect.prediction.pictures import Picture, is_in_memory, pictures_of


def predict(
    inputs,
    model=None,
    cropped=False,
    *,
    faces="all",
    detector="auto",
    landmarks=False,
    recursive=False,
    max_side=None,
    mode=None,
    detect_every=1,
    processes=None,
    progress=True,
    skip_unchanged=None,
):
    """Predicts affect on images and videos of any kind.

    Nothing is written. For tables, plots and annotated copies on disk, see `predict_images` and
    `predict_videos`, or the command `kollias-affect predict`.

    Args:
        inputs: One of these, or a list of them, mixed as you like:

            - a path of an image, of a video, or of a folder of them;
            - a uint8 RGB array `[height, width, 3]`, or a batch `[images, height, width, 3]`;
            - a `PIL.Image.Image`.
        model: `.keras` file, or a name of `weights.list_pretrained`; `None` for the default model.
        cropped: Whether the images are faces already: no detector runs, and each complete image is
            the face. Videos are searched for faces as always.
        faces: In videos, `"all"` for every face, or `"main"` for the main one. Images have all.
        detector: See `faces.extract`.
        landmarks: Whether the table has the columns `x_0` to `x_67` and `y_0` to `y_67`, the
            landmarks in pixels of the image.
        recursive: Whether folders in folders are searched, too.
        max_side: Images and frames are shrunk to this number of pixels for the detection only.
            Default: 1280 for images, 640 for videos.
        mode: How a model of windows runs on a video: `"overlap"`, `"windows"` or `"stream"`, see
            `over_time`.
        detect_every, processes: See `faces.extract` and `faces.extract_many`.
        progress: Whether to show progress bars on standard error, if that is a terminal.
        skip_unchanged: In videos, the level up to which a face counts as unchanged and takes the
            outputs of the last frame that ran, see `unchanged.sources`. Default: every frame runs.

    Returns:
        `pandas.DataFrame` with one row per face, and one with `success` 0 for each image and frame
        without a face, in the order of the inputs. Its columns are `input`, `frame` (from 1),
        `timestamp` (seconds), `face_id` (a number within its input), `success` (1 or 0),
        `FaceScore`, `FaceRectX`, `FaceRectY`, `FaceRectWidth`, `FaceRectHeight` (pixels), the
        outputs of the model (`valence`, `arousal`; `expression`, the most probable class, and one
        probability for each class), and `pitch`, `yaw`, `roll` of the head in degrees, see
        `faces.head_pose`. Names in `input` are text. Arrays and PIL images are `image0`, `image1`
        and so on by their place among the inputs; those of a batch are `image0_0`, `image0_1`.

        An input that fails has no row. A warning says so, and `table.attrs["errors"]` is a dict
        from its name to the message. `table.attrs["note"]` is a text that belongs to every
        prediction of the model (it was trained on synthetic clips), or `None`.

    Raises:
        OSError, ValueError: If every input fails, the model does not exist, or an argument is
            invalid. A model of windows refuses images.

    Example:

    >>> import kollias_affect, numpy as np
    >>> nobody = np.full((64, 64, 3), 90, np.uint8)
    >>> table = kollias_affect.predict([nobody, nobody])
    >>> table["input"].tolist(), table["success"].tolist()
    (['image0', 'image1'], [0, 0])
    """
    _checks.one_of("faces", faces, ("main", "all"))
    if mode is not None:
        _checks.one_of("mode", mode, over_time.MODES)
    entries, errors = _entries(inputs, recursive)
    if not entries:
        _raise(errors)
    model = predictor.load(model).skipping(skip_unchanged)
    pictures = [entry for entry in entries if isinstance(entry, Picture)]
    films = [entry for entry in entries if not isinstance(entry, Picture)]
    if pictures:
        images.refuse_windows(model)
    found, more = images.table_of_pictures(
        model, pictures, detector, cropped, max_side or images.LONGEST_SIDE, landmarks, progress
    )
    parts, errors = dict(iter(found.groupby("input", sort=False))), errors | more
    options = {"detector": detector, "faces": faces, "detect_every": detect_every}
    options["longest_side"] = max_side or videos.LONGEST_SIDE
    for name, result in _videos(model, films, mode, landmarks, processes, progress, options):
        (errors if isinstance(result, Exception) else parts)[name] = result
    if not parts:
        _raise(errors)
    names = [entry.name if isinstance(entry, Picture) else entry[1] for entry in entries]
    table = pd.concat([parts[name] for name in names if name in parts], ignore_index=True)
    table.attrs = {"errors": {n: str(e) for n, e in errors.items()}, "note": model.note}
    if errors:
        _warn(errors)
    if model.note:
        warnings.warn(model.note, stacklevel=2)
    return table


def _entries(inputs, recursive):
    """Returns the `Picture`s and the `(path, name)` of videos in order, and errors by name."""
    if isinstance(inputs, (str, os.PathLike)) or is_in_memory(inputs):
        inputs = [inputs]
    inputs = list(inputs)
    if not inputs:
        raise ValueError(
            "`inputs` must name something. Received: an empty list. Pass paths or images."
        )
    paths, errors = [], {}
    for value in inputs:
        if is_in_memory(value):
            continue
        if not isinstance(value, (str, os.PathLike)):
            raise ValueError(
                "`inputs` must be paths, uint8 arrays, PIL images, or a list of these. Received: "
                f"{type(value).__name__}. Convert it first."
            )
        try:
            if not Path(value).is_dir():
                _checks.existing_file("inputs", value)
            paths.append((value, find_inputs([value], recursive)))
        except (OSError, ValueError) as error:
            errors[str(value)] = error
    named = find_inputs([value for value, _ in paths], recursive)
    files_of = {str(value): list(found.names) for value, found in paths}
    entries, seen = [], set()
    for number, value in enumerate(inputs):
        if is_in_memory(value):
            entries += pictures_of(value, number)
            continue
        for path in files_of.get(str(value), ()):
            if path in named.names and path not in seen:
                seen.add(path)
                name = named.names[path]
                entries.append(Picture(name, path) if path in named.images else (path, name))
    return entries, errors


def _videos(model, films, mode, landmarks, processes, progress, options):
    """Yields the name of each video with its table or its exception."""
    if not films:
        return
    with tempfile.TemporaryDirectory(prefix="kollias_affect") as folder:
        folders = {path: Path(folder, str(number)) for number, (path, _) in enumerate(films)}
        clips_of_video, errors = extract_many(
            list(folders), folders, processes, progress, size=model.size, layout=model.layout,
            **options,
        )  # fmt: skip
        for path, name in films:
            if str(path) in errors:
                yield name, errors[str(path)]
                continue
            try:
                clips = clips_of_video[str(path)]
                found = one_video.table_of_video(
                    model, path, name, clips, folders[path], mode, landmarks
                )
                yield name, found[0]
            except (OSError, ValueError) as error:
                yield name, error


def _raise(errors):
    """Raises the one error, or all of them as one."""
    if len(errors) == 1:
        raise next(iter(errors.values()))
    raise ValueError("\n".join(map(str, errors.values())))


def _warn(errors):
    texts = "".join(f"\n{error}" for error in errors.values())
    warnings.warn(
        f"{count(len(errors), 'input')} failed, see `attrs['errors']` of the table:{texts}",
        stacklevel=3,
    )
