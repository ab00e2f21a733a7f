"""The demo: every step from videos to a trained model and its pictures, on synthetic clips."""

import time
from pathlib import Path

import keras

from kollias_affect import _files, datasets, evaluation, faces, models, training
from kollias_affect._texts import count, printable
from kollias_affect.datasets import synthetic
from kollias_affect.tasks import DIMENSIONS


def run(out_dir, epochs=5, seed=0, subjects=8, clips_per_subject=2, frames=100, log=print):
    """Makes synthetic clips, extracts the faces, trains a narrow AffWildNet, and evaluates it.

    Leaves in `out_dir`: `clips/` (videos, annotations, crops), `run/` (`best.keras`, `log.csv`,
    `tensorboard/`), `scores.csv` (on subjects that were not trained on) and `demo.png`. A repeated
    call continues with the existing files.

    Args:
        out_dir: Folder of the outputs.
        epochs: Number of epochs of the training.
        seed: Seed of the clips and of the training.
        subjects, clips_per_subject, frames: Size of the dataset, see `datasets.synthetic`.
        log: Function that is called with each line of the report.

    Returns:
        `pandas.DataFrame` of `evaluation.scores` on the validation clips.
    """
    out_dir, start = Path(out_dir), time.perf_counter()
    settings = {
        "subjects": subjects,
        "clips_per_subject": clips_per_subject,
        "frames": frames,
        "seed": seed,
    }
    _make_clips(out_dir / "clips", settings, log)
    train_clips, validation_clips = (
        datasets.load("synthetic", out_dir / "clips", split, **settings)
        for split in ("train", "validation")
    )
    log(
        f"3. Training a narrow AffWildNet on {_count(train_clips)}, validating on "
        f"{_count(validation_clips)} of other subjects."
    )
    model = _train(train_clips, validation_clips, out_dir / "run", epochs, seed)
    table = _evaluate(model, validation_clips, out_dir)
    log("4. Scores on the validation clips:")
    log(table.to_string(float_format="%.3f"))
    seconds = time.perf_counter() - start
    log(f"Finished in {seconds:.0f} s. The picture, the model and TensorBoard's logs:")
    log(f"    {printable(out_dir / 'demo.png')}")
    log(f"    {printable(out_dir / 'run' / 'best.keras')}")
    log(f"    tensorboard --logdir {printable(out_dir / 'run' / 'tensorboard')}")
    return table


def _make_clips(folder, settings, log):
    log("1. Making synthetic clips: a photograph, moved by known valence and arousal.")
    videos = synthetic.make(folder, **settings)
    log(f"2. Finding, aligning and cropping the face in {count(len(videos), 'video')}.")
    _, errors = faces.extract_many(videos, folder / "crops")
    for error in errors.values():
        raise error
    synthetic.label(folder)


def _train(clips, validation_clips, out_dir, epochs, seed):
    keras.utils.set_random_seed(seed)
    model = models.affwildnet(
        length=10, width=0.0625, hidden_units=128, rnn_units=64, initializer=None,
        dropout=0.2, rnn_dropout=0.2,
    )  # fmt: skip
    model, _ = training.train(
        model, clips, validation_clips, out_dir, epochs, learning_rate=1e-3, batch_size=4,
        cache=True, seed=seed,
    )  # fmt: skip
    return model


def _evaluate(model, clips, out_dir):
    predictions = evaluation.predict(model, clips)
    table = evaluation.scores(clips, predictions)
    with _files.atomic(out_dir / "scores.csv") as temporary:
        table.to_csv(temporary, float_format="%.4f", lineterminator="\n")
    evaluation.clip_picture(
        clips[0],
        predictions[clips[0].key],
        DIMENSIONS,
        out_dir / "demo.png",
        title=f"Synthetic clip {clips[0].key}, a subject not trained on",
    )
    return table


def _count(clips):
    return f"{count(len(clips), 'clip')} ({count(sum(len(clip) for clip in clips), 'frame')})"
