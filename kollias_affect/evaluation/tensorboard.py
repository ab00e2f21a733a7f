"""What TensorBoard shows of a training: scores, pictures, hyper-parameters and the projector."""

import contextlib
import numbers
import time
import traceback
import warnings
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kollias_affect import _checks, models
from kollias_affect.evaluation import plots, projector
from kollias_affect.evaluation.predictions import predict
from kollias_affect.evaluation.scores import confusion, scores
from kollias_affect.tasks import TASKS, known_labels

# Of many clips, this many stretches or more are seen.
_STRETCHES = 12


class AffectTensorBoard(keras.callbacks.TensorBoard):
    """Keras' TensorBoard callback, and what valence, arousal and expressions need besides.

    At the end of an epoch it predicts the validation clips once, and writes from that one
    prediction, to the run `validation` and under Keras' step (the epoch, from 0):

    - scalars: `affect/ccc_valence`, `affect/ccc_arousal`, `affect/ccc_mean`, of one dimension its
      own alone; for expressions `affect/accuracy` and `affect/macro_f1`. They are
      `evaluation.scores` of the frames predicted here. Keras' own, such as `epoch_ccc_valence`,
      stand beside them and are of the whole validation data;
    - images: `pictures/histogram` (labels and predictions in the plane of valence and arousal) or
      `pictures/confusion`, and `traces/<clip>` of the same few clips through the run.

    When training begins it writes the hyper-parameters, for TensorBoard's HParams; when training
    ends, the representation of frames with their labels, for the projector.

    Cost: at most `budget` of the time of training, 5 % unless told otherwise, by two rules. At
    most `frames` frames are predicted, 4 % of 100 000 training frames; predicting a frame costs no
    more than training on it, and end to end about a third. And the time is measured: pictures
    that took one second are followed by `1 / budget` seconds, here 20, without; epochs that end
    meanwhile have Keras' scalars alone. The first epoch that is due and the last one have pictures
    in any case, so that trainings of a few minutes pay more: for these two, and the projector's
    files.

    What cannot be predicted, drawn or written gives a warning with the traceback, and training
    goes on: hours of it are worth more than a picture. Wrong arguments raise before it begins.

    Args:
        log_dir: folder of the run; `train/` and `validation/` are made in it.
        clips: list of `Clip` with labels of the model's task: the validation clips.
        every: pictures after every so many epochs.
        clips_shown: traces of so many clips, the first ones that have at least two frames.
        hyper_parameters: dict of numbers, truth values, texts and dicts of such (their names are
            joined by a dot); anything else is shown as text.
        frames: at most so many frames are predicted, see `sample`.
        points: at most so many frames in the projector; 0 for no files.
        budget: share of the time of training, in (0, 1]; `None` for no limit.
        seed: of `sample`.
        model: what predicts the clips, if not the model that is trained.
        **options: of `keras.callbacks.TensorBoard`.

    Raises:
        ValueError: if an argument is out of range, or clips have no labels of the model's task.
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
        **options,
    ):
        super().__init__(log_dir, **options)
        self.predictor = model
        self.clips = list(clips)
        self.every = _checks.positive_integer("every", every)
        self.clips_shown = _checks.integer_between("clips_shown", clips_shown, 0, 1000)
        self.hyper_parameters = _flat(hyper_parameters or {})
        self.frames = _checks.positive_integer("frames", frames)
        self.points = _checks.integer_between("points", points, 0, 100_000)
        self.budget = None if budget is None else _checks.number_between("budget", budget, 0, 1)
        self.seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
        self._pause_ends = -np.inf
        self._done = self._shown = None

    def set_model(self, model):
        """Checks that clips and model go together, and chooses the frames to predict."""
        self.predictor = self.predictor or model
        card = models.describe(self.predictor)
        self.task, names = card["task"], card["outputs"]
        _check_labels(self.clips, self.task)
        self.predicted = sample(self.clips, self.frames, card["length"] or 1, self.seed)
        self._pictures = _Pictures(self.predicted, self.task, names, self.clips_shown)
        super().set_model(model)

    def on_train_begin(self, logs=None):
        """Writes the hyper-parameters."""
        super().on_train_begin(logs)
        self._done = self._shown = None
        if self.hyper_parameters:
            with _warning("the hyper-parameters"), self._val_writer.as_default():
                _write_hyper_parameters(self.hyper_parameters)

    def on_epoch_end(self, epoch, logs=None):
        """Writes Keras' scalars, and the rest if it is time."""
        super().on_epoch_end(epoch, logs)
        self._done = epoch
        if (epoch + 1) % self.every == 0 and time.perf_counter() >= self._pause_ends:
            self._show(epoch)

    def on_train_end(self, logs=None):
        """Writes the last epoch, if it had to wait, and the projector's files."""
        if self._done is not None:  # a finished run that is started again has no epoch
            if self._shown != self._done:
                self._show(self._done)
            with _warning("the projector's files"):
                if self.points:
                    self._project()
        super().on_train_end(logs)

    def _show(self, epoch):
        """Predicts, writes scalars and images, and measures how long that took."""
        begin = time.perf_counter()
        self._shown = epoch
        with _warning("scores and pictures"), self._val_writer.as_default(epoch):
            predictions = predict(self.predictor, self.predicted)
            for name, value in _scalars(self.predicted, predictions, self.task).items():
                tf.summary.scalar(f"affect/{name}", value)
            for name, figure in self._pictures.draw(predictions):
                tf.summary.image(name, _pixels(figure)[None])
            self._val_writer.flush()
        if self.budget is not None:
            end = time.perf_counter()
            self._pause_ends = end + (end - begin) / self.budget

    def _project(self):
        labels = np.concatenate([known_labels(clip, self.task) for clip in self.predicted])
        names, _ = TASKS[self.task]
        if self.task == "expression":
            columns = {"expression": np.array([*names, ""], object)[labels]}  # -1: not known
        else:
            columns = dict(zip(names, labels.T, strict=True))
        folder = Path(self.log_dir, "validation")
        projector.write(folder, self.predictor, self.predicted, columns, self.points)


