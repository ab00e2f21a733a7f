"""Converts a run of `train_affect.py` to the weights with two tasks that ship with the package.

    python examples/export_affect.py run/best.keras pretrained/affect_vgg.keras fer2013.tar \
        ferplus_for_fer2013_tar.csv maps.json --photographs facial_expressions.tar

The exported network has the outputs `expression` and `valence_arousal`. Its expression is a mixture
of what people see and of FER-2013's labels, with the share `--labels` of the latter. On the faces
for validation, the temperature is fitted to the most frequent votes, and valence and arousal get
the mean and the deviation of their targets, because training by squared errors shrinks them. Both
are folded into the network. The weights are rounded to float16. The script then scores the file on
PublicTest and on the kept photographs, and writes the model card, the log and the manifest.
"""

import argparse
import json
from pathlib import Path

import cv2
import keras
import numpy as np
import pandas as pd
from affect_scores import fer2013_scores, photograph_scores
from export_fer2013 import fitted_temperature, joined, milliseconds_per_face
from train_affect import affect_targets, centre_crops, expression_targets, in_validation, read_votes

import kollias_affect
from kollias_affect import EXPRESSIONS, _files, catalogue, datasets, models, weights
from kollias_affect.evaluation import tables
from kollias_affect.prediction import predictor

LICENCE = "for research, as FER-2013 is; not for decisions about people"


def main(command_line=None):
    """Reads the arguments, exports and scores."""
    arguments = parse_arguments(command_line)
    cv2.setNumThreads(1)
    trained = models.load(arguments.trained)[0]
    crops, votes = validation_faces(arguments)
    outputs = trained.predict({"images": crops}, batch_size=256, verbose=0)
    settings = fitted_settings(outputs, votes, arguments)
    model = combined(trained, **settings)
    name = arguments.out.stem
    metadata = {
        "name": name,
        "crop": models.CROPS["fer2013"],
        "licence": LICENCE,
        "settings": {key: np.round(value, 5).tolist() for key, value in settings.items()},
    }
    models.save(model, arguments.out, **metadata)
    weights.store_as_float16(arguments.out, arguments.out)
    models.export(arguments.out, arguments.out.with_suffix(".onnx"), weights="float16")
    catalogue.write_manifest(arguments.out.parent)
    with _files.atomic(arguments.out.with_name(f"{name}.log.csv")) as temporary:
        joined([arguments.trained.with_name("log.csv")]).to_csv(temporary, index=False)
    card = model_card(arguments, metadata, crops)
    with _files.atomic(arguments.out.with_suffix(".md")) as temporary:
        temporary.write_text(card, encoding="utf-8")
    print(card)


def parse_arguments(command_line):
    """Returns the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=Path, help="best.keras of a run")
    parser.add_argument("out", type=Path, help="file to write, ending in .keras")
    parser.add_argument("data", help="FER-2013: a tar archive, a csv or a folder")
    parser.add_argument("votes", type=Path, help="FER+ by the file names of that archive, csv")
    parser.add_argument("maps", type=Path, help="JSON file of affect_votes.py")
    parser.add_argument("--photographs", type=Path, help="facial_expressions.tar")
    parser.add_argument("--labels", type=float, default=0.5, help="share of FER-2013's labels")
    parser.add_argument("--detector", default="blazeface_main")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(command_line)


def validation_faces(arguments):
    """Returns the crops of FER-2013's faces for validation, and their votes `[n, 10]`."""
    clips = datasets.load("fer2013", arguments.data, "Training")
    images = np.stack([cv2.imread(clip.paths[0], cv2.IMREAD_GRAYSCALE) for clip in clips])
    rows = in_validation([image.tobytes() for image in images], 0.1)
    names = [Path(clip.paths[0]).name for clip in clips]
    votes = read_votes(arguments.votes, [n for n, row in zip(names, rows, strict=True) if row])
    return centre_crops({"images": images[rows][..., None], "margin": 1.0}), votes


def fitted_settings(outputs, votes, arguments):
    """Fits what `combined` needs on the faces for validation.

    Args:
        outputs: Dict of the outputs of the trained network.
        votes: FER+'s votes `[n, 10]`.
        arguments: Arguments of the command line.

    Returns:
        Dict of the arguments of `combined`.
    """
    shares, weight = expression_targets(votes)
    known, seen = weight > 0, shares.argmax(axis=1)
    temperature = fitted_temperature(outputs["expression"][known], seen[known])
    targets, weight = affect_targets(votes, json.loads(arguments.maps.read_text()))
    values = outputs["valence_arousal"]
    mean, target_mean = (np.average(v, axis=0, weights=weight) for v in (values, targets))
    variance, target_variance = (
        np.average((v - m) ** 2, axis=0, weights=weight)
        for v, m in ((values, mean), (targets, target_mean))
    )
    gain = np.sqrt(target_variance / variance)
    return {
        "labels": arguments.labels,
        "temperature": temperature,
        "gain": gain,
        "offset": target_mean - gain * mean,
    }


