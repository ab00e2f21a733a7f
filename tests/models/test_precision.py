import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kollias_affect import models
from kollias_affect.models import precision

FRAMES = 7
TINY = {"width": 0.02, "input_shape": (32, 32, 3), "rnn_units": 6, "hidden_units": 8}


def affwildnet():
    return models.affwildnet("cnn_m", length=FRAMES, initializer=None, **TINY)


@pytest.fixture
def processor(monkeypatch, tmp_path):
    """Returns a function that simulates a processor with the given flags."""

    def of(flags):
        path = tmp_path / "cpuinfo"
        path.write_text(f"processor : 0\nflags : fpu {flags} sse\n")
        monkeypatch.setattr(precision, "_CPU_FILE", path)
        monkeypatch.setattr(precision, "_compute_capabilities", list)

    return of


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        ("avx2 avx512_bf16", "mixed_bfloat16"),
        ("amx_bf16 amx_tile", "mixed_bfloat16"),
        ("avx2 avx512f", "float32"),
        ("not_avx512_bf16_but_alike", "float32"),
    ],
)
def test_the_policy_depends_on_the_processor(processor, flags, policy):
    processor(flags)
    assert models.native_precision() == policy


def test_the_policy_is_float32_on_an_unknown_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(precision, "_CPU_FILE", tmp_path / "absent")
    monkeypatch.setattr(precision, "_compute_capabilities", list)
    assert models.native_precision() == "float32"


@pytest.mark.parametrize(
    ("capabilities", "policy"),
    [([(8, 0)], "mixed_bfloat16"), ([(9, 0), (7, 5)], "float32"), ([(6, 1)], "float32")],
)
def test_the_policy_depends_on_the_oldest_gpu(monkeypatch, capabilities, policy):
    monkeypatch.setattr(precision, "_compute_capabilities", lambda: capabilities)
    assert models.native_precision() == policy


@pytest.mark.parametrize(
    ("platform", "version", "policy"),
    [
        ("gpu", "9.0", "mixed_bfloat16"),
        ("gpu", "7.5", "float32"),
        ("gpu", "gfx90a", "float32"),
        ("cpu", None, "float32"),
    ],
)
def test_gpus_of_jax(processor, monkeypatch, platform, version, policy):
    original = precision._compute_capabilities
    processor("avx2")
    monkeypatch.setattr(precision, "_compute_capabilities", original)
    jax = SimpleNamespace(
        default_backend=lambda: platform,
        local_devices=lambda: [SimpleNamespace(compute_capability=version)],
    )
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert models.native_precision() == policy


@pytest.fixture
def mixed(tmp_path, random_inputs):
    """A mixed precision model, its file, and inputs."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = affwildnet()
    finally:
        keras.config.set_dtype_policy("float32")
    models.save(model, tmp_path / "mixed.keras")
    return model, tmp_path / "mixed.keras", random_inputs(model)


def test_a_mixed_precision_file_keeps_its_precision_where_it_is_native(mixed, processor):
    model, path, inputs = mixed
    processor("avx512_bf16")
    loaded, _ = models.load(path)
    assert loaded.get_layer("fc1").compute_dtype == "bfloat16"
    assert np.array_equal(loaded(inputs), model(inputs))


def test_a_mixed_precision_file_loads_in_float32_where_it_would_be_emulated(mixed, processor):
    model, path, inputs = mixed
    processor("avx2")
    loaded, _ = models.load(path)
    exact = affwildnet()
    exact.set_weights(model.get_weights())
    assert np.array_equal(loaded(inputs), exact(inputs))
    assert not np.array_equal(model(inputs), exact(inputs))


def test_recurrent_states_are_float32_in_mixed_precision(mixed):
    model, _, _ = mixed
    assert model.get_layer("rnn1").compute_dtype == "float32"
    assert model.get_layer("fc1").compute_dtype == "bfloat16"
