import keras
import pytest

from kollias_affect.experiments import affwildnet

TINY = {"size": 32, "width": 0.02, "hidden_units": 8, "rnn_units": 6, "length": 4}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_precision_is_that_of_the_model_alone(precision):
    model = affwildnet.build(precision=precision, initializer="keras", **TINY)
    assert any(layer.dtype_policy.name == precision for layer in model.layers)
    assert keras.config.dtype_policy().name == "float32"


def test_the_seed_decides_the_initial_weights():
    first, same, other = (affwildnet.build(seed=seed, **TINY) for seed in (1, 1, 2))
    weights = [model.get_layer("rnn1").get_weights()[0] for model in (first, same, other)]
    assert (weights[0] == weights[1]).all() and not (weights[0] == weights[2]).all()


@pytest.mark.parametrize(
    "option", [{"initializer": "theirs"}, {"precision": "float8"}, {"seed": -1}]
)
def test_unknown_options_are_refused(option):
    with pytest.raises(ValueError, match="Received"):
        affwildnet.build(**option, **TINY)
