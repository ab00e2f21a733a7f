"""OpenCV's cascades of Haar features: frontal faces and profiles."""

import cv2
import numpy as np

from kollias_affect.faces.boxes import Box, score_of, without_overlaps


def haar():
    """Returns a detector that joins OpenCV's frontal and profile cascades."""
    frontal, profile = _cascade("frontalface_default"), _cascade("profileface")

    def detect(image):
        grey = cv2.equalizeHist(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        width = grey.shape[1]
        # The profile cascade detects faces turned to one side; the mirrored image has the others.
        mirrored = [
            box._replace(x=width - box.x - box.width)
            for box in _boxes(profile, np.ascontiguousarray(grey[:, ::-1]))
        ]
        return without_overlaps(_boxes(frontal, grey) + _boxes(profile, grey) + mirrored)

    return detect


def _cascade(name):
    return cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_{name}.xml")


def _boxes(classifier, grey):
    rectangles, _, weights = classifier.detectMultiScale3(
        grey, scaleFactor=1.1, minNeighbors=5, minSize=(40, 40), outputRejectLevels=True
    )
    pairs = zip(rectangles, np.ravel(weights), strict=True)
    return [Box(*map(int, rectangle), score_of(weight)) for rectangle, weight in pairs]
