"""A trained model with its card: outputs of clips and of single faces, by task.

ONNX files, and so the models that ship, run by ONNX Runtime: neither Keras nor TensorFlow is
imported. `.keras` files run by Keras.
"""

import dataclasses
import functools
import numbers
from pathlib import Path

import numpy as np

from kollias_affect import catalogue, runtime, uncertainty
from kollias_affect.clip import shown_frames
from kollias_affect.faces import LAYOUTS
from kollias_affect.faces.images import read_image
from kollias_affect.prediction import over_time, unchanged
from kollias_affect.tasks import TASKS, tasks_of

BATCH = 64  # faces


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A network with the description of its inputs and outputs.

    Attributes:
        network: `runtime.OnnxModel` or `keras.Model`.
        card: Dict that was stored with it, see `models.load`.
        layout: Layout of the crops that it was trained on, one of `faces.LAYOUTS`.
        path: `Path` of its file, or `None`.
        skip_unchanged: Level of `unchanged.sources`, or `None` to run every frame of a clip.
    """

    network: object
    card: dict
    layout: str
    path: Path | None = None
    skip_unchanged: float | None = None

    @property
    def tasks(self):
        """Dict from task to `(names, (low, high))`: the names of its outputs, and their range."""
        return in_order(tasks_of(self.card))

    @property
    def _units(self):
        """Dict from the name of each output that is read to its units."""
        units = {task: len(names) for task, (names, _) in self.tasks.items()}
        more = uncertainty.extras(self.card.get("uncertainty"))
        of_task = {name: units.get(name.removesuffix("_variance")) for name in more}
        return units | {name: of_task[name] if more[name] is None else more[name] for name in more}

    @property
    def size(self):
        """Side of the crops in pixels."""
        return self.card["image"]["size"]

    @property
    def length(self):
        """Frames of a window, `None` for a model of single frames."""
        if self._is_onnx and self.network.length is not None:
            return self.network.length  # The file has a fixed one.
        return self.card["length"]

    @property
    def _is_onnx(self):
        return isinstance(self.network, runtime.OnnxModel)

    @property
    def note(self):
        """Text that goes with every prediction of this model, or `None`."""
        if not self.card.get("synthetic"):
            return None
        return (
            "This model was trained on synthetic clips: one photograph, moved by known numbers. "
            "Its outputs say nothing about real faces."
        )

    def skipping(self, level):
        """Returns this model with another `skip_unchanged`.

        Raises:
            ValueError: If the level is out of range, or this is a model of windows.
        """
        if level is None:
            return self
        if not isinstance(level, numbers.Real) or not 0 <= level <= 255:
            raise ValueError(
                "`skip_unchanged` must be a number from 0 to 255. Received: "
                f"skip_unchanged={level!r}. Start with 2."
            )
        if self.length is not None:
            raise ValueError(
                "`skip_unchanged` (--skip-unchanged) is for models of single frames. Received: a "
                f"model of windows of {self.length} frames, whose outputs depend on the frames "
                "before. Leave it out."
            )
        return dataclasses.replace(self, skip_unchanged=level)

    def outputs_of_clip(self, clip, mode=None):
        """Returns the outputs of the frames of a `Clip`.

        Args:
            clip: `Clip` of crops of this layout and size.
            mode: For models of windows, one of `over_time.MODES`. Default: `over_time.DEFAULT`.

        Returns:
            Dict from task to float32 `[frames, outputs]` in its range, NaN without a face. A
            calibrated model has further columns, see `uncertainty.columns`.

        Raises:
            ValueError: If `mode` is `"stream"` and the model reads windows backwards, too.
        """
        has_face = clip.has_image
        if has_face.any():
            outputs = self._outputs_over_time(clip, mode or over_time.DEFAULT)
        else:
            outputs = self._empty(len(clip))
        for values in outputs.values():
            values[~has_face] = np.nan
        return self._in_range(outputs)

    def outputs_of_faces(self, faces):
        """Returns the outputs of `AlignedFace`s.

        Returns:
            Dict as `outputs_of_clip` returns it.
        """
        crops = [(face.crop, face.in_crop) for face in faces]
        outputs = self._outputs_of_crops(len(faces), lambda rows: self.inputs_of(crops, rows))
        return self._in_range(outputs)

    def _outputs_over_time(self, clip, mode):
        shown = shown_frames(clip.has_image)

        def crop(frame):
            return read_image(clip.paths[frame]), _landmarks(clip, frame)

        def read(rows):
            crops = [crop(frame) for frame in shown[rows]]
            return self.inputs_of(crops, range(len(crops)))

        if self.length is None:
            faces = np.flatnonzero(clip.has_image)
            run, source = self._frames_to_run(len(faces), map(crop, faces))
            found = self._outputs_of_crops(len(run), lambda rows: read(faces[run[rows]]))
            outputs = self._empty(len(clip))
            for task, values in found.items():
                outputs[task][faces] = values[source]
            return outputs
        if mode == "stream":
            first = int(np.argmax(clip.has_image))
            return over_time.stream(self._sequence(), read, first, len(clip))
        return over_time.windows(self.run, read, len(clip), self.length, mode)

    def _frames_to_run(self, count, crops):
        """Returns numbers of crops that run, and for each crop the place of its own among them."""
        if self.skip_unchanged is None:
            return np.arange(count), np.arange(count)
        if not self.card["landmarks"]:
            crops = ((image, None) for image, _ in crops)
        return np.unique(unchanged.sources(crops, self.skip_unchanged), return_inverse=True)

    def _outputs_of_crops(self, count, read):
        """Runs a model of single frames on `count` crops; `read` returns the inputs of rows."""
        parts = [self._empty(0)]
        for start in range(0, count, BATCH):
            rows = np.arange(start, min(start + BATCH, count))
            # All batches have one size: TensorFlow would compile the network for every other size.
            padded = np.pad(rows, (0, min(BATCH, count) - len(rows)), "edge")
            found = self.run(read(padded))
            parts.append({task: values[: len(rows)] for task, values in found.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in self._units}

    def inputs_of(self, crops, rows):
        """Returns the inputs of the network for some faces.

        Args:
            crops: List of `(crop, landmarks)`: uint8 RGB and `[68, 2]` in [-1, 1].
            rows: Numbers of the faces.

        Returns:
            Dict of float32 `[rows, ...]`.
        """
        crops = [crops[i] for i in rows]
        inputs = {"images": runtime.unit_range(np.stack([crop for crop, _ in crops]))}
        if self.card["landmarks"]:
            inputs["landmarks"] = np.stack([points.reshape(136) for _, points in crops])
        return inputs

    def run(self, inputs):
        """Runs the network on one batch of inputs, see `inputs_of`.

        Returns:
            Dict from task to float32 `[batch, (length,) outputs]`, not limited to its range.
        """
        return self._by_task(self._network.predict_on_batch(inputs))

    def _by_task(self, values):
        values = values if isinstance(values, dict) else dict.fromkeys(self.tasks, values)
        return {name: np.array(values[name], np.float32) for name in self._units}

    @functools.cached_property
    def _network(self):
        if self._is_onnx:
            return self.network
        from kollias_affect import models

        return models.fast(models.for_unit_range(self.network))

    def _sequence(self):
        """Returns a function that runs the next frames of one sequence, see `over_time.stream`."""
        if self._is_onnx:
            runner = runtime.SequenceRunner(self.network)
            return lambda inputs: self._by_task(runner(inputs))
        from kollias_affect import models
        from kollias_affect.models.streaming import SequenceRunner

        runner = SequenceRunner(models.for_unit_range(self.network), over_time.CHUNK)
        return lambda inputs: self._by_task(runner(inputs))

    def _empty(self, count):
        units = self._units
        return {name: np.full((count, units[name]), np.nan, np.float32) for name in units}

    def _in_range(self, outputs):
        """Returns the outputs of the tasks in their ranges, and the columns of a calibration."""
        clipped = {task: np.clip(outputs[task], *span) for task, (_, span) in self.tasks.items()}
        record = self.card.get("uncertainty")
        return clipped | uncertainty.columns(record, self.tasks, {**outputs, **clipped})


def _landmarks(clip, frame):
    return None if clip.landmarks is None else clip.landmarks[frame]


def in_order(tasks):
    """Returns a dict by task in the order in which outputs are shown: that of `tasks.TASKS`."""
    return {task: tasks[task] for task in TASKS if task in tasks}


def load(model=None, threads=None):
    """Loads a trained model.

    Args:
        model: `.keras` or `.onnx` file, a name of `weights.list_pretrained`, or a `Predictor`;
            `None` for the default, `affect_vgg`.
        threads: Number of threads of an ONNX model. Default: one per processor core.

    Returns:
        `Predictor`.

    Raises:
        FileNotFoundError, ValueError: If `model` is no model, or its crops have no known layout.
    """
    if isinstance(model, Predictor):
        return model
    path = catalogue.runtime_file(model)
    if path.suffix == ".onnx":
        network = runtime.OnnxModel(path, threads)
        card = network.card
    else:
        from kollias_affect import models

        network, card = models.load(path)
    layouts = [name for name in LAYOUTS if runtime.CROPS.get(name) == card["crop"]]
    if not layouts:
        raise ValueError(
            "The model must have been trained on crops like one of these: "
            f"{'; '.join(runtime.CROPS.values())}. Received: {path}, made for {card['crop']}. Use "
            f"the version of the package that trained it: {card['versions']}."
        )
    return Predictor(network, card, layouts[0], path)
