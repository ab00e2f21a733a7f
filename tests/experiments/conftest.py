import pytest

from kollias_affect import training
from kollias_affect.experiments import Parts


@pytest.fixture
def roles(make_clip):
    """Grey pictures with random labels."""
    clips = [make_clip(name, 8, 20 * i, size=32) for i, name in enumerate("abcdef")]
    return {
        "data": Parts(clips[:2], clips[2:3], clips[3:4]),
        "pretrain": Parts(clips[4:5], clips[5:6], []),
    }


@pytest.fixture
def trained(monkeypatch):
    """Names of the folders of the trainings that are run."""
    names, train = [], training.train

    def record(model, clips, validation, out_dir, **options):
        names.append(out_dir.name)
        return train(model, clips, validation, out_dir, **options)

    monkeypatch.setattr(training, "train", record)
    return names
