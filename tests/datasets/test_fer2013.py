import shutil

import cv2
import numpy as np
import pytest

from kollias_affect import EXPRESSIONS, datasets
from kollias_affect.datasets import fer2013

# The csv's numbers, and the names that folders have.
NAMES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
# (number, usage) of each row; all images differ.
ROWS = [(6, "Training"), (0, "Training"), (3, "PublicTest"), (6, "PublicTest"), (4, "PrivateTest")]
ROWS += [(number, "Training") for number in range(7)]
STYLES = {
    "fer2013.csv": ("emotion,pixels,Usage", "{0},{1},{2}"),
    "icml_face_data.csv": ("emotion, Usage, pixels", "{0},{2},{1}"),
}


def picture(row):
    return np.random.default_rng(row).integers(0, 256, (48, 48), np.uint8)


def csv_text(name, rows=ROWS, newline="\n"):
    header, form = STYLES[name]
    lines = [header]
    for row, (number, usage) in enumerate(rows):
        pixels = " ".join(str(value) for value in picture(row).ravel())
        lines.append(form.format(number, pixels, usage))
    return newline.join([*lines, ""])


def write_folders(root):
    for row, (number, usage) in enumerate(ROWS):
        part = "train" if usage == "Training" else "test"
        folder = root / part / NAMES[number]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{usage}_{1000 - row}.png"), picture(row))
    return root


@pytest.fixture(
    params=["fer2013.csv", "icml_face_data.csv", "folders", "tar of folders", "tar of a csv"]
)
def root(request, tmp_path, tar):
    """The same images in every layout of the database."""
    source = tmp_path / "fer2013"
    source.mkdir()
    if "folders" in request.param:
        write_folders(source)
    else:
        name = request.param if request.param in STYLES else "icml_face_data.csv"
        (source / name).write_text(csv_text(name))
    return tar(source, tmp_path / "fer2013.tar") if "tar" in request.param else source


def content(clips):
    """Image and class of each clip."""
    return {
        cv2.imread(clip.paths[0], cv2.IMREAD_UNCHANGED).tobytes(): int(clip.expression[0])
        for clip in clips
    }


def expected(*usages):
    names = {0: "anger", 1: "disgust", 2: "fear", 3: "happiness", 4: "sadness", 5: "surprise"}
    return {
        picture(row).tobytes(): EXPRESSIONS.index(names.get(number, "neutral"))
        for row, (number, usage) in enumerate(ROWS)
        if usage in usages
    }


def test_every_form_gives_the_same_classes(root):
    """Folders and the csv number the classes differently; neutral is 0 in every form."""
    clips = datasets.load("fer2013", root)
    assert content(clips) == expected("Training", "PublicTest", "PrivateTest")
    assert clips.report.classes["neutral"] == 3 and EXPRESSIONS[0] == "neutral"
    assert content(datasets.load("fer2013", root)) == content(clips)  # the unpacked images
    assert len({clip.subject for clip in clips}) == len(clips) == 12


@pytest.mark.parametrize(
    ("split", "usages"),
    [
        ("Training", ("Training",)),
        ("train", ("Training",)),
        ("PublicTest", ("PublicTest",)),
        ("validation", ("PublicTest",)),
        ("PrivateTest", ("PrivateTest",)),
        ("test", ("PublicTest", "PrivateTest")),
    ],
)
def test_public_and_private_test_are_distinguished(root, split, usages):
    """Folders have both in test/; the prefix of the file distinguishes them."""
    assert content(datasets.load("fer2013", root, split)) == expected(*usages)


@pytest.mark.parametrize(
    ("variant", "split", "usages"),
    [
        ("FER28", "train", ("Training",)),
        ("FER28", "validation", ("PublicTest",)),
        ("FER32", "train", ("Training", "PublicTest")),
        ("FER32", "validation", ("PrivateTest",)),
    ],
)
def test_variants_of_paper_d_combine_usages(root, variant, split, usages):
    assert content(datasets.load("fer2013", root, split, variant=variant)) == expected(*usages)


