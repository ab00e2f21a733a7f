"""Prediction on images: one table for all, and an annotated copy of each."""

from pathlib import Path

from tqdm import tqdm

from kollias_affect import _checks
from kollias_affect.faces import cropped_face, detectors, faces_of
from kollias_affect.prediction import drawing, outputs, predictor, tables
from kollias_affect.prediction.inputs import names_of
from kollias_affect.prediction.pictures import Picture
from kollias_affect.prediction.table_files import check_format, named, write_table

# Pixels. It is larger than for videos, because faces in photographs of groups are small.
LONGEST_SIDE = 1280


def predict_images(
    model,
    images,
    out_dir,
    detector="auto",
    progress=True,
    annotate=True,
    cropped=False,
    max_side=LONGEST_SIDE,
    landmarks=False,
    format="csv",
    excel_safe=False,
    names=None,
):
    """Runs a trained model of single frames on images.

    Two kinds of files are written to `out_dir`. Files of other kinds are never replaced; earlier
    outputs are.

    - `predictions.csv`: one row per face of every image, with the columns of `predict_videos`.
      `frame` is 1, `timestamp` is 0, and `face_id` counts the faces of an image by descending
      detection score. An image without a face has one row with `success` 0.
    - `annotated/<image>`: the image with boxes and outputs, JPEG for JPEG and PNG otherwise.

    Args:
        model: See `predict_videos`; a model of single frames.
        images: List of image files.
        out_dir: Folder of the outputs.
        detector: See `faces.extract`.
        progress: Whether to show a progress bar on standard error, if that is a terminal.
        annotate: Whether to write annotated images.
        cropped: Whether the images are faces already, see `faces.cropped_face`.
        max_side: Images are shrunk to this number of pixels for the detection only; `None` for full
            size.
        landmarks, format, excel_safe: See `predict_videos`.
        names: Dict from an image to its name in the table and in `annotated`. Default: the names of
            `inputs.find_inputs`.

    Returns:
        `(table, errors)`: a `pandas.DataFrame`, and a dict from the path of an image that cannot be
        read to the exception.

    Raises:
        FileNotFoundError, ValueError: If `model` is no such model, or an argument is invalid.
        FileExistsError: If another file has the name of an output.
    """
    check_format(format, excel_safe)
    model = predictor.load(model)
    refuse_windows(model)
    names = names_of(images) if names is None else names
    pictures = {name: Picture(name, Path(path)) for path, name in names.items()}
    out_dir = _checks.writable_folder("out_dir", out_dir)
    outputs.refuse_foreign_table(out_dir, outputs.IMAGES, format)
    targets = outputs.annotated_images(list(pictures), out_dir / outputs.ANNOTATED)
    for target in targets.values() if annotate else ():
        outputs.refuse_foreign_media(target)
    options = {"detector": detector, "cropped": cropped, "max_side": max_side}
    table, errors = table_of_pictures(
        model, pictures.values(), landmarks=landmarks, progress=progress, **options
    )
    if len(table):
        write_table(table, named(out_dir, outputs.IMAGES, format), excel_safe)
    rows_of_image = dict(iter(table.groupby("input", sort=False)))
    for name, rows in rows_of_image.items() if annotate else ():
        faces = tables.overlays(rows, model.tasks)
        image = pictures[name].read()
        picture = drawing.draw(image, faces, tables.spans(model.tasks), tables.note(rows, model))
        drawing.write_image(picture, targets[name])
    return table, {path: errors[name] for path, name in names.items() if name in errors}


def refuse_windows(model):
    """Raises `ValueError` if a model takes windows of frames, which images are not."""
    if model.length is not None:
        raise ValueError(
            f"Images need a model of single frames. Received: one of windows of {model.length} "
            "frames. Leave the images out, or choose another model."
        )


def table_of_pictures(
    model, pictures, detector="auto", cropped=False, max_side=LONGEST_SIDE, landmarks=False,
    progress=False,
):  # fmt: skip
    """Runs a model of single frames on pictures.

    Args:
        model: `Predictor`.
        pictures: Iterable of `Picture` with different names.
        detector, cropped, max_side, landmarks, progress: See `predict_images`.

    Returns:
        `(table, errors)`: a `pandas.DataFrame`, and a dict from the name of a picture that cannot
        be read to the exception.
    """
    find = detectors.get(detector)
    found, errors = {}, {}
    for picture in tqdm(pictures, unit="image", disable=None if progress else True):
        try:
            image = picture.read()
            if cropped:
                faces = [cropped_face(image, model.size, model.layout)]
            else:
                faces = faces_of(image, find, model.size, model.layout, max_side)
            found[picture.name] = faces, image.shape
        except (OSError, ValueError) as error:
            errors[picture.name] = error
    values = model.outputs_of_faces([face for faces, _ in found.values() for face in faces])
    return tables.table_of_images(found, values, model.tasks, landmarks), errors
