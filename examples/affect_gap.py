"""Why an expression network trained on FER-2013 loses neutral faces on photographs.

    python examples/affect_gap.py pretrained/expression_vgg_fer2013.keras photographs.npz \
        fer2013.tar ferplus_for_fer2013_tar.csv

Prints where eyes, nose and mouth lie in FER-2013 and in the crops of photographs, and a table: the
network's accuracy, mean recall of the classes, and recall of neutral and happiness on the
photographs for training, with one thing changed at a time: layout, scale and place of the crop,
sharpness, compression, colour, and the prior of the classes. A second table shows the labels: on
PublicTest the network, and FER-2013's labels themselves, against the most frequent vote of FER+.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from train_affect import expression_targets, read_votes
from train_fer2013 import PIXELS, to_unit_range

from kollias_affect import EXPRESSIONS, datasets, models
from kollias_affect.faces import alignment, detectors, eyes
from kollias_affect.faces.alignment import warp
from kollias_affect.faces.fer2013_crops import fer2013_transform
from kollias_affect.faces.landmarks import anchors, find_landmarks

BORDER, ENLARGEMENT = 12, 4  # pixels added around FER-2013's images for the detector; factor
POINTS = ("left eye", "right eye", "nose tip", "left mouth corner", "right mouth corner")


def main(command_line=None):
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help=".keras file of an expression network")
    parser.add_argument("photographs", type=Path, help="npz file of affect_photographs.py")
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("votes", type=Path, help="FER+ by the file names of that archive, csv")
    parser.add_argument("--images", type=int, default=400, help="of FER-2013, for the layout")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(command_line)
    cv2.setNumThreads(1)
    network = models.load(arguments.model)[0]
    with np.load(arguments.photographs) as content:
        rows = ~content["kept"] & (content["found"] == "face")
        faces = {name: content[name][rows] for name in ("crops", "points", "labels")}
    training = fer2013(arguments, "Training")
    print(layouts(training["images"], faces["points"], arguments).round(3).to_string())
    print("\n" + gaps(network, faces, training).round(3).to_string(index=False))
    test = fer2013(arguments, "PublicTest")
    print("\n" + noise(network, test).round(3).to_string(index=False))


def fer2013(arguments, split):
    """Returns a dict of a part of FER-2013: `images`, `labels`, and `shares` of votes, `weight`."""
    clips = datasets.load("fer2013", arguments.data, split)
    votes = read_votes(arguments.votes, [Path(clip.paths[0]).name for clip in clips])
    shares, weight = expression_targets(votes)
    return {
        "images": np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips]),
        "labels": np.concatenate([clip.expression for clip in clips]),
        "shares": shares,
        "weight": weight,
    }


# --- Layout


def layouts(images, points, arguments):
    """Returns the median places of five points, in units of the side, as `pandas.DataFrame`."""
    random = np.random.default_rng(arguments.seed)
    chosen = images[random.permutation(len(images))[: arguments.images]]
    of_fer = [found for image in chosen if (found := points_of_small_image(image)) is not None]
    rows = {f"FER-2013 ({len(of_fer)} of {len(chosen)} images)": np.array(of_fer) / (PIXELS - 1)}
    for name, transform in LAYOUTS.items():
        moved = [moved_by(transform(p), anchors(p)) for p in points]
        rows[f"photographs, {name}"] = np.array(moved) / (PIXELS - 1)
    medians = {name: np.median(values, axis=0).ravel() for name, values in rows.items()}
    columns = pd.MultiIndex.from_product([POINTS, ("x", "y")])
    return pd.DataFrame(medians.values(), index=list(medians), columns=columns)


def points_of_small_image(image):
    """Returns the five points in a grey image of 48 pixels, or `None` without a detected face."""
    border = [BORDER] * 4
    bordered = cv2.copyMakeBorder(image, *border, cv2.BORDER_REPLICATE)
    size = {"fx": ENLARGEMENT, "fy": ENLARGEMENT, "interpolation": cv2.INTER_CUBIC}
    large = cv2.cvtColor(cv2.resize(bordered, None, **size), cv2.COLOR_GRAY2RGB)
    boxes = detectors.detect(large, "hog", None)
    if not boxes:
        return None
    return (anchors(find_landmarks(large, boxes[0])) + 0.5) / ENLARGEMENT - 0.5 - BORDER


def moved_by(transform, points):
    """Returns points after a map `[2, 3]`."""
    return points @ transform[:, :2].T + transform[:, 2]


def procrustes_transform(points):
    """Returns the map to the crop of paper B."""
    return alignment.similarity(anchors(points), alignment.prototype(PIXELS))


def eyes_transform(points):
    """Returns the map to the crop of paper D."""
    return eyes._transform(points, PIXELS)


LAYOUTS = {
    "eyes (paper D)": eyes_transform,
    "procrustes (paper B)": procrustes_transform,
    "fer2013": lambda points: fer2013_transform(points, PIXELS),
}


def scaled(factor, right=0.0, down=0.0):
    """Returns the layout `fer2013` with the face larger by a factor, moved in sides of the crop."""
    centre, shift = (PIXELS - 1) / 2, np.array([right, down]) * PIXELS

    def transform(points):
        base = fer2013_transform(points, PIXELS)
        base[:, :2] *= factor
        base[:, 2] = (base[:, 2] - centre) * factor + centre + shift
        return base

    return transform


# --- What each thing is worth


def gaps(network, faces, training):
    """Returns a `pandas.DataFrame` of scores with one thing changed at a time."""
    base = LAYOUTS["fer2013"]
    crops = {f"layout {name}": cut(faces, transform) for name, transform in LAYOUTS.items()}
    for factor in (0.75, 0.87, 1.15, 1.3):
        crops[f"face {factor} as large"] = cut(faces, scaled(factor))
    for down in (-0.1, 0.1):
        crops[f"face {abs(down)} {'lower' if down > 0 else 'higher'}"] = cut(
            faces, scaled(1, 0, down)
        )
    plain = cut(faces, base)
    for sigma in (0.5, 1.0, 1.5):
        crops[f"blur of {sigma} pixels"] = each(plain, cv2.GaussianBlur, (0, 0), sigma)
    for side in (32, 24, 16):
        crops[f"face of {side} pixels"] = each(plain, shrunk, side)
    for quality in (60, 30):
        crops[f"JPEG, quality {quality}"] = each(plain, compressed, quality)
    crops["sharpened"] = each(plain, sharpened)
    crops["grey"] = each(plain, grey)
    rows, labels = [], faces["labels"]
    for name, images in crops.items():
        outputs = outputs_of(network, images)
        rows.append({"changed": name, **scores(outputs, labels)})
    outputs = outputs_of(network, plain)
    prior = np.bincount(training["labels"], minlength=len(EXPRESSIONS))
    priors = {
        "of FER+": (training["shares"] * training["weight"][:, None]).sum(axis=0),
        "of the photographs": np.bincount(labels, minlength=len(EXPRESSIONS)),
    }
    for name, target in priors.items():
        rows.append({"changed": f"prior {name}", **scores(outputs * target / prior, labels)})
    return pd.DataFrame(rows)


def cut(faces, transform):
    """Returns the crops `[n, 48, 48, 3]` of the photographs by a layout."""
    return np.stack(
        [
            warp(crop, transform(points), PIXELS, cv2.BORDER_REPLICATE)
            for crop, points in zip(faces["crops"], faces["points"], strict=True)
        ]
    )


def each(images, function, *arguments):
    """Applies a function to each image."""
    return np.stack([function(image, *arguments) for image in images])


def shrunk(image, side):
    """Shrinks an image and enlarges it again."""
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def compressed(image, quality):
    """Compresses an image as JPEG."""
    code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(code, cv2.IMREAD_COLOR)


def sharpened(image):
    """Adds the difference from a blurred image."""
    return cv2.addWeighted(image, 2, cv2.GaussianBlur(image, (0, 0), 1.0), -1, 0)


def grey(image):
    """Removes the colour."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def outputs_of(network, images):
    """Returns the probabilities `[n, 7]` for RGB images in [0, 255]."""
    inputs = {"images": images.astype(np.float32) / np.float32(127.5) - 1}
    outputs = network.predict(inputs, batch_size=256, verbose=0)
    return outputs["expression"] if isinstance(outputs, dict) else outputs


