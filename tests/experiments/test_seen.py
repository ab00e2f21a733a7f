import keras
import pytest

from kollias_affect import models
from kollias_affect.clip import Clip
from kollias_affect.experiments import seen


def clips(part):
    return [Clip("a", ["a.jpg"], official_part=part)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """File of a model whose card says that it has seen two parts of FER-2013."""
    images = keras.Input((8, 8, 3), name="images")
    x = keras.layers.GlobalAveragePooling2D()(images)
    outputs = keras.layers.Dense(7, "softmax", name="expression")(x)
    path = tmp_path_factory.mktemp("seen") / "model.keras"
    parts = ["fer2013/PublicTest", "fer2013/Training"]
    models.save(keras.Model({"images": images}, outputs), path, trained_on=parts)
    return path


def test_scores_on_what_a_model_has_seen_are_warned_of(model):
    text = seen.warning(model, "fer2013", clips("fer2013/PublicTest"))
    assert "fer2013/PublicTest, on which" in text and "scores are too high" in text
    assert seen.warning(model, "fer2013", clips("fer2013/PrivateTest")) is None
    assert seen.warning(model, "sfew", clips("sfew/validation")) is None
    # Mixed parts contain what it has seen.
    assert "are of fer2013, on which" in seen.warning(model, "fer2013", clips(None))
    assert seen.trained_on(model) == ["fer2013/PublicTest", "fer2013/Training"]


def test_the_network_that_ships_is_known_by_its_description():
    name = "expression_vgg_fer2013"
    for part, is_seen in (("Training", True), ("PublicTest", True), ("PrivateTest", False)):
        text = seen.warning(name, "fer2013", clips(f"fer2013/{part}"))
        assert (text is not None) == is_seen
    assert seen.warning(name, "ck48", clips(None)) is None


def test_a_file_without_a_card_is_not_known(tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"no archive")
    assert seen.warning(tmp_path / "weights.h5", "fer2013", clips(None)) is None
