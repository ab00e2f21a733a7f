"""A trained model on videos and images: tables, plots, annotated copies, and an interactive page.

A name is imported when it is first used: the page needs neither TensorFlow nor OpenCV.
"""

import importlib

_MODULES = {
    "drawing": ("FaceOverlay", "draw", "is_annotated", "write_image", "write_video"),
    "images": ("predict_images",),
    "inputs": ("Inputs", "find_inputs"),
    "outputs": ("ANNOTATED", "IMAGE_TABLE"),
    "videos": ("predict_videos",),
    "view": ("write_page",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

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
    "write_page",
    "write_video",
]


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__():
    return sorted(__all__)
