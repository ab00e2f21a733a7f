"""From the annotators' traces to the labels of extracted clips.

Traces are matched to the frames, the annotators that agree are chosen, and their mean is the label
(paper C §3.3, 3.4). A report says what became of every recording and of every frame.

References: paper C §3.3, 3.4.
"""

import typing
from pathlib import Path

import numpy as np

from kollias_affect import _checks
from kollias_affect.annotations import agreement
from kollias_affect.annotations.comparison import sample
from kollias_affect.annotations.recordings import STATES, load, tracks
from kollias_affect.tasks import DIMENSIONS

CHOICES = ("experts_or_agree", "experts", "agree", "all")


class Labelling(typing.NamedTuple):
    """Result of `label`.

    Attributes:
        clips: List of labelled `Clip`.
        recordings: DataFrame with a row for each recording: whether it is used, and why not.
        frames: DataFrame with a row for each person: how many frames have a label, and why the
            others have none.
    """

    clips: list
    recordings: object
    frames: object


def label(
    store, crops, choice="experts_or_agree", keep=(2, 4), lag=None, states=("finished", "accepted")
):
    """Labels the clips of extracted videos with the mean of the annotators that agree.

    The clip of a person is `<video>_<label>`, as `extract --faces all` names them (`left`,
    `right`, `face0`), or `<video>` if the video has one person.

    Args:
        store: `Store`.
        crops: Folder of `faces.extract`.
        choice: `"experts"` takes what all experts of the tool chose, `"agree"` what
            `agreement.agree` keeps, `"experts_or_agree"` the latter where no expert chose, and
            `"all"` everybody.
        keep: See `agreement.agree`.
        lag: See `comparison.sample`.
        states: States of the takes that are used.

    Returns:
        `Labelling`. A frame is valid if it has a face and every chosen annotator of both dimensions
        has a value there, outside gaps and dropped stretches.

    Raises:
        ValueError: If an argument is unknown.
    """
    import pandas as pd

    _checks.one_of("choice", choice, CHOICES)
    everything = load(store, STATES, practice=True)
    used, notes = _usable(everything, states)
    grouped, older = tracks(used)
    notes += [(r, "newer recording of the same annotator") for r in older]
    clips, frames = [], []
    for video, person in dict.fromkeys((v, p) for v, p, _ in grouped):
        found = [grouped.get((video, person, d), []) for d in DIMENSIONS]
        persons = {p for v, p, _ in grouped if v == video}
        clip, problem = _clip_of(Path(crops), video, person, alone=len(persons) == 1)
        if clip is not None and all(found):
            values, kept_notes, counts = _labels(store, clip, found, choice, keep, lag)
            notes += kept_notes
            clips.append(_labelled(clip, values, counts))
        else:
            problem = problem or f"no {DIMENSIONS[bool(found[0])]}"
            notes += [(r, problem) for r in [*found[0], *found[1]]]
            counts = {"problem": problem}
        frames.append(
            {"video": video, "person": person, "clip": clip.key if clip else "", **counts}
        )
    return Labelling(clips, pd.DataFrame(_recording_rows(notes)), pd.DataFrame(frames))


def _usable(recordings, states):
    used, notes = [], []
    for r in recordings:
        reason = (
            "practice" if r.practice
            else r.state if r.state not in states
            else "no bounds" if r.mode == "unbounded"
            else ""
        )  # fmt: skip
        if reason:
            notes.append((r, reason))
        else:
            used.append(r)
    return used, notes


def _recording_rows(notes):
    rows = [
        {"video": r.video, "person": r.person, "dimension": r.dimension, "annotator": r.annotator,
         "take": r.take, "state": r.state, "used": not reason, "reason": reason}
        for r, reason in notes
    ]  # fmt: skip
    return sorted(rows, key=lambda row: tuple(str(value) for value in row.values()))


def _clip_of(crops, video, person, alone):
    """The extracted clip of a person, or `None` and the reason."""
    from kollias_affect import faces

    stem = Path(video).stem
    names = [f"{stem}_{person}"] + [stem] * alone
    for name in names:
        if (crops / f"{name}.csv").is_file() and (crops / f"{name}.npz").is_file():
            return faces.read(crops, name), ""
    return None, f"no crops named {' or '.join(names)}"


def _labels(store, clip, found, choice, keep, lag):
    """Values `[frames, 2]` of a clip, NaN without a label; notes; counts of frames."""
    columns, notes, counts = [], [], {}
    for dimension, recordings in zip(DIMENSIONS, found, strict=True):
        sampled = sample(recordings, clip.times, lag)
        chosen, how = _chosen(store, recordings, sampled, choice, keep)
        notes += [
            (r, "" if i in chosen else f"not chosen ({how})") for i, r in enumerate(recordings)
        ]
        values = sampled.values[list(chosen)]
        columns.append(values.mean(axis=0) if chosen else np.full(len(clip), np.nan))
        counts |= {
            f"{dimension}_annotators": " ".join(recordings[i].annotator for i in chosen),
            f"{dimension}_choice": how,
            f"no_{dimension}": int(np.isnan(columns[-1]).sum()),
        }
    return np.column_stack(columns), notes, counts


def _chosen(store, recordings, sampled, choice, keep):
    """Indices of the recordings that are averaged, and how they were chosen."""
    experts = _experts_choice(store, recordings) if choice.startswith("experts") else None
    if experts is not None:
        return experts, "experts"
    if choice == "experts":
        return (), "no expert chose"
    if choice == "all" or len(recordings) == 1:
        return tuple(range(len(recordings))), "all" if len(recordings) > 1 else "only one"
    shared = sampled.shared
    if shared.sum() < 2:
        return (), "no common frames"
    return agreement.agree(sampled.values[:, shared], keep=keep).kept, "agree"


def _experts_choice(store, recordings):
    """Recordings that every expert chose, or `None` if no expert chose."""
    video, person = _numbers(store, recordings[0])
    choices = store.reviews.choices(video, person, recordings[0].dimension)
    if not choices:
        return None
    common = set.intersection(*(set(choice["takes"]) for choice in choices))
    return tuple(i for i, r in enumerate(recordings) if r.number in common)


def _numbers(store, recording):
    take = store.takes.get(recording.take)
    return take["video"], take["person"]


def _labelled(clip, values, counts):
    """The clip with its labels; adds counts of its frames."""
    has_label = np.isfinite(values).all(axis=1)
    labelled = clip.labelled(
        valence_arousal=np.where(has_label[:, None], values, 0.0), valid=has_label & clip.has_image
    )
    counts |= {
        "frames": len(clip),
        "no_face": int((~clip.has_image).sum()),
        "no_label": int((~has_label).sum()),
        "valid": int(labelled.valid.sum()),
        "problem": "" if labelled.valid.any() else "no frame has a label",
    }
    return labelled
