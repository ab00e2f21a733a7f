"""dlib's detectors: histograms of oriented gradients, and the MMOD network."""

from kollias_affect.faces import model_files
from kollias_affect.faces.boxes import Box, score_of


def hog():
    """Returns dlib's frontal detector; its faces have at least 80 pixels."""
    import dlib

    detector = dlib.get_frontal_face_detector()

    def detect(image):
        rectangles, scores, _ = detector.run(image, 0, 0.0)
        return [_box(r, s) for r, s in zip(rectangles, scores, strict=True)]

    return detect


def cnn():
    """Returns dlib's MMOD network."""
    import dlib

    detector = dlib.cnn_face_detection_model_v1(str(model_files.path("mmod_human_face_detector")))
    return lambda image: [_box(face.rect, face.confidence) for face in detector(image, 0)]


def _box(rectangle, value):
    sides = (rectangle.width(), rectangle.height())
    return Box(rectangle.left(), rectangle.top(), *sides, score_of(value))
