"""Paper D's figures beside the pages of its tables, from the first seed."""

from kollias_affect.evaluation import plots
from kollias_affect.evaluation.measures import accuracy
from kollias_affect.experiments.declaration import Empty, Figure
from kollias_affect.experiments.paper_d import pictures, runs, texts
from kollias_affect.experiments.paper_d.submissions import PATHS, SUBMISSIONS

_NAMES = {"fer28": "FER28", "fer32": "FER32", "emotiw": "EmotiW"}


def crops(laboratory, path):
    """Draws figure 1."""
    parts = laboratory.parts("emotiw")
    if parts.source is None or parts.source.dataset != "sfew" or not parts.source.crop:
        raise Empty("`emotiw` is not SFEW with crop=true")
    pictures.draw_crops(parts.source.root, parts.training, path)


def examples(laboratory, path):
    """Draws figure 2."""
    fer = next((role for role in ("fer28", "fer32") if laboratory.has(role)), None)
    roles = [role for role in (fer, "emotiw") if role]
    sets = {_NAMES[role]: laboratory.parts(role).training for role in roles}
    pictures.draw_examples(sets, path, laboratory.scale.picture)


def flowchart(laboratory, path):
    """Draws figure 3 of the declared paths whose data are given, with our accuracies."""
    boxes, measured = [], {}
    by_network = sorted(PATHS, key=lambda key: (PATHS[key].network, PATHS[key].stages))
    for key in by_network:
        numbers = []
        try:
            for part, where in runs.scored(laboratory).items():
                if where is not None:
                    value = accuracy(runs.confusion(laboratory, key, part))
                    numbers.append(f"{part} {value:.1%}")
        except Empty:
            continue
        network = PATHS[key].network
        first = texts.start(laboratory, network).replace(", sha256", "\nsha256")
        measured[len(boxes)] = value
        boxes.append((f"{network}\n{first}", *PATHS[key].stages, f"{key}: {', '.join(numbers)}"))
    best = max(measured.values())
    highlighted = [i for i, value in measured.items() if value == best]
    plots.save(plots.flowchart(boxes, highlighted), path)


def confusions(part, paths):
    """Returns a function that draws the confusions of paths on EmotiW's part as panels."""

    def draw(laboratory, path):
        matrices = {}
        for key in paths:
            title = f"{key}: {PATHS[key].network}\n{texts.stages_text(key)}"
            try:
                matrices[title] = runs.confusion(laboratory, key, part)
            except Empty as error:
                reason = error
        if not matrices:
            raise Empty(str(reason))
        plots.save(plots.confusion_panels(matrices), path)

    return draw


def distributions(laboratory, path):
    """Draws figure 6."""
    sets = {
        f"{_NAMES[role]} {name}": getattr(laboratory.parts(role), name)
        for role in ("emotiw", "fer28", "fer32")
        if laboratory.has(role)
        for name in ("training", "validation")
    }
    pictures.draw_distributions({name: clips for name, clips in sets.items() if clips}, path)


FIGURES = (
    Figure("D1", "Figure 1: full frames, the organizers' crops and ours", draw_with=crops),
    Figure("D2", "Figure 2: FER-2013 beside EmotiW", draw_with=examples),
    Figure(
        "D3",
        "Figure 3: the paths and our accuracies, first seed; the highest last one is framed",
        draw_with=flowchart,
    ),
    Figure("D6", "Figure 6: classes of the training and validation parts", draw_with=distributions),
)
"""Figures of table D3."""
FIGURE_4 = Figure(
    "D4",
    "Figure 4: confusions on the test part, first seed",
    draw_with=confusions(runs.TEST, SUBMISSIONS),
)


def figure_5(paths):
    """Returns figure 5 of these paths."""
    draw = confusions(runs.VALIDATION, paths)
    return Figure("D5", "Figure 5: confusions on the validation part, first seed", draw_with=draw)
