"""Measures training on a GPU: the step, its share of the peak, and whether the data keep up.

    KERAS_BACKEND=jax python benchmarks/gpu.py --peak 989 [--batches 1 4 16] [--out gpu.json]
    KERAS_BACKEND=tensorflow python benchmarks/gpu.py --peak 989
    python benchmarks/gpu.py --small                  # tiny networks, on any machine

The network is AffWildNet of paper C, end to end. For each precision and batch (windows of 80
frames) it prints milliseconds a step, frames a second, and the share of `--peak`, the TFLOP/s of
the data sheet for dense bfloat16 (989 for H100 and H200 SXM, 312 for A100): the operations of
convolutions, products and GRUs, three times those of the forward pass. The batch lies in the memory
of the device. Without `--peak` the share is that of the fastest product of two matrices of 8192 x
8192 in the same run.

Then `fit` runs on batches that lie in memory, and on JPEG files through `windows.dataset`, in
turns; and the files are read without a network. `keeps up` is the time of the first by that of the
second: 1 if the network never waits for data.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import keras
import networks
import numpy as np
import pandas as pd
import side_by_side
from windows_rate import make_images

from kollias_affect import models, training, windows
from kollias_affect.clip import Clip
from kollias_affect.evaluation import tables

POLICIES = ("float32", "mixed_bfloat16")


def network(policy, arguments):
    """Returns a compiled AffWildNet in the form that trains."""
    keras.utils.set_random_seed(0)
    small = {"width": 0.05, "hidden_units": 32} if arguments.small else {"hidden_units": 4096}
    with networks.precision(policy):
        model = models.affwildnet(
            input_shape=(arguments.size, arguments.size, 3), length=arguments.length,
            landmarks=False, initializer=None, **small,
        )  # fmt: skip
    return training.compile_model(models.fast(model), 1e-4)


def operations(model):
    """Counts the operations of the forward pass for one frame; a product and a sum are two."""
    count = 0
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.Conv2D):
            count += np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:3])
        elif isinstance(layer, keras.layers.Dense):
            count += np.prod(layer.kernel.shape)
        elif isinstance(layer, keras.layers.GRU):
            cell = layer.cell
            count += np.prod(cell.kernel.shape) + np.prod(cell.recurrent_kernel.shape)
    return 2.0 * float(count)


def batch_of(windows_in_batch, arguments):
    """Returns random images and labels in the memory of the device."""
    random = np.random.default_rng(0)
    shape = (windows_in_batch, arguments.length)
    images = random.random((*shape, arguments.size, arguments.size, 3), np.float32) * 2 - 1
    labels = random.random((*shape, 2), np.float32) * 2 - 1
    return {"images": keras.ops.convert_to_tensor(images)}, keras.ops.convert_to_tensor(labels)


def seconds_of_a_step(model, batch, arguments):
    """Returns the median over blocks of the seconds of a step."""
    inputs, labels = batch

    def block(steps):
        start = time.perf_counter()
        for _ in range(steps):
            logs = model.train_on_batch(inputs, labels, return_dict=True)
        float(logs["loss"])  # waits for the device
        return (time.perf_counter() - start) / steps

    block(3)  # loads and compiles
    return float(np.median([block(arguments.steps) for _ in range(5)]))


def fastest_product(arguments):
    """Returns the TFLOP/s of a product of two bfloat16 matrices."""
    side, times = 512 if arguments.small else 8192, 10
    ones = keras.ops.ones((side, side), "bfloat16")

    def multiply():
        product = ones
        for _ in range(times):
            product = keras.ops.matmul(ones, product) * (1 / side)
        float(product[0, 0])  # waits for the device

    fastest = side_by_side.seconds([multiply], rounds=5).min()
    return times * 2 * side**3 / fastest / 1e12


def steps_table(arguments, peak):
    """Measures the steps; returns a table."""
    rows = []
    for policy in POLICIES:
        model = network(policy, arguments)
        work = 3 * operations(model) * arguments.length
        for count in arguments.batches:
            seconds = seconds_of_a_step(model, batch_of(count, arguments), arguments)
            rate = work * count / seconds / 1e12
            rows.append(
                {
                    "precision": policy,
                    "windows": count,
                    "ms a step": 1000 * seconds,
                    "frames a second": count * arguments.length / seconds,
                    "TFLOP/s": rate,
                    "of the peak": f"{rate / peak:.1%}",
                }
            )
    return pd.DataFrame(rows)


def clips_of_files(folder, frames, arguments):
    """Returns labelled clips of JPEG files; some files occur several times."""
    make_images(folder, 40 if arguments.small else 500)
    files, random = sorted(map(str, folder.glob("*.jpg"))), np.random.default_rng(0)
    paths = [files[i % len(files)] for i in range(frames)]
    return [Clip("a", paths, valence_arousal=random.uniform(-1, 1, (frames, 2)))]


def pipeline_table(arguments):
    """Compares training on batches in memory and on files; returns a table."""
    count, steps = arguments.batches[-1], arguments.steps
    model = network("mixed_bfloat16", arguments)
    with tempfile.TemporaryDirectory() as folder:
        clips = clips_of_files(Path(folder), count * arguments.length * steps, arguments)
        files = windows.dataset(
            clips, arguments.length, batch_size=count, landmarks=False, size=arguments.size
        )
        kept = files.take(min(steps, 4)).cache().repeat().take(steps)
        turns = [
            *(lambda d=d: model.fit(d, epochs=1, shuffle=False, verbose=0) for d in (kept, files)),
            lambda: [None for _ in files],
        ]
        values = side_by_side.seconds(turns, arguments.rounds, warm=1)
    rates = count * arguments.length * steps / np.median(values, axis=0)
    names = ("training, batches in memory", "training, JPEG files", "reading JPEG files alone")
    rows = [{"what": n, "frames a second": r} for n, r in zip(names, rates, strict=True)]
    return pd.DataFrame(rows), side_by_side.ratio(values, 0, 1)


def device_name():
    """Returns the name of the device that the backend uses."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("device_name", "CPU")


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peak", type=float, help="TFLOP/s in bfloat16 by the data sheet")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--length", type=int, default=80)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="tiny networks, windows and batches")
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.batches, arguments.length, arguments.size, arguments.steps = [1, 2], 8, 32, 3
    peak = arguments.peak or fastest_product(arguments)
    named = "by the data sheet" if arguments.peak else "of a product of two matrices"
    print(f"{device_name()}, backend {keras.backend.backend()}, peak {peak:.3g} TFLOP/s {named}\n")
    steps = steps_table(arguments, peak)
    print(tables.markdown(steps, index=False, digits=2), flush=True)
    pipeline, keeps_up = pipeline_table(arguments)
    print()
    print(tables.markdown(pipeline, index=False, digits=0))
    print(f"keeps up {keeps_up:.3f}")
    if arguments.out:
        content = {
            "device": device_name(), "backend": keras.backend.backend(), "peak": peak,
            "steps": steps.to_dict("records"), "pipeline": pipeline.to_dict("records"),
            "keeps_up": keeps_up,
        }  # fmt: skip
        arguments.out.write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    main()