class _Pictures:
    """The figures of one prediction; which clips they show is settled once."""

    def __init__(self, clips, task, names, clips_shown):
        self.clips, self.task, self.names = clips, task, names
        self.shown = [clip for clip in clips if len(clip) > 1][:clips_shown]

    def draw(self, predictions):
        """Yields the name of each picture, and its figure."""
        if self.task == "expression":
            yield "pictures/confusion", plots.confusion(confusion(self.clips, predictions))
        elif self.task == "valence_arousal":
            labels = np.concatenate([known_labels(clip, self.task) for clip in self.clips])
            values = np.concatenate([predictions[clip.key] for clip in self.clips])
            yield "pictures/histogram", plots.histogram(values, labels)
        for clip in self.shown:
            yield (
                f"traces/{clip.key}",
                plots.traces_figure(
                    clip.times,
                    predictions[clip.key],
                    self.names,
                    known_labels(clip, self.task),
                    title=clip.key,
                ),
            )


def sample(clips, frames=4000, length=80, seed=0):
    """Clips of at most so many frames in all; the same ones for the same arguments.

    If there are not more, these are the clips themselves. Else every clip is cut into stretches
    of whole windows, no longer than a twelfth of `frames` (or one window), and as many of those
    with a valid frame are drawn as fit, at least one.

    Args:
        clips: list of `Clip`.
        frames: how many at most.
        length: of a window.
        seed: of the draw.

    Returns:
        list of `Clip`; the key of a stretch is that of its clip and its frames, from 1, as in
        `subject1 frames 321-640`.
    """
    if sum(len(clip) for clip in clips) <= frames:
        return list(clips)
    size = max(1, frames // _STRETCHES // length) * length
    places = [
        (clip, start, min(start + size, len(clip)))
        for clip in clips
        for start in range(0, len(clip), size)
        if clip.valid[start : start + size].any()
    ]
    chosen, left = [], frames
    for i in np.random.default_rng(seed).permutation(len(places)):
        clip, start, stop = places[i]
        if stop - start <= left or not chosen:
            chosen.append(clip.part(start, stop, f"{clip.key} frames {start + 1}-{stop}"))
            left -= stop - start
    return chosen


def _check_labels(clips, task):
    kind = "expression" if task == "expression" else "valence_arousal"
    without = [clip.key for clip in clips if getattr(clip, kind) is None]
    if without or not any(clip.valid.any() for clip in clips):
        raise ValueError(
            f"`clips` must have labels of the model's task {task!r}, and a valid frame. Received: "
            f"{len(clips)} clips, of which without labels: {without[:5]}. Pass the clips that the "
            "model is validated on."
        )


def _scalars(clips, predictions, task):
    table = scores(clips, predictions, task)
    if task == "expression":
        return {"accuracy": table.loc["all", "accuracy"], "macro_f1": table.loc["all", "F1"]}
    return {f"ccc_{name}": value for name, value in table["CCC"].items()}


def _pixels(figure):
    """uint8 RGB `[height, width, 3]`; drawn by Agg, whatever backend the user has chosen."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def _flat(values, prefix=""):
    """Hyper-parameters as HParams takes them: nested names joined by dots, no lists."""
    found = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            known = isinstance(value, (str, numbers.Real, np.bool_))
            found[f"{prefix}{name}"] = value if known else str(value)
    return found


def _write_hyper_parameters(values):
    from tensorboard.plugins.hparams import api

    api.hparams(values)


@contextlib.contextmanager
def _warning(what):
    """Turns any failure into a warning; Python shows the same one once."""
    try:
        yield
    except Exception:
        warnings.warn(
            f"TensorBoard lacks {what}; the training goes on. {traceback.format_exc()}",
            stacklevel=2,
        )
