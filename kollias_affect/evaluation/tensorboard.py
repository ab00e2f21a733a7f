"""TensorBoard callback with scores, pictures, hyper-parameters and the projector."""

import numbers
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kollias_affect import _checks, models
from kollias_affect.evaluation import plots, projector
from kollias_affect.evaluation.label_ranges import ranges_of
from kollias_affect.evaluation.layer_graph import LayerGraphTensorBoard, warning_about
from kollias_affect.evaluation.predictions import predict
from kollias_affect.evaluation.scores import confusion, scores
from kollias_affect.tasks import TASKS, known, known_labels, label_field

# A sample of many clips consists of at least this many parts.
_MIN_PARTS = 12


class AffectTensorBoard(LayerGraphTensorBoard):
    """Keras' TensorBoard callback, extended for valence, arousal and expressions.

    With Keras' step (the epoch, from 0), the run `validation` has

    - scalars, in every epoch: `affect/ccc_valence`, `affect/ccc_arousal` and `affect/ccc_mean`, for
      one dimension only its own; for expressions `affect/accuracy` and `affect/macro_f1`; for
      action units `affect/f1`. They are the metrics of `metrics.for_task` over the complete
      validation data. A model that is compiled without them has `evaluation.scores` of the frames
      predicted for the pictures instead, in the epochs with pictures;
    - images of the validation clips, which are predicted once for them: `pictures/plane` (labels
      and predictions in the plane of valence and arousal) or `pictures/confusion`, and
      `traces/<clip>` of the same few clips.

    The run `train` has the graph of the layers, and with each set of pictures the histograms of the
    weights that are trained.

    With several tasks, the names have the task in between, as in `affect/expression/accuracy`, and
    each task has the clips with labels of it.

    When training begins, the callback writes the hyper-parameters for TensorBoard's HParams. When
    training ends, it writes the representation of frames and their labels for the projector.

    Cost: at most `budget` of the training time, by two rules. At most `frames` frames are
    predicted, 4 % of 100 000 training frames. Predicting a frame costs no more than training on it,
    and end to end about a third. And the time is measured: after pictures that took one second,
    epochs that end within `1 / budget` seconds (20 by default) have only scalars. The first
    epoch that is due and the last epoch always have pictures. Trainings of a few minutes therefore
    exceed the budget by these two and the projector's files.

    A failure to predict, draw or write gives a warning with the traceback, and training continues.
    Wrong arguments raise an error before training begins.

    Args:
        log_dir: Folder of the run, in which `train/` and `validation/` are created.
        clips: List of `Clip` with labels of the model's tasks: the validation clips.
        every: Number of epochs from one set of pictures to the next.
        clips_shown: Number of clips with traces, the first ones with at least two frames.
        hyper_parameters: Dict of numbers, booleans, texts and dicts of these, with names joined by
            a dot. Other values are shown as text.
        frames: Largest number of frames to predict; see `sample_clips`.
        points: Largest number of frames in the projector; 0 for no files.
        budget: Share of the training time, in (0, 1]; `None` for no limit.
        seed: Seed of `sample_clips`.
        model: Model that predicts the clips. Default: the model that is trained.
        ranges: Ranges of valence and arousal in the pictures, see `plots.traces_figure`. Default:
            those of the database, see `label_ranges.ranges_of`.
        histograms: Whether histograms of the weights are written.
        **options: Options of `keras.callbacks.TensorBoard`.

    Raises:
        ValueError: If an argument is out of range, or clips have no labels of the model's task.

    Example:

    >>> from kollias_affect.clip import Clip
    >>> clip = Clip("a", ["1.png"], valence_arousal=[[0.5, 0.2]])
    >>> board = AffectTensorBoard("log", [clip], hyper_parameters={"rnn": {"units": 128}})
    >>> board.hyper_parameters
    {'rnn.units': 128}
    """

    def __init__(
        self,
        log_dir,
        clips,
        every=1,
        clips_shown=3,
        hyper_parameters=None,
        frames=4000,
        points=1000,
        budget=0.05,
        seed=0,
        model=None,
        ranges=None,
        histograms=True,
        **options,
    ):
        super().__init__(log_dir, model, **options)
        self.predictor = model
        self.histograms = histograms
        self.clips = list(clips)
        self.ranges = ranges_of(self.clips) if ranges is None else ranges
        self.every = _checks.positive_integer("every", every)
        self.clips_shown = _checks.integer_between("clips_shown", clips_shown, 0, 1000)
        self.hyper_parameters = _flat(hyper_parameters or {})
        self.frames = _checks.positive_integer("frames", frames)
        self.points = _checks.integer_between("points", points, 0, 100_000)
        self.budget = None if budget is None else _checks.number_between("budget", budget, 0, 1)
        self.seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
        self._pause_ends = -np.inf
        self._last_epoch = self._last_shown = None
        self._logged = set()

    def set_model(self, model):
        """Checks the clips against the model, and samples the frames to predict."""
        self.predictor = self.predictor or model
        card = models.describe(self.predictor)
        self.tasks = tuple(models.tasks_of(card))
        for task in self.tasks:
            _check_labels(self.clips, task, only=len(self.tasks) == 1)
        self.predicted = sample_clips(self.clips, self.frames, card["length"] or 1, self.seed)
        self._pictures = {}
        for task in self.tasks:
            clips = [clip for clip in self.predicted if known(clip, task).any()]
            options = TASKS[task][0], self.clips_shown, self.ranges
            self._pictures[task] = _Pictures(clips, task, *options)
        super().set_model(model)

    def on_train_begin(self, logs=None):
        """Writes the hyper-parameters."""
        super().on_train_begin(logs)
        self._last_epoch = self._last_shown = None
        if self.hyper_parameters:
            with warning_about("the hyper-parameters"), self._val_writer.as_default():
                _write_hyper_parameters(self.hyper_parameters)

    def on_epoch_end(self, epoch, logs=None):
        """Writes Keras' scalars and the scores, and pictures if they are due."""
        super().on_epoch_end(epoch, logs)
        self._last_epoch = epoch
        self._write_logged(epoch, logs or {})
        if (epoch + 1) % self.every == 0 and time.perf_counter() >= self._pause_ends:
            self._show(epoch)

    def on_train_end(self, logs=None):
        """Writes scores and pictures of the last epoch, if missing, and the projector's files."""
        if self._last_epoch is not None:  # a finished run that is started again has no epoch
            if self._last_shown != self._last_epoch:
                self._show(self._last_epoch)
            with warning_about("the projector's files"):
                if self.points:
                    self._project()
        super().on_train_end(logs)

    def _write_logged(self, epoch, logs):
        """Writes the scores that the logs have; the others come with the pictures."""
        self._logged = set()
        with warning_about("scores"), self._val_writer.as_default(epoch):
            for task in self.tasks:
                between = f"{task}/" if len(self.tasks) > 1 else ""
                prefix = f"val_{task}_" if len(self.tasks) > 1 else "val_"
                for name, metric in _metrics(task).items():
                    if prefix + metric in logs:
                        tf.summary.scalar(f"affect/{between}{name}", logs[prefix + metric])
                        self._logged.add(f"affect/{between}{name}")

    def _show(self, epoch):
        """Predicts, writes images and histograms, and measures the time for it."""
        start = time.perf_counter()
        self._last_shown = epoch
        with warning_about("scores and pictures"), self._val_writer.as_default(epoch):
            predictions = predict(self.predictor, self.predicted)
            for task, pictures in self._pictures.items():
                several = len(self.tasks) > 1
                self._write(pictures, predictions[task] if several else predictions, several)
            self._val_writer.flush()
        if self.histograms:
            with warning_about("histograms"), self._train_writer.as_default(epoch):
                for weight in self._model.trainable_variables:
                    tf.summary.histogram(weight.path, weight)
        if self.budget is not None:
            end = time.perf_counter()
            self._pause_ends = end + (end - start) / self.budget

    def _write(self, pictures, predictions, several):
        """Writes images of one task, and scores that the logs did not have."""
        clips, task = pictures.clips, pictures.task
        if not clips:
            return  # none of the sampled frames has a label of the task
        between = f"{task}/" if several else ""
        values = {clip.key: predictions[clip.key] for clip in clips}
        for name, value in _scalars(clips, values, task).items():
            if f"affect/{between}{name}" not in self._logged:
                tf.summary.scalar(f"affect/{between}{name}", value)
        for name, figure in pictures.draw(values):
            group, _, rest = name.partition("/")
            tf.summary.image(f"{group}/{between}{rest}", _pixels(figure)[None])

    def _project(self):
        columns = {}
        for task in self.tasks:
            columns.update(_columns(self.predicted, task))
        folder = Path(self.log_dir, "validation")
        projector.write_projector(folder, self.predictor, self.predicted, columns, self.points)


