"""What is true of a run of paper D's tables, as lines of their pages."""

from kollias_affect.datasets import division
from kollias_affect.experiments.paper_d import runs
from kollias_affect.experiments.paper_d.submissions import PATHS


def title(path):
    """Returns the name of a path's row. What the network starts from is a line of the page."""
    return f"{path}: {PATHS[path].network}, {stages_text(path)}"


def stages_text(path):
    """Returns the stages of a path, such as `"FER28 -> EmotiW"`."""
    return " -> ".join(PATHS[path].stages)


def start(laboratory, network):
    """Returns what a network starts from."""
    path = laboratory.weight_files.get(network)
    if path is None:
        return "RANDOM weights"
    return f"{path.name}, sha256 {laboratory.checksum(network)[:12]}"


def facts(laboratory, table):
    """Describes the starts, the scored parts, who chooses the epochs, and the training.

    Args:
        laboratory: `Laboratory`.
        table: `Table` whose settings are `runs.Shown`, or `None`.

    Returns:
        List of texts, one a line.
    """
    shown = {cell.setting.path for cell in table.cells if cell.setting is not None}
    paths = [path for path in PATHS if path in shown and _is_given(laboratory, path)]
    networks = sorted({PATHS[path].network for path in paths})
    starts = [f"{network} from {start(laboratory, network)}" for network in networks]
    scale = laboratory.scale
    return [
        f"Start: {'; '.join(starts)} (the paper: weights of ImageNet).",
        *_scored(laboratory),
        f"Epochs: of {scale.epochs} in every stage, the one with the highest accuracy on the "
        "centre crops of a validation part, as follows.",
        *_choices(laboratory, paths),
        *_differences(laboratory),
        f"Training: batches of {runs.batch_size(laboratory)} pictures, learning rate "
        f"{runs.learning_rate(laboratory):g} at first.",
    ]


def _is_given(laboratory, path):
    return all(laboratory.has(role) for name in PATHS[path].stages for role in runs.roles_of(name))


def _scored(laboratory):
    """Lines about the parts of EmotiW that stand beside the paper's numbers."""
    parts, where = laboratory.parts("emotiw"), runs.scored(laboratory)
    lines = [
        f"{name.capitalize()} accuracy: on {_pictures(getattr(parts, part))}."
        for name, part in where.items()
        if part is not None
    ]
    if where[runs.TEST] is None:
        lines += [
            "Test accuracy: none, as the labels of SFEW's test part are not given.",
            "Differs from the paper: the epochs of stages on EmotiW are not chosen on SFEW's "
            "validation part, which is scored.",
        ]
    return lines


def _pictures(clips):
    count = sum(int(clip.valid.sum()) for clip in clips)
    names = " and ".join(division.parts_of(clips))
    text = f"{count:,} picture{'' if count == 1 else 's'}"
    return f"{text} of {names}" if names else text


def _choices(laboratory, paths):
    """A line for each sequence of stages: who chose the epochs, and what that means."""
    numbers = {}
    for path in paths:
        numbers.setdefault(PATHS[path].stages, []).append(str(path))
    lines = []
    for stages, of_stages in numbers.items():
        chosen = [
            f"{stage} on the validation part of `{role}`, "
            f"{_pictures(laboratory.parts(role).validation)}"
            for stage, role in ((stage, runs.roles_of(stage)[-1]) for stage in stages)
        ]
        text = f"Epochs of {', '.join(of_stages)} ({' -> '.join(stages)}): {'; '.join(chosen)}"
        lines.append(f"{text}. {_consequence(laboratory, stages[-1])}.")
    return lines


def _consequence(laboratory, last):
    if "emotiw" not in runs.roles_of(last):
        return "No picture of `emotiw` trained the network or chose an epoch"
    if runs.scored(laboratory)[runs.VALIDATION] == "validation":
        return "The part that is scored as validation chose the epoch, which favours its accuracy"
    return "No picture that is scored chose an epoch"


def _differences(laboratory):
    """Lines about parts that are not those of the paper."""
    if not laboratory.has("fer32"):
        return []
    parts = laboratory.parts("fer32")
    if division.parts_of(parts.validation) == ["fer2013/train"]:
        return [
            f"Differs from the paper: FER32 is without PrivateTest; {len(parts.validation):,} of "
            "its own images choose the epochs and train no network, that of 9 included."
        ]
    return []
