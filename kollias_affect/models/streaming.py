"""Models that process frames one by one, as a camera or a video delivers them."""

import numpy as np

from kollias_affect import runtime
from kollias_affect.models.files import describe
from kollias_affect.models.stateful import stateful
from kollias_affect.models.unit_range import for_unit_range


class SequenceRunner:
    """Runner of a model of windows on consecutive chunks of one sequence.

    Args:
        model: `keras.Model` of windows, see `stateful`.
        length: Frames per call.

    Raises:
        ValueError: See `stateful`.
    """

    def __init__(self, model, length=1):
        self.network = stateful(model, length)
        self.reset()

    def __call__(self, inputs):
        """Predicts the next `length` frames.

        Args:
            inputs: Dict of arrays `[1, length, ...]` by the names of the model's inputs.

        Returns:
            Arrays `[1, length, ...]`, in the structure of the model's outputs.
        """
        outputs, self.states = self.network.predict_on_batch({**inputs, **self.states})
        return outputs

    def reset(self):
        """Resets the states: the next call starts a new sequence."""
        self.states = {
            tensor.name: np.zeros(tensor.shape, np.float32)
            for tensor in self.network.inputs
            if tensor.name.startswith("state")
        }


class Stream(runtime.Stream):
    """`runtime.Stream`, for Keras models, too."""

    __doc__ = runtime.Stream.__doc__

    def __init__(self, model):
        if isinstance(model, runtime.OnnxModel):
            super().__init__(model)
            return
        model = for_unit_range(model)
        card = describe(model)
        single_frames = card["length"] is None
        self._start(card, _FrameRunner(model) if single_frames else SequenceRunner(model))


class _FrameRunner:
    """Counterpart of `SequenceRunner` for a model of single frames, which has no state."""

    def __init__(self, model):
        self.model = model

    def __call__(self, inputs):
        return self.model.predict_on_batch(inputs)

    def reset(self):
        """Does nothing: there is no state."""
