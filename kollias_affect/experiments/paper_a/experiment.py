"""Paper A's experiment on any two databases: NetB, its centroids, and NetA for every λ and seed.

The backbone is fixed, as in the paper. Its features are therefore computed once and cached on
disk, and the networks are trained on them. Every result is a file in the folder of the run; an
interrupted run resumes after the last finished one.
"""

import dataclasses
import functools
import json
import warnings

import keras
import numpy as np

from kollias_affect import _checks, _files, _runs
from kollias_affect.adaptation.alternation import alternate
from kollias_affect.adaptation.centroids import Centroids
from kollias_affect.datasets import sampling
from kollias_affect.experiments.paper_a import decisions, network
from kollias_affect.experiments.paper_a.classes import Classes
from kollias_affect.experiments.paper_a.part import Part
from kollias_affect.experiments.paper_a.settings import LAMBDAS, Settings

__all__ = ["LAMBDAS", "PARTS", "Experiment", "Settings", "cell_name"]

PARTS = ("a_train", "a_test", "b_train", "b_test")


class Experiment:
    """The networks of one experiment, trained on demand and stored in a folder.

    Args:
        clips: Dict from the names in `PARTS` to lists of `Clip` with labels: two databases, A and
            B, each with a training part and a test part. NetB sees `b_train` only. With the
            paper's protocol both parts of a database are the same clips.
        backbone: Fixed `keras.Model` from float RGB images `[batch, size, size, 3]` in [-1, 1] to
            features of any shape, which are flattened.
        out_dir: Folder of the run.
        settings: `Settings`. Default: `Settings()`.
        start: Network that NetA and NetB start from, on these features, see
            `network.split_network`. Default: the paper's network with random weights.

    Attributes:
        settings: `Settings` with the defaults that depend on the clips.
        classes: `Classes` that occur in both training parts. Frames of other expressions do not
            count.
        parts: Dict from the names in `PARTS` to `Part`.

    Raises:
        FileExistsError: If the folder holds other files.
        ValueError: If a picture is in A and in B, if a subject is in both parts of a database
            (with the protocol `"paper"`: if these differ), if fewer than two classes occur in both
            training parts, or if the folder holds a run with other settings.

    References: paper A §III and §IV.
    """

    def __init__(self, clips, backbone, out_dir, settings=None, start=None):
        clips = {part: list(clips[part]) for part in PARTS}
        self.settings = (settings or Settings()).for_clips([c for p in PARTS for c in clips[p]])
        if start is not None:
            self.settings = dataclasses.replace(self.settings, length=_length(start))
            _check_landmarks(start, clips)
        self._check_division(clips)
        training = [clips["a_train"], clips["b_train"]]
        self.classes = Classes(training, self.settings.task, self.settings.bins)
        self.out_dir = _checks.writable_folder("out_dir", out_dir)
        self.start = start
        folder = self.out_dir / "features"
        self.parts = {}
        for part in PARTS:
            same = self.parts.get(self._alias(part))
            self.parts[part] = same or Part(
                clips[part], self.classes, backbone, folder / f"{part}.npy"
            )
        self._start_folder(backbone)

    def _alias(self, part):
        """Returns the part whose clips are the same with this protocol."""
        return part.replace("test", "train") if self.settings.protocol == "paper" else part

    def _check_division(self, clips):
        pictures = {name: sampling.pictures(_both(clips, name)) for name in "ab"}
        both = sorted(pictures["a"] & pictures["b"])
        if both:
            raise ValueError(
                "A and B must be different data. Received in both: "
                f"{both[:3]} ({len(both)} pictures). Name two parts of one database, for example "
                "--split-a train train --split-b validation validation."
            )
        for name in "ab":
            train, test = (clips[f"{name}_{part}"] for part in ("train", "test"))
            if self.settings.protocol == "held-out":
                sampling.refuse_common_subjects(train, test, "parts of a dataset")
            elif [clip.key for clip in train] != [clip.key for clip in test]:
                raise ValueError(
                    "With the protocol 'paper' a network is scored on the clips that it is trained "
                    f"on. Received for {name.upper()}: {len(train)} clips to train on and "
                    f"{len(test)} others to score. Give the same clips twice."
                )

    def _start_folder(self, backbone):
        content = {
            "settings": dataclasses.asdict(self.settings),
            "classes": list(self.names),
            "backbone": _runs.fingerprint_arrays(*backbone.get_weights()),
            # The splits are on disk before the first network is trained.
            "clips": {name: [clip.key for clip in part.clips] for name, part in self.parts.items()},
            "labels": {
                name: _runs.fingerprint_arrays(part.labels) for name, part in self.parts.items()
            },
        }
        if self.start is not None:
            content["start"] = _runs.fingerprint_arrays(*self.start.get_weights())
        # The crops of the faces, made before the experiment, may lie in its folder.
        names = (path.name for path in self.out_dir.iterdir())
        writes = ["models", *(name for name in names if not name.startswith("crops"))]
        _runs.start_folder(self.out_dir, content, writes, required=("settings", "clips"))

    @property
    def names(self):
        """Names of the classes, in order."""
        return self.classes.names

    @property
    def left_out(self):
        """Dict from the name of a part to the number of its frames of other classes."""
        return {name: part.left_out for name, part in self.parts.items()}

    def net_b(self):
        """Returns NetB, which is trained on B by E_a (eq. 5)."""
        # With the seed of a NetA, both networks would start with the same hidden layers.
        return self._network("net_b", "b_train", None, 1.0, seed=self.settings.seeds)

    def step(self, name):
        """Returns the number of batches that a network has seen at the step that is scored.

        Args:
            name: See `outputs`.
        """
        return json.loads(self._model_file(name).with_suffix(".json").read_text())["step"]

    def centroids(self):
        """Returns Z (eq. 2), the centroids of NetB's representations of its training part."""
        path = self.out_dir / "centroids.npz"
        if not path.exists():
            outputs = self.parts["b_train"].outputs(self.net_b(), self.settings.length)
            self._fit_centroids(outputs, source="NetB on b_train").save(path)
        return Centroids.load(path)

    def net_a(self, lam, seed):
        """Returns NetA, which is trained on A by E_tot (eq. 9) with λ = `lam`."""
        return self._network(cell_name(lam, seed), "a_train", self.centroids(), lam, seed)

    def net_a_centroids(self, lam, seed):
        """Returns the centroids of NetA's representations of its own training part."""
        with warnings.catch_warnings():
            # Clusters that several classes share are what table VII compares.
            warnings.simplefilter("ignore", UserWarning)
            return self._fit_centroids(self.outputs(cell_name(lam, seed), "a_train"))

    def _fit_centroids(self, outputs, source=""):
        x, labels = outputs["representation"], outputs["labels"]
        return Centroids.fit(x, labels, 0, self.names, self.settings.method, source=source)

    def outputs(self, name, part):
        """Returns the outputs of a network for the frames of a part that count.

        Args:
            name: `"net_b"` or a `cell_name`.
            part: One of `PARTS`.

        Returns:
            Dict of arrays, see `Part.outputs` and `decisions.with_proximity`.
        """
        part = self._alias(part)
        self._write_outputs(name, [part])
        with np.load(self._outputs_file(name, part), allow_pickle=False) as arrays:
            return dict(arrays)

    def _write_outputs(self, name, parts):
        """Writes the outputs of a network for the parts for which they do not exist yet."""
        parts = dict.fromkeys(self._alias(part) for part in parts)
        missing = [part for part in parts if not self._outputs_file(name, part).exists()]
        if not missing:
            return
        model = keras.saving.load_model(self._model_file(name), compile=False)
        for part in missing:
            frames = self._frames(model, part, self.centroids())
            with _files.atomic(self._outputs_file(name, part)) as temporary:
                np.savez(temporary, **frames)

    def _frames(self, model, part, centroids):
        """The outputs of a network for a part; without centroids, those of the network alone."""
        frames = self.parts[part].outputs(model, self.settings.length)
        if centroids is None:
            return frames
        return decisions.with_proximity(frames, centroids, self.settings)

    def cells(self):
        """Returns the pairs `(lam, seed)` in the order in which they are trained."""
        # Seed by seed: a run that is stopped early has every λ for the first seeds.
        return [(lam, seed) for seed in range(self.settings.seeds) for lam in self.settings.lambdas]

    def run(self, log=print):
        """Trains the networks and computes the outputs that do not exist yet.

        Args:
            log: Function that is called with a line of text after every network.

        Raises:
            OSError: If another process runs in the same folder.
        """
        with _runs.Lock(self.out_dir) as lock:
            for number, (lam, seed) in enumerate(self.cells(), start=1):
                name = cell_name(lam, seed)
                lock.check()
                is_new = not self._model_file(name).exists()
                if is_new:
                    self.net_a(lam, seed)
                self._write_outputs(name, ("a_train", "a_test", "b_test"))
                state = "trained" if is_new else "already trained"
                log(f"{number} of {len(self.cells())}: NetA, lambda {lam:g}, seed {seed} {state}")

    def _network(self, name, part, centroids, lam, seed):
        path = self._model_file(name)
        if path.exists():
            return keras.saving.load_model(path, compile=False)
        keras.utils.set_random_seed(seed)
        model = self._new(seed)
        score = self._score_on_b(centroids, lam) if self.settings.chosen == "b" else None
        record = network.train_network(
            model, self.parts[part], lam, self.settings, centroids, seed, score
        )
        uncompiled = keras.Model(model.input, model.output, name=name)
        _files.write_json(path.with_suffix(".json"), record)
        needs = _files.stored_size(uncompiled.variables)
        with _files.atomic(path, needs) as temporary:
            uncompiled.save(temporary)
        return model

    def _new(self, seed):
        if self.start is not None:
            return network.start_network(self.start, len(self.classes), seed)
        units = self.parts["a_train"].features.shape[1]
        return network.build_network(self.settings, units, len(self.classes), seed)

    def _score_on_b(self, centroids, lam):
        """Returns the function that chooses the step: the accuracy of a network on B."""
        by = decisions.predictor_of(lam)

        def score(model):
            frames = self._frames(model, self._alias("b_test"), centroids)
            return decisions.accuracy(frames, by, self.settings.decision)

        return score

    def alternated(self, lam, seed, rounds=10, log=None):
        """Lets NetA and NetB adapt to each other in turn (paper A §V, block component form).

        Both start as they are trained by E_a alone. A round is an epoch of each; its networks are
        kept if their accuracy on their own training parts is the best so far.

        Args:
            lam: λ in [0, 1], see `adaptation.alternate`.
            seed: Seed of NetA.
            rounds: Maximum number of rounds.
            log: Function that is called with a line of text, or `None`.

        Returns:
            `(frames, history)`: dict from `"a"` and `"b"` to a dict from part to the outputs of
            that network, see `decisions.with_proximity`; and the history of `alternate`.
        """
        settings, nets = self.settings, {"a": self.net_a(1.0, seed), "b": self.net_b()}

        def epoch_of(letter, number, balanced=settings.balanced):
            options = nets[letter], settings.length, settings.batch_size, balanced, seed
            return self.parts[f"{letter}_train"].epoch(*options, number)

        data = {letter: functools.partial(epoch_of, letter) for letter in nets}
        validation = {letter: epoch_of(letter, 0, balanced=False) for letter in nets}
        result = alternate(
            nets["a"], nets["b"], data["a"], data["b"], validation["a"], validation["b"], lam,
            rounds, normalization=settings.normalization, scale=settings.scale,
            learning_rate=settings.learning_rate, method=settings.method, names=self.names,
            seed=seed, out_dir=self.out_dir / "alternation" / cell_name(lam, seed),
        )  # fmt: skip
        if log is not None:
            log(f"Block form, lambda {lam:g}, seed {seed}: {result.history[-1]['round']} rounds")
        pairs = {"a": (result.net_a, result.centroids_a), "b": (result.net_b, result.centroids_b)}
        frames = {
            letter: {part: self._frames(net, self._alias(part), z) for part in ("a_test", "b_test")}
            for letter, (net, z) in pairs.items()
        }
        return frames, result.history

    def _model_file(self, name):
        return self.out_dir / "models" / f"{name}.keras"

    def _outputs_file(self, name, part):
        return self.out_dir / "outputs" / f"{name}.{part}.npz"


