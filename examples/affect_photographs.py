"""Faces of the collection facial_expressions: cropped once, and split by person.

    python examples/affect_photographs.py facial_expressions.tar photographs.npz

The collection has 3,405 photographs from news, the web and films, with labels of a few people. Its
file names are names of persons. Half of the persons are for training; the pictures of the others
are kept for tests, and nothing is chosen by them. The split is drawn within groups of persons with
the same rarest expression, so that both parts have examples of each.

The crops have the layout `fer2013` in the middle and a margin around it, so that training can move
and scale them. A picture without a detected face that is small enough to be a
face itself (`SMALL` pixels) is taken as a whole.
"""

import argparse
import csv
import io
import re
import tarfile
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from kollias_affect import EXPRESSIONS, _files
from kollias_affect.faces import detectors
from kollias_affect.faces.alignment import warp
from kollias_affect.faces.fer2013_crops import fer2013_transform
from kollias_affect.faces.landmarks import find_landmarks

LEGEND, LONGEST_SIDE = "legend.csv", 1280
SIDE, MARGIN = 112, 1.5  # pixels of the stored crops; their side in sides of the layout
SMALL = 100  # pixels; smaller pictures of the collection are cropped faces
SEED = 0  # of the split


def main(command_line=None):
    """Crops the faces and writes them with labels and parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="facial_expressions.tar")
    parser.add_argument("out", type=Path, help="file to write, ending in .npz")
    arguments = parser.parse_args(command_line)
    photographs = read(arguments.data)
    kept = kept_persons(photographs)
    crops, points, found = zip(
        *(loose_crop(p["image"]) for p in tqdm(photographs, "faces", disable=None)), strict=True
    )
    with _files.atomic(arguments.out) as temporary:
        np.savez_compressed(
            temporary,
            names=np.array([p["name"] for p in photographs]),
            labels=np.array([p["label"] for p in photographs]),
            kept=np.array([person_of(p["name"]) in kept for p in photographs]),
            crops=np.stack(crops),
            points=np.stack(points),
            found=np.array(found),
        )
    print(report(photographs, kept, np.array(found)))


def read(archive):
    """Reads the photographs with one of the seven labels.

    Args:
        archive: `facial_expressions.tar`. A picture that the legend lists twice keeps its first
            label.

    Returns:
        List of dicts, sorted by `name`: `name`, `label` (index into `EXPRESSIONS`) and `image`
        (uint8 RGB).
    """
    with tarfile.open(archive) as tar:
        files = {Path(member.name).name: member for member in tar if member.isfile()}
        text = tar.extractfile(files[LEGEND]).read().decode()
        labels = {}
        for row in csv.DictReader(io.StringIO(text)):
            labels.setdefault(row["image"], row["emotion"].strip().lower())
        names = sorted(n for n, label in labels.items() if label in EXPRESSIONS and n in files)
        return [
            {
                "name": name,
                "label": EXPRESSIONS.index(labels[name]),
                "image": decoded(tar.extractfile(files[name]).read()),
            }
            for name in names
        ]


def decoded(content):
    """Decodes an image file to uint8 RGB."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(image[..., ::-1])


def person_of(name):
    """Returns the person in the name of a file, such as Colin_Powell_0012.jpg."""
    return re.sub(r"[_-]?\d+\.\w+$", "", name)


def kept_persons(photographs, seed=SEED):
    """Draws the persons whose pictures are kept for tests.

    Args:
        photographs: Dicts with `name` and `label`.
        seed: Seed of the draw.

    Returns:
        Set of names of persons. Persons are grouped by their rarest expression and sorted by their
        number of pictures; of each two neighbours one is drawn.
    """
    labels = {}
    for photograph in sorted(photographs, key=lambda p: p["name"]):
        labels.setdefault(person_of(photograph["name"]), []).append(photograph["label"])
    counts = np.bincount([p["label"] for p in photographs], minlength=len(EXPRESSIONS))
    groups = {}
    for person in sorted(labels):
        rarest = min(labels[person], key=lambda label: counts[label])
        groups.setdefault(EXPRESSIONS[rarest], []).append(person)
    random, kept = np.random.default_rng(seed), set()
    for name in sorted(groups):
        persons = sorted(random.permutation(groups[name]), key=lambda p: -len(labels[p]))
        for start in range(0, len(persons), 2):
            pair = persons[start : start + 2]
            kept.add(str(pair[int(random.integers(len(pair))) if len(pair) > 1 else 0]))
    return kept


def loose_crop(image):
    """Crops the first face of a picture, with a margin.

    Returns:
        `(crop, points, found)`: uint8 RGB `[SIDE, SIDE, 3]`; the landmarks in its pixels, float32
        `[68, 2]`, NaN without a detected face; and `"face"`, `"whole"` for a small picture without
        a detected face, or `"none"`, with a black crop.
    """
    missing = np.full((68, 2), np.nan, np.float32)
    for box in detectors.detect(image, "hog", LONGEST_SIDE)[:1]:
        landmarks = find_landmarks(image, box)
        try:
            transform = fer2013_transform(landmarks, SIDE, MARGIN)
        except ValueError:  # The landmarks form no face.
            continue
        points = landmarks @ transform[:, :2].T + transform[:, 2]
        crop = warp(image, transform, SIDE, cv2.BORDER_REPLICATE)
        return crop, points.astype(np.float32), "face"
    if min(image.shape[:2]) >= SMALL:
        return np.zeros((SIDE, SIDE, 3), np.uint8), missing, "none"
    inner = round(SIDE / MARGIN)
    border = [(SIDE - inner) // 2, SIDE - inner - (SIDE - inner) // 2]
    face = cv2.resize(image, (inner, inner), interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(face, *border, *border, cv2.BORDER_REPLICATE), missing, "whole"


def report(photographs, kept, found):
    """Returns the numbers of pictures per part and expression as text."""
    lines = [f"{'':12}" + "".join(f"{name:>11}" for name in EXPRESSIONS) + "    no face"]
    is_kept = np.array([person_of(p["name"]) in kept for p in photographs])
    labels = np.array([p["label"] for p in photographs])
    for name, rows in (("training", ~is_kept), ("kept", is_kept)):
        counts = np.bincount(labels[rows], minlength=len(EXPRESSIONS))
        missed = int((found[rows] == "none").sum())
        lines.append(f"{name:12}" + "".join(f"{n:11,}" for n in counts) + f"{missed:11,}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
