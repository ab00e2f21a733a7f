"""Batches of windows of consecutive frames: from clips to `tf.data`."""

import contextlib
import itertools
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from kollias_affect import _checks, _files, _runs, shards, tasks
from kollias_affect.clip import shown_frames
from kollias_affect.tasks import TASKS

_BATCHES_AHEAD = 2
_NAMES_TOGETHER = 64  # names of frames in one text of a table of paths
_DECODED_TOGETHER = 64  # frames that are decoded one after another for a cache


def dataset(
    clips,
    length=80,
    stride=None,
    batch_size=4,
    shuffle=False,
    landmarks=True,
    task=None,
    size=96,
    seed=0,
    first_epoch=0,
    cache=False,
    deterministic=True,
    labels=True,
    class_weights=None,
    features=None,
    soft_labels=False,
    balance_tasks=False,
    augment=None,
    part=None,
):
    """Returns batches of windows for `model.fit`, `evaluate` and `predict`.

    A window is `length` consecutive frames of one clip. If a clip ends inside its last window,
    its last frame pads that window. Padding, frames without a face, and frames that are not
    valid have weight 0. A frame without a face shows the last face before it (at the start of a
    clip, the first face after it), so that a recurrent network never sees a blank image.

    Args:
        clips: List of `Clip`.
        length: Number of frames per window. The papers use 40 to 100, mostly 80.
        stride: Number of frames from the start of one window to the start of the next. Default:
            `length`.
        batch_size: Number of windows per batch. Paper B uses 4.
        shuffle: Whether the order of the windows changes in every epoch.
        landmarks: Whether the inputs include the landmarks.
        task: Name of a task in `TASKS`, or several, see `tasks.names_of`. Labels and weights are
            then dicts by task, and clips may lack labels: a frame has weight 0 for each task of
            which it has no label. Default: the task of the clips' labels, `"valence_arousal"`
            before `"expression"`.
        size: Side of the images in pixels. Images of another size are resized.
        seed: Seed of the shuffling.
        first_epoch: Number of the epoch whose order comes first; a training that resumes after
            epoch `n` passes `n`.
        cache: `True` keeps the decoded frames in memory (`size * size * 3` bytes each). A folder
            keeps them in one memory-mapped file, which later runs use again.
        deterministic: `False` lets windows overtake each other, which is slightly faster.
        labels: Whether labels and weights are included. `False` gives the inputs alone, for
            prediction from clips of any length.
        class_weights: Dict from the index of an expression to the weight of its frames, see
            `sampling.class_weights`. Only for tasks of expressions. Expressions that it lacks
            have weight 0.
        features: List of arrays `[frames, units]`, one per clip, that replace the images; see
            `features.of_clips`.
        soft_labels: Whether labels of expressions are shares of the classes: those of
            `Clip.expression_shares`, otherwise 1 for the class of the frame.
        balance_tasks: Whether every task has the same number of windows in an epoch, and in every
            batch of at least as many windows as tasks. The number of windows in an epoch stays;
            windows of tasks with few labels are used more often. Only with `shuffle` and several
            tasks.
        augment: `augmentation.Augmentation`, random changes of the images and landmarks. They
            depend on the seed, the epoch, and the place of the window in it alone.
        part: `(number, parts)` of a process that reads an equal part of every batch: number 0 of
            two the first half. The parts of all processes are the batches of `batch_size`.
            Default: complete batches.

    Returns:
        `tf.data.Dataset` of `(inputs, labels, weights)`.

        - `inputs` is a dict of `images`, float32 RGB `[batch, length, size, size, 3]` in
          [-1, 1], and `landmarks`, float32 `[batch, length, 136]` (x and y of point 0, of point
          1, …) in [-1, 1]. With `features`, the entry `features`, float32
          `[batch, length, units]`, replaces `images`.
        - `labels` are float32 `[batch, length, 2]` (`valence_arousal`), float32
          `[batch, length, 1]` (`valence`, `arousal`), int64 `[batch, length]` (expressions), or
          float32 `[batch, length, classes]` (with `soft_labels`) and `[batch, length, 12]`
          (`action_units`, -1 where unknown).
        - `weights` are float32 `[batch, length]`.

    Raises:
        ValueError: If there are no clips, if the window is longer than every clip, or if clips
            lack the labels or landmarks that the arguments ask for.

    Examples:

    >>> import numpy as np
    >>> from kollias_affect import windows
    >>> from kollias_affect.datasets import Clip
    >>> clip = Clip("a", ["1.png", "2.png", "3.png"], valence_arousal=np.zeros((3, 2)))
    >>> data = windows.dataset([clip], length=2, landmarks=False)
    >>> inputs, labels, weights = data.element_spec
    >>> inputs["images"].shape.as_list(), labels.shape.as_list(), weights.shape.as_list()
    ([None, 2, 96, 96, 3], [None, 2, 2], [None, 2])
    """
    length = _checks.positive_integer("length", length)
    stride = _checks.positive_integer("stride", length if stride is None else stride)
    batch_size = _checks.positive_integer("batch_size", batch_size)
    size = _checks.positive_integer("size", size)
    seed = _checks.integer_between("seed", seed, 0, 2**32 - 1)
    names = _task(clips, task) if labels else ()
    frames = _Frames(clips, landmarks, names, class_weights, soft_labels)
    if labels:
        _check_length(clips, length)
    begins, lasts = _window_ends([len(clip) for clip in clips], length, stride)
    groups = None
    if balance_tasks:
        index = window_index([len(clip) for clip in clips], length, stride)
        groups = _windows_of_tasks(frames, *index, shuffle)
    augment = _augmentation(augment, features)
    if shuffle or augment is not None:
        windows = _ordered(len(begins), seed, first_epoch, shuffle, groups)
    else:
        no_draw = tf.zeros(2, tf.int32)
        windows = tf.data.Dataset.range(len(begins)).map(lambda number: (number, no_draw))
    if part is not None:
        windows, batch_size = _part(windows, batch_size, *part)
    begins, lasts = tf.constant(begins), tf.constant(lasts)
    if features is None:
        read = _images(frames, size, cache)
    else:
        read = _rows_of_parts(features, np.asarray)
    source = "images" if features is None else "features"

    def window(number, draw):
        positions = begins[number] + tf.range(length, dtype=tf.int64)
        rows = tf.minimum(positions, lasts[number])
        shown = tf.gather(frames.shown, rows)
        inputs = {source: read(shown)}
        if landmarks:
            inputs["landmarks"] = frames.landmarks(shown)
        if augment is not None:
            images, points = augment(inputs[source], inputs.get("landmarks"), draw)
            inputs = {source: images, **({"landmarks": points} if landmarks else {})}
        if not labels:
            return inputs
        is_inside = tf.cast(positions <= lasts[number], tf.float32)
        weights = {task: tf.gather(w, rows) * is_inside for task, w in frames.weights.items()}
        values = {task: tf.gather(v, rows) for task, v in frames.labels.items()}
        if len(names) == 1:
            return inputs, values[names[0]], weights[names[0]]
        return inputs, values, weights

    def to_unit_range(inputs, *rest):
        if features is None:
            # This is one pass over the memory; `cast`, `/ 127.5` and `- 1` would be three.
            images = tf.bitcast(inputs["images"], tf.quint8)
            inputs = {**inputs, "images": tf.quantization.dequantize(images, -1.0, 1.0)}
        return (inputs, *rest) if rest else inputs

    options = tf.data.Options()
    options.deterministic = deterministic
    # Several devices share each batch. There are no files that could be distributed instead.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    ready = windows.map(window, os.cpu_count()).batch(batch_size).map(to_unit_range)
    return untuned(ready.prefetch(_BATCHES_AHEAD)).with_options(options)


