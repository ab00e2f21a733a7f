"""Model files of half the size: float16 in the file, float32 in the loaded model."""

import io
import json
import zipfile

import h5py
import numpy as np

from kollias_affect import _checks, _files

_WEIGHTS, _CONFIG, _METADATA = "model.weights.h5", "config.json", "metadata.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # earliest date of the zip format
# Arguments that Keras after 3.10 writes and Keras 3.10 does not know, with their defaults.
_NEWER = {
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}


def store_as_float16(source, target):
    """Rewrites a `.keras` file with its float32 weights stored as float16.

    Keras casts weights to the type of the variable when it loads them, so plain
    `keras.saving.load_model` returns a float32 model. The same weights give the same bytes, since
    dates are removed. Default arguments that older versions of Keras do not know are removed, so
    that those versions load the file, too.

    Args:
        source: `.keras` file.
        target: `.keras` file, written atomically; may be `source`.

    Raises:
        FileNotFoundError: If `source` does not exist.
        ValueError: If `source` is not a `.keras` file, or a weight is too large for float16
            (above 65504).
    """
    source = _checks.existing_file("source", source)
    if not zipfile.is_zipfile(source):
        raise ValueError(
            f"`source` must be a .keras archive. Received: {source}. Save the model with Keras 3."
        )
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries[_WEIGHTS] = _with_float16(entries[_WEIGHTS], source)
    entries[_CONFIG] = json.dumps(_portable(json.loads(entries[_CONFIG])), indent=1).encode()
    version = json.loads(entries[_METADATA])["keras_version"]
    entries[_METADATA] = json.dumps({"keras_version": version}).encode()
    with _files.atomic(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content)


def _with_float16(content, source):
    """Copies an h5 file with the same groups, attributes and datasets, as float16."""
    result = io.BytesIO()
    with h5py.File(io.BytesIO(content)) as old, h5py.File(result, "w") as new:

        def copy(name, item):
            if isinstance(item, h5py.Group):
                target = new.require_group(name)
            else:
                target = new.create_dataset(name, data=_to_float16(item[()], name, source))
            target.attrs.update(item.attrs)

        old.visititems(copy)
    return result.getvalue()


def _to_float16(values, name, source):
    if values.dtype != np.float32:
        return values
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(
            "Weights in float16 must be finite and at most 65504 in magnitude. Received: "
            f"{name} of {source}, which reaches {np.abs(values).max():g}. Keep the float32 file."
        )
    return half


def _portable(config, objects=None):
    """Removes defaults of newer versions of Keras, and memory addresses, from a configuration.

    Keras identifies shared objects by their addresses in memory; `objects` numbers them instead.
    """
    objects = {} if objects is None else objects
    if isinstance(config, list):
        return [_portable(item, objects) for item in config]
    if not isinstance(config, dict):
        return config
    newer = {key for key, default in _NEWER.items() if config.get(key, ...) == default}
    result = {key: _portable(value, objects) for key, value in config.items() if key not in newer}
    if (address := config.get("shared_object_id")) is not None:
        result["shared_object_id"] = objects.setdefault(address, len(objects) + 1)
    module = str(config.get("module"))
    if module == "keras.initializers":
        result["config"] = {k: v for k, v in result["config"].items() if v is not None}
    if module.startswith("keras.src.ops"):
        # The name of an operation stands beside its configuration, too.
        result["config"] = {k: v for k, v in result["config"].items() if k != "name"}
    return result
