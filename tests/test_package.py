import ast
import inspect
import re
import subprocess
import sys
from operator import attrgetter

import pytest

import kollias_affect

HEAVY = ("tensorflow", "keras", "dlib", "cv2", "av", "pandas", "matplotlib", "sklearn", "skimage")


# The names that users and checks outside this repository rely on, with their leading arguments.
# An argument of `...` has any default.
FIXED = """
EXPRESSIONS
adaptation.Centroids.fit(representations, labels, seed=0)
adaptation.Centroids.load(path)
adaptation.Centroids.save(self, path)
adaptation.centroid_classifier(model, centroids)
adaptation.compile_adapted(model, centroids, lam)
annotations.agree(annotations, keep=(2, 4))
annotations.alpha(traces, level="interval")
annotations.cross_correlation(first, second)
annotations.icc(traces, form="ICC(2,1)")
annotations.lag(traces, reference=None)
annotations.match(frame_times, annotation_times, values)
backbones.alexnet(input_shape=(96, 96, 3))
backbones.cnn_m(input_shape=(96, 96, 3))
backbones.densenet121(input_shape=(96, 96, 3))
backbones.resnet50(input_shape=(96, 96, 3))
backbones.vgg16(input_shape=(96, 96, 3))
backbones.vgg_face(input_shape=(96, 96, 3))
datasets.Clip(key, paths)
datasets.annotations.agree(annotations, keep=(2, 4))
datasets.annotations.match(frame_times, annotation_times, values)
datasets.load(name, root, split=None)
datasets.sampling.balance_quadrants(clips, shares=..., seed=0)
datasets.sampling.person_folds(clips, folds=5, seed=0)
evaluation.aggregate(predictions, clips, by=..., statistic="median")
evaluation.decision_fusion(predictions, validation_ccc)
evaluation.postprocess.median_filter(predictions)
evaluation.postprocess.search(predictions, clips)
evaluation.postprocess.smooth(table)
faces.align(image, landmarks, size=96)
faces.extract(video, out_dir, detector=..., size=96)
faces.eye_crop(image, landmarks, size=256)
initializers.papers()
layers.PeepholeLSTM(units)
losses.CCCLoss(level="frame")
losses.CentroidLoss(centroids, normalization="linear")
metrics.CCC()
models.affwildnet()
models.cnn(backbone, task, landmarks=True, hidden_units=...)
models.cnn_rnn(backbone, task, rnn="gru", rnn_units=128, rnn_layers=2, landmarks=True, length=80, \
representation=False)
models.fuse(models, mode="rnn")
models.multi_rnn(backbone, task, features=("pool2", "pool5", "fc1"), mode="3rnn")
models.reference(name, length=80)
weights.list_pretrained()
weights.load_pretrained(name=...)
weights.load_tf1_checkpoint(model, path)
weights.load_vgg_face(model, path)
windows.dataset(clips, length=80, stride=None, batch_size=4, shuffle=False, landmarks=True)
""".strip().splitlines()

DATASETS = (
    "affwild affwild2 afew_va recola omg afew sfew fer2013 ck48 images_csv frames_csv synthetic"
)
REFERENCES = """affwildnet_vggface_gru affwildnet_resnet_gru vggface_4096x4096x2 vggface_4096x2000x2
omg_cnn_gru_1rnn omg_cnn_gru_3rnn"""
COMMANDS = """demo extract annotate annotations data train evaluate predict adapt finetune table
weights"""


@pytest.mark.parametrize("line", FIXED, ids=lambda line: line.partition("(")[0])
def test_fixed_names_have_their_leading_arguments(line):
    name, arguments = re.fullmatch(r"([\w.]+)(?:\((.*)\))?", line).groups()
    thing = attrgetter(name)(kollias_affect)
    if arguments is None:
        return
    expected = ast.parse(f"def fixed({arguments}): 0").body[0].args
    actual = list(inspect.signature(thing).parameters.values())[: len(expected.args)]
    assert [argument.name for argument in actual] == [argument.arg for argument in expected.args]
    defaults = [ast.literal_eval(default) for default in expected.defaults]
    for argument, default in zip(actual[len(actual) - len(defaults) :], defaults, strict=True):
        assert default is ... or argument.default == default, argument