def test_counts_that_are_not_the_published_ones_are_noted(root):
    [(reason, (count, examples))] = datasets.load("fer2013", root).report.notes.items()
    assert "augmented, other split, cut" in reason and count == 3
    assert examples[0] == "Training 9, not 28,709"


@pytest.mark.parametrize("form", ["{}", "\ufeff{}"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends_are_accepted(tmp_path, form, newline):
    text = form.format(csv_text("fer2013.csv", newline=newline) + newline)
    (tmp_path / "fer2013.csv").write_bytes(text.encode())
    assert len(datasets.load("fer2013", tmp_path / "fer2013.csv")) == 12


def bad_csv(tmp_path, change, name="fer2013.csv"):
    lines = csv_text(name).splitlines()
    path = tmp_path / name
    path.write_text("\n".join(change(lines)) + "\n")
    return path


def replaced(old, new):
    """Returns a function that replaces a text in line 3."""
    return lambda lines: [*lines[:2], lines[2].replace(old, new, 1), *lines[3:]]


PIXELS = " ".join(str(value) for value in picture(1).ravel())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced("0,", "7,"), "an emotion from 0 to 6. Received: '7' in line 3 of"),
        (replaced("0,", "anger,"), "an emotion from 0 to 6. Received: 'anger' in line 3 of"),
        (replaced("0,", ","), "an emotion from 0 to 6. Received: nan in line 3 of"),
        (replaced(",Training", ",Train"), "a usage of .*Received: 'Train' in line 3 of"),
        (replaced(",Training", ""), "a usage of .*in line 3 of"),
        (replaced(PIXELS, PIXELS.rpartition(" ")[0]), "2303 fields.*in line 3 of"),
        (replaced(PIXELS, PIXELS + " 0"), "2305 fields.*in line 3 of"),
        (replaced(PIXELS, "256 " + PIXELS.partition(" ")[2]), "from 0 to 255.*'256 .*in line 3 of"),
        (replaced(PIXELS, "-1 " + PIXELS.partition(" ")[2]), "from 0 to 255.*in line 3 of"),
        (replaced(PIXELS, "0.5 " + PIXELS.partition(" ")[2]), "integers.*in line 3 of"),
        (replaced(PIXELS, "9" * 30 + " " + PIXELS.partition(" ")[2]), "integers.*in line 3"),
        (replaced(PIXELS, ""), "integers.*in line 3 of"),
        (replaced(",Training", ",Training,"), "line 3"),
        (
            lambda lines: [lines[0], *(f"{line},x" for line in lines[1:])],
            "emotion, pixels and Usage",
        ),
        (lambda lines: [*lines[:2], "", lines[2].replace("0,", "9,", 1)], "'9' in line 4 of"),
        (lambda lines: [lines[0].replace("Usage", "usage"), *lines[1:]], r"without \['Usage'\]"),
        (lambda lines: lines[1:], "without"),
        (lambda lines: lines[:1], "no clip was found"),
        (lambda lines: [*lines[:2], lines[2][:999]], "in line 3 of"),
    ],
)
def test_bad_rows_are_named_with_file_and_line(tmp_path, cache, change, message):
    path = bad_csv(tmp_path, change)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        datasets.load("fer2013", path)
    assert "fer2013.csv" in str(error.value)
    assert not [folder for folder in cache.iterdir() if any(folder.glob("*.png"))]


def test_bad_rows_in_an_archive_are_named_and_not_forgotten(tmp_path, tar):
    (tmp_path / "fer2013").mkdir()
    bad_csv(tmp_path / "fer2013", replaced(PIXELS, PIXELS + " 0"))
    path = tar(tmp_path / "fer2013", tmp_path / "fer2013.tar")
    for _ in range(2):  # the folder of the first attempt is not complete
        with pytest.raises(ValueError, match=r"2305 fields.*in line 3 of .*fer2013\.csv"):
            datasets.load("fer2013", path)


