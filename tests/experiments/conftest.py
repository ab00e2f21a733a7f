import pytest

from kollias_affect import training
from kollias_affect.experiments import Parts
from kollias_affect.experiments.declaration import Network, Training


@pytest.fixture(scope="module", autouse=True)
def plain_tensorboard():
    """Leaves the pictures of TensorBoard out, which take longer than a small training."""
    import keras

    from kollias_affect import evaluation

    with pytest.MonkeyPatch.context() as patch:
        plain = lambda folder, *_, **__: keras.callbacks.TensorBoard(folder)  # noqa: E731
        patch.setattr(evaluation, "AffectTensorBoard", plain)
        yield


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


@pytest.fixture(scope="session")
def quiet():
    """A log that prints nothing."""
    return lambda line: None


@pytest.fixture(scope="session")
def small_cnn():
    """A `Training` of a small CNN of single frames after a pre-training."""
    network = Network("cnn", "cnn_m", {"landmarks": False, "length": 1, "hidden_units": 8})
    return Training(network, before="pretrain")