def test_fixed_choices_exist():
    from kollias_affect import cli
    from kollias_affect.models.reference import REFERENCES as references

    assert set(DATASETS.split()) <= set(kollias_affect.datasets.DATASETS)
    assert set(REFERENCES.split()) <= set(references)
    assert set(COMMANDS.split()) <= set(cli.main.commands)
    tasks = {"valence_arousal", "valence", "arousal", "expression"}
    assert tasks <= set(kollias_affect.tasks.TASKS)


def test_import_is_light():
    code = f"""
import kollias_affect, sys
print([m for m in {HEAVY} if m in sys.modules])
import kollias_affect.cli
print([m for m in {HEAVY} if m in sys.modules])
"""
    assert run(code).splitlines() == ["[]", "[]"]


def test_expression_order_is_fixed():
    assert kollias_affect.EXPRESSIONS == (
        "neutral",
        "anger",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
    )


def test_every_public_module_is_an_attribute():
    for name in dir(kollias_affect):
        assert getattr(kollias_affect, name) is not None


def test_unknown_attributes_are_errors():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = kollias_affect.nothing


def run(code, cwd=None):
    """Returns the output of a fresh process, in which the package's own warning is an error."""
    command = [sys.executable, "-W", "error:Keras will not load", "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


# TensorFlow, which takes seconds to import, stays loaded; Keras and the package start again.
ORDERS = """
import sys, tensorflow
for order in {orders}:
    for name in [*sys.modules]:
        if name.partition(".")[0] in ("keras", "kollias_affect"):
            del sys.modules[name]
    assert "keras" not in sys.modules
    names = {{}}
    exec(order, names)
    keras = names["keras"]
    print(*(keras.saving.get_registered_object("kollias_affect>" + name).__name__
            for name in ("PeepholeLSTM", "PeepholeLSTMCell", "CCCLoss", "CCC")))
    print([finder for finder in sys.meta_path if "kollias" in type(finder).__module__])
    print(type(keras.__spec__.loader).__module__, keras.__loader__ is keras.__spec__.loader)
"""


def test_classes_are_registered_in_any_order_of_imports():
    orders = [
        "import keras, kollias_affect",
        "import kollias_affect, keras",
        "import kollias_affect, importlib.util as u; u.find_spec('keras'); import keras",
        "import kollias_affect.layers, keras",
        "import kollias_affect, importlib; importlib.reload(kollias_affect); import keras",
    ]
    lines = run(ORDERS.format(orders=orders)).splitlines()
    registered, hooks, loaders = (lines[start::3] for start in range(3))
    assert registered == ["PeepholeLSTM PeepholeLSTMCell CCCLoss CCC"] * len(orders)
    assert hooks == ["[]"] * len(orders)
    assert loaders == ["_frozen_importlib_external True"] * len(orders)


def test_looking_for_keras_does_not_import_it():
    code = """
import importlib.util, sys, kollias_affect
spec = importlib.util.find_spec("keras")
print(spec.origin.endswith("__init__.py"), "keras" in sys.modules)
print(spec.loader.is_package("keras"), "import" in spec.loader.get_source("keras"))
"""
    assert run(code).split() == ["True", "False", "True", "True"]


def test_a_broken_keras_fails_as_without_the_package(tmp_path):
    (tmp_path / "keras.py").write_text("raise ImportError('broken')")
    code = """
import sys
sys.path.insert(0, "")
import kollias_affect
for _ in range(2):
    try:
        import keras
    except ImportError as error:
        print(error, "keras" in sys.modules)
"""
    assert run(code, tmp_path).splitlines() == ["broken False"] * 2


@pytest.mark.parametrize("imports", ["kollias_affect, keras", "keras, kollias_affect"])
def test_an_unusable_keras_is_imported_with_a_warning(imports, tmp_path):
    (tmp_path / "keras.py").write_text("saving = None")
    code = f"""
import sys, warnings
sys.path.insert(0, "")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import {imports}
print(keras.saving, *sorted({{str(w.message)[-16:] for w in caught}}))
"""
    assert run(code, tmp_path) == "None Install Keras 3."


def test_a_missing_keras_fails_as_without_the_package():
    code = """
import sys, kollias_affect
sys.meta_path[:] = [f for f in sys.meta_path if "kollias" in type(f).__module__]
try:
    import keras
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code) == "No module named 'keras'"
