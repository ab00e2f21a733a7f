"""Compares what makes prediction on a CPU cheaper: accuracy against milliseconds, in one table.

    python benchmarks/choices.py [--fer2013 fer2013.tar] [--videos film.mp4 ...] [--faces 500]

Rows: networks of several widths in float32; the networks that ship in int8 (ONNX Runtime's static
quantization, calibrated on other faces than those that are scored); and the default network on
videos with `--skip-unchanged`. Milliseconds are those of one core (time of the processor, so that
other load on the machine matters little) for one face in a call of its own, all rows in turns in
one run; for skipped frames, times the share of the faces that run.

Accuracy is that on FER-2013's PublicTest; `recorded` are the values of docs/notes/weights.md for
widths whose weights do not ship. The changes are those of all outputs (probabilities, valence,
arousal) against the same network in float32 on the same faces, or on all frames. Without
`--fer2013`, faces are views of a photograph and there is no accuracy. Frames are skipped in a made
video that shows some of the faces, each for 8 frames with the noise of a camera, and in `--videos`.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
from windows_rate import make_images

from kollias_affect import backbones, catalogue, datasets, faces, models, runtime
from kollias_affect.clip import Clip
from kollias_affect.evaluation import tables
from kollias_affect.faces.images import read_image
from kollias_affect.prediction import predictor, unchanged

SHIPPED = {"affect_vgg": 0.5, "expression_vgg_fer2013": 0.375}
# Accuracies of the last epochs, docs/notes/weights.md.
RECORDED = {1.0: "0.705 recorded", 0.5: "0.707 recorded", 0.25: "–"}
LEVELS = (0, 2, 4)
SIDE = 48


@dataclasses.dataclass
class Row:
    """A choice, the file that runs, and what is known of it."""

    name: str
    path: Path
    accuracy: str = "–"
    mean: float | None = None
    largest: float | None = None
    share: float = 1.0
    of: str | None = None  # the row whose milliseconds it has


def faces_and_labels(arguments, folder):
    """Returns uint8 faces `[faces, 48, 48, 3]` and their expressions, -1 where unknown."""
    if arguments.fer2013 is None:
        make_images(folder, 2 * arguments.faces)
        paths = sorted(folder.glob("*.jpg"))
        found = [cv2.resize(read_image(path), (SIDE, SIDE)) for path in map(str, paths)]
        return np.stack(found), np.full(len(found), -1)
    clips = datasets.load("fer2013", arguments.fer2013, "publictest")
    chosen = np.random.default_rng(0).permutation(len(clips))[: 2 * arguments.faces]
    images = np.stack([read_image(clips[i].paths[0]) for i in chosen])
    return images, np.array([clips[i].expression[0] for i in chosen])


def outputs(model, images):
    """Returns the outputs of all faces side by side, and the probabilities of the expressions."""
    found = predictor.Predictor(model, model.card, "fer2013")
    parts = [
        found.run({"images": runtime.unit_range(images[start : start + 64])})
        for start in range(0, len(images), 64)
    ]
    joined = {task: np.concatenate([part[task] for part in parts]) for task in found.tasks}
    return np.concatenate(list(joined.values()), axis=1), joined["expression"]


def with_scores(row, images, labels, exact):
    """Fills in the accuracy, and the changes of the outputs against `exact`."""
    values, probabilities = outputs(runtime.OnnxModel(row.path), images)
    if (labels >= 0).all():
        row.accuracy = f"{np.mean(probabilities.argmax(axis=1) == labels):.3f}"
    if exact is not None:
        row.mean, row.largest = np.abs(values - exact).mean(), np.abs(values - exact).max()
    return values


def shipped_rows(images, labels, folder):
    """Rows of the networks that ship, in float32 and int8."""
    half = len(images) // 2
    calibration = [{"images": runtime.unit_range(images[i : i + 32])} for i in range(0, half, 32)]
    rows = []
    for name, width in SHIPPED.items():
        row = Row(f"{name} (width {width}), float32", catalogue.runtime_file(name))
        exact = with_scores(row, images[half:], labels[half:], None)
        path = folder / f"{name}.onnx"
        source = catalogue.model_file(name)
        models.export(source, path, weights="int8", calibration=calibration)
        small = Row(f"{name} (width {width}), int8", path)
        with_scores(small, images[half:], labels[half:], exact)
        rows += [row, small]
    return rows


def width_rows(folder):
    """Rows of networks of other widths, with random weights."""
    rows = []
    for width, accuracy in RECORDED.items():
        keras.utils.set_random_seed(0)
        backbone = backbones.vgg_face((SIDE, SIDE, 3), width)
        units = (max(8, round(1024 * width)),)
        model = models.cnn(backbone, "expression", landmarks=False, hidden_units=units)
        path = folder / f"width{width}.onnx"
        models.export(model, path)
        rows.append(Row(f"VGG-Face, width {width}, float32", path, accuracy))
    return rows


def still_video(images, folder):
    """Returns a clip of views that each stand still for 8 frames, with one level of noise."""
    random, paths = np.random.default_rng(0), []
    for number, image in enumerate(np.repeat(images[:12], 8, axis=0)):
        noisy = image + np.rint(random.normal(0, 0.7, image.shape))
        paths.append(str(folder / f"still{number:04d}.png"))
        cv2.imwrite(paths[-1], np.clip(noisy, 0, 255).astype(np.uint8)[..., ::-1])
    return Clip("still", paths)


def clips_of(arguments, images, folder, model):
    """Returns a dict from a description of videos to the clips of their faces."""
    found = {"pictures that stand still": [still_video(images, folder)]}
    if not arguments.videos:
        return found
    options = {"size": model.size, "layout": model.layout, "longest_side": 640}
    found["videos of people"] = [
        faces.extract(video, folder / f"film{number}", **options)
        for number, video in enumerate(arguments.videos)
    ]
    return found


def skipping_rows(what, clips, default, path):
    """Rows of the default network that leaves out faces that do not change."""

    def all_outputs(model):
        parts = [model.outputs_of_clip(clip) for clip in clips]
        return np.concatenate([np.concatenate(list(part.values()), axis=1) for part in parts])

    exact, rows = all_outputs(default), []
    for level in LEVELS:
        change = np.abs(all_outputs(default.skipping(level)) - exact)
        sources = [
            unchanged.sources(((read_image(p), None) for p in clip.paths if p), level)
            for clip in clips
        ]
        share = sum(len(set(found.tolist())) for found in sources) / sum(map(len, sources))
        name = f"affect_vgg, --skip-unchanged {level}, {what}"
        changes = np.nanmean(change), np.nanmax(change)
        rows.append(Row(name, path, "–", *changes, share, "affect_vgg (width 0.5), float32"))
    return rows


def milliseconds(rows, rounds):
    """Returns a dict from row to the median milliseconds of a core for one face."""
    timed, calls = [row for row in rows if row.of is None], []
    for row in timed:
        model = runtime.OnnxModel(row.path, threads=1)
        inputs = {"images": np.zeros((1, *model.inputs["images"][1:]), np.float32)}
        calls.append(lambda m=model, x=inputs: [m(x) for _ in range(5)])
    seconds = np.empty((rounds + 1, len(calls)))  # the first round loads
    for in_round in seconds:
        for number, call in enumerate(calls):
            start = time.process_time()
            call()
            in_round[number] = (time.process_time() - start) / 5
    medians = 1000 * np.median(seconds[1:], axis=0)
    return {row.name: value for row, value in zip(timed, medians, strict=True)}


def table(rows, times):
    """Returns the table."""
    first = times[rows[0].name]
    found = []
    for row in rows:
        time = times[row.of or row.name] * row.share
        found.append(
            {
                "choice": row.name,
                "ms a face": f"{time:.2f}",
                "of the time": f"{time / first:.2f}",
                "faces that run": f"{row.share:.0%}",
                "accuracy": row.accuracy,
                "mean change": "–" if row.mean is None else f"{row.mean:.4f}",
                "largest": "–" if row.largest is None else f"{row.largest:.3f}",
            }
        )
    return pd.DataFrame(found)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fer2013", type=Path, help="FER-2013, see `datasets.fer2013`")
    parser.add_argument("--videos", type=Path, nargs="*", help="videos for the skipped frames")
    parser.add_argument("--faces", type=int, default=500, help="faces that are scored")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        images, labels = faces_and_labels(arguments, folder)
        rows = shipped_rows(images, labels, folder) + width_rows(folder)
        default = predictor.load("affect_vgg")
        clips = clips_of(arguments, images, folder, default)
        for what, of_kind in clips.items():
            rows += skipping_rows(what, of_kind, default, rows[0].path)
        found = table(rows, milliseconds(rows, arguments.rounds))
    print(tables.markdown(found, index=False))


if __name__ == "__main__":
    main()
