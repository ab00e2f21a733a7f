import numpy as np
import pytest

from kollias_affect import datasets
from kollias_affect.clip import Clip
from kollias_affect.datasets import frames_csv
from kollias_affect.tasks import EXPRESSIONS, EXPRESSIONS_8


@pytest.fixture
def root(tmp_path):
    """Folder with images of two videos."""
    for video in ("105", "video 2"):
        (tmp_path / video).mkdir()
        for i in range(1, 5):
            (tmp_path / video / f"{i:05d}.jpg").touch()
    return tmp_path


def write(root, text, name="frames.csv"):
    path = root / name
    path.write_bytes(text.encode())
    return path


def test_the_authors_format_is_read(root):
    write(
        root,
        "105/00001.jpg,0.1,-0.2\n105/00003.jpg,0.3,0.4\nvideo 2/00002.jpg,-1,1\n"
        "105/00002.jpg,0.5,0.5\n",
    )
    first, second = datasets.load("frames_csv", root)
    assert (first.key, second.key) == ("105", "video 2")
    assert (
        first.valence_arousal.tolist() == np.float32([[0.1, -0.2], [0.3, 0.4], [0.5, 0.5]]).tolist()
    )
    assert [path.rsplit("/", 1)[1] for path in first.paths] == [
        "00001.jpg",
        "00003.jpg",
        "00002.jpg",
    ]
    assert second.subject == "video 2" and first.valid.all()


@pytest.mark.parametrize("text", ["{}", "\ufeff{}"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_all_line_ends_and_a_byte_order_mark_are_accepted(root, text, newline):
    rows = ["image,valence,arousal", "105/00001.jpg, 0.5, 0.25", ""]
    path = write(root, text.format(newline.join(rows)))
    [clip] = datasets.load("frames_csv", path)
    assert clip.valence_arousal.tolist() == [[0.5, 0.25]]


def full_clip(root, **fields):
    random = np.random.default_rng(0)
    values = {
        "key": "105",
        "paths": [str(root / "105" / "00001.jpg"), "", str(root / "105" / "00003.jpg")],
        "times": np.array([0.0, 1 / 3, 0.7]),
        "landmarks": random.uniform(-1, 1, (3, 68, 2)).round(5),
        "valence_arousal": np.array([[0.25, -1], [np.nan, np.nan], [0.1, 0.2]]),
        "expression": np.array([4, -1, 0]),
        "valid": [True, False, False],
        "subject": "someone",
    }
    return datasets.Clip(**{**values, **fields})


def test_the_format_with_a_header_keeps_every_field(root):
    before = full_clip(root)
    frames_csv.write([before], root / "frames.csv")
    [after] = datasets.load("frames_csv", root)
    assert after.paths == before.paths and after.subject == "someone" and after.key == "105"
    assert after.valid.tolist() == [True, False, False]
    assert np.array_equal(after.times, before.times)
    assert np.allclose(after.landmarks, before.landmarks, atol=1e-6)
    assert np.allclose(after.valence_arousal, before.valence_arousal, equal_nan=True)
    assert after.expression.tolist() == [4, -1, 0]


def test_the_authors_format_is_written_without_a_header(root):
    frames_csv.write([full_clip(root)], root / "frames.csv", header=False)
    assert (root / "frames.csv").read_text() == "105/00001.jpg,0.25,-1.0\n"
    [clip] = datasets.load("frames_csv", root)
    assert clip.valence_arousal.tolist() == [[0.25, -1]]


def test_writing_twice_gives_the_same_bytes(root):
    for name in ("a.csv", "b.csv"):
        frames_csv.write([full_clip(root)], root / name)
    assert (root / "a.csv").read_bytes() == (root / "b.csv").read_bytes()


def test_images_may_lie_elsewhere(root, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("lists"), "105/00001.jpg,0,0\n")
    with pytest.raises(FileNotFoundError, match=r"105/00001.jpg.*`images`"):
        datasets.load("frames_csv", path)
    [clip] = datasets.load("frames_csv", path, images=root)
    assert clip.paths == [str(root / "105" / "00001.jpg")]


def test_splits_are_csv_files(root):
    write(root, "105/00001.jpg,0,0\n", "train.csv")
    write(root, "video 2/00001.jpg,0,0\n", "validation.csv")
    assert [clip.key for clip in datasets.load("frames_csv", root, "train")] == ["105"]
    assert len(datasets.load("frames_csv", root)) == 2
    with pytest.raises(FileNotFoundError, match=r"tset.csv"):
        datasets.load("frames_csv", root, "tset")


def test_clips_with_one_key_in_two_files_are_refused(root):
    write(root, "105/00001.jpg,0,0\n", "train.csv")
    write(root, "105/00002.jpg,0,0\n", "validation.csv")
    with pytest.raises(ValueError, match=r"different names.*105"):
        datasets.load("frames_csv", root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("105/00001.jpg,0.1,1.2\n", r"\[-1, 1\].*Received: \[0.1.*, 1.2.*\] at frame 1"),
        ("105/00001.jpg,nan,0\n", r"\[-1, 1\]"),
        ("105/00001.jpg,,0\n", r"\[-1, 1\]"),
        ("105/00001.jpg,high,0\n", "must hold numbers. Received: 'high' in row 1"),
        ("105/00001.jpg,0.1\n", "2 columns and no such header: .'105/00001.jpg'"),
        ("image,valence,arousal\n", "at least one row"),
        ("image,clip\n105/00001.jpg,\n", "Every row must belong to a clip"),
        ("image,clip,subject\n105/00001.jpg,a,x\n105/00002.jpg,a,y\n", "one subject"),
        ("../secret.jpg,0,0\n", "must stay under"),
        ("/etc/passwd,0,0\n", "must stay under"),
        ("105/00009.jpg,0,0\n", "Every image named in .* must exist"),
        ("image,valence\n105/00001.jpg,0\n", "must come together"),
        ("image,expression\n105/00001.jpg,joy\n", "'joy'"),
        ("image,x_0\n105/00001.jpg,0\n", "must come together"),
        ("image,valid\n,0\n", "Every row must belong to a clip"),
        ("clip,image,time\na,105/00001.jpg,2\na,105/00002.jpg,1\n", "do not decrease"),
        ("", "0 bytes"),
        ("\x00\x01\x02", "Received"),
    ],
)
def test_invalid_files_are_refused(root, text, message):
    path = write(root, text)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        datasets.load("frames_csv", path)


def test_a_missing_root_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="a csv of frames .* or a folder .*does not exist"):
        datasets.load("frames_csv", tmp_path / "nowhere")


