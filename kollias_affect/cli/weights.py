"""The commands `weights list`, `weights show` and `weights import`."""

from pathlib import Path

import click

from kollias_affect.cli import names
from kollias_affect.cli import options as shared
from kollias_affect.cli._group import KerasCommand
from kollias_affect.cli._terminal import echo, echo_lines


@click.group()
def weights():
    """Weights by name, and published weights of the papers' authors."""


@weights.command("list", cls=KerasCommand)
def list_weights():
    """Lists the weights, their authors, and whether they are on this machine."""
    from kollias_affect import weights as registry

    table = registry.list_pretrained().drop(columns=["file", "sha256", "source"])
    table["megabytes"] = table["megabytes"].map("{:.1f}".format, na_action="ignore")
    echo_lines(table.fillna("").to_string(index=False))
    echo("Details: kollias-affect weights show NAME")


@weights.command("show", cls=KerasCommand)
@click.argument("name")
def show_weights(name):
    """Prints origin, licence and scores of the weights NAME, or how to get them."""
    from kollias_affect import weights as registry

    echo_lines(registry.describe_pretrained(name))


def _check_import(checkpoint, out, **_):
    """Refuses at once a checkpoint that does not exist, and other endings than .keras."""
    if not any(Path(f"{checkpoint}{ending}").exists() for ending in ("", ".index")):
        raise FileNotFoundError(
            f"CHECKPOINT must exist. Received: {checkpoint}; there is neither such a file nor "
            f"{checkpoint}.index. Check the path."
        )
    if out.suffix != ".keras":
        raise ValueError(
            f"A model file ends in .keras. Received: --out {out}. Give it that ending."
        )


@weights.command("import", cls=KerasCommand, check=_check_import)
@click.argument("reference", type=shared.one_of(*names.REFERENCES))
@click.argument("checkpoint", type=shared.PATH)
@click.option(
    "--out", required=True, type=shared.PATH, help="Model file to write, ending in .keras."
)
@click.option(
    "--length", type=shared.AT_LEAST_1, default=80, show_default=True, help="Frames per window."
)
def import_weights(reference, checkpoint, out, length):
    """Converts the authors' TensorFlow 1 CHECKPOINT of the network REFERENCE to a model file.

    REFERENCE is affwildnet_vggface_gru, affwildnet_resnet_gru, vggface_4096x4096x2,
    vggface_4096x2000x2, omg_cnn_gru_1rnn or omg_cnn_gru_3rnn. CHECKPOINT is what TensorFlow calls
    a checkpoint: the common part of the names of its .index and .data files, or one older file.

    The model file takes images like all others, RGB in [-1, 1]. Its first layer converts them to
    (pixels - 128) / 128, which the authors fed; its card says so.
    """
    from kollias_affect import models
    from kollias_affect import weights as importers

    model = models.reference(reference, length)
    importers.load_tf1_checkpoint(model, checkpoint)
    models.save(model, out, source=f"{reference}, checkpoint {checkpoint.name}")
    scaling = models.read_card(out)["image"]["scaling"]
    echo(
        f"{out}: {reference} with {model.count_params():,} parameters. It sees "
        "(pixels - {offset:g}) / {scale:g}, and converts images to that itself.".format(**scaling)
    )
