"""The faces and frames that are explained, with the inputs of a model for each of them."""

import dataclasses

import numpy as np

from kollias_affect.clip import shown_frames
from kollias_affect.faces.images import read_image


@dataclasses.dataclass(frozen=True)
class Shown:
    """A face in one image or frame.

    Attributes:
        label: Text beside its maps: `"face 1"`, or the time in a video.
        crop: uint8 RGB `[size, size, 3]`.
        inputs: Inputs of the model, `[1, ...]`, or of the window, `[1, length, ...]`.
        frame: Position in the window of the output that is explained, or `None`.
        number: Number of the face in an image, or of the frame in a video, from 1.
        time: Seconds; 0 for images.
    """

    label: str
    crop: np.ndarray
    inputs: dict
    frame: int | None
    number: int
    time: float = 0.0


def of_image(model, faces):
    """Returns the `Shown` of the `AlignedFace`s of an image."""
    return [
        Shown(
            f"face {number}", face.crop, model.inputs_of([(face.crop, face.in_crop)], [0]), None,
            number,
        )
        for number, face in enumerate(faces, start=1)
    ]  # fmt: skip


def of_clip(model, clip, count):
    """Returns the `Shown` of frames of a clip with a face, evenly spread over these frames.

    The window of a frame ends with it, or begins with the clip if it is too near to the start.
    Frames of the window without a face show the face before them, as in a prediction.

    Args:
        model: `Predictor`.
        clip: `Clip` of crops of its layout and size.
        count: Largest number of frames.
    """
    with_face = np.flatnonzero(clip.has_image)
    if not len(with_face):
        return []
    chosen = np.unique(np.linspace(0, len(with_face) - 1, count).round().astype(int))
    shown = shown_frames(clip.has_image)
    return [_of_frame(model, clip, int(frame), shown) for frame in with_face[chosen]]


def _of_frame(model, clip, frame, shown):
    if model.length is None:
        rows, position = np.array([frame]), None
    else:
        start = max(0, frame - model.length + 1)
        rows = np.minimum(start + np.arange(model.length), len(clip) - 1)
        position = frame - start
    crops = {row: read_image(clip.paths[row]) for row in set(shown[rows].tolist())}
    points = clip.landmarks
    pairs = [(crops[row], None if points is None else points[row]) for row in shown[rows]]
    inputs = model.inputs_of(pairs, range(len(pairs)))
    if position is not None:
        inputs = {name: values[None] for name, values in inputs.items()}
    time = float(clip.times[frame]) if clip.times is not None else 0.0
    return Shown(f"{time:.2f} s", crops[frame], inputs, position, frame + 1, time)
