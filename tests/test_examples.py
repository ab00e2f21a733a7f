"""Every example runs, on little data."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest
import skimage.data

from kollias_affect import EXPRESSIONS

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def run(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What the training example leaves; its clips are kept small by shortening the script."""
    out = tmp_path_factory.mktemp("example")
    small = ", subjects=4, clips_per_subject=1, frames=24)"
    script = (EXAMPLES / "train_on_synthetic_clips.py").read_text()
    shortened = re.sub(r'("(?:train|validation)")\)', rf"\1{small}", script)
    assert shortened.count(small) == 2
    (out / "script.py").write_text(shortened)
    command = [sys.executable, str(out / "script.py"), str(out), "1"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return out, ran.stdout


def test_training_example(trained):
    out, printed = trained
    assert "CCC" in printed and (out / "run" / "best.keras").exists()


def test_prediction_example(trained, face_video, tmp_path):
    out, _ = trained
    printed = run("predict_a_video.py", out / "run" / "best.keras", face_video, tmp_path)
    assert "valence" in printed


def test_streaming_example(trained, face_video):
    out, _ = trained
    printed = run("stream_from_a_camera.py", out / "run" / "best.keras", face_video).splitlines()
    assert len(printed) == 24 and all("arousal" in line for line in printed)
    assert sum("nan" in line for line in printed) == 4  # the face is hidden in four frames


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """FER-2013, a collection of photographs and CK+, small, of one face in seven shades."""
    root = tmp_path_factory.mktemp("collections")
    face = skimage.data.astronaut()[:200, 120:320]
    random = np.random.default_rng(0)

    def shade(number, size):
        light = face * (0.5 + number / 14) + random.normal(0, 4, face.shape)
        return cv2.resize(light.clip(0, 255).astype(np.uint8)[..., ::-1], (size, size))

    def write(path, image):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)

    rows = ["image,emotion"]
    for number, name in enumerate(EXPRESSIONS):
        for i in range(20):
            write(root / "fer" / "train" / name / f"Training_{i}.jpg", shade(number, 48))
        for i in range(4):
            write(root / "fer" / "test" / name / f"PublicTest_{i}.jpg", shade(number, 48))
            write(
                root / "photos" / "images" / f"person{'abcd'[i]}_{number}.jpg", shade(number, 200)
            )
            rows.append(f"person{'abcd'[i]}_{number}.jpg,{name}")
    (root / "photos" / "legend.csv").write_text("\n".join(rows) + "\n")
    labels = np.repeat(np.arange(7), 12)
    with h5py.File(root / "ck48.h5", "w") as file:
        file["data_label"] = labels
        file["data_pixel"] = np.stack([shade(i, 48)[..., 0] for i in labels])
    return root


def test_adaptation_example(collections, tmp_path):
    data = collections / "fer", collections / "photos", collections / "ck48.h5"
    small = ["--width", 0.05, "--epochs", 1, "--batch-size", 64]
    small += ["--steps", 3, "--seeds", 1, "--pairs", 1, "--variants", 2, "--lambdas", 0, 1]
    printed = run("adapt_faces.py", *data, tmp_path / "run", *small)
    assert "28 pictures: 28 with a face" in printed
    assert (tmp_path / "run" / "fer2013_to_facial_expressions" / "report.md").exists()
    study = (tmp_path / "run" / "study.md").read_text()
    assert study.count("fer2013 → facial_expressions") == 3 and "small lambdas" in study


def test_training_of_the_shipped_network(collections, tmp_path):
    small = ["--width", 0.05, "--batch-size", 32, "--size", 48, "--backup-every", 2]
    printed = run("train_fer2013.py", collections / "fer", tmp_path / "first", *small, "--epochs=1")
    assert "val_accuracy" in printed
    goes_on = run("train_fer2013.py", collections / "fer", tmp_path / "first", *small, "--epochs=2")
    assert "Epoch 2/2" in goes_on and "Epoch 1/" not in goes_on
    # Ended already: the same command has nothing left to do.
    ended = run("train_fer2013.py", collections / "fer", tmp_path / "first", *small, "--epochs=2")
    assert "Epoch" not in ended
    wider = tmp_path / "first" / "best.keras"
    small = ["--width", 0.04, "--batch-size", 32, "--epochs=1", "--start", wider]
    small += ["--teachers", wider, "--frozen-blocks", 1]
    run("train_fer2013.py", collections / "fer", tmp_path / "second", *small)
    log = np.genfromtxt(tmp_path / "second" / "log.csv", delimiter=",", names=True)
    assert 0 <= log["val_accuracy"] <= 1
    model = keras.saving.load_model(tmp_path / "second" / "best.keras")
    assert model.inputs[0].shape == (None, 48, 48, 3)
    start, end = (first_filters(each) for each in (keras.saving.load_model(wider), model))
    assert end and end <= start  # as they were


def first_filters(model):
    """The filters of conv1_1 as a set of tuples."""
    for name in ("grey_vgg_face", "vgg_face", "conv1_1"):
        model = model.get_layer(name)
    return {tuple(filter) for filter in model.get_weights()[0].reshape(27, -1).T.tolist()}


ROOMS = (
    "adaptation|backbones|datasets|evaluation|experiments|faces|features|inference|initializers|losses|metrics|models|"
    "training|transfer|weights|windows"
)


PAGES = (
    "adaptation",
    "data",
    "databases",
    "evaluation",
    "faces",
    "performance",
    "pictures",
    "streaming",
    "tables",
    "tensorboard",
    "training",
    "transfer",
    "weights",
)


NAMES = rf"(?<![\w./])((?:{ROOMS})(?:\.[A-Za-z]\w*)+)"
FILES = (".md", ".csv", ".npz", ".png", ".py")

# A name must not be there only because another page imported its module.
LOOKING_UP = """
import functools, json, sys
missing = {}
for page, names in json.load(sys.stdin).items():
    for module in [name for name in sys.modules if name.split(".")[0] == "kollias_affect"]:
        del sys.modules[module]
    import kollias_affect
    for name in names:
        try:
            functools.reduce(getattr, name.split("."), kollias_affect)
        except AttributeError as error:
            missing[f"{page}: {name}"] = str(error)
print(json.dumps(missing))
"""


def test_python_of_the_pages_names_what_exists():
    pages = {"README.md": (ROOT / "README.md").read_text()}
    pages |= {f"docs/{name}.md": (ROOT / "docs" / f"{name}.md").read_text() for name in PAGES}
    for page, text in pages.items():
        for block in re.findall(r"```python\n(.*?)```", text, re.S):
            compile(block, page, "exec")
    names = {page: sorted(set(re.findall(NAMES, text))) for page, text in pages.items()}
    names = {page: [n for n in found if not n.endswith(FILES)] for page, found in names.items()}
    assert all(names.values())
    command = [sys.executable, "-c", LOOKING_UP]
    ran = subprocess.run(command, input=json.dumps(names), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-500:]
    assert json.loads(ran.stdout.splitlines()[-1]) == {}
