"""Converts a run of `train_fer2013.py` to the weights that ship with the package.

    python examples/export_fer2013.py run/best.keras pretrained/expression_vgg_fer2013.keras \
        --data fer2013.tar

The network is rebuilt in float32 with its batch normalisation folded into the convolutions. Its
weights are rounded to float16, and the file is measured on PublicTest. The weights of several runs
can be averaged (Wortsman et al., 2022) if each run started at the weights of the previous one; a
file that this script wrote can be one of them. With `--size` the network sees more pixels than in
training, which can be better (Touvron et al., 2019). The script also writes `<name>.md`, the model
card; `<name>.log.csv`, the logs of the trainings; and `manifest.json` with the hash of the file.
All numbers in them are measured, none is typed by hand.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import scipy.optimize
from sklearn.metrics import confusion_matrix
from train_fer2013 import PIXELS, network, read, to_unit_range

import kollias_affect
from kollias_affect import EXPRESSIONS, _files, catalogue, models, transfer, weights
from kollias_affect.evaluation import tables

SPLIT = "PublicTest"
BINS = 15  # of confidence, for the calibration error
ABOUT = {
    "data": "FER-2013 (Goodfellow et al., 2013), Training",
    "licence": "for research, as FER-2013 is; not for decisions about people",
    "crop": models.CROPS["eyes"],
    "preprocessing": "RGB in [-1, 1]; the network itself makes it grey, with mean 0 and "
    "deviation 1. Faces of FER-2013 are fed as they are, others in the layout of the eyes.",
    "selection": f"those with the best accuracy on {SPLIT}, so scores on it are a little high",
    "precision": "float16 in the file, float32 in the model",
}


def main():
    """Reads the arguments, exports and measures."""
    arguments = parse_arguments()
    images, labels = read(arguments.data, SPLIT)
    new = ~contained(images, read(arguments.data, "Training")[0])
    networks, cards = zip(*map(models.load, arguments.trained), strict=True)
    images = to_unit_range(images)
    exact = mean_of([rebuilt(network, arguments.size) for network in networks])
    rounded = rebuilt(exact)
    rounded.set_weights([w.astype(np.float16).astype(np.float32) for w in exact.get_weights()])
    outputs, exact_outputs = predict(rounded, images), predict(exact, images)
    metadata = {
        "name": arguments.out.stem,
        **ABOUT,
        "epochs": [epoch for card in cards for epoch in card.get("epochs", [card.get("epoch")])],
        **measured(outputs, labels),
        "accuracy_mirrored": accuracy((outputs + predict(rounded, images[:, :, ::-1])) / 2, labels),
        "images_not_in_training": int(new.sum()),
        "accuracy_not_in_training": accuracy(outputs[new], labels[new]),
        "accuracy_before_rounding": accuracy(exact_outputs, labels),
        "largest_change_by_rounding": float(np.abs(outputs - exact_outputs).max()),
    }
    models.save(rounded, arguments.out, **metadata)
    weights.store_as_float16(arguments.out, arguments.out)
    loaded, _ = models.load(arguments.out)
    if not np.array_equal(predict(loaded, images), outputs):
        raise SystemExit(f"The predictions of {arguments.out} differ from the measured ones.")
    catalogue.write_manifest(arguments.out.parent)
    write_log(arguments)
    card = model_card(metadata, loaded, arguments.out, milliseconds_per_face(loaded, images))
    with _files.atomic(arguments.out.with_suffix(".md")) as temporary:
        temporary.write_text(card, encoding="utf-8")
    print(card)


def parse_arguments():
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=Path, nargs="+", help="best.keras of a run, or of several")
    parser.add_argument("out", type=Path, help="file to write, ending in .keras")
    parser.add_argument("--data", required=True, help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument(
        "--size", type=int, help="side of the network's input [default: as in training]"
    )
    parser.add_argument(
        "--logs",
        type=Path,
        nargs="+",
        help="logs of the trainings in their order [default: log.csv beside each best.keras]",
    )
    return parser.parse_args()


def write_log(arguments):
    """Writes the joined logs of the trainings beside the exported file."""
    log = joined(arguments.logs or [path.with_name("log.csv") for path in arguments.trained])
    with _files.atomic(arguments.out.with_name(f"{arguments.out.stem}.log.csv")) as temporary:
        log.to_csv(temporary, index=False)


def joined(logs):
    """Returns the rows of logs, with a column `training` that counts the trainings from 1."""
    rows, trainings = [], 0
    for path in logs:
        log = pd.read_csv(path)
        if "training" not in log:
            log.insert(0, "training", 1)
        log["training"] += trainings
        trainings = log["training"].max()
        rows.append(log)
    return pd.concat(rows)


def mean_of(networks):
    """Returns the first of some networks, with the mean of their weights."""
    weights = [network.get_weights() for network in networks]
    shapes = [[weight.shape for weight in values] for values in weights]
    if any(other != shapes[0] for other in shapes):
        raise SystemExit("A mean of weights needs networks of one architecture; these differ.")
    networks[0].set_weights([np.mean(values, axis=0) for values in zip(*weights, strict=True)])
    return networks[0]


def rebuilt(trained, size=None):
    """Returns a network in float32 whose convolutions contain the following normalisation.

    Its outputs are the same for every precision of the training, and it is a sixth faster.

    Args:
        trained: Network of `train_fer2013.py`.
        size: Side of the new network's input. Default: that of `trained`.
    """
    layers = {layer.name: layer for layer in transfer.freezing.leaves(trained)}
    size = size or (layers["sized"].height if "sized" in layers else PIXELS)
    keras.config.set_dtype_policy("float32")
    model = network(layers["conv1_1"].filters / 64, size, batch_normalization=False)
    for layer in transfer.freezing.leaves(model):
        if not layer.weights:  # `trained` may lack the layer "sized", which has none
            continue
        weights = layers[layer.name].get_weights()
        if normalization := layers.get(f"{layer.name}_bn"):
            gamma, beta, mean, variance = normalization.get_weights()
            scale = gamma / np.sqrt(variance + normalization.epsilon)
            weights = [weights[0] * scale, beta - mean * scale]
        layer.set_weights(weights)
    return model


def predict(model, images):
    """Returns probabilities `[n, 7]` for images `[n, 48, 48, 3]`."""
    return model.predict({"images": images}, batch_size=64, verbose=0)


def contained(images, others):
    """Returns which images `[n, h, w]` have an identical copy in `others`, boolean `[n]`."""
    known = {image.tobytes() for image in others}
    return np.array([image.tobytes() in known for image in images])


def accuracy(outputs, labels):
    """Computes the share of images whose most probable class is the label."""
    return float((outputs.argmax(axis=1) == labels).mean())


def measured(outputs, labels):
    """Computes the scores of single crops: accuracy, per class, confusion, calibration."""
    confusion = confusion_matrix(labels, outputs.argmax(axis=1), labels=range(len(EXPRESSIONS)))
    recall = confusion.diagonal() / confusion.sum(axis=1)
    precision = confusion.diagonal() / np.maximum(confusion.sum(axis=0), 1)
    temperature = fitted_temperature(outputs, labels)
    return {
        "split": SPLIT,
        "images": len(labels),
        "accuracy": accuracy(outputs, labels),
        "recall": dict(zip(EXPRESSIONS, recall.tolist(), strict=True)),
        "precision_per_class": dict(zip(EXPRESSIONS, precision.tolist(), strict=True)),
        "confusion": confusion.tolist(),
        "calibration_error": calibration_error(outputs, labels),
        "mean_confidence": float(outputs.max(axis=1).mean()),
        "temperature": temperature,
        "calibration_error_at_temperature": calibration_error(scaled(outputs, temperature), labels),
    }


def calibration_error(outputs, labels):
    """Computes the expected calibration error over `BINS` equal bins of confidence."""
    confidence, correct = outputs.max(axis=1), outputs.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    distances = [abs(confidence[bins == i].sum() - correct[bins == i].sum()) for i in range(BINS)]
    return float(sum(distances) / len(labels))


def scaled(outputs, temperature):
    """Returns the probabilities of logits that are divided by a temperature."""
    logits = np.log(np.maximum(outputs.astype(np.float64), 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fitted_temperature(outputs, labels):
    """Returns the temperature with the smallest cross entropy on these images."""

    def loss(temperature):
        probabilities = scaled(outputs, temperature)[np.arange(len(labels)), labels]
        return -np.log(probabilities).mean()

    return float(scipy.optimize.minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x)


def milliseconds_per_face(model, images, batch_size=64, batches=8):
    """Measures the time per face: the fastest of three passes over batches on this machine."""
    images = images[: batch_size * batches]
    predict(model, images)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        predict(model, images)
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / len(images)


def model_card(metadata, model, path, milliseconds):
    """Returns the model card as markdown."""
    classes = pd.DataFrame(
        {
            "recall": metadata["recall"],
            "precision": metadata["precision_per_class"],
            "images": dict(zip(EXPRESSIONS, np.sum(metadata["confusion"], axis=1), strict=True)),
        }
    )
    confusion = pd.DataFrame(metadata["confusion"], index=EXPRESSIONS, columns=EXPRESSIONS)
    megabytes = path.stat().st_size / 1e6
    rows = score_rows(metadata, milliseconds)
    return f"""# {metadata["name"]}

