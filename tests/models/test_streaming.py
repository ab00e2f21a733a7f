import keras
import numpy as np
import pytest

from kollias_affect import backbones, evaluation, models
from kollias_affect.models.streaming import SequenceRunner
from kollias_affect.tasks import TASKS

FRAMES = 7
TINY = {"rnn_units": 6, "hidden_units": 8}


def backbone():
    return backbones.cnn_m((32, 32, 3), width=0.05)


def affwildnet(length, **options):
    options = {**TINY, "initializer": None, **options}
    return models.affwildnet(backbone(), length=length, **options)


def multi(length, mode="3rnn", features=("pool2", "pool5", "fc1"), **options):
    options = {**TINY, "length": length, **options}
    return models.multi_rnn(backbone(), "valence_arousal", features, mode, **options)


def fusion(length):
    members = [
        affwildnet(length, rnn="peephole_lstm"),
        models.cnn(backbone(), "valence_arousal", hidden_units=8, length=length),
        multi(length, "2rnn", ("pool5", "fc1")),
    ]
    return models.fuse(members, units=5)


def frame_by_frame(length):
    return models.cnn(backbone(), "expression", hidden_units=8, length=length)


NETWORKS = {
    "gru": affwildnet,
    "gru_of_tensorflow_1": lambda n: affwildnet(n, reset_after=False),
    "lstm": lambda n: affwildnet(n, rnn="lstm", landmarks=False),
    "peephole_lstm": lambda n: affwildnet(n, rnn="peephole_lstm", rnn_layers=1),
    "landmark_encoder": lambda n: affwildnet(n, landmark_units=3, task="expression"),
    "representation": lambda n: affwildnet(n, representation=True),
    "no_fc1": lambda n: affwildnet(n, hidden_units=()),
    "3rnn": lambda n: multi(n, rnn="lstm"),  # twelve states: "state10" sorts before "state2"
    "1rnn": lambda n: multi(n, "1rnn"),
    "3rnn-1fc": lambda n: multi(n, "3rnn-1fc", reset_after=False),
    "fusion": fusion,
    "no_rnn": frame_by_frame,
}


def pair(build):
    """Builds the network for windows, and the same for one window of the complete sequence."""
    keras.utils.set_random_seed(0)
    model, complete = build(3), build(FRAMES)
    # Keras' initial convolutions are small, so that the frames would hardly change the outputs.
    weights = [w * 1.5 if w.ndim == 4 else w for w in model.get_weights()]
    model.set_weights(weights)
    complete.set_weights(weights)
    return model, complete


def frames_of(model, seed=0):
    random = np.random.default_rng(seed)
    size = model.inputs[0].shape[-2]
    images = random.uniform(-1, 1, (FRAMES, size, size, 3)).astype("float32")
    return images, random.uniform(-1, 1, (FRAMES, 68, 2)).astype("float32")


def complete_sequence(model, images, landmarks):
    """Outputs of the model on one window, a dict of `[frames, outputs]`."""
    inputs = {"images": images[None], "landmarks": landmarks.reshape(1, -1, 136)}
    values = model({tensor.name: inputs[tensor.name] for tensor in model.inputs})
    return {name: np.asarray(value)[0] for name, value in as_dict(model, values).items()}


def in_range(outputs):
    """Outputs by task, as a stream gives them."""
    return {
        name: np.clip(values, *TASKS[name][1]) if name in TASKS else values
        for name, values in outputs.items()
    }


def as_dict(model, values):
    return values if isinstance(values, dict) else {model.output_names[0]: values}


def streamed(stream, model, images, landmarks):
    steps = [as_dict(model, stream.step(*frame)) for frame in zip(images, landmarks, strict=True)]
    return {name: np.stack([step[name] for step in steps]) for name in steps[0]}


def assert_same(actual, expected, tolerance=1e-5):
    assert set(actual) == set(expected)
    for name, values in expected.items():
        assert actual[name].dtype == np.float32
        assert np.abs(actual[name] - values).max() < tolerance
        assert values.std(axis=0).max() > 100 * tolerance  # the frames differ


# The other networks in `NETWORKS` have the same kinds of layers.
NIGHTLY = ("gru", "lstm", "1rnn", "3rnn-1fc")


