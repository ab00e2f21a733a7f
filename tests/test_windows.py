import subprocess
import sys

import cv2
import numpy as np
import pytest

from kollias_affect import windows
from kollias_affect.clip import Clip


def collect(data):
    """Concatenates the batches of `(images, landmarks, labels, weights)`."""
    batches = [
        (inputs["images"], inputs["landmarks"], labels, weights)
        for inputs, labels, weights in data.as_numpy_iterator()
    ]
    return [np.concatenate(part) for part in zip(*batches, strict=True)]


def level(images):
    """Returns the grey level that `make_clip` gave each frame, from its image in [-1, 1]."""
    return np.rint((images[..., 0, 0, 0] + 1) * 127.5).astype(int)


def test_shapes_types_and_ranges(make_clip):
    data = windows.dataset([make_clip(frames=20)], length=8, batch_size=2)
    inputs, labels, weights = data.element_spec
    assert inputs["images"].shape.as_list() == [None, 8, 96, 96, 3]
    assert inputs["landmarks"].shape.as_list() == [None, 8, 136]
    assert labels.shape.as_list() == [None, 8, 2] and weights.shape.as_list() == [None, 8]
    assert data.cardinality() == 2  # progress bars know the number of batches
    images, landmarks, labels, weights = collect(data)
    assert images.shape == (3, 8, 96, 96, 3)
    assert all(array.dtype == np.float32 for array in (images, landmarks, labels, weights))
    assert images.min() >= -1 and images.max() <= 1


def test_images_are_rgb(tmp_path):
    path = tmp_path / "red.png"
    cv2.imwrite(str(path), np.full((96, 96, 3), (0, 0, 255), np.uint8))  # BGR
    clip = Clip("a", [str(path)], valence_arousal=[[0, 0]])
    [(inputs, _, _)] = windows.dataset([clip], length=1, landmarks=False).as_numpy_iterator()
    assert inputs["images"][0, 0, 0, 0].tolist() == [1, -1, -1]
    assert list(inputs) == ["images"]


