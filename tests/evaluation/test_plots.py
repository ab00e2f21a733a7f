import matplotlib.image
import numpy as np

from kollias_affect import evaluation
from kollias_affect.evaluation import plots


def values(frames=20):
    outputs = np.random.default_rng(0).uniform(-1, 1, (frames, 2))
    outputs[5:8] = np.nan
    return outputs


def test_traces_are_a_picture_and_deterministic(tmp_path):
    for name in ("a.png", "b.png"):
        evaluation.traces(np.arange(20) / 25, values(), ["valence", "arousal"], tmp_path / name)
    picture = matplotlib.image.imread(tmp_path / "a.png")
    assert picture.shape[0] > 300 and picture[..., :3].std() > 0.01
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_clip_picture_shows_faces_above_the_traces(make_clip, tmp_path):
    clip = make_clip(frames=20, level=100, missing=(0, 1))
    evaluation.clip_picture(clip, values(), ("valence", "arousal"), tmp_path / "a.png", title="t")
    assert matplotlib.image.imread(tmp_path / "a.png").shape[1] > 800


def test_gaps_are_runs_of_nan():
    nan = np.nan
    assert plots._gaps(np.array([nan, 1, nan, nan, 2, nan])) == [(0, 0), (2, 3), (5, 5)]
    assert plots._gaps(np.array([1.0, 2.0])) == []


def test_single_values_between_gaps_are_found():
    nan = np.nan
    assert plots._alone(np.array([1, nan, 2, nan, 3, 4, nan])).tolist() == [
        *(True, False, True, False, False, False, False)
    ]


def test_clip_without_a_face_has_a_picture_too(make_clip, tmp_path):
    clip = make_clip(frames=20, missing=range(20))
    path = tmp_path / "a.png"
    evaluation.clip_picture(clip, np.full((20, 2), np.nan), ("valence", "arousal"), path)
    assert path.exists()
