"""Splits and folds by person, balanced valence-arousal quadrants, and weights of classes."""

import dataclasses
import warnings

import numpy as np

from kollias_affect import _checks, tasks
from kollias_affect.clip import Clips
from kollias_affect.tasks import TASKS

# Signs of valence and arousal; 0 counts as positive.
QUADRANTS = ("+v+a", "-v+a", "+v-a", "-v-a")
_UNKNOWN_PERSONS = (
    "Persons are unknown: each video counts as a person (of images, each name), so that one person "
    "may be on both sides. Give `subjects=FILE` to the loader, a csv with video,subject[,gender]."
)
# Paper C §4.2: shares of the training set after duplication, in the same order.
PAPER_SHARES = (0.43, 0.24, 0.19, 0.14)
# Paper C §4.2: the quadrants whose runs were duplicated.
PAPER_DUPLICATED = ("+v-a", "-v-a")


def split(clips, validation=0.2, seed=0):
    """Splits clips so that no subject is on both sides.

    Args:
        clips: List of `Clip`.
        validation: Share of the subjects for validation, in (0, 1); at least one subject.
        seed: Seed of the choice of subjects.

    Returns:
        `(training, validation)`, two lists of `Clip` in the order of `clips`.

    Raises:
        ValueError: If the share is outside (0, 1), or if there are fewer than two subjects.

    Warns:
        UserWarning: If persons are unknown, see `persons_known`.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> clips = [Clip(f"{name}_{i}", ["x.jpg"], subject=name) for name in "abc" for i in (1, 2)]
        >>> training, validation = split(clips, validation=1 / 3)
        >>> len(training), len(validation)
        (4, 2)
        >>> {clip.subject for clip in training} & {clip.subject for clip in validation}
        set()
    """
    if not 0 < validation < 1:
        raise ValueError(
            f"`validation` must be a share between 0 and 1. Received: {validation}. Use, for "
            "example, 0.2."
        )
    _warn_of_unknown_persons(clips)
    subjects = sorted({clip.subject for clip in clips})
    if len(subjects) < 2:
        raise ValueError(
            "A split by person needs at least two subjects. Received: "
            f"{len(subjects)} in {len(clips)} clips. Pass a separate validation set."
        )
    count = min(max(1, round(validation * len(subjects))), len(subjects) - 1)
    chosen = set(np.random.default_rng(seed).permutation(subjects)[:count].tolist())
    training = [clip for clip in clips if clip.subject not in chosen]
    return training, [clip for clip in clips if clip.subject in chosen]


def persons_known(clips):
    """Returns whether the subjects of all clips are persons.

    Otherwise a person may be in several clips with different subjects, and nothing can be said
    about persons on both sides of a split. `subjects=FILE` of `datasets.load` names them.

    Args:
        clips: List of `Clip`.

    Returns:
        Boolean; true for no clips.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> persons_known([Clip("a", ["x.jpg"], subject="anna")]), persons_known([Clip("a", [])])
        (True, False)
    """
    return all(clip.person_known for clip in clips)


def _warn_of_unknown_persons(clips):
    if not persons_known(clips):
        # One place in the code: Python shows the same warning of one place once.
        warnings.warn(_UNKNOWN_PERSONS, UserWarning, stacklevel=1)


def refuse_common_subjects(first, second, names):
    """Raises `ValueError` if a subject is in both lists.

    Official parts of one database are as its owners made them: a subject may be in two of them.

    Args:
        first, second: Lists of `Clip`.
        names: Description of both lists for the message, such as `"training and validation"`.

    Raises:
        ValueError: If there is such a subject.

    Warns:
        UserWarning: If persons are unknown, see `persons_known`, and the lists are not official
            parts.
    """
    common = {clip.subject for clip in first} & {clip.subject for clip in second}
    sides = ([clip for clip in clips if clip.subject in common] for clips in (first, second))
    if common and not _are_official_parts(*sides):
        raise ValueError(
            f"No subject may be in both {names}. Received in both: {sorted(common)[:5]}. Split "
            "with `datasets.sampling.split`."
        )
    if first and second and not _are_official_parts(first, second):
        _warn_of_unknown_persons([*first, *second])


