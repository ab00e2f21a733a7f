"""Train, save and use an AffWildNet with nothing but `model.compile` and `model.fit`.

The clips are synthetic, so that this runs anywhere; replace the two `datasets.load` lines by a
database of yours. Usage: python train_on_synthetic_clips.py OUT [EPOCHS]
"""

import sys
from pathlib import Path

import keras

from kollias_affect import datasets, evaluation, losses, metrics, models, training, windows

out = Path(sys.argv[1])
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 10

# The videos are made and their faces extracted on the first call; later ones read what is there.
train_clips = datasets.load("synthetic", out / "clips", "train")
validation_clips = datasets.load("synthetic", out / "clips", "validation")

train = windows.dataset(train_clips, length=20, stride=10, batch_size=4, shuffle=True, cache=True)
validation = windows.dataset(validation_clips, length=20, batch_size=4, cache=True)

# A narrow network without the papers' wide initial weights, to be quick on a laptop. For real
# data: models.affwildnet(), windows of 80 frames, learning rate 1e-4.
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
    epochs=epochs,
    shuffle=False,  # the windows are shuffled already
    callbacks=training.callbacks(out / "run"),
)

best, card = models.load(out / "run" / "best.keras")
print(evaluation.scores(validation_clips, evaluation.predict(best, validation_clips)))
