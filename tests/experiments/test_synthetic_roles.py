import numpy as np

from kollias_affect.experiments.roles import ROLES
from kollias_affect.experiments.synthetic_roles import synthetic_roles


def test_roles_keep_people_apart_and_have_all_labels(monkeypatch, make_clip):
    clips = [make_clip(f"s{i}", 5, 9 * i, size=8) for i in range(10)]
    monkeypatch.setattr("kollias_affect.datasets.load", lambda *_, **__: clips)
    roles = synthetic_roles("anywhere")
    assert set(roles) == set(ROLES) - {"test"}
    for parts in roles.values():
        assert len({clip.subject for clip in parts.everything}) == len(parts.everything)
    other, same = roles["annotator"].training[0], roles["data"].training[0]
    assert other.paths == same.paths
    assert not np.allclose(other.valence_arousal, same.valence_arousal)
    assert all(clip.expression is not None for clip in roles["data"].everything)
