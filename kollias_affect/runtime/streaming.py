"""Models that process frames one by one, as a camera or a video delivers them."""

import copy

import numpy as np

from kollias_affect.runtime.arrays import map_outputs, unit_range
from kollias_affect.tasks import tasks_of


class SequenceRunner:
    """Runner of an `OnnxModel` on consecutive chunks of one sequence.

    Args:
        model: `OnnxModel` of single frames, or of windows that was exported with `stream`.

    Raises:
        ValueError: If it is a model of windows without states.
    """

    def __init__(self, model):
        if model.card["length"] is not None and not model.states:
            raise ValueError(
                "A sequence needs the recurrent states of a model as inputs. Received: "
                f"{model.path}, an ONNX file of windows. Export it with `stream=True` (--stream)."
            )
        self.model = model
        self.reset()

    def __call__(self, inputs):
        """Predicts the next frames.

        Args:
            inputs: Dict of arrays `[1, length, ...]` (`[1, ...]` for a model of single frames).

        Returns:
            Arrays `[1, length, ...]`, or a dict of them by output.
        """
        step = self.model.length
        if step is None:
            return self._step(inputs)
        frames = inputs["images"].shape[1]
        parts = [
            self._step({name: values[:, start : start + step] for name, values in inputs.items()})
            for start in range(0, frames, step)
        ]
        if isinstance(parts[0], dict):
            return {name: np.concatenate([p[name] for p in parts], axis=1) for name in parts[0]}
        return np.concatenate(parts, axis=1)

    def _step(self, inputs):
        """Runs once; a file with a fixed batch gets copies of the sequence."""
        batch = self.model.batch or 1
        inputs = {name: np.repeat(value, batch, axis=0) for name, value in inputs.items()}
        outputs, self.states = self.model.step(inputs, self.states)
        return map_outputs(lambda values: values[:1], outputs)

    def reset(self):
        """Resets the states: the next call starts a new sequence."""
        self.states = self.model.zero_states(self.model.batch or 1)


