"""Outputs of tensorflow-addons and TF1. Runs in the oracle's environment, without our package.

    python oracle_peephole_lstm.py FOLDER

FOLDER holds `cases.json`, a list of options, and `arrays.npz` with the inputs, mask and weights of
each case as `{case}/{name}`. The script writes `answers.npz` to the same folder.
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

PEEPHOLES = ("peephole_input", "peephole_forget", "peephole_output")


def addons(case, arrays):
    """Computes `[output, h, c]` of `tfa.rnn.PeepholeLSTMCell`."""
    cell = tfa.rnn.PeepholeLSTMCell(case["units"], use_bias=case["use_bias"], dtype=case["dtype"])
    layer = tf.keras.layers.RNN(
        cell,
        return_sequences=case["return_sequences"],
        return_state=True,
        go_backwards=case["go_backwards"],
        dtype=case["dtype"],
    )
    layer.build(arrays["inputs"].shape)
    for name in ("kernel", "recurrent_kernel") + ("bias",) * case["use_bias"]:
        getattr(cell, name).assign(arrays[name])
    for name in PEEPHOLES:
        getattr(cell, name.removeprefix("peephole_") + "_gate_peephole_weights").assign(
            arrays[name]
        )
    mask = tf.constant(arrays["mask"]) if case["mask"] else None
    return [value.numpy() for value in layer(tf.constant(arrays["inputs"]), mask=mask)]


def tf1(case, arrays, forget_bias=1.0):
    """Computes `[outputs, h, c]` of TF1's `LSTMCell(use_peepholes=True)` for complete sequences."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        cell = v1.nn.rnn_cell.LSTMCell(case["units"], use_peepholes=True, forget_bias=forget_bias)
        inputs = tf.constant(arrays["inputs"])
        outputs, (c, h) = v1.nn.dynamic_rnn(cell, inputs, dtype=inputs.dtype)
        i, f, j, o = np.split(np.vstack([arrays["kernel"], arrays["recurrent_kernel"]]), 4, axis=1)
        b_i, b_f, b_j, b_o = np.split(arrays["bias"], 4)
        values = {
            "kernel": np.hstack([i, j, f, o]),
            "bias": np.hstack([b_i, b_j, b_f - forget_bias, b_o]),
            "w_i_diag": arrays["peephole_input"],
            "w_f_diag": arrays["peephole_forget"],
            "w_o_diag": arrays["peephole_output"],
        }
        for variable in v1.global_variables():
            variable.load(values[variable.op.name.rsplit("/", 1)[-1]], session)
        return session.run([outputs, h, c])


def main(folder):
    """Writes the outputs of every case."""
    cases = json.loads((folder / "cases.json").read_text())
    answers = {}
    with np.load(folder / "arrays.npz") as stored:
        for k, case in enumerate(cases):
            prefix = f"{k}/"
            arrays = {n.removeprefix(prefix): stored[n] for n in stored if n.startswith(prefix)}
            oracle = tf1 if case["oracle"] == "tf1" else addons
            for name, value in zip(("output", "h", "c"), oracle(case, arrays), strict=True):
                answers[prefix + name] = value
    np.savez(folder / "answers.npz", **answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
