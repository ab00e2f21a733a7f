"""The data, scale and results that the cells of all tables share."""

import dataclasses
from pathlib import Path

import numpy as np

import kollias_affect
from kollias_affect import _checks, _files, _runs, evaluation
from kollias_affect.experiments import builders
from kollias_affect.experiments.declaration import Empty, Fusion, Repeated, Separate, Training
from kollias_affect.experiments.roles import are_utterances, fingerprint_clips
from kollias_affect.experiments.trainings import TEST, VALIDATION, Trainings, cached_predictions
from kollias_affect.tasks import DIMENSIONS


class Laboratory:
    """The place where networks are trained and their predictions cached, for several tables.

    Two cells with the same network, data and scale share one training. A killed run resumes
    after the last epoch of the interrupted training.

    Args:
        roles: Dict from the names in `roles.ROLES` to `roles.Parts`.
        out_dir: Folder of the trainings.
        scale: `Scale`.
        weight_files: Dict from a backbone's name to the file of its published weights.
        log: Function that is called with a line of progress.
        options: Dict of further settings of paper A: `backbone` (a `keras.Model`),
            `backbone_text` (its description), `steps`, `seeds`, `protocol` and `bins` (see
            `paper_a.settings.Settings`).
        seeds: Number of trainings for every cell, with the seeds `scale.seed`, `scale.seed + 1`
            and so on. The data are divided once.
    """

    def __init__(self, roles, out_dir, scale, weight_files=None, log=print, options=None, seeds=1):
        self.roles = dict(roles)
        self.out_dir = Path(out_dir)
        self.scale = scale
        self.weight_files = dict(weight_files or {})
        self.log = log
        self.options = dict(options or {})
        self.seeds = _checks.positive_integer("seeds", seeds)
        self.trainings = Trainings(self)
        self._results = {}
        self._with_seed = {}

    def of_each_seed(self):
        """Returns a list of laboratories that differ in the seed; the first one is this one."""
        return [self.with_seed(self.scale.seed + i) for i in range(self.seeds)]

    def with_seed(self, seed):
        """Returns a laboratory on the same data whose trainings have another seed."""
        if seed == self.scale.seed:
            return self
        if seed not in self._with_seed:
            other = Laboratory(
                self.roles, self.out_dir, dataclasses.replace(self.scale, seed=seed),
                self.weight_files, self.log, self.options,
            )  # fmt: skip
            # Large databases and files are read once for all seeds.
            shared = {k: v for k, v in self._results.items() if k[0] in ("contents", "file")}
            other._results.update(shared)
            self._with_seed[seed] = other
        return self._with_seed[seed]

    def has(self, *roles):
        """Returns whether all of these roles have clips."""
        return all(role in self.roles for role in roles)

    def parts(self, role="data"):
        """Returns the `Parts` of a role.

        Raises:
            ValueError: If the role has no clips.
        """
        _checks.one_of("role", role, self.roles)
        return self.roles[role]

    def once(self, key, compute):
        """Returns the result of `compute()`, which is called only the first time for a key."""
        if key not in self._results:
            self._results[key] = compute()
        return self._results[key]

    def contents(self, *roles):
        """Returns a dict from role and part to the fingerprint of its clips."""
        return {
            role: self.once(("contents", role), lambda r=role: self._contents(r)) for role in roles
        }

    def _contents(self, role):
        return {name: fingerprint_clips(clips) for name, clips in self.roles[role].lists.items()}

    @property
    def landmarks(self):
        """Whether every clip has landmarks. Otherwise no network uses them."""
        clips = [clip for parts in self.roles.values() for clip in parts.everything]
        return all(clip.landmarks is not None for clip in clips)

    def fingerprint(self, *content):
        """Returns the fingerprint of what a result depends on besides the clips.

        This is the content that is passed, the scale, the weight files, the version of the
        package, and whether there are landmarks.
        """
        checksums = {name: self.checksum(name) for name in self.weight_files}
        scale = dataclasses.replace(self.scale, cache=False)  # it changes no number
        version = kollias_affect.__version__
        return _runs.fingerprint(scale, checksums, version, self.landmarks, *content)

    def checksum(self, name):
        """Returns the sha256 of the file of a network's published weights."""
        return self.once(("file", name), lambda: _files.sha256(self.weight_files[name]))

    def options_fingerprint(self):
        """Returns the fingerprint of the options; the backbone counts by its weights."""
        options = dict(self.options)
        if "backbone" in options:
            arrays = options["backbone"].get_weights()
            options["backbone"] = self.once("backbone", lambda: _runs.fingerprint_arrays(*arrays))
        return _runs.fingerprint(options)

    def backbone(self):
        """Returns paper A's fixed CNN: the option `backbone`, or VGG-Face."""
        backbone = self.options.get("backbone")
        if backbone is not None:
            return backbone
        return builders.build_backbone("vgg_face", self.scale, self.weight_files)

    def backbone_text(self):
        """Returns what `backbone` is and where its weights are from, as text."""
        given = self.options.get("backbone_text")
        if given is not None:
            return given
        if "backbone" in self.options:
            return f"the given model {self.options['backbone'].name}"
        path = self.weight_files.get("vgg_face")
        if path is None:
            return "VGG-Face with RANDOM weights"
        return f"VGG-Face from {path.name}, sha256 {self.checksum('vgg_face')[:12]}"

    def predictions(self, setting):
        """Computes the predictions of a `Training`, `Fusion`, `Separate` or `Repeated`.

        Returns:
            Dict from `"validation"` and `"test"` to `(clips, predictions)`. With folds there is
            only `"test"`, in which every clip is predicted by a network that was not trained on
            its person.
        """
        key = ("predictions", _runs.fingerprint(setting))
        return self.once(key, lambda: self._predictions(setting))

    def _predictions(self, setting):
        if isinstance(setting, Fusion) and setting.mode == "decision":
            return self._decision(setting)
        if isinstance(setting, Separate):
            return self._side_by_side(setting)
        if isinstance(setting, Repeated):
            return self._repeated(setting)
        if isinstance(setting, Training) and setting.folds:
            return self.trainings.cross_validate(setting)
        model, folder = self.trainings.model(setting), self.trainings.folder(setting)
        data = self.parts()
        return {
            name: (clips, cached_predictions(model, clips, folder / f"{name}.npz"))
            for name, clips in ((VALIDATION, data.validation), (TEST, data.test))
        }

    def _side_by_side(self, separate):
        """The outputs of two networks, valence and arousal, as one array `[frames, 2]`."""
        valence, arousal = (self.predictions(member) for member in separate.members)
        return {
            part: (
                clips,
                {c.key: np.hstack([values[c.key], arousal[part][1][c.key]]) for c in clips},
            )
            for part, (clips, values) in valence.items()
        }

    def _repeated(self, repeated):
        """The mean of the predictions of several trainings."""
        if repeated.by == "folds":
            return self.trainings.folds_of_training(repeated.member, self.scale.repeats)
        members = [other.predictions(repeated.member) for other in self.repetitions()]
        return {
            part: (clips, evaluation.average([member[part][1] for member in members]))
            for part, (clips, _) in members[0].items()
        }

    def repetitions(self):
        """Returns the laboratories of the trainings whose predictions are averaged."""
        # Far from the seeds of the cells, so that no training counts twice.
        first = 1000 * (self.scale.seed + 1)
        return [self.with_seed(first + i) for i in range(self.scale.repeats)]

    def _decision(self, fusion):
        """Weighted mean of the members' predictions, see `evaluation.decision_fusion`."""
        members = [self.predictions(member) for member in fusion.members]
        weights = [_validation_ccc(*member[VALIDATION]) for member in members]
        if not (np.array(weights) > 0).any(axis=0).all():
            raise Empty(f"no member has a validation CCC above 0 in each dimension: {weights}")
        return {
            part: (
                members[0][part][0],
                evaluation.decision_fusion([member[part][1] for member in members], weights),
            )
            for part in (VALIDATION, TEST)
        }


def _validation_ccc(clips, predictions):
    if are_utterances(clips):
        predictions = evaluation.aggregate(predictions, clips, by="utterance")
    return evaluation.scores(clips, predictions).loc[list(DIMENSIONS), "CCC"].to_list()
