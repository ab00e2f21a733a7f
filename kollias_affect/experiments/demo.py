"""The whole way on synthetic clips, in minutes: what `kollias-affect demo` runs."""

import time
from pathlib import Path

import keras

from kollias_affect import _files, datasets, evaluation, faces, models, training
from kollias_affect.datasets import synthetic


def run(out_dir, say=print, epochs=10, seed=0, subjects=8, clips_per_subject=2, frames=100):
    """Makes synthetic clips, extracts, trains a narrow AffWildNet, and evaluates it.

    Leaves in `out_dir`: `clips/` (videos, annotations, crops), `run/` (`best.keras`, `log.csv`,
    `tensorboard/`), `scores.csv` (on subjects that were not trained on) and `demo.png`. Run
    again, it goes on with what is there.

    Args:
        out_dir: folder of the outputs.
        say: called with each line of the report.
        epochs: of the training.
        seed: of the clips and of the training.
        subjects, clips_per_subject, frames: how much, see `datasets.synthetic`.

    Returns:
        `pandas.DataFrame` of `evaluation.scores` on the validation clips.
    """
    out_dir = Path(out_dir)
    clips = out_dir / "clips"
    settings = {
        "subjects": subjects,
        "clips_per_subject": clips_per_subject,
        "frames": frames,
        "seed": seed,
    }
    begin = time.perf_counter()
    say("1. Making synthetic clips: a photograph moved by known valence and arousal.")
    videos = synthetic.make(clips, **settings)
    say(f"2. Finding, aligning and cropping the face in {len(videos)} videos.")
    _, errors = faces.extract_many(videos, clips / "crops")
    for error in errors.values():
        raise error
    synthetic.label(clips)
    train_clips = datasets.load("synthetic", clips, "train", **settings)
    validation_clips = datasets.load("synthetic", clips, "validation", **settings)
    say(
        f"3. Training a narrow AffWildNet on {_count(train_clips)}, validating on "
        f"{_count(validation_clips)} of other subjects."
    )
    keras.utils.set_random_seed(seed)
    model = models.affwildnet(
        length=20, width=0.125, hidden_units=128, rnn_units=64, initializer=None,
        dropout=0.2, rnn_dropout=0.2,
    )  # fmt: skip
    model, _ = training.train(
        model, train_clips, validation_clips, out_dir / "run", epochs, learning_rate=1e-3,
        stride=10, cache=True, seed=seed,
    )  # fmt: skip
    predictions = evaluation.predict(model, validation_clips)
    table = evaluation.scores(validation_clips, predictions)
    with _files.atomic(out_dir / "scores.csv") as temporary:
        table.to_csv(temporary, float_format="%.4f", lineterminator="\n")
    evaluation.clip_picture(
        validation_clips[0],
        predictions[validation_clips[0].key],
        ("valence", "arousal"),
        out_dir / "demo.png",
        title=f"Synthetic clip {validation_clips[0].key}, a subject not trained on",
    )
    say("4. On the validation clips:")
    say(table.to_string(float_format="%.3f"))
    seconds = time.perf_counter() - begin
    say(f"Done in {seconds:.0f} s. The picture, the model and TensorBoard's logs are in {out_dir}:")
    say(f"    {out_dir / 'demo.png'}")
    say(f"    {out_dir / 'run' / 'best.keras'}")
    say(f"    tensorboard --logdir {out_dir / 'run' / 'tensorboard'}")
    return table


def _count(clips):
    return f"{len(clips)} clips ({sum(len(clip) for clip in clips)} frames)"
