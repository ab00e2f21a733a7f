import numpy as np
import pytest

from kollias_affect.experiments import SMOKE, Laboratory, Parts, scoring
from kollias_affect.experiments.declaration import Fusion, Network, Training


def test_a_video_without_a_valid_frame_is_not_counted(make_clip, tmp_path):
    clips = [
        make_clip("a", 4, size=8, valence_arousal=None, expression=[3] * 4),
        make_clip("b", 4, 9, size=8, valence_arousal=None, expression=[0] * 4, valid=[False] * 4),
    ]
    laboratory = Laboratory({"data": Parts([], [], clips)}, tmp_path, SMOKE)
    wrong = {clip.key: np.eye(7)[[1] * 4] for clip in clips}
    laboratory.predictions = lambda _: {"test": (clips, wrong)}
    setting = scoring.Scored(Training(Network("cnn"), task="expression"))
    numbers = scoring.expressions(laboratory, setting)
    assert numbers["total"] == 0 and numbers["neutral"] is None


@pytest.mark.parametrize("processed", [False, True])
def test_utterances_count_as_one_each(make_clip, tmp_path, processed):
    clips = [
        make_clip(f"v{i}/utterance_{j}", 6, 20 * i + 5 * j, size=8, subject=f"v{i}",
                  valence_arousal=np.full((6, 2), 0.1 * i + 0.05 * j))
        for i in range(3) for j in (1, 2, 3)
    ]  # fmt: skip
    laboratory = Laboratory({"data": Parts([], clips[:3], clips[3:])}, tmp_path, SMOKE)
    random = np.random.default_rng(0)
    predictions = {
        part: (chosen, {c.key: c.valence_arousal + random.normal(0, 0.1, (6, 2)) for c in chosen})
        for part, chosen in (("validation", clips[:3]), ("test", clips[3:]))
    }
    laboratory.predictions = lambda _: predictions
    setting = scoring.Scored(Training(Network("cnn")), processed)
    numbers = scoring.dimensional(laboratory, setting)
    medians = np.array([np.median(predictions["test"][1][c.key], axis=0) for c in clips[3:]])
    labels = np.array([c.valence_arousal[0] for c in clips[3:]])
    if not processed:
        assert numbers["MSE valence"] == pytest.approx(((medians - labels) ** 2)[:, 0].mean())
    assert numbers["CCC valence"] > 0.3
    clips[3].valid[:] = False  # then it is left out, processed or not
    fewer = scoring.dimensional(laboratory, setting)
    assert fewer["MSE valence"] != numbers["MSE valence"]
    assert np.isfinite(list(fewer.values())).all()


def test_decision_fusion_averages_the_final_estimates_of_utterances(make_clip, tmp_path):
    """Paper B, eq. 1: the medians of each network are averaged, not its frames."""
    clips = [
        make_clip(f"v{i}/utterance_{j}", 5, size=8, subject=f"v{i}",
                  valence_arousal=np.full((5, 2), 0.1 * i + 0.05 * j))
        for i in range(3) for j in (1, 2, 3)
    ]  # fmt: skip
    laboratory = Laboratory({"data": Parts([], clips[:4], clips[4:])}, tmp_path, SMOKE)
    random = np.random.default_rng(0)
    members = (Training(Network("cnn")), Training(Network("cnn", "cnn_m")))
    of_member = {
        member.network.backbone: {
            c.key: (c.valence_arousal + random.normal(0, 0.2, (5, 2))).astype(np.float32)
            for c in clips
        }
        for member in members
    }
    original = laboratory.predictions

    def predictions(setting):
        if isinstance(setting, Fusion):
            return original(setting)
        values = of_member[setting.network.backbone]
        return {
            part: (chosen, {clip.key: values[clip.key] for clip in chosen})
            for part, chosen in (("validation", clips[:4]), ("test", clips[4:]))
        }

    laboratory.predictions = predictions
    numbers = scoring.dimensional(laboratory, scoring.Scored(Fusion(members, "decision")))

    def medians(backbone, chosen):
        return np.array([np.median(of_member[backbone][c.key], axis=0) for c in chosen])

    def labels(chosen):
        return np.array([c.valence_arousal[0] for c in chosen])

    weights = []
    for member in members:
        x, y = labels(clips[:4]), medians(member.network.backbone, clips[:4])
        covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
        weights.append(2 * covariance / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2))
    weights = np.maximum(weights, 0)
    estimates = [medians(member.network.backbone, clips[4:]) for member in members]
    fused = sum(w * e for w, e in zip(weights, estimates, strict=True)) / weights.sum(0)
    error = ((fused - labels(clips[4:])) ** 2).mean(0)
    assert numbers["MSE valence"] == pytest.approx(error[0], rel=1e-5)
    assert numbers["MSE arousal"] == pytest.approx(error[1], rel=1e-5)
