"""A trained model on videos and images: tables, plots, annotated copies, and an interactive page.

A name is imported when it is first used: the page needs neither TensorFlow nor OpenCV.
"""

import importlib

_MODULES = {
    "drawing": ("FaceOverlay", "draw", "is_annotated", "write_image", "write_video"),
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
    "find_inputs",
    "is_annotated",
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


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__():
    return sorted(__all__)
