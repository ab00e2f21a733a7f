"""Which precision a network runs fastest in on this machine."""

import keras

MIXED = "mixed_bfloat16"
# Of x86 processors on Linux: products of bfloat16 in the processor itself.
_FLAGS = {"avx512_bf16", "amx_bf16"}
_CPU_FILE = "/proc/cpuinfo"


def native_precision():
    """The dtype policy to train in here: `"mixed_bfloat16"` where the machine has it, or
    `"float32"`.

    Weights are float32 in both; with the first one, products take bfloat16 (8 bits of mantissa)
    and sum in float32. Machines that have it are x86 processors with AVX512-BF16 or AMX, on Linux,
    and NVIDIA GPUs from compute capability 8.0 on. Elsewhere it would be emulated, slowly.

    Use it as Keras does, before the model is built:
    `keras.config.set_dtype_policy(models.native_precision())`.
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


def in_float32_if_slow(model):
    """The model itself; in place in float32 where its mixed precision would be emulated."""
    if native_precision() == "float32":
        for layer in model._flatten_layers():
            if layer.dtype_policy.name == MIXED:
                layer.dtype_policy = "float32"
    return model


def _compute_capabilities():
    """Of the GPUs that Keras' backend sees."""
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
    """`(9, 0)` of "9.0"; `(0, 0)` of names that GPUs of other makers have."""
    numbers = text.split(".")
    return tuple(map(int, numbers)) if all(map(str.isdigit, numbers)) else (0, 0)
