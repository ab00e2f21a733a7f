"""One part of a database in paper A's experiment: features, labels, weights and batches."""

import contextlib
import functools

import numpy as np
import tensorflow as tf

from kollias_affect import _files, _untrusted, windows
from kollias_affect.experiments.paper_a.backbone import extract_features

_FRAMES_PER_BATCH = 1024


class Part:
    """Frames of one part of a database, with the features of a fixed backbone.

    Args:
        clips: List of `Clip`.
        classes: `Classes` of the experiment.
        backbone: Fixed `keras.Model`, see `backbone.extract_features`.
        file: Path of the `.npy` file that caches the features.

    Attributes:
        labels: Class of every frame, int64 `[frames]`; -1 for frames that do not count.
        left_out: Number of valid frames whose expression is not a class.
    """

    def __init__(self, clips, classes, backbone, file):
        self.clips = clips
        self.classes = classes
        self.backbone = backbone
        self.file = file
        self.labels = classes.labels(clips)
        self.left_out = classes.left_out(clips)

    @functools.cached_property
    def features(self):
        """The backbone's features of every frame, float32 `[frames, units]`, cached on disk."""
        if self.file.exists():
            with contextlib.suppress(ValueError):  # A damaged file is written again.
                values = np.array(_untrusted.read_npy(self.file))
                if values.ndim == 2 and len(values) == len(self.labels):
                    return values
        values = extract_features(self.backbone, self.clips)
        with _files.atomic(self.file) as temporary:
            np.save(temporary, values, allow_pickle=False)
        return values

    @functools.cached_property
    def landmarks(self):
        """The landmarks of every frame, float32 `[frames, 136]`, for networks that take them."""
        nothing = [np.zeros((len(clip), 1), np.float32) for clip in self.clips]
        data = windows.dataset(self.clips, length=1, batch_size=256, labels=False, features=nothing)
        return np.concatenate([batch["landmarks"][:, 0] for batch in data.as_numpy_iterator()])

    def _inputs(self, model):
        """Returns the arrays `[frames, ...]` for the inputs of a network, by name."""
        arrays = {}
        for name, tensor in model.input.items():
            if name == "landmarks":
                arrays[name] = self.landmarks
            else:  # `images` of one pixel, or `features` of `features.split`
                arrays[name] = self.features.reshape(-1, *tensor.shape[2:])
        return arrays

    def windows(self, length):
        """Divides the clips into windows without overlap.

        Args:
            length: Frames per window.

        Returns:
            `(index, inside)`, see `windows.window_index`.
        """
        return windows.window_index([len(clip) for clip in self.clips], length, length)

    def weights(self, balanced=False):
        """Returns the weight of every frame in the loss, float32 `[frames]`.

        Args:
            balanced: Whether the weights of each class have the same sum. The mean weight of the
                frames that count stays 1.
        """
        weights = (self.labels >= 0).astype(np.float32)
        if balanced:
            counts = np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes))
            by_class = weights.sum() / (np.count_nonzero(counts) * np.maximum(counts, 1))
            weights = weights * by_class[np.maximum(self.labels, 0)].astype(np.float32)
        return weights

    def batches(self, model, length, batch_size, balanced=False, seed=0):
        """Yields batches of windows of features without end, reshuffled in every epoch.

        Args:
            model: Network whose inputs are yielded.
            length: Frames per window.
            batch_size: Windows per batch.
            balanced: See `weights`.
            seed: Seed of the shuffling.

        Returns:
            `tf.data.Dataset` of `(inputs, labels, weights)`.
        """
        counting, batch = self._windows_that_count(model, length, balanced)
        order = tf.data.Dataset.from_tensor_slices(counting).shuffle(len(counting), seed=seed)
        return order.repeat().batch(batch_size).map(batch)

    def epoch(self, model, length, batch_size, balanced=False, seed=0, number=0):
        """Yields the batches of one epoch, in an order that depends on the seed and its number.

        Args:
            model, length, batch_size, balanced, seed: See `batches`.
            number: Number of the epoch, from 0 on.

        Returns:
            `tf.data.Dataset` of `(inputs, labels, weights)`.
        """
        counting, batch = self._windows_that_count(model, length, balanced)
        order = np.random.default_rng([seed, number]).permutation(counting)
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size).map(batch)

    def _windows_that_count(self, model, length, balanced):
        """Returns the numbers of the windows with weights, and the function of a batch of them."""
        index, inside = self.windows(length)
        weights = self.weights(balanced)
        counting = np.flatnonzero((weights[index] * inside).sum(axis=1))
        inputs = {name: tf.constant(values) for name, values in self._inputs(model).items()}
        weights = tf.constant(weights)
        labels, index = tf.constant(self.labels), tf.constant(index)
        inside = tf.constant(inside, tf.float32)

        def batch(rows):
            frames = tf.gather(index, rows)
            gathered = {name: tf.gather(values, frames) for name, values in inputs.items()}
            weight = tf.gather(weights, frames) * tf.gather(inside, rows)
            return gathered, tf.gather(labels, frames), weight

        return counting, batch

    def outputs(self, model, length):
        """Computes the outputs of a network for the frames that count.

        Args:
            model: Network of `network.build_network`.
            length: Frames per window.

        Returns:
            Dict of `frames` (index of each frame among all frames of the clips), `clips` (index of
            its clip) and `labels`, int64 `[frames]`, and
            the network's outputs by name, float32: that of the task as `outputs`,
            `[frames, classes]`, and `representation`, `[frames, units]`.
        """
        index, inside = self.windows(length)
        inputs = {name: values[index] for name, values in self._inputs(model).items()}
        batch_size = max(1, _FRAMES_PER_BATCH // length)
        predictions = model.predict(inputs, batch_size=batch_size, verbose=0)
        counts = inside & (self.labels[index] >= 0)
        representation = predictions.pop("representation")
        (outputs,) = predictions.values()
        clip_of = np.repeat(np.arange(len(self.clips)), [len(clip) for clip in self.clips])
        return {
            "frames": index[counts],
            "clips": clip_of[index][counts],
            "labels": self.labels[index][counts],
            "outputs": outputs[counts],
            "representation": representation[counts],
        }
