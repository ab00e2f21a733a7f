import dataclasses
import json
import warnings

import numpy as np
import pandas as pd
import pytest

from kollias_affect import evaluation
from kollias_affect.clip import Clip
from kollias_affect.evaluation.postprocess import PostProcessing, median_filter, search, smooth


def naive_median(values, window):
    """The median of what each window holds, in a loop."""
    half = window // 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = [np.nanmedian(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]
    return np.where(np.isnan(values), np.nan, found)


def noisy(seed, keys=("a/utterance_1", "a/utterance_2"), frames=(60, 90), noise=0.4, missing=0.1):
    """Clips whose labels are slow curves, and predictions that are these and noise."""
    random = np.random.default_rng(seed)
    clips, predictions = [], {}
    for key, count in zip(keys, frames, strict=True):
        steps = random.normal(0, 0.05, (count, 2))
        labels = np.tanh(random.normal(0, 0.4, 2) + np.cumsum(steps, axis=0))
        faces = random.random(count) >= missing
        faces[0] = True
        paths = ["face.png" if face else "" for face in faces]
        clips.append(Clip(key, paths, valence_arousal=labels))
        values = labels + random.normal(0, noise, (count, 2))
        predictions[key] = np.where(faces[:, None], values, np.nan)
    return clips, predictions


def ccc_of(clips, outputs):
    return evaluation.scores(clips, outputs)["CCC"][["valence", "arousal"]].to_numpy()


def utterances(rows):
    """A table of `(key, valence, frames)`."""
    index = pd.Index([row[0] for row in rows], name="utterance")
    return pd.DataFrame(
        {"valence": [r[1] for r in rows], "frames": [r[2] for r in rows]}, index=index
    )


# The median filter.


@pytest.mark.parametrize("window", [1, 3, 5, 81, 161])
@pytest.mark.parametrize("frames", [0, 1, 2, 7, 80, 200])
def test_the_median_is_that_of_a_loop(window, frames):
    random = np.random.default_rng(frames)
    values = random.normal(size=(frames, 2))
    values[random.random((frames, 2)) < 0.2] = np.nan
    expected = [naive_median(values[:, 0], window), naive_median(values[:, 1], 3)]
    assert np.array_equal(
        median_filter(values, (window, 3)), np.transpose(expected), equal_nan=True
    )


