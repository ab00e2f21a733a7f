"""Export of models to formats that run without Keras: ONNX, LiteRT, SavedModel."""

from kollias_affect.models.exporting.export import FORMATS, WEIGHTS, export

__all__ = ["FORMATS", "WEIGHTS", "export"]
