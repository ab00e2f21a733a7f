import numpy as np
import pytest

from kollias_affect.clip import Clip

UTTERANCES = tuple(f"{video}/utterance_{n}" for video in "abcd" for n in range(1, 7))
FRAMES = tuple(3 + 17 * (i % 4) for i in range(len(UTTERANCES)))


def _noisy(seed, keys=("a/utterance_1", "a/utterance_2"), frames=(60, 90), noise=0.4, missing=0.1):
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


@pytest.fixture(scope="session")
def noisy():
    """Returns a function that makes clips with slowly varying labels, and noisy predictions."""
    return _noisy


@pytest.fixture(scope="session")
def noisy_utterances():
    """Returns a function like `noisy` that makes 24 utterances of four videos."""

    def make(seed, noise=0.4):
        return _noisy(seed, UTTERANCES, FRAMES, noise)

    return make
