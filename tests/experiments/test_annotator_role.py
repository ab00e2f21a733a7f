import database_trees
import numpy as np

from kollias_affect import datasets
from kollias_affect.experiments.role_texts import load_roles


def test_a_text_names_the_annotator_who_follows_the_landmarks(tmp_path):
    """Table C11's role: the clips of the mean, with the labels of one rater."""
    names = [f"P{number}" for number in range(16, 26)]
    crops = tmp_path / "crops"
    database_trees.recola_raters(tmp_path / "recola", crops, follower="FM2", names=names)
    text = f"recola:{tmp_path / 'recola'}:crops={crops}"
    roles = load_roles([text, f"annotator={text}:rater=landmarks"], ("data", "annotator"))
    expected = datasets.load("recola", tmp_path / "recola", rater="FM2", crops=crops)
    by_key = {clip.key: clip for clip in expected}
    for part in ("training", "validation"):
        clips = getattr(roles["annotator"], part)
        assert [c.key for c in clips] == [c.key for c in getattr(roles["data"], part)] and clips
        for clip in clips:
            assert np.array_equal(clip.valence_arousal, by_key[clip.key].valence_arousal)
            assert not np.array_equal(
                clip.valence_arousal,
                next(c for c in roles["data"].everything if c.key == clip.key).valence_arousal,
            )
