"""A trained model with its card: outputs of clips and of single faces.

ONNX files, and so the models that ship, run by ONNX Runtime: neither Keras nor TensorFlow is
imported. `.keras` files run by Keras.
"""

import dataclasses
import typing

import numpy as np

from kollias_affect import catalogue, runtime
from kollias_affect.faces import LAYOUTS

BATCH = 64  # faces


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A network with the description of its inputs and outputs.

    Attributes:
        network: `runtime.OnnxModel` or `keras.Model`.
        card: Dict that was stored with it, see `models.load`.
        layout: Layout of the crops that it was trained on, one of `faces.LAYOUTS`.
    """

    network: typing.Any
    card: dict
    layout: str

    @property
    def names(self):
        """List of the names of the outputs."""
        return self.card["outputs"]

    @property
    def range(self):
        """Minimum and maximum of the outputs."""
        return self.card["range"]

    @property
    def size(self):
        """Side of the crops in pixels."""
        return self.card["image"]["size"]

    def outputs_of_clip(self, clip):
        """Returns the outputs of the frames of a `Clip`, NaN without a face."""
        if not clip.has_image.any():
            return np.full((len(clip), len(self.names)), np.nan, np.float32)
        if isinstance(self.network, runtime.OnnxModel):
            values = self._of_task(runtime.predict_clip(self.network, clip))
        else:
            from kollias_affect import evaluation

            values = evaluation.predict(self.network, [clip])[clip.key]
        return np.clip(values, *self.range)

    def outputs_of_faces(self, faces):
        """Returns the outputs of `AlignedFace`s, `[faces, outputs]`."""
        parts = [np.zeros((0, len(self.names)), np.float32)]
        for start in range(0, len(faces), BATCH):
            batch = faces[start : start + BATCH]
            # All batches have one size: TensorFlow would compile the network for every other size.
            padded = [batch[min(i, len(batch) - 1)] for i in range(min(BATCH, len(faces)))]
            parts.append(self._outputs_of_batch(padded)[: len(batch)])
        return np.concatenate(parts)

    def _outputs_of_batch(self, faces):
        inputs = {"images": runtime.unit_range(np.stack([face.crop for face in faces]))}
        if self.card["landmarks"]:
            inputs["landmarks"] = np.stack([face.in_crop.reshape(136) for face in faces])
        return np.clip(self._of_task(self.network.predict_on_batch(inputs)), *self.range)

    def _of_task(self, values):
        return values[self.card["task"]] if isinstance(values, dict) else values


def load(model=None):
    """Loads a trained model.

    Args:
        model: `.keras` or `.onnx` file, or a name of `weights.list_pretrained`; `None` for the
            default expression model.

    Returns:
        `Predictor`.

    Raises:
        FileNotFoundError, ValueError: If `model` is no model, or its crops have no known layout.
    """
    path = catalogue.runtime_file(catalogue.DEFAULT if model is None else model)
    if path.suffix == ".onnx":
        network = runtime.OnnxModel(path)
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
    return Predictor(network, card, layouts[0])
