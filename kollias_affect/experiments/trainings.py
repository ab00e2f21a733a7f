"""Trains the networks that the cells of tables need, each once, and caches their predictions."""

import dataclasses
import gc
import json
import zipfile

import keras
import numpy as np

from kollias_affect import _files, evaluation, models, training, transfer
from kollias_affect.experiments import builders
from kollias_affect.experiments.declaration import Fusion

VALIDATION, TEST = "validation", "test"
FINISHED = "finished.json"
# Paper B §7.1: "the whole ensemble is trained end-to-end".
_FUSION_OPTIONS = {"learning_rate": training.LEARNING_RATES["end-to-end"]}


class Trainings:
    """The trainings of a laboratory; each has a folder that is named after what it depends on.

    Args:
        laboratory: `Laboratory`.
    """

    def __init__(self, laboratory):
        self.laboratory = laboratory

    def folder(self, setting):
        """Returns the folder of a `Training` or `Fusion`."""
        setting = self._normalized(setting)
        if isinstance(setting, Fusion):
            roles = {role for member in setting.members for role in _roles_of(member)}
            name = f"fusion-{setting.mode}"
        else:
            roles = _roles_of(setting)
            name = f"{setting.network.build}-{setting.network.backbone}-{setting.task}"
        laboratory = self.laboratory
        content = laboratory.fingerprint(setting, laboratory.contents(*sorted(roles)))
        return laboratory.out_dir / f"{name}-{content}"

    def model(self, setting):
        """Returns the model of the best epoch; trains it if it is not finished."""
        if isinstance(setting, Fusion):
            build, role, options = self._fused, "data", _FUSION_OPTIONS
        else:
            build, role, options = self._initial, setting.labels, setting.options
        content = {"setting": _as_json(setting)}
        return self._trained(lambda: build(setting), role, self.folder(setting), options, content)

    def new(self, setting):
        """Builds the untrained network of a `Training`."""
        laboratory = self.laboratory
        landmarks = None if laboratory.landmarks else False
        return builders.build(
            setting.network, setting.task, laboratory.scale, laboratory.weight_files, landmarks
        )

    def cross_validate(self, setting):
        """Predicts every clip of `data` by the network of a fold that was not trained on it.

        Returns:
            Dict from `"test"` to `(clips, predictions)`.
        """
        laboratory, folder = self.laboratory, self.folder(setting)
        clips = laboratory.parts().everything
        laboratory.log(f"  {setting.folds} folds in {folder.name}")
        result = transfer.cross_validate(
            lambda: self._initial(setting),
            clips,
            setting.folds,
            folder,
            laboratory.scale.seed,
            **self._options(setting.options),
        )
        return {TEST: (clips, result.predictions)}

    def _normalized(self, setting):
        """The setting without what has no effect on these data, so that trainings are shared."""
        if isinstance(setting, Fusion):
            members = tuple(self._normalized(member) for member in setting.members)
            return Fusion(members, setting.mode)
        before = setting.before
        if before is not None and not self.laboratory.has(before):
            before = None
        return dataclasses.replace(setting, before=before, needs_before=False)

    def _initial(self, setting):
        """The network before it is trained on `data`: a new one, or a pre-trained one."""
        before = self._normalized(setting).before
        if before is None:
            return self.new(setting)
        network, laboratory = setting.network, self.laboratory
        content = laboratory.fingerprint(network, setting.options, laboratory.contents(before))
        name = f"{before}-{network.build}-{network.backbone}-{content}"
        pretraining = dataclasses.replace(setting, task="valence_arousal")
        model = self._trained(
            lambda: self.new(pretraining),
            before,
            laboratory.out_dir / name,
            setting.options,
            {"setting": _as_json(network)},
        )
        if setting.task == "valence_arousal":
            return model
        return transfer.swap_head(model, setting.task, seed=laboratory.scale.seed)

    def _fused(self, fusion):
        members = [self.model(member) for member in fusion.members]
        scale = self.laboratory.scale
        units = max(2, round(128 * scale.units))
        keras.utils.set_random_seed(scale.seed)  # independent of the trainings before
        return models.fuse(members, fusion.mode, units, frozen=False)

    def _trained(self, build, role, folder, options, content):
        """The best epoch of a training in a folder, which is run if it is not finished."""
        if not (folder / FINISHED).exists():
            model = build()
            self.laboratory.log(f"  training {folder.name}")
            data, options = self.laboratory.parts(role), self._options(options)
            seed = self.laboratory.scale.seed
            training.train(model, data.training, data.validation, folder, seed=seed, **options)
            del model
            gc.collect()  # otherwise the graphs of all trainings stay in memory
            _files.write_json(folder / FINISHED, content)
        return models.load(folder / "best.keras")[0]

    def _options(self, published):
        """Arguments of `training.train`: those of the scale, otherwise those of the paper."""
        scale = self.laboratory.scale
        options = {"epochs": scale.epochs, "stride": scale.stride, "cache": scale.cache}
        chosen = {"batch_size": scale.batch_size, "learning_rate": scale.learning_rate}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        return {**options, "verbose": 0, **published, **chosen}


def cached_predictions(model, clips, path):
    """Predicts clips, or reads the predictions from their file.

    Args:
        model: `keras.Model`.
        clips: List of `Clip`.
        path: Path of the `.npz` file. A damaged file is written again.

    Returns:
        Dict from clip key to float32 `[frames, outputs]`.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {clip.key: arrays[f"clip{i}"] for i, clip in enumerate(clips)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass  # it is missing or damaged
    predictions = evaluation.predict(model, clips)
    with _files.atomic(path) as temporary:
        np.savez(temporary, **{f"clip{i}": predictions[c.key] for i, c in enumerate(clips)})
    return predictions


def _roles_of(setting):
    return {"data", setting.labels, *([setting.before] if setting.before else [])}


def _as_json(setting):
    return json.loads(json.dumps(dataclasses.asdict(setting)))
