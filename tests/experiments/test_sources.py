import database_trees
import numpy as np
import pytest

from kollias_affect import datasets
from kollias_affect.clip import Clip
from kollias_affect.experiments.sources import Source, limited, parse, stage

NAMES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def test_a_text_names_database_path_and_options():
    options, sources = parse("fer2013:/a:b/fer.tar:variant=FER28:epochs=3:learning_rate=0.1")
    assert options == {"epochs": 3, "learning_rate": 0.1}
    assert sources == [Source("fer2013", "/a:b/fer.tar", options={"variant": "FER28"})]


def test_commas_join_databases():
    _, sources = parse("fer2013:a,b:variant=FER32:validation=none,sfew:c:crop=true")
    assert sources[0] == Source("fer2013", "a,b", None, "none", options={"variant": "FER32"})
    assert sources[1] == Source("sfew", "c", crop=True)


def test_options_of_a_stage():
    for text, frozen in (
        ("cnn", {"cnn": True}),
        ("2", {"last": 2}),
        ("fc6+fc7", {"names": ["fc6", "fc7"]}),
    ):
        assert parse(f"ck48:x:frozen={text}:new_head=true")[0] == {
            "frozen": frozen,
            "new_head": True,
        }
    assert parse("ck48:x:validation=0.3")[1][0].validation == 0.3


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
def test_other_texts_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_database_with_splits_has_its_own_validation(fer):
    loaded = stage([Source("fer2013", fer, options={"variant": "FER32"})])
    assert loaded.name == "FER32" and (len(loaded.training), len(loaded.validation)) == (14, 7)
    loaded = stage([Source("fer2013", fer, "Training", 0.3)])
    assert (len(loaded.training), len(loaded.validation)) == (5, 2)


def test_a_stage_trains_and_validates_on_official_parts(tmp_path):
    tree = database_trees.fer2013(tmp_path)
    loaded = stage([Source("fer2013", tree)])
    parts = [
        {clip.official_part for clip in clips} for clips in (loaded.training, loaded.validation)
    ]
    assert parts == [{"fer2013/Training"}, {"fer2013/PublicTest"}]
    tree = database_trees.omg(tmp_path / "omg", 20, 10, 10, persons=10)
    loaded = stage([Source("omg", tree)])
    assert (len(loaded.training), len(loaded.validation)) == (20, 10)
    mixed = stage(parse(f"omg:{tree}:split=all")[1])
    assert len(mixed.training) + len(mixed.validation) == 40


def test_an_option_of_a_loader_may_be_named_like_the_seed_of_the_draw(monkeypatch):
    seeds = []

    def load(root, split=None, seed=0):
        seeds.append(seed)
        return [Clip(name, [f"{name}.jpg"]) for name in "abcdefghij"]

    monkeypatch.setattr(datasets.synthetic, "load", load)
    source = Source("synthetic", "root", "all", options={"seed": 3})
    assert len(source.divide(seed=1).training) == 6 and seeds == [3]


def test_limited_sets_have_classes_of_the_same_size():
    clips = [Clip(f"{i}", ["x"] * 2, expression=[i % 3] * 2) for i in range(60)]
    chosen = limited(clips, 10, seed=1)
    labels = np.concatenate([clip.expression for clip in chosen])
    assert np.bincount(labels).tolist() == [10, 10, 10]
    assert [c.key for c in chosen] == sorted((c.key for c in chosen), key=int)
    assert [c.key for c in limited(clips, 10, seed=2)] != [c.key for c in chosen]
