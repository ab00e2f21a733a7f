"""Fits BlazeFace's boxes to those that dlib's shape predictor expects: those of its HOG detector.

    python benchmarks/detector_boxes.py ARCHIVE [--number 300] [--seed 0]

ARCHIVE is a tar archive of photographs with one face each. The script prints the median shift of
the centre and the median factor of the side, in units of BlazeFace's side, as `faces/blazeface.py`
holds them. Then it prints how far the landmarks in the fitted boxes are from those in HOG's boxes,
in percent of the distance between the eyes, on a second sample, beside two other distances: with
BlazeFace's box as it is, and with HOG's box moved by five percent of its side.
"""

import argparse
from pathlib import Path

import numpy as np
import photographs

from kollias_affect.faces import blazeface, detectors, find_landmarks
from kollias_affect.faces.boxes import Box, overlap
from kollias_affect.faces.landmarks import LEFT_EYE, RIGHT_EYE


def pairs(images):
    """Yields the image and both boxes, HOG's and BlazeFace's, where both find the same face."""
    hog, search = detectors.get("hog"), blazeface.Search()
    for image in images:
        ours = search.main_faces(image)
        for box in hog(image)[:1]:
            same = [b for b in ours if overlap(b, box) > 0.3]
            if same:
                yield image, box, same[0]


def fit(found):
    """Returns the medians of right, down and growth."""
    rows = []
    for _, hog, ours in found:
        side = (ours.width + ours.height) / 2
        right = (hog.x + hog.width / 2 - ours.x - ours.width / 2) / side
        down = (hog.y + hog.height / 2 - ours.y - ours.height / 2) / side
        rows.append((right, down, hog.width / side))
    rows = np.array(rows)
    spread = np.abs(rows - np.median(rows, axis=0))
    print(f"{len(rows)} faces; median deviation {np.median(spread, axis=0).round(3).tolist()}")
    return np.median(rows, axis=0)


def distances(found, change):
    """Returns the distances of the landmarks in HOG's boxes to those in changed boxes."""
    result = []
    for image, hog, ours in found:
        reference = find_landmarks(image, hog)
        eyes = reference[RIGHT_EYE].mean(axis=0) - reference[LEFT_EYE].mean(axis=0)
        points = find_landmarks(image, change(hog, ours))
        distance = np.linalg.norm(points - reference, axis=1).mean()
        result.append(100 * distance / np.linalg.norm(eyes))
    return np.array(result)


def main():
    """Fits and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--number", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    first = list(pairs(photographs.sample(arguments.archive, arguments.number, arguments.seed)))
    right, down, growth = fit(first)
    print(f"RIGHT, DOWN, GROWTH = {right:.3f}, {down:.3f}, {growth:.3f}")
    second = photographs.sample(arguments.archive, arguments.number, arguments.seed + 1)
    second = list(pairs(second))

    def fitted(hog, ours):
        return blazeface.for_landmarks(ours, right, down, growth)

    def plain(hog, ours):
        return blazeface.for_landmarks(ours, 0, 0, 1)

    def shifted(hog, ours):
        step = round(0.05 * hog.width)
        return Box(hog.x + step, hog.y + step, hog.width, hog.height, hog.score)

    for name, change in (("fitted", fitted), ("as it is", plain), ("HOG's moved", shifted)):
        values = distances(second, change)
        print(
            f"{name:12} median {np.median(values):.2f} %, 95th percentile "
            f"{np.percentile(values, 95):.2f} %, {len(values)} faces"
        )


if __name__ == "__main__":
    main()
