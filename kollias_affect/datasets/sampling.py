"""Splits of a dataset by person, balance of its labels, and their classes."""

import dataclasses
import warnings

import numpy as np

from kollias_affect import _checks
from kollias_affect.clip import Clips
from kollias_affect.tasks import EXPRESSIONS

# Signs of valence and arousal; 0 counts as positive.
QUADRANTS = ("+v+a", "-v+a", "+v-a", "-v-a")
# Paper C §4.2: shares of the training set after duplication, in that order.
PAPER_SHARES = (0.43, 0.24, 0.19, 0.14)


def split(clips, validation=0.2, seed=0):
    """Splits clips so that no subject is on both sides.

    Args:
        clips: list of `Clip`.
        validation: share of the subjects for validation, in (0, 1); at least one.
        seed: which subjects.

    Returns:
        `(training, validation)`, two lists of `Clip` in the order of `clips`.

    Raises:
        ValueError: if the share is outside (0, 1), or there are fewer than two subjects.
    """
    if not 0 < validation < 1:
        raise ValueError(
            f"`validation` must be a share between 0 and 1. Received: {validation}. Use 0.2, say."
        )
    subjects = sorted({clip.subject for clip in clips})
    if len(subjects) < 2:
        raise ValueError(
            "A split by person needs at least two subjects. Received: "
            f"{len(subjects)} in {len(clips)} clips. Give a validation set of its own."
        )
    count = min(max(1, round(validation * len(subjects))), len(subjects) - 1)
    chosen = set(np.random.default_rng(seed).permutation(subjects)[:count].tolist())
    training = [clip for clip in clips if clip.subject not in chosen]
    return training, [clip for clip in clips if clip.subject in chosen]


def refuse_common_subjects(first, second, names):
    """Raises `ValueError` if a subject is in both of two lists of `Clip`, called `names`."""
    common = {clip.subject for clip in first} & {clip.subject for clip in second}
    if common:
        raise ValueError(
            f"No subject may be in both {names}. Received in both: {sorted(common)[:5]}. Split "
            "with `datasets.sampling.split`."
        )


def stratified_split(clips, parts=2, seed=0):
    """Cuts off one of `parts` equal parts for testing, by subject, with like shares of classes.

    Args:
        clips: list of `Clip` with `expression`; a clip counts by its most frequent one.
        parts: 2 for halves, 5 for a fifth.
        seed: which subjects.

    Returns:
        `(training, test)`, two lists of `Clip` in the order of `clips`. Rare classes may be
        missing on one side if few subjects show them.

    Raises:
        ValueError: if there are fewer subjects than parts, or a clip has no valid expression.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    parts = _checks.integer_between("parts", parts, 2, 10**6)
    subjects = [clip.subject for clip in clips]
    if len(set(subjects)) < parts:
        raise ValueError(
            f"There must be at least as many subjects as parts. Received: parts={parts} and "
            f"{len(set(subjects))} subjects. Give a test set of its own."
        )
    labels = [_most_frequent(clip) for clip in clips]
    folds = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer clips than parts, see above
        training, test = next(folds.split(labels, labels, subjects))
    return [clips[i] for i in training], [clips[i] for i in test]


def _most_frequent(clip):
    if clip.expression is None or not clip.valid.any():
        raise ValueError(
            f"Every clip must have a valid expression. Received: {clip!r}. Leave it out."
        )
    return int(np.bincount(clip.expression[clip.valid]).argmax())


def person_folds(clips, folds=5, seed=0):
    """Cuts clips into folds for cross-validation in which nobody is on both sides.

    Subjects are dealt out in a random order, each to the fold with the fewest valid frames so
    far; the result does not depend on the order of `clips`.

    Args:
        clips: list of `Clip`.
        folds: number of folds (paper C: 5 on AFEW-VA; 10 is as common).
        seed: which subjects go together.

    Returns:
        list of `folds` pairs `(training, validation)`, lists of `Clip` in the order of `clips`;
        every clip is in exactly one validation part.

    Raises:
        ValueError: if there are fewer subjects than folds, or fewer than two folds.
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
    fold_of, totals = {}, np.zeros((folds, 2), np.int64)  # frames, subjects
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
    """Shares of the quadrants before and after `balance_quadrants`, in [0, 1].

    Attributes:
        before, after: dict from the names in `QUADRANTS` to shares of the valid frames.
        frames_before, frames_after: numbers of valid frames.
    """

    before: dict
    after: dict
    frames_before: int
    frames_after: int

    def __str__(self):
        shares = (f"{n} {self.before[n]:.1%} -> {self.after[n]:.1%}" for n in QUADRANTS)
        return f"{self.frames_before:,} -> {self.frames_after:,} frames: {', '.join(shares)}"


