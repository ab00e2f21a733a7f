"""A trained model on videos and images: tables, plots, annotated copies, and an interactive page.

A name is imported when it is first used: the page needs neither TensorFlow nor OpenCV.
"""

import typing

from kollias_affect import _lazy

if typing.TYPE_CHECKING:  # for the reference and for editors
    from kollias_affect.prediction.drawing import (
        FaceOverlay,
        draw,
        is_annotated,
        write_image,
        write_video,
    )
    from kollias_affect.prediction.explaining import explain_files, gradient_maps, occlusion_maps
    from kollias_affect.prediction.folder import FolderResult, predict_files
    from kollias_affect.prediction.images import predict_images
    from kollias_affect.prediction.in_memory import predict
    from kollias_affect.prediction.inputs import Inputs, find_inputs
    from kollias_affect.prediction.outputs import ANNOTATED
    from kollias_affect.prediction.over_time import MODES
    from kollias_affect.prediction.summary import summarize
    from kollias_affect.prediction.table_files import (
        FORMATS,
        check_format,
        read_table,
        write_table,
    )
    from kollias_affect.prediction.videos import predict_videos
    from kollias_affect.prediction.view import write_page

_MODULES = {
    "drawing": ("FaceOverlay", "draw", "is_annotated", "write_image", "write_video"),
    "explaining": ("explain_files", "gradient_maps", "occlusion_maps"),
    "folder": ("FolderResult", "predict_files"),
    "images": ("predict_images",),
    "in_memory": ("predict",),
    "inputs": ("Inputs", "find_inputs"),
    "outputs": ("ANNOTATED",),
    "over_time": ("MODES",),
    "summary": ("summarize",),
    "table_files": ("FORMATS", "check_format", "read_table", "write_table"),
    "videos": ("predict_videos",),
    "view": ("write_page",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "ANNOTATED",
    "FORMATS",
    "MODES",
    "FaceOverlay",
    "FolderResult",
    "Inputs",
    "check_format",
    "draw",
    "explain_files",
    "find_inputs",
    "gradient_maps",
    "is_annotated",
    "occlusion_maps",
    "predict",
    "predict_files",
    "predict_images",
    "predict_videos",
    "read_table",
    "summarize",
    "write_image",
    "write_page",
    "write_table",
    "write_video",
]

__getattr__, __dir__ = _lazy.attributes(__name__, _MODULE_OF, __all__)
