"""Trains what the cells of tables ask for, each thing once, and keeps it in one folder."""

import dataclasses
import gc
import hashlib
import json
import zipfile
from pathlib import Path

import keras
import numpy as np

import kollias_affect
from kollias_affect import _checks, _files, evaluation, models, training, transfer
from kollias_affect.experiments import builders
from kollias_affect.experiments.data import contents, of_utterances
from kollias_affect.experiments.declaration import Empty, Fusion, Training, fingerprint
from kollias_affect.weights.download import sha256

VALIDATION, TEST = "validation", "test"
# Of a fusion whose members are trained on.
END_TO_END = {"learning_rate": training.LEARNING_RATES["end-to-end"]}


class Laboratory:
    """Where networks are trained and their predictions kept, for any number of tables.

    Two cells with the same network, data and scale share one training. A killed run goes on
    where it was: a training behind its last epoch, a table behind its last cell.

    Args:
        roles: dict from the names in `data.ROLES` to `data.Parts`.
        out_dir: folder of the trainings.
        scale: `Scale`.
        weight_files: see `builders.build`.
        say: called with a line of progress.
        options: dict of what paper A needs besides: `backbone` (a `keras.Model`), `steps` and
            `seeds` (see `adaptation.experiment.Settings`).
    """

    def __init__(self, roles, out_dir, scale, weight_files=None, say=print, options=None):
        self.roles = dict(roles)
        self.out_dir = Path(out_dir)
        self.scale = scale
        self.weight_files = dict(weight_files or {})
        self.say = say
        self.options = dict(options or {})
        self._kept = {}

    def has(self, *roles):
        """Whether all of these roles have clips."""
        return all(role in self.roles for role in roles)

    def parts(self, role="data"):
        """The `Parts` of a role.

        Raises:
            ValueError: if it was not given.
        """
        _checks.one_of("role", role, self.roles)
        return self.roles[role]

    def once(self, key, make):
        """What `make()` returns, called at the first time only for a key."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def contents(self, *roles):
        """Of what a result depends on in the clips of roles, see `data.contents`."""
        return {
            role: self.once(("contents", role), lambda r=role: self._contents(r)) for role in roles
        }

    def _contents(self, role):
        return {name: contents(clips) for name, clips in vars(self.roles[role]).items()}

    @property
    def landmarks(self):
        """Whether every clip has landmarks; else no network takes them."""
        clips = [clip for found in self.roles.values() for clip in found.everything]
        return all(clip.landmarks is not None for clip in clips)

    def fingerprint(self, *content):
        """Of what a result depends on besides the clips.

        These are the given content, scale, weights, version, and whether there are landmarks.
        """
        hashes = {
            name: self.once(("file", name), lambda p=path: sha256(p))
            for name, path in self.weight_files.items()
        }
        scale = dataclasses.replace(self.scale, cache=False)  # it changes no number
        version = kollias_affect.__version__
        return fingerprint(scale, hashes, version, self.landmarks, *content)

    def options_fingerprint(self):
        """Of the options; a model counts by its weights."""
        return self.once("options", lambda: fingerprint(_told(self.options)))

    def predictions(self, setting):
        """Predictions of a `Training` or `Fusion`.

        Returns:
            dict from `"validation"` and `"test"` to `(clips, predictions)`. With folds there is
            `"test"` alone, in which every clip is predicted by a network that never saw its
            person.
        """
        return self.once(("predictions", fingerprint(setting)), lambda: self._predicted(setting))

    def _plain(self, setting):
        """A training as it is with these roles, so that equal ones are shared."""
        if isinstance(setting, Fusion):
            return Fusion(tuple(self._plain(member) for member in setting.members), setting.mode)
        before = setting.before if setting.before and self.has(setting.before) else None
        return dataclasses.replace(setting, before=before, needs_before=False)

    def folder(self, setting):
        """The folder of a training, whose name says what it is and what it depends on."""
        setting = self._plain(setting)
        if isinstance(setting, Fusion):
            roles = {role for member in setting.members for role in self._roles_of(member)}
            name = f"fusion-{setting.mode}"
        else:
            roles = self._roles_of(setting)
            name = f"{setting.network.build}-{setting.network.backbone}-{setting.task}"
        content = self.fingerprint(setting, self.contents(*sorted(roles)))
        return self.out_dir / f"{name}-{content}"

    def backbone(self):
        """Paper A's fixed CNN: the option `backbone`, or VGG-Face."""
        given = self.options.get("backbone")
        if given is not None:
            return given
        return builders.build_backbone("vgg_face", self.scale, self.weight_files)

    def _predicted(self, setting):
        if isinstance(setting, Fusion) and setting.mode == "decision":
            return self._decision(setting)
        if isinstance(setting, Training) and setting.folds:
            return self._cross_validated(setting)
        model = self._model(setting)
        data = self.parts()
        found = {VALIDATION: data.validation, TEST: data.test}
        folder = self.folder(setting)
        return {
            name: (clips, _predictions_of(model, clips, folder / f"{name}.npz"))
            for name, clips in found.items()
        }

    def _model(self, setting):
        """The best epoch of a training, which is run as far as it is missing."""
        folder = self.folder(setting)
        if (folder / "finished.json").exists():
            return models.load(folder / "best.keras")[0]
        model = self._fused(setting) if isinstance(setting, Fusion) else self._start(setting)
        role = "data" if isinstance(setting, Fusion) else setting.labels
        # Paper B §7.1: "the whole ensemble is trained end-to-end".
        options = END_TO_END if isinstance(setting, Fusion) else setting.options
        self.say(f"  training {folder.name}")
        data = self.parts(role)
        model = self._train(model, data.training, data.validation, folder, options)
        _files.write_json(folder / "finished.json", {"setting": _as_json(setting)})
        return model

    def _train(self, model, clips, validation, folder, options):
        how = {**self._how(options), "seed": self.scale.seed}
        training.train(model, clips, validation, folder, **how)
        # Else the graphs of all trainings so far stay in memory.
        gc.collect()
        return models.load(folder / "best.keras")[0]

    def _how(self, options):
        """Options of `training.train`: the scale's where it has them, else the paper's."""
        scale = self.scale
        given = {"batch_size": scale.batch_size, "learning_rate": scale.learning_rate}
        how = {"epochs": scale.epochs, "stride": scale.stride, "cache": scale.cache, "verbose": 0}
        return {**how, **options, **{k: v for k, v in given.items() if v is not None}}

    def _start(self, setting):
        """The network before it sees the clips of `data`."""
        before = self._plain(setting).before
        if before is None:
            return self._new(setting)
        folder = self._folder_before(setting)
        if (folder / "finished.json").exists():
            model = models.load(folder / "best.keras")[0]
        else:
            self.say(f"  training {folder.name}")
            first = dataclasses.replace(setting, task="valence_arousal")
            data = self.parts(before)
            model = self._train(
                self._new(first), data.training, data.validation, folder, setting.options
            )
            _files.write_json(folder / "finished.json", {"setting": _as_json(setting.network)})
        return (
            model
            if setting.task == "valence_arousal"
            else transfer.swap_head(model, setting.task, seed=self.scale.seed)
        )

    def _new(self, setting):
        return builders.build(
            setting.network, setting.task, self.scale, self.weight_files,
            landmarks=None if self.landmarks else False,
        )  # fmt: skip

    def _folder_before(self, setting):
        network = setting.network
        content = self.fingerprint(network, setting.options, self.contents(setting.before))
        return self.out_dir / f"{setting.before}-{network.build}-{network.backbone}-{content}"

    def _fused(self, setting):
        members = [self._model(member) for member in setting.members]
        units = max(2, round(128 * self.scale.units))
        keras.utils.set_random_seed(self.scale.seed)  # whatever was trained before
        return models.fuse(members, setting.mode, units, frozen=False)

    def _decision(self, setting):
        found = [self.predictions(member) for member in setting.members]
        weights = []
        for member in found:
            clips, predictions = member[VALIDATION]
            if of_utterances(clips):
                predictions = evaluation.aggregate(predictions, clips, by="utterance")
            table = evaluation.scores(clips, predictions)
            weights.append(table.loc[["valence", "arousal"], "CCC"].to_list())
        if not (np.array(weights) > 0).any(axis=0).all():
            raise Empty(f"no member has a validation CCC above 0 in each dimension: {weights}")
        return {
            part: (
                found[0][part][0],
                evaluation.decision_fusion([member[part][1] for member in found], weights),
            )
            for part in (VALIDATION, TEST)
        }

    def _cross_validated(self, setting):
        clips = self.parts().everything
        folder, how = self.folder(setting), self._how(setting.options)
        self.say(f"  {setting.folds} folds in {folder.name}")
        found = transfer.cross_validate(
            lambda: self._start(setting), clips, setting.folds, folder, self.scale.seed, **how
        )
        return {TEST: (clips, found.predictions)}

    def _roles_of(self, setting):
        return {"data", setting.labels, *([setting.before] if setting.before else [])}


def _predictions_of(model, clips, path):
    """Predictions of clips, read from their file if it is there."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return {clip.key: kept[f"clip{i}"] for i, clip in enumerate(clips)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        pass  # not there, or damaged: it is made again
    found = evaluation.predict(model, clips)
    with _files.atomic(path) as temporary:
        np.savez(temporary, **{f"clip{i}": found[c.key] for i, c in enumerate(clips)})
    return found


def _told(options):
    """Options as JSON has them."""
    if "backbone" not in options:
        return options
    weights = b"".join(weight.tobytes() for weight in options["backbone"].get_weights())
    return {**options, "backbone": hashlib.sha256(weights).hexdigest()}


def _as_json(setting):
    return json.loads(json.dumps(dataclasses.asdict(setting)))
