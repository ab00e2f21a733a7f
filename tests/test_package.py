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