def combined(trained, labels, temperature, gain, offset):
    """Returns the network that ships, in float32 with weights that float16 holds.

    Args:
        trained: Network of `train_affect.py`.
        labels: Share of the output `fer2013` in the expression.
        temperature: Divisor of the inputs of the softmax of the output `expression`.
        gain, offset: Float `[2]`, for valence and arousal; the results are clipped to [-1, 1].
    """
    hidden = trained.get_layer("fc1").output
    seen = copied_head(trained, "expression", hidden, temperature)
    labelled = copied_head(trained, "fer2013", hidden)
    values = copied_head(trained, "valence_arousal", hidden)
    joined_heads = keras.layers.Concatenate(name="heads")([seen, labelled])
    mixture = keras.layers.Dense(len(EXPRESSIONS), use_bias=False, name="expression")
    expression = mixture(joined_heads)
    identity = np.eye(len(EXPRESSIONS))
    mixture.set_weights([np.vstack([(1 - labels) * identity, labels * identity])])
    scale = keras.layers.Dense(2, name="scale")
    scaled_values = scale(values)
    scale.set_weights([np.diag(gain), np.asarray(offset)])
    outputs = {
        "expression": expression,
        "valence_arousal": keras.layers.Activation("hard_tanh", name="valence_arousal")(
            scaled_values
        ),
    }
    model = keras.Model(trained.input, outputs, name="affect")
    model.set_weights([w.astype(np.float16).astype(np.float32) for w in model.get_weights()])
    return model


def copied_head(trained, name, hidden, divisor=1.0):
    """Returns the output of a copy of an output layer, its weights divided by a number."""
    layer = trained.get_layer(name)
    dense = keras.layers.Dense(layer.units, layer.activation, name=f"{name}_alone")
    output = dense(hidden)
    dense.set_weights([weight / divisor for weight in layer.get_weights()])
    return output


def model_card(arguments, metadata, crops):
    """Scores the exported file and returns its model card as markdown."""
    loaded = predictor.load(arguments.out)
    table = fer2013_scores(loaded, arguments)
    if arguments.photographs:
        table = pd.concat([table, photograph_scores(loaded, arguments)])
    milliseconds = milliseconds_per_face(FirstOutput(loaded.network), crops)
    megabytes = arguments.out.stat().st_size / 1e6
    settings = metadata["settings"]
    return f"""# {metadata["name"]}

Seven expressions ({", ".join(EXPRESSIONS)}), and valence and arousal, from one face.

- **Network**: the topology of VGG-Face at part of its width; {loaded.network.count_params():,}
  parameters, {megabytes:.1f} MB, float16 in the file, float32 in the model.
- **Data**: FER-2013 (Goodfellow et al., 2013), Training, with the votes of FER+ (Barsoum et al.,
  2016); CK+ (Lucey et al., 2010); half of the persons of facial_expressions. Valence and arousal
  are what the votes for expressions mean by AffectNetC25's raters (`examples/affect_votes.py`).
- **Training**: `examples/train_affect.py`, log `{metadata["name"]}.log.csv`.
- **Licence**: {metadata["licence"]}.
- **Input**: `[batch, 48, 48, 3]`, RGB in [-1, 1], grey or colour; faces in the layout `fer2013`.
- **Output**: a dict: `expression`, seven probabilities in the order above, and `valence_arousal`,
  two numbers in [-1, 1].
- **Settings of the export**: share of FER-2013's labels in the expression {settings["labels"]},
  temperature {settings["temperature"]};
  gain {settings["gain"]} and offset {settings["offset"]} of valence and arousal.

Written by `examples/export_affect.py` of kollias_affect {kollias_affect.__version__}, which
measured the numbers below. {milliseconds:.2f} milliseconds per face in batches of 64 on the
exporting machine.

## Scores

Weights, epoch, temperature and share of the labels were chosen without these pictures. Two earlier
networks were scored on them; the width and the teacher of this one were set after that. Intervals:
95 %, resampled pictures, for photographs persons.

{tables.markdown(table.set_index("on"))}

## Known weaknesses

- Valence and arousal are derived from votes for expressions on still faces, without context; they
  were not rated on the pictures of the training, and not on videos.
- Fear and disgust are rare in the data. Photographs of the training and of the test come from the
  same collection: news and films, mostly of well-known people.
- The data do not record age, origin or health of the persons; errors may differ between groups.
- It describes what a face looks like to others, not what a person feels.
"""


class FirstOutput:
    """A network whose prediction is its first output, for `milliseconds_per_face`."""

    def __init__(self, network):
        self.network = network

    def predict(self, inputs, **options):
        """Returns the first output of the network."""
        return self.network.predict(inputs, **options)["expression"]


if __name__ == "__main__":
    main()
