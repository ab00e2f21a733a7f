"""Paper A's experiment on any two databases: NetB, its centroids, and NetA for every λ and seed.

The backbone is fixed, as in the paper. Its features are therefore computed once and cached on
disk, and the networks are trained on them. Every result is a file in the folder of the run; an
interrupted run resumes after the last finished one.
"""

import dataclasses
import warnings

import keras
import numpy as np

from kollias_affect import _checks, _files, _runs
from kollias_affect.adaptation.centroids import METHODS, Centroids, squared_distances
from kollias_affect.adaptation.decision import RULES
from kollias_affect.datasets import sampling
from kollias_affect.experiments.paper_a.network import build_network, train_network
from kollias_affect.experiments.paper_a.part import Part, expressions_of
from kollias_affect.layers.centroid_outputs import NORMALIZATIONS, positive_scale
from kollias_affect.tasks import EXPRESSIONS

LAMBDAS = (0.0, 0.25, 0.5, 0.75, 1.0)  # paper A, table II
PARTS = ("a_train", "a_test", "b_train", "b_test")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of an experiment, written to `settings.json` before anything is trained.

    Args:
        lambdas: Values of λ in [0, 1].
        seeds: Number of networks for each λ; their seeds are 0, 1, …
        normalization: Normalization f of `losses.CentroidLoss`, `"linear"` or `"softmax"`.
        scale: Scale of `losses.CentroidLoss`, a number or `"centroids"`.
        method: Method of `Centroids.fit`, `"kmeans"` (paper) or `"class_means"`.
        balanced: Whether all classes have the same weight in training, in E_a and in E_b.
        initializer: `"papers"` (variance 0.1, biases 1; §IV.A) or `"keras"`.
        hidden_units: Units of the fully connected layer (paper: 4096 on the 4608 features of
            VGG-Face).
        dropout: Dropout rate after the fully connected layer (paper: 0.5).
        rnn_dropout: Dropout rate of the RNN, see `models.cnn_rnn`.
        decision: Rule by which the frames of a clip become one decision, `"mean"` or
            `"majority"`, see `adaptation.video_decision`. `"frames"` scores single frames.
        length: Frames per window (paper: 80); 1 for single images.
        steps: Number of batches that every network is trained on.
        batch_size: Windows per batch.
        learning_rate: Learning rate of Adam (paper: 0.001, constant).

    Raises:
        ValueError: If a value is out of its range.
    """

    lambdas: tuple = LAMBDAS
    seeds: int = 3
    normalization: str = "linear"
    scale: float | str = 1.0
    method: str = "kmeans"
    balanced: bool = False
    initializer: str = "papers"
    hidden_units: int = 1024
    dropout: float = 0.5
    rnn_dropout: float = 0.8
    decision: str = "mean"
    length: int = 1
    steps: int = 1000
    batch_size: int = 128
    learning_rate: float = 1e-3

    def __post_init__(self):
        _checks.one_of("initializer", self.initializer, ("papers", "keras"))
        for name in ("seeds", "hidden_units", "length", "steps", "batch_size"):
            _checks.positive_integer(name, getattr(self, name))
        _checks.one_of("normalization", self.normalization, NORMALIZATIONS)
        _checks.one_of("method", self.method, METHODS)
        _checks.one_of("decision", self.decision, (*RULES, "frames"))
        if self.scale != "centroids":
            positive_scale(self.scale)
        if not self.lambdas or not all(0 <= lam <= 1 for lam in self.lambdas):
            raise ValueError(
                f"`lambdas` must be numbers from 0 to 1. Received: {self.lambdas}. The paper uses "
                f"{LAMBDAS}."
            )

    @property
    def extreme_lambdas(self):
        """The smallest and the largest λ."""
        return min(self.lambdas), max(self.lambdas)


class Experiment:
    """The networks of one experiment, trained on demand and stored in a folder.

    Args:
        clips: Dict from the names in `PARTS` to lists of `Clip` with expressions: two databases,
            A and B, each with a training part and a test part. NetB sees `b_train` only.
        backbone: Fixed `keras.Model` from float RGB images `[batch, size, size, 3]` in [-1, 1] to
            features of any shape, which are flattened.
        out_dir: Folder of the run.
        settings: `Settings`. Default: `Settings()`.

    Attributes:
        classes: Indices into `EXPRESSIONS` of the classes that occur in both training parts.
            Frames of other classes do not count.
        parts: Dict from the names in `PARTS` to `Part`.

    Raises:
        FileExistsError: If the folder holds other files.
        ValueError: If a subject is in both parts of a database, if fewer than two classes occur
            in both training parts, or if the folder holds a run with other settings.

    References: paper A §III and §IV.
    """

    def __init__(self, clips, backbone, out_dir, settings=None):
        self.settings = settings or Settings()
        clips = {part: list(clips[part]) for part in PARTS}
        for name in "ab":
            both = (clips[f"{name}_{part}"] for part in ("train", "test"))
            sampling.refuse_common_subjects(*both, "parts of a dataset")
        occurring = {part: set(expressions_of(clips[part]).tolist()) for part in PARTS}
        self.classes = sorted((occurring["a_train"] & occurring["b_train"]) - {-1})
        if len(self.classes) < 2:
            raise ValueError(
                "At least two expressions must occur in both training parts. Received: "
                f"{self.names}. Choose other datasets or splits."
            )
        self.out_dir = _checks.writable_folder("out_dir", out_dir)
        folder = self.out_dir / "features"
        self.parts = {
            part: Part(clips[part], self.classes, backbone, folder / f"{part}.npy")
            for part in PARTS
        }
        self._start_folder(backbone)

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
        # The crops of the faces, made before the experiment, may lie in its folder.
        names = {path.name for path in self.out_dir.iterdir()}
        writes = ["models", *(name for name in names if not name.startswith("crops"))]
        _runs.start_folder(self.out_dir, content, writes, required=("settings", "clips"))

    @property
    def names(self):
        """Names of the classes, in order."""
        return tuple(EXPRESSIONS[i] for i in self.classes)

    @property
    def left_out(self):
        """Dict from the name of a part to the number of its frames of other classes."""
        return {name: part.left_out for name, part in self.parts.items()}

    def net_b(self):
        """Returns NetB, which is trained on B by E_a (eq. 5)."""
        # With the seed of a NetA, both networks would start with the same hidden layers.
        return self._network("net_b", "b_train", None, 1.0, seed=self.settings.seeds)

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
            Dict of arrays, see `Part.outputs`, with `distances` besides: V (eq. 7), the squared
            distances of the representation to the centroids, float32 `[frames, classes]`.
        """
        self._write_outputs(name, [part])
        with np.load(self._outputs_file(name, part), allow_pickle=False) as arrays:
            return dict(arrays)

    def _write_outputs(self, name, parts):
        """Writes the outputs of a network for the parts for which they do not exist yet."""
        missing = [part for part in parts if not self._outputs_file(name, part).exists()]
        if not missing:
            return
        model = keras.saving.load_model(self._model_file(name), compile=False)
        z = self.centroids().values
        for part in missing:
            outputs = self.parts[part].outputs(model, self.settings.length)
            x = outputs["representation"].astype(np.float64)
            distances = squared_distances(x, z).astype(np.float32)
            with _files.atomic(self._outputs_file(name, part)) as temporary:
                np.savez(temporary, distances=distances, **outputs)

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
        with _runs.Lock(self.out_dir):
            for number, (lam, seed) in enumerate(self.cells(), start=1):
                name = cell_name(lam, seed)
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
        units = self.parts["a_train"].features.shape[1]
        keras.utils.set_random_seed(seed)
        model = build_network(self.settings, units, len(self.classes), seed)
        train_network(model, self.parts[part], lam, self.settings, centroids, seed)
        uncompiled = keras.Model(model.input, model.output, name=name)
        with _files.atomic(path) as temporary:
            uncompiled.save(temporary)
        return model

    def _model_file(self, name):
        return self.out_dir / "models" / f"{name}.keras"

    def _outputs_file(self, name, part):
        return self.out_dir / "outputs" / f"{name}.{part}.npz"


def cell_name(lam, seed):
    """Returns the name of the network of one λ and seed, such as `lambda0.25_seed0`."""
    return f"lambda{lam:g}_seed{seed}"
