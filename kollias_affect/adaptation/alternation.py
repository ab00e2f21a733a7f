"""Paper A's block component form (§V): two networks that adapt to each other in turn."""

import contextlib
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import keras

from kollias_affect import _checks, _files, _runs, training
from kollias_affect.adaptation.adapted import compile_adapted, task_of
from kollias_affect.adaptation.centroids import Centroids
from kollias_affect.adaptation.data import representations, targets
from kollias_affect.tasks import EXPRESSIONS

NETS = ("a", "b")


@dataclasses.dataclass(frozen=True)
class Alternated:
    """The result of `alternate`.

    Attributes:
        net_a: NetA with the weights of its best round.
        net_b: NetB with the weights of its best round.
        centroids_a: Centroids that NetA was trained towards in that round, computed from NetB:
            `centroid_classifier(net_a, centroids_a)` predicts.
        centroids_b: Centroids that NetB was trained towards in that round, computed from NetA.
        history: List of dicts, one for each network and round, with `round` (0 is before the
            training), `net`, `task_accuracy` and `representation_accuracy` on the validation
            data, `accuracy` (the one of the two that selects the best round), and `purity` of
            the centroids.
    """

    net_a: keras.Model
    net_b: keras.Model
    centroids_a: Centroids
    centroids_b: Centroids
    history: list


def alternate(
    net_a,
    net_b,
    data_a,
    data_b,
    validation_a,
    validation_b,
    lam,
    rounds=10,
    epochs_per_round=1,
    patience=2,
    normalization="linear",
    scale=1.0,
    learning_rate=1e-3,
    method="kmeans",
    names=EXPRESSIONS,
    seed=0,
    out_dir=None,
    verbose=0,
):
    """Trains two networks in turn, each towards the centroids of the other.

    In each round NetA is trained towards the centroids of NetB, computed on NetB's data. Then
    NetB is trained towards those of the new NetA. The training ends after `rounds` rounds, or
    when neither network has reached a new best validation accuracy for `patience` rounds. If
    `lam` is 0, the output layer is not trained and the accuracy of the nearest centroid is used;
    otherwise that of the task's outputs. The networks before the first round count as round 0.

    The paper announces this form without details. Turns of complete epochs, a new Adam optimizer
    in each turn, and the stopping rule are our choices.

    Args:
        net_a: Model for `compile_adapted`, already trained on its own data. It changes.
        net_b: Model for `compile_adapted`, already trained on its own data. It changes.
        data_a: `tf.data.Dataset` of `(inputs, class numbers, weights)`, as `windows.dataset`
            yields them; training data of NetA. Or a function of the number of an epoch, from 0 on,
            that returns those of that epoch: a call that resumes then repeats their order, too.
        data_b: Training data of NetB, in the same form.
        validation_a: Validation data of NetA, in the same form.
        validation_b: Validation data of NetB, in the same form.
        lam: λ in [0, 1], see `compile_adapted`.
        rounds: Maximum number of rounds.
        epochs_per_round: Epochs of each network in each round.
        patience: Number of rounds without a better accuracy after which the training ends.
        normalization: See `compile_adapted`.
        scale: See `compile_adapted`.
        learning_rate: See `compile_adapted`.
        method: Method of `Centroids.fit`.
        names: Names of the classes.
        seed: Seed of the clustering and of dropout.
        out_dir: Folder that stores every finished round. A call with the same arguments resumes
            after the last one. It equals an uninterrupted call if shuffled training data are
            functions of the epoch. Default: a temporary folder.
        verbose: Verbosity of `keras.Model.fit`.

    Returns:
        `Alternated`.

    Raises:
        FileExistsError: If `out_dir` holds other files.
        OSError: If another process runs in `out_dir`.
        ValueError: If an argument is out of its range, or if `out_dir` holds a run with other
            settings.

    References: paper A §V ("block component form").
    """
    rounds = _checks.positive_integer("rounds", rounds)
    patience = _checks.positive_integer("patience", patience)
    nets = {"a": net_a, "b": net_b}
    settings = {
        "lam": lam,
        "epochs_per_round": _checks.positive_integer("epochs_per_round", epochs_per_round),
        "normalization": normalization,
        "scale": scale,
        "learning_rate": learning_rate,
        "method": method,
        "names": list(names),
        "seed": seed,
        "parameters": [net.count_params() for net in nets.values()],
    }
    data = {"a": (_by_epoch(data_a), validation_a), "b": (_by_epoch(data_b), validation_b)}
    with _folder(out_dir, settings) as (folder, check):
        history, finished = _resume(folder, nets)
        for number in range(finished + 1, rounds + 1):
            if number > 0 and _is_exhausted(history, patience):
                break
            check()
            with _files.atomic_folder(_round_folder(folder, number)) as new_folder:
                for net in NETS:
                    history.append(_turn(net, nets, data, number, settings, new_folder, verbose))
                    check()
                _files.write_json(new_folder / "history.json", history)
            _remove_useless_rounds(folder, history)
        _remove_useless_rounds(folder, history)  # which a run that was killed meanwhile left
        best = {net: _round_folder(folder, _best_round(history, net)) for net in NETS}
        _load(nets, best)
        centroids = [Centroids.load(best[net] / f"centroids_{net}.npz") for net in NETS]
    return Alternated(*nets.values(), *centroids, history)


