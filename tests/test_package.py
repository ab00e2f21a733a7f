import subprocess
import sys

import pytest

import kollias_affect

HEAVY = ("tensorflow", "keras", "dlib", "cv2", "av", "pandas", "matplotlib", "sklearn", "skimage")


@pytest.mark.parametrize("statement", ["import kollias_affect", "import kollias_affect.cli"])
def test_import_is_light(statement):
    code = f"{statement}; import sys; print([m for m in {HEAVY} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "[]", printed.stderr


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


def test_rooms_are_reached_as_attributes():
    for room in dir(kollias_affect):
        assert getattr(kollias_affect, room) is not None


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = kollias_affect.nothing


def run(code, cwd=None):
    """What a fresh process prints; the package's own warning is an error there."""
    command = [sys.executable, "-W", "error:Keras will not load", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


REGISTERED = """
print(*(keras.saving.get_registered_object(f"kollias_affect>{name}").__name__
        for name in ("PeepholeLSTM", "PeepholeLSTMCell", "CCCLoss", "CCC")))
print([finder for finder in sys.meta_path if "kollias" in type(finder).__module__])
print(type(keras.__spec__.loader).__module__, keras.__loader__ is keras.__spec__.loader)
"""


@pytest.mark.parametrize(
    "imports",
    [
        "import sys, keras, kollias_affect",
        "import sys, kollias_affect, importlib.util as u; u.find_spec('keras'); import keras",
        "import sys, kollias_affect.layers, keras",
        "import sys, kollias_affect, importlib; importlib.reload(kollias_affect); import keras",
    ],
)
def test_classes_are_registered_whatever_is_imported_first(imports):
    names, hooks, loader = run(imports + REGISTERED).splitlines()
    assert names == "PeepholeLSTM PeepholeLSTMCell CCCLoss CCC"
    assert hooks == "[]"
    assert loader == "_frozen_importlib_external True"


def test_looking_for_keras_does_not_import_it():
    code = """
import importlib.util, sys, kollias_affect
spec = importlib.util.find_spec("keras")
print(spec.origin.endswith("__init__.py"), "keras" in sys.modules)
print(spec.loader.is_package("keras"), "import" in spec.loader.get_source("keras"))
"""
    assert run(code).split() == ["True", "False", "True", "True"]


def test_keras_that_fails_to_import_fails_as_without_the_package(tmp_path):
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
def test_keras_that_the_rooms_cannot_use_is_imported_with_a_warning(imports, tmp_path):
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


def test_keras_that_is_absent_is_missed_as_without_the_package():
    code = """
import sys, kollias_affect
sys.meta_path[:] = [f for f in sys.meta_path if "kollias" in type(f).__module__]
try:
    import keras
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(code) == "No module named 'keras'"
