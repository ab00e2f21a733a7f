"""Runs paper A's method on three collections of faces, and compares variants of it.

    python examples/adapt_faces.py fer2013.tar facial_expressions.tar ck48.h5 run

The script first trains a narrow VGG-Face on the training images of FER-2013. Its convolutions are
the fixed backbone of all further networks. For each pair of datasets A -> B, `run/<pair>/report.md`
holds paper A's tables and figures. `run/study.md` compares variants of the method for the smallest
and the largest lambda. `run/protocols.md` has the paper's protocol, which scores what it trains on,
beside the one that holds clips out. The same command resumes a killed run.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import keras
import pandas as pd
import train_fer2013

from kollias_affect import datasets, evaluation, faces
from kollias_affect.datasets import sampling
from kollias_affect.experiments.paper_a import experiment, report
from kollias_affect.experiments.paper_a.backbone import fixed_backbone

SIZE = 48  # side of all faces in pixels
PAIRS = (
    ("fer2013", "facial_expressions"),
    ("facial_expressions", "fer2013"),
    ("fer2013", "ck48"),
    ("facial_expressions", "ck48"),
)
# Differences from the settings of the tables, one at a time. Variants that train other networks
# for λ = 0 and λ = 1 use one seed.
VARIANTS = {
    "as in the tables": {},
    "small lambdas": {"lambdas": (0.03, 0.1, 1.0)},
    "softmax": {"normalization": "softmax"},
    "softmax of V / scale": {"normalization": "softmax", "scale": "centroids"},
    "class means": {"method": "class_means"},
    "balanced classes": {"balanced": True},
    "Keras' first weights": {"initializer": "keras"},
    "a third of the steps": {"steps": 1 / 3},
}


def main():
    """Reads the arguments, trains, and writes the reports."""
    arguments = parse_arguments()
    backbone = trained_backbone(arguments)
    parts = halves(arguments, backbone.input_shape[1])
    rows, compared = [], []
    for a, b in PAIRS[: arguments.pairs]:
        clips = {**named("a", parts[a]), **named("b", parts[b])}
        rows += run_pair(f"{a}_to_{b}", clips, backbone, arguments)
        compared += compare_protocols(f"{a}_to_{b}", clips, backbone, arguments)
    protocols = pd.DataFrame(compared)
    evaluation.write_table(protocols, arguments.out / "protocols", index=False)
    print(protocols.to_string(index=False, float_format="%.3f"))
    study = pd.DataFrame(rows)
    evaluation.write_table(study, arguments.out / "study", index=False)
    print(study.to_string(index=False, float_format="%.3f"))


def parse_arguments():
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("expressions", help="images and a csv image,emotion: archive or folder")
    parser.add_argument("ck48", help="CK+ as an h5 file")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("--width", type=float, default=0.25, help="width of the backbone")
    parser.add_argument("--epochs", type=int, default=12, help="epochs of the backbone")
    parser.add_argument("--batch-size", type=int, default=128, help="batch size of the backbone")
    parser.add_argument("--steps", type=int, default=600, help="steps of every other network")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--lambdas", type=float, nargs="*", default=experiment.LAMBDAS)
    parser.add_argument("--variants", type=int, default=len(VARIANTS), help="number of variants")
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="number of pairs")
    return parser.parse_args()


def run_pair(pair, clips, backbone, arguments):
    """Runs the experiment of a pair of datasets, and returns the rows of its study."""
    base = held_out(pair, clips, backbone, arguments)
    base.run(lambda line: print(f"{pair}: {line}", flush=True))
    table = report.write_report(base)["table2_accuracy"]
    print(table.to_string(index=False, float_format="%.3f"), flush=True)
    rows = []
    for variant, changes in list(VARIANTS.items())[: arguments.variants]:
        run = run_variant(pair, variant, dict(changes), clips, backbone, base)
        rows += study_rows(pair, variant, run)
    return rows


def held_out(pair, clips, backbone, arguments):
    """Returns the experiment of a pair whose test clips no network is trained on."""
    settings = experiment.Settings(
        lambdas=tuple(arguments.lambdas), seeds=arguments.seeds, steps=arguments.steps
    )
    return experiment.Experiment(clips, backbone, arguments.out / pair, settings)


def compare_protocols(pair, clips, backbone, arguments):
    """Runs a pair by the paper's protocol too, and returns the rows of both protocols."""
    base = held_out(pair, clips, backbone, arguments)
    whole = {}
    for letter in "ab":
        everything = [*clips[f"{letter}_train"], *clips[f"{letter}_test"]]
        whole |= {f"{letter}_train": everything, f"{letter}_test": everything}
    settings = replace(base.settings, protocol="paper", choose=None)
    paper = experiment.Experiment(whole, backbone, arguments.out / "paper" / pair, settings)
    paper.run(lambda line: print(f"{pair}, protocol of the paper: {line}", flush=True))
    report.write_report(paper)
    rows = []
    for protocol, run in (("held-out", base), ("paper", paper)):
        table = report.accuracies(run).set_index("lambda")
        row = {"pair": pair.replace("_to_", " → "), "protocol": protocol}
        for lam in run.settings.extreme_lambdas:
            by = report.predictor_of(lam)
            for part in "AB":
                row[f"{part}, λ = {lam:g}"] = table.loc[f"{lam:g}", f"{part} by {by}"]
        rows.append(row)
    return rows


