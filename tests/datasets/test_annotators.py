import numpy as np
import pytest

from kollias_affect.clip import Clip
from kollias_affect.datasets import annotators


def clip_and_traces(key, seed, frames=100):
    """A clip whose third annotator follows the mouth, and the traces of four."""
    random = np.random.default_rng(seed)
    mouth = np.sin(np.arange(frames) / 6 + seed)
    landmarks = np.zeros((frames, 68, 2))
    landmarks[:, 48:, 1] = mouth[:, None]
    traces = random.normal(size=(4, frames, 2)).cumsum(axis=1) / 40
    traces[2] = 0.5 * mouth[:, None]
    return Clip(key, ["x.jpg"] * frames, landmarks=landmarks), traces.clip(-1, 1)


def test_clips_get_the_labels_of_the_annotator_who_follows_the_landmarks():
    clips, traces = zip(*(clip_and_traces(key, i) for i, key in enumerate("ab")), strict=True)
    of_clip = dict(zip("ab", traces, strict=True))
    labelled, annotator = annotators.label(clips, of_clip)
    assert annotator == 2 and [clip.key for clip in labelled] == ["a", "b"]
    for clip, values in zip(labelled, traces, strict=True):
        assert np.allclose(clip.valence_arousal, values[2], atol=1e-6) and clip.valid.all()


def test_invalid_frames_do_not_choose_and_unrated_frames_are_invalid():
    clip, traces = clip_and_traces("a", 0)
    clip.valid[:] = np.arange(100) >= 30
    disturbed = traces.copy()
    disturbed[2, :30] = 1 - disturbed[2, :30].clip(-1, 1)
    assert annotators.most_correlated([clip], {"a": disturbed.clip(-1, 1)}).annotator == 2
    disturbed[2, 40:45] = np.nan
    (labelled,), _ = annotators.label([clip], {"a": disturbed}, annotator=2)
    assert labelled.valid.sum() == 65 and not labelled.valid[40:45].any()


def test_missing_traces_landmarks_and_annotators_are_refused():
    clip, traces = clip_and_traces("a", 0)
    with pytest.raises(ValueError, match="no traces for Clip\\('a'"):
        annotators.label([clip], {"b": traces})
    with pytest.raises(ValueError, match="shape \\(4, 100\\)"):
        annotators.label([clip], {"a": traces[..., 0]}, annotator=0)
    with pytest.raises(ValueError, match="annotator=4"):
        annotators.label([clip], {"a": traces}, annotator=4)
    with pytest.raises(ValueError, match="1 clips without any"):
        annotators.most_correlated([Clip("a", ["x.jpg"])], {})