@pytest.mark.parametrize(
    "network",
    [pytest.param(n, marks=[pytest.mark.nightly] if n in NIGHTLY else []) for n in NETWORKS],
)
def test_a_stream_gives_the_outputs_of_the_complete_sequence(network):
    model, complete = pair(NETWORKS[network])
    images, landmarks = frames_of(model)
    expected = complete_sequence(complete, images, landmarks)
    stream = streamed(models.Stream(model), model, images, landmarks)
    assert_same(stream, in_range(expected))
    # Chunks of several frames, the last one padded.
    runner, chunks = SequenceRunner(model, 4), []
    for rows in ([0, 1, 2, 3], [4, 5, 6, 6]):
        inputs = {"images": images[rows][None], "landmarks": landmarks[rows].reshape(1, -1, 136)}
        chunks.append(as_dict(model, runner({name: inputs[name] for name in model.input})))
    joined = {k: np.concatenate([chunk[k][0] for chunk in chunks])[:FRAMES] for k in expected}
    assert_same(joined, expected)


def test_a_model_of_single_frames_streams():
    model = models.cnn(backbone(), "valence", hidden_units=8)
    images, landmarks = frames_of(model)
    inputs = {"images": images, "landmarks": landmarks.reshape(-1, 136)}
    stream = models.Stream(model)
    outputs = streamed(stream, model, images, landmarks)
    assert_same(outputs, in_range({"valence": np.asarray(model(inputs))}))
    assert stream.step(images[0], landmarks[0]) == outputs["valence"][0]


@pytest.mark.parametrize(
    "network", [pytest.param("peephole_lstm", marks=pytest.mark.nightly), "fusion"]
)
def test_a_model_from_a_file_streams(network, tmp_path):
    model, _ = pair(NETWORKS[network])
    models.save(model, tmp_path / "model.keras")
    loaded, _ = models.load(tmp_path / "model.keras")
    frames = frames_of(model)
    expected = streamed(models.Stream(model), model, *frames)
    assert_same(streamed(models.Stream(loaded), model, *frames), expected, 1e-6)


def test_names_of_another_process_do_not_collide(tmp_path):
    """A new process numbers names from the start again: `reshape`, as in the file, `reshape_1`."""
    keras.utils.clear_session()
    models.save(affwildnet(3), tmp_path / "model.keras")
    keras.utils.clear_session()
    loaded, _ = models.load(tmp_path / "model.keras")
    assert "reshape" in [operation.name for operation in loaded.operations]
    models.Stream(loaded)


def test_a_published_network_streams(monkeypatch):
    """`reference` builds at full width. A narrow backbone does not change its topology."""
    full = backbones.vgg_face
    monkeypatch.setattr(backbones, "vgg_face", lambda: full((32, 32, 3), width=0.02))
    model, complete = pair(lambda length: models.reference("omg_cnn_gru_3rnn", length=length))
    frames = frames_of(model)
    outputs = streamed(models.Stream(model), model, *frames)
    assert_same(outputs, complete_sequence(complete, *frames))


def test_outputs_are_float32_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, complete = pair(affwildnet)
    finally:
        keras.config.set_dtype_policy(before)
    frames = frames_of(model)
    outputs = streamed(models.Stream(model), model, *frames)
    assert outputs["valence_arousal"].dtype == np.float32
    expected = complete_sequence(complete, *frames)["valence_arousal"]
    # Half precision rounds the state of every frame, hence the tolerance.
    assert np.abs(outputs["valence_arousal"] - expected).max() < 0.05 * np.ptp(expected)


@pytest.fixture(scope="module")
def model():
    return pair(affwildnet)[0]


@pytest.fixture(scope="module")
def stream(model):
    return models.Stream(model)


def test_reset_clears_the_state(model, stream):
    frames = frames_of(model)
    stream.reset()
    first = streamed(stream, model, *frames)
    continued = streamed(stream, model, *frames)
    stream.reset()
    again = streamed(stream, model, *frames)
    assert_same(again, first, 1e-7)
    assert np.abs(continued["valence_arousal"] - first["valence_arousal"])[0].max() > 1e-4


def test_a_frame_without_a_face_repeats_the_last_face(model, stream):
    images, landmarks = frames_of(model)
    stream.reset()
    assert np.isnan(stream.step(None)).all()  # before the first face
    outputs = [stream.step(images[i], landmarks[i]) for i in (0, 1)]
    assert np.isnan(stream.step(None)).all() and stream.step(None).shape == (2,)
    outputs.append(stream.step(images[2], landmarks[2]))
    rows = [0, 1, 1, 1, 2]
    complete = affwildnet(5)
    complete.set_weights(model.get_weights())
    expected = complete_sequence(complete, images[rows], landmarks[rows])["valence_arousal"]
    assert np.abs(np.stack(outputs) - expected[[0, 1, 4]]).max() < 1e-5


