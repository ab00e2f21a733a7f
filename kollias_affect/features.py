"""What a fixed CNN says of each frame, computed once and kept on disk.

With the CNN frozen, every epoch would compute the same features again; they are nine tenths of
its time. `split` cuts a model behind its CNN, `of_clips` runs the first part on every frame.
"""

import hashlib
import math
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from tqdm import tqdm

import kollias_affect
from kollias_affect import _checks, _files, models, windows
from kollias_affect.models.parts import is_model_of_frames

_LARGEST_BATCH = 128


def split(model):
    """A model of windows in two parts that share its weights.

    Args:
        model: `keras.Model` of `kollias_affect.models`, of windows, whose CNN is frozen.

    Returns:
        `(cnn, head)`: `cnn` from images `[batch, height, width, 3]` to `[batch, units]`, and
        `head` with the model's inputs but for `features`, `[batch, length, units]`, in the place
        of `images`; its outputs are the model's.

    Raises:
        ValueError: if the model has no CNN of its own, or trains it.
    """
    found = [layer for layer in model.layers if is_model_of_frames(layer)]
    if len(found) != 1 or found[0].trainable_variables:
        state = "none" if not found else "one that is trained" if len(found) == 1 else "several"
        raise ValueError(
            f"Features are kept of one frozen CNN. Received: a model with {state}. Freeze it: "
            "`frozen=True` when the model is built, `transfer.freeze(model, cnn=True)`, or "
            "--frozen."
        )
    frames = found[0]
    flat = [layers.Flatten(name=f"flat{i}")(x) for i, x in enumerate(frames.outputs)]
    joined = layers.Concatenate(name="joined")(flat) if len(flat) > 1 else flat[0]
    joined = layers.Identity(dtype="float32", name="features")(joined)  # also of mixed precision
    cnn = keras.Model(frames.input, joined, name=f"{frames.name}_flat")
    return cnn, _head(model, frames, [tensor.shape[-1] for tensor in flat])


def _head(model, frames, units):
    given = {tensor.name: tensor for tensor in model.inputs}
    inputs = {name: keras.Input(tensor.shape[1:], name=name) for name, tensor in given.items()}
    length = given["images"].shape[1]
    inputs["images"] = keras.Input((length, sum(units)), name="features")

    def call(layer, *args, **kwargs):
        if layer is frames:
            if len(units) == 1:
                return args[0]
            return ops.split(args[0], np.cumsum(units)[:-1].tolist(), axis=-1)
        if not isinstance(layer, layers.Layer) and len(layer.output.shape) == 4:
            return ops.reshape(args[0], (-1, sum(units)))  # windows to frames
        return layer(*args, **kwargs)

    with warnings.catch_warnings():  # `features` has the place of `images`
        warnings.simplefilter("ignore")
        head = keras.models.clone_model(
            model, inputs, clone_function=lambda layer: layer, call_function=call
        )
    inputs["features"] = inputs.pop("images")
    return keras.Model(inputs, head.output, name=model.name)


def of_clips(cnn, clips, folder, size, progress=True):
    """The features of all frames of clips, from disk where they are there already.

    Each clip has one file, named by a hash of the CNN (architecture, weights, precision), the
    versions of Keras and this package, the size, and the content of the clip's image files; so
    a file can only be used for what it was made of. A file appears whole or not at all, and an
    interrupted call goes on behind the last finished clip.

    Args:
        cnn: first part of `split`.
        clips: list of `Clip`.
        folder: of the files; `4 * units` bytes a frame.
        size: side of the images, as in `windows.dataset`.
        progress: show frames, frames per second and the time left on standard error.

    Returns:
        list of float32 `[frames, units]`, one per clip, mapped from disk. A frame without an
        image has the features of the frame that `windows.dataset` shows in its place.
    """
    folder = _checks.writable_folder("features", folder)
    maker = _hash_of_model(cnn, size)
    files = [folder / f"features-{maker}-{_hash_of_clip(clip)}.npy" for clip in clips]
    missing = {file: clip for file, clip in zip(files, clips, strict=True) if not file.exists()}
    if missing:
        _extract(cnn, missing, size, progress)
    return [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]


def _extract(cnn, missing, size, progress):
    frames = max(1, sum(map(len, missing.values())))
    batch = math.ceil(frames / math.ceil(frames / _LARGEST_BATCH))  # the last one lacks few
    data = windows.dataset(
        list(missing.values()), 1, batch_size=batch, landmarks=False, size=size, labels=False
    )
    with (
        windows.naming_bad_images(list(missing.values())),
        tqdm(total=frames, unit="frame", desc="features", disable=not progress) as bar,
    ):
        rows = _rows(cnn, data, batch, bar)
        for file, clip in missing.items():
            shape = (len(clip), cnn.output_shape[-1])
            with _files.atomic(file) as temporary, open(temporary, "wb") as out:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(out, header)
                for _ in range(len(clip)):
                    out.write(next(rows).tobytes())


def _rows(cnn, data, size, bar):
    """Features of one frame after the other; every batch has the same size, compiled once."""
    for batch in data.as_numpy_iterator():
        images = batch["images"][:, 0]
        count = len(images)
        if count < size:
            images = np.pad(images, ((0, size - count), (0, 0), (0, 0), (0, 0)))
        values = cnn.predict_on_batch(images)[:count]
        bar.update(count)
        yield from values


def _hash_of_model(cnn, size):
    content = hashlib.blake2b(digest_size=8)
    versions = kollias_affect.__version__, keras.__version__, keras.backend.backend()
    content.update(repr((size, models.fingerprint(cnn), versions)).encode())
    for value in cnn.get_weights():
        content.update(str(value.shape).encode() + np.ascontiguousarray(value).tobytes())
    return content.hexdigest()


def _hash_of_clip(clip):
    content = hashlib.blake2b(digest_size=16)
    for path in clip.paths:
        data = Path(path).read_bytes() if path else b""
        content.update(len(data).to_bytes(8, "little") + data)
    return content.hexdigest()
