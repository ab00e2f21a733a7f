"""Where a training runs: one device, several of one machine, or those of several machines."""

import contextlib
import json
import os

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from kollias_affect import _checks, _runs, losses, windows
from kollias_affect.models.parts import leaves
from kollias_affect.training import objectives

STRATEGIES = ("auto", "one", "mirrored", "multiworker")
_EXAMPLE = (
    'TF_CONFIG=\'{"cluster": {"worker": ["a:2222", "b:2222"]}, '
    '"task": {"type": "worker", "index": 0}}\''
)
# What a worker gets when another one has ended or cannot be reached.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
)


def connect(strategy):
    """Connects the workers of a training on several machines; call it before anything else.

    TensorFlow wants to know the other workers before it makes its first tensor, so before a
    network is built.

    Args:
        strategy: One of `STRATEGIES`, a `tf.distribute.Strategy`, or a
            `keras.distribution.DataParallel`.

    Returns:
        `tf.distribute.MultiWorkerMirroredStrategy` for `"multiworker"`, and for `"auto"` where
        `TF_CONFIG` names several workers; otherwise `strategy`.

    Raises:
        ValueError: If the name is unknown, `TF_CONFIG` does not describe this worker, or
            TensorFlow has started before.

    Example:

    >>> connect("one")
    'one'
    """
    if not isinstance(strategy, str):
        return strategy
    _checks.one_of("strategy", strategy, STRATEGIES)
    if strategy in ("one", "mirrored") or (strategy == "auto" and _workers() < 2):
        return strategy
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "The strategy multiworker is for Keras' backend TensorFlow. Received: the backend "
            f"{keras.backend.backend()}. Set KERAS_BACKEND=tensorflow, or choose mirrored."
        )
    if _workers() < 1:
        raise ValueError(
            "The strategy multiworker needs the addresses of all workers in the environment "
            f"variable TF_CONFIG. Received: none. Set it on each machine, as in {_EXAMPLE} with "
            "its own index."
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ValueError(
            "The workers must be connected before TensorFlow starts. Received: a process that has "
            "made tensors. Call `training.connect('multiworker')` before you build the network, "
            "and pass what it returns as `strategy`."
        ) from error


def refuse_workers(strategy, what):
    """Raises `ValueError` if a strategy means several machines.

    Args:
        strategy: One of `STRATEGIES`.
        what: What one machine does, as the subject of a sentence.

    Example:

    >>> refuse_workers("mirrored", "A search")
    """
    if strategy == "multiworker" or (strategy == "auto" and _workers() > 1):
        raise ValueError(
            f"{what} runs on one machine. Received: the strategy {strategy}, and "
            f"{_workers()} workers in TF_CONFIG. Choose auto without TF_CONFIG, one, or mirrored."
        )


def choose(strategy, batch_size):
    """Returns the devices that share the batches of a training.

    Args:
        strategy: What `connect` returned. `"auto"` is `"mirrored"` if there are several GPUs and a
            batch has a window for each, otherwise `"one"`. `"mirrored"` uses all GPUs of the
            machine, without a GPU all (logical) CPUs.
        batch_size: Windows in a batch of all devices together.

    Returns:
        `OneDevice`, or an object with its methods.

    Raises:
        ValueError: If the devices cannot share a batch.

    Example:

    >>> choose("auto", 4).count
    1
    """
    strategy = connect(strategy)
    names = _device_names()
    if strategy == "auto":
        strategy = (
            "mirrored" if 1 < len(names) <= batch_size and "GPU" in names[0].upper() else "one"
        )
    if strategy == "one":
        return OneDevice()
    if isinstance(strategy, tf.distribute.Strategy):
        devices = _Replicas(strategy)
    elif keras.backend.backend() == "jax":
        devices = _JaxDevices(names if strategy == "mirrored" else strategy)
    else:
        devices = _Replicas(tf.distribute.MirroredStrategy(names))
    if devices.count > batch_size or (devices.workers > 1 and batch_size % devices.count):
        raise ValueError(
            "Each device needs a window of every batch, and several machines equal parts of it. "
            f"Received: {devices.count} devices and a batch size of {batch_size}. Choose a batch "
            f"size such as {-(-batch_size // devices.count) * devices.count}, or one device."
        )
    return devices


def _workers():
    """Returns the number of workers that `TF_CONFIG` names; 0 if it is not set."""
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return 0
    try:
        content = json.loads(text)
        cluster, task = content.get("cluster", {}), content.get("task", {})
        workers = [address for kind in ("chief", "worker") for address in cluster.get(kind, [])]
        known = not workers or 0 <= int(task["index"]) < len(cluster[task["type"]])
    except (ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known or (workers and task["type"] not in ("chief", "worker")):
        raise ValueError(
            "TF_CONFIG must be JSON with the addresses of the workers, and the type and index of "
            f"this one. Received: {text[:200]!r}. Write it as in {_EXAMPLE}, or remove it."
        )
    return len(workers)


def _device_names():
    if keras.backend.backend() != "tensorflow":
        return keras.distribution.list_devices()
    gpus = tf.config.list_logical_devices("GPU")
    return [device.name for device in gpus or tf.config.list_logical_devices("CPU")]


class OneDevice:
    """A training on the device that the backend chooses.

    `count` devices share a batch; `workers` processes take part; `writes` says whether this one
    writes the files of the run.
    """

    count, workers, writes = 1, 1, True

    def scope(self):
        """Returns the context in which variables of the trained model are made."""
        return contextlib.nullcontext()

    def running(self):
        """Returns the context of the training, which names a worker that is lost."""
        return contextlib.nullcontext()

    def copied(self, model):
        """Returns the model with variables on the devices; call it in `scope`."""
        return model

    def replicated(self, model):
        """Returns the form of a model that the devices train; compile it in `scope`."""
        return model

    def shared(self, make, batch_size, count):
        """Returns the data of `make(part)`, see `windows.dataset`, for `fit`.

        The batches of `count` windows that train come first, then those that validate.
        """
        return make(None)

    def before_fit(self, model):
        """Prepares a compiled model for `fit` on data of `shared`."""

    def wait(self):
        """Waits until all workers come here."""

    def first_of_all(self, function):
        """Returns `function()`, which the worker that writes calls before the others."""
        return function()

    def agree(self, content, epochs, model):
        """Raises `ValueError` if workers differ in settings, epochs that are done, or weights."""

    def least(self, number):
        """Returns the smallest of the whole numbers of all workers, which wait for each other."""
        return number

    def around(self, callbacks, model, copy):
        """Returns callbacks with those that give them the trained weights on one device."""
        return callbacks


class _Copies(OneDevice):
    """Devices with copies of the variables of the model that is trained."""

    def copied(self, model):
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        return copy

    def around(self, callbacks, model, copy):
        return [_CopiedBack(model, copy), *callbacks]


class _CopiedBack(keras.callbacks.Callback):
    """Brings the weights to the model that was given, which is saved and predicts."""

    def __init__(self, given, copy):
        super().__init__()
        self.given, self.copy = given, copy

    def on_epoch_end(self, epoch, logs=None):
        """Copies the weights."""
        self.given.set_weights(self.copy.get_weights())


class _Replicas(_Copies):
    """The replicas of a `tf.distribute` strategy.

    Args:
        strategy: `tf.distribute.MirroredStrategy` or `MultiWorkerMirroredStrategy`.
    """

    def __init__(self, strategy):
        self.strategy = strategy
        self.count = strategy.num_replicas_in_sync
        resolver = getattr(strategy, "cluster_resolver", None)
        jobs = resolver.cluster_spec().as_dict() if resolver else {}
        self.workers = max(1, sum(map(len, jobs.values())))
        first = "chief" if "chief" in jobs else "worker"
        self.writes = self.workers == 1 or (resolver.task_type, resolver.task_id) == (first, 0)
        self._spec = None

    def scope(self):
        return self.strategy.scope()

    @contextlib.contextmanager
    def running(self):
        try:
            yield
        except _LOST as error:
            if self.workers == 1:
                raise
            raise OSError(
                f"All {self.workers} workers must run until the end. Another one ended or cannot "
                f"be reached: {str(error).splitlines()[0][:200]}. Start the same command on all "
                "machines again; it resumes after the last complete epoch."
            ) from error

    def copied(self, model):
        copy = super().copied(model)
        for layer in leaves(copy):
            if isinstance(layer, layers.BatchNormalization):
                layer.synchronized = True  # moments of the complete batch, as on one device
        return copy

    def replicated(self, model):
        replicated = _Replicated(model.input, model.output, name=model.name)
        replicated.replicas, replicated.several_workers = self.strategy, self.workers > 1
        return replicated

    def shared(self, make, batch_size, count):
        if self.workers == 1:
            data = make(None)
            self._spec = data.element_spec
            return data

        def of_worker(context):
            data = make((context.input_pipeline_id, context.num_input_pipelines))
            self._spec = data.element_spec
            size = context.get_per_replica_batch_size(batch_size)
            return data if self.count == self.workers else data.rebatch(size)

        data = self.strategy.distribute_datasets_from_function(of_worker)
        # Workers without a window in the last batch have one batch less, and there is no public
        # way to say how many steps all of them take. Keras would count them in the first epoch,
        # one too many, and warn in all others.
        data._cardinality = np.int64(-(-count // batch_size))
        return data

    def before_fit(self, model):
        inputs, labels, weights = tf.nest.map_structure(
            lambda spec: tf.zeros([1, *spec.shape[1:]], spec.dtype), self._spec
        )
        # Penalties of weights need values in such a scope, any of the right shape.
        decaying = [(v, tf.zeros(v.shape, v.dtype)) for v in model.weights if v.regularizer]
        with self.scope(), keras.StatelessScope(decaying):
            outputs = model(inputs)
            model.compute_loss(inputs, labels, outputs, weights)
            model.compute_metrics(inputs, labels, outputs, weights)
        with self.scope():
            model.optimizer.build(model.trainable_variables)

    def first_of_all(self, function):
        if self.workers == 1:
            return function()
        result = function() if self.writes else None
        self.wait()
        return result if self.writes else function()

    def wait(self):
        self.least(0)

    def least(self, number):
        return int(self._from_all([number]).min()) if self.workers > 1 else number

    def around(self, callbacks, model, copy):
        return [*super().around(callbacks, model, copy), _EndTogether(self)]

    def agree(self, content, epochs, model):
        if self.workers == 1:
            return
        facts = [
            int(_runs.fingerprint(content)[:15], 16),
            epochs,
            int(_runs.fingerprint_arrays(*model.get_weights())[:15], 16),
        ]
        rows = self._from_all(facts)
        names = ("the settings or clips", "the epochs in the backup", "the first weights")
        differing = [n for n, column in zip(names, rows.T, strict=True) if len(set(column)) > 1]
        if differing:
            raise ValueError(
                f"All {self.workers} workers must run the same command on the same files, in a "
                f"folder that all of them see. Received: {' and '.join(differing)} differ. Start "
                "the same command everywhere, with folders on a shared file system."
            )

    def _from_all(self, numbers):
        """Returns int64 `[replicas, len(numbers)]` of all workers, which wait for each other."""

        def gather():
            row = tf.identity(tf.constant([numbers], tf.int64))
            return tf.distribute.get_replica_context().all_gather(row, axis=0)

        rows = tf.function(lambda: self.strategy.run(gather))()
        return np.asarray(self.strategy.experimental_local_results(rows)[0])


class _EndTogether(keras.callbacks.Callback):
    """Ends the training of all workers where one ends it: only the first one has all scores."""

    def __init__(self, devices):
        super().__init__()
        self.devices = devices

    def on_epoch_end(self, epoch, logs=None):
        """Asks all workers."""
        self.model.stop_training = not self.devices.least(int(not self.model.stop_training))


class _Replicated(keras.Model):
    """Functional model that `fit` trains on the replicas of a strategy, of several workers too.

    Keras' own `fit` fails with several workers: it averages the first batch and the logs of a step
    over the workers in ways that TensorFlow refuses. It also begins the data once too often, which
    would change the order of the windows. It does neither if the model itself is made outside the
    scope of the strategy, and if the logs of workers are vectors. At the end of an epoch the logs
    are those of the metrics, whose sums are added over all replicas.
    """

    replicas, several_workers = None, False

    @property
    def distribute_strategy(self):
        return self.replicas or super().distribute_strategy

    def train_step(self, data):
        return self._reducible(super().train_step(data))

    def test_step(self, data):
        return self._reducible(super().test_step(data))

    def _reducible(self, logs):
        if not self.several_workers:
            return logs
        return {name: tf.reshape(value, [1]) for name, value in logs.items()}


class _JaxDevices(_Copies):
    """Devices of the JAX backend: each batch is divided, and the compiler does the rest.

    Losses, metrics and normalization are those of the complete batch by construction. JAX divides
    batches into equal parts only. An incomplete batch is filled up with windows of weight 0, which
    change nothing but normalization and losses that divide by the number of windows: such a
    training is refused.

    Args:
        distribution: `keras.distribution.DataParallel`, or names of devices.
    """

    def __init__(self, distribution):
        if isinstance(distribution, list):
            distribution = keras.distribution.DataParallel(
                devices=distribution, auto_shard_dataset=False
            )
        self.distribution = distribution
        self.count = int(np.prod(distribution.device_mesh.shape))
        self._last_batches = []

    def scope(self):
        return self.distribution.scope()

    def running(self):
        return self.distribution.scope()

    def around(self, callbacks, model, copy):
        before, after = _Distribution(None), _Distribution(self.distribution)
        return super().around([before, *callbacks, after], model, copy)

    def shared(self, make, batch_size, count):
        self._last_batches.append(count % batch_size or batch_size)
        return windows.untuned(make(None).map(self._filled_up))

    def _filled_up(self, inputs, labels, weights):
        """A batch whose number of windows is a multiple of the number of devices."""

        def fill(values, filling):
            missing = -tf.shape(values)[0] % self.count
            return tf.concat([values, tf.repeat(filling(values[:1]), missing, axis=0)], axis=0)

        repeated = tf.nest.map_structure(lambda v: fill(v, tf.identity), (inputs, labels))
        return (*repeated, tf.nest.map_structure(lambda v: fill(v, tf.zeros_like), weights))

    def before_fit(self, model):
        last = self._last_batches[0]
        if not last % self.count:
            return
        normalized = any(
            isinstance(layer, layers.BatchNormalization) and layer.trainable
            for layer in leaves(model)
        )
        if normalized or any(map(_divides_by_windows, model.loss.values())):
            raise ValueError(
                "On JAX, this network or loss needs batches that all devices share equally. "
                f"Received: a last batch of {last} windows for {self.count} devices. Choose a "
                "batch size or a stride with another rest, the backend TensorFlow, or one device."
            )


class _Distribution(keras.callbacks.Callback):
    """Sets or removes the distribution, without which callbacks predict batches of any size."""

    def __init__(self, distribution):
        super().__init__()
        self.distribution = distribution

    def on_epoch_end(self, epoch, logs=None):
        """Sets it."""
        keras.distribution.set_distribution(self.distribution)

    def on_train_end(self, logs=None):
        """Sets it."""
        keras.distribution.set_distribution(self.distribution)


def _divides_by_windows(loss):
    """Whether a loss of `compile_model` counts windows of weight 0."""
    if isinstance(loss, str):
        return True
    return getattr(loss, "reduction", None) == "sum_over_batch_size" and not isinstance(
        loss, (losses.CCCLoss, objectives.UncertainLoss)
    )
