"""The commands `kollias-affect weights`."""

import csv

import numpy as np
import tensorflow as tf

from kollias_affect import models
from kollias_affect.weights import tf1_checkpoint


def test_list_names_the_weights_and_show_describes_one(ok):
    assert "expression_vgg_fer2013" in ok("weights", "list")
    assert "FER-2013" in ok("weights", "show", "expression_vgg_fer2013")


def test_published_weights_give_outputs_for_a_video(ok, face_video, tmp_path):
    """Two commands: `weights import` the authors' checkpoint, `predict` a video."""
    name, path = "affwildnet_resnet_gru", tmp_path / "model.ckpt"
    random = np.random.default_rng(0)
    shapes = tf1_checkpoint.variable_shapes(models.reference(name, 8))
    tf.raw_ops.Save(
        filename=str(path),
        tensor_names=list(shapes),
        data=[
            np.float32(
                random.uniform(0.5, 1.5, s) if "BatchNorm" in n else random.normal(0, 0.02, s)
            )
            for n, s in shapes.items()
        ],
    )
    model = tmp_path / "published.keras"
    output = ok("weights", "import", name, path, "--out", model, "--length", "8")
    assert "published.keras: affwildnet_resnet_gru with" in output
    assert "It sees (pixels - 128) / 128, and converts images to that itself." in output
    assert models.read_card(model)["source"] == "affwildnet_resnet_gru, checkpoint model.ckpt"
    ok("predict", model, face_video, "--out", tmp_path / "out", "--no-annotate")
    with open(tmp_path / "out" / f"{face_video.stem}.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["success"] == "1"]
    values = np.array([[float(row["valence"]), float(row["arousal"])] for row in rows])
    assert np.isfinite(values).all() and np.abs(values).max() <= 1 and values.std() > 0


def test_imports_that_cannot_work_are_refused(refused, tmp_path):
    out = ["--out", tmp_path / "model.keras"]
    assert "`REFERENCE` must be one of" in refused(
        "weights", "import", "resnet", tmp_path / "a", *out
    )
    name = "vggface_4096x2000x2"
    assert "a.index" in refused("weights", "import", name, tmp_path / "a", *out)
    (tmp_path / "a").write_text("no checkpoint")
    message = refused("weights", "import", name, tmp_path / "a", *out)
    assert "must be a TensorFlow checkpoint" in message
    assert "ends in .keras" in refused(
        "weights", "import", name, tmp_path / "a", "--out", tmp_path / "x"
    )
