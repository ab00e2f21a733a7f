import csv
import errno
import os
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorboard.backend.event_processing import data_provider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.proto import graph_pb2
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.graph import graphs_plugin
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

from kollias_affect import EXPRESSIONS, evaluation, models, training, windows
from kollias_affect.evaluation import layer_graph, projector, tensorboard
from kollias_affect.evaluation.tensorboard import AffectTensorBoard, sample_clips

UNITS = 6

pytestmark = pytest.mark.usefixtures("eager_functions")


def tiny(task="valence_arousal", window=(4,)):
    """Makes a compiled network of images of 8 x 8 pixels, single or in windows."""
    keras.utils.set_random_seed(0)
    images = keras.Input((*window, 8, 8, 3), name="images")
    x = keras.layers.Reshape((*window, 192))(images)
    x = keras.layers.Dense(UNITS, "tanh", name="hidden")(x)
    x = keras.layers.Dropout(0.5, name="dropout")(x)
    model = keras.Model({"images": images}, models.outputs.output_layer(task)(x), name="tiny")
    return training.compile_model(model, 1e-3, task)


def drive(model, board, epochs=1):
    """Calls a callback like a training, without the training."""
    board.set_model(model)
    board.on_train_begin()
    for epoch in range(epochs):
        board.on_epoch_end(epoch, {})
    board.on_train_end()


def events(run):
    """Returns a dict from tag to `[(step, value)]`, in the order of writing."""
    accumulator = EventAccumulator(str(run), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in accumulator.Tensors(tag)]
        for tag in accumulator.Tags()["tensors"]
    }


def multiplexer(folder):
    """What TensorBoard's plugins read."""
    return EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()


def steps(summaries, tag):
    return [step for step, _ in summaries[tag]]