def untuned(data):
    """Returns a `tf.data.Dataset` without autotuning.

    The autotuner's thread often delays the end of an epoch until its next check: by seconds
    after short epochs, and by more after long ones.

    Args:
        data: `tf.data.Dataset`.

    Returns:
        `tf.data.Dataset` with the same elements.

    Examples:

    >>> import tensorflow as tf
    >>> from kollias_affect import windows
    >>> windows.untuned(tf.data.Dataset.range(3)).options().autotune.enabled
    False
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


@contextlib.contextmanager
def naming_bad_images(clips):
    """Names the image file when TensorFlow fails to decode one.

    Args:
        clips: List of the `Clip` that are read inside the `with` block.

    Raises:
        ValueError: If an image is missing or cannot be decoded.
    """
    try:
        yield
    except (
        tf.errors.InvalidArgumentError,
        tf.errors.NotFoundError,
        tf.errors.UnknownError,  # of a shard that is missing
    ) as error:
        for path in (path for clip in clips for path in clip.paths if path):
            try:
                tf.io.decode_image(shards.read_bytes(path), channels=3)
            except (FileNotFoundError, tf.errors.OpError):
                raise ValueError(
                    f"Every frame must be an image (JPEG, PNG, BMP). Received: {path}, which is "
                    "missing or cannot be decoded. Extract or copy it again."
                ) from error
        raise


def window_index(lengths, length, stride):
    """Computes the positions of the frames of each window.

    Args:
        lengths: List of the number of frames of each clip.
        length: Number of frames per window.
        stride: Number of frames from the start of one window to the start of the next.

    Returns:
        `(index, inside)`, both `[windows, length]`. `index` holds int64 positions in the
        concatenated frames of all clips. `inside` is false where a window is padded; the
        position is then that of the clip's last frame.

    Examples:

    >>> from kollias_affect import windows
    >>> index, inside = windows.window_index([3], length=2, stride=2)
    >>> index.tolist(), inside.tolist()
    ([[0, 1], [2, 2]], [[True, True], [True, False]])
    """
    begins, lasts = _window_ends(lengths, length, stride)
    positions = begins[:, None] + np.arange(length)
    return np.minimum(positions, lasts[:, None]), positions <= lasts[:, None]


def _window_ends(lengths, length, stride):
    """Returns the positions of each window's first frame and of its clip's last one."""
    begins, lasts, start = [], [], 0
    for frames in lengths:
        count = -(-max(frames - length, 0) // stride) + 1
        of_clip = np.arange(count) * stride
        of_clip = of_clip[of_clip < frames]
        begins.append(start + of_clip)
        lasts.append(np.full(len(of_clip), start + frames - 1))
        start += frames
    return np.concatenate(begins), np.concatenate(lasts)


def batches(clips, length, stride, batch_size):
    """Returns the number of batches of `dataset` with these arguments.

    Example:

    >>> from kollias_affect.datasets import Clip
    >>> batches([Clip("a", ["1.png", "2.png", "3.png"])], 1, None, 2)
    2
    """
    begins, _ = _window_ends([len(clip) for clip in clips], length, stride or length)
    return -(-len(begins) // batch_size)


def _windows_of_tasks(frames, index, inside, shuffle):
    """Returns, for each task, the numbers of the windows that have a label of it."""
    if not shuffle or len(frames.weights) < 2:
        raise ValueError(
            "`balance_tasks` chooses the order of the windows of several tasks. Received: "
            f"shuffle={shuffle} and the tasks {list(frames.weights)}. Shuffle, or leave it out."
        )
    groups = []
    for task, weights in frames.weights.items():
        counts = (weights.numpy()[index] > 0) & inside
        groups.append(np.flatnonzero(counts.any(axis=1)))
        if not len(groups[-1]):
            raise ValueError(
                "With `balance_tasks` every task needs a labelled frame. Received: clips without "
                f"labels of {task!r}. Add clips that have them, or leave that task out."
            )
    return groups


def _part(ordered, batch_size, number, parts):
    """Returns one part of every batch of the windows of `_ordered`, and its number of windows."""
    number = _checks.integer_between("part", number, 0, parts - 1)
    if batch_size % parts:
        raise ValueError(
            f"`batch_size` must be a multiple of the parts. Received: {batch_size} windows for "
            f"{parts} parts. Choose {-(-batch_size // parts) * parts}."
        )
    size = batch_size // parts
    mine = ordered.enumerate().filter(lambda place, _: place % batch_size // size == number)
    return mine.map(lambda _, window: window), size


def _alternating(groups, count, random):
    """Returns `count` numbers that come from each group in turn, in random order within it."""
    each = -(-count // len(groups))
    drawn = [
        np.concatenate([random.permutation(group) for _ in range(-(-each // len(group)))])[:each]
        for group in groups
    ]
    return np.stack(drawn, axis=1).reshape(-1)[:count]


def _augmentation(augment, features):
    """Returns the `Augmentation`, or `None`."""
    if augment is None:
        return None
    from kollias_affect import augmentation

    if features is not None:
        raise ValueError(
            "`augment` changes the images. Received: it and `features`, which were computed once. "
            "Leave one of them out."
        )
    return augmentation.resolve(augment)


def _ordered(count, seed, first_epoch, shuffle, groups=None):
    """Dataset of the numbers of the windows, each with a seed of its own.

    Both depend on the run's seed and on the epoch alone.
    """
    epochs = itertools.count(first_epoch)

    def order():
        epoch = next(epochs)
        random = np.random.default_rng([seed, epoch])
        numbers = np.arange(count)
        if groups is not None:
            numbers = _alternating(groups, count, random)
        elif shuffle:
            numbers = random.permutation(count)
        draws = np.random.default_rng([seed, epoch, 1])  # the order has numbers of its own
        return numbers, draws.integers(2**31, size=(count, 2), dtype=np.int32)

    def numbers(_):
        numbers, draws = tf.numpy_function(order, [], (tf.int64, tf.int32))
        return tf.data.Dataset.from_tensor_slices(
            (tf.ensure_shape(numbers, (count,)), tf.ensure_shape(draws, (count, 2)))
        )

    # `from_generator` would make malloc return all free memory at once, in the complete process.
    epoch = tf.data.Dataset.range(1).flat_map(numbers)
    return epoch.apply(tf.data.experimental.assert_cardinality(count))


class _Frames:
    """The concatenated frames of all clips, as tensors from which windows are gathered."""

    def __init__(self, clips, landmarks, names, class_weights, soft_labels):
        if not clips or not any(len(clip) for clip in clips):
            raise ValueError(
                f"`clips` must hold at least one frame. Received: {len(clips)} clips without "
                "frames. Check the path and the split they were loaded from."
            )
        self.paths = [shards.common_paths(clip.paths) for clip in clips]
        self.shown = tf.constant(_shown(clips))
        if landmarks:
            self.landmarks = _landmarks(clips)
        self.labels, self.weights = {}, {}
        per_frame = _class_weights(clips, names, class_weights)
        for task in names:
            labels = [_labels(clip, task, soft_labels, len(names) > 1) for clip in clips]
            self.labels[task] = tf.constant(np.concatenate(labels))
            weights = np.concatenate([tasks.known(clip, task) for clip in clips])
            self.weights[task] = tf.constant(weights.astype(np.float32) * per_frame.get(task, 1))


def _class_weights(clips, names, class_weights):
    """Returns a dict from each task of expressions to the weights of all frames."""
    if class_weights is None:
        return {}
    of_classes = [task for task in names if tasks.label_field(task) == "expression"]
    if not of_classes:
        raise ValueError(
            "`class_weights` apply to the task 'expression' or 'expression_8' only. Received: the "
            f"task {', '.join(map(repr, names))}. Omit them."
        )
    if not isinstance(class_weights, dict):
        raise ValueError(
            "`class_weights` must be a dict from an expression's index to a weight. Received: "
            f"{class_weights!r}. Use `sampling.class_weights`."
        )
    weights = {}
    for task in of_classes:
        table = np.zeros(len(TASKS[task][0]), np.float32)
        for index, weight in class_weights.items():
            index = _checks.integer_between("class", index, 0, len(table) - 1)
            most = np.finfo(np.float32).max
            table[index] = _checks.number_between("class weight", weight, 0, most)
        classes = [_labels(clip, task, False, True) for clip in clips]
        weights[task] = table[np.concatenate(classes)]
    return weights


def _shown(clips):
    """Position of the frame to show for each frame, among the frames of all clips."""
    starts = np.cumsum([0, *(len(clip) for clip in clips)])
    parts = zip(clips, starts, strict=False)
    return np.concatenate([start + shown_frames(clip.has_image) for clip, start in parts])


def _landmarks(clips):
    """Returns a function from positions `[length]` in one clip to float32 `[length, 136]`."""
    missing = [clip.key for clip in clips if clip.landmarks is None]
    if missing:
        raise ValueError(
            f"`landmarks=True` needs clips with landmarks. Received clips without: {missing[:5]}. "
            "Extract them from the videos, or pass `landmarks=False`."
        )
    parts = [clip.landmarks.reshape(len(clip), 136) for clip in clips]
    return _rows_of_parts(parts, np.nan_to_num)


def _task(clips, task):
    """Returns the names of the tasks whose labels are read."""
    if task is not None:
        return tasks.names_of(task)
    task = tasks.task_of_labels(clips)
    if task is None:
        raise ValueError(
            "Training and evaluation need labels on every clip. Received: clips without. Add them "
            "with `Clip.labelled`, or pass `labels=False` to predict."
        )
    return (task,)


def _labels(clip, task, soft, may_lack):
    """Labels in which frames without a label, whose weight is 0, have some finite number."""
    field, count = tasks.label_field(task), len(TASKS[task][0])
    if getattr(clip, field) is None and may_lack:
        if field == "expression" and not soft:
            return np.zeros(len(clip), np.int64)
        return np.zeros((len(clip), count), np.float32)
    values = tasks.labels(clip, task)
    if field == "expression":
        values = np.where(values < count, np.maximum(values, 0), 0)
        return tasks.shares(clip, task).astype(np.float32) if soft else values
    return np.nan_to_num(values, nan=-1 if field == "action_units" else 0)


def _check_length(clips, length):
    longest = max(len(clip) for clip in clips)
    if length > longest:
        raise ValueError(
            f"`length` must not exceed the longest clip. Received: length={length}, and the "
            f"longest of {len(clips)} clips has {longest} frames. Choose a shorter window."
        )


def _images(frames, size, cache):
    """Returns a function from positions `[length]` to uint8 images `[length, size, size, 3]`."""
    if not cache:
        decoded = _decoder(frames, size, any(not part.has_image.any() for part in frames.paths))

        def read(rows):
            return tf.ensure_shape(decoded(rows), (*rows.shape, size, size, 3))

        return read
    if cache is True:
        decoded = tf.constant(np.stack(list(_decoded(frames, size))))
        return lambda rows: tf.gather(decoded, rows)
    mapped = _cached(frames, size, Path(cache))

    def gather(rows):
        images = tf.numpy_function(lambda rows: mapped[rows], [rows], tf.uint8, stateful=False)
        return tf.ensure_shape(images, (*rows.shape, size, size, 3))

    return gather


def _decoder(frames, size, blanks):
    """Returns a function from positions to decoded images, which files or shards hold.

    Args:
        frames: `_Frames`.
        size: Side of the images in pixels.
        blanks: Whether some positions have no image, which is black then.
    """
    reader = shards.Reader(frames.paths)
    if reader.uses_shards:
        source, decode = _contents(reader), _decode_content
    else:
        source, decode = _path_table(frames.paths), _decode_file
    if blanks:
        decode = _or_blank(decode)

    def read(rows):
        decode_one = lambda text: decode(text, size)  # noqa: E731 - for `map_fn`
        return tf.map_fn(decode_one, source(rows), fn_output_signature=tf.uint8)

    return read


def _contents(reader):
    """Returns a function from positions to the contents of their files, read at once."""

    def read(rows):
        return np.array([*reader.read(rows), None], object)[:-1]

    def contents(rows):
        texts = tf.numpy_function(read, [rows], tf.string, stateful=False)
        return tf.ensure_shape(texts, rows.shape)

    return contents


def _path_table(parts):
    """Returns a function from positions to paths, from a table with some ten bytes a frame.

    A tensor with the path of every frame would take a hundred.
    """
    width = max(part.names.dtype.itemsize for part in parts)
    names = np.concatenate([part.names.astype(f"S{width}") for part in parts])
    lengths = tf.constant(np.char.str_len(names).astype(np.int32))
    padded = np.pad(names, (0, -len(names) % _NAMES_TOGETHER)).tobytes()
    together = width * _NAMES_TOGETHER
    texts = [padded[i : i + together] for i in range(0, len(padded), together)]
    texts = tf.constant(np.array([*texts, None], object)[:-1])
    starts = tf.constant([os.fsencode(part.start) for part in parts])
    ends = tf.constant(np.cumsum([len(part) for part in parts]))

    def paths(rows):
        begins = tf.cast(rows % _NAMES_TOGETHER, tf.int32) * width
        known = tf.gather(lengths, rows)
        names = tf.strings.substr(tf.gather(texts, rows // _NAMES_TOGETHER), begins, known)
        clips = tf.searchsorted(ends, rows, side="right")
        return tf.where(known > 0, tf.gather(starts, clips) + names, "")

    return paths


def _rows_of_parts(parts, finish):
    """Returns a function from positions `[length]` in one clip to float32 `[length, units]`.

    The rows are taken from the arrays of the clips, which may be files: one tensor of all of them
    would be a copy in memory.

    Args:
        parts: List of arrays `[frames, units]`, one per clip.
        finish: Function that is applied to the rows of each window.
    """
    ends = np.cumsum([len(part) for part in parts])

    def rows_of_part(rows):
        number = np.searchsorted(ends, rows[0], side="right")
        values = parts[number][rows - (ends[number] - len(parts[number]))]
        return finish(values).astype(np.float32, copy=False)

    def gather(rows):
        values = tf.numpy_function(rows_of_part, [rows], tf.float32, stateful=False)
        return tf.ensure_shape(values, (*rows.shape, parts[0].shape[-1]))

    return gather


def _or_blank(decode):
    """Returns `decode` with black images for empty texts."""

    def decode_or_blank(text, size):
        blank = lambda: tf.zeros((size, size, 3), tf.uint8)  # noqa: E731 - for `cond`
        return tf.cond(text == "", blank, lambda: decode(text, size))

    return decode_or_blank


def _decode_file(path, size):
    """Decodes an image file to uint8 RGB `[size, size, 3]`."""
    return _decode_content(tf.io.read_file(path), size)


def _decode_content(content, size):
    image = tf.cond(tf.io.is_jpeg(content), lambda: _jpeg(content), lambda: _other(content))
    same = tf.reduce_all(tf.shape(image)[:2] == size)
    image = tf.cond(same, lambda: image, lambda: _resized(image, size))
    return tf.ensure_shape(image, (size, size, 3))


def _jpeg(content):
    """Decodes as libjpeg, OpenCV and Pillow do; TensorFlow's default is less exact."""
    return tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE")


def _other(content):
    return tf.io.decode_image(content, channels=3, expand_animations=False)


def _resized(image, size):
    image = tf.image.resize(image, (size, size), antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)


def _decoded(frames, size):
    """Yields all frames in order; a frame without an image is black."""
    decode = _decoder(frames, size, blanks=True)
    rows = tf.data.Dataset.range(len(frames.shown)).batch(_DECODED_TOGETHER)
    return untuned(rows.map(decode, os.cpu_count()).unbatch()).as_numpy_iterator()


def _cached(frames, size, folder):
    """Frames in a `.npy` file in `folder`, which is written if it is missing or damaged."""
    _checks.writable_folder("cache", folder)
    states = _runs.fingerprint_states(path for part in frames.paths for path in part)
    file = folder / f"frames-{_runs.fingerprint(size, states)}.npy"
    shape = (len(frames.shown), size, size, 3)
    stored = _files.read_array(file, shape, np.uint8)
    if stored is None:
        _files.write_array(file, shape, np.uint8, _decoded(frames, size))
        stored = _files.read_array(file, shape, np.uint8)
    return stored
