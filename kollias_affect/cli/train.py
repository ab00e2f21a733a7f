"""The command `train`."""

import click

from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand


@click.command(cls=KerasCommand)
@click.argument("data", type=shared.PATH)
@shared.out_option("Folder of the run; the same command resumes an interrupted one.")
@shared.dataset_options
@click.option("--validation", type=shared.PATH, help="Validation data.  [default: people of DATA]")
@click.option("--validation-split", help="Split to validate on.")
@click.option(
    "--validation-share",
    default=0.2,
    show_default=True,
    help="Share of the people who validate, without the two options above.",
)
@click.option(
    "--task",
    default="valence_arousal",
    show_default=True,
    help="valence_arousal, valence, arousal or expression.",
)
@click.option("--backbone", default="vgg_face", show_default=True)
@click.option("--width", default=1.0, show_default=True, help="Factor on the numbers of channels.")
@click.option("--hidden-units", type=int, help="Units of the first fully connected layer.")
@click.option("--rnn", default="gru", show_default=True, help="gru or lstm.")
@click.option("--rnn-units", default=128, show_default=True)
@click.option("--rnn-layers", default=2, show_default=True)
@click.option(
    "--dropout",
    default=0.5,
    show_default=True,
    help="Share of units set to zero after the first fully connected layer.",
)
@click.option(
    "--rnn-dropout",
    default=0.8,
    show_default=True,
    help="Share of units set to zero after the first RNN layer.",
)
@click.option("--initializer", default="papers", show_default=True, help="papers or keras.")
@click.option("--landmarks/--no-landmarks", default=True, show_default=True)
@click.option(
    "--frozen/--end-to-end",
    default=False,
    help="Keep the backbone fixed, or train it.  [default: end-to-end]",
)
@click.option("--size", default=96, show_default=True, help="Side of the images in pixels.")
@click.option("--length", default=80, show_default=True, help="Frames per window.")
@click.option("--stride", type=int, help="Frames from window to window.  [default: length]")
@click.option("--batch-size", default=4, show_default=True, help="Windows per batch.")
@click.option("--epochs", default=20, show_default=True)
@click.option("--learning-rate", type=float, help="[default: 1e-3 frozen, 1e-4 end-to-end]")
@click.option(
    "--decay", nargs=2, type=(int, float), help="Multiply the rate every STEPS batches by RATE."
)
@click.option(
    "--level",
    default="frame",
    show_default=True,
    help="CCC loss over frames or sequence means: frame or sequence.",
)
@click.option("--cache", is_flag=True, help="Keep the decoded frames in memory.")
@click.option(
    "--features",
    type=shared.PATH,
    help="With --frozen: folder in which the CNN's outputs of each frame are cached.",
)
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    help="float32, mixed_bfloat16, or auto: the second where the machine supports it.",
)
@shared.seed_option
def train(
    data, out, dataset, split, loader_options, validation, validation_split, **options
):  # fmt: skip
    """Trains an AffWildNet on the clips of DATA."""
    from kollias_affect.experiments import affwildnet

    clips = shared.load_clips(dataset, data, split, loader_options)
    validation_clips = None
    if validation is not None or validation_split is not None:
        root = validation or data
        validation_clips = shared.load_clips(dataset, root, validation_split, loader_options)
    _, card = affwildnet.train(clips, validation_clips, out, **options)
    scores = ", ".join(f"{name} {card[name]:.3f}" for name in card if name.startswith("val_"))
    click.echo(f"Best epoch {card['epoch']}: {scores}. Model: {out / 'best.keras'}")
