import numpy as np
import pandas as pd
import pytest

from kollias_affect import evaluation
from kollias_affect.evaluation import decision_fusion

FIRST, SECOND = np.array([[0.2, 0.8], [0.4, 0.0]]), np.array([[0.6, 0.2], [-0.4, 0.4]])
CCC = [[0.5, 0.1], [0.25, 0.3]]
# Computed by hand: valence (2 a + b) / 3, arousal (a + 3 b) / 4.
FUSED = np.array([[1 / 3, 0.35], [0.4 / 3, 0.3]])


def table(values, frames=(5, 3)):
    index = pd.Index(["v/utterance_1", "v/utterance_2"], name="clip")
    return pd.DataFrame(values, index, ["valence", "arousal"]).assign(frames=frames)


def test_the_weights_are_the_ccc_of_each_dimension():
    assert np.allclose(decision_fusion([FIRST, SECOND], CCC), FUSED)


def test_arrays_may_have_any_leading_axes():
    windows = [np.stack([values, -values]) for values in (FIRST, SECOND)]
    assert np.allclose(decision_fusion(windows, CCC), [FUSED, -FUSED])


def test_clips_are_paired_by_key():
    first = {"a": FIRST, "b": FIRST[:1]}
    second = {"b": SECOND[:1], "a": SECOND}
    fused = decision_fusion([first, second], CCC)
    assert list(fused) == ["a", "b"]
    assert np.allclose(fused["a"], FUSED) and np.allclose(fused["b"], FUSED[:1])


def test_tables_of_rows_are_paired_by_clip_and_frame():
    names = ["valence", "arousal"]
    first = evaluation.to_table({"a": FIRST}, names)
    second = evaluation.to_table({"a": SECOND}, names)[::-1]
    assert np.allclose(decision_fusion([first, second], CCC)["a"], FUSED)


def test_aggregated_tables_are_paired_by_row_and_column():
    other = table(SECOND)[::-1][["arousal", "frames", "valence"]]
    fused = decision_fusion([table(FIRST), other], CCC)
    pd.testing.assert_frame_equal(fused, table(FUSED))


def test_an_utterance_of_one_model_is_kept_with_its_frames():
    first = table(FIRST, frames=(5, 0))
    first.iloc[1, :2] = np.nan
    fused = decision_fusion([first, table(SECOND, frames=(4, 3))], CCC)
    pd.testing.assert_frame_equal(fused, table([FUSED[0], SECOND[1]], frames=(5, 3)))


def test_labels_of_tables_are_kept_and_must_be_equal():
    labels = {"label valence": [0.1, 0.2], "label arousal": [0.3, np.nan]}
    first, second = table(FIRST).assign(**labels), table(SECOND).assign(**labels)
    fused = decision_fusion([first, second], CCC)
    pd.testing.assert_frame_equal(fused, table(FUSED).assign(**labels))
    with pytest.raises(ValueError, match=r"labels.*must be the same"):
        decision_fusion([first, second.assign(**{"label valence": 0.2})], CCC)


def test_models_and_ccc_are_paired_by_name():
    models = {"cnn_1rnn": FIRST, "cnn_3rnn": SECOND}
    ccc = {"cnn_3rnn": CCC[1], "cnn_1rnn": CCC[0]}
    assert np.allclose(decision_fusion(models, ccc), FUSED)
    with pytest.raises(ValueError, match="'cnn_3rnn'"):
        decision_fusion(models, {"cnn_1rnn": CCC[0]})
    for mixed in ((models, CCC), ([FIRST, SECOND], ccc)):
        with pytest.raises(ValueError, match="paired by name"):
            decision_fusion(*mixed)


def test_a_negative_ccc_has_weight_zero():
    fused = decision_fusion([FIRST, SECOND], [[-0.9, 0.1], [0.25, 0.3]])
    assert np.allclose(fused[:, 0], SECOND[:, 0]) and np.allclose(fused[:, 1], FUSED[:, 1])


@pytest.mark.parametrize("bad", [-0.2, 0.0])
def test_without_a_positive_ccc_a_dimension_is_refused(bad):
    with pytest.raises(ValueError, match=r"arousal.*'model 0': -0.1"):
        decision_fusion([FIRST, SECOND], [[0.5, -0.1], [0.25, bad]])


@pytest.mark.parametrize(
    "ccc",
    [
        [[0.5, np.nan], [0.25, 0.3]],
        [[0.5, 1.2], [0.2, 0.3]],
        [0.5, 0.2],
        [[0.5, 0.1]],
        [[0.5], [0.1, 0.2]],
        [["good", "bad"]] * 2,
    ],
)
def test_there_must_be_one_ccc_per_model_and_dimension(ccc):
    with pytest.raises(ValueError, match="one CCC in"):
        decision_fusion([FIRST, SECOND], ccc)


def test_missing_frames_are_the_mean_of_the_models_that_have_them():
    first, second = FIRST.copy(), SECOND.copy()
    first[0] = np.nan
    fused = decision_fusion([first, second], CCC)
    assert np.allclose(fused, [SECOND[0], FUSED[1]])
    second[0] = np.nan
    assert np.isnan(decision_fusion([first, second], CCC)[0]).all()


def test_a_frame_that_only_a_model_without_weight_has_stays_missing():
    first = np.full((1, 2), np.nan)
    fused = decision_fusion([first, SECOND[:1]], [[0.5, 0.1], [-0.1, 0.3]])
    assert np.isnan(fused[0, 0]) and fused[0, 1] == pytest.approx(SECOND[0, 1])


def test_different_clips_and_lengths_are_refused():
    with pytest.raises(ValueError, match="'b'"):
        decision_fusion([{"a": FIRST}, {"a": SECOND, "b": SECOND}], CCC)
    with pytest.raises(ValueError, match="of 'a' must have one shape"):
        decision_fusion([{"a": FIRST}, {"a": SECOND[:1]}], CCC)
    with pytest.raises(ValueError, match="utterance_2"):
        decision_fusion([table(FIRST), table(SECOND)[:1]], CCC)
    with pytest.raises(ValueError, match="one row per clip"):
        decision_fusion([table(FIRST), table(SECOND).iloc[[0, 0]]], CCC)


def test_different_outputs_and_types_are_refused():
    with pytest.raises(ValueError, match=r"\[..., 3\]"):
        decision_fusion([FIRST, SECOND], [[0.5, 0.1, 0.2]] * 2)
    with pytest.raises(ValueError, match="one type"):
        decision_fusion([{"a": FIRST}, SECOND], CCC)
    with pytest.raises(ValueError, match="infinity"):
        decision_fusion([FIRST, np.full((2, 2), np.inf)], CCC)
    with pytest.raises(ValueError, match="one entry per model"):
        decision_fusion([], np.zeros((0, 2)))
