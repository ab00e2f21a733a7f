"""The command `kollias-affect data`."""

import io
import tarfile

import database_trees
import pytest


@pytest.fixture
def faces(tmp_path):
    """A folder of images in the format of `images_csv`; one of them is listed twice."""
    (tmp_path / "faces" / "2024").mkdir(parents=True)
    for name in ("a_1.jpg", "b_1.jpg", "c_1.jpg"):
        (tmp_path / "faces" / "2024" / name).touch()
    rows = ["image,emotion", "a_1.jpg,HAPPY", "b_1.jpg,contempt", "c_1.jpg,sad", "c_1.jpg,sad"]
    (tmp_path / "faces" / "legend.csv").write_text("\n".join(rows))
    return tmp_path / "faces"


def test_the_report_is_printed(ok, faces, monkeypatch):
    monkeypatch.chdir(faces)
    output = ok("data", "images_csv", "legend.csv", "--option", "images=2024")
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert lines[0] == "images_csv from legend.csv" and "clips 2" in lines
    assert "happiness 1" in lines and "invalid labels 0" in lines
    assert "1 images labelled contempt, left out: b_1.jpg" in lines
    assert any(line.startswith("1 images listed several times with one label") for line in lines)


def test_options_are_python_literals_or_texts(ok, refused, faces):
    root = ["data", "images_csv", faces, "--option", f"images={faces / '2024'}"]
    mapped = ok(*root, "--option", "mapping={'contempt': 'disgust', 'sad': None}")
    assert "1 images labelled contempt, counted as disgust" in mapped
    assert "1 images labelled sad, left out" in mapped
    for option, message in (
        ("mapping=contempt", "`mapping` must be a dict"),
        ("mapping=7", "`mapping` must be a dict"),
        ("mapping={'contempt': 'scorn'}", "`mapping` must be one of"),
        ("mapping={'contempt'", "`mapping` must be a dict"),
        ("images=2025", "`images` must be a folder. Received: 2025"),
        ("size=96", "option of images_csv"),
        ("split=train", "option of images_csv"),
        ("root=x", "option of images_csv"),
        ("name=x", "option of images_csv"),
        ("=1", "option of images_csv"),
        ("images", "NAME=VALUE"),
    ):
        assert message in refused(*root, "--option", option)


def test_the_list_that_is_written_can_be_read(ok, refused, faces, tmp_path):
    images = ["--option", f"images={faces / '2024'}"]
    listed = tmp_path / "listed.csv"
    assert "listed.csv: 2 clips." in ok("data", "images_csv", faces, *images, "--out", listed)
    output = " ".join(ok("data", "frames_csv", listed).split())
    assert "clips 2" in output and "happiness 1" in output and "sadness 1" in output
    # An existing file may be somebody else's.
    message = refused("data", "images_csv", faces, *images, "--out", faces / "legend.csv")
    assert "`--out` must be a new file" in message
    assert (faces / "legend.csv").read_text().startswith("image,emotion")
    (tmp_path / "sub").mkdir()
    message = refused("data", "images_csv", faces, *images, "--out", tmp_path / "sub" / "x.csv")
    assert "above its images" in message and not (tmp_path / "sub" / "x.csv").exists()


def test_crops_and_splits_are_read(ok, refused, synthetic_root):
    output = " ".join(ok("data", "frames_csv", synthetic_root, "--split", "train").split())
    assert "split train clips 1 " in output and "frames without a face" in output
    assert "valence" in output and "neutral" not in output
    both = " ".join(
        ok(
            "data",
            "synthetic",
            synthetic_root,
            "--option",
            "subjects=2",
            "--option",
            "clips_per_subject=1",
            "--option",
            "frames=24",
        ).split()
    )
    assert "clips 2" in both and "subjects 2" in both
    assert "`option of frames_csv`" in refused(
        "data", "frames_csv", synthetic_root, "--option", "a=1"
    )


def test_missing_data_are_refused(refused, tmp_path):
    for name in ("ck48", "fer2013", "images_csv", "frames_csv"):
        assert f"{name!r} is read from" in refused("data", name, tmp_path)
        assert "does not exist" in refused("data", name, tmp_path / "none")
    assert "`NAME` must be one of" in refused("data", "affwild9", tmp_path)
    assert "`--out` must be a new file" in refused("data", "ck48", tmp_path, "--out", tmp_path)


def test_damaged_data_are_refused(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "cache"))

    def message(dataset, name, content, *more):
        (tmp_path / name).write_bytes(content)
        return refused("data", dataset, tmp_path / name, *more)

    csv_of = "emotion,pixels,Usage\n0,{},Training\n".format
    assert "2303 fields" in message("fer2013", "a.csv", csv_of("0 " * 2303).encode())
    assert "from 0 to 255" in message("fer2013", "a.csv", csv_of("256 " * 2304).encode())
    assert "0 bytes" in message("fer2013", "a.csv", b"")
    assert "must be complete" in message("fer2013", "a.tar", b"no archive")
    assert "must be complete" in message("images_csv", "a.tar.gz", b"\x1f\x8b\x08\0\0\0")
    assert "Copy it again" in message("ck48", "a.h5", b"no h5")
    assert "line 2 has the byte" in message("images_csv", "a.csv", b"image,emotion\n\xe9.jpg,sad")
    assert "in line 2 of" in message("images_csv", "a.csv", b"image,emotion\n1.jpg\n")
    assert "must stay under" in message("images_csv", "a.csv", b"image,emotion\n../x.jpg,sad\n")
    assert "must stay under" in message("frames_csv", "a.csv", b"../1.jpg,0,0\n")
    (tmp_path / "1.jpg").touch()
    assert "must hold numbers" in message("frames_csv", "a.csv", b"1.jpg,0,high\n")
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil.jpg"))
    assert "a name outside of it" in message("images_csv", "a.tar", evil.getvalue())
    (tmp_path / "2.jpg").symlink_to(tmp_path / "2.jpg")
    assert "symbolic links" in message("images_csv", "a.csv", b"image,emotion\n2.jpg,sad\n")
    assert not list((tmp_path / "cache").glob("*"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOLLIAS_AFFECT_CACHE", str(tmp_path / "file"))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    unwritable = message("images_csv", "a.tar", whole.getvalue())
    assert "`cache folder` must be a folder that can be written" in unwritable


def test_official_parts_are_counted_besides_the_complete_database(ok, tmp_path):
    root = database_trees.omg(tmp_path, labelled=False)
    lines = [" ".join(line.split()) for line in ok("data", "omg", root).splitlines()]
    assert "clips 6" in lines
    assert lines[-3:] == [
        "part train: 4 clips, 4 frames, every clip counts as a person",
        "part validation: 2 clips, 2 frames, every clip counts as a person",
        "part test: absent, or without labels",
    ]
    assert "part " not in ok("data", "omg", root, "--split", "train")