@pytest.mark.parametrize("stride", [1, 3, 5, 8])
def test_clips_never_cross_videos(make_clip, stride):
    clips = [make_clip("a", 7, 10), make_clip("b", 11, 100), make_clip("c", 5, 200)]
    images, _, _, _ = collect(windows.dataset(clips, length=5, stride=stride))
    for window in level(images):
        assert len({value // 100 for value in window}) == 1
        assert (np.diff(window) >= 0).all() and (np.diff(window) <= 1).all()


@pytest.mark.parametrize(("length", "stride"), [(5, 5), (5, 2), (4, 1), (3, 7), (11, 4)])
def test_every_frame_that_the_stride_reaches_counts_and_padding_does_not(make_clip, length, stride):
    clips = [make_clip("a", 7, 10), make_clip("b", 11, 100)]
    images, _, _, weights = collect(windows.dataset(clips, length=length, stride=stride))
    counted = level(images)[weights > 0]
    if stride <= length:
        assert set(counted) == {*range(10, 17), *range(100, 111)}
    if stride == length:
        assert len(counted) == 18  # each once
    # Padding repeats the last frame with weight 0.
    padded = level(images)[weights == 0]
    assert set(padded) <= {16, 110}


def test_the_last_short_window_is_padded_not_dropped(make_clip):
    index, inside = windows.window_index([7, 3], length=5, stride=5)
    assert index.tolist() == [[0, 1, 2, 3, 4], [5, 6, 6, 6, 6], [7, 8, 9, 9, 9]]
    assert inside.sum() == 10


def test_no_window_holds_padding_alone():
    for frames in range(1, 30):
        for length in (1, 4, 9):
            for stride in (1, 3, 9, 14):
                _, inside = windows.window_index([frames], length, stride)
                assert inside.any(axis=1).all()


def test_missing_frames_have_weight_0_and_show_the_last_face(make_clip):
    clip = make_clip(frames=6, level=50, missing=(0, 3, 4))
    images, landmarks, _, weights = collect(windows.dataset([clip], length=6))
    assert weights[0].tolist() == [0, 1, 1, 0, 0, 1]
    assert level(images)[0].tolist() == [51, 51, 52, 52, 52, 55]
    assert np.allclose(landmarks[0, 3], clip.landmarks[2].ravel())


def test_clips_without_any_face_have_weight_0(make_clip):
    clips = [make_clip("a", 4), make_clip("b", 4, 9, missing=range(4))]
    images, landmarks, labels, weights = collect(windows.dataset(clips, length=4))
    assert weights.tolist() == [[1] * 4, [0] * 4]
    assert np.isfinite(images).all() and np.isfinite(landmarks).all() and np.isfinite(labels).all()


def test_labels_of_invalid_frames_are_finite(make_clip):
    labels = np.full((4, 2), np.nan)
    labels[1] = 0.5
    clip = make_clip(frames=4, valence_arousal=labels, valid=[0, 1, 0, 0])
    _, _, labels, weights = collect(windows.dataset([clip], length=4))
    assert np.isfinite(labels).all() and weights[0].tolist() == [0, 1, 0, 0]


def test_landmarks_are_flattened_point_by_point(make_clip):
    clip = make_clip(frames=2)
    _, landmarks, _, _ = collect(windows.dataset([clip], length=2))
    assert landmarks[0, 1, :4].tolist() == clip.landmarks[1, :2].ravel().tolist()


def test_tasks_choose_labels(make_clip):
    clip = make_clip(frames=3, expression=[4, 0, -1], valid=[1, 1, 0])
    for task, column in (("valence", 0), ("arousal", 1)):
        _, _, labels, _ = collect(windows.dataset([clip], length=3, task=task))
        assert labels.shape == (1, 3, 1)
        assert labels[0, :, 0].tolist() == clip.valence_arousal[:, column].tolist()
    _, _, labels, weights = collect(windows.dataset([clip], length=3, task="expression"))
    assert labels.tolist() == [[4, 0, 0]] and weights.tolist() == [[1, 1, 0]]


def test_shuffling_is_seeded_and_differs_from_epoch_to_epoch(make_clip):
    def epochs(seed):
        data = windows.dataset([make_clip(frames=30)], 2, shuffle=True, seed=seed, batch_size=3)
        return [level(collect(data)[0])[:, 0].tolist() for _ in range(2)]

    first, second = epochs(1)
    assert [first, second] == epochs(1)
    assert first != second and sorted(first) == sorted(second) == list(range(0, 30, 2))
    assert epochs(2)[0] != first


@pytest.mark.parametrize("cache", [True, "folder"])
def test_cached_frames_are_the_same(make_clip, tmp_path, cache):
    clips = [make_clip("a", 7, 10, missing=(2,)), make_clip("b", 5, 100)]
    cache = cache if cache is True else tmp_path / "cache"
    plain = collect(windows.dataset(clips, length=4, stride=2))
    for _ in range(2):  # the second pass reads the file
        cached = collect(windows.dataset(clips, length=4, stride=2, cache=cache))
        assert all(np.array_equal(a, b) for a, b in zip(plain, cached, strict=True))
    if cache is not True:
        assert len(list(cache.iterdir())) == 1


def test_images_of_another_size_are_resized(make_clip):
    images, *_ = collect(windows.dataset([make_clip(frames=2, level=40, size=160)], length=2))
    assert level(images).tolist() == [[40, 41]] and images.shape[2:] == (96, 96, 3)


def test_prediction_needs_no_labels_and_no_minimal_length(make_clip):
    clip = make_clip(frames=3, valence_arousal=None)
    [inputs] = windows.dataset([clip], length=8, labels=False).as_numpy_iterator()
    assert inputs["images"].shape == (1, 8, 96, 96, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 11}, "length=11, and the longest of 1 clips has 10 frames"),
        ({"length": 0}, "`length` must be an integer of at least 1"),
        ({"stride": 0, "length": 2}, "`stride` must be"),
        ({"length": 2, "task": "joy"}, "`task` must be one of"),
        ({"length": 2, "task": "expression"}, "needs `expression` on every clip"),
    ],
)
def test_bad_arguments_are_refused(make_clip, options, message):
    with pytest.raises(ValueError, match=message):
        windows.dataset([make_clip(frames=10)], **options)


def test_clips_without_landmarks_or_labels_are_refused(make_clip):
    with pytest.raises(ValueError, match="landmarks=False"):
        windows.dataset([make_clip(landmarks=None)], length=2)
    with pytest.raises(ValueError, match="labels=False"):
        windows.dataset([make_clip(valence_arousal=None)], length=2)
    with pytest.raises(ValueError, match="at least one frame"):
        windows.dataset([], length=2)


