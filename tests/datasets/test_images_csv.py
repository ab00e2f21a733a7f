import os

import pytest

from kollias_affect import EXPRESSIONS, datasets

LEGEND = """user.id,image,emotion
1,Jane_Doe_0001.jpg,HAPPINESS
1,Jane_Doe_0002.jpg,anger
2,John_Roe_0001.jpg,Neutral
2,007.jpg,sad
"""


@pytest.fixture
def root(tmp_path):
    """Folder with a legend and its images."""
    folder = tmp_path / "faces"
    (folder / "images").mkdir(parents=True)
    (folder / "legend.csv").write_text(LEGEND)
    for line in LEGEND.splitlines()[1:]:
        (folder / "images" / line.split(",")[1]).touch()
    return folder


EXPECTED = {
    "007.jpg": "sadness",
    "Jane_Doe_0001.jpg": "happiness",
    "Jane_Doe_0002.jpg": "anger",
    "John_Roe_0001.jpg": "neutral",
}


def test_folder_csv_and_archive_give_the_same_clips(root, tar, labels_of):
    archives = [tar(root, root.parent / "a.tar"), tar(root, root.parent / "b.tar", name=".")]
    for place in (root, root / "legend.csv", *archives):
        clips = datasets.load("images_csv", place)
        assert labels_of(clips) == EXPECTED and not clips.report.notes
        assert all(os.path.isfile(clip.paths[0]) for clip in clips)
    assert [c.subject for c in clips] == ["007", "Jane_Doe", "Jane_Doe", "John_Roe"]


@pytest.mark.parametrize("place", [".", "..", "../faces", "./../faces/."])
def test_paths_of_relative_roots_are_absolute(root, monkeypatch, place, labels_of):
    (root / "images" / "deep").mkdir()
    monkeypatch.chdir(root / "images" if place == ".." else root)
    clips = datasets.load("images_csv", place)
    assert labels_of(clips) == EXPECTED
    monkeypatch.chdir(root.parent)
    assert all(os.path.isfile(clip.paths[0]) for clip in clips)


def add(root, *rows):
    with open(root / "legend.csv", "a") as file:
        file.writelines(f"{row}\n" for row in rows)


def test_images_listed_twice_are_read_once_or_left_out(root, labels_of):
    add(root, "3,Jane_Doe_0001.jpg,happy", "3,./Jane_Doe_0002.jpg,fear", "4,007.jpg,SADNESS")
    clips = datasets.load("images_csv", root)
    assert labels_of(clips) == {k: v for k, v in EXPECTED.items() if k != "Jane_Doe_0002.jpg"}
    assert clips.report.notes == {
        "images listed several times with one label, read once": (
            2,
            ("Jane_Doe_0001.jpg", "007.jpg"),
        ),
        "images listed with different labels, left out": (1, ("Jane_Doe_0002.jpg",)),
    }


