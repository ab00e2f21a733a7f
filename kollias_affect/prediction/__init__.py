"""A trained model on videos and images: tables, pictures, and annotated copies."""

from kollias_affect.prediction.inference import (
    ANNOTATED,
    IMAGE_TABLE,
    Inputs,
    find_inputs,
    predict_images,
    predict_videos,
)

__all__ = [
    "ANNOTATED",
    "IMAGE_TABLE",
    "Inputs",
    "find_inputs",
    "predict_images",
    "predict_videos",
]