def balance_quadrants(clips, shares=PAPER_SHARES, seed=0, length=80):
    """Duplicates runs of consecutive frames until the four V-A quadrants have given shares.

    Nothing is taken away: as few frames as possible are added. A run is at most `length`
    consecutive valid frames of one clip in one quadrant, and becomes a clip of its own
    (`<key>+<number>`, same subject), so that no window holds frames that did not follow each
    other. Long runs come first, in a random order of clips. Split by subject before, not after.

    Args:
        clips: list of `Clip` with `valence_arousal`.
        shares: of the quadrants in the order of `QUADRANTS`, or a dict from those names; their
            sum is 1. Default: paper C's.
        seed: which runs.
        length: frames per window, see `windows.dataset`.

    Returns:
        `Clips`, the given ones and the duplicates; its `report` is a `Balance`, and says the
        shares before and after. The latter are right within one frame per quadrant.

    Raises:
        ValueError: if labels are missing, no frame is valid, shares do not add up to 1, or a
            quadrant has frames and no share.

    Warns:
        UserWarning: if a quadrant has a share and no frames; the others keep their proportions.

    References: paper C §4.2.
    """
    shares = _shares(shares)
    length = _checks.positive_integer("length", length)
    of_frame = [_quadrants(clip) for clip in clips]
    counts = np.bincount(np.concatenate([q[q >= 0] for q in of_frame] or [[]]).astype(int))
    counts = np.pad(counts, (0, len(QUADRANTS) - len(counts)))
    shares = _possible(counts, shares)
    present = shares > 0
    total = (counts[present] / shares[present]).max()
    missing = np.maximum(np.round(total * shares).astype(np.int64) - counts, 0)
    random = np.random.default_rng(seed)
    # The order of the clips must not matter.
    by_key = sorted(range(len(clips)), key=lambda i: clips[i].key)
    copies = []
    for quadrant, frames in enumerate(missing):
        runs = [
            (clips[i], start, stop)
            for i in by_key
            for start, stop in _runs(of_frame[i] == quadrant, length)
        ]
        copies += _copied(runs, int(frames), random)
    result = Clips([*clips, *_duplicates(copies, {clip.key for clip in clips})])
    after = counts + missing
    result.report = Balance(
        dict(zip(QUADRANTS, (counts / counts.sum()).tolist(), strict=True)),
        dict(zip(QUADRANTS, (after / after.sum()).tolist(), strict=True)),
        int(counts.sum()),
        int(after.sum()),
    )
    return result


def _shares(shares):
    if isinstance(shares, dict):
        for name in shares:
            _checks.one_of("quadrant", name, QUADRANTS)
        shares = [shares.get(name, 0) for name in QUADRANTS]
    shares = np.asarray(shares, np.float64)
    good = shares.shape == (len(QUADRANTS),) and (shares >= 0).all()
    if not good or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"`shares` must be four shares of the quadrants {QUADRANTS} that add up to 1. "
            f"Received: {shares.tolist()}. Use {PAPER_SHARES}, say."
        )
    return shares


def _quadrants(clip):
    """Index into `QUADRANTS` of each frame, `[frames]`; -1 for those that do not count."""
    if clip.valence_arousal is None:
        raise ValueError(
            f"Quadrants need valence and arousal of every clip. Received: {clip!r}. Load a set "
            "that has them."
        )
    negative = clip.valence_arousal < 0
    return np.where(clip.valid, negative[:, 0] + 2 * negative[:, 1], -1)


