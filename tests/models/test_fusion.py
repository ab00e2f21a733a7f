import numpy as np
import pytest

from kollias_affect import backbones, models

TINY = {"length": 4, "rnn_units": 6, "hidden_units": 8}


def members(**second):
    first = models.multi_rnn(
        backbones.cnn_m((32, 32, 3), 0.02), "valence_arousal", mode="3rnn", **TINY
    )
    other = models.multi_rnn(
        backbones.cnn_m((32, 32, 3), 0.02),
        second.pop("task", "valence_arousal"),
        mode="1rnn",
        **{**TINY, **second},
    )
    return [first, other]


@pytest.mark.parametrize(("mode", "layer"), [("rnn", "fusion_rnn1"), ("fc", "fusion_fc")])
@pytest.mark.parametrize("frozen", [True, False])
def test_fusion_follows_the_concatenated_hidden_outputs(mode, layer, frozen, random_inputs):
    parts = members(landmarks=False)
    model = models.fuse(parts, mode, units=5, frozen=frozen)
    assert np.asarray(model(random_inputs(model))).shape == (2, 4, 2)
    fused = model.get_layer(layer)
    assert fused.units == 5
    kernel = fused.cell.kernel if mode == "rnn" else fused.kernel
    assert kernel.shape[0] == 3 * 6 + 6
    trained = {id(weight) for weight in model.trainable_weights}
    inside = [id(w) for m in parts for w in m.weights if "valence_arousal" not in w.path]
    assert any(weight in trained for weight in inside) != frozen


def test_fusion_is_saved_and_loaded(tmp_path, random_inputs):
    model = models.fuse(members())
    models.save(model, tmp_path / "fusion.keras")
    again, card = models.load(tmp_path / "fusion.keras")
    inputs = random_inputs(model)
    assert np.allclose(again(inputs), model(inputs))
    assert card["length"] == 4 and card["landmarks"]


def test_members_must_have_a_common_task_and_window():
    with pytest.raises(ValueError, match="common tasks"):
        models.fuse(members(task="arousal"))
    with pytest.raises(ValueError, match="common shapes"):
        models.fuse(members(length=5))
    with pytest.raises(ValueError, match="at least two"):
        models.fuse(members()[:1])
    with pytest.raises(ValueError, match="`mode` must be one of"):
        models.fuse(members(), mode="mean")