def trained_backbone(arguments):
    """Returns the convolutions of a network that `train_fer2013.py` trains."""
    path = arguments.out / "backbone.keras"
    if not path.exists():
        out = arguments.out / "backbone"
        command = [arguments.fer2013, out, "--width", arguments.width, "--size", SIZE]
        command += ["--epochs", arguments.epochs, "--batch-size", arguments.batch_size]
        train_fer2013.main(list(map(str, command)))
        # The backbone is in single precision, even if the training was in mixed precision.
        keras.config.set_dtype_policy("float32")
        model = train_fer2013.network(arguments.width, SIZE)
        trained = keras.saving.load_model(out / "best.keras", compile=False)
        model.set_weights(trained.get_weights())
        fixed_backbone(model).save(path)
    return keras.saving.load_model(path)


def halves(arguments, size):
    """Returns training and test clips of the three datasets; faces of photographs are cropped."""
    photographs = datasets.load("images_csv", arguments.expressions)
    cropped = faces.paper_d_crops(photographs, arguments.out / "crops", size)
    print(f"facial_expressions: {cropped.report}", flush=True)
    return {
        "fer2013": [
            datasets.load("fer2013", arguments.fer2013, split) for split in ("train", "validation")
        ],
        "facial_expressions": sampling.stratified_split([c for c in cropped if c.valid.any()]),
        "ck48": sampling.stratified_split(datasets.load("ck48", arguments.ck48)),
    }


def named(letter, parts):
    """Returns the two parts of a dataset under the names of an experiment's arguments."""
    return {f"{letter}_train": parts[0], f"{letter}_test": parts[1]}


def run_variant(pair, variant, changes, clips, backbone, base):
    """Runs a variant of the experiment `base`, which is returned if nothing changes."""
    if not changes:
        return base
    if "steps" in changes:
        changes["steps"] = max(1, round(base.settings.steps * changes["steps"]))
    if "lambdas" not in changes:
        changes = {"lambdas": (0.0, 1.0), "seeds": 1, **changes}
    out = base.out_dir.parent / "study" / pair / variant.replace("/", "by").replace(" ", "_")
    run = experiment.Experiment(clips, backbone, out, replace(base.settings, **changes))
    run.run(lambda line: print(f"{pair}, {variant}: {line}", flush=True))
    return run


def study_rows(pair, variant, run):
    """Returns the rows of the study: accuracies on A and B for λ = 1 and for other λ.

    For λ = 1, both are predicted by the outputs. For the others, B is predicted by its centroids,
    and A by the outputs, or by the centroids for λ = 0, which trains no outputs.
    """
    table = report.accuracies(run).set_index("lambda")
    largest, rows = table.loc["1"], []
    for lam in table.index[:-1] if variant == "small lambdas" else ["0"]:
        row = table.loc[lam]
        accuracy_a = row["A by centroids" if lam == "0" else "A by outputs"]
        rows.append(
            {
                "pair": pair.replace("_to_", " → "),
                "variant": variant,
                "λ": lam,
                "A, λ = 1": largest["A by outputs"],
                "A": accuracy_a,
                "change on A": accuracy_a - largest["A by outputs"],
                "B, λ = 1": largest["B by outputs"],
                "B": row["B by centroids"],
                "change on B": row["B by centroids"] - largest["B by outputs"],
                "purity": run.centroids().purity,
                "seeds": run.settings.seeds,
            }
        )
    return rows


if __name__ == "__main__":
    main()