class _Pictures:
    """Figures of a prediction, always of the same clips."""

    def __init__(self, clips, task, names, clips_shown, ranges=None):
        self.clips, self.task, self.names, self.ranges = clips, task, names, ranges
        self.shown = [clip for clip in clips if len(clip) > 1][:clips_shown]

    def draw(self, predictions):
        """Yields pairs of the name and the figure of a picture."""
        if label_field(self.task) == "expression":
            counts = confusion(self.clips, predictions, self.task)
            yield "pictures/confusion", plots.draw_confusion(counts, self.names)
        elif self.task == "valence_arousal":
            labels = np.concatenate([known_labels(clip, self.task) for clip in self.clips])
            values = np.concatenate([predictions[clip.key] for clip in self.clips])
            yield "pictures/plane", plots.histogram(values, labels, ranges=self.ranges)
        for clip in self.shown:
            labels, values = known_labels(clip, self.task), predictions[clip.key]
            options = {"title": clip.key, "ranges": self.ranges}
            figure = plots.traces_figure(clip.times, values, self.names, labels, **options)
            yield f"traces/{clip.key}", figure


def sample_clips(clips, frames=4000, length=80, seed=0):
    """Samples parts of clips with a limited total number of frames.

    If the clips do not have more frames, they are returned themselves. Otherwise every clip is cut
    into parts of complete windows, no longer than a twelfth of `frames` (or one window). Parts with
    a valid frame are drawn at random as long as they fit, at least one.

    Args:
        clips: List of `Clip`.
        frames: Largest total number of frames.
        length: Frames of a window.
        seed: Seed of the draw; the same arguments give the same parts.

    Returns:
        List of `Clip`. The key of a part is the key of its clip with its frames, from 1, as in
        `subject1 frames 321-640`.
    """
    if sum(len(clip) for clip in clips) <= frames:
        return list(clips)
    size = max(1, frames // _MIN_PARTS // length) * length
    parts = [
        (clip, start, min(start + size, len(clip)))
        for clip in clips
        for start in range(0, len(clip), size)
        if clip.valid[start : start + size].any()
    ]
    sampled, left = [], frames
    for i in np.random.default_rng(seed).permutation(len(parts)):
        clip, start, stop = parts[i]
        if stop - start <= left or not sampled:
            sampled.append(clip.part(start, stop, f"{clip.key} frames {start + 1}-{stop}"))
            left -= stop - start
    return sampled


def _check_labels(clips, task, only):
    """Raises `ValueError` if there is no label of a task; of the only task, if a clip has none."""
    without = [clip.key for clip in clips if getattr(clip, label_field(task)) is None]
    if (only and without) or not any(known(clip, task).any() for clip in clips):
        raise ValueError(
            f"`clips` must have labels of the model's task {task!r}, and a valid frame. Received: "
            f"{len(clips)} clips, without labels: {without[:5]}. Pass the clips that the model is "
            "validated on."
        )


def _columns(clips, task):
    """Returns a dict from a name to the labels of all frames, unknown where there are none."""
    names, _ = TASKS[task]
    of_classes = label_field(task) == "expression"
    labels = []
    for clip in clips:
        if getattr(clip, label_field(task)) is not None:
            labels.append(known_labels(clip, task))
        elif of_classes:
            labels.append(np.full(len(clip), -1))
        else:
            labels.append(np.full((len(clip), len(names)), np.nan))
    labels = np.concatenate(labels)
    if of_classes:
        return {"expression": np.array([*names, ""], object)[labels]}  # -1: unknown
    return dict(zip(names, labels.T, strict=True))


def _metrics(task):
    """Returns a dict from the name of a score to that of its metric in `metrics.for_task`."""
    if label_field(task) == "expression":
        return {"accuracy": "accuracy", "macro_f1": "macro_f1"}
    if task == "action_units":
        return {"f1": "f1"}
    if task != "valence_arousal":
        return {f"ccc_{task}": "ccc"}
    return {"ccc_mean": "ccc", **{f"ccc_{name}": f"ccc_{name}" for name in TASKS[task][0]}}


def _scalars(clips, predictions, task):
    table = scores(clips, predictions, task)
    if label_field(task) == "expression":
        return {"accuracy": table.loc["all", "accuracy"], "macro_f1": table.loc["all", "F1"]}
    if task == "action_units":
        return {"f1": table.loc["mean", "F1"]}
    return {f"ccc_{name}": value for name, value in table["CCC"].items()}


def _pixels(figure):
    """Returns uint8 RGB `[height, width, 3]`, drawn by Agg whatever the user's backend is."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def _flat(values, prefix=""):
    """Returns hyper-parameters as HParams accepts them: nested names joined by dots, no lists."""
    flat = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            accepted = isinstance(value, (str, numbers.Real, np.bool_))
            flat[f"{prefix}{name}"] = value if accepted else str(value)
    return flat


def _write_hyper_parameters(values):
    from tensorboard.plugins.hparams import api

    api.hparams(values)