def unlabelled(root):
    return datasets.Clip("105", [str(root / "105" / "00001.jpg"), ""])


@pytest.mark.parametrize("text", ["valence,arousal\n0.5,-0.5\n0,0\n", "0.5,-0.5\n0,0\n"])
def test_label_reads_a_row_per_frame(root, text):
    clip = frames_csv.label(unlabelled(root), write(root, text, "105.txt"))
    assert clip.valence_arousal.tolist() == [[0.5, -0.5], [0, 0]]
    assert clip.valid.tolist() == [True, False]


def test_label_reads_expressions_validity_and_subject(root):
    text = "valence,arousal,expression,valid,subject\n0.5,-0.5,fear,1,me\n,,,0,me\n"
    clip = frames_csv.label(unlabelled(root), write(root, text, "105.csv"))
    assert clip.expression.tolist() == [3, -1] and clip.subject == "me"


def test_label_files_of_another_length_are_refused(root):
    path = write(root, "valence,arousal\n0,0\n", "105.csv")
    with pytest.raises(ValueError, match=r"one entry per frame: shape \(2, 2\).*\(1, 2\)"):
        frames_csv.label(unlabelled(root), path)


@pytest.mark.parametrize("name", ["NA", "None", "null", "nan", "007"])
def test_keys_and_subjects_are_never_read_as_numbers(root, name):
    frames_csv.write([full_clip(root, key=name, subject=name)], root / "frames.csv")
    [clip] = datasets.load("frames_csv", root)
    assert clip.key == clip.subject == name and len(clip) == 3


def test_clips_without_a_subject_are_their_own_subject(root):
    write(root, "image,subject\n105/00001.jpg,\nvideo 2/00001.jpg,\n")
    assert [clip.subject for clip in datasets.load("frames_csv", root)] == ["105", "video 2"]


def test_different_spellings_of_a_path_belong_to_one_clip(root):
    write(root, f"105/00001.jpg,0,0\n./105/00002.jpg,0,0\n{root}/105/../105/00003.jpg,0,0\n")
    [clip] = datasets.load("frames_csv", root)
    assert clip.key == "105" and len(clip) == 3


def test_clips_without_landmarks_stay_without_beside_others(root):
    other = full_clip(root, key="b", landmarks=None)
    frames_csv.write([full_clip(root, key="a"), other], root / "frames.csv")
    first, second = datasets.load("frames_csv", root)
    assert first.landmarks is not None and second.landmarks is None


def test_writing_clips_with_one_key_is_refused(root):
    with pytest.raises(ValueError, match="different names"):
        frames_csv.write([full_clip(root), full_clip(root)], root / "frames.csv")
    with pytest.raises(ValueError, match="must not be empty"):
        frames_csv.write([], root / "frames.csv")


