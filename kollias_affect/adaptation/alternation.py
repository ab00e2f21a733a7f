"""Paper A's block form: two networks that adapt to each other's centroids in turn."""

import contextlib
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path

import keras

from kollias_affect import _checks, _files, training
from kollias_affect.adaptation.adapted import compile_adapted, task_of
from kollias_affect.adaptation.centroids import Centroids
from kollias_affect.adaptation.data import representations, targets
from kollias_affect.tasks import EXPRESSIONS

NETS = ("a", "b")


@dataclasses.dataclass(frozen=True)
class Alternated:
    """What `alternate` returns.

    Attributes:
        net_a, net_b: the given networks, with the weights of their best rounds.
        centroids_a, centroids_b: those that `net_a`, `net_b` were trained towards, so that
            `centroid_classifier(net_a, centroids_a)` predicts. (`centroids_a` are of NetB.)
        history: list of dicts, one per network and round: `round` (0 is before), `net`,
            `task_accuracy`, `representation_accuracy` (both on the validation data),
            `accuracy` (the one that decides) and `purity` of the centroids.
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
    normalization="softmax",
    scale=1.0,
    learning_rate=1e-3,
    method="kmeans",
    names=EXPRESSIONS,
    seed=0,
    out_dir=None,
    verbose=0,
):
    """Trains two networks in turn, each towards the centroids of the other.

    In every round NetA is trained towards the centroids of NetB on NetB's data, then NetB
    towards those of the new NetA. It ends after `rounds` rounds, or when for `patience` rounds
    the validation accuracy of neither network was better than ever. The accuracy is that of the
    nearest centroid if `lam` is 0 (the output layer is not trained then), else that of the
    task's outputs. The networks before the first round compete too.

    The paper announces this form without details: turns of whole epochs, Adam started anew in
    every turn, and the rule to stop are our choice.

    Args:
        net_a, net_b: models for `compile_adapted`, both trained on their own data already; they
            change.
        data_a, data_b: `tf.data.Dataset` of `(inputs, class numbers, weights)`, as
            `windows.dataset` yields them.
        validation_a, validation_b: the like.
        lam, normalization, scale, learning_rate: see `compile_adapted`.
        rounds: at most so many.
        epochs_per_round: of each network in each round.
        patience: rounds without a better accuracy.
        method, names: of `Centroids.fit`.
        seed: of the clustering and of dropout.
        out_dir: folder in which every finished round is kept: a call with the same arguments
            goes on after the last one. (Shuffled datasets do not repeat their order then.)
        verbose: of `keras.Model.fit`.

    Returns:
        `Alternated`.

    Raises:
        ValueError: if an argument is out of its range, or `out_dir` holds another run.
        FileExistsError: if `out_dir` holds something else.

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
    data = {"a": (data_a, validation_a), "b": (data_b, validation_b)}
    with _folder(out_dir, settings) as folder:
        history, done = _go_on(folder, nets)
        for number in range(done + 1, rounds + 1):
            if number > 0 and _exhausted(history, patience):
                break
            with _files.atomic_folder(_round(folder, number)) as kept:
                for net in NETS:
                    history.append(_turn(net, nets, data, number, settings, kept, verbose))
                _files.write_json(kept / "history.json", history)
            _forget_useless_rounds(folder, history)
        best = {net: _round(folder, _best_round(history, net)) for net in NETS}
        _load(nets, best)
        centroids = [Centroids.load(best[net] / f"centroids_{net}.npz") for net in NETS]
    return Alternated(*nets.values(), *centroids, history)


def _turn(net, nets, data, number, settings, kept, verbose):
    """Trains one network towards the centroids of the other (not in round 0); its row."""
    other = "b" if net == "a" else "a"
    x, labels = representations(nets[other], data[other][0])
    centroids = Centroids.fit(
        x,
        labels,
        settings["seed"],
        settings["names"],
        settings["method"],
        source=f"net {other} for round {number} of net {net}",
    )
    model, task, classes = nets[net], task_of(nets[net]), len(centroids)
    how = {name: settings[name] for name in ("normalization", "learning_rate", "scale")}
    compile_adapted(model, centroids, settings["lam"], **how)
    training_data, validation_data = (targets(each, classes, task) for each in data[net])
    if number > 0:
        epochs = settings["epochs_per_round"]
        model.fit(
            training_data,
            initial_epoch=(number - 1) * epochs,
            epochs=number * epochs,
            shuffle=False,
            callbacks=[training.SeedEpochs(settings["seed"])],
            verbose=verbose,
        )
    logs = model.evaluate(validation_data, verbose=0, return_dict=True)
    centroids.save(kept / f"centroids_{net}.npz")
    _bare(model).save_weights(kept / f"net_{net}.weights.h5")
    accuracies = float(logs[f"{task}_accuracy"]), float(logs["representation_accuracy"])
    return {
        "round": number,
        "net": net,
        "task_accuracy": accuracies[0],
        "representation_accuracy": accuracies[1],
        "accuracy": accuracies[1 if settings["lam"] == 0 else 0],
        "purity": centroids.purity,
    }


@contextlib.contextmanager
def _folder(out_dir, settings):
    """The folder of the run, of these settings; one that goes away if none is given."""
    if out_dir is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    folder = _checks.writable_folder("out_dir", out_dir)
    path = folder / "settings.json"
    settings = json.loads(json.dumps(settings))
    if path.exists():
        before = json.loads(path.read_text())
        changed = sorted(n for n in {*before, *settings} if before.get(n) != settings.get(n))
        if changed:
            raise ValueError(
                f"A folder holds one run. {path} was made with another {', '.join(changed)}. "
                "Repeat the arguments to go on with that run, or choose another folder."
            )
    elif any(folder.iterdir()):
        raise FileExistsError(
            f"A run needs a folder of its own. {folder} holds files that `alternate` did not "
            "write. Choose another folder."
        )
    _files.write_json(path, settings)
    yield folder


def _round(folder, number):
    return folder / f"round-{number:04d}"


def _go_on(folder, nets):
    """History and number of the last finished round, -1 if there is none; loads its networks."""
    finished = sorted(folder.glob("round-????"))
    if not finished:
        return [], -1
    last = finished[-1]
    _load(nets, dict.fromkeys(NETS, last))
    return json.loads((last / "history.json").read_text()), int(last.name[-4:])


def _load(nets, folders):
    for net in NETS:
        _bare(nets[net]).load_weights(folders[net] / f"net_{net}.weights.h5")


def _bare(model):
    """The same layers without an optimizer, whose state need not be kept."""
    return keras.Model(model.input, model.output)


def _best_round(history, net):
    """The first round with the best accuracy of a network."""
    rows = [row for row in history if row["net"] == net]
    return max(rows, key=lambda row: row["accuracy"])["round"]


def _exhausted(history, patience):
    best = max(_best_round(history, net) for net in NETS)
    return history[-1]["round"] - best >= patience


def _forget_useless_rounds(folder, history):
    """Removes the rounds that are neither the last nor a network's best."""
    needed = {history[-1]["round"], *(_best_round(history, net) for net in NETS)}
    for path in folder.glob("round-????"):
        if int(path.name[-4:]) not in needed:
            shutil.rmtree(path)