class Stream:
    """Model that takes one frame at a time and keeps its recurrent states between frames.

    The outputs are those of the model on one window with all frames so far: the recurrent states
    are zeros at the first frame with a face and continue until `reset`. A step costs one pass of
    the CNN and one step of the RNNs; memory does not grow. The weights are those of `model`
    itself. The constructor compiles the network and runs it once, which takes a second or more,
    so that the first frame takes no longer than the others.

    Args:
        model: `keras.Model` of `kollias_affect.models`, built or loaded from a `.keras` file
            (`models.Stream` only); or `runtime.OnnxModel`, which needs no Keras. It is a model of
            windows whose RNNs run forwards (in an ONNX file, exported with `stream`), or a model
            of single frames, which has no state.

    Attributes:
        size: Side of the crops in pixels.
        takes_landmarks: Whether `step` needs landmarks.

    Raises:
        ValueError: If the model has a bidirectional RNN or another layer that combines frames, or
            is not a model of faces.

    Example:

    >>> import numpy as np
    >>> from kollias_affect import backbones, models
    >>> backbone = backbones.cnn_m((32, 32, 3), width=0.02)
    >>> stream = models.Stream(models.cnn(backbone, "valence", hidden_units=8))
    >>> stream.step(np.zeros((32, 32, 3), np.uint8), np.zeros((68, 2))).shape
    (1,)
    >>> stream.step(None).tolist()
    [nan]
    """

    def __init__(self, model):
        if (model.length or 1) != 1:
            raise ValueError(
                "A stream takes one frame per call. Received: "
                f"{model.path}, exported for {model.length} frames. Export it with length=1, or "
                "leave the length free."
            )
        self._start(model.card, SequenceRunner(model))

    def _start(self, card, run):
        """Runs the network once, so that the first frame takes no longer than the others.

        Args:
            card: Card of the model.
            run: Function from a dict of inputs to outputs, with a method `reset`.
        """
        self.size = card["image"]["size"]
        self.takes_landmarks = card["landmarks"]
        self._single_frames = card["length"] is None
        self._ranges = {task: span for task, (_, span) in tasks_of(card).items()}
        self._run = run
        self._last = None
        self._example = self.step(np.zeros((self.size, self.size, 3), np.uint8), np.zeros((68, 2)))
        self.reset()

    def step(self, image, landmarks=None):
        """Predicts the next frame.

        Args:
            image: Crop, RGB `[size, size, 3]`, uint8 or float in [-1, 1]; or `None` for a frame
                without a face. The outputs are NaN then, and the network runs on the last face
                again, as in windows. Before the first face it does not run.
            landmarks: Float `[68, 2]` or `[136]` in [-1, 1] of the crop. A model that takes no
                landmarks ignores them.

        Returns:
            float32 `[outputs]`, or a dict of such arrays if the model has several outputs. Those of
            a task are in its range: linear outputs that leave it are clipped.

        Raises:
            ValueError: If the image has another size or dtype, or landmarks are missing.
        """
        if image is not None:
            self._last = self._inputs(image, landmarks)
        elif self._last is None:
            return self._nan(self._example)
        outputs = map_outputs(self._remove_batch_axes, self._run(self._last))
        return self._nan(outputs) if image is None else self._in_range(outputs)

    def reset(self):
        """Resets the state. Call it between clips."""
        self._last = None
        self._run.reset()

    def another(self):
        """Returns a stream with a separate state on the same compiled network, for another face."""
        other = copy.copy(self)
        other._run = copy.copy(self._run)
        other.reset()
        return other

    def _inputs(self, image, landmarks):
        axes = (None,) if self._single_frames else (None, None)
        inputs = {"images": _image(image, self.size)[axes]}
        if self.takes_landmarks:
            inputs["landmarks"] = _landmarks(landmarks)[axes]
        return inputs

    def _nan(self, outputs):
        return map_outputs(lambda values: np.full_like(values, np.nan), outputs)

    def _in_range(self, outputs):
        """Returns the outputs with those of tasks in their ranges; others are no predictions."""
        if isinstance(outputs, dict):
            return {
                name: np.clip(values, *self._ranges[name]) if name in self._ranges else values
                for name, values in outputs.items()
            }
        (span,) = self._ranges.values()
        return np.clip(outputs, *span)

    def _remove_batch_axes(self, values):
        return np.asarray(values, np.float32)[0 if self._single_frames else (0, 0)]


def _image(image, size):
    """Converts an image to float32 in [-1, 1]."""
    image = np.asarray(image)
    is_number = image.dtype == np.uint8 or np.issubdtype(image.dtype, np.floating)
    if is_number and image.shape == (size, size, 3):
        if image.dtype == np.uint8:
            return unit_range(image)
        if np.abs(image).max() <= 1:  # This is false for NaN, too.
            return image.astype(np.float32)
    span = f" from {image.min()} to {image.max()}" if image.size and image.dtype != object else ""
    raise ValueError(
        f"`image` must be an RGB crop of shape ({size}, {size}, 3), uint8 or float in [-1, 1]. "
        f"Received: {image.dtype} of shape {image.shape}{span}. Crop it with "
        f"`kollias_affect.faces.faces_of(image, size={size})`, or pass None for a frame without a "
        "face."
    )


def _landmarks(landmarks):
    """Converts landmarks to float32 `[136]`."""
    values = np.asarray(np.nan if landmarks is None else landmarks, np.float32)
    shape = None if landmarks is None else values.shape
    if values.shape not in ((68, 2), (136,)) or not np.isfinite(values).all():
        raise ValueError(
            "This model takes landmarks with every face: finite numbers of shape (68, 2) or "
            f"(136,), in [-1, 1] of the crop. Received: {shape}. Pass `in_crop` of "
            "`kollias_affect.faces.faces_of`."
        )
    return values.reshape(136)
