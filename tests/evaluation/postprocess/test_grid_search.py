import numpy as np
import pytest

from kollias_affect import evaluation
from kollias_affect.clip import Clip
from kollias_affect.evaluation.postprocess import WITHIN, search


def ccc_of(clips, outputs):
    return evaluation.scores(clips, outputs)["CCC"][["valence", "arousal"]].to_numpy()


def test_noisy_predictions_get_a_window(noisy):
    clips, predictions = noisy(0, frames=(400, 500))
    steps = search(predictions, clips)
    assert min(steps.windows) > 1
    improvement = ccc_of(clips, steps.apply(predictions, clips)) - ccc_of(clips, predictions)
    assert (improvement > 0.03).all()


@pytest.mark.parametrize("seed", range(6))
def test_the_validation_ccc_never_decreases(seed, noisy):
    clips, predictions = noisy(seed, noise=(0.0, 0.05, 0.5)[seed % 3])
    steps = search(predictions, clips, windows=(3, 11, 81))
    before, after = ccc_of(clips, predictions), ccc_of(clips, steps.apply(predictions))
    assert (after >= before).all()
    assert np.allclose(
        [steps.validation["none"], steps.validation["median_filter"]], [before, after]
    )
    assert np.array_equal(after > before, np.array(steps.windows) > 1)


@pytest.mark.parametrize("seed", range(3))
def test_the_validation_ccc_of_utterances_never_decreases(seed, noisy_utterances):
    clips, predictions = noisy_utterances(seed, noise=(0.01, 0.5, 2)[seed % 3])
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


def test_both_steps_are_used_for_noisy_utterances(noisy_utterances):
    results = []
    for seed in range(3):
        clips, predictions = noisy_utterances(seed, noise=1.5)
        options = {"windows": (3, 21), "smoothing": ((3, None), (5, None)), "by": "utterance"}
        results.append(search(predictions, clips, **options))
    assert any(max(steps.windows) > 1 for steps in results)
    assert any(max(steps.smoothing) > 1 for steps in results)


def test_a_step_that_changes_nothing_stays_off(noisy):
    clips, predictions = noisy(0)
    means = {key: values * 0 + np.nanmean(values, axis=0) for key, values in predictions.items()}
    steps = search(means, clips)
    assert steps.windows == (1, 1)
    assert steps.validation["median_filter"] == steps.validation["none"]


def test_of_equally_good_windows_the_first_is_used(noisy):
    clips, predictions = noisy(0, noise=1)
    for windows in ((801, 1001), (1001, 801)):  # both contain complete clips
        assert search(predictions, clips, windows=windows).windows == (windows[0],) * 2


def test_the_search_tries_sequences_and_clips_for_each_dimension():
    """Valence jumps at the borders of sequences; arousal has spikes there that belong to none."""
    border = np.arange(240) % 20 == 0
    valence = np.repeat(np.linspace(-0.9, 0.9, 12), 20)
    arousal = np.sin(np.arange(240) / 40)
    clip = Clip("a", ["face.png"] * 240, valence_arousal=np.stack([valence, arousal], axis=1))
    spikes = np.where(np.arange(240) % 20 == 10, 1.0, 0)
    predictions = np.stack([valence + spikes, arousal + np.where(border, 0.8, 0)], axis=1)
    steps = search({"a": predictions}, [clip], windows=(3,), length=20)
    assert steps.windows == (3, 3) and steps.within == ("sequence", "clip")
    only = {w: search({"a": predictions}, [clip], (3,), within=w, length=20) for w in WITHIN}
    best = np.max([steps.validation["median_filter"] for steps in only.values()], axis=0)
    assert np.array_equal(steps.validation["median_filter"], best)


def test_each_dimension_is_searched_separately(noisy):
    clips, predictions = noisy(3, frames=(200, 300))
    both = search(predictions, clips)
    for i, task in enumerate(("valence", "arousal")):
        single = search({k: v[:, [i]] for k, v in predictions.items()}, clips, task=task)
        assert single.names == (task,) and single.windows == (both.windows[i],)
        assert single.within == (both.within[i],)
        assert single.validation["median_filter"] == (both.validation["median_filter"][i],)


@pytest.mark.parametrize("by", [None, "utterance"])
def test_the_order_of_clips_does_not_matter(by, noisy_utterances):
    clips, predictions = noisy_utterances(0)
    options = {"windows": (3, 21), "by": by}
    reordered = search(dict(reversed(predictions.items())), clips[::-1], **options)
    steps = search(predictions, clips, **options)
    assert reordered.windows == steps.windows and reordered.smoothing == steps.smoothing


def test_frames_that_are_not_valid_do_not_count(noisy):
    clips, predictions = noisy(0)
    expected = search(predictions, clips)
    others = [
        clip.labelled(
            valence_arousal=np.where(clip.valid[:, None], clip.valence_arousal, 7),
            valid=clip.valid,
        )
        for clip in clips
    ]
    assert search(predictions, others) == expected


def test_utterances_without_a_valid_frame_do_not_count(noisy_utterances):
    clips, predictions = noisy_utterances(0)
    unknown = clips[0].labelled(
        valence_arousal=np.ones((len(clips[0]), 2)), valid=np.zeros(len(clips[0]))
    )
    options = {"windows": (3, 21), "smoothing": (), "by": "utterance"}
    steps = search(predictions, [unknown, *clips[1:]], **options)
    del predictions[clips[0].key]
    assert steps == search(predictions, clips[1:], **options)


def test_clips_and_options_that_cannot_be_scored_are_refused(noisy):
    clips, predictions = noisy(0)
    with pytest.raises(ValueError, match="labels"):
        search(predictions, [clip.labelled(valence_arousal=None) for clip in clips])
    with pytest.raises(ValueError, match="finite prediction"):
        search({**predictions, clips[0].key: np.full((60, 2), np.nan)}, clips)
    with pytest.raises(ValueError, match="Only utterances"):
        search(predictions, clips, smoothing=((3, None),))
    for wrong in ({"windows": (4,)}, {"by": "video"}, {"task": "expression"}, {"within": "x"}):
        with pytest.raises(ValueError, match="must be"):
            search(predictions, clips, **wrong)
    with pytest.raises(ValueError, match="statistic"):
        search(predictions, clips, by="utterance", statistic="vote")


@pytest.mark.nightly
def test_predictions_of_synthetic_clips_improve(synthetic_root):
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
