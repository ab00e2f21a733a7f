import numpy as np
import pytest

from kollias_affect.experiments import SMOKE, Laboratory, Parts, scoring
from kollias_affect.experiments.declaration import Empty, Fusion, Network, Training


def test_fusion_without_a_good_member_is_empty(make_clip, tmp_path, quiet):
    clips = [make_clip("a", 6, size=8), make_clip("b", 6, 50, size=8)]
    laboratory = Laboratory({"data": Parts([], clips[:1], clips[1:])}, tmp_path, SMOKE, log=quiet)
    fusion = Fusion((Training(Network("cnn")), Training(Network("multi_rnn"))), "decision")
    opposite = {
        part: ([clip], {clip.key: -clip.valence_arousal})
        for part, clip in zip(("validation", "test"), clips, strict=True)
    }
    predictions = laboratory.predictions
    laboratory.predictions = lambda s: predictions(s) if isinstance(s, Fusion) else opposite
    with pytest.raises(Empty, match="no member has a validation CCC above 0"):
        scoring.dimensional(laboratory, scoring.Scored(fusion))


def test_a_result_is_computed_once(tmp_path):
    laboratory, calls = Laboratory({}, tmp_path, SMOKE), []
    for _ in range(2):
        assert laboratory.once("key", lambda: calls.append(1) or 7) == 7
    assert calls == [1]


def test_a_role_without_clips_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`role` must be one of"):
        Laboratory({}, tmp_path, SMOKE).parts("data")


def test_the_backbone_counts_by_its_weights(tmp_path):
    import keras

    images = keras.Input((4, 4, 3))
    model = keras.Model(images, keras.layers.Conv2D(1, 1)(images))
    first, same = (Laboratory({}, tmp_path, SMOKE, options={"backbone": model}) for _ in "ab")
    before = first.options_fingerprint()
    assert same.options_fingerprint() == before
    model.set_weights([np.ones_like(weight) for weight in model.get_weights()])
    changed = Laboratory({}, tmp_path, SMOKE, options={"backbone": model})
    assert changed.options_fingerprint() != before