def test_two_streams_of_one_model_are_independent(model, stream):
    frames, others = frames_of(model), frames_of(model, seed=1)
    stream.reset()
    expected = streamed(stream, model, *frames)["valence_arousal"]
    stream.reset()
    second = stream.another()
    outputs = []
    for frame, other in zip(zip(*frames, strict=True), zip(*others, strict=True), strict=True):
        outputs.append(stream.step(*frame))
        second.step(*other)
    assert np.abs(np.stack(outputs) - expected).max() < 1e-6


def test_uint8_and_float_images_are_equivalent(model, stream):
    landmarks = np.zeros((68, 2))
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    outputs = []
    for image in (picture, picture / 127.5 - 1):
        stream.reset()
        outputs.append(stream.step(image, landmarks))
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-6


def test_the_state_does_not_grow(model, stream):
    def size():
        return [(name, state.shape) for name, state in stream._run.states.items()]

    stream.reset()
    before = size()
    streamed(stream, model, *frames_of(model))
    assert size() == before == [("state1", (1, 6)), ("state2", (1, 6))]


def test_a_stream_does_not_change_the_model(model, tmp_path):
    frames = frames_of(model)
    window = [part[:3] for part in frames]
    before = complete_sequence(model, *window)
    models.Stream(model)
    assert model.get_layer("fc1").output.shape == (None, 3, 8)
    models.save(model, tmp_path / "model.keras")
    loaded, _ = models.load(tmp_path / "model.keras")
    for network in (model, loaded):
        assert_same(complete_sequence(network, *window), before, 1e-6)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((16, 16, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.uint8),
        np.zeros((32, 32), np.uint8),
        np.zeros((32, 32, 3), np.int64),
        np.full((32, 32, 3), 200.0),
        np.full((32, 32, 3), np.nan),
    ],
)
def test_other_images_are_refused(stream, image):
    with pytest.raises(ValueError, match=r"RGB crop of shape \(32, 32, 3\), uint8 or float in"):
        stream.step(image, np.zeros((68, 2)))


@pytest.mark.parametrize("landmarks", [None, np.zeros((5, 2)), np.full((68, 2), np.nan)])
def test_missing_landmarks_are_refused(stream, landmarks):
    with pytest.raises(ValueError, match="takes landmarks with every face"):
        stream.step(np.zeros((32, 32, 3), np.uint8), landmarks)


@pytest.mark.parametrize("rnn", ["blstm", "bgru"])
def test_a_bidirectional_rnn_cannot_stream(rnn, make_clip):
    model = affwildnet(3, rnn=rnn)
    with pytest.raises(ValueError, match="bidirectional.*'rnn1'.*stream=False"):
        models.Stream(model)
    with pytest.raises(ValueError, match="bidirectional"):
        evaluation.predict(model, [make_clip(size=32)], stream=True)


def mixed(layer):
    """Builds a model of windows with `layer` before the output."""
    inner = affwildnet(3)
    x = layer(inner.get_layer("rnn2").output)
    return keras.Model(inner.input, keras.layers.Dense(2, name="valence_arousal")(x))


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv1D(4, 3, padding="same"),
        lambda x: keras.layers.Attention()([x, x]),
        lambda x: keras.ops.cumsum(x, axis=1),
    ],
)
def test_layers_that_combine_frames_are_refused(layer):
    with pytest.raises(ValueError, match="only RNNs and causal layers may combine frames"):
        models.Stream(mixed(layer))


def test_an_rnn_that_runs_backwards_is_refused():
    with pytest.raises(ValueError, match="go_backwards=True"):
        models.Stream(mixed(keras.layers.GRU(4, return_sequences=True, go_backwards=True)))


def test_an_rnn_that_is_used_twice_is_refused():
    shared = keras.layers.GRU(6, return_sequences=True)
    with pytest.raises(ValueError, match="used once"):
        models.Stream(mixed(lambda x: shared(shared(x))))


def test_a_model_that_is_not_for_faces_is_refused():
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="must take `images`, single or in windows"):
        models.Stream(other)


def test_streamed_outputs_stay_in_the_range_of_their_task():
    """A linear model whose outputs are 3 and -2.5 for every frame."""
    images = keras.Input((2, 16, 16, 3), name="images")
    means = keras.layers.TimeDistributed(keras.layers.GlobalAveragePooling2D())(images)
    states = keras.layers.GRU(2, return_sequences=True, name="rnn1")(means)
    layer = keras.layers.Dense(2, name="valence_arousal", kernel_initializer="zeros")
    model = keras.Model({"images": images}, layer(states))
    layer.bias.assign([3.0, -2.5])
    stream = models.Stream(model)
    for image in (np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)):
        assert stream.step(image).tolist() == [1.0, -1.0]
