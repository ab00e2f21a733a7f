"""Paper A on three collections of faces: what the centroids of another dataset do, and when.

    python examples/adapt_faces.py fer2013.tar facial_expressions.tar ck48.h5 run

First a narrow VGG-Face is trained on FER-2013's training part; its convolutions are then the
fixed backbone of all networks. For each pair of datasets A -> B, `run/<pair>/report.md` holds
paper A's tables and figures, and `run/study.md` compares variants of the method for the least
and the largest lambda. A killed run goes on by the same command.
"""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import pandas as pd

from kollias_affect import datasets, evaluation, faces
from kollias_affect.datasets import sampling
from kollias_affect.experiments.paper_a import experiment, report
from kollias_affect.experiments.paper_a.backbone import fixed_backbone

SIZE = 48  # pixels of all faces
PAIRS = (
    ("fer2013", "facial_expressions"),
    ("facial_expressions", "fer2013"),
    ("fer2013", "ck48"),
    ("facial_expressions", "ck48"),
)
# What differs from the settings of the tables, one thing at a time. Those that train other
# networks for λ = 0 and λ = 1 do it with one seed.
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fer2013", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("expressions", help="images and a csv image,emotion: archive or folder")
    parser.add_argument("ck48", help="CK+ as an h5 file")
    parser.add_argument("out", type=Path, help="folder of the run")
    parser.add_argument("--width", type=float, default=0.25, help="of the backbone")
    parser.add_argument("--epochs", type=int, default=12, help="of the backbone")
    parser.add_argument("--batch-size", type=int, default=128, help="of the backbone's training")
    parser.add_argument("--steps", type=int, default=600, help="of every other network")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lambdas", type=float, nargs="*", default=experiment.LAMBDAS)
    parser.add_argument("--variants", type=int, default=len(VARIANTS), help="only the first ones")
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="only the first ones")
    arguments = parser.parse_args()
    backbone = trained_backbone(arguments)
    parts = halves(arguments, backbone.input_shape[1])
    settings = experiment.Settings(
        lambdas=tuple(arguments.lambdas), seeds=arguments.seeds, steps=arguments.steps
    )
    rows = []
    for a, b in PAIRS[: arguments.pairs]:
        clips = {**named("a", parts[a]), **named("b", parts[b])}
        name = f"{a}_to_{b}"
        run = experiment.Experiment(clips, backbone, arguments.out / name, settings)
        run.run(lambda line, name=name: print(f"{name}: {line}", flush=True))
        table = report.write_report(run)["table2_accuracy"]
        print(table.to_string(index=False, float_format="%.3f"), flush=True)
        for variant, changes in list(VARIANTS.items())[: arguments.variants]:
            rows += studied(name, variant, changes, clips, backbone, run)
    study = pd.DataFrame(rows)
    evaluation.write_table(study, arguments.out / "study", index=False)
    print(study.to_string(index=False, float_format="%.3f"))


def trained_backbone(arguments):
    """The convolutions of a network that `train_fer2013.py` trains."""
    out = arguments.out / "backbone"
    script = Path(__file__).with_name("train_fer2013.py")
    command = [sys.executable, script, arguments.fer2013, out]
    command += ["--width", arguments.width, "--size", SIZE]
    command += ["--epochs", arguments.epochs, "--batch-size", arguments.batch_size]
    if not (arguments.out / "backbone.keras").exists():
        subprocess.run(list(map(str, command)), check=True)
        # In single precision: it was trained in mixed.
        sys.path.insert(0, str(script.parent))
        import train_fer2013

        model = train_fer2013.network(arguments.width, SIZE)
        trained = keras.saving.load_model(out / "best.keras", compile=False)
        model.set_weights(trained.get_weights())
        fixed_backbone(model).save(arguments.out / "backbone.keras")
    return keras.saving.load_model(arguments.out / "backbone.keras")


def halves(arguments, size):
    """Training and test clips of the three datasets; faces are cut out where pictures are whole."""
    whole = datasets.load("images_csv", arguments.expressions)
    cropped = faces.paper_d_crops(whole, arguments.out / "crops", size)
    print(f"facial_expressions: {cropped.report}", flush=True)
    return {
        "fer2013": [
            datasets.load("fer2013", arguments.fer2013, split) for split in ("train", "validation")
        ],
        "facial_expressions": sampling.stratified_split([c for c in cropped if c.valid.any()]),
        "ck48": sampling.stratified_split(datasets.load("ck48", arguments.ck48)),
    }


def named(letter, parts):
    """The two parts of a dataset under the names that an experiment wants."""
    return {f"{letter}_train": parts[0], f"{letter}_test": parts[1]}


def studied(pair, variant, changes, clips, backbone, base):
    """Rows of the study: A and B for λ = 1, by the outputs, and for the other λ of a variant.

    There, A is predicted by the outputs (by the centroids where λ = 0 trains no outputs), and B by
    the centroids, which are its own.
    """
    changes = dict(changes)
    if "steps" in changes:
        changes["steps"] = max(1, round(base.settings.steps * changes["steps"]))
    run = base
    if changes:
        if "lambdas" not in changes:
            changes = {"lambdas": (0.0, 1.0), "seeds": 1, **changes}
        out = base.out_dir.parent / "study" / pair / variant.replace("/", "by").replace(" ", "_")
        run = experiment.Experiment(clips, backbone, out, replace(base.settings, **changes))
        run.run(lambda line: print(f"{pair}, {variant}: {line}", flush=True))
    table = report.accuracies(run).set_index("lambda")
    most, rows = table.loc["1"], []
    for lam in table.index[:-1] if variant == "small lambdas" else ["0"]:
        row = table.loc[lam]
        a_then = row["A by centroids" if lam == "0" else "A by outputs"]
        rows.append(
            {
                "pair": pair.replace("_to_", " → "),
                "variant": variant,
                "λ": lam,
                "A, λ = 1": most["A by outputs"],
                "A": a_then,
                "change on A": a_then - most["A by outputs"],
                "B, λ = 1": most["B by outputs"],
                "B": row["B by centroids"],
                "change on B": row["B by centroids"] - most["B by outputs"],
                "purity": run.centroids().purity,
                "seeds": run.settings.seeds,
            }
        )
    return rows


if __name__ == "__main__":
    main()
