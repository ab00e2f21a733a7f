"""Names of options for entries of the settings of a run, so that messages say what to change."""

import re

# Values that say nothing to a user.
_FINGERPRINTS = re.compile(r" \([0-9a-f]{16}, now [0-9a-f]{16}\)$")
# Layers of networks whose sizes an option sets.
_LAYERS = (
    (r"fc\d+", "hidden_units"),
    (r"fc\d+_dropout", "dropout"),
    (r"(.*_)?rnn\d+", "rnn_units"),
    (r"(.*_)?rnn\d+_dropout", "rnn_dropout"),
    (r"landmark_encoder", "landmark_units"),
    (r"head_inputs|mlp\d+|transformer\d+.*_hidden|.*_outputs", "head_units"),
    (r"(mlp|tcn|transformer)\d+.*_dropout\d*", "head_dropout"),
    (r"(valence|arousal|valence_arousal|expression|expression_8|action_units)", "task"),
)
_TEXTS = {
    "training": "the clips that train",
    "validation": "the clips that validate",
    "clips": "the clips",
    "labels": "the labels of the clips",
    "classes": "the classes of the labels",
    "division": "the division of the clips",
    "trained_on": "the data that the model has seen",
    "synthetic": "whether the clips are synthetic",
    "preset": "`settings`",
    "epochs_before": "`epochs` of the stages before",
    "facts": "the start",
    "model": "the network: `network`, `backbone`, `width`, `model` or another option of it",
}


def in_words(changed):
    """Names the options behind entries of the settings of a run.

    Args:
        changed: List of texts of `_runs.differences`.

    Returns:
        List of texts, in the same order, each once.

    Example:

    >>> in_words(["layers.fc1 (64, now 32)", "layers.fc2 (64, now 32)", "model", "seed (0, now 1)"])
    ['`hidden_units` (64, now 32)', '`seed` (0, now 1)']
    """
    words = []
    for entry in changed:
        name, space, values = _FINGERPRINTS.sub("", entry).partition(" ")
        words.append(f"{_words_of(name, values)}{space}{values}")
    # The fingerprint of the network says less than an option that changes it.
    if any(name.startswith(("layers.", "size", "length", "task", "landmarks")) for name in changed):
        words = [word for word in words if word != _TEXTS["model"]]
    return list(dict.fromkeys(words))


def _words_of(name, values):
    path, last = name.split("."), name.split(".")[-1]
    if path[0] == "layers":
        one_is_missing = "None" in values
        for pattern, option in _LAYERS:
            if re.fullmatch(pattern, last):
                deeper = one_is_missing and option == "rnn_units"
                return f"`{'rnn_layers' if deeper else option}`"
        return f"the layer {last} of the network"
    for part in path:
        if part in _TEXTS:
            return _TEXTS[part]
    return f"`{last}`"
