import numpy as np
import pytest

from kollias_affect import evaluation, models

TINY = {"length": 4, "width": 0.02, "input_shape": (32, 32, 3), "rnn_units": 6, "hidden_units": 8}


@pytest.mark.parametrize("representation", [False, True])
def test_every_frame_has_a_prediction_and_missing_faces_have_nan(make_clip, representation):
    model = models.affwildnet(**TINY, initializer=None, representation=representation)
    clips = [make_clip("a", 9, missing=(2,)), make_clip("b", 4, 50), make_clip("c", 1, 90)]
    predictions = evaluation.predict(model, clips)
    assert [values.shape for values in predictions] == [(9, 2), (4, 2), (1, 2)]
    assert np.flatnonzero(np.isnan(predictions[0]).any(axis=1)).tolist() == [2]
    assert not np.isnan(predictions[1]).any()


def test_predictions_do_not_depend_on_the_other_clips(make_clip):
    model = models.affwildnet(**TINY, initializer=None)
    clips = [make_clip("a", 9), make_clip("b", 6, 50)]
    together = evaluation.predict(model, clips)
    alone = [evaluation.predict(model, [clip])[0] for clip in clips]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(together, alone, strict=True))
