"""Videos and images to aligned crops: decoding, detection, landmarks, alignment, extraction."""

from kollias_affect.faces.alignment import align, normalize, prototype, similarity
from kollias_affect.faces.batch import Extracted, described, extract_many
from kollias_affect.faces.boxes import Box
from kollias_affect.faces.cropping import LAYOUTS, AlignedFace, cropped_face, faces_of
from kollias_affect.faces.detectors import DETECTORS, Detector, detect
from kollias_affect.faces.extraction import extract, read
from kollias_affect.faces.eyes import eye_align, eye_crop
from kollias_affect.faces.fit import fit
from kollias_affect.faces.head_pose import head_pose
from kollias_affect.faces.landmarks import anchors, find_landmarks
from kollias_affect.faces.person_files import COLUMNS
from kollias_affect.faces.picture_crops import paper_d_crops
from kollias_affect.faces.video import Frame, Video

__all__ = [
    "COLUMNS",
    "DETECTORS",
    "LAYOUTS",
    "AlignedFace",
    "Box",
    "Detector",
    "Extracted",
    "Frame",
    "Video",
    "align",
    "anchors",
    "cropped_face",
    "described",
    "detect",
    "extract",
    "extract_many",
    "eye_align",
    "eye_crop",
    "faces_of",
    "find_landmarks",
    "fit",
    "head_pose",
    "normalize",
    "paper_d_crops",
    "prototype",
    "read",
    "similarity",
]