# Entries of a run's settings that need the data and the models.
_OF_DATA = ("classes", "backbone", "clips", "labels", "start")


def check_folder(out_dir, settings, start=False):
    """Checks, before the data are loaded, that a folder is free or holds a run with these settings.

    Args:
        out_dir: Folder of the run.
        settings: `Settings`; what is `None` depends on the data and is not compared.
        start: Whether the networks start from a trained one, which has a length of its own.

    Raises:
        FileExistsError: If the folder holds other files.
        ValueError: If it holds a run with other settings.
    """
    content = dataclasses.asdict(settings)
    open_ = [name for name, value in content.items() if value is None]
    unknown = (*_OF_DATA, *(f"settings.{name}" for name in (*open_, *["length"] * start)))
    required = ("settings", "clips")
    _runs.check_folder(out_dir, {"settings": content}, ("models",), required, unknown=unknown)


def cell_name(lam, seed):
    """Returns the name of the network of one λ and seed, such as `lambda0.25_seed0`."""
    return f"lambda{lam:g}_seed{seed}"


def _both(clips, letter):
    return [*clips[f"{letter}_train"], *clips[f"{letter}_test"]]


def _check_landmarks(start, clips):
    """Refuses clips without landmarks for a network that takes them, before the first training."""
    missing = [clip.key for part in PARTS for clip in clips[part] if clip.landmarks is None]
    if "landmarks" in start.input and missing:
        raise ValueError(
            "A network with landmarks needs clips with landmarks. Received clips without: "
            f"{missing[:5]} ({len(missing)} clips). Start from a network that was trained with "
            "--no-landmarks, or use databases of videos, whose faces are extracted."
        )


def _length(model):
    """Frames per window of a network."""
    return model.outputs[0].shape[1]
