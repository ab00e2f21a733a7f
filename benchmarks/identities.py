"""Measures how well `face_id` follows people through cuts and absences.

    python benchmarks/identities.py VIDEO VIDEO ... [--archive ARCHIVE] [--seconds 1.2] [--size 48]

Every video must show another person, with a face in most frames. Parts of them are joined in
several orders, so that people come back, follow each other at one place, and are away for a while.
For each order the script prints the number of people and of `face_id`s, the share of the frames
whose `face_id` is that of most frames of their person (right), and the share that is of the person
of most frames of its `face_id` (pure).

With an archive of photographs whose names are `<Person>_<number>.jpg`, it does the same with videos
in which two photographs of each of 8 people are shown in a random order at one place. Then it
prints the distances of descriptors within and between people.
"""

import argparse
import collections
import functools
import itertools
import random
import re
import tarfile
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import PIL.Image

from kollias_affect import faces
from kollias_affect.faces import detectors, find_landmarks, likeness

WIDTH, HEIGHT, RATE = 640, 360, 25
# Letters are videos, a dot is an absence. Capital letters: the same video, mirrored and darker, as
# another shot of the same person.
ORDERS = ("ab", "aba", "a.a", "abab", "a.b.a", "aAbB", "abAB.ba")


def part(video, seconds, start, changed):
    """Yields frames of a video with a face, letterboxed."""
    with_face = (f.image for f in faces.Video(video) if detectors.detect(f.image, "blazeface_main"))
    for image in itertools.islice(with_face, start, start + round(seconds * RATE)):
        scale = min(WIDTH / image.shape[1], HEIGHT / image.shape[0])
        size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        picture[: size[1], : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        yield np.ascontiguousarray(picture[:, ::-1] // 4 * 3) if changed else picture


def joined(order, videos, seconds, path):
    """Writes the video of an order, and returns the person of each frame."""
    people, uses = [], collections.Counter()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 4_000_000
        for letter in order:
            if letter == ".":
                pictures = [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * (RATE * 12)
            else:
                video = videos[ord(letter.lower()) - ord("a")]
                start = uses[letter.lower()] * round(seconds * RATE)
                pictures = part(video, seconds, start % 30, letter.isupper())
                uses[letter.lower()] += 1
            for picture in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                people.append("" if letter == "." else letter.lower())
        container.mux(stream.encode())
    return people


def score(people, table):
    """Returns the number of identities, and the shares of right and pure frames."""
    table = table[table["success"] == 1]
    pairs = pd.DataFrame({"person": [people[f - 1] for f in table["frame"]]})
    pairs["face_id"] = table["face_id"].to_numpy()
    pairs = pairs[pairs["person"] != ""]
    counts = pairs.value_counts().unstack(fill_value=0)
    return counts.shape[1], counts.max(axis=1).sum() / len(pairs), counts.max().sum() / len(pairs)


def photographs_of(archive, seed, number):
    """Returns a dict from person to up to three photographs, of people with at least two."""
    people = collections.defaultdict(list)
    with tarfile.open(archive) as tar:
        for name in sorted(tar.getnames()):
            if match := re.fullmatch(r"(.+)_\d{4}\.jpg", Path(name).name):
                people[match[1]].append(name)
        several = [person for person in sorted(people) if len(people[person]) > 1]
        random.Random(0).shuffle(several)
        return {
            person: [
                np.asarray(PIL.Image.open(tar.extractfile(name)).convert("RGB"))
                for name in people[person][:3]
            ]
            for person in several[seed * number : (seed + 1) * number]
        }


def slides(photographs, seed, path):
    """Writes a video of two photographs of each person, and returns the person of each frame."""
    shown = [(person, image) for person, images in photographs.items() for image in images[:2]]
    random.Random(seed).shuffle(shown)
    people = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 4_000_000
        for person, image in shown:
            image = cv2.resize(image, (300, 300), interpolation=cv2.INTER_AREA)
            for i in range(20):
                picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
                picture[30:330, 160 + i : 460 + i] = image
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                people.append(person)
        container.mux(stream.encode())
    return people


def print_distances(photographs):
    """Prints distances of descriptors within and between people."""
    vectors, names = [], []
    for person, image in ((p, image) for p, images in photographs.items() for image in images):
        for box in detectors.detect(image, "blazeface_main")[:1]:
            picture = likeness.portrait(image, find_landmarks(image, box))
            vectors.append(likeness.descriptors([picture])[0])
            names.append(person)
    pairs = list(itertools.combinations(range(len(names)), 2))
    distance = np.array([np.linalg.norm(vectors[i] - vectors[j]) for i, j in pairs])
    same = np.array([names[i] == names[j] for i, j in pairs])
    within = np.percentile(distance[same], [50, 90, 95]).round(2)
    between = np.percentile(distance[~same], [0.1, 1, 50]).round(2)
    print(f"{same.sum()} pairs within people, percentiles 50, 90, 95: {within.tolist()}")
    print(f"{(~same).sum()} pairs between people, percentiles 0.1, 1, 50: {between.tolist()}")


def measure(name, write, size):
    """Extracts the video that `write` writes and prints its row; returns its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "joined.mp4"
        people = write(path)
        options = {"size": size, "layout": "eyes_grey", "faces": "all"}
        clips = faces.extract(path, folder, detector="blazeface_main", **options)
        table = pd.concat(pd.read_csv(Path(folder) / f"{clip.key}.csv") for clip in clips)
    identities, right, pure = score(people, table)
    print(
        f"{name:10} {len(set(people) - {''})} people, {identities} face_ids, right {right:.1%}, "
        f"pure {pure:.1%}",
        flush=True,
    )
    return right, pure


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--seconds", type=float, default=1.2)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--slides", type=int, default=5, help="number of videos of photographs")
    parser.add_argument("--orders", nargs="+", default=ORDERS)
    arguments = parser.parse_args()
    for order in arguments.orders:
        if len(set(order.lower()) - {"."}) <= len(arguments.videos):
            write = functools.partial(joined, order, arguments.videos, arguments.seconds)
            measure(order, write, arguments.size)
    if arguments.archive:
        rows = []
        for seed in range(arguments.slides):
            photographs = photographs_of(arguments.archive, seed, 8)
            write = functools.partial(slides, photographs, seed)
            rows.append(measure(f"slides {seed}", write, arguments.size))
        right, pure = np.mean(rows, axis=0)
        print(f"slides: right {right:.1%}, pure {pure:.1%}")
        print_distances(photographs_of(arguments.archive, 2, 30))


if __name__ == "__main__":
    main()
