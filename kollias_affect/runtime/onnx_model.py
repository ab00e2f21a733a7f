"""ONNX files of `models.export`, run by ONNX Runtime: no Keras and no TensorFlow."""

import os

import numpy as np

from kollias_affect import _checks
from kollias_affect.runtime import cards
from kollias_affect.runtime.arrays import map_outputs
from kollias_affect.tasks import tasks_of

MAX_BYTES = 2**31 - 1  # The format has no larger files.
MAX_SIDE, MAX_LENGTH, MAX_UNITS = 2048, 100_000, 100_000
_REMEDY = "Export the model again with `kollias-affect export`."


class OnnxModel:
    """A network in an ONNX file that `models.export` wrote.

    Args:
        path: `.onnx` file.
        threads: Number of threads of one call. Default: one per processor core.

    Attributes:
        path: `pathlib.Path` of the file.
        card: Its card, see `cards.read_card`.
        inputs: Dict from the name of each input to its shape, in which free axes are `None`.
        outputs: Names of the outputs without the states.
        states: Names of the inputs that are states; empty unless it was exported with `stream`.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, was not written by `models.export`, or does not fit its card.

    Example:

    >>> import numpy as np
    >>> from kollias_affect import catalogue, runtime
    >>> model = runtime.OnnxModel(catalogue.runtime_file("expression_vgg_fer2013"))
    >>> model({"images": np.zeros((1, 48, 48, 3), np.float32)}).shape
    (1, 7)
    """

    def __init__(self, path, threads=None):
        self.path = _checks.existing_file("model", path)
        self._session = _session(self.path, threads)
        content = self._session.get_modelmeta().custom_metadata_map.get(cards.CARD)
        if content is None:
            raise ValueError(
                "An ONNX model must carry the card that `kollias_affect.models.export` writes. "
                f"Received: {self.path}, without one. {_REMEDY}"
            )
        self.card = cards.parse(content, self.path)
        shapes = {value.name: _shape(value) for value in self._session.get_inputs()}
        self.inputs = {name: shape for name, shape in shapes.items() if "state" not in name}
        self.states = [name for name in shapes if name not in self.inputs]
        self._units = {name: shapes[name][-1] for name in self.states}
        names = [value.name for value in self._session.get_outputs()]
        self.outputs = [name for name in names if not name.startswith("new_state")]
        self._check_card({v.name: _shape(v) for v in self._session.get_outputs()}, names)

    @property
    def batch(self):
        """Number of windows or frames per call; `None` if it is free."""
        return self.inputs["images"][0]

    @property
    def length(self):
        """Frames per window and call; `None` if it is free, or the model has single frames."""
        images = self.inputs["images"]
        return images[1] if len(images) == 5 else None

    def __call__(self, inputs):
        """Runs the network.

        Args:
            inputs: Dict of float32 arrays by the names of the inputs.

        Returns:
            float32 array, or a dict of arrays by task if the model has several outputs.

        Raises:
            ValueError: If the inputs do not fit the model.
        """
        outputs, _ = self.step(inputs, self.zero_states(len(inputs["images"])))
        return outputs

    def predict_on_batch(self, inputs):
        """Runs the network on any number of windows or frames, by the name that this has in Keras.

        A file with a fixed batch is run several times, the last time with copies of the last one.
        """
        if self.batch is None:
            return self(inputs)
        count, parts = len(inputs["images"]), []
        for start in range(0, count, self.batch):
            rows = np.minimum(np.arange(start, start + self.batch), count - 1)
            outputs = self({name: values[rows] for name, values in inputs.items()})
            parts.append(map_outputs(lambda values: values[: count - start], outputs))  # noqa: B023
        if isinstance(parts[0], dict):
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return np.concatenate(parts)

    def step(self, inputs, states):
        """Runs the network on the next frames of sequences.

        Args:
            inputs: See `__call__`.
            states: Dict of the states, from the call before or from `zero_states`.

        Returns:
            `(outputs, states)`.

        Raises:
            ValueError: If the inputs do not fit the model.
        """
        wanted = {name: inputs[name] for name in self.inputs if name in inputs}
        try:
            values = self._session.run(None, {**wanted, **states})
        except Exception as error:  # ONNX Runtime's errors have no common class.
            raise ValueError(
                f"The inputs must fit the model {self.path}: {self.inputs}. Received: "
                f"{ {name: np.shape(value) for name, value in inputs.items()} } "
                f"({_first_line(error)}). Change their shapes."
            ) from error
        names = (value.name for value in self._session.get_outputs())
        values = dict(zip(names, values, strict=True))
        after = {name: values.pop(f"new_{name}") for name in self.states}
        return (values[self.outputs[0]] if len(self.outputs) == 1 else values), after

    def zero_states(self, batch=1):
        """Returns the states before the first frame, a dict of zeros `[batch, units]`."""
        return {name: np.zeros((batch, n), np.float32) for name, n in self._units.items()}

    def _check_card(self, outputs, names):
        """Raises `ValueError` if inputs and outputs are not those that the card describes."""
        images, size = self.inputs.get("images", ()), self.card["image"].get("size")
        windows = self.card["length"] is not None
        tasks = tasks_of(self.card)
        fits = (
            len(images) == (5 if windows else 4)
            and images[-3:] == (size, size, 3)
            and isinstance(size, int)
            and 0 < size <= MAX_SIDE
            and (images[1] or 1) <= MAX_LENGTH
            and set(self.inputs) == {"images", *(["landmarks"] if self.card["landmarks"] else [])}
            and set(names) >= {*tasks, *(f"new_{name}" for name in self.states)}
            and all(outputs[task][-1] == len(of_task) for task, (of_task, _) in tasks.items())
            and all(isinstance(n, int) and 0 < n <= MAX_UNITS for n in self._units.values())
        )
        if not fits:
            raise ValueError(
                "The inputs and outputs of an ONNX model must be those of its card. Received: "
                f"{self.path}, inputs {self.inputs}, outputs {outputs}. {_REMEDY}"
            )


def without_telemetry():
    """Switches the telemetry of ONNX Runtime off, which is read when it is imported.

    From version 1.32 on it reports to its maker, and warns where it finds no home folder to write.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def _session(path, threads):
    without_telemetry()
    import onnxruntime

    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(
            f"An ONNX model must be smaller than 2 GiB. Received: {path}, {size:,} bytes. {_REMEDY}"
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # Errors arrive as exceptions.
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    # Threads that wait actively would slow down decoding and detection beside the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # From bytes: the file cannot name other files on this machine as its weights.
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's errors have no common class.
        raise ValueError(
            f"`model` must be an ONNX file that ONNX Runtime can load. Received: {path} "
            f"({_first_line(error)}). {_REMEDY}"
        ) from error


def _shape(value):
    return tuple(axis if isinstance(axis, int) else None for axis in value.shape)


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