Seven expressions ({", ".join(EXPRESSIONS)}) from one face.

- **Network**: the topology of VGG-Face at part of its width, trained with batch
  normalisation, which is now part of the convolutions; {model.count_params():,} parameters,
  {megabytes:.1f} MB, {metadata["precision"]}.
- **Data**: {metadata["data"]}: faces of {PIXELS} x {PIXELS} grey pixels that a search
  engine found for words of emotions, labelled by people.
- **Training**: `examples/train_fer2013.py`, log `{path.stem}.log.csv`. {epochs_in_words(metadata)}
- **Licence**: {metadata["licence"]}.
- **Input**: `[batch, {PIXELS}, {PIXELS}, 3]`, {metadata["preprocessing"]}
- **Output**: seven probabilities in the order above.

Written by `examples/export_fer2013.py` of kollias_affect {kollias_affect.__version__}, which
measured the numbers below.

## Scores on {metadata["split"]} ({metadata["images"]:,} images)

| | |
|---|---|
{rows}

{tables.markdown(classes)}

Rows: labels; columns: predictions.

{tables.markdown(confusion)}

## Known weaknesses

{weaknesses(metadata)}
- The labels are noisy: people agree with them in 65 ± 5 % of the images (Goodfellow et al., 2013).
- It was trained on single images from the web of 2013, mostly of frontal faces, many of them posed.
  It was not measured on averted, occluded or very dark faces, on children, and on videos.