def _turn(net, nets, data, number, settings, folder, verbose):
    """Trains one network towards the centroids of the other, and returns its row of the history.

    In round 0 the network is only evaluated.
    """
    other = "b" if net == "a" else "a"
    first = max(number - 1, 0) * settings["epochs_per_round"]
    x, labels = representations(nets[other], data[other][0](first))
    centroids = Centroids.fit(
        x,
        labels,
        settings["seed"],
        settings["names"],
        settings["method"],
        source=f"net {other} for round {number} of net {net}",
    )
    model, task, classes = nets[net], task_of(nets[net]), len(centroids)
    options = {name: settings[name] for name in ("normalization", "learning_rate", "scale")}
    compile_adapted(model, centroids, settings["lam"], **options)
    training_data, validation_data = data[net]
    if number > 0:
        for epoch in range(first, first + settings["epochs_per_round"]):
            batches = targets(training_data(epoch), classes, task)
            _fit(model, batches, epoch, settings["seed"], verbose)
    logs = model.evaluate(targets(validation_data, classes, task), verbose=0, return_dict=True)
    centroids.save(folder / f"centroids_{net}.npz")
    path, uncompiled = folder / f"net_{net}.weights.h5", _uncompiled(model)
    with _files.writing(path, _files.stored_size(uncompiled.variables), path):
        uncompiled.save_weights(path)
    accuracies = float(logs[f"{task}_accuracy"]), float(logs["representation_accuracy"])
    return {
        "round": number,
        "net": net,
        "task_accuracy": accuracies[0],
        "representation_accuracy": accuracies[1],
        "accuracy": accuracies[1 if settings["lam"] == 0 else 0],
        "purity": centroids.purity,
    }


def _by_epoch(data):
    """Returns the function of an epoch that gives its batches."""
    return data if callable(data) else lambda epoch: data


def _fit(model, batches, epoch, seed, verbose):
    """Trains a network for one epoch."""
    with training.gradients_released():
        model.fit(
            batches,
            initial_epoch=epoch,
            epochs=epoch + 1,
            shuffle=False,
            callbacks=[training.SeedEpochs(seed)],
            verbose=verbose,
        )


@contextlib.contextmanager
def _folder(out_dir, settings):
    """Yields the locked folder of the run, or a temporary one if `out_dir` is `None`.

    The second value is a function that raises `OSError` if the folder is gone.
    """
    if out_dir is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary), lambda: None
        return
    required = ("epochs_per_round", "lam")
    _runs.check_folder(out_dir, settings, required=required)  # one that is refused gets no lock
    folder = _checks.writable_folder("out_dir", out_dir)
    with _runs.Lock(folder) as lock:
        _runs.start_folder(folder, settings, required=required)
        yield folder, lock.check


def _round_folder(folder, number):
    return folder / f"round-{number:04d}"


def _resume(folder, nets):
    """Loads the networks of the last finished round.

    Returns:
        `(history, number)` of that round; `([], -1)` if there is none.
    """
    finished = sorted(folder.glob("round-????"))
    if not finished:
        return [], -1
    last = finished[-1]
    _load(nets, dict.fromkeys(NETS, last))
    return json.loads((last / "history.json").read_text()), int(last.name[-4:])


def _load(nets, folders):
    for net in NETS:
        _uncompiled(nets[net]).load_weights(folders[net] / f"net_{net}.weights.h5")


def _uncompiled(model):
    """Returns a model of the same layers without the optimizer, whose state is not stored."""
    return keras.Model(model.input, model.output)


def _best_round(history, net):
    """Returns the first round with the best accuracy of a network."""
    rows = [row for row in history if row["net"] == net]
    return max(rows, key=lambda row: row["accuracy"])["round"]


def _is_exhausted(history, patience):
    best = max(_best_round(history, net) for net in NETS)
    return history[-1]["round"] - best >= patience


def _remove_useless_rounds(folder, history):
    """Removes the rounds that are neither the last one nor the best one of a network."""
    needed = {history[-1]["round"], *(_best_round(history, net) for net in NETS)}
    for path in folder.glob("round-????"):
        if int(path.name[-4:]) not in needed:
            shutil.rmtree(path)
