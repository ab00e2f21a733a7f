import numpy as np
import pandas as pd
import pytest

from kollias_affect.evaluation.postprocess import smooth

ROWS = [
    ("a/utterance_1", 0.0, 100),
    ("a/utterance_2", 0.8, 20),
    ("a/utterance_10", 0.2, 40),
    ("b/utterance_3", -0.9, 10),
]


def utterances(rows):
    """Makes a table of rows `(key, valence, frames)`."""
    index = pd.Index([row[0] for row in rows], name="utterance")
    return pd.DataFrame(
        {"valence": [r[1] for r in rows], "frames": [r[2] for r in rows]}, index=index
    )


def test_neighbours_are_weighted_by_their_frames():
    smoothed = smooth(utterances(ROWS), 3)["valence"].tolist()
    expected = [16 / 120, (16 + 8) / 160, (16 + 8) / 60, -0.9]
    assert np.allclose(smoothed, expected, atol=1e-12)


def test_only_utterances_of_few_frames_change():
    smoothed = smooth(utterances(ROWS), 3, few=40)["valence"].tolist()
    assert np.allclose(smoothed, [0, (16 + 8) / 160, 0.2, -0.9], atol=1e-12)


def test_the_order_of_rows_is_kept_and_does_not_matter():
    table = utterances(ROWS)
    shuffled = table.iloc[[2, 3, 0, 1]]
    pd.testing.assert_frame_equal(smooth(shuffled, 5), smooth(table, 5).loc[shuffled.index])


def test_smoothing_never_crosses_videos():
    table = utterances([(f"{v}/utterance_{n}", x, 9) for v, x in ("a1", "b0") for n in (1, 2)])
    table["valence"] = table["valence"].astype(float)
    pd.testing.assert_frame_equal(smooth(table, 9), table)


def test_utterances_without_predictions_stay_missing_and_do_not_count():
    rows = [("a/utterance_1", 0.4, 10), ("a/utterance_2", np.nan, 0), ("a/utterance_3", 0.1, 5)]
    assert np.array_equal(
        smooth(utterances(rows), 3)["valence"], [0.4, np.nan, 0.1], equal_nan=True
    )
    smoothed = smooth(utterances(rows), 5)["valence"]
    assert np.allclose(smoothed, [0.3, np.nan, 0.3], equal_nan=True)


def test_each_dimension_has_its_window_and_other_columns_stay():
    table = utterances(ROWS).assign(arousal=[0.1, 0.2, 0.3, 0.4])
    table["label valence"] = [0.5, -0.5, 0.5, -0.5]
    smoothed = smooth(table, (3, 1), (None, 5))
    assert np.allclose(smoothed["valence"], smooth(utterances(ROWS), 3)["valence"])
    rest = ["arousal", "frames", "label valence"]
    pd.testing.assert_frame_equal(smoothed[rest], table[rest])


def test_wrong_arguments_and_tables_are_refused():
    table = utterances(ROWS)
    for windows, few, rule in ((2, None, "odd"), (3, 0, "`few`"), ((3, 3), None, "1 dimensions")):
        with pytest.raises(ValueError, match=rule):
            smooth(table, windows, few)
    for bad in (table.drop(columns="frames"), table.drop(columns="valence"), table.iloc[[0, 0]]):
        with pytest.raises(ValueError, match="one row per key"):
            smooth(bad)
    for bad in (table.assign(frames=0), table.assign(valence=np.inf), table.assign(frames=np.nan)):
        with pytest.raises(ValueError, match="at least one frame"):
            smooth(bad)
