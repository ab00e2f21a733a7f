"""Trains the networks that the cells of tables need, each once, and caches their predictions."""

import dataclasses
import gc
import json
import warnings

import keras
import numpy as np

from kollias_affect import (
    _files,
    _untrusted,
    evaluation,
    initializers,
    models,
    presets,
    training,
    transfer,
    windows,
)
from kollias_affect.datasets import sampling
from kollias_affect.experiments import builders
from kollias_affect.experiments.declaration import Fusion, Repeated, Separate
from kollias_affect.experiments.roles import are_utterances
from kollias_affect.tasks import label_field, names_of

VALIDATION, TEST = "validation", "test"
FINISHED = "finished.json"


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
        roles = {role for member in setting.members for role in _roles_of(member)}
        if isinstance(setting, Fusion):
            name = f"fusion-{setting.mode}"
        else:
            task = "+".join(names_of(setting.task))
            name = f"{setting.network.build}-{setting.network.backbone}-{task}"
        laboratory = self.laboratory
        content = laboratory.fingerprint(setting, laboratory.contents(*sorted(roles)))
        return laboratory.out_dir / f"{name}-{content}"

    def model(self, setting):
        """Returns the model of the best epoch; trains it if it is not finished."""
        if isinstance(setting, Fusion):
            build, member = self._fused, setting.members[0]
            # Paper B §7.1: "the whole ensemble is trained end-to-end".
            options = {"learning_rate": presets.preset(member.settings).learning_rate(False)}
            member = dataclasses.replace(member, labels="data", options=options)
        else:
            build, member = self.initial, setting
        parts = self.laboratory.parts(member.labels)
        return self._trained(lambda: build(setting), member, parts, self.folder(setting), setting)

    def new(self, setting):
        """Builds the untrained network of a `Training`, with the options of its preset."""
        laboratory, network = self.laboratory, setting.network
        preset = presets.preset(setting.settings)
        options = {"dropout": preset.dropout, "initializer": preset.initializer}
        if network.build != "cnn":
            options["rnn_dropout"] = preset.rnn_dropout
        network = dataclasses.replace(network, options={**options, **network.options})
        files = laboratory.weight_files if self.has_weights(network) else {}
        landmarks = None if laboratory.landmarks else False
        return builders.build(network, setting.task, laboratory.scale, files, landmarks)

    def cross_validate(self, setting):
        """Predicts every clip of `data` by the network of a fold that was not trained on it.

        Returns:
            Dict from `"test"` to `(clips, predictions)`.
        """
        laboratory, folder = self.laboratory, self.folder(setting)
        clips = laboratory.parts().everything
        laboratory.log(f"  {setting.folds} folds in {folder.name}")
        result = transfer.cross_validate(
            lambda: self.initial(setting),
            **self._division(setting),
            **self._options(setting, clips),
        )
        for path in folder.glob("fold-*/best.keras"):
            card = models.read_card(path)
            record = {"epochs": laboratory.scale.epochs, "best_epoch": card["epoch"]}
            used = _used(card["length"], self._options(setting, clips))
            _files.write_json(
                path.with_name(FINISHED),
                {**record, "batches": None, "balance": None, "used": used},
            )
        return {TEST: (clips, result.predictions)}

    def _division(self, setting):
        """Arguments of `transfer.cross_validate` that divide the clips."""
        return {
            "clips": self.laboratory.parts().everything,
            "folds": setting.folds,
            "out_dir": self.folder(setting),
            "seed": self.laboratory.scale.seed,
        }

    def start_folds(self, setting):
        """Writes who is in which fold, before `cross_validated_fold`."""
        transfer.start_folds(**self._division(setting))

    def cross_validated_fold(self, setting, number):
        """Trains and predicts one fold of `cross_validate`, whose `number` starts at 1."""
        options = self._options(setting, self.laboratory.parts().everything)
        transfer.run_fold(
            number, lambda: self.initial(setting), **self._division(setting), **options
        )

    def folds_of_training(self, setting, folds):
        """Trains a network for each fold of the training and validation parts together.

        The fold chooses the epoch. The test part is predicted by all networks.

        Args:
            setting: `Training`.
            folds: Number of folds; that of the persons if there are fewer.

        Returns:
            Dict from `"validation"` to `(clips, predictions)`, every clip predicted by the network
            of its fold; and from `"test"` to the same with the mean of all networks' predictions.
        """
        data, held_out, tests = self.laboratory.parts(), {}, []
        for number in range(1, self.count_folds(folds) + 1):
            fold, test = self.fold_of_training(setting, folds, number)
            held_out.update(fold)
            tests.append(test)
        clips = [*data.training, *data.validation]
        return {VALIDATION: (clips, held_out), TEST: (data.test, evaluation.average(tests))}

    def count_folds(self, folds):
        """Returns the number of folds of the training and validation parts together."""
        data = self.laboratory.parts()
        return min(folds, len({clip.subject for clip in [*data.training, *data.validation]}))

    def fold_of_training(self, setting, folds, number):
        """Trains the network of one fold of `folds_of_training`, whose `number` starts at 1.

        Returns:
            Its predictions of the fold and of the test part.
        """
        data, seed = self.laboratory.parts(), self.laboratory.scale.seed
        clips = [*data.training, *data.validation]
        division = list(sampling.person_folds(clips, self.count_folds(folds), seed))
        train, fold = division[number - 1]
        parts = dataclasses.replace(data, training=train, validation=fold)
        path = self._folder_of_folds(setting) / f"fold-{number}"
        model = self._trained(lambda: self.initial(setting), setting, parts, path, setting)
        return (
            cached_predictions(model, fold, path / f"{VALIDATION}.npz"),
            cached_predictions(model, data.test, path / f"{TEST}.npz"),
        )

    def _folder_of_folds(self, setting):
        folder = self.folder(setting)
        return folder.with_name(f"{folder.name}-{self.laboratory.scale.repeats}-folds")

    def records(self, setting):
        """Returns what the finished trainings behind a setting recorded of themselves.

        Args:
            setting: `Training`, `Fusion`, `Separate` or `Repeated`.

        Returns:
            List of dicts with `epochs`, `best_epoch`, `batches` (of an epoch) and `balance` (the
            report of duplicated runs, or `None`).
        """
        if isinstance(setting, Repeated) and setting.by == "seeds":
            others = self.laboratory.repetitions()
            return [r for other in others for r in other.trainings.records(setting.member)]
        if isinstance(setting, Repeated):
            folders = [self._folder_of_folds(setting.member)]
        else:
            folders = [self.folder(member) for member in setting.members]
        if isinstance(setting, Fusion) and setting.mode != "decision":
            folders.append(self.folder(setting))
        paths = [path for folder in folders for path in sorted(folder.glob(f"**/{FINISHED}"))]
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def _normalized(self, setting):
        """The setting without what has no effect on these data, so that trainings are shared."""
        if isinstance(setting, (Fusion, Separate)):
            members = tuple(self._normalized(member) for member in setting.members)
            return dataclasses.replace(setting, members=members)
        if isinstance(setting, Repeated):
            return dataclasses.replace(setting, member=self._normalized(setting.member))
        before = setting.before
        if before is not None and not self.laboratory.has(before):
            before = None
        network = setting.network
        if not self.has_weights(network):
            network = dataclasses.replace(network, published=False)
        return dataclasses.replace(
            setting,
            network=network,
            before=before,
            balance=tuple(role for role in setting.balance if role in (setting.labels, before)),
            options=_other_options(setting),
            needs_before=False,
            needs_weights=False,
        )

    def has_weights(self, network):
        """Returns whether a `Network` starts from published weights."""
        return network.published and network.backbone in self.laboratory.weight_files

    def pretraining_folder(self, setting):
        """Returns the folder in which a `Training` is pre-trained, `None` if it is not."""
        setting = self._normalized(setting)
        if setting.before is None:
            return None
        laboratory, before, first = self.laboratory, setting.before, _pretraining(setting)
        content = laboratory.fingerprint(first, laboratory.contents(before))
        network = first.network
        return laboratory.out_dir / f"{before}-{network.build}-{network.backbone}-{content}"

    def initial(self, setting):
        """Returns the network before it is trained on `data`: a new one, or a pre-trained one."""
        setting = self._normalized(setting)
        if setting.before is None:
            return self.new(setting)
        laboratory, first = self.laboratory, _pretraining(setting)
        folder = self.pretraining_folder(setting)
        model = self._trained(
            lambda: self.new(first), first, laboratory.parts(setting.before), folder, first
        )
        if setting.task != first.task:
            model = transfer.swap_head(model, setting.task, seed=laboratory.scale.seed)
        if setting.network.options.get("frozen"):
            transfer.freeze(model, cnn=True)
        return model

    def _fused(self, fusion):
        members = [self.model(member) for member in fusion.members]
        scale = self.laboratory.scale
        units = max(2, round(128 * scale.units))
        keras.utils.set_random_seed(scale.seed)  # independent of the trainings before
        name = presets.preset(fusion.members[0].settings).initializer
        initializer = initializers.resolve(name, scale.seed)
        return models.fuse(members, fusion.mode, units, frozen=False, initializer=initializer)

    def _trained(self, build, setting, parts, folder, content):
        """The best epoch of a training in a folder, which is run if it is not finished."""
        if not (folder / FINISHED).exists():
            model = build()
            self.laboratory.log(f"  training {folder.name}")
            clips, balance = self._balanced(parts.training, setting)
            options = self._options(setting, parts.validation)
            model_length = models.describe(model)["length"]
            batches = windows.batches(clips, model_length, options["stride"], options["batch_size"])
            _, card = training.train(
                model, clips, parts.validation, folder, seed=self.laboratory.scale.seed, **options
            )
            del model
            gc.collect()  # otherwise the graphs of all trainings stay in memory
            record = {
                "epochs": options["epochs"],
                "best_epoch": card["epoch"],
                "batches": batches,
                "balance": balance,
                "used": _used(model_length, options),
                "setting": _as_json(content),
            }
            _files.write_json(folder / FINISHED, record)
        return models.load(folder / "best.keras")[0]

    def _balanced(self, clips, setting):
        """The clips with duplicated runs if the setting says so, and the report as text."""
        if setting.labels not in setting.balance:
            return clips, None
        length = _length(setting, self.laboratory.scale)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the page prints the shares
            clips = sampling.balance_quadrants(
                clips,
                seed=self.laboratory.scale.seed,
                length=length,
                duplicate=sampling.PAPER_DUPLICATED,
            )
        return clips, str(clips.report)

    def _options(self, setting, validation):
        """Arguments of `training.train`: those of the scale, otherwise those of the paper."""
        scale, preset = self.laboratory.scale, presets.preset(setting.settings)
        frozen = setting.network.options.get("frozen", False)
        options = {
            "epochs": scale.epochs,
            "stride": scale.stride,
            "cache": scale.cache,
            "decay": scale.decay,
            "weight_decay": scale.weight_decay,
            "verbose": 0,
            "batch_size": preset.batch_size(_length(setting, scale)),
            "learning_rate": preset.learning_rate(frozen),
            **setting.options,
        }
        fields = {label_field(name) for name in names_of(setting.task)}
        if "valence_arousal" in fields:
            options["loss"] = preset.loss
            if len(fields) == 1 and are_utterances(validation):
                options["choose_by"] = "utterance"  # paper B: the challenge's score
        chosen = {"batch_size": scale.batch_size, "learning_rate": scale.learning_rate}
        chosen = {n: v for n, v in chosen.items() if v is not None and n not in setting.fixed}
        return {**options, **chosen}


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
        with _untrusted.reading("Predictions must be complete", path, "Remove the file."):
            arrays = _untrusted.read_npz(path)
            found = {clip.key: arrays[f"clip{i}"] for i, clip in enumerate(clips)}
            if all(len(found[clip.key]) == len(clip) for clip in clips):
                return found
    except (OSError, ValueError):
        pass  # it is missing or damaged
    predictions = evaluation.predict(model, clips)
    with _files.atomic(path) as temporary:
        np.savez(temporary, **{f"clip{i}": predictions[c.key] for i, c in enumerate(clips)})
    return predictions


