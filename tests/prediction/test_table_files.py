"""Table files of every format give back what was written."""

import numpy as np
import pandas as pd
import pytest

from kollias_affect.prediction import outputs, read_table, write_table
from kollias_affect.prediction.table_files import first_columns

NAMES = ["0012", "1e5", "NA", "nan", "null", "True", 'a,b"c', "Βαθύ σ", "-"]


@pytest.fixture(params=["csv", "json", "parquet"])
def file(request, tmp_path):
    if request.param == "parquet":
        pytest.importorskip("pyarrow")
    return tmp_path / f"table.{request.param}"


def make_table():
    count = len(NAMES)
    return pd.DataFrame(
        {
            "input": NAMES,
            "frame": range(1, count + 1),
            "face_id": pd.array([0, None] + [2] * (count - 2), "Int64"),
            "FaceScore": [np.nan] + [1.5] * (count - 1),
            "valence": np.float32([0.1, np.nan, -1, *[1 / 3] * (count - 3)]),
            "expression": [None, *["anger"] * (count - 1)],
        }
    )


def test_names_stay_text_and_missing_values_stay_missing(file):
    table = make_table()
    write_table(table, file)
    read = read_table(file)
    assert read["input"].tolist() == NAMES
    for name in table.columns[1:]:
        assert read[name].isna().tolist() == table[name].isna().tolist(), name
    np.testing.assert_allclose(read["valence"], table["valence"].astype(float), atol=1e-7)
    assert str(read["face_id"].dtype) == "Int64" and read["frame"].dtype == np.int64


def test_the_first_columns_of_a_file_are_those_of_its_table(file):
    write_table(make_table(), file)
    assert first_columns(file) == list(make_table().columns)
    file.write_text("mine")
    assert first_columns(file)[:2] != ["input", "frame"]


def test_other_endings_and_missing_files_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(ValueError, match="ending of a table"):
        read_table(tmp_path / "a.txt")


def test_stems_of_videos_differ_whatever_their_names():
    names = ["a.mkv", "a.mkv.mp4", "a.ts", "b/a.mkv", "summary.avi", "predictions", "c", "c.mp4"]
    stems = outputs.stems(names)
    assert len(set(stems.values())) == len(names)
    assert not {"predictions", "summary"} & set(stems.values())
    assert stems["b/a.mkv"] == "b/a" and stems["a.ts"] == "a.ts"