def _possible(counts, shares):
    """The shares of the quadrants that have frames: duplication makes none where there are none."""
    if not counts.any():
        raise ValueError(
            "Quadrants are balanced by duplicating valid frames. Received: clips without any. "
            "Check that they have images and labels."
        )
    for name, count, share in zip(QUADRANTS, counts, shares, strict=True):
        if count and not share:
            raise ValueError(
                "Frames are only ever added, by duplication: a quadrant that has frames needs a "
                f"share. Received: {name} with {count} frames and a share of 0. Give it one, or "
                "leave those frames out."
            )
        if share and not count:
            warnings.warn(
                f"The quadrant {name} shall have a share of {share:.1%} and has no frames. The "
                "others keep their proportions.",
                stacklevel=3,
            )
    shares = np.where(counts > 0, shares, 0)
    return shares / shares.sum()


def _runs(inside, length):
    """`(start, stop)` of the runs of true values, cut into pieces of at most `length`."""
    edges = np.flatnonzero(np.diff(np.r_[False, inside, False]))
    for start, stop in edges.reshape(-1, 2).tolist():
        for begin in range(start, stop, length):
            yield begin, min(begin + length, stop)


def _copied(runs, frames, random):
    """Runs that have `frames` frames together: all of them, again and again, the last one cut."""
    chosen = []
    while frames > 0:
        order = random.permutation(len(runs)).tolist()
        order.sort(key=lambda i: runs[i][1] - runs[i][2])  # long ones first
        for i in order:
            clip, start, stop = runs[i]
            stop = min(stop, start + frames)
            chosen.append((clip, start, stop))
            frames -= stop - start
            if frames <= 0:
                break
    return chosen


def _duplicates(copies, keys):
    """Clips of the copied runs, sorted by key and number, with keys that are not in `keys`."""
    made = {}
    for clip, start, stop in copies:
        parts, last = made.get(clip.key, ([], 0))
        last += 1
        while f"{clip.key}+{last}" in keys:  # balanced before
            last += 1
        parts.append(clip.part(start, stop, f"{clip.key}+{last}"))
        made[clip.key] = parts, last
    return [part for key in sorted(made) for part in made[key][0]]


def class_weights(clips):
    """Weights that make the expressions count alike: frames / (classes * frames of the class).

    Args:
        clips: list of `Clip` with `expression`.

    Returns:
        dict from index in `EXPRESSIONS` to weight, for the classes that occur; the mean weight of
        a valid frame is 1. Pass it to `windows.dataset(..., class_weights=)`.

    Raises:
        ValueError: if there is no valid frame with an expression.
    """
    counts = np.zeros(len(EXPRESSIONS), np.int64)
    for clip in clips:
        if clip.expression is not None:
            counts += np.bincount(clip.expression[clip.valid], minlength=len(EXPRESSIONS))
    if not counts.any():
        raise ValueError(
            f"Class weights need valid frames with an expression. Received: {len(clips)} clips "
            "without. Load a set that has them."
        )
    classes = np.flatnonzero(counts)
    weights = counts.sum() / (len(classes) * counts[classes])
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def discretize(valence_arousal, bins=20):
    """Cells of a grid over the V-A square: 20 x 20 = 400 classes in paper A's future work.

    Args:
        valence_arousal: `[..., 2]` in [-1, 1].
        bins: cells per dimension, of equal width.

    Returns:
        int64 `[...]`: `bins * (cell of valence) + cell of arousal`, from 0; -1 for NaN.

    Raises:
        ValueError: if a value is outside [-1, 1].

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
    """Centres of the cells that `discretize` numbers.

    Args:
        classes: integers `[...]`, from 0 to `bins ** 2 - 1`, or -1.
        bins: cells per dimension.

    Returns:
        float64 `[..., 2]`, at most `1 / bins` away from what was discretised; NaN for -1.

    Raises:
        ValueError: if a class is out of range.
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
