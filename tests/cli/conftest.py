"""Runs commands, and a small model for them."""

import keras
import pytest
from click.testing import CliRunner

from kollias_affect import models
from kollias_affect.cli import main

# A training that takes seconds, with the initial weights of Keras.
SMALL = (
    "--size 32 --width 0.02 --hidden-units 8 --rnn-units 6 --length 8 --epochs 1 "
    "--initializer keras"
)


@pytest.fixture(scope="module", autouse=True)
def without_pictures(plain_tensorboard):
    """Leaves the pictures of TensorBoard out."""


@pytest.fixture(scope="session")
def run():
    """Returns a function that runs a command and returns `click.testing.Result`."""
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="session")
def ok(run):
    """Returns a function that runs a command and returns its output; it must succeed."""

    def check(*arguments):
        result = run(*arguments)
        assert result.exit_code == 0, result.output
        return result.output

    return check


@pytest.fixture(scope="session")
def refused(run):
    """Returns a function that runs a command and returns its message, in one line.

    The command must end with exit code 2 and without a traceback.
    """

    def check(*arguments):
        result = run(*arguments)
        assert result.exit_code == 2, (result.exit_code, result.output)
        assert isinstance(result.exception, SystemExit) and "Traceback" not in result.output
        return " ".join(result.output.split())

    return check


@pytest.fixture(scope="session")
def save_linear(tmp_path_factory):
    """Returns a function that saves a linear model of the mean colour of single frames."""

    def save(activation):
        keras.utils.set_random_seed(1)
        images = keras.Input((16, 16, 3), name="images")
        colours = keras.layers.GlobalAveragePooling2D()(images)
        outputs = keras.layers.Dense(2, activation, name="valence_arousal")(colours)
        path = tmp_path_factory.mktemp("linear") / "model.keras"
        models.save(keras.Model({"images": images}, outputs), path)
        return path

    return save


@pytest.fixture(scope="session")
def small():
    """Options of a small training."""
    return SMALL.split()


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """File of a small model of windows of four frames."""
    from kollias_affect import models

    path = tmp_path_factory.mktemp("model") / "model.keras"
    models.save(
        models.affwildnet(
            length=4, width=0.02, rnn_units=6, hidden_units=8, initializer=None,
        ),
        path,
    )  # fmt: skip
    return path
