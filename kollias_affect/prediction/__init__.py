"""A trained model on videos and images: tables, plots, and annotated copies."""

from kollias_affect.prediction.drawing import (
    FaceOverlay,
    draw,
    is_annotated,
    write_image,
    write_video,
)
from kollias_affect.prediction.folder import FolderResult, predict_files
from kollias_affect.prediction.images import predict_images
from kollias_affect.prediction.in_memory import predict
from kollias_affect.prediction.inputs import Inputs, find_inputs
from kollias_affect.prediction.outputs import ANNOTATED
from kollias_affect.prediction.over_time import MODES
from kollias_affect.prediction.summary import summarize
from kollias_affect.prediction.table_files import FORMATS, check_format, read_table, write_table
from kollias_affect.prediction.videos import predict_videos

__all__ = [
    "ANNOTATED",
    "FORMATS",
    "MODES",
    "FaceOverlay",
    "FolderResult",
    "Inputs",
    "check_format",
    "draw",
    "find_inputs",
    "is_annotated",
    "predict",
    "predict_files",
    "predict_images",
    "predict_videos",
    "read_table",
    "summarize",
    "write_image",
    "write_table",
    "write_video",
]
