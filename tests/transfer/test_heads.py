import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, models
from kollias_affect.transfer import swap_head


def test_all_layers_but_the_output_layer_stay(tiny):
    old = tiny("valence_arousal")
    new = swap_head(old, "expression")
    for name in ("conv1", "conv2"):
        a, b = (m.get_layer("backbone").get_layer(name).get_weights() for m in (old, new))
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert new.get_layer("fc1") is old.get_layer("fc1")
    assert new.output.shape == (None, 7) and old.output.shape == (None, 2)
    x = {"images": np.zeros((2, 16, 16, 3), np.float32)}
    assert np.allclose(np.asarray(new.predict(x, verbose=0)).sum(axis=-1), 1)


def test_the_card_has_the_new_task(tiny, tmp_path):
    models.save(swap_head(tiny("valence_arousal", length=3), "expression"), tmp_path / "m.keras")
    model, card = models.load(tmp_path / "m.keras")
    assert card["task"] == "expression" and tuple(card["outputs"]) == EXPRESSIONS
    assert card["range"] == [0, 1] and card["length"] == 3
    assert model.output_names == ["expression"]


def test_other_outputs_stay(tiny):
    backbone = tiny().get_layer("backbone")
    model = models.cnn_rnn(
        backbone, "valence_arousal", landmarks=False, length=3, hidden_units=4, rnn_units=3,
        rnn_layers=1, representation=True,
    )  # fmt: skip
    assert set(swap_head(model, "expression").output) == {"expression", "representation"}


def test_the_new_head_is_a_function_of_the_seed(tiny):
    kernels = [
        swap_head(tiny("valence"), "expression", seed=seed).get_layer("expression").get_weights()[0]
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(kernels[0], kernels[1]) and not np.array_equal(kernels[0], kernels[2])


def test_the_same_task_gets_a_new_head(tiny):
    old = tiny()
    both = (old, swap_head(old, "expression"))
    kernels = [model.get_layer("expression").get_weights()[0] for model in both]
    assert not np.array_equal(*kernels)


def test_an_unknown_task_is_refused(tiny):
    with pytest.raises(ValueError, match="`task` must be one of"):
        swap_head(tiny(), "joy")


def test_tasks_that_are_kept_have_the_same_outputs(tiny, random_inputs):
    old = tiny(("expression", "valence_arousal"))
    new = swap_head(old, ("valence_arousal", "action_units"), keep=("valence_arousal",))
    x = random_inputs(old)
    before, after = old(x), new(x)
    assert {name: value.shape[-1] for name, value in after.items()} == {
        "valence_arousal": 2,
        "action_units": 12,
    }
    assert np.array_equal(before["valence_arousal"], after["valence_arousal"])
    one = swap_head(old, "expression", keep=("expression",))
    assert np.array_equal(before["expression"], one(x))


def test_only_tasks_of_both_models_can_be_kept(tiny):
    with pytest.raises(ValueError, match="`keep` must be one of"):
        swap_head(tiny("valence"), ("valence", "expression"), keep=("expression",))
