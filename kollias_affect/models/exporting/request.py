"""What is exported, and how the result is compared with Keras."""

import contextlib
import dataclasses
import functools

import keras
import numpy as np

from kollias_affect.models.stateful import stateful

MAX_DIFFERENCE = 1e-4
_FLOAT16_DIFFERENCE = 2e-2  # Rounding the weights moves the outputs.


@dataclasses.dataclass(frozen=True)
class Request:
    """A model and the options of `export`, whose names the attributes have."""

    model: keras.Model
    card: dict
    batch: int | None
    length: int | None
    stream: bool
    weights: str
    calibration: object

    def card_of(self, format, difference, **more):
        """Returns the card with an entry `export` about this file."""
        details = {
            "format": format,
            "batch": self.batch,
            "length": self.length,
            "stream": self.stream,
            "weights": self.weights,
            "difference": difference,
            **more,
        }
        return {**self.card, "export": details}

    @functools.cached_property
    def example(self):
        """Random inputs by name, without states."""
        random = np.random.default_rng(0)
        batch = self.batch or (1 if self.stream or self.card["length"] else 2)
        axes = [batch]
        if self.card["length"] is not None:
            axes.append(self.length or (3 if self.stream else self.card["length"]))
        return {
            tensor.name: random.uniform(-1, 1, (*axes, *tensor.shape[len(axes) :])).astype(
                np.float32
            )
            for tensor in self.model.inputs
        }

    @functools.cached_property
    def expected(self):
        """Outputs of Keras for `example`, by name; those after zero states for a stream."""
        own, images = self.card["length"], self.example["images"]
        with _in_float32(self.model):
            if own is None or (not self.stream and images.shape[1] == own):
                return self.named(self.model.predict_on_batch(self.example))
            network = stateful(self.model, images.shape[1])
            sequences = []
            for number in range(len(images)):
                inputs = {name: value[number : number + 1] for name, value in self.example.items()}
                states = {
                    x.name: np.zeros(x.shape, np.float32)
                    for x in network.inputs
                    if x.name.startswith("state")
                }
                outputs, states = network.predict_on_batch({**inputs, **states})
                new = {f"new_{name}": value for name, value in states.items()}
                sequences.append({**self.named(outputs), **(new if self.stream else {})})
        return {
            name: np.concatenate([values[name] for values in sequences]) for name in sequences[0]
        }

    @functools.cached_property
    def calls(self):
        """Calibration inputs: list of dicts of arrays by the names of the inputs.

        Raises:
            ValueError: If there are less than two batches, or one lacks an input.
        """
        names = [tensor.name for tensor in self.model.inputs]
        calls = []
        for batch in self.calibration:
            inputs = {name: np.asarray(batch[name], np.float32) for name in names if name in batch}
            if set(inputs) != set(names):
                raise ValueError(
                    f"Every batch of `calibration` needs the inputs {names}. Received: "
                    f"{sorted(batch)}. Pass `windows.dataset(clips, labels=False)`."
                )
            calls.append(inputs)
        if len(calls) < 2:
            raise ValueError(
                "`calibration` needs two batches or more: half of them measure the loss. Received: "
                f"{len(calls)}. Add faces, or use smaller batches."
            )
        return calls

    def named(self, outputs):
        """Returns the outputs of Keras as a dict by name."""
        if isinstance(outputs, dict):
            return outputs
        return dict(zip(self.model.output_names, keras.tree.flatten(outputs), strict=True))

    def difference(self, outputs, format):
        """Returns the largest difference of outputs from those of Keras, relative to their size.

        Args:
            outputs: Dict of arrays by name.
            format: Name of the format, for the message.

        Raises:
            ValueError: If it is too large.
        """
        largest = 0.0
        for name, expected in self.expected.items():
            size = max(1.0, float(np.abs(expected).max()))
            # `np.maximum` keeps NaN, which must not pass.
            largest = np.maximum(largest, float(np.abs(outputs[name] - expected).max()) / size)
        limit = MAX_DIFFERENCE if self.weights == "float32" else _FLOAT16_DIFFERENCE
        if self.weights != "int8" and not largest <= limit:
            raise ValueError(
                f"The outputs of the {format} file must equal those of Keras to {limit:g}. "
                f"Received: a difference of {largest:.2g}, so no file was written. Choose "
                "another format, or report the model."
            )
        return float(largest)


@contextlib.contextmanager
def _in_float32(model):
    """Lets a mixed precision model compute in float32, as exported files do, for a while."""
    mixed = [x for x in model._flatten_layers() if x.compute_dtype != x.variable_dtype]
    policies = [layer.dtype_policy for layer in mixed]
    for layer in mixed:
        layer.dtype_policy = layer.variable_dtype
    try:
        yield
    finally:
        for layer, policy in zip(mixed, policies, strict=True):
            layer.dtype_policy = policy


def missing(package, format):
    """Returns the `ImportError` for a package that an export needs."""
    return ImportError(
        f"The format {format} needs the package {package}. Received: a Python without it. Install "
        "it: pip install 'kollias-affect[export]'."
    )
