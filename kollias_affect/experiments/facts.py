"""What is true of a run of paper B's and C's tables, as lines of their pages."""

from kollias_affect import presets
from kollias_affect._texts import count
from kollias_affect.datasets import sampling
from kollias_affect.experiments.declaration import Repeated
from kollias_affect.experiments.roles import are_utterances
from kollias_affect.tasks import DIMENSIONS


def of_networks(laboratory, table):
    """Describes starts, pre-training, choice of epochs, steps and balance of a table's networks.

    Args:
        laboratory: `Laboratory`.
        table: `Table` whose settings are `scoring.Scored`, or `None`.

    Returns:
        List of texts, one a line.
    """
    settings = [cell.setting.network for cell in table.cells if cell.setting is not None]
    trainings, records = _trained(laboratory, settings)
    return [
        f"Start: {_starts(laboratory, trainings)}.",
        *_before(laboratory, trainings),
        f"Epochs: {_choice(laboratory, settings, trainings)}.",
        *_settings(trainings),
        *_used(records),
        *_steps(records),
        *_balance(records),
    ]


def of_trainings(laboratory, settings):
    """Describes starts, settings and steps of networks whose epochs a table describes itself.

    Args:
        laboratory: `Laboratory`.
        settings: List of `Training` or of other settings with `members`.

    Returns:
        List of texts, one a line.
    """
    trainings, records = _trained(laboratory, settings)
    start = f"Start: {_starts(laboratory, trainings)}."
    return [start, *_settings(trainings), *_used(records), *_steps(records)]


def _trained(laboratory, settings):
    """Returns the `Training`s of settings, and the records of those that were run."""
    trainings = [member for setting in settings for member in setting.members]
    records = [
        record
        for each in laboratory.of_each_seed()
        for setting in settings
        for record in each.trainings.records(setting)
    ]
    return trainings, records


def _starts(laboratory, trainings):
    """What every backbone starts from."""
    texts = {}
    for training in trainings:
        network = training.network
        if laboratory.trainings.has_weights(network):
            path = laboratory.weight_files[network.backbone]
            digest = laboratory.checksum(network.backbone)
            texts[network.backbone, True] = f"{path.name}, sha256 {digest[:12]}"
        else:
            texts[network.backbone, False] = "RANDOM weights"
    lines = [f"{name} from {text}" for (name, _), text in sorted(texts.items())]
    return "; ".join(lines) + "; all other layers from RANDOM weights"


def _before(laboratory, trainings):
    """Lines about the databases of the pre-training."""
    lines = []
    for role in sorted({t.before for t in trainings if t.before}):
        if laboratory.has(role):
            alone = any(t.task in DIMENSIONS for t in trainings)
            either = ", or the one of them that a network predicts" if alone else ""
            lines.append(f"Pre-training: on `{role}`, end to end, for valence and arousal{either}.")
        elif all(t.needs_before for t in trainings if t.before == role):
            lines.append(f"Pre-training: `{role}` was not given; its numbers are left empty.")
        else:
            lines.append(
                f"Pre-training: none, as `{role}` was not given. The paper's networks have one."
            )
    return lines


def _choice(laboratory, settings, trainings):
    """Who chose the epoch that is scored."""
    if any(training.folds for training in trainings):
        known = sampling.persons_known(laboratory.parts().everything)
        subjects = "persons" if known else "videos (persons are unknown)"
        return (
            f"the best one on {subjects} held out of the training folds; the fold that is scored "
            "takes no part"
        )
    validation = laboratory.parts().validation
    if any(training.task == "expression" for training in trainings):
        measure = "accuracy over the frames"
    elif are_utterances(validation):
        measure = "CCC over the utterances"
    else:
        measure = "CCC over the frames"
    text = (
        f"the one with the highest {measure} of the validation part "
        f"({count(len(validation), 'clip')}), which is not scored"
    )
    if any(isinstance(setting, Repeated) and setting.by == "folds" for setting in settings):
        text += "; each fold of the training and validation part chooses the epoch of its network"
    return text


def _settings(trainings):
    names = sorted({training.settings for training in trainings})
    return [
        f"Settings {name} ({presets.preset(name).source}) are {presets.preset(name).text}."
        for name in names
    ]


def _used(records):
    """What the trainings of this run used, which options of the command may have changed."""
    texts = sorted({record["used"] for record in records})
    return [f"Used here: {'; '.join(texts)}."] if texts else []


def _steps(records):
    """How long the networks were trained."""
    if not records:
        return []
    epochs = _range([record["epochs"] for record in records])
    best = _range([record["best_epoch"] for record in records])
    batches = [record["batches"] for record in records if record["batches"]]
    of_batches = f", each of {_range(batches)} batches" if batches else ""
    return [f"Steps: epochs {epochs}{of_batches}; chosen epochs {best}."]


def _balance(records):
    texts = sorted({record["balance"] for record in records if record["balance"]})
    return [f"Duplicated runs (§4.2): {text}." for text in texts]


def _range(values):
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def p_values(numbers):
    """Returns a line with the largest p-value of the correlations of a table.

    Args:
        numbers: List of dicts from measure to number, one per cell.

    Returns:
        Text.

    References: paper B §7.1 (tables 3 and 5).
    """
    values = [v for cell in numbers for name, v in cell.items() if name.startswith("p ")]
    values = [value for value in values if value is not None]
    if not values:
        return "Significance: no correlation."
    return (
        f"Significance: the largest p-value of all correlations is {max(values):.1e} (two-sided "
        "test of Pearson's correlation, as if all frames or utterances were independent; the paper "
        "prints such bounds)."
    )
