import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kollias_affect import EXPRESSIONS, _checks
from kollias_affect.datasets import _reading
from kollias_affect.datasets._report import LoadReport

COLUMNS = ("valence", "arousal")


def write(folder, content, name="a.txt"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", ["Happy", "HAPPINESS", " happy "])
def test_expression_names_are_recognized_in_any_case(name):
    assert _reading.expression_name(name) == "happiness"
    assert [_reading.expression_name(n.title()) for n in EXPRESSIONS] == list(EXPRESSIONS)
    assert _reading.expression_name("contempt") is None


def test_hidden_files_are_ignored_and_other_files_counted(tmp_path):
    report = LoadReport("afew", tmp_path, None, "")
    for name in ("10.JPG", "9.jpg", ".8.jpg", "._9.jpg", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    paths = _reading.files(tmp_path, _reading.IMAGE_ENDINGS, report)
    assert [path.name for path in paths] == ["9.jpg", "10.JPG"]
    [(count, examples)] = report.notes.values()
    assert (count, examples) == (1, ("Thumbs.db",))


def test_broken_links_are_not_files(tmp_path):
    (tmp_path / "1.jpg").symlink_to(tmp_path / "gone.jpg")
    assert _reading.files(tmp_path, (".jpg",)) == []


def test_links_to_themselves_are_not_folders(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "train").mkdir()
    assert _reading.folders(tmp_path) == [tmp_path / "train"]


def test_links_to_themselves_raise_an_error_that_names_them(tmp_path):
    (tmp_path / "1.jpg").symlink_to(tmp_path / "1.jpg")
    with pytest.raises(OSError, match=r"symbolic links.*1\.jpg"):
        _reading.files(tmp_path, (".jpg",))


def test_a_doubled_folder_is_skipped(tmp_path):
    (tmp_path / "Train" / "Train").mkdir(parents=True)
    assert _reading.find_folder(tmp_path, "train") == tmp_path / "Train" / "Train"
    assert _reading.find_folder(tmp_path, "test") is None
    assert _reading.find_folder(tmp_path / "nowhere", "test") is None


def test_a_folder_beside_others_is_not_doubled(tmp_path):
    for name in ("train", "angry"):
        (tmp_path / "train" / name).mkdir(parents=True)
    assert _reading.find_folder(tmp_path, "train") == tmp_path / "train"


def test_a_link_to_the_parent_is_not_a_doubled_folder(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "train").symlink_to(tmp_path / "train")
    assert _reading.find_folder(tmp_path, "train") == tmp_path / "train"


def test_only_folder_ignores_hidden_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / ".hidden").touch()
    assert _reading.only_folder(tmp_path) == tmp_path / "inner"
    (tmp_path / "file").touch()
    assert _reading.only_folder(tmp_path) == tmp_path


def test_csv_files_of_a_split_are_found_by_exact_name(tmp_path):
    for name in ("b.csv", "a.CSV", "._b.csv", "[x].csv"):
        (tmp_path / name).touch()
    names = [path.name for path in _reading.csv_files(tmp_path, None)]
    assert sorted(names) == ["[x].csv", "a.CSV", "b.csv"]
    assert _reading.csv_files(tmp_path, "[x]") == [tmp_path / "[x].csv"]
    for split in ("*", "", "/etc/x", "**"):
        assert _reading.csv_files(tmp_path, split) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_read_lines_accepts_all_line_ends_and_a_byte_order_mark(tmp_path, end, mark):
    path = write(tmp_path, mark + end.join(["0.5,1", "é,2", ""]))
    assert _reading.read_lines(path) == ["0.5,1", "é,2"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_refused_with_the_line(tmp_path, encoding):
    path = write(tmp_path, "a\nb\ncafé\n".encode(encoding))
    line = 3 if encoding == "latin-1" else 1
    with pytest.raises(ValueError, match=rf"must be UTF-8.*a\.txt, whose line {line} has the byte"):
        _reading.read_lines(path)


@pytest.mark.parametrize("text", ["0,1\n-0.5,2e-1\n", "0,1\r\n -0.5 , 0.2 \r\n\r\n"])
def test_read_numbers(tmp_path, text):
    values = _reading.read_numbers(write(tmp_path, text), COLUMNS)
    assert values.tolist() == [[0, 1], [-0.5, 0.2]] and values.dtype == np.float64


def test_read_numbers_of_an_empty_file_has_no_rows(tmp_path):
    for text in ("", "\n\n", "valence,arousal\n"):
        path = write(tmp_path, text)
        assert _reading.read_numbers(path, COLUMNS, skip=1 if "v" in text else 0).shape == (0, 2)


@pytest.mark.parametrize(
    ("bad", "columns"),
    [
        ("1", COLUMNS),
        ("1,2,3", COLUMNS),
        ("1,high", COLUMNS),
        ("1,", COLUMNS),
        ("", COLUMNS),
        ("1;2", COLUMNS),
        ("# 1,2", COLUMNS),
        ("", ("valence",)),
        ("1,2", ("valence",)),
        ("0x1", ("valence",)),
    ],
)
def test_invalid_rows_are_refused_with_file_and_line(tmp_path, bad, columns):
    good = ",".join("0" * len(columns))
    path = write(tmp_path, f"header\n{good}\n{bad}\n{good}\n")
    with pytest.raises(ValueError, match=rf"{len(columns)} numbers.*in line 3 of .*a\.txt"):
        _reading.read_numbers(path, columns, skip=1)


def test_rows_with_another_number_of_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="in line 1 of"):
        _reading.read_numbers(write(tmp_path, "1,2,3\n1,2,3\n"), COLUMNS)


PIECES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c d"]), max_size=5)


@given(PIECES, st.booleans())
def test_path_normalizer_equals_the_check_of_each_path(pieces, absolute):
    path = ("/" if absolute else "") + "/".join(pieces)
    inside = _reading.path_normalizer("/data/set")
    for _ in range(2):  # the second time from memory
        try:
            expected = _checks.inside("/data/set", path)
        except ValueError as error:
            with pytest.raises(ValueError) as raised:
                inside(path)
            assert str(raised.value) == str(error)
        else:
            assert inside(path) == os.path.relpath(expected, "/data/set")


def test_path_normalizer_refuses_paths_that_leave_the_root():
    inside = _reading.path_normalizer("/data")
    assert inside("a/1.jpg") == inside("./a/1.jpg") == inside("/data/b/../a/1.jpg") == "a/1.jpg"
    for path in ("a/../../x", "a/..", "../x", "/x", "a/../.."):
        if path == "a/..":
            assert inside(path) == "."
            continue
        with pytest.raises(ValueError, match="must stay under"):
            inside(path)


def test_files_in_lists_only_the_named_folders(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("1.jpg", "a/2.jpg", "a/b/3.jpg"):
        (tmp_path / name).touch()
    assert _reading.files_in(tmp_path, ["", "a", "c"]) == {"1.jpg", "a/2.jpg"}


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("Train_Set", "train"), ("val", "validation"), ("dev", "validation")],
)
def test_canonical_split_accepts_other_names(name, split):
    assert _reading.canonical_split(name, ("train", "validation")) == split


def test_canonical_split_prefers_the_names_of_the_database():
    assert _reading.canonical_split("Dev", ("train", "dev")) == "dev"
    assert _reading.canonical_split(None, ("train",)) is None
    with pytest.raises(ValueError, match="one of .'train'.*Received: split='val'"):
        _reading.canonical_split("val", ("train",))
