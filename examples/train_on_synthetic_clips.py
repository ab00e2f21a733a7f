"""Trains, saves and uses an AffWildNet with `model.compile` and `model.fit`.

    python examples/train_on_synthetic_clips.py run

The clips are synthetic, so the script needs no database. For data of your own, replace the two
calls of `datasets.load`, and use `models.affwildnet()`, windows of 80 frames and a learning rate
of 1e-4.
"""

import argparse
from pathlib import Path

import keras

from kollias_affect import datasets, evaluation, losses, metrics, models, training, windows

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("out", type=Path, help="folder of the clips and of the run")
parser.add_argument("epochs", type=int, nargs="?", default=10, help="[default: 10]")
arguments = parser.parse_args()

# The first call makes the videos and extracts their faces. Later calls read them.
clips = arguments.out / "clips"
train_clips = datasets.load("synthetic", clips, "train")
validation_clips = datasets.load("synthetic", clips, "validation")

train = windows.dataset(train_clips, length=20, stride=10, batch_size=4, shuffle=True, cache=True)
validation = windows.dataset(validation_clips, length=20, batch_size=4, cache=True)

# A narrow network without the papers' wide initial weights trains quickly on a laptop.
keras.utils.set_random_seed(0)
model = models.affwildnet(
    length=20,
    width=0.125,
    hidden_units=128,
    rnn_units=64,
    dropout=0.2,
    rnn_dropout=0.2,
    initializer=None,
)
model.compile(keras.optimizers.Adam(1e-3), losses.CCCLoss(), weighted_metrics=[metrics.CCC()])
model.fit(
    train,
    validation_data=validation,
    epochs=arguments.epochs,
    shuffle=False,  # the windows are shuffled already
    callbacks=training.callbacks(arguments.out / "run"),
)

best, card = models.load(arguments.out / "run" / "best.keras")
print(evaluation.scores(validation_clips, evaluation.predict(best, validation_clips)))