def test_images_without_a_row_are_counted_and_rows_without_an_image_refused(root):
    (root / "images" / "nobody.jpg").touch()
    (root / "images" / "notes.txt").touch()
    report = datasets.load("images_csv", root).report
    assert report.notes == {"images without a row, left out": (1, ("nobody.jpg",))}
    (root / "images" / "007.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"must exist.*007\.jpg in line 5 of .*legend\.csv"):
        datasets.load("images_csv", root)


def test_other_expressions_are_left_out_or_mapped(root, labels_of):
    for name in ("contempt", "Contempt"):
        (root / "images" / f"{name}.jpg").touch()
        add(root, f"5,{name}.jpg,{name}")
    clips = datasets.load("images_csv", root)
    assert labels_of(clips) == EXPECTED
    assert clips.report.notes["images labelled contempt, left out"][0] == 2
    clips = datasets.load("images_csv", root, mapping={"Contempt": "disgust", "anger": None})
    labels = labels_of(clips)
    assert labels["contempt.jpg"] == "disgust" and "Jane_Doe_0002.jpg" not in labels
    assert {count for count, _ in clips.report.notes.values()} == {1, 2}


def test_an_unknown_expression_is_refused_with_its_line(root):
    add(root, "5,007.jpg,grumpy")
    with pytest.raises(
        ValueError, match=r"'grumpy' in line 6 of .*legend\.csv.*mapping=\{'grumpy'"
    ):
        datasets.load("images_csv", root)
    assert len(datasets.load("images_csv", root, mapping={"GRUMPY": "sadness"})) == 4


def test_images_may_lie_elsewhere(root, tmp_path):
    (root / "images").rename(tmp_path / "2024")
    assert len(datasets.load("images_csv", root, images=tmp_path / "2024")) == 4
    with pytest.raises(FileNotFoundError, match=r"must exist.*name its folder with `images`"):
        datasets.load("images_csv", root)
    with pytest.raises(FileNotFoundError, match="`images` must be a folder"):
        datasets.load("images_csv", root, images=tmp_path / "2025")


def test_images_may_lie_in_folders_beside_the_csv(tmp_path, labels_of):
    (tmp_path / "a b" / "é").mkdir(parents=True)
    for name in ("a b/1.jpg", "a b/é/1.jpg"):
        (tmp_path / name).touch()
    text = 'Emotion , IMAGE\nfear,a b/1.jpg\n"fear", "a b/é/1.jpg"\n\n'
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    clips = datasets.load("images_csv", tmp_path)
    assert labels_of(clips) == {"a b/1.jpg": "fear", "a b/é/1.jpg": "fear"}


def test_several_csv_files_are_splits(root, labels_of):
    (root / "test.csv").write_text("image,emotion\n007.jpg,sad\n")
    (root / "._test.csv").touch()  # as macOS leaves behind
    assert list(labels_of(datasets.load("images_csv", root, "test"))) == ["007.jpg"]
    with pytest.raises(FileNotFoundError, match=r"2 csv files: legend\.csv, test\.csv; choose"):
        datasets.load("images_csv", root)
    for split in ("tset", "/etc/passwd", "*", ""):
        with pytest.raises(FileNotFoundError, match="0 csv files"):
            datasets.load("images_csv", root, split)


@pytest.mark.parametrize("form", ["{}", "\ufeff{}"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_all_line_ends_and_a_byte_order_mark_are_accepted(root, form, newline, labels_of):
    content = form.format(LEGEND.replace("\n", newline))
    (root / "legend.csv").write_bytes(content.encode())
    assert labels_of(datasets.load("images_csv", root)) == EXPECTED


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("5,007.jpg", "must have 3 fields.*in line 6 of"),
        ("5,007.jpg,sad,more", "must have 3 fields.*in line 6 of"),
        ("5,,sad", "with an image and an emotion.*in line 6 of"),
        ("5,007.jpg,", "with an image and an emotion.*in line 6 of"),
        ('5,"007.jpg,sad', "broken in line 6"),
        ("5,../../secret.jpg,sad", r"must stay under.*'../../secret.jpg'.*in line 6 of"),
        ("5,/etc/passwd,sad", "must stay under.*in line 6 of"),
        ("5,.,sad", "must exist.* in line 6"),
        ("5,none/007.jpg,sad", "must exist.*none/007.jpg in line 6"),
        ("5,007.jpg\0,sad", "line 6"),
    ],
)
def test_invalid_rows_are_refused_with_file_and_line(root, row, message):
    add(root, row)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        datasets.load("images_csv", root)
    assert "legend.csv" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must not be empty|first line must name"),
        (b"image,label\n", "first line must name the columns.*in line 1 of"),
        (b"007.jpg,sad\n", "first line must name the columns"),
        (b"image,emotion\n", "no clip was found"),
        ("image,emotion\n007.jpg,sad\ncaf\xe9.jpg,sad\n".encode("latin-1"), "line 3 has the byte"),
        (b"\x89PNG\r\n", "line 1 has the byte"),
    ],
)
def test_invalid_files_are_refused(root, content, message):
    (root / "legend.csv").write_bytes(content)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        datasets.load("images_csv", root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mapping": "contempt"}, "`mapping` must be a dict"),
        ({"mapping": {"contempt": "scorn"}}, "`mapping` must be one of"),
        ({"crops": "x"}, "option of images_csv"),
    ],
)
def test_invalid_arguments_are_refused(root, options, message):
    with pytest.raises(ValueError, match=message):
        datasets.load("images_csv", root, **options)


def test_a_missing_root_and_a_folder_without_csv_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="0 csv files"):
        datasets.load("images_csv", tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        datasets.load("images_csv", tmp_path / "none")


def test_the_real_archive_has_the_known_counts(shared):
    """Its labels come in mixed case; two images are listed twice, one shows contempt."""
    clips = datasets.load("images_csv", shared("facial_expressions.tar"))
    assert clips.report.frames == 3404 and clips.report.subjects == 1493
    counts = [1753, 72, 37, 4, 1367, 72, 99]
    assert clips.report.classes == dict(zip(EXPRESSIONS, counts, strict=True))
    assert [(count, examples[0]) for count, examples in clips.report.notes.values()] == [
        (2, "Kimberly_Stewart_0001.jpg"),
        (1, "Tim_Henman_0005.jpg"),
    ]


def test_names_may_start_with_the_folder_of_the_images(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("Jane 1.jpg", "Jane 2.jpg"):
        (tmp_path / "images" / name).write_bytes(b"x")
    rows = "image,emotion\nimages/Jane 1.jpg,happy\nimages/Jane 2.jpg,sad\n"
    (tmp_path / "labels.csv").write_text(rows)
    clips = datasets.load("images_csv", tmp_path)
    assert [clip.subject for clip in clips] == ["Jane", "Jane"]
