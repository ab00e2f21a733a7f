"""The command `train`."""

import click

from kollias_affect import _checks, _cluster
from kollias_affect.cli import names
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo, echo_lines


class _Units(click.ParamType):
    """One whole number, or several separated by commas."""

    name = "integers"

    def convert(self, value, param, context):
        """Returns a tuple of `int`."""
        try:
            return tuple(int(number) for number in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a whole number, or several such as 4096,2048.")


class _Backbone(click.ParamType):
    """A name of a backbone, a preset of KerasHub, or a model file."""

    name = "name"

    def convert(self, value, param, context):
        """Returns the text."""
        if value.endswith(".keras"):
            shared.EXISTING.convert(value, param, context)
        elif not value.startswith("hub:"):
            _checks.one_of("--backbone", value, names.BACKBONES)
        return value


def _check(data, dataset, weights, **_):
    """Refuses at once files that do not exist."""
    shared.check_root(dataset, data)
    shared.check_weights([weights] if weights else [])


def _names(context, param, value):
    """Returns a tuple of the names in a text, or `None`."""
    return None if value is None else tuple(name.strip() for name in value.split(","))


def _loss_weights(context, param, value):
    """Returns a dict from task to number, or the text, which the training checks."""
    if value is None or "=" not in value:
        return value
    pairs = [pair.partition("=") for pair in value.split(",")]
    try:
        return {name.strip(): float(number) for name, _, number in pairs}
    except ValueError:
        raise click.BadParameter(f"{value!r} is not TASK=NUMBER, or several with commas.") from None


@click.command(cls=KerasCommand, check=_check)
@click.argument("data", type=shared.PATH)
@shared.out_option("Folder of the run; the same command resumes an interrupted one.")
@shared.dataset_options
@click.option("--validation", type=shared.EXISTING, help="Other data to validate on.")
@click.option("--validation-split", help="Part to validate on.")
@click.option(
    "--validation-share",
    type=shared.real(0, 1, min_open=True),
    help="Share of the people who validate.  [default: the official part, or 0.2 of the people]",
)
@click.option(
    "--balance",
    type=shared.one_of("none", "paper", "all"),
    default="none",
    show_default=True,
    help="Duplicate runs of training frames until the quadrants of valence and arousal have paper "
    "C's shares: none, paper (only the quadrants that the paper names) or all.",
)
@click.option(
    "--task", help="valence_arousal, valence, arousal, expression, expression_8 or action_units; "
    "or several of these with commas, of which clips may lack labels.  [default: --model's, or "
    "valence_arousal]",
)  # fmt: skip
@click.option(
    "--settings",
    type=shared.registry("kollias_affect.presets", "PRESETS"),
    help="Preset with the defaults of dropout, rates, batch and initial weights: C, B, B-keep or "
    "C-baseline.  [default: C, but B for multi_rnn]",
)
@click.option(
    "--model",
    type=shared.MODEL,
    help="Train this model further: a file, or a name of `weights list`.",
)
@click.option(
    "--network",
    type=shared.one_of(*names.NETWORKS),
    help="affwildnet, cnn, cnn_rnn, multi_rnn or temporal.  [default: affwildnet]",
)
@click.option(
    "--backbone",
    type=_Backbone(),
    help="vgg_face, vgg16, resnet50, densenet121, cnn_m or alexnet; hub:PRESET of KerasHub (extra "
    "hub); or a .keras file of a model of images.  [default: vgg_face]",
)
@click.option(
    "--weights", metavar="NAME=FILE", help="Published weights of the backbone, by its name."
)
@click.option(
    "--width", type=shared.POSITIVE, help="Factor on the numbers of channels.  [default: 1]"
)
@click.option("--size", type=shared.AT_LEAST_1, help="Side of the images in pixels.  [default: 96]")
@click.option(
    "--hidden-units", type=_Units(), help="Units of the fully connected layers.  [default: papers']"
)
@click.option(
    "--landmarks/--no-landmarks", default=None, help="[default: landmarks, but none for temporal]"
)
@click.option(
    "--landmark-units",
    type=shared.AT_LEAST_1,
    help="Units of a layer that encodes the landmarks.  [none]",
)
@click.option(
    "--rnn",
    type=shared.one_of(*names.RNNS),
    help="gru, lstm, peephole_lstm, blstm or bgru.  [default: gru]",
)
@click.option("--rnn-units", type=shared.AT_LEAST_1, help="[default: 128]")
@click.option("--rnn-layers", type=shared.AT_LEAST_1, help="[default: 2]")
@click.option("--fed-by", help="Layer that feeds the RNN of a cnn_rnn: fc1 or fc2.  [default: fc1]")
@click.option(
    "--taps",
    callback=_names,
    help="Layers of the CNN that feed the RNNs of a multi_rnn.  [default: pool2,pool5,fc1]",
)
@click.option(
    "--mode",
    help="Of a multi_rnn: 3rnn, 1rnn, 2rnn, 2-to-1rnn, 2rnn-1fc or 3rnn-1fc.  [default: 3rnn]",
)
@click.option(
    "--head",
    type=shared.one_of(*names.HEADS),
    help="Of a temporal network: tcn, transformer, gru, lstm or mlp.  [default: tcn]",
)
@click.option(
    "--head-units", type=shared.AT_LEAST_1, help="Units of a layer of the head.  [default: 128]"
)
@click.option(
    "--head-layers",
    type=shared.AT_LEAST_1,
    help="Layers or blocks of the head.  [default: 5 for tcn, otherwise 2]",
)
@click.option(
    "--context",
    type=shared.AT_LEAST_1,
    help="Frames that a layer of a transformer or the average of an mlp sees.  [default: 64, 16]",
)
@click.option(
    "--causal/--centred",
    default=None,
    help="Whether the head sees no later frame, and streams.  [default: causal]",
)
@click.option(
    "--head-dropout", type=shared.SHARE, help="Share of units dropped in the head.  [default: 0.2]"
)
@click.option(
    "--dropout", type=shared.SHARE, help="Share of units dropped after fully connected layers."
)
@click.option(
    "--rnn-dropout", type=shared.SHARE, help="Share of units dropped after the first RNN layer."
)
@click.option(
    "--initializer",
    type=shared.one_of(*names.INITIALIZERS),
    help="authors, papers or keras.  [default: authors]",
)
@click.option(
    "--length", type=shared.AT_LEAST_1, help="Frames per window.  [default: 80, but 1 for cnn]"
)
@click.option(
    "--precision",
    type=shared.one_of("float32", "mixed_bfloat16", "auto"),
    help="float32, mixed_bfloat16, or auto: the second where the machine supports it.  "
    "[default: auto]",
)
@click.option(
    "--frozen/--end-to-end",
    default=False,
    help="Keep the CNN fixed, or train it.  [default: end-to-end]",
)
@click.option(
    "--stride", type=shared.AT_LEAST_1, help="Frames from window to window.  [default: length]"
)
@click.option(
    "--batch-size", type=shared.AT_LEAST_1, help="Windows per batch.  [default: the settings']"
)
@click.option("--epochs", type=shared.AT_LEAST_1, default=20, show_default=True)
@click.option("--learning-rate", type=shared.POSITIVE, help="[default: the settings']")
@click.option(
    "--decay",
    nargs=2,
    type=(int, float),
    metavar="STEPS RATE",
    help="Multiply the learning rate by RATE every STEPS batches.",
)
@click.option(
    "--weight-decay",
    type=shared.real(min=0),
    help="L2 penalty of the kernels, such as 1e-4.  [default: none]",
)
@click.option(
    "--schedule",
    type=shared.one_of("cosine"),
    help="cosine: let the learning rate fall along half a cosine to 0 at the last epoch.  "
    "[default: constant]",
)
@click.option(
    "--warm-up",
    type=shared.real(min=0),
    metavar="EPOCHS",
    help="Epochs in which the learning rate of --schedule rises from 0.  [default: 0]",
)
@click.option(
    "--clip-norm",
    type=shared.POSITIVE,
    help="Scale the gradients of a batch down to this norm.  [default: none]",
)
@click.option(
    "--ema",
    type=shared.SHARE,
    metavar="MOMENTUM",
    help="Validate and save a moving average of the weights, such as 0.999.  [default: none]",
)
@click.option(
    "--patience",
    type=shared.AT_LEAST_1,
    metavar="EPOCHS",
    help="End after so many epochs without a better score.  [default: all epochs]",
)
@click.option(
    "--augment",
    metavar="standard|NAME=NUMBER,...",
    help="Change the training images at random, with their landmarks: standard, or some of flip, "
    "shift, zoom, rotation, colour, blur, occlusion, and per=window or per=frame.  [default: none]",
)
@click.option("--loss", help="ccc or mse.  [default: the settings']")
@click.option(
    "--level",
    type=shared.one_of("frame", "sequence"),
    help="CCC loss over frames or sequence means: frame or sequence.",
)
@click.option(
    "--choose-by",
    type=shared.one_of("frame", "sequence", "utterance"),
    help="Validation score that chooses the epoch: frame, sequence or utterance.  [default: frame]",
)
@click.option(
    "--loss-weights",
    callback=_loss_weights,
    metavar="TASK=NUMBER,...",
    help="Weights of the losses of several tasks, such as expression=1,valence_arousal=2; or "
    "uncertainty, to learn them.  [default: 1 each]",
)
@click.option(
    "--balance-tasks",
    is_flag=True,
    default=None,
    help="Give every task the same number of windows in an epoch.",
)
@click.option("--focal", type=float, help="Exponent of the focal loss of expressions, such as 2.")
@click.option(
    "--label-smoothing", type=float, help="Share of a label that is spread over all expressions."
)
@click.option(
    "--soft-labels",
    is_flag=True,
    default=None,
    help="Learn expressions from the shares of the raters where the database has them.",
)
@click.option(
    "--class-weights", help="Weights of expressions against their frequency: balanced or effective."
)
@click.option("--unit-weights", help="Weights of present action units: balanced.")
@click.option(
    "--matching",
    metavar="published|FILE",
    help="Draw action units to those of the predicted expressions: by a published table, or by a "
    "csv file with the columns expression,AU1,AU2,...",
)
@click.option(
    "--strategy",
    type=shared.one_of(*names.STRATEGIES),
    default="auto",
    show_default=True,
    help="Devices that share each batch: one; mirrored, all GPUs of this machine; multiworker, the "
    "machines that TF_CONFIG names; or auto.",
)
@click.option("--cache", is_flag=True, help="Keep the decoded frames in memory.")
@click.option(
    "--features",
    type=shared.PATH,
    metavar="DIR",
    help="With --frozen: folder in which the CNN's outputs of each frame are cached.",
)
@click.option(
    "--features-dtype",
    type=shared.one_of("float32", "float16", "bfloat16"),
    default="float32",
    show_default=True,
    help="Type of the cached outputs; the 16-bit types take half the disk.",
)
@click.option(
    "--features-limit",
    type=shared.SIZE,
    metavar="SIZE",
    help="Size of --features, such as 20GB, above which the files used longest ago are removed.",
)
@shared.cluster_option("the CNN of --features")
@shared.seed_option
def train(data, out, dataset, loader_options, cluster, **options):
    """Trains a network on the clips of DATA, and keeps the best epoch on validation clips.

    Without --split, the official training and validation parts of the database are used; a
    database without them is divided by person. --split all mixes the parts.

    \b
      kollias-affect train Aff-Wild --dataset affwild --out run
      kollias-affect train OMG --dataset omg --model run/best.keras --choose-by utterance --out omg
      kollias-affect train OMG --dataset omg --network multi_rnn --mode 3rnn --out multi
      kollias-affect train Aff-Wild --dataset affwild --network temporal --head transformer
        --weights vgg_face=vgg_face.mat --frozen --features cache --out heads
      kollias-affect train Aff-Wild2 --dataset affwild2 --option task=all
        --task valence_arousal,expression_8,action_units --out abaw
    """
    from kollias_affect.datasets import option_texts
    from kollias_affect.experiments import train_run

    parsed = option_texts.parse_options(dataset, loader_options)
    if cluster is not None and options["features"] is None:
        raise ValueError(
            f"--cluster computes the features of a frozen CNN. Received: --cluster {cluster} "
            "without --features. Add --frozen --features DIR, or leave it out."
        )
    with _cluster.executor(cluster) as executor:
        _, card = train_run.train(
            data, out, dataset, loader_options=parsed, log=echo_lines, executor=executor, **options
        )
    scores = ", ".join(f"{name} {card[name]:.3f}" for name in card if name.startswith("val_"))
    echo(f"Best epoch {card['epoch']}: {scores}. Model: {out / 'best.keras'}")
