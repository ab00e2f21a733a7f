"""Which places of a face an output depends on: Grad-CAM, occlusion, and their pictures."""

from kollias_affect.prediction.explaining.files import METHODS, explain_files
from kollias_affect.prediction.explaining.gradients import gradient_maps
from kollias_affect.prediction.explaining.occlusion import occlusion_maps

__all__ = ["METHODS", "explain_files", "gradient_maps", "occlusion_maps"]