- Neutral faces, speech and single features (brows, wrinkles, beards) can look like an expression.
  Errors may differ between groups of people; FER-2013 does not record these.
- It describes what a face looks like to others, not what a person feels.
"""


def score_rows(metadata, milliseconds):
    """Returns the rows of the table of scores as markdown."""
    scores = {
        "accuracy, one crop": f"{metadata['accuracy']:.4f}",
        "accuracy, mean with the mirrored crop (not done by the model)": (
            f"{metadata['accuracy_mirrored']:.4f}"
        ),
        f"accuracy on the {metadata['images_not_in_training']:,} images without an identical copy "
        "in Training": f"{metadata['accuracy_not_in_training']:.4f}",
        "accuracy before rounding to float16": f"{metadata['accuracy_before_rounding']:.4f}",
        "largest change of a probability by rounding": (
            f"{metadata['largest_change_by_rounding']:.5f}"
        ),
        f"expected calibration error, {BINS} bins": f"{metadata['calibration_error']:.4f}",
        "mean of the highest probability": f"{metadata['mean_confidence']:.4f}",
        "temperature that fits these images best (not applied)": f"{metadata['temperature']:.3f}",
        "calibration error at that temperature": (
            f"{metadata['calibration_error_at_temperature']:.4f}"
        ),
        "milliseconds per face, batches of 64, on the exporting machine": f"{milliseconds:.2f}",
    }
    return "\n".join(f"| {name} | {value} |" for name, value in scores.items())


def epochs_in_words(metadata):
    """Returns the sentences on the epochs of the weights and on their selection.

    The mean may be weighted, because a file that is a mean itself counts as one file.
    """
    *others, last = map(str, metadata["epochs"])
    source = f"a mean of those of epochs {', '.join(others)} and" if others else "those of epoch"
    trainings = "trainings" if others else "training"
    return f"""Its weights
  are {source} {last} of the last {trainings}.
  Epochs and pixels are {metadata["selection"]}."""


def weaknesses(metadata):
    """Returns list items on the worst classes, the main confusions and the confidence."""
    recall = sorted(metadata["recall"].items(), key=lambda item: item[1])[:3]
    worst = ", ".join(f"{name} ({value:.2f})" for name, value in recall)
    confusion = np.array(metadata["confusion"], float)
    shares = confusion / confusion.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, 0)
    pairs = [np.unravel_index(i, shares.shape) for i in np.argsort(-shares, axis=None)[:4]]
    common = ", ".join(
        f"{EXPRESSIONS[i]} predicted as {EXPRESSIONS[j]} ({shares[i, j]:.0%})" for i, j in pairs
    )
    side = "above" if metadata["mean_confidence"] > metadata["accuracy"] else "below"
    return f"""- Lowest recall: {worst}.
- Most frequent confusions: {common}.
- The mean confidence is {side} the accuracy, see the calibration error."""


if __name__ == "__main__":
    main()
