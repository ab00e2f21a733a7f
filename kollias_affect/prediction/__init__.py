"""A trained model on videos and images: tables, plots, and annotated copies."""

from kollias_affect.prediction.drawing import (
    FaceOverlay,
    draw,
    is_annotated,
    write_image,
    write_video,
)
from kollias_affect.prediction.images import predict_images
from kollias_affect.prediction.inputs import Inputs, find_inputs
from kollias_affect.prediction.outputs import ANNOTATED, IMAGE_TABLE
from kollias_affect.prediction.videos import predict_videos

__all__ = [
    "ANNOTATED",
    "IMAGE_TABLE",
    "FaceOverlay",
    "Inputs",
    "draw",
    "find_inputs",
    "is_annotated",
    "predict_images",
    "predict_videos",
    "write_image",
    "write_video",
]
