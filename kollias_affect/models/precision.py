"""The precision in which a network runs fastest on this machine."""

import keras

MIXED = "mixed_bfloat16"
# Flags of x86 processors on Linux that multiply bfloat16 natively.
_FLAGS = {"avx512_bf16", "amx_bf16"}
_CPU_FILE = "/proc/cpuinfo"


def native_precision():
    """Returns the fastest dtype policy for training on this machine.

    Weights are float32 under both policies. Under `"mixed_bfloat16"`, products take bfloat16
    (8 bits of mantissa) and sum in float32. That is native on x86 processors with AVX512-BF16 or
    AMX, on Linux, and on NVIDIA GPUs from compute capability 8.0 on. Other machines would emulate
    it, slowly.

    Set the policy before the model is built:
    `keras.config.set_dtype_policy(models.native_precision())`.

    Returns:
        `"mixed_bfloat16"` where it is native, else `"float32"`.
    """
    gpus = _compute_capabilities()
    if gpus:
        return MIXED if min(gpus) >= (8, 0) else "float32"
    try:
        with open(_CPU_FILE) as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        flags = ""
    return MIXED if _FLAGS & set(flags.split()) else "float32"


def use_float32_if_emulated(model):
    """Changes a mixed precision model to float32, in place, if this machine would emulate it.

    Args:
        model: `keras.Model`.

    Returns:
        `model`.
    """
    if native_precision() == "float32":
        for layer in model._flatten_layers():
            if layer.dtype_policy.name == MIXED:
                layer.dtype_policy = "float32"
    return model


def _compute_capabilities():
    """Returns the compute capabilities of the GPUs that Keras' backend uses."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = map(
            tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU")
        )
        return [gpu.get("compute_capability", (0, 0)) for gpu in gpus]
    if backend == "jax":
        import jax

        gpus = jax.local_devices() if jax.default_backend() == "gpu" else []
        return [_version(gpu.compute_capability) for gpu in gpus]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())]
    return []


def _version(text):
    """Returns `(9, 0)` for "9.0", and `(0, 0)` for the names that other makers give their GPUs."""
    numbers = text.split(".")
    return tuple(map(int, numbers)) if all(map(str.isdigit, numbers)) else (0, 0)