def _are_official_parts(first, second):
    """Whether two lists are from different official parts of one database."""
    parts = [{clip.official_part for clip in clips} for clips in (first, second)]
    if None in set.union(*parts) or set.intersection(*parts):
        return False
    return len({part.split("/")[0] for part in set.union(*parts)}) == 1


def pictures(clips):
    """Returns the set of the image paths of some clips."""
    return {path for clip in clips for path in clip.paths if path}


def stratified_split(clips, parts=2, seed=0):
    """Splits off one of `parts` equal parts by subject, with similar shares of the classes.

    Args:
        clips: List of `Clip` with `expression`; a clip counts by its most frequent one.
        parts: Number of parts: 2 for halves, 5 to split off a fifth.
        seed: Seed of the choice of subjects.

    Returns:
        `(training, test)`, two lists of `Clip` in the order of `clips`. A rare class may be missing
        on one side if few subjects show it.

    Raises:
        ValueError: If there are fewer subjects than parts, or if a clip has no valid expression.

    Warns:
        UserWarning: If persons are unknown, see `persons_known`.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    parts = _checks.integer_between("parts", parts, 2, 10**6)
    subjects = [clip.subject for clip in clips]
    if len(set(subjects)) < parts:
        raise ValueError(
            f"There must be at least as many subjects as parts. Received: parts={parts} and "
            f"{len(set(subjects))} subjects. Pass a separate test set."
        )
    _warn_of_unknown_persons(clips)
    labels = [_most_frequent(clip) for clip in clips]
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of classes rarer than `parts`
        training, test = next(folds.split(labels, labels, subjects))
    return [clips[i] for i in training], [clips[i] for i in test]


def _most_frequent(clip):
    """Returns the index of the most frequent expression of a clip."""
    known = tasks.known(clip, "expression")
    if not known.any():
        raise ValueError(
            f"Every clip must have a valid expression. Received: {clip!r}. Leave it out."
        )
    return int(np.bincount(clip.expression[known]).argmax())


def person_folds(clips, folds=5, seed=0):
    """Splits clips into folds for cross-validation without common subjects.

    Subjects are assigned in random order, each to the fold with the fewest valid frames so far. The
    result does not depend on the order of `clips`.

    Args:
        clips: List of `Clip`.
        folds: Number of folds (paper C: 5 on AFEW-VA; 10 is as common).
        seed: Seed of the assignment of subjects.

    Returns:
        List of `folds` pairs `(training, validation)`, lists of `Clip` in the order of `clips`.
        Every clip is in exactly one validation part.

    Raises:
        ValueError: If there are fewer subjects than folds, or fewer than two folds.

    Warns:
        UserWarning: If persons are unknown, see `persons_known`.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> clips = [Clip(name, ["x.jpg"]) for name in "abcd"]
        >>> [(len(training), len(validation)) for training, validation in person_folds(clips, 2)]
        [(2, 2), (2, 2)]
    """
    folds = _checks.integer_between("folds", folds, 2, 10**6)
    frames = {}
    for clip in clips:
        frames[clip.subject] = frames.get(clip.subject, 0) + int(clip.valid.sum())
    if len(frames) < folds:
        raise ValueError(
            f"There must be at least as many subjects as folds. Received: folds={folds} and "
            f"{len(frames)} subjects. Use fewer folds."
        )
    _warn_of_unknown_persons(clips)
    fold_of = {}
    totals = np.zeros((folds, 2), np.int64)  # frames and subjects of each fold
    for subject in np.random.default_rng(seed).permutation(sorted(frames)).tolist():
        smallest = min(range(folds), key=lambda fold: (*totals[fold], fold))
        fold_of[subject] = smallest
        totals[smallest] += (frames[subject], 1)
    return [
        (
            [clip for clip in clips if fold_of[clip.subject] != fold],
            [clip for clip in clips if fold_of[clip.subject] == fold],
        )
        for fold in range(folds)
    ]


@dataclasses.dataclass(frozen=True)
class Balance:
    """Report of `balance_quadrants`.

    Attributes:
        before, after: Dicts from the names in `QUADRANTS` to shares of the valid frames in [0, 1].
        frames_before, frames_after: Numbers of valid frames.
        above: Names of the quadrants that were to be duplicated and have more than their share.
    """

    before: dict
    after: dict
    frames_before: int
    frames_after: int
    above: tuple = ()

    def __str__(self):
        shares = (f"{n} {self.before[n]:.1%} -> {self.after[n]:.1%}" for n in QUADRANTS)
        text = f"{self.frames_before:,} -> {self.frames_after:,} frames: {', '.join(shares)}"
        above = ", ".join(self.above)
        return f"{text} ({above} not duplicated: more than the share)" if above else text


def balance_quadrants(clips, shares=PAPER_SHARES, seed=0, length=80, duplicate=QUADRANTS):
    """Duplicates runs of consecutive frames until the four quadrants have the given shares.

    No frame is removed, and as few as possible are added. A run has at most `length` consecutive
    valid frames of one clip in one quadrant. It becomes a clip of its own (`<key>+<number>`, same
    subject), so that no window holds frames that were not consecutive. Long runs come first, in a
    random order of the clips. Split by subject before balancing, not after.

    Args:
        clips: List of `Clip` with `valence_arousal`.
        shares: Shares in the order of `QUADRANTS`, or a dict from those names; their sum is 1.
            Default: the shares of paper C.
        seed: Seed of the choice of runs.
        length: Number of frames per window, see `windows.dataset`.
        duplicate: Names of the quadrants that may be duplicated. The frames of the others stay as
            they are, and so do the proportions of the others among themselves; those that are
            duplicated reach their shares of the total. Paper C duplicates `PAPER_DUPLICATED`.

    Returns:
        `Clips`: the original clips followed by the duplicates. The attribute `report` is a
        `Balance`; the shares `after` of the quadrants that may be duplicated are exact within one
        frame per quadrant.

    Raises:
        ValueError: If labels are missing, no frame is valid, shares do not add up to 1, a quadrant
            has frames but no share, or `duplicate` names no quadrant.

    Warns:
        UserWarning: If a quadrant has a share but no frames, so that the others keep their
            proportions; or if one that `duplicate` names has more than its share, so that it
            stays as it is.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> labels = [[0.5, 0.5]] * 3 + [[-0.5, 0.5]]
        >>> clip = Clip("a", ["x.jpg"] * 4, valence_arousal=labels)
        >>> balanced = balance_quadrants([clip], shares=(0.5, 0.5, 0, 0))
        >>> [(clip.key, len(clip)) for clip in balanced]
        [('a', 4), ('a+1', 1), ('a+2', 1)]

    References: paper C §4.2.
    """
    shares = _shares(shares)
    duplicate = _duplicated(duplicate)
    length = _checks.positive_integer("length", length)
    of_frame = [_quadrants(clip) for clip in clips]
    counts = np.bincount(np.concatenate([q[q >= 0] for q in of_frame] or [[]]).astype(int))
    counts = np.pad(counts, (0, len(QUADRANTS) - len(counts)))
    shares = _possible_shares(counts, shares)
    missing, above = _missing(counts, shares, duplicate)
    copies = _copies(clips, of_frame, missing, length, np.random.default_rng(seed))
    result = Clips([*clips, *_duplicates(copies, {clip.key for clip in clips})])
    result.report = _balance(counts, counts + missing, above)
    return result


def _duplicated(names):
    """Returns which quadrants may be duplicated, booleans `[4]`."""
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names or (None,):
        _checks.one_of("duplicate", name, QUADRANTS)
    return np.isin(QUADRANTS, names)


def _missing(counts, shares, duplicate):
    """Computes how many frames each quadrant gets, and which ones have more than their share.

    If the quadrants that stay as they are have `fixed` frames, the total is
    `fixed / (1 - sum of the other shares)`. A quadrant that has more than its share of that total
    stays as it is, too, and the total grows.

    Args:
        counts: Integers `[4]`.
        shares: Float64 `[4]`, 0 where there are no frames.
        duplicate: Booleans `[4]`.

    Returns:
        `(missing, above)`: integers `[4]`, and a tuple of names. If all may be duplicated, the one
        that is the fullest keeps its frames and has its share exactly; it is not in `above`.
    """
    present = shares > 0
    fullness = np.where(present, counts / np.where(present, shares, 1), 0)
    growing = duplicate & present
    while growing.any():
        fixed = present & ~growing
        total = counts[fixed].sum() / shares[fixed].sum() if fixed.any() else 0
        fullest = np.where(growing, fullness, -1).argmax()
        if fullness[fullest] <= total:
            break
        growing[fullest] = False
    else:
        total = counts.sum()
    missing = np.where(growing, np.round(total * shares).astype(np.int64) - counts, 0)
    above = duplicate & present & ~growing & (fullness > total)
    names = tuple(name for name, one in zip(QUADRANTS, above, strict=True) if one)
    if names:
        warnings.warn(
            f"Quadrants that are duplicated reach their shares. {', '.join(names)} have more "
            "already, and stay as they are.",
            stacklevel=3,
        )
    return np.maximum(missing, 0), names


def _copies(clips, of_frame, missing, length, random):
    """Returns `(clip, start, stop)` of the runs that are duplicated, for all quadrants."""
    # Sorted: the result must not depend on the order of the clips.
    by_key = sorted(range(len(clips)), key=lambda i: clips[i].key)
    copies = []
    for quadrant, frames in enumerate(missing):
        runs = [
            (clips[i], start, stop)
            for i in by_key
            for start, stop in _split_runs(of_frame[i] == quadrant, length)
        ]
        copies += _choose_runs(runs, int(frames), random)
    return copies


def _balance(before, after, above):
    return Balance(
        dict(zip(QUADRANTS, (before / before.sum()).tolist(), strict=True)),
        dict(zip(QUADRANTS, (after / after.sum()).tolist(), strict=True)),
        int(before.sum()),
        int(after.sum()),
        above,
    )


def _shares(shares):
    """Returns checked shares, float64 `[4]`."""
    if isinstance(shares, dict):
        for name in shares:
            _checks.one_of("quadrant", name, QUADRANTS)
        shares = [shares.get(name, 0) for name in QUADRANTS]
    shares = np.asarray(shares, np.float64)
    valid = shares.shape == (len(QUADRANTS),) and (shares >= 0).all()
    if not valid or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"`shares` must be four shares of the quadrants {QUADRANTS} that add up to 1. "
            f"Received: {shares.tolist()}. Use, for example, {PAPER_SHARES}."
        )
    return shares


def _quadrants(clip):
    """Returns the index into `QUADRANTS` of each frame, `[frames]`; -1 if it is not valid."""
    if clip.valence_arousal is None:
        raise ValueError(
            f"Quadrants need valence and arousal of every clip. Received: {clip!r}. Load a "
            "database that has them."
        )
    negative = clip.valence_arousal < 0
    known = tasks.known(clip, "valence_arousal")
    return np.where(known, negative[:, 0] + 2 * negative[:, 1], -1)


def _possible_shares(counts, shares):
    """Returns the shares of the quadrants that have frames, which add up to 1."""
    if not counts.any():
        raise ValueError(
            "Balancing duplicates valid frames. Received: clips without any. "
            "Check that they have images and labels."
        )
    for name, count, share in zip(QUADRANTS, counts, shares, strict=True):
        if count and not share:
            raise ValueError(
                "A quadrant with frames needs a share, because balancing only adds frames. "
                f"Received: {name} with {count} frames and a share of 0. Set its share, or leave "
                "those frames out."
            )
        if share and not count:
            warnings.warn(
                f"The quadrant {name} has a share of {share:.1%} and no frames. The other "
                "quadrants keep their proportions.",
                stacklevel=3,
            )
    shares = np.where(counts > 0, shares, 0)
    return shares / shares.sum()


def _split_runs(inside, length):
    """Yields `(start, stop)` of the runs of true values, cut into pieces of at most `length`."""
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False]))
    for start, stop in edges.reshape(-1, 2).tolist():
        for begin in range(start, stop, length):
            yield begin, min(begin + length, stop)


def _choose_runs(runs, frames, random):
    """Returns runs with `frames` frames in total.

    All runs are used before one is used again. The last one is shortened.
    """
    chosen = []
    while frames > 0:
        order = random.permutation(len(runs)).tolist()
        order.sort(key=lambda i: runs[i][1] - runs[i][2])  # long runs first
        for i in order:
            clip, start, stop = runs[i]
            stop = min(stop, start + frames)
            chosen.append((clip, start, stop))
            frames -= stop - start
            if frames <= 0:
                break
    return chosen


def _duplicates(copies, keys):
    """Returns clips of the copied runs, sorted by key and number, with keys not in `keys`."""
    parts_of = {}
    for clip, start, stop in copies:
        parts, number = parts_of.get(clip.key, ([], 0))
        number += 1
        while f"{clip.key}+{number}" in keys:  # the clips were balanced before
            number += 1
        parts.append(clip.part(start, stop, f"{clip.key}+{number}"))
        parts_of[clip.key] = parts, number
    return [part for key in sorted(parts_of) for part in parts_of[key][0]]


def class_weights(clips, task="expression", effective=False):
    """Computes weights that give every expression the same total weight.

    Formula: `frames / (classes * frames of the class)`, over valid frames. With `effective`, a
    frame counts `(1 - beta) / (1 - beta**n)` for the n frames of its class, with
    `beta = 1 - 1 / frames`, so that many frames of one class, which resemble each other, count
    more than one and less than each.

    Args:
        clips: List of `Clip`, of which some have `expression`.
        task: `"expression"` or `"expression_8"`.
        effective: Whether weights follow the effective number of frames.

    Returns:
        Dict from index of the expression to weight, for the classes that occur. The mean weight of
        a valid frame is 1. Pass it to `windows.dataset(..., class_weights=)`.

    Raises:
        ValueError: If there is no valid frame with an expression.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> class_weights([Clip("a", ["x.jpg"] * 4, expression=[0, 0, 0, 4])])
        {0: 0.6666666666666666, 4: 2.0}

    References: Cui et al., "Class-balanced loss based on effective number of samples" (CVPR 2019),
        for `effective`.
    """
    counts = np.zeros(len(TASKS[task][0]), np.int64)
    for clip in clips:
        known = tasks.known(clip, task)
        if known.any():
            counts += np.bincount(clip.expression[known], minlength=len(counts))
    if not counts.any():
        raise ValueError(
            f"Class weights need valid frames with an expression. Received: {len(clips)} clips "
            "without any. Load a database that has them."
        )
    classes = np.flatnonzero(counts)
    numbers = counts[classes].astype(np.float64)
    if effective:
        beta = 1 - 1 / counts.sum()
        numbers = (1 - beta**numbers) / (1 - beta)
    weights = 1 / numbers
    weights *= counts.sum() / (weights * counts[classes]).sum()
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def unit_weights(clips):
    """Computes weights that give presence and absence of every action unit the same total weight.

    Formula: `frames without the unit / frames with it`, over valid frames with a known label.

    Args:
        clips: List of `Clip`, of which some have `action_units`.

    Returns:
        List of 12 weights of present units for `losses.ActionUnitLoss`; 1 for a unit that is
        always or never present.

    Raises:
        ValueError: If there is no valid frame with action units.

    Example:
        >>> from kollias_affect.clip import Clip
        >>> clip = Clip("a", ["x.jpg"] * 4, action_units=[[1] * 12, *[[0] * 12] * 3])
        >>> unit_weights([clip])[0]
        3.0
    """
    with_units = [clip for clip in clips if clip.action_units is not None]
    labels = [clip.action_units[tasks.known(clip, "action_units")] for clip in with_units]
    labels = np.concatenate(labels) if labels else np.zeros((0, len(tasks.ACTION_UNITS)))
    if not len(labels):
        raise ValueError(
            f"Weights of action units need valid frames with some. Received: {len(clips)} clips "
            "without any. Load a database that has them."
        )
    present, absent = (labels >= 0.5).sum(axis=0), (labels < 0.5).sum(axis=0)
    either = (present > 0) & (absent > 0)
    return np.where(either, absent / np.maximum(present, 1), 1).tolist()


def discretize(valence_arousal, bins=20):
    """Computes the cells of a grid over the valence-arousal square.

    Args:
        valence_arousal: Values `[..., 2]` in [-1, 1].
        bins: Number of cells per dimension, of equal width. The 20 x 20 = 400 classes of paper A
            are the default.

    Returns:
        Int64 array `[...]`: `bins * (cell of valence) + (cell of arousal)`, from 0; -1 for NaN.

    Raises:
        ValueError: If a value is outside [-1, 1].

    Example:
        >>> discretize([[-1, -1], [0, 0], [1, 1]], bins=2).tolist()
        [0, 3, 3]

    References: paper A §V.
    """
    bins = _checks.positive_integer("bins", bins)
    values = np.asarray(valence_arousal, np.float64)
    if values.shape[-1:] != (2,) or (np.abs(values) > 1).any():
        raise ValueError(
            "`valence_arousal` must be pairs in [-1, 1], last axis 2. Received: shape "
            f"{values.shape}, largest value {np.nanmax(np.abs(values), initial=0):g}. Scale them."
        )
    known = ~np.isnan(values).any(axis=-1)
    cells = np.floor((np.where(known[..., None], values, 0) + 1) / 2 * bins).astype(np.int64)
    cells = np.minimum(cells, bins - 1)  # 1.0 itself belongs to the last cell
    return np.where(known, cells[..., 0] * bins + cells[..., 1], -1)


def undiscretize(classes, bins=20):
    """Computes the centres of the cells of `discretize`.

    Args:
        classes: Integers `[...]`, from 0 to `bins ** 2 - 1`, or -1.
        bins: Number of cells per dimension.

    Returns:
        Float64 array `[..., 2]`, at most `1 / bins` away from the discretized values; NaN for -1.

    Raises:
        ValueError: If a class is out of range.

    Example:
        >>> undiscretize([0, 3], bins=2).tolist()
        [[-0.5, -0.5], [0.5, 0.5]]
    """
    bins = _checks.positive_integer("bins", bins)
    classes = np.asarray(classes)
    if (
        not np.issubdtype(classes.dtype, np.integer)
        or (classes < -1).any()
        or (classes >= bins**2).any()
    ):
        raise ValueError(
            f"`classes` must be integers from 0 to {bins**2 - 1}, or -1. Received: "
            f"{classes.dtype} such as {classes.reshape(-1)[:5].tolist()}. Use the `bins` that "
            "`discretize` was called with."
        )
    classes = classes.astype(np.int64)
    cells = np.stack([classes // bins, classes % bins], axis=-1)
    centres = (2 * cells + 1) / bins - 1
    return np.where(classes[..., None] < 0, np.nan, centres)
