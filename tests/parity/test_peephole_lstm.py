"""Compares `layers.PeepholeLSTM` with tensorflow-addons and TF1; conftest.py says how to run it."""

import itertools
import json

import keras
import numpy as np
import pytest
from shared_values import PEEPHOLE_WEIGHTS

from kollias_affect import layers

# float64 shows that the formulas are equal, float32 the effect of the order of sums.
TOLERANCES = {"float32": 1e-6, "float64": 1e-14}
SWITCHES = ("use_bias", "mask", "return_sequences", "go_backwards")
SIZES = ((1, 1), (150, 12), (1, 12), (150, 1))  # (units, length) of the first cases


def make_cases():
    """Returns all combinations of the switches, eight random ones, and four for TF1's cell."""
    random = np.random.default_rng(0)
    switches = [*itertools.product((False, True), repeat=4)]
    switches += [tuple(bool(bit) for bit in random.integers(0, 2, 4)) for _ in range(8)]
    cases = [
        {"oracle": "tensorflow-addons", **dict(zip(SWITCHES, s, strict=True))} for s in switches
    ]
    tf1 = dict(zip(SWITCHES, (True, False, True, False), strict=True))
    cases += [{"oracle": "tf1", **tf1} for _ in range(4)]
    for k, case in enumerate(cases):
        sizes = (int(random.integers(1, 151)), int(random.integers(1, 13)))
        case["units"], case["length"] = SIZES[k] if k < len(SIZES) else sizes
    return cases


CASES = make_cases()


def make_arrays(case, seed, dtype):
    """Returns inputs, mask and weights of a case; the first sequence is masked completely."""
    random = np.random.default_rng(seed)
    units, batch, features = case["units"], 3, int(random.integers(1, 20))

    def uniform(*shape, limit=1.0):
        return random.uniform(-limit, limit, shape).astype(dtype)

    mask = random.random((batch, case["length"])) < 0.7
    mask[0] = False
    return {
        "inputs": 2 * uniform(batch, case["length"], features),
        "mask": mask,
        "kernel": uniform(features, 4 * units, limit=(6 / (features + 4 * units)) ** 0.5),
        "recurrent_kernel": uniform(units, 4 * units, limit=(6 / (5 * units)) ** 0.5),
        "bias": uniform(4 * units),
        **{name: uniform(units) for name in PEEPHOLE_WEIGHTS[3:]},
    }


def answer(case, arrays, dtype):
    """Computes `[output, h, c]` of our layer."""
    layer = layers.PeepholeLSTM(
        case["units"],
        use_bias=case["use_bias"],
        return_sequences=case["return_sequences"],
        return_state=True,
        go_backwards=case["go_backwards"],
        dtype=dtype,
    )
    layer.build(arrays["inputs"].shape)
    layer.set_weights([arrays[n] for n in PEEPHOLE_WEIGHTS if n != "bias" or case["use_bias"]])
    inputs = keras.ops.convert_to_tensor(arrays["inputs"], dtype=dtype)
    with keras.device("cpu:0"):  # GPUs round the factors of float32 products to TF32
        outputs = layer(inputs, mask=arrays["mask"] if case["mask"] else None)
    return [keras.ops.convert_to_numpy(value) for value in outputs]


@pytest.fixture(scope="module", params=["float32", "float64"])
def answers(request, run_oracle, tmp_path_factory):
    """Arrays and outputs of the oracle for each case, and their dtype."""
    folder = tmp_path_factory.mktemp("oracle")
    cases = [{**case, "dtype": request.param} for case in CASES]
    arrays = [make_arrays(case, k, request.param) for k, case in enumerate(cases)]
    (folder / "cases.json").write_text(json.dumps(cases))
    flat = {f"{k}/{name}": v for k, case in enumerate(arrays) for name, v in case.items()}
    np.savez(folder / "arrays.npz", **flat)
    run_oracle("oracle_peephole_lstm.py", folder)
    with np.load(folder / "answers.npz") as stored:
        oracle = [
            [stored[f"{k}/{name}"] for name in ("output", "h", "c")] for k in range(len(cases))
        ]
    return arrays, oracle, request.param


@pytest.mark.parametrize("k", range(len(CASES)), ids=lambda k: f"{k}-{CASES[k]['oracle']}")
def test_layer_agrees_with_the_oracle(answers, k):
    arrays, oracle, dtype = answers
    ours = answer(CASES[k], arrays[k], dtype)
    for name, value, wanted in zip(("output", "h", "c"), ours, oracle[k], strict=True):
        assert value.shape == wanted.shape and value.dtype == wanted.dtype == dtype
        difference = np.abs(value - wanted)
        if name == "c":  # unbounded: in float32 a cell state of 5 has steps of 5e-7
            difference = difference / np.maximum(1, np.abs(wanted))
        assert difference.max() <= TOLERANCES[dtype], (name, difference.max(), CASES[k])


def test_peepholes_change_the_outputs_of_the_cases(answers):
    arrays, oracle, dtype = answers
    assert len(CASES) >= 20
    without = [np.zeros_like(arrays[4][n]) for n in PEEPHOLE_WEIGHTS[3:]]
    silent = answer(
        CASES[4], {**arrays[4], **dict(zip(PEEPHOLE_WEIGHTS[3:], without, strict=True))}, dtype
    )
    assert np.abs(silent[0] - oracle[4][0]).max() > 1e-3  # the peepholes matter
