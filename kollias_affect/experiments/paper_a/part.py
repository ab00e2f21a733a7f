"""One part of a database in paper A's experiment: features, labels, weights and batches."""

import functools

import numpy as np

from kollias_affect import _files, windows
from kollias_affect.experiments.paper_a.backbone import extract_features
from kollias_affect.tasks import EXPRESSIONS


class Part:
    """Frames of one part of a database, with the features of a fixed backbone.

    Args:
        clips: List of `Clip` with expressions.
        classes: Sorted indices into `EXPRESSIONS` of the classes of the experiment.
        backbone: Fixed `keras.Model`, see `backbone.extract_features`.
        file: Path of the `.npy` file that caches the features.

    Attributes:
        labels: Int64 `[frames]`, indices into `classes`; -1 for frames that do not count.
        left_out: Number of valid frames whose expression is not in `classes`.
    """

    def __init__(self, clips, classes, backbone, file):
        self.clips = clips
        self.classes = classes
        self.backbone = backbone
        self.file = file
        expressions = expressions_of(clips)
        self.labels = _renumber(expressions, classes)
        self.left_out = int(((self.labels < 0) & (expressions >= 0)).sum())

    @functools.cached_property
    def features(self):
        """The backbone's features of every frame, float32 `[frames, units]`, cached on disk."""
        if not self.file.exists():
            values = extract_features(self.backbone, self.clips)
            with _files.atomic(self.file) as temporary:
                np.save(temporary, values, allow_pickle=False)
        return np.load(self.file, allow_pickle=False)

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

    def batches(self, length, batch_size, balanced=False, seed=0):
        """Yields batches of windows of features without end, reshuffled in every epoch.

        Args:
            length: Frames per window.
            batch_size: Windows per batch.
            balanced: See `weights`.
            seed: Seed of the shuffling.

        Returns:
            `tf.data.Dataset` of `({"images": features}, labels, weights)`, with the features
            float32 `[batch, length, 1, 1, units]`.
        """
        import tensorflow as tf

        index, inside = self.windows(length)
        weights = self.weights(balanced)
        counting = np.flatnonzero((weights[index] * inside).sum(axis=1))
        features, weights = tf.constant(self.features), tf.constant(weights)
        labels, index = tf.constant(self.labels), tf.constant(index)
        inside = tf.constant(inside, tf.float32)

        def batch(rows):
            frames = tf.gather(index, rows)
            images = tf.gather(features, frames)[:, :, None, None, :]
            weight = tf.gather(weights, frames) * tf.gather(inside, rows)
            return {"images": images}, tf.gather(labels, frames), weight

        return (
            tf.data.Dataset.from_tensor_slices(counting)
            .shuffle(len(counting), seed=seed)
            .repeat()
            .batch(batch_size)
            .map(batch)
        )

    def outputs(self, model, length):
        """Computes the outputs of a network for the frames that count.

        Args:
            model: Network of `network.build_network`.
            length: Frames per window.

        Returns:
            Dict of `clips` (index of the clip of each frame) and `labels`, int64 `[frames]`, and
            the network's outputs by name, float32: that of the task as `outputs`,
            `[frames, classes]`, and `representation`, `[frames, units]`.
        """
        index, inside = self.windows(length)
        images = self.features[index][:, :, None, None, :]
        predictions = model.predict({"images": images}, batch_size=1024, verbose=0)
        counts = inside & (self.labels[index] >= 0)
        representation = predictions.pop("representation")
        (outputs,) = predictions.values()
        clip_of = np.repeat(np.arange(len(self.clips)), [len(clip) for clip in self.clips])
        return {
            "clips": clip_of[index][counts],
            "labels": self.labels[index][counts],
            "outputs": outputs[counts],
            "representation": representation[counts],
        }


def expressions_of(clips):
    """Returns the expression of every frame of clips, int64 `[frames]`.

    Args:
        clips: List of `Clip`.

    Returns:
        Indices into `EXPRESSIONS`; -1 for frames that are not valid.

    Raises:
        ValueError: If there are no clips, or if a clip has no expressions.
    """
    unlabelled = [clip.key for clip in clips if clip.expression is None]
    if unlabelled or not clips:
        raise ValueError(
            f"Every part needs clips with expressions. Received: {len(clips)} clips, of which "
            f"without expressions: {unlabelled[:5]}. Choose another dataset or split."
        )
    return np.concatenate([np.where(clip.valid, clip.expression, -1) for clip in clips])


def _renumber(expressions, classes):
    """Replaces indices into `EXPRESSIONS` by indices into `classes`, -1 where there is none."""
    table = np.full(len(EXPRESSIONS) + 1, -1, np.int64)  # the last row is for -1
    table[classes] = np.arange(len(classes))
    return table[expressions]