def test_linked_folders_of_images_are_read(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("disk")
    (elsewhere / "00001.jpg").touch()
    (root / "linked").symlink_to(elsewhere)
    write(root, "linked/00001.jpg,0,0\n")
    assert datasets.load("frames_csv", root)[0].key == "linked"


def test_a_clip_without_a_face_keeps_its_missing_landmarks(root):
    faceless = datasets.Clip("b", ["", ""], landmarks=np.full((2, 68, 2), np.nan))
    frames_csv.write([full_clip(root, key="a"), faceless], root / "frames.csv")
    clips = datasets.load("frames_csv", root)
    assert [clip.landmarks is not None for clip in clips] == [True, True]


def test_rows_longer_than_the_header_are_refused(root):
    path = write(root, "valence,arousal\n0,0,9\n0,0,9\n", "105.csv")
    with pytest.raises(ValueError, match="as many fields in every"):
        frames_csv.label(unlabelled(root), path)


def test_errors_name_the_row_of_the_file(root):
    rows = ["105/00001.jpg,0,0", "105/00002.jpg,0,0", "video 2/00001.jpg,0,0"]
    path = write(root, "\n".join([*rows, "video 2/00002.jpg,high,0"]))
    with pytest.raises(ValueError, match=r"'high' in row 4 of .*frames\.csv"):
        datasets.load("frames_csv", root)
    write(root, "\n".join([*rows, "video 2/00002.jpg,1.5,0"]))
    with pytest.raises(ValueError, match=rf"clip 'video 2'.*at frame 2.*is row 3 of {path}"):
        datasets.load("frames_csv", root)


def test_other_encodings_are_refused(root):
    path = root / "frames.csv"
    path.write_bytes("image,valence,arousal\ncafé/1.jpg,0,0\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"UTF-8 text.*frames\.csv"):
        datasets.load("frames_csv", root)


def test_links_to_themselves_count_as_existing_files(root):
    """Testing every file would take too long; the error appears when the image is read."""
    (root / "105" / "00009.jpg").symlink_to(root / "105" / "00009.jpg")
    (root / "loop").symlink_to(root / "loop")
    write(root, "105/00009.jpg,0,0\n")
    assert len(datasets.load("frames_csv", root)) == 1
    write(root, "loop/00009.jpg,0,0\n")
    with pytest.raises(FileNotFoundError, match="must exist"):
        datasets.load("frames_csv", root)


def test_hidden_files_and_patterns_are_not_csv_files(root):
    write(root, "105/00001.jpg,0,0\n", "train.csv")
    write(root, "not a csv", "._train.csv")
    assert len(datasets.load("frames_csv", root)) == 1
    for split in ("*", "/etc/passwd", "**", "[t]rain"):
        with pytest.raises(FileNotFoundError, match="which has no file"):
            datasets.load("frames_csv", root, split)


def test_label_list_adds_new_clips_to_the_listed_ones(root):
    labels = root / "labels"
    labels.mkdir()
    (labels / "105.txt").write_text("0.5,-0.5\n0,0\n")
    (labels / "video 2.csv").write_text("valence,arousal\n0.25,0\n")
    (labels / "video 2.txt").write_text("1,1\n")  # the csv file takes precedence
    second = datasets.Clip("video 2", [str(root / "video 2" / "00001.jpg")])
    for count, clip in enumerate((unlabelled(root), second), start=1):
        listed = frames_csv.read_label_list([f"{clip.key}.mp4"], root, labels)
        written = frames_csv.write_label_list([clip], listed, labels, root / "frames.csv")
        assert (len(listed), written) == (count - 1, count)
    first, second = datasets.load("frames_csv", root)
    assert first.valence_arousal.tolist() == [[0.5, -0.5], [0, 0]]
    assert second.valence_arousal.tolist() == [[0.25, 0]]


def test_label_list_replaces_a_listed_clip_with_the_same_key(root):
    labels = root / "labels"
    labels.mkdir()
    for value in (0.25, 0.5):
        (labels / "105.csv").write_text(f"{value},0\n0,0\n")
        listed = frames_csv.read_label_list(["105.mp4"], root, labels)
        frames_csv.write_label_list([unlabelled(root)], listed, labels, root / "frames.csv")
    [clip] = datasets.load("frames_csv", root)
    assert clip.valence_arousal[0].tolist() == [0.5, 0]


def test_label_list_needs_a_label_file_for_every_clip(root):
    with pytest.raises(FileNotFoundError, match=r"105\.csv, which does not exist"):
        frames_csv.write_label_list([unlabelled(root)], [], root, root / "frames.csv")
    assert not (root / "frames.csv").exists()


def test_obstacles_to_a_label_list_are_found_before_the_extraction(root):
    with pytest.raises(ValueError, match="a video named frames"):
        frames_csv.read_label_list(["videos/frames.mp4"], root, root)
    with pytest.raises(FileNotFoundError, match=r"nowhere, which is not a folder.*105\.csv"):
        frames_csv.read_label_list(["105.mp4"], root, root / "nowhere")
    write(root, "mine")
    with pytest.raises(FileExistsError, match=r"frames\.csv, which exists already"):
        frames_csv.read_label_list(["105.mp4"], root, root)
    assert (root / "frames.csv").read_text() == "mine"


def test_what_is_known_about_persons_is_written_and_read(tmp_path):
    (tmp_path / "x.png").touch()
    written = [
        Clip("a", [str(tmp_path / "x.png")] * 2, subject="anna", gender="female"),
        Clip("b", [str(tmp_path / "x.png")], subject="film", names_person=False),
        Clip("c", [str(tmp_path / "x.png")], names_person=True),
        Clip("d", [str(tmp_path / "x.png")]),
    ]
    frames_csv.write(written, tmp_path / "frames.csv")
    read = frames_csv.load(tmp_path / "frames.csv")
    assert [c.subject for c in read] == ["anna", "film", "c", "d"]
    assert [c.gender for c in read] == ["female", None, None, None]
    assert [c.person_known for c in read] == [True, False, True, False]


def test_minus_five_is_no_label_as_in_aff_wild2(root):
    write(root, "105/00001.jpg,0.1,-0.2\n105/00002.jpg,-5,-5\n105/00003.jpg,0.3,-5\n")
    (clip,) = datasets.load("frames_csv", root)
    assert np.isnan(clip.valence_arousal[1:]).all() and clip.valid.tolist() == [True, False, False]


def test_backslashes_in_paths_are_those_of_windows(root):
    write(root, "105\\00001.jpg,0.1,-0.2\nvideo 2\\00002.jpg,-1,1\n")
    first, second = datasets.load("frames_csv", root)
    assert (first.key, second.key) == ("105", "video 2")
    assert first.paths == [str(root / "105" / "00001.jpg")]
    (root / "a\\b.jpg").touch()  # a name that really has one
    write(root, "a\\b.jpg,0.1,-0.2\n")
    assert datasets.load("frames_csv", root)[0].paths == [str(root / "a\\b.jpg")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image;valence;arousal\n105/00001.jpg;0.1;0.2\n", "separated by semicolons: save it"),
        ("image;valence;arousal\n105/00001.jpg;0,1;0,2\n", "separated by semicolons"),
        ("105/00001.jpg;0,1;0,2\n", "separated by semicolons and its numbers have decimal commas"),
        ("image\tvalence\tarousal\n105/00001.jpg\t0.1\t0.2\n", "separated by tabs"),
    ],
)
def test_messages_name_another_separator(root, text, message):
    write(root, text)
    with pytest.raises(ValueError, match=message):
        datasets.load("frames_csv", root)


def test_rows_may_lack_all_kinds_of_labels_but_one(tmp_path, make_clip):
    units = np.full((3, 12), np.nan)
    units[0], units[2, :2] = 1, [0, 1]
    clips = [
        make_clip("a", 3, landmarks=None, expression=[-1, 7, 4], action_units=units,
                  expressions=EXPRESSIONS_8, valence_arousal=None),
        make_clip("b", 3, 9, landmarks=None),
        make_clip("c", 3, 18, landmarks=None, valence_arousal=None, expression=[4, 0, 4]),
    ]  # fmt: skip
    frames_csv.write(clips, tmp_path / "frames.csv")
    a, b, c = frames_csv.load(tmp_path / "frames.csv")
    assert a.expression.tolist() == [-1, 7, 4] and a.expressions == EXPRESSIONS_8
    np.testing.assert_array_equal(a.action_units, units)
    assert a.valence_arousal is None and a.valid.all()
    assert b.expression is None and b.action_units is None
    np.testing.assert_allclose(b.valence_arousal, clips[1].valence_arousal, atol=1e-6)
    assert c.expressions == EXPRESSIONS and c.expression.tolist() == [4, 0, 4]


def test_action_units_may_be_some_of_the_twelve(tmp_path):
    image = tmp_path / "1.png"
    image.touch()
    (tmp_path / "frames.csv").write_text("image,AU12,AU4\n1.png,1,\n1.png,0,1\n")
    [clip] = frames_csv.load(tmp_path / "frames.csv")
    assert clip.action_units[:, 6].tolist() == [1, 0] and clip.action_units[1, 2] == 1
    assert np.isnan(clip.action_units[0]).sum() == 11
    (tmp_path / "frames.csv").write_text("image,AU12\n1.png,2\n")
    with pytest.raises(ValueError, match="action units must be 0 or 1"):
        frames_csv.load(tmp_path / "frames.csv")
