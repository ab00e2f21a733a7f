"""YuNet, run by OpenCV, for those who have its file.

`face_detection_yunet_2023mar.onnx` of OpenCV's model zoo fits OpenCV 4.8 and later versions 4. The
file of May 2026 has inputs of any size, which only OpenCV 5 reads; that of 2022 is for older ones.

References:
    Wu et al. (2023), YuNet: a tiny millisecond-level face detector, Machine Intelligence Research;
    https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet.
"""

import cv2

from kollias_affect import _checks
from kollias_affect.faces.boxes import Box

FILE = "face_detection_yunet_2023mar.onnx"
_LEAST = 0.6  # score


def yunet(path):
    """Returns the detector of a file of YuNet.

    Args:
        path: ONNX file.

    Raises:
        FileNotFoundError, ValueError: If the file is missing, or OpenCV cannot read it.
    """
    path = _checks.existing_file("detector", path)
    try:
        network = cv2.FaceDetectorYN.create(str(path), "", (320, 320), _LEAST)
    except cv2.error as error:
        raise ValueError(
            f"The file of `yunet` must be one that OpenCV {cv2.__version__} reads. Received: "
            f"{path} ({str(error).strip().splitlines()[-1]}). Use {FILE} of OpenCV's model zoo."
        ) from error

    def detect(image):
        network.setInputSize(image.shape[1::-1])
        _, rows = network.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        return [_box(row) for row in ([] if rows is None else rows.tolist())]

    return detect


def _box(row):
    x, y, width, height = row[:4]
    return Box(round(x), round(y), round(width), round(height), min(max(row[-1], 0.0), 1.0))