def test_other_files_are_refused(tmp_path):
    for content, message in ((b"\xff\xfe", "UTF-8"), (b"", "0 bytes"), (b"hello", "without")):
        (tmp_path / "fer2013.csv").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            datasets.load("fer2013", tmp_path)


@pytest.mark.parametrize("top", ["fer2013", "."])
def test_unpack_to_holds_archive_and_images(tmp_path, cache, tar, top):
    (tmp_path / "fer2013").mkdir()
    (tmp_path / "fer2013" / "fer2013.csv").write_text(csv_text("fer2013.csv"))
    path = tar(tmp_path / "fer2013", tmp_path / "fer2013.tar", name=top)
    shutil.rmtree(tmp_path / "fer2013")
    for _ in range(2):
        clips = datasets.load("fer2013", path, unpack_to=tmp_path / "here")
        assert all(clip.paths[0].startswith(str(tmp_path / "here")) for clip in clips)
        assert len(content(clips)) == 12
    assert not list(cache.iterdir())


def test_outer_and_doubled_folders_are_searched(tmp_path):
    write_folders(tmp_path / "archive" / "fer2013")
    before = content(datasets.load("fer2013", tmp_path / "archive"))
    for part in ("train", "test"):
        folder = tmp_path / "archive" / "fer2013" / part
        folder.rename(tmp_path / part)
        folder.mkdir()
        (tmp_path / part).rename(folder / part)
    after = content(datasets.load("fer2013", tmp_path / "archive"))
    assert before == after and len(after) == 12


def test_a_training_part_alone_is_read(tmp_path, tar):
    write_folders(tmp_path / "fer")
    shutil.rmtree(tmp_path / "fer" / "test")
    path = tar(tmp_path / "fer", tmp_path / "fer.tar", name=".")
    for root in (tmp_path / "fer", path):
        assert content(datasets.load("fer2013", root)) == expected("Training")
        with pytest.raises(FileNotFoundError, match="split 'PublicTest'.*PublicTest 0, not 3,589"):
            datasets.load("fer2013", root, "PublicTest")


def test_ignored_files_and_folders_are_noted(tmp_path):
    root = write_folders(tmp_path)
    shutil.copy(root / "test" / "happy" / "PublicTest_998.png", root / "test" / "happy" / "7.png")
    (root / "train" / "angry" / "Thumbs.db").touch()
    (root / "train" / "loose.png").touch()
    (root / "validation" / "angry").mkdir(parents=True)
    (root / "train" / "angry" / "more").mkdir()
    clips = datasets.load("fer2013", root)
    assert len(clips) == 12
    notes = {examples[0]: count for count, examples in clips.report.notes.values()}
    assert (
        notes.items()
        >= {
            "7.png": 1,
            "Thumbs.db": 1,
            "loose.png": 1,
            "validation": 1,
            "more": 1,
        }.items()
    )


def test_training_images_need_no_prefix(tmp_path):
    root = write_folders(tmp_path)
    (root / "train" / "angry" / "Training_999.png").rename(root / "train" / "angry" / "im0.png")
    assert len(datasets.load("fer2013", root, "Training")) == 9


def test_augmented_copies_are_noted(tmp_path):
    root = write_folders(tmp_path)
    for number in range(5):
        shutil.copy(
            root / "train" / "angry" / "Training_999.png",
            root / "train" / "angry" / f"Training_999_aug{number}.png",
        )
    report = datasets.load("fer2013", root, "train").report
    [(_, examples)] = report.notes.values()
    assert report.classes["anger"] == 7 and examples == ("Training 14, not 28,709",)


def test_folders_with_other_names_are_refused(tmp_path):
    root = write_folders(tmp_path)
    (root / "train" / "angry").rename(root / "train" / "grumpy")
    with pytest.raises(ValueError, match=r"one of \('neutral'.*Received: .*grumpy"):
        datasets.load("fer2013", root)


