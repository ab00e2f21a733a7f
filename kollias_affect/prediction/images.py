"""Prediction on images: one table for all, and an annotated copy of each."""

from pathlib import Path

from tqdm import tqdm

from kollias_affect import _checks
from kollias_affect.faces import faces_of
from kollias_affect.faces.images import read_image
from kollias_affect.prediction import drawing, outputs, predictor, tables

# Pixels. It is larger than for videos, because faces in photographs of groups are small.
LONGEST_SIDE = 1280


def predict_images(model, images, out_dir, detector="auto", progress=True, annotate=True):
    """Runs a trained model of single frames on images.

    Two kinds of files are written to `out_dir`. Files of other kinds are never replaced; earlier
    outputs are.

    - `predictions.csv`: one row per face of every image, with the columns of `predict_videos`.
      `frame` is 1, `timestamp` is 0, and `face_id` counts the faces of an image by descending
      detection score. An image without a face has one row with `success` 0.
    - `annotated/<image>`: the image with boxes and outputs, JPEG for JPEG and PNG otherwise.

    Args:
        model: See `predict_videos`; a model of single frames.
        images: List of image files with different names.
        out_dir: Folder of the outputs.
        detector: See `faces.extract`.
        progress: Whether to show a progress bar on standard error, if that is a terminal.
        annotate: Whether to write annotated images.

    Returns:
        `(table, errors)`: a `pandas.DataFrame`, and a dict from the path of an image that cannot be
        read to the exception.

    Raises:
        FileNotFoundError, ValueError: If `model` is no such model, or two images have one name.
        FileExistsError: If another file has the name of an output.
    """
    model = predictor.load(model)
    if model.card["length"] is not None:
        raise ValueError(
            "Images need a model of single frames. Received: one of windows of "
            f"{model.card['length']} frames. Leave the images out, or choose another model."
        )
    out_dir = _checks.writable_folder("out_dir", out_dir)
    outputs.refuse_foreign_table(out_dir / outputs.IMAGE_TABLE, model.names)
    targets = outputs.annotated_images(images, out_dir / outputs.ANNOTATED)
    for target in targets.values() if annotate else ():
        outputs.refuse_foreign_media(target)
    faces_of_image, errors = _detect(model, images, detector, progress)
    faces = [face for faces in faces_of_image.values() for face in faces]
    values = model.outputs_of_faces(faces)
    table = tables.table_of_images(faces_of_image, values, model.names)
    tables.write_table(table, out_dir / outputs.IMAGE_TABLE)
    for image in faces_of_image if annotate else ():
        rows = table[table["input"] == Path(image).name]
        overlays = tables.overlays(rows, model.names)
        picture = drawing.draw(read_image(image), overlays, model.range, tables.note(rows))
        drawing.write_image(picture, targets[image])
    return table, errors


def _detect(model, images, detector, progress):
    """Returns a dict from image to its `AlignedFace`s, and one from image to its exception."""
    options = {"detector": detector, "size": model.size, "layout": model.layout}
    faces, errors = {}, {}
    for image in tqdm(images, unit="image", disable=None if progress else True):
        try:
            Path(image).name.encode()  # The table is UTF-8.
            faces[image] = faces_of(read_image(image), longest_side=LONGEST_SIDE, **options)
        except (OSError, ValueError) as error:
            errors[image] = error
    return faces, errors
