import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from kollias_affect.evaluation.postprocess import PostProcessing, median_filter, search


@pytest.fixture(scope="module", params=[None, "utterance"])
def steps(request, noisy_utterances):
    clips, predictions = noisy_utterances(0)
    return search(predictions, clips, windows=(3, 21), by=request.param)


@pytest.fixture
def saved(steps, tmp_path):
    steps.save(tmp_path / "steps.json")
    return steps, tmp_path / "steps.json"


def test_labels_are_never_used(steps, noisy_utterances):
    clips, predictions = noisy_utterances(1)
    random = np.random.default_rng(0)
    mislabelled = [
        clip.labelled(
            valence_arousal=random.uniform(-1, 1, (len(clip), 2)),
            valid=random.random(len(clip)) < 0.5,
        )
        for clip in clips
    ]
    unlabelled = [clip.labelled(valence_arousal=None) for clip in clips]
    expected, *others = [steps.apply(predictions, c) for c in (clips, mislabelled, unlabelled)]
    for other in others:
        if steps.by is None:
            assert all(np.array_equal(other[k], expected[k], equal_nan=True) for k in other)
        else:
            pd.testing.assert_frame_equal(other, expected)
            assert not [name for name in other if name.startswith("label")]


def test_other_clips_get_the_windows_of_the_search(noisy):
    clips, predictions = noisy(0)
    steps = search(predictions, clips, windows=(5,))
    test_clips, test_predictions = noisy(1, frames=(30, 200))
    outputs = steps.apply(test_predictions)
    for clip in test_clips:
        expected = median_filter(test_predictions[clip.key], steps.windows, steps.within)
        assert np.array_equal(outputs[clip.key], expected, equal_nan=True)


def test_other_clips_and_other_outputs_are_refused(noisy):
    clips, predictions = noisy(0)
    steps = search(predictions, clips, windows=(3,), smoothing=(), by="utterance")
    with pytest.raises(ValueError, match="no `clips`"):
        steps.apply(predictions)
    with pytest.raises(ValueError, match="same 1 clips"):
        steps.apply(predictions, clips[:1])
    with pytest.raises(ValueError, match="each of the 1 dimensions"):
        steps.apply({k: v[:, :1] for k, v in predictions.items()}, clips)


def test_saved_steps_are_loaded(saved):
    steps, path = saved
    loaded = PostProcessing.load(path)
    assert loaded == steps
    loaded.save(path.with_name("again.json"))
    assert path.read_bytes() == path.with_name("again.json").read_bytes()


@pytest.mark.parametrize("within", ["sequence", "clip"])
def test_the_part_that_was_searched_is_stored_and_applied(within, noisy, tmp_path):
    clips, predictions = noisy(0, frames=(400, 500))
    steps = search(predictions, clips, windows=(21,), within=within, length=50)
    assert steps.windows == (21, 21) and steps.within == (within, within) and steps.length == 50
    part = "sequences of 50 frames" if within == "sequence" else "clips"
    assert str(steps).startswith(f"median filter of 21 within {part} for valence")
    steps.save(tmp_path / "steps.json")
    outputs = PostProcessing.load(tmp_path / "steps.json").apply(predictions)
    for key, values in predictions.items():
        expected = median_filter(values, 21, within=within, length=50)
        assert np.array_equal(outputs[key], expected, equal_nan=True)


@pytest.mark.parametrize("by", [None, "utterance"])
def test_older_files_mean_filters_over_whole_clips(by, noisy, tmp_path):
    older = {
        "names": ["valence", "arousal"],
        "windows": [81, 3],
        "smoothing": [1, 1],
        "few": [None, None],
        "by": by,
        "statistic": "median" if by else None,
        "length": 80 if by else None,
        "validation": {"none": [0.1, 0.2]},
        "versions": {"numpy": "2.0.0"},
    }
    (tmp_path / "steps.json").write_text(json.dumps(older))
    steps = PostProcessing.load(tmp_path / "steps.json")
    assert steps.within == ("clip", "clip")
    assert "median filter of 81 within clips for valence" in str(steps)
    _, predictions = noisy(0, frames=(200, 300))
    for key, values in steps.filter(predictions).items():
        expected = median_filter(predictions[key], (81, 3), within="clip")
        assert np.array_equal(values, expected, equal_nan=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("names", ["arousal", "valence"]),
        ("names", 5),
        ("windows", [81]),
        ("windows", [81, 4]),
        ("windows", ["81", 3]),
        ("windows", {"a": 1}),
        ("within", ["sequence", "video"]),
        ("within", ["clip"]),
        ("within", None),
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
def test_files_with_other_content_are_refused(tmp_path, content):
    path = tmp_path / "steps.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"steps.json"):
        PostProcessing.load(path)
    with pytest.raises(FileNotFoundError):
        PostProcessing.load(tmp_path / "none.json")


def test_steps_are_immutable(saved):
    with pytest.raises(dataclasses.FrozenInstanceError):
        saved[0].windows = (1, 1)