@pytest.mark.parametrize("frames", range(1, 81, 13))
def test_clips_shorter_than_the_papers_windows_run(frames):
    values = np.random.default_rng(0).normal(size=(frames, 2))
    found = median_filter({"a": values})["a"]
    assert found.shape == (frames, 2)
    # A window of 81 reaches from the middle of such a clip to both of its ends.
    assert found[frames // 2, 0] == np.median(values[:, 0])


def test_edges_are_cut_and_not_mirrored():
    # Mirrored or repeated at the edge, the first median would be 0.
    assert median_filter([[0.0], [4.0], [6.0], [8.0]], 3)[:, 0].tolist() == [2, 4, 6, 7]


def test_frames_without_a_face_stay_missing_and_do_not_count():
    found = median_filter([[1.0], [np.nan], [3.0], [np.nan], [np.nan], [np.nan]], 3)[:, 0]
    assert np.array_equal(found, [1, np.nan, 3] + [np.nan] * 3, equal_nan=True)


def test_window_one_leaves_a_dimension_as_it_is():
    values = np.random.default_rng(0).normal(size=(9, 2))
    found = median_filter(values, (1, 3))
    assert np.array_equal(found[:, 0], values[:, 0]) and not np.array_equal(found, values)


def test_predictions_are_not_changed_in_place():
    values = np.random.default_rng(0).normal(size=(9, 2))
    before = values.copy()
    median_filter({"a": values}, 3)
    assert np.array_equal(values, before)


def test_the_filter_does_not_cross_clips():
    _, predictions = noisy(0)
    together = median_filter(predictions)
    for key, values in predictions.items():
        assert np.array_equal(together[key], median_filter(values), equal_nan=True)


def test_the_filter_takes_a_table_of_rows_in_any_order():
    _, predictions = noisy(0)
    table = evaluation.to_table(predictions, ["valence", "arousal"]).sample(frac=1, random_state=0)
    expected = median_filter(predictions)
    for key, values in median_filter(table).items():
        assert np.array_equal(values, expected[key], equal_nan=True)


@pytest.mark.parametrize("windows", [0, -3, 2, (81, 4), 3.5, "81", True, (3, None)])
def test_windows_must_be_odd_and_positive(windows):
    with pytest.raises(ValueError, match="`windows` must be"):
        median_filter(np.zeros((5, 2)), windows)


def test_one_window_per_dimension():
    with pytest.raises(ValueError, match="each of the 1 dimensions"):
        median_filter(np.zeros((5, 1)))


@pytest.mark.parametrize("bad", [np.zeros(5), np.full((5, 2), np.inf)])
def test_predictions_that_are_no_rows_of_numbers_are_refused(bad):
    # Infinite ones would be taken for frames without a face by pandas.
    with pytest.raises(ValueError, match=r"shape \[frames, dims\]"):
        median_filter({"a": bad}, 3)


# Smoothing of utterances.

ROWS = [
    ("a/utterance_1", 0.0, 100),
    ("a/utterance_2", 0.8, 20),
    ("a/utterance_10", 0.2, 40),
    ("b/utterance_3", -0.9, 10),
]


def test_neighbours_weigh_by_their_frames():
    found = smooth(utterances(ROWS), 3)["valence"].tolist()
    expected = [16 / 120, (16 + 8) / 160, (16 + 8) / 60, -0.9]
    assert np.allclose(found, expected, atol=1e-12)


def test_only_utterances_of_few_frames_change():
    found = smooth(utterances(ROWS), 3, few=40)["valence"].tolist()
    assert np.allclose(found, [0, (16 + 8) / 160, 0.2, -0.9], atol=1e-12)


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
    found = smooth(utterances(rows), 5)["valence"]
    assert np.allclose(found, [0.3, np.nan, 0.3], equal_nan=True)


def test_a_window_per_dimension_and_other_columns_stay():
    table = utterances(ROWS).assign(arousal=[0.1, 0.2, 0.3, 0.4])
    table["label valence"] = [0.5, -0.5, 0.5, -0.5]
    found = smooth(table, (3, 1), (None, 5))
    assert np.allclose(found["valence"], smooth(utterances(ROWS), 3)["valence"])
    rest = ["arousal", "frames", "label valence"]
    pd.testing.assert_frame_equal(found[rest], table[rest])


def test_smoothing_refuses_what_it_cannot_take():
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


# The search.

MANY = [f"{video}/utterance_{n}" for video in "abcd" for n in range(1, 7)]
FRAMES = [3 + 17 * (i % 4) for i in range(len(MANY))]


def test_the_search_finds_that_noise_wants_a_window():
    clips, predictions = noisy(0, frames=(400, 500))
    steps = search(predictions, clips)
    assert min(steps.windows) > 1
    improved = ccc_of(clips, steps.apply(predictions, clips)) - ccc_of(clips, predictions)
    assert (improved > 0.03).all()


@pytest.mark.parametrize("seed", range(12))
def test_the_search_never_lowers_the_validation_ccc(seed):
    noise = (0.0, 0.05, 0.5)[seed % 3]
    clips, predictions = noisy(seed, noise=noise)
    steps = search(predictions, clips, windows=(3, 11, 81))
    before, after = ccc_of(clips, predictions), ccc_of(clips, steps.apply(predictions))
    assert (after >= before).all()
    assert np.allclose(
        [steps.validation["none"], steps.validation["median_filter"]], [before, after]
    )
    kept = np.array(steps.windows) > 1
    assert np.array_equal(after > before, kept)


@pytest.mark.parametrize("seed", range(6))
def test_the_search_never_lowers_the_validation_ccc_of_utterances(seed):
    clips, predictions = noisy(seed, MANY, FRAMES, noise=(0.01, 0.5, 2)[seed % 3])
    steps = search(
        predictions, clips, windows=(3, 21), smoothing=((3, 25), (5, None)), by="utterance"
    )
    labels = evaluation.aggregate(predictions, clips, by="utterance").filter(like="label")
    before = ccc_of(clips, evaluation.aggregate(predictions, clips, by="utterance"))
    after = ccc_of(clips, steps.apply(predictions, clips).join(labels))
    none, filtered, smoothed = (np.array(values) for values in steps.validation.values())
    assert np.allclose(none, before) and np.allclose(smoothed, after)
    assert (filtered >= none).all() and (smoothed >= filtered).all()
    assert np.array_equal(smoothed > filtered, np.array(steps.smoothing) > 1)


def test_both_steps_are_found_for_noisy_utterances():
    kept = [search(*noisy(s, MANY, FRAMES, noise=1.5)[::-1], by="utterance") for s in range(3)]
    assert any(max(steps.windows) > 1 for steps in kept)
    assert any(max(steps.smoothing) > 1 for steps in kept)


def test_a_step_that_changes_nothing_stays_off():
    clips, predictions = noisy(0)
    means = {key: values * 0 + np.nanmean(values, axis=0) for key, values in predictions.items()}
    steps = search(means, clips)
    assert steps.windows == (1, 1)
    assert steps.validation["median_filter"] == steps.validation["none"]


def test_of_equal_windows_the_first_is_taken():
    clips, predictions = noisy(0, noise=1)
    for windows in ((801, 1001), (1001, 801)):  # both hold whole clips
        assert search(predictions, clips, windows=windows).windows == (windows[0],) * 2


def test_each_dimension_gets_the_window_it_would_get_alone():
    clips, predictions = noisy(3, frames=(200, 300))
    both = search(predictions, clips)
    for i, task in enumerate(("valence", "arousal")):
        alone = search({k: v[:, [i]] for k, v in predictions.items()}, clips, task=task)
        assert alone.names == (task,) and alone.windows == (both.windows[i],)
        assert alone.validation["median_filter"] == (both.validation["median_filter"][i],)


def test_the_order_of_clips_does_not_matter():
    clips, predictions = noisy(0, MANY, FRAMES)
    for by in (None, "utterance"):
        turned = search(dict(reversed(predictions.items())), clips[::-1], by=by)
        found = search(predictions, clips, by=by)
        assert turned.windows == found.windows and turned.smoothing == found.smoothing


def test_frames_that_are_not_valid_do_not_count():
    clips, predictions = noisy(0)
    expected = search(predictions, clips)
    longer = [
        clip.labelled(
            valence_arousal=np.where(clip.valid[:, None], clip.valence_arousal, 7),
            valid=clip.valid,
        )
        for clip in clips
    ]
    assert search(predictions, longer) == expected


def test_utterances_without_a_valid_frame_do_not_count():
    clips, predictions = noisy(0, MANY, FRAMES)
    unknown = clips[0].labelled(
        valence_arousal=np.ones((len(clips[0]), 2)), valid=np.zeros(len(clips[0]))
    )
    options = {"windows": (3, 21), "smoothing": (), "by": "utterance"}
    found = search(predictions, [unknown, *clips[1:]], **options)
    del predictions[clips[0].key]
    assert found == search(predictions, clips[1:], **options)


@pytest.mark.parametrize("by", [None, "utterance"])
def test_apply_never_looks_at_labels(by):
    clips, predictions = noisy(0, MANY, FRAMES)
    steps = search(predictions, clips, by=by)
    tests, given = noisy(1, MANY, FRAMES)
    random = np.random.default_rng(0)
    garbage = [
        clip.labelled(
            valence_arousal=random.uniform(-1, 1, (len(clip), 2)),
            valid=random.random(len(clip)) < 0.5,
        )
        for clip in tests
    ]
    nothing = [clip.labelled(valence_arousal=None) for clip in tests]
    found = [steps.apply(given, some) for some in (tests, garbage, nothing)]
    for other in found[1:]:
        if by is None:
            assert all(np.array_equal(other[k], found[0][k], equal_nan=True) for k in other)
        else:
            pd.testing.assert_frame_equal(other, found[0])
            assert not [name for name in other if name.startswith("label")]


def test_apply_uses_the_windows_that_were_found_on_other_clips():
    clips, predictions = noisy(0)
    steps = search(predictions, clips, windows=(5,))
    tests, given = noisy(1, frames=(30, 200))
    found = steps.apply(given)
    for clip in tests:
        expected = median_filter(given[clip.key], steps.windows)
        assert np.array_equal(found[clip.key], expected, equal_nan=True)


def test_apply_refuses_other_clips_and_other_outputs():
    clips, predictions = noisy(0)
    steps = search(predictions, clips, by="utterance")
    with pytest.raises(ValueError, match="no `clips`"):
        steps.apply(predictions)
    with pytest.raises(ValueError, match="same 1 clips"):
        steps.apply(predictions, clips[:1])
    with pytest.raises(ValueError, match="each of the 1 dimensions"):
        steps.apply({k: v[:, :1] for k, v in predictions.items()}, clips)


def test_the_search_refuses_what_it_cannot_score():
    clips, predictions = noisy(0)
    with pytest.raises(ValueError, match="labels"):
        search(predictions, [clip.labelled(valence_arousal=None) for clip in clips])
    with pytest.raises(ValueError, match="finite prediction"):
        search({**predictions, clips[0].key: np.full((60, 2), np.nan)}, clips)
    with pytest.raises(ValueError, match="Only utterances"):
        search(predictions, clips, smoothing=((3, None),))
    for wrong in ({"windows": (4,)}, {"by": "video"}, {"task": "expression"}):
        with pytest.raises(ValueError, match="must be"):
            search(predictions, clips, **wrong)
    with pytest.raises(ValueError, match="statistic"):
        search(predictions, clips, by="utterance", statistic="vote")


def test_the_synthetic_clips_go_through(synthetic_root):
    from kollias_affect import datasets

    clips = datasets.load("synthetic", synthetic_root, subjects=2, clips_per_subject=1, frames=24)
    random = np.random.default_rng(0)
    predictions = {}
    for clip in clips:
        values = clip.valence_arousal + random.normal(0, 0.3, (len(clip), 2))
        predictions[clip.key] = np.where(clip.has_image[:, None], values, np.nan)
    steps = search(predictions, clips)
    after = ccc_of(clips, steps.apply(predictions, clips))
    assert (after > ccc_of(clips, predictions)).all()


# The file.


@pytest.fixture(scope="module", params=[None, "utterance"])
def steps(request):
    clips, predictions = noisy(0, MANY, FRAMES)
    return search(predictions, clips, windows=(3, 21), by=request.param)


@pytest.fixture
def saved(steps, tmp_path):
    steps.save(tmp_path / "steps.json")
    return steps, tmp_path / "steps.json"


def test_what_was_saved_is_loaded(saved):
    steps, path = saved
    loaded = PostProcessing.load(path)
    assert loaded == steps
    loaded.save(path.with_name("again.json"))
    assert path.read_bytes() == path.with_name("again.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("names", ["arousal", "valence"]),
        ("names", 5),
        ("windows", [81]),
        ("windows", [81, 4]),
        ("windows", ["81", 3]),
        ("windows", {"a": 1}),
        ("smoothing", [3, True]),
        ("few", [0, None]),
        ("by", "video"),
        ("statistic", "vote"),
        ("length", 2.5),
        ("validation", {"none": [0.1, 2]}),
        ("validation", {"none": [0.1, float("nan")]}),
        ("validation", {"test": [0.1, 0.2]}),
        ("validation", [1]),
        ("versions", {"numpy": 2}),
        ("versions", None),
        ("command", "rm"),
    ],
)
def test_files_with_other_values_are_refused(saved, name, value):
    _, path = saved
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(ValueError, match=r"PostProcessing.save.*steps.json"):
        PostProcessing.load(path)


@pytest.mark.parametrize("content", ["", "[]", "{", "null", "{}", "[" * 100_000, "\x80\x04"])
def test_files_that_are_something_else_are_refused(tmp_path, content):
    path = tmp_path / "steps.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"steps.json"):
        PostProcessing.load(path)
    with pytest.raises(FileNotFoundError):
        PostProcessing.load(tmp_path / "none.json")


def test_the_steps_cannot_be_changed(saved):
    with pytest.raises(dataclasses.FrozenInstanceError):
        saved[0].windows = (1, 1)