def scores(outputs, labels):
    """Returns accuracy, mean recall, recall of two classes, and the share called neutral."""
    predicted = outputs.argmax(axis=1)
    recall = {c: (predicted[labels == c] == c).mean() for c in np.unique(labels)}
    return {
        "accuracy": (predicted == labels).mean(),
        "mean recall": np.mean(list(recall.values())),
        "neutral": recall.get(0, np.nan),
        "happiness": recall.get(EXPRESSIONS.index("happiness"), np.nan),
        "called neutral": (predicted == 0).mean(),
    }


# --- Labels


def noise(network, test):
    """Compares the network and FER-2013's labels with each other and with FER+ on PublicTest."""
    known, seen = test["weight"] > 0, test["shares"].argmax(axis=1)
    outputs = outputs_of(network, (to_unit_range(test["images"]) + 1) * 127.5)
    labels = np.eye(len(EXPRESSIONS))[test["labels"]]
    rows = {
        "network, FER-2013's labels": scores(outputs, test["labels"]),
        "network, most frequent vote": scores(outputs[known], seen[known]),
        "FER-2013's labels, most frequent vote": scores(labels[known], seen[known]),
    }
    return pd.DataFrame([{"who, against what": name, **row} for name, row in rows.items()])


if __name__ == "__main__":
    main()