def _pretraining(setting):
    """The `Training` on the role `before`, which is end to end and for valence and arousal."""
    network = setting.network
    options = {name: value for name, value in network.options.items() if name != "frozen"}
    return dataclasses.replace(
        setting,
        network=dataclasses.replace(network, options=options),
        task="valence_arousal" if setting.task == "expression" else setting.task,
        labels=setting.before,
        before=None,
        options={},
        fixed=(),
        folds=None,
    )


def _other_options(setting):
    """The options of a training without those that its preset has as well."""
    preset = presets.preset(setting.settings)
    rate = preset.learning_rate(setting.network.options.get("frozen", False))
    same = {} if setting.fixed else {"learning_rate": rate}
    return {name: v for name, v in setting.options.items() if (name, v) not in same.items()}


def _length(setting, scale):
    """Frames per window of a training."""
    return setting.network.options.get("length", scale.length)


def _used(length, options):
    """What a training used, as text."""
    loss = {"ccc": "CCC loss", "mse": "squared error"}.get(options.get("loss"), "cross entropy")
    frames = "single frames" if length == 1 else f"windows of {length} frames"
    texts = [f"{loss}, learning rate {options['learning_rate']:g}"]
    texts.append(f"batches of {options['batch_size']} {frames}")
    if options["decay"] is not None:
        texts.append("multiplied by {1:g} every {0} batches".format(*options["decay"]))
    if options["weight_decay"] is not None:
        texts.append(f"weight decay {options['weight_decay']:g}")
    return ", ".join(texts)


def _roles_of(member):
    return {"data", member.labels, *([member.before] if member.before else [])}


def _as_json(setting):
    return json.loads(json.dumps(dataclasses.asdict(setting)))
