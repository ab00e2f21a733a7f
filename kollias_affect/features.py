"""Features of each frame: cached outputs of a frozen CNN, or files that were made elsewhere.

If the CNN is frozen, every epoch computes the same features again, which takes nine tenths of its
time. `split` cuts a model behind its CNN, and `of_clips` applies the first part to every frame
once. `from_torch_features` reads what another program computed.
"""

import functools
import math
import warnings

import keras
import ml_dtypes
import numpy as np
from keras import layers, ops
from tqdm import tqdm

import kollias_affect
from kollias_affect import _checks, _cluster, _files, _runs, _storage, _untrusted, models, windows
from kollias_affect.models.parts import is_model_of_frames

_LARGEST_BATCH = 128
GROUP = 2_000  # frames of a task of an executor
_HEADER = 256  # bytes of a file beside its features, at most
# Types of cached features, and how `.npy` files hold them: NumPy has no bfloat16 of its own.
DTYPES = {"float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}


def split(model):
    """Splits a model of windows into two parts that share its weights.

    Args:
        model: `keras.Model` of windows from `kollias_affect.models`, whose CNN is frozen.

    Returns:
        `(cnn, head)`. `cnn` maps images `[batch, height, width, 3]` to features
        `[batch, units]`. `head` has the inputs and outputs of the model, except that
        `features`, `[batch, length, units]`, replaces `images`.

    Raises:
        ValueError: If the model does not have exactly one CNN, or if that CNN is trainable.
    """
    cnns = [layer for layer in model.layers if is_model_of_frames(layer)]
    if len(cnns) != 1 or cnns[0].trainable_variables:
        state = "none" if not cnns else "one that is trained" if len(cnns) == 1 else "several"
        raise ValueError(
            f"Features can be cached for one frozen CNN. Received: a model with {state}. Freeze "
            "it: `frozen=True` when the model is built, `transfer.freeze(model, cnn=True)`, or "
            "--frozen."
        )
    frames = cnns[0]
    flat = [layers.Flatten(name=f"flat{i}")(x) for i, x in enumerate(frames.outputs)]
    joined = layers.Concatenate(name="joined")(flat) if len(flat) > 1 else flat[0]
    joined = layers.Identity(dtype="float32", name="features")(joined)  # in mixed precision too
    cnn = keras.Model(frames.input, joined, name=f"{frames.name}_flat")
    return cnn, _head(model, frames, [tensor.shape[-1] for tensor in flat])


def _head(model, frames, units):
    shapes = {tensor.name: tensor.shape[1:] for tensor in model.inputs}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    length = shapes["images"][0]
    inputs["images"] = keras.Input((length, sum(units)), name="features")

    def call(layer, *args, **kwargs):
        if layer is frames:
            if len(units) == 1:
                return args[0]
            return ops.split(args[0], np.cumsum(units)[:-1].tolist(), axis=-1)
        if not isinstance(layer, layers.Layer) and len(layer.output.shape) == 4:
            return ops.reshape(args[0], (-1, sum(units)))  # windows to frames
        return layer(*args, **kwargs)

    with warnings.catch_warnings():  # about the input `images` that is named `features`
        warnings.simplefilter("ignore")
        head = keras.models.clone_model(
            model, inputs, clone_function=lambda layer: layer, call_function=call
        )
    inputs["features"] = inputs.pop("images")
    return keras.Model(inputs, head.output, name=model.name)


def of_clips(cnn, clips, folder, size, progress=True, dtype="float32", limit=None, executor=None):
    """Computes the features of all frames of clips, or reads them from disk.

    Each clip has one file. Its name holds fingerprints of the CNN (architecture, weights,
    precision), the versions of Keras and this package, the size, and the contents of the clip's
    image files, so that a file is only used for the inputs it was computed from. A file whose
    size or checksum is wrong is computed again. Files are written atomically, and an interrupted
    call resumes after the last complete clip.

    Args:
        cnn: First model that `split` returns.
        clips: List of `Clip`.
        folder: Folder of the files, which take `4 * units` bytes per frame in float32.
        size: Side of the images in pixels, as in `windows.dataset`.
        progress: Whether a progress bar is shown if standard error is a terminal.
        dtype: One of `DTYPES`. `"float16"` and `"bfloat16"` take half the bytes. float16 has a
            relative error of 0.0005 and ends at 65,504; bfloat16 has 0.004 and the range of
            float32.
        limit: Bytes that all features in `folder` may take. Features that were used longest ago
            are removed first. Default: no limit.
        executor: `concurrent.futures.Executor` that computes them in tasks of about `GROUP` frames,
            a pool of this machine or that of a Dask client. Its workers see the images and `folder`
            under the same paths.

    Returns:
        List of arrays `[frames, units]` of that type, one per clip, memory-mapped. A frame without
        an image has the features of the frame that `windows.dataset` shows in its place.

    Raises:
        FileNotFoundError: If an image is missing.
        OSError: If `folder` cannot be written.
        ValueError: If an image cannot be decoded, if features are too large for float16, or if
            the limit is too small for these clips.
    """
    stored_as = DTYPES[_checks.one_of("dtype", dtype, DTYPES)]
    folder = _checks.writable_folder("features", folder)
    model = _fingerprint_model(cnn, size)
    contents = (_runs.fingerprint_contents(clip.paths) for clip in clips)
    ending = "" if dtype == "float32" else f"-{dtype}"
    files = [folder / f"features-{model}-{content}{ending}.npy" for content in contents]
    units = cnn.output_shape[-1]
    shape_of = {file: (len(clip), units) for file, clip in zip(files, clips, strict=True)}
    clip_of = dict(zip(files, clips, strict=True))
    if limit is not None:
        width = np.dtype(stored_as).itemsize
        needed = sum(width * math.prod(shape) + _HEADER for shape in shape_of.values())
        _storage.evict(folder, needed, limit, shape_of)
    stored = {file: _files.read_array(file, shape, stored_as) for file, shape in shape_of.items()}
    if missing := {file: clip_of[file] for file in stored if stored[file] is None}:
        if executor is None:
            _extract(cnn, missing, size, progress, dtype)
        else:
            with _files.temporary_beside(folder / f"cnn-{model}.keras") as copy:
                _extract_on(executor, cnn, missing, copy, size, progress, dtype)
        stored |= {file: _files.read_array(file, shape_of[file], stored_as) for file in missing}
    if any(array is None for array in stored.values()):
        raise _runs.gone(folder)
    for file in stored:
        _storage.used_now(file)
    if dtype == "bfloat16":
        stored = {file: values.view(ml_dtypes.bfloat16) for file, values in stored.items()}
    return [stored[file] for file in files]


def from_torch_features(folder, clips):
    """Reads features that another program computed, such as a network in PyTorch.

    Each clip has the file `KEY.npy` by its key, `[frames, units]` (`numpy.save(path,
    features.cpu().numpy())`), with one row per frame of the clip. A frame that the program lacked
    is a row with NaN or of zeros; it becomes zeros, which heads of `models.temporal` leave out.

    Args:
        folder: Folder of the files.
        clips: List of `Clip`.

    Returns:
        List of float32 arrays `[frames, units]`, one per clip, as `windows.dataset` takes them.

    Raises:
        FileNotFoundError: If the file of a clip is missing.
        ValueError: If a file is damaged, has another number of frames than its clip, or other units
            than the first file, or holds no numbers.

    Example:

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from kollias_affect.clip import Clip
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "video1.npy", np.ones((3, 768), np.float16))
    >>> from_torch_features(folder, [Clip("video1", ["1.png", "2.png", "3.png"])])[0].shape
    (3, 768)
    """
    arrays = []
    for clip in clips:
        path = _checks.existing_file("features", _checks.inside(folder, f"{clip.key}.npy"))
        values = _untrusted.read_npy(path)
        units = arrays[0].shape[1] if arrays else None
        is_table = values.ndim == 2 and values.dtype.kind == "f" and values.size > 0
        if not is_table or len(values) != len(clip) or units not in (None, values.shape[1]):
            raise ValueError(
                "A file of features must hold floats, one row per frame of its clip, and the same "
                f"units in every file: {len(clip)} rows of {units or 'any'} units. Received: "
                f"{path}, {values.dtype} of shape {values.shape}. Compute the features of all "
                "frames of that clip again."
            )
        known = np.isfinite(values).all(axis=1, keepdims=True)
        arrays.append(np.where(known, values, 0).astype(np.float32))
    return arrays


def _batch_size(missing):
    """Returns the frames of a batch, of which the last one is nearly full."""
    frames = max(1, sum(map(len, missing.values())))
    return math.ceil(frames / math.ceil(frames / _LARGEST_BATCH))


def _extract_on(executor, cnn, missing, model_file, size, progress, dtype):
    """Computes features in tasks of an executor, which leave them in the files."""
    batch = _batch_size(missing)
    with _files.writing(model_file, _files.stored_size(cnn.variables), model_file):
        cnn.save(model_file)
    for file in missing:  # What is there is damaged, or of something else.
        file.unlink(missing_ok=True)

    def work(group):
        clips = {file.absolute(): clip.with_absolute_paths() for file, clip in group.items()}
        yield [_cluster.Call(_extract_task, (model_file.absolute(), clips, size, batch, dtype))]
        _storage.used_now(model_file)  # `clean` on another machine cannot see this process

    groups = list(_groups(missing))
    works = ((next(iter(group.values())).key, work(group)) for group in groups)
    _cluster.run_all(executor, works, len(groups), "group of clips", progress)


def _groups(missing):
    """Yields dicts of consecutive clips with at least `GROUP` frames, but for the last one."""
    group = {}
    for file, clip in missing.items():
        group[file] = clip
        if sum(map(len, group.values())) >= GROUP:
            yield group
            group = {}
    if group:
        yield group


def _extract_task(model_file, missing, size, batch, dtype):
    """Computes features in a worker; a file that is there already is of an earlier attempt."""
    missing = {file: clip for file, clip in missing.items() if not file.exists()}
    if missing:
        cnn = _loaded(model_file, model_file.stat().st_mtime_ns)
        _extract(cnn, missing, size, False, dtype, batch)


@functools.lru_cache(maxsize=1)
def _loaded(path, changed):
    """Returns the CNN of a file; a worker loads it once."""
    del changed
    return keras.saving.load_model(path, compile=False)


def _extract(cnn, missing, size, progress, dtype, batch=None):
    frames = sum(map(len, missing.values()))
    batch = batch or _batch_size(missing)
    data = windows.dataset(
        list(missing.values()), 1, batch_size=batch, landmarks=False, size=size, labels=False
    )
    with (
        windows.naming_bad_images(list(missing.values())),
        tqdm(
            total=frames, unit="frame", desc="features", disable=None if progress else True
        ) as bar,
    ):
        rows = _rows(cnn, data, batch, bar)
        for file, clip in missing.items():
            shape = (len(clip), cnn.output_shape[-1])
            _files.write_array(file, shape, DTYPES[dtype], (_narrowed(row, dtype) for row in rows))


def _rows(cnn, data, size, bar):
    """Yields the features of each frame. Batches have one size, so that the CNN compiles once."""
    for batch in data.as_numpy_iterator():
        images = batch["images"][:, 0]
        count = len(images)
        if count < size:
            images = np.pad(images, ((0, size - count), (0, 0), (0, 0), (0, 0)))
        values = cnn.predict_on_batch(images)[:count]
        bar.update(count)
        yield from values


def _narrowed(row, dtype):
    """Returns the features of a frame as they are stored."""
    if dtype == "bfloat16":
        return row.astype(ml_dtypes.bfloat16).view(np.uint16)
    if dtype == "float16" and np.abs(row).max() > np.finfo(np.float16).max:
        raise ValueError(
            "Features stored as float16 must not exceed 65,504. Received: one of "
            f"{np.abs(row).max():.0f}. Store them as bfloat16 or float32."
        )
    return row


def _fingerprint_model(cnn, size):
    versions = kollias_affect.__version__, keras.__version__, keras.backend.backend()
    weights = _runs.fingerprint_arrays(*cnn.get_weights())
    return _runs.fingerprint(size, models.fingerprint(cnn), versions, weights)