def test_two_names_of_one_expression_must_not_clash(tmp_path):
    root = write_folders(tmp_path)
    shutil.copytree(root / "train" / "angry", root / "train" / "Anger")
    with pytest.raises(ValueError, match="different names"):
        datasets.load("fer2013", root)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, "`split` must be one of"),
        ({"variant": "FER99"}, "`variant` must be one of"),
        ({"variant": "FER28"}, r"`split` must be one of \('train', 'validation'\)"),
        ({"variant": "FER32+EmotiW", "split": "train"}, "needs SFEW"),
        ({"emotiw": "somewhere"}, "needs the variant"),
        ({"images": "x"}, "option of fer2013"),
    ],
)
def test_unknown_arguments_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        datasets.load("fer2013", write_folders(tmp_path), **options)


def test_folders_without_the_database_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"fer2013\.csv or .*which has none of them"):
        datasets.load("fer2013", tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        datasets.load("fer2013", tmp_path / "none")


@pytest.fixture
def emotiw(tmp_path):
    """A small SFEW."""
    root = tmp_path / "sfew"
    for part, count in (("Train", 2), ("Val", 1)):
        for emotion in ("Angry", "Neutral"):
            folder = root / f"{part}_Aligned_Faces" / emotion
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{emotion}_00000{i}{count}40_0000000{i}.png").touch()
    return root


@pytest.mark.parametrize(("split", "fer", "added"), [("train", 11, 4), ("validation", 0, 2)])
def test_the_variant_with_sfew_adds_its_images(tmp_path, emotiw, split, fer, added):
    root = write_folders(tmp_path / "fer")
    clips = datasets.load("fer2013", root, split, variant="FER32+EmotiW", emotiw=emotiw)
    assert len(clips) == fer + added and clips.report.classes["neutral"] == (5 if fer else 1)
    assert any("SFEW" in reason for reason in clips.report.notes)


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """The real archive, unpacked."""
    to = tmp_path_factory.mktemp("fer2013")
    return datasets.load("fer2013", shared("fer2013.tar"), unpack_to=to), to / "fer2013"


def test_the_real_archive_has_the_published_counts(real):
    clips, _ = real
    assert clips.report.frames == 28709 + 3589
    assert {clip.key.split("/")[0] for clip in clips} == {"Training", "PublicTest"}
    training = [int(clip.expression[0]) for clip in clips if clip.key.startswith("Training/")]
    counts = np.bincount(training).tolist()
    assert dict(zip(EXPRESSIONS, counts, strict=True)) == {
        "anger": 3995,
        "disgust": 436,
        "fear": 4097,
        "happiness": 7215,
        "sadness": 4830,
        "surprise": 3171,
        "neutral": 4965,
    }
    [(_, examples)] = clips.report.notes.values()
    assert examples == ("PrivateTest 0, not 3,589",)


@pytest.mark.nightly
def test_real_images_have_one_class_in_every_form(real, tmp_path):
    clips, folder = real
    unpacked = datasets.load("fer2013", folder)
    classes = [(clip.key, clip.expression[0]) for clip in clips]
    assert classes == [(clip.key, clip.expression[0]) for clip in unpacked]
    some = clips[::400]  # 81 images of all classes
    numbers = {name: number for number, name in enumerate(fer2013.CLASSES)}
    for name, (header, form) in STYLES.items():
        lines = [header]
        for clip in some:
            pixels = cv2.imread(clip.paths[0], cv2.IMREAD_UNCHANGED).ravel().tolist()
            usage, emotion, _ = clip.key.split("/")
            lines.append(form.format(numbers[emotion], " ".join(map(str, pixels)), usage))
        (tmp_path / name).write_text("\n".join(lines))
        listed = datasets.load("fer2013", tmp_path / name)
        assert content(listed) == content(some) and set(content(some).values()) == set(range(7))