def picture(value):
    """Returns the pixels of an image summary, which has width, height and PNG."""
    import cv2

    return cv2.imdecode(np.frombuffer(value[2], np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def no_pixels(monkeypatch):
    """Writes empty images, because drawing takes longer than everything else."""
    monkeypatch.setattr(tensorboard, "_pixels", lambda figure: np.zeros((1, 1, 3), np.uint8))


@pytest.fixture
def clips(make_clip):
    return [make_clip(key, 9, 20 * i, (3,), size=8) for i, key in enumerate("abcd")]


def fit(model, clips, board, epochs=2, callbacks=()):
    task = models.describe(model)["task"]
    data = windows.dataset(clips, length=4, batch_size=12, size=8, landmarks=False, task=task)
    return model.fit(
        data,
        validation_data=data,
        epochs=epochs,
        callbacks=[*callbacks, board],
        shuffle=False,
        verbose=0,
    )


class Scores(keras.callbacks.Callback):
    """Scores of the predictions after each epoch."""

    def __init__(self, clips):
        super().__init__()
        self.clips, self.tables = clips, []

    def on_epoch_end(self, epoch, logs=None):
        self.tables.append(
            evaluation.scores(self.clips, evaluation.predict(self.model, self.clips))
        )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder, scores, history, model and clips of one training with all that the board writes."""
    import cv2

    from kollias_affect.clip import Clip

    root = tmp_path_factory.mktemp("trained")
    cv2.imwrite(str(root / "face.png"), np.full((8, 8, 3), 90, np.uint8))
    random = np.random.default_rng(0)
    clips = [
        Clip(
            key,
            ["" if i == 3 else str(root / "face.png") for i in range(9)],
            times=np.arange(9) / 25,
            valence_arousal=random.uniform(-1, 1, (9, 2)),
        )
        for key in "abcd"
    ]
    model = tiny()
    true = Scores(clips)
    chosen = {"rate": 0.001, "layers": {"fc1": 8}, "frozen": False, "decay": None, "task": "va"}
    board = AffectTensorBoard(
        root / "log", clips, clips_shown=2, hyper_parameters=chosen, budget=None, points=20
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "TensorBoard lacks")
        history = fit(model, clips, board, callbacks=[true])
    return root / "log", true.tables, history.history, model, clips


def test_the_scalars_of_keras_are_written(trained):
    folder, _, history, _, _ = trained
    assert steps(events(folder / "train"), "epoch_loss") == [0, 1]
    ccc = events(folder / "validation")["epoch_ccc_valence"]
    assert np.allclose([value for _, value in ccc], history["val_ccc_valence"])


def test_scalars_equal_the_scores_of_the_clips(trained):
    folder, tables, _, _, _ = trained
    summaries = events(folder / "validation")
    for name in ("valence", "arousal", "mean"):
        assert steps(summaries, f"affect/ccc_{name}") == [0, 1]
        values = [value for _, value in summaries[f"affect/ccc_{name}"]]
        assert np.allclose(values, [t.loc[name, "CCC"] for t in tables], atol=1e-6)


def test_pictures_of_every_epoch_show_the_same_clips(trained):
    summaries = events(trained[0] / "validation")
    images = [tag for tag in summaries if tag.startswith(("pictures/", "traces/"))]
    assert sorted(images) == ["pictures/plane", "traces/a", "traces/b"]
    for tag in images:
        assert steps(summaries, tag) == [0, 1]
        pixels = picture(summaries[tag][0][1])
        assert pixels.shape[0] > 200 and pixels.shape[1] > 500 and np.ptp(pixels) == 255
    first, last = (picture(summaries["traces/a"][i][1]).astype(int) for i in (0, -1))
    assert first.shape == last.shape and (first != last).any()


def test_the_graph_tab_opens_with_the_layers(trained):
    """TensorBoard's own plugin finds a graph of operations, which its page asks for first."""
    folder, _, _, model, _ = trained
    provider = data_provider.MultiplexerDataProvider(multiplexer(folder), str(folder))
    plugin = graphs_plugin.GraphsPlugin(base_plugin.TBContext(data_provider=provider))
    context = RequestContext()
    assert plugin.info_impl(context, "")["train"]["run_graph"]
    body, _ = plugin.graph_impl(context, "train", None, False, "")
    graph = text_format.Parse(body, graph_pb2.GraphDef())
    inputs = {node.name: list(node.input) for node in graph.node}
    assert set(inputs) == {f"tiny/{layer.name}" for layer in model.layers}
    (flat,) = (layer.name for layer in model.layers if layer.name.startswith("reshape"))
    assert inputs["tiny/hidden"] == [f"tiny/{flat}"] and inputs["tiny/images"] == []
    assert inputs["tiny/valence_arousal"] == ["tiny/dropout"]


def test_histograms_of_the_trained_weights_are_written(trained):
    folder, _, _, model, _ = trained
    run = multiplexer(folder).GetAccumulator("train")
    written = {tag for tag in run.Tags()["tensors"] if tag not in ("epoch_loss",)}
    paths = {weight.path for weight in model.trainable_variables}
    assert paths == {"hidden/kernel", "hidden/bias", "valence_arousal/kernel",
                     "valence_arousal/bias"}  # fmt: skip
    assert paths <= written
    for path in paths:
        assert run.SummaryMetadata(path).plugin_data.plugin_name == "histograms"
        assert [event.step for event in run.Tensors(path)] == [0, 1]


def test_scores_have_a_point_in_every_epoch_as_those_of_keras(clips, tmp_path, no_pixels):
    # The budget allows pictures at the start and at the end.
    fit(tiny(), clips, AffectTensorBoard(tmp_path, clips, points=0, budget=1e-9), epochs=4)
    summaries = events(tmp_path / "validation")
    assert steps(summaries, "pictures/plane") == [0, 3]
    for affect, metric in (("mean", ""), ("valence", "_valence"), ("arousal", "_arousal")):
        scores, logged = (summaries[tag] for tag in (f"affect/ccc_{affect}", f"epoch_ccc{metric}"))
        assert [step for step, _ in scores] == [0, 1, 2, 3]
        assert np.allclose([v for _, v in scores], [v for _, v in logged])


def test_scores_of_expressions_have_a_point_in_every_epoch(clips, tmp_path, no_pixels):
    clips = [clip.labelled(expression=np.arange(9) % 7) for clip in clips]
    board = AffectTensorBoard(tmp_path, clips, points=0, budget=1e-9)
    fit(tiny("expression"), clips, board, epochs=3)
    summaries = events(tmp_path / "validation")
    for name in ("accuracy", "macro_f1"):
        assert steps(summaries, f"affect/{name}") == [0, 1, 2]


def test_hyper_parameters_reach_their_plugin(trained):
    run = EventAccumulator(str(trained[0] / "validation")).Reload()
    content = run.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert set(values) == {"rate", "layers.fc1", "frozen", "decay", "task"}
    assert values["rate"].number_value == 0.001 and values["layers.fc1"].number_value == 8
    assert values["frozen"].HasField("bool_value") and values["decay"].string_value == "None"


def test_projector_rows_are_frames_with_their_labels(trained):
    folder, _, _, model, clips = trained
    folder = folder / "validation"
    vectors = np.loadtxt(folder / projector.VECTORS_FILE, delimiter="\t")
    with open(folder / projector.METADATA_FILE, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(vectors) == len(rows) == 20 and vectors.shape[1] == UNITS
    config = (folder / projector.CONFIG_FILE).read_text()
    assert projector.VECTORS_FILE in config and projector.METADATA_FILE in config
    assert "tensor_shape: 20" in config
    by_key = {clip.key: clip for clip in clips}
    hidden = evaluation.predict(keras.Model(model.input, model.get_layer("hidden").output), clips)
    for row, vector in zip(rows, vectors, strict=True):
        clip, i = by_key[row["clip"]], int(row["frame"]) - 1
        assert clip.valid[i]
        assert np.allclose([float(row["valence"]), float(row["arousal"])],
                           clip.valence_arousal[i], atol=1e-3)  # fmt: skip
        assert np.allclose(vector, hidden[row["clip"]][i], atol=1e-4)


def test_an_output_named_representation_is_used():
    model = models.affwildnet(
        length=4, width=0.02, input_shape=(32, 32, 3), rnn_units=6, representation=True
    )
    result = projector.representation_model(model)
    assert result.output is model.output["representation"]


def test_labels_with_tabs_do_not_shift_columns(clips, tmp_path):
    labels = {"note": np.array(["a\tb\nc"] * 36, object)}
    assert projector.write_projector(tmp_path, tiny(), clips, labels, points=5) == 5
    lines = (tmp_path / projector.METADATA_FILE).read_text().splitlines()
    assert len(lines) == 6 and {line.count("\t") for line in lines} == {2}


def test_expressions_have_a_confusion_matrix(clips, tmp_path, no_pixels):
    clips = [c.labelled(expression=np.arange(9) % 7, valid=np.arange(9) != 5) for c in clips]
    model = tiny("expression")
    drive(model, AffectTensorBoard(tmp_path, clips, clips_shown=1))
    summaries = events(tmp_path / "validation")
    assert {"pictures/confusion", "traces/a"} <= set(summaries)
    assert "pictures/plane" not in summaries
    table = evaluation.scores(clips, evaluation.predict(model, clips), "expression")
    assert summaries["affect/accuracy"][0][1] == pytest.approx(table.loc["all", "accuracy"])
    assert summaries["affect/macro_f1"][0][1] == pytest.approx(table.loc["all", "F1"])
    with open(tmp_path / "validation" / projector.METADATA_FILE, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 4 * 7  # frame 4 has no face, frame 6 is not valid
    assert all(row["expression"] == EXPRESSIONS[(int(row["frame"]) - 1) % 7] for row in rows)


def test_models_of_one_dimension_have_no_picture_of_the_plane(clips, tmp_path, no_pixels):
    drive(tiny("arousal"), AffectTensorBoard(tmp_path, clips, points=0, clips_shown=1))
    summaries = events(tmp_path / "validation")
    assert {"affect/ccc_arousal", "traces/a"} <= set(summaries)
    assert "pictures/plane" not in summaries
    assert not (tmp_path / "validation" / projector.CONFIG_FILE).exists()


def test_a_resumed_run_continues_the_steps(clips, tmp_path, no_pixels):
    options = {"learning_rate": 2e-4, "verbose": 0}
    for epochs in (1, 2, 2):  # the last run has nothing to do
        training.train(tiny(), clips[:1], clips[1:2], tmp_path, epochs=epochs, **options)
    summaries = events(tmp_path / "tensorboard" / "validation")
    for tag in ("epoch_ccc", "affect/ccc_mean", "pictures/plane"):
        assert steps(summaries, tag) == [0, 1]
    run = EventAccumulator(str(tmp_path / "tensorboard" / "validation")).Reload()
    content = run.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    values = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert values["training frames"].number_value == 9 and "training" not in values
    assert values["learning_rate"].number_value == 2e-4


class Stopwatch:
    """Clock that tests advance."""

    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def shown_epochs(monkeypatch):
    """Returns a function that returns the epochs with pictures, and whether the end has some.

    An epoch takes 10 s, pictures 2 s.
    """

    def run(clips, folder, epochs, **options):
        clock = Stopwatch()
        monkeypatch.setattr(tensorboard, "time", clock)

        def predict(model, clips):
            clock.now += 2
            raise RuntimeError("no picture")

        monkeypatch.setattr(tensorboard, "predict", predict)
        board = AffectTensorBoard(folder, clips, points=0, **options)
        board.set_model(tiny())
        board.on_train_begin()
        shown = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for epoch in range(epochs):
                clock.now += 10
                before = clock.now
                board.on_epoch_end(epoch, {})
                shown += [epoch] * (clock.now > before)
            before = clock.now
            board.on_train_end()
        return shown, clock.now > before

    return run


def test_pictures_wait_until_their_cost_is_within_the_budget(clips, tmp_path, shown_epochs):
    # 2 s are 5 % of 40 s, which are four epochs of 10 s.
    assert shown_epochs(clips, tmp_path, 10) == ([0, 4, 8], True)
    assert shown_epochs(clips, tmp_path, 5, budget=0.1) == ([0, 2, 4], False)
    assert shown_epochs(clips, tmp_path, 3, budget=None) == ([0, 1, 2], False)
    assert shown_epochs(clips, tmp_path, 5, budget=None, every=2) == ([1, 3], True)


def test_a_failure_gives_a_warning_and_training_continues(clips, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("a fault")

    monkeypatch.setattr(tensorboard.plots, "histogram", fail)
    monkeypatch.setattr(projector._files, "atomic", fail)
    with pytest.warns(UserWarning) as warned:
        history = fit(tiny(), clips[:1], AffectTensorBoard(tmp_path, clips[:1]))
    assert history.epoch == [0, 1]
    texts = [str(warning.message) for warning in warned]
    assert any("scores and pictures" in t and "a fault" in t and "Traceback" in t for t in texts)
    assert any("the projector's files" in t for t in texts)


def test_the_warning_of_a_full_disk_has_no_traceback():
    with pytest.warns(UserWarning, match="no room on the disk") as warned:
        with layer_graph.warning_about("pictures"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        with layer_graph.warning_about("histograms"):  # what TensorFlow says
            raise tf.errors.ResourceExhaustedError(
                None, None, "/run/events; No space left on device"
            )
    assert len(warned) == 2 and not any("Traceback" in str(w.message) for w in warned)


def test_predicting_does_not_undo_an_early_stop(clips, tmp_path, no_pixels):
    model = tiny()
    model.stop_training = True
    drive(model, AffectTensorBoard(tmp_path, clips, points=0, clips_shown=0))
    assert model.stop_training


def test_pictures_do_not_change_the_training(trained):
    _, _, history, _, clips = trained
    plain = fit(tiny(), clips, keras.callbacks.Callback()).history
    assert plain["loss"] == pytest.approx(history["loss"], abs=1e-6)


def test_models_of_single_images_have_no_traces(make_clip, tmp_path, no_pixels):
    clips = [make_clip(str(i), 1, 20 * i, size=8, expression=[i]) for i in range(7)]
    drive(tiny("expression", window=()), AffectTensorBoard(tmp_path, clips, points=5))
    summaries = events(tmp_path / "validation")
    assert "pictures/confusion" in summaries
    assert not any(tag.startswith("traces") for tag in summaries)


def test_few_frames_are_not_sampled(clips):
    assert sample_clips(clips, frames=36, length=4) == clips


def test_many_frames_are_sampled_in_complete_windows_of_all_clips(make_clip):
    clips = [make_clip(str(i), 45, size=8, missing=range(4)) for i in range(4)]
    sampled = sample_clips(clips, frames=96, length=4, seed=1)
    assert 80 < sum(len(clip) for clip in sampled) <= 96
    assert {len(clip) for clip in sampled} <= {8, 5} and len({c.subject for c in sampled}) == 4
    again, other = (sample_clips(clips, 96, 4, seed=seed) for seed in (1, 2))
    assert [c.key for c in sampled] == [c.key for c in again] != [c.key for c in other]
    first = sampled[0]
    clip = next(clip for clip in clips if clip.subject == first.subject)
    start = int(first.key.split()[-1].split("-")[0]) - 1
    assert np.array_equal(first.valence_arousal, clip.valence_arousal[start : start + len(first)])


def test_parts_without_a_valid_frame_are_not_drawn(make_clip):
    clips = [make_clip("a", 40, size=8, missing=range(20)), make_clip("b", 40, size=8)]
    assert all(clip.valid.any() for clip in sample_clips(clips, frames=48, length=4))


@pytest.mark.parametrize(
    "options",
    [
        {"every": 0},
        {"frames": 0},
        {"clips_shown": -1},
        {"budget": 0},
        {"budget": 2},
        {"points": -1},
    ],
)
def test_bad_arguments_are_refused(clips, tmp_path, options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be"):
        AffectTensorBoard(tmp_path, clips, **options)


def test_clips_without_labels_are_refused_before_training(clips, tmp_path):
    for wrong in ([], clips):
        with pytest.raises(ValueError, match="labels of the model's task 'expression'"):
            AffectTensorBoard(tmp_path, wrong).set_model(tiny("expression"))


def test_pictures_of_omg_and_of_discrete_labels_have_their_axes(tmp_path, make_clip, monkeypatch):
    """OMG's arousal is in [0, 1], also in parts of clips; levels have cells of their own."""
    figures = []
    monkeypatch.setattr(
        tensorboard,
        "_pixels",
        lambda figure: figures.append(figure) or np.zeros((1, 1, 3), np.uint8),
    )
    levels = np.stack([np.tile([-1, 0, 1], 8), np.tile([0, 0.5, 0.5, 1], 6)], axis=1)
    clip = make_clip("v/utterance_1", 24, size=8, valence_arousal=levels)
    drive(tiny(), AffectTensorBoard(tmp_path, [clip], frames=20, points=0))
    histogram, traces = figures[:2]
    (cells,) = [c for c in histogram.axes[0].collections if hasattr(c, "get_coordinates")]
    assert cells.get_array().shape == (3, 3)
    assert np.allclose(histogram.axes[0].get_ylim(), (-0.25, 1.25))
    assert traces.axes[1].get_ylabel() == "arousal (0 … 1)"
    figures.clear()
    drive(tiny(), AffectTensorBoard(tmp_path, [clip], points=0, ranges={}))
    assert figures[1].axes[1].get_ylabel() == "arousal (−1 … 1)"
