import numpy as np
import pytest

from kollias_affect import evaluation, models
from kollias_affect.transfer import cross_validate


@pytest.fixture
def build(tiny):
    return lambda: tiny("valence_arousal", length=6)


@pytest.fixture
def clips(make_clip):
    clips = [make_clip(name, 6, 10 * i, size=16) for i, name in enumerate("abcd")]
    for clip in clips[:2]:
        clip.subject = "same"
    return clips


def test_scores_cover_the_complete_corpus_and_a_second_call_trains_nothing(
    build, clips, tmp_path, quick
):
    options = {"folds": 2, "out_dir": tmp_path / "run", "epochs": 1, "batch_size": 2, "verbose": 0}
    first = cross_validate(build, clips, **options)
    assert [len(p) for p in first.predictions.values()] == [6] * 4
    expected = evaluation.scores(clips, first.predictions)
    assert np.allclose(first.scores, expected)
    assert first.scores.loc["valence", "frames"] == 24
    files = [tmp_path / "run" / f"fold-{k}" / "best.keras" for k in (1, 2)]
    stamps = [path.stat().st_mtime_ns for path in files]
    # The clips of a fold are predicted by its model, which was not trained on their people.
    fold_of = {
        key: k
        for k, path in enumerate(files)
        for key, values in evaluation.predict(models.load(path)[0], clips).items()
        if np.allclose(values, first.predictions[key], atol=1e-6)
    }
    assert fold_of["a"] == fold_of["b"] and set(fold_of.values()) == {0, 1}
    repeated = cross_validate(build, clips, **options)
    assert [path.stat().st_mtime_ns for path in files] == stamps
    assert all(np.allclose(repeated.predictions[key], p) for key, p in first.predictions.items())
    assert (tmp_path / "run" / "scores.csv").exists()


def test_too_few_people_are_refused(build, clips, tmp_path):
    with pytest.raises(ValueError, match="at least as many subjects"):
        cross_validate(build, clips, 4, tmp_path / "run")
