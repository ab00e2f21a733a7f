"""Models on frames as they come, one after the other, from a camera or a video."""

import copy

import keras
import numpy as np

from kollias_affect.models.files import describe
from kollias_affect.models.stateful import carrying


class Carried:
    """A model of windows that is run on consecutive pieces of one sequence.

    Args:
        model: see `carrying`.
        length: frames per call.

    Raises:
        ValueError: see `carrying`.
    """

    def __init__(self, model, length=1):
        self.network = carrying(model, length)
        self.reset()

    def __call__(self, inputs):
        """Outputs of the next `length` frames, in the structure of the model's: `[1, length, …]`.

        Args:
            inputs: dict of arrays `[1, length, ...]`, by the names of the model's inputs.
        """
        outputs, self.states = self.network.predict_on_batch({**inputs, **self.states})
        return outputs

    def reset(self):
        """Forgets the sequence: the next call is on its first frames."""
        self.states = {
            tensor.name: np.zeros(tensor.shape, np.float32)
            for tensor in self.network.inputs
            if tensor.name.startswith("state")
        }


class Stream:
    """A model that takes one frame at a time and remembers what it needs of those before.

    The outputs are those of the model on one window that is as long as all frames so far: the
    recurrent state starts from zero at the first frame with a face and goes on until `reset`. A
    step costs one pass of the CNN and one step of the RNNs; memory does not grow. The weights are
    those of `model` itself. Making a stream compiles the network and runs it once, which takes a
    second or more; the first frame then takes no longer than the others.

    Args:
        model: `keras.Model` of `kollias_affect.models`, or loaded from a `.keras` file; of windows,
            with RNNs that go forwards, or of single frames, which remembers nothing.

    Attributes:
        size: side of the crops in pixels.
        takes_landmarks: whether `step` needs landmarks.

    Raises:
        ValueError: if the model has a bidirectional RNN, or another layer that mixes frames, or
            is no model for faces.
    """

    def __init__(self, model):
        card = describe(model)
        self.size = card["image"]["size"]
        self.takes_landmarks = card["landmarks"]
        self._single = card["length"] is None
        self._run = _Frames(model) if self._single else Carried(model)
        self._example = self.step(np.zeros((self.size, self.size, 3), np.uint8), np.zeros((68, 2)))
        self.reset()

    def step(self, image, landmarks=None):
        """Outputs of the next frame.

        Args:
            image: crop, RGB `[size, size, 3]`, uint8 or float in [-1, 1]; or `None` for a frame
                without a face. The network is then shown the last face again, as in windows, and
                the outputs are NaN; before the first face it is shown nothing.
            landmarks: float `[68, 2]` or `[136]` in [-1, 1] of the crop, for a model that takes
                them; else not looked at.

        Returns:
            float32 `[outputs]`, or a dict of such arrays if the model has several outputs.

        Raises:
            ValueError: if the image has another size or kind, or landmarks are missing.
        """
        if image is not None:
            self._last = self._inputs(image, landmarks)
        elif self._last is None:
            return self._nan(self._example)
        outputs = keras.tree.map_structure(self._of_the_frame, self._run(self._last))
        return self._nan(outputs) if image is None else outputs

    def reset(self):
        """Forgets everything before the next frame: call it between clips."""
        self._last = None
        self._run.reset()

    def another(self):
        """A stream with a memory of its own on the same compiled network, for another face."""
        other = copy.copy(self)
        other._run = copy.copy(self._run)
        other.reset()
        return other

    def _inputs(self, image, landmarks):
        axes = (None,) if self._single else (None, None)
        inputs = {"images": _image(image, self.size)[axes]}
        if self.takes_landmarks:
            inputs["landmarks"] = _landmarks(landmarks)[axes]
        return inputs

    def _nan(self, outputs):
        return keras.tree.map_structure(lambda values: np.full_like(values, np.nan), outputs)

    def _of_the_frame(self, values):
        return np.asarray(values, np.float32)[0 if self._single else (0, 0)]


class _Frames:
    """A model of single frames, in the shape of `Carried`."""

    def __init__(self, model):
        self.model = model

    def __call__(self, inputs):
        return self.model.predict_on_batch(inputs)

    def reset(self):
        """There is nothing to forget."""


def _image(image, size):
    """The image as float32 in [-1, 1]."""
    image = np.asarray(image)
    known = image.dtype == np.uint8 or np.issubdtype(image.dtype, np.floating)
    if known and image.shape == (size, size, 3):
        if image.dtype == np.uint8:
            return image.astype(np.float32) / np.float32(127.5) - 1
        if np.abs(image).max() <= 1:  # false for NaN too
            return image.astype(np.float32)
    span = f" from {image.min()} to {image.max()}" if image.size and image.dtype != object else ""
    raise ValueError(
        f"`image` must be an RGB crop of shape ({size}, {size}, 3), uint8 or float in [-1, 1]. "
        f"Received: {image.dtype} of shape {image.shape}{span}. Crop it with "
        f"`kollias_affect.faces.faces_of(image, size={size})`, or pass None where there is no face."
    )


def _landmarks(landmarks):
    values = np.asarray(np.nan if landmarks is None else landmarks, np.float32)
    if values.shape not in ((68, 2), (136,)) or not np.isfinite(values).all():
        raise ValueError(
            "This model takes landmarks with every face: finite numbers of shape (68, 2) or (136,) "
            f"in [-1, 1] of the crop. Received: {None if landmarks is None else values.shape}. "
            "Pass `in_crop` of `kollias_affect.faces.faces_of`."
        )
    return values.reshape(136)
