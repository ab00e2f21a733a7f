"""Draws the figures of `networks.md` from the models themselves.

Usage: python docs/draw_networks.py (writes docs/affwildnet.png and docs/cnn_3rnn.png)
"""

from pathlib import Path

import matplotlib.figure
import matplotlib.patches

from kollias_affect import backbones, models

HERE = Path(__file__).parent
COLOURS = {
    "input": "#e8e8e8",
    "cnn": "#cfe2f3",
    "fc": "#fde9c9",
    "rnn": "#d9ead3",
    "out": "#f4cccc",
}


def draw(boxes, arrows, path, size):
    """Boxes `{name: (x, y, colour, text)}` and arrows `[(from, to)]`, from left to right."""
    figure = matplotlib.figure.Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    width, height = 1.7, 0.62
    for x, y, colour, text in boxes.values():
        corner = (x - width / 2, y - height / 2)
        axes.add_patch(
            matplotlib.patches.FancyBboxPatch(
                corner, width, height, boxstyle="round,pad=0.04", fc=COLOURS[colour], ec="0.4"
            )
        )
        axes.text(x, y, text, ha="center", va="center", fontsize=8)
    for start, end in arrows:
        (x1, y1, *_), (x2, y2, *_) = boxes[start], boxes[end]
        sideways = abs(x2 - x1) > 0.1
        tail = (x1 + width / 2 + 0.05, y1) if sideways else (x1, y1 - height / 2 - 0.05)
        head = (x2 - width / 2 - 0.05, y2) if sideways else (x2, y2 + height / 2 + 0.05)
        axes.annotate("", head, tail, arrowprops={"arrowstyle": "->", "color": "0.3"})
    xs, ys = zip(*((x, y) for x, y, *_ in boxes.values()), strict=True)
    axes.set_xlim(min(xs) - 1, max(xs) + 1)
    axes.set_ylim(min(ys) - 0.6, max(ys) + 0.6)
    figure.savefig(path, dpi=120, metadata={"Software": None})


def units(model, name):
    """Units of a layer, for its box."""
    return f"{name}\n{model.get_layer(name).units} units"


def affwildnet():
    """The network of paper C table 8."""
    model = models.affwildnet()
    boxes = {
        "images": (0, 1, "input", "images\n80 x 96 x 96 x 3"),
        "landmarks": (0, 0, "input", "landmarks\n80 x 136"),
        "cnn": (2.2, 1, "cnn", "VGG-Face\nconv1_1 … pool5"),
        "join": (4.4, 0.5, "fc", f"joined\n{model.get_layer('fc1').kernel.shape[0]}"),
        "fc1": (6.6, 0.5, "fc", units(model, "fc1") + ", dropout 0.5"),
        "rnn1": (8.8, 0.5, "rnn", "GRU " + units(model, "rnn1") + ", dropout 0.8"),
        "rnn2": (11, 0.5, "rnn", "GRU " + units(model, "rnn2")),
        "out": (13.2, 0.5, "out", "valence_arousal\n80 x 2, linear"),
    }
    arrows = [("images", "cnn"), ("cnn", "join"), ("landmarks", "join"), ("join", "fc1")]
    arrows += [("fc1", "rnn1"), ("rnn1", "rnn2"), ("rnn2", "out")]
    draw(boxes, arrows, HERE / "affwildnet.png", (13, 2))


def cnn_3rnn():
    """CNN-3RNN-2nd-pool last-pool fc, paper B figure 5."""
    model = models.multi_rnn(backbones.vgg_face(), "valence_arousal")
    boxes = {
        "images": (0, 2, "input", "images\n80 x 96 x 96 x 3"),
        "landmarks": (0, 0, "input", "landmarks\n80 x 136"),
        "pool2": (2.2, 2, "cnn", "VGG-Face\nconv1_1 … pool2"),
        "pool5": (2.2, 1, "cnn", "conv3_1 … pool5"),
        "fc1": (2.2, 0, "fc", units(model, "fc1") + ", dropout 0.5"),
        "joined": (6.8, 1, "fc", f"joined\n{model.get_layer('valence_arousal').kernel.shape[0]}"),
        "out": (9, 1, "out", "valence_arousal\n80 x 2, linear"),
    }
    for name, y in (("pool2", 2), ("pool5", 1), ("fc1", 0)):
        count = model.get_layer(f"{name}_rnn1").units
        boxes[f"{name}_rnn"] = (4.5, y, "rnn", f"GRU {count}, dropout 0.8\nGRU {count}")
    arrows = [("images", "pool2"), ("pool2", "pool5"), ("pool5", "fc1"), ("landmarks", "fc1")]
    for name in ("pool2", "pool5", "fc1"):
        arrows += [(name, f"{name}_rnn"), (f"{name}_rnn", "joined")]
    draw(boxes, [*arrows, ("joined", "out")], HERE / "cnn_3rnn.png", (10, 3))


if __name__ == "__main__":
    affwildnet()
    cnn_3rnn()
