import ast

import cv2
import numpy as np
import pytest

from kollias_affect.clip import Clip
from kollias_affect.experiments.paper_d.submissions import PATHS, path_stages
from kollias_affect.experiments.sources import Source, limited, parse, stage

NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def value(text, default):
    return text if default is None else ast.literal_eval(text)


def image(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((48, 48), level, np.uint8))


@pytest.fixture
def fer(tmp_path):
    for i, name in enumerate(NAMES):
        image(tmp_path / "fer" / "train" / name / f"Training_{i}.jpg", i)
        image(tmp_path / "fer" / "test" / name / f"PublicTest_{i}.jpg", i + 30)
        image(tmp_path / "fer" / "test" / name / f"PrivateTest_{i}.jpg", i + 60)
    return tmp_path / "fer"


@pytest.fixture
def sfew(tmp_path):
    for i, name in enumerate(("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")):
        for j, part in enumerate(("Train", "Val")):
            folder = tmp_path / "sfew" / f"{part}_Aligned_Faces" / name
            image(folder / f"Movie{j}_00010{i}240_0000000{i}.png", 100 + i)
    return tmp_path / "sfew"


def test_a_text_names_database_path_and_options():
    options, sources = parse("fer2013:/a:b/fer.tar:variant=FER28:epochs=3:learning_rate=0.1", value)
    assert options == {"epochs": 3, "learning_rate": 0.1}
    assert sources == [Source("fer2013", "/a:b/fer.tar", options={"variant": "FER28"})]


def test_commas_join_databases():
    _, sources = parse("fer2013:a,b:variant=FER32:validation=none,sfew:c:crop=true", value)
    assert sources[0] == Source("fer2013", "a,b", None, "none", options={"variant": "FER32"})
    assert sources[1] == Source("sfew", "c", crop=True)


def test_options_of_a_stage():
    for text, frozen in (
        ("cnn", {"cnn": True}),
        ("2", {"last": 2}),
        ("fc6+fc7", {"names": ["fc6", "fc7"]}),
    ):
        assert parse(f"ck48:x:frozen={text}:new_head=true", value)[0] == {
            "frozen": frozen,
            "new_head": True,
        }
    assert parse("ck48:x:validation=0.3", value)[1][0].validation == 0.3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ck48", "DATASET:PATH"),
        ("ck48:", "DATASET:PATH"),
        ("ck49:x", "DATASET:PATH"),
        ("ck48:x:colour=red", "`option of ck48` must be one of"),
        ("ck48:x:epochs=few", "`epochs` of a stage must be a whole number"),
        ("ck48:x:crop=maybe", "must be true or false"),
    ],
)
def test_texts_that_are_none(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text, value)


def test_a_database_with_splits_validates_on_its_own(fer):
    loaded = stage([Source("fer2013", fer, options={"variant": "FER32"})])
    assert loaded.name == "FER32" and (len(loaded.training), len(loaded.validation)) == (14, 7)
    loaded = stage([Source("fer2013", fer, "Training", 0.3)])
    assert (len(loaded.training), len(loaded.validation)) == (5, 2)


PICTURES = {"FER28": (7, 7), "FER32": (14, 7), "EmotiW": (7, 7), "FER32+EmotiW": (21, 7)}


@pytest.mark.parametrize("number", PATHS)
def test_paths_of_figure_3(number, fer, sfew):
    loaded, target = path_stages(number, fer, sfew, crop=False, epochs=1)
    path = PATHS[number]
    assert [each.name for each in loaded] == list(path.stages)
    assert [(len(s.training), len(s.validation)) for s in loaded] == [
        PICTURES[name] for name in path.stages
    ]
    # All are judged on EmotiW's validation part, and the union validates on nothing else.
    assert [clip.key.split("/")[0] for clip in target] == ["validation"] * 7


def test_published_accuracies_are_those_of_figure_4():
    assert sorted(PATHS) == [1, 2, 3, 5, 6, 7, 8, 9]
    best = max(PATHS, key=lambda number: PATHS[number].published["test"])
    assert best == 3 and PATHS[3].published == {"validation": 0.485, "test": 0.556}
    assert PATHS[9].stages == ("FER32+EmotiW",) and PATHS[8].stages == ("FER32", "EmotiW")


def test_no_path_4(fer, sfew):
    with pytest.raises(ValueError, match="`path` must be one of"):
        path_stages(4, fer, sfew)


def test_limited_sets_have_alike_classes():
    clips = [Clip(f"{i}", ["x"] * 2, expression=[i % 3] * 2) for i in range(60)]
    chosen = limited(clips, 10, seed=1)
    labels = np.concatenate([clip.expression for clip in chosen])
    assert np.bincount(labels).tolist() == [10, 10, 10]
    assert [c.key for c in chosen] == sorted((c.key for c in chosen), key=int)
    assert [c.key for c in limited(clips, 10, seed=2)] != [c.key for c in chosen]
