"""Small trees of every database with official parts, as its owners lay them out.

A tree has labels and empty or tiny files. Persons are named after the part, unless a test shares
them.
"""

import json

import numpy as np

from kollias_affect.datasets import recola

EMOTIONS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
_OMG = "link,start,end,video,utterance,arousal,valence,EmotionMaxVote"


def omg(root, train=4, validation=2, test=3, labelled=True, persons=5, shared=0):
    """Writes tables of so many utterances; `shared` persons of train are in test too."""
    root.mkdir(parents=True, exist_ok=True)
    names = {
        "train": "omg_TrainVideos",
        "validation": "omg_ValidationVideos",
        "test": f"omg_TestVideos_With{'' if labelled else 'out'}Labels",
    }
    for (part, name), count in zip(names.items(), (train, validation, test), strict=True):
        columns = _OMG.split(",") if labelled or part != "test" else _OMG.split(",")[:5]
        lines = [",".join(columns)]
        for i in range(count):
            person = i % persons
            owner = "train" if part == "test" and person < shared else part
            link = f"https://www.youtube.com/watch?v={owner}{person}"
            row = [link, "0", "1", f"{part}{person}", f"utterance_{i}.mp4", "0.5", "0.1", "4"]
            lines.append(",".join(row[: len(columns)]))
        if count:
            (root / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return root


def recola_gold(root, train=3, dev=2):
    """Writes arff files of three ratings."""
    for part, count in (("train", train), ("dev", dev)):
        for i in range(1, count + 1):
            for dimension in ("valence", "arousal"):
                path = root / "ratings_gold_standard" / dimension / f"{part}_{i}.arff"
                path.parent.mkdir(parents=True, exist_ok=True)
                times = np.arange(3) * 0.04
                recola.write_gold_standard(path, path.stem, dimension, times, np.zeros(3))
    return root


def recola_raters(root, crops, follower="FF1", names=("P16", "P17"), frames=120):
    """Writes the traces of six raters, one of whom follows the mouth, and crops with landmarks."""
    random, times = np.random.default_rng(0), np.round(np.arange(frames) * 0.04, 2)
    crops.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        mouth = np.sin(np.arange(frames) / 8 + number)
        landmarks = np.zeros((frames, 68, 2), np.float32)
        landmarks[:, 48:, 1] = 0.3 * mouth[:, None]
        np.savez(crops / f"{name}.npz", landmarks=landmarks)
        (crops / f"{name}.json").write_text(json.dumps({"people": [name]}))
        rows = [f"{i},{time:.6f},1" for i, time in enumerate(times, start=1)]
        (crops / f"{name}.csv").write_text("\n".join(["frame,timestamp,success", *rows]) + "\n")
        for dimension in ("valence", "arousal"):
            traces = random.normal(size=(frames, len(recola.RATERS))).cumsum(axis=0) / 30
            traces[:, recola.RATERS.index(follower)] = mouth / 2
            rows = zip(times.tolist(), traces.clip(-1, 1).round(4).tolist(), strict=True)
            lines = ["time;" + ";".join(recola.RATERS)]
            lines += [";".join(map(str, (time, *values))) for time, values in rows]
            path = root / "RECOLA-Annotation/emotional_behaviour" / dimension / f"{name}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(lines) + "\n")
    return root


def affwild(root, train=3, test=2, labelled=False):
    """Writes annotations of two frames, and empty folders of videos."""
    for part, count in (("train", train), ("test", test if labelled else 0)):
        for i, dimension in ((i, d) for i in range(count) for d in ("valence", "arousal")):
            path = root / "annotations" / part / dimension / f"{part}{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("0.1\n0.2\n")
    return root


def affwild2(root, train=3, validation=2):
    """Writes annotations of two frames and their aligned images."""
    for part, folder, count in (
        ("train", "Train_Set", train),
        ("validation", "Validation_Set", validation),
    ):
        labels = root / "annotations" / "VA_Estimation_Challenge" / folder
        labels.mkdir(parents=True)
        for i in range(count):
            (labels / f"{part}{i}.txt").write_text("valence,arousal\n0.1,0.2\n0.1,0.2\n")
            for frame in (1, 2):
                _touch(root / "cropped_aligned" / f"{part}{i}" / f"{frame:05d}.jpg")
    return root


def afew(root, train=1, validation=1, shared=0):
    """Writes so many videos of every emotion with one face; `shared` ids are in both parts."""
    for start, part, faces, count in (
        (0, "Train_AFEW", "AlignedFaces_LBPTOP_Points", train),
        (500, "Val_AFEW", "AlignedFaces_LBPTOP_Points_Val", validation),
    ):
        numbers = [start + i for i in range(count * len(EMOTIONS))]
        if start:
            numbers = [*range(shared), *numbers[shared:]]
        for i, number in enumerate(numbers):
            _touch(root / part / EMOTIONS[i % len(EMOTIONS)] / f"{number:09d}.avi")
            _touch(root / part / faces / "Faces" / f"{number:09d}" / "001.jpg")
    return root


def sfew(root, train=2, validation=1, test=1):
    """Writes so many aligned faces of every emotion, each of a movie of its own."""
    for part, count in (("Train", train), ("Val", validation)):
        for i, emotion in ((i, emotion) for i in range(count) for emotion in EMOTIONS):
            name = f"{part}{emotion}{i}_000000001_00000001.png"
            _touch(root / f"{part}_Aligned_Faces" / emotion / name)
    for i in range(test):
        _touch(root / "Test_Aligned_Faces" / f"Test{i}_000000001_00000001.png")
    return root


def fer2013(root, training=2, public=1, private=1):
    """Writes folders with so many images of every emotion."""
    for part, usage, count in (
        ("train", "Training", training),
        ("test", "PublicTest", public),
        ("test", "PrivateTest", private),
    ):
        for i, emotion in ((i, emotion) for i in range(count) for emotion in EMOTIONS):
            _touch(root / part / emotion.lower() / f"{usage}_{i}{emotion}.jpg")
    return root


def _touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