# Virtual devices must be created before TensorFlow starts, hence a process of its own.
MIRRORED = """
import pathlib, sys, tempfile
import cv2, keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from kollias_affect import losses, metrics, models, windows
from kollias_affect.clip import Clip

path = pathlib.Path(tempfile.mkdtemp()) / "a.png"
cv2.imwrite(str(path), np.zeros((32, 32, 3), np.uint8))
random = np.random.default_rng(0)
clip = Clip("a", [str(path)] * 22, valence_arousal=random.uniform(-1, 1, (22, 2)),
            landmarks=random.uniform(-1, 1, (22, 68, 2)))
data = windows.dataset([clip], length=4, batch_size=4, size=32)

def dense():
    images = keras.Input((4, 32, 32, 3), name="images")
    landmarks = keras.Input((4, 136), name="landmarks")
    x = keras.layers.Reshape((4, -1))(images)
    x = keras.layers.Dense(4, "tanh")(keras.layers.Concatenate()([x, landmarks]))
    return keras.Model({"images": images, "landmarks": landmarks}, keras.layers.Dense(2)(x))

def affwildnet():
    return models.affwildnet(length=4, input_shape=(32, 32, 3), width=0.02, rnn_units=4,
                             initializer=None, dropout=0, rnn_dropout=0)

def build():
    keras.utils.set_random_seed(0)
    model = {"dense": dense, "affwildnet": affwildnet}[sys.argv[1]]()
    model.compile("sgd", losses.CCCLoss(), weighted_metrics=[metrics.CCC()])
    return model

with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = build()
print("replicas", model.distribute_strategy.num_replicas_in_sync)
alone = build()
# The metric is computed over one set of frames, whichever device received which frame.
two, one = (m.evaluate(data, verbose=0, return_dict=True)["ccc"] for m in (model, alone))
assert abs(two - one) < 1e-6, (two, one)
# The loss is that of the global batch, whichever device has which window.
for m in (model, alone):
    m.optimizer.learning_rate = 0.1
loss_two = model.fit(data, epochs=4, verbose=0, shuffle=False).history["loss"]
loss_one = alone.fit(data, epochs=4, verbose=0, shuffle=False).history["loss"]
assert np.allclose(loss_two, loss_one, atol=1e-5), (loss_two, loss_one)
assert abs(loss_two[-1] - loss_two[0]) > 1e-3, loss_two
weights = zip(model.get_weights(), alone.get_weights())
assert max(np.abs(a - b).max() for a, b in weights) < 1e-5
"""


# By default, tests/training/test_devices.py compares a complete training.
@pytest.mark.nightly
@pytest.mark.parametrize("model", ["dense", "affwildnet"])
def test_two_replicas_train_as_one_device(model):
    command = [sys.executable, "-c", MIRRORED, model]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0 and "replicas 2" in process.stdout, process.stderr[-2000:]


def test_a_resumed_training_sees_the_same_order_of_windows(make_clip):
    def epochs(count, **options):
        data = windows.dataset([make_clip(frames=30)], 2, shuffle=True, seed=3, **options)
        return [level(collect(data)[0])[:, 0].tolist() for _ in range(count)]

    assert epochs(4)[2:] == epochs(2, first_epoch=2)


def test_jpeg_images_are_decoded_exactly(tmp_path):
    import skimage.data

    path = str(tmp_path / "face.jpg")
    cv2.imwrite(path, skimage.data.astronaut()[60:156, 170:266])
    [inputs] = windows.dataset([Clip("a", [path])], 1, landmarks=False, labels=False)
    exact = cv2.imread(path)[:, :, ::-1]
    assert np.array_equal(np.rint((inputs["images"][0, 0] + 1) * 127.5), exact)


def test_class_weights_scale_valid_frames(make_clip):
    clip = make_clip(
        frames=6, expression=[4, 4, 0, 2, -1, 4], valid=[1, 1, 1, 1, 0, 1], missing=(5,)
    )
    weights = {4: 0.5, 0: 2.0}

    def collected(**options):
        data = windows.dataset([clip], length=6, task="expression", **options)
        return collect(data)[3].tolist()

    # Class 2 has no weight; the last frame has no image.
    assert collected(class_weights=weights) == [[0.5, 0.5, 2, 0, 0, 0]]
    assert collected() == [[1, 1, 1, 1, 0, 0]]


def test_class_weights_of_the_clips_have_mean_one(make_clip):
    from kollias_affect.datasets import sampling

    clips = [make_clip("a", expression=[4] * 7 + [1] * 3), make_clip("b", expression=[0] * 10)]
    weights = sampling.class_weights(clips)
    data = windows.dataset(clips, length=5, task="expression", class_weights=weights)
    _, _, labels, of_frame = collect(data)
    assert np.isclose(of_frame.mean(), 1)
    sums = [of_frame[labels == index].sum() for index in (0, 1, 4)]
    assert np.allclose(sums, sums[0])


@pytest.mark.parametrize(
    ("task", "weights", "message"),
    [
        ("valence_arousal", {0: 1}, "apply to the task 'expression'"),
        ("expression", {7: 1}, "from 0 to 6"),
        ("expression", {"anger": 1}, "from 0 to 6"),
        ("expression", {0: -1}, "`class weight` must be"),
        ("expression", {0: np.nan}, "`class weight` must be"),
        ("expression", [1] * 7, "must be a dict"),
    ],
)
def test_bad_class_weights_are_refused(make_clip, task, weights, message):
    clip = make_clip(expression=[0] * 10)
    with pytest.raises(ValueError, match=message):
        windows.dataset([clip], length=10, task=task, class_weights=weights)
