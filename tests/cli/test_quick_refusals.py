"""Commands refuse what they can refuse before they import Keras, TensorFlow or dlib."""

import json
import subprocess
import sys

import pytest

from kollias_affect import backbones, experiments, initializers, models, training
from kollias_affect.cli import names
from kollias_affect.experiments import kinds

# Commands, with an input that is missing or wrong, and what the message has to name.
REFUSED = [
    ("predict none.mp4 --out out", "none.mp4"),
    ("predict photo.png none.png --out out", "none.png"),
    ("predict photo.png --out photo.png", "photo.png"),
    ("predict photo.png --model none.keras --out out", "none.keras"),
    ("predict photo.png --model photo.png --out out", "photo.png"),
    ("predict photo.png --format xls --out out", "xls"),
    ("predict photo.png --faces some --out out", "some"),
    ("predict photo.png --max-side 0 --out out", "max-side"),
    ("predict photo.png --processes 0 --out out", "processes"),
    ("explain none.keras photo.png --out out", "none.keras"),
    ("explain affect_vgg none.png --out out", "none.png"),
    ("explain affect_vgg photo.png --out out --method lime", "lime"),
    ("explain affect_vgg photo.png --out out --frames 0", "frames"),
    ("explain affect_vgg photo.png --out photo.png", "photo.png"),
    ("evaluate {model} photo.png --groups none.csv", "none.csv"),
    ("extract none.mp4 --out out", "none.mp4"),
    ("extract photo.png --size 3 --out out", "size"),
    ("extract photo.png --labels none --out out", "none"),
    ("demo --out photo.png", "photo.png"),
    ("demo --out out --epochs 0", "epochs"),
    ("data nothing photo.png", "nothing"),
    ("data ck48 none.h5", "none.h5"),
    ("train none.csv --out out", "none.csv"),
    ("train photo.png --dataset nothing --out out", "nothing"),
    ("train photo.png --network nothing --out out", "nothing"),
    ("train photo.png --model none.keras --out out", "none.keras"),
    ("train photo.png --weights vgg_face=none.mat --out out", "none.mat"),
    ("train photo.png --validation none --out out", "none"),
    ("train photo.png --validation-share 2 --out out", "validation-share"),
    ("train photo.png --epochs -1 --out out", "epochs"),
    ("train photo.png --learning-rate 0 --out out", "learning-rate"),
    ("evaluate none.keras photo.png", "none.keras"),
    ("evaluate {model} none.csv", "none.csv"),
    ("evaluate {model} photo.png --by day", "day"),
    ("evaluate {model} photo.png --postprocessing none.json", "none.json"),
    ("submit {model} none --dataset omg --out out.csv", "none"),
    ("submit {model} photo.png --dataset fer2013 --out out.csv", "fer2013"),
    ("adapt --out out --a ck48 none.h5 --b ck48 photo.png", "none.h5"),
    ("adapt --out out --a ck48 photo.png --b nothing photo.png", "nothing"),
    ("adapt --out out --a ck48 photo.png --b ck48 photo.png --method x", "method"),
    ("finetune --out out --stage ck48:none.h5", "none.h5"),
    ("finetune --out out --path 4", "4"),
    ("finetune --out out --weights none.npy --stage ck48:photo.png", "none.npy"),
    ("table C99 --out out", "C99"),
    ("table C12 --data affwild:none --out out", "none"),
    ("table C12 --data train=affwild:none --out out", "none"),
    ("table C12 --weights vgg_face=none.mat --out out", "none.mat"),
    ("weights import nothing photo.png --out a.keras", "nothing"),
    ("weights import affwildnet_resnet_gru none.ckpt --out a.keras", "none.ckpt"),
    ("weights import affwildnet_resnet_gru photo.png --out a.h5", "a.h5"),
    ("annotations list none", "none"),
    ("annotations agree none --out out", "none"),
    ("annotations label none --crops photo.png", "none"),
    ("annotations import none.csv --out out", "none.csv"),
]

_RUN = """
import json, sys
from click.testing import CliRunner
from kollias_affect.cli import main
for line in json.load(sys.stdin):
    result = CliRunner().invoke(main, line.split())
    heavy = [n for n in ("tensorflow", "keras", "dlib") if n in sys.modules]
    text = " ".join(result.output.split())
    print(json.dumps([line, result.exit_code, text, heavy]))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("refused")
    (folder / "photo.png").write_bytes(b"not empty")
    lines = [line.format(model=model) for line, _ in REFUSED]
    process = subprocess.run(
        [sys.executable, "-c", _RUN], input=json.dumps(lines), text=True, capture_output=True,
        check=True, cwd=folder,
    )  # fmt: skip
    assert process.stderr == ""
    left = sorted(path.name for path in folder.iterdir())
    return [json.loads(line) for line in process.stdout.splitlines()], left


def test_bad_inputs_are_refused_by_name_before_anything_heavy_is_imported(refusals):
    results, _ = refusals
    assert len(results) == len(REFUSED)
    for (line, code, text, heavy), (_, named) in zip(results, REFUSED, strict=True):
        assert code == 2 and named in text, (line, code, text)
        assert heavy == [], line


def test_refused_commands_leave_nothing(refusals):
    assert refusals[1] == ["photo.png"]


@pytest.mark.parametrize(
    ("listed", "registry"),
    [
        (names.NETWORKS, kinds.NETWORKS),
        (names.BACKBONES, backbones.BACKBONES),
        (names.RNNS, models.RNNS),
        (names.HEADS, models.HEADS),
        (names.STRATEGIES, training.STRATEGIES),
        (names.INITIALIZERS, initializers.INITIALIZERS),
        (names.REFERENCES, models.REFERENCES),
        (names.TABLES, experiments.TABLES),
    ],
)
def test_the_names_that_options_accept_are_those_of_the_registries(listed, registry):
    assert set(listed) == set(registry)
