from kollias_affect.clip import Clip
from kollias_affect.evaluation.label_ranges import ranges_of


def clip_of(key, arousal):
    return Clip(key, ["1.png"], valence_arousal=[[0.1, arousal]])


def test_arousal_of_omg_is_never_negative():
    clips = [clip_of("a/utterance_1", 0.2), clip_of("a/utterance_12_left", 0.9)]
    assert ranges_of(clips) == {"arousal": (0, 1)}
    assert ranges_of([clip.labelled(valence_arousal=None) for clip in clips])["arousal"] == (0, 1)
    part = clips[0].part(0, 1, "a/utterance_1 frames 1-1")
    assert ranges_of([part]) == {"arousal": (0, 1)}


def test_other_databases_have_the_complete_range():
    assert ranges_of([]) == ranges_of([clip_of("video59_left", 0.2)]) == {}
    mixed = [clip_of("a/utterance_1", 0.2), clip_of("b", 0.2)]
    assert ranges_of(mixed) == ranges_of([clip_of("a/utterance_1", -0.2)]) == {}
