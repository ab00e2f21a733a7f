"""The annotator whose traces follow the landmarks of the face most.

Paper C trains on "the one with the highest correlation to the landmarks" (§4.2.2.1, table 11) and
does not print how one trace is correlated with 68 points. Here it is the multiple correlation with
the principal components of the landmarks, on frames that the regression has not seen.

References: paper C §4.2.2.1.
"""

import typing

import numpy as np

from kollias_affect import _checks

COMPONENTS = (1, 2, 4, 8, 16)
FOLDS = 5
MIN_FRAMES = 10  # per fold; shorter videos say nothing about a correlation


class LandmarkCorrelation(typing.NamedTuple):
    """Result of `most_correlated`.

    Attributes:
        annotator: Index of the annotator with the highest correlation.
        correlations: Mean correlation of each annotator over videos and dimensions, float64
            `[annotators]`; NaN for an annotator without a video.
        components: Number of principal components.
        videos: Correlations of each video, float64 `[videos, annotators]`; NaN where the annotator
            has no trace, or the video is too short.
    """

    annotator: int
    correlations: np.ndarray
    components: int
    videos: np.ndarray


def most_correlated(traces, landmarks, components=COMPONENTS, folds=FOLDS):
    """Finds the annotator whose traces correlate most with the landmarks.

    For each video, the traces are predicted from the first principal components of the landmarks by
    least squares, without their means. The video is cut into `folds` consecutive parts, and each
    part is predicted from the others: on the frames of the regression itself, 136 numbers a frame
    would correlate with any trace. A correlation is Pearson's between the trace and these
    predictions. All annotators have the same number of components, the one with the highest mean
    correlation. The mean over videos (and over dimensions) decides, so that one annotator is chosen
    for a whole database; pass one video to choose for it alone.

    Args:
        traces: Traces of one video, `[annotators, frames]` or `[annotators, frames, dims]`, or a
            list of those, with the same annotators in the same order. An annotator without a video
            has NaN there.
        landmarks: Landmarks of one video, `[frames, 68, 2]`, or a list of those. Frames with NaN
            are left out.
        components: Numbers of components to choose from.
        folds: Number of consecutive parts.

    Returns:
        `LandmarkCorrelation`. A constant trace has correlation 0.

    Raises:
        ValueError: If shapes differ, an argument is out of range, or no video has at least
            10 frames with landmarks per fold.

    Example:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> mouth = np.sin(np.arange(200) / 9)
        >>> landmarks = 0.01 * random.normal(size=(200, 68, 2))
        >>> landmarks[:, 48:, 1] += mouth[:, None]
        >>> others = random.normal(size=(2, 200)).cumsum(axis=1)
        >>> most_correlated([others[0], mouth, others[1]], landmarks).annotator
        1

    References: paper C §4.2.2.1, table 11.
    """
    folds = _checks.integer_between("folds", folds, 2, 100)
    components = sorted({_checks.integer_between("components", c, 1, 136) for c in components})
    if not components:
        raise ValueError(
            "`components` must hold at least one number. Received: none. Use, for example, "
            f"{COMPONENTS}."
        )
    traces, landmarks = _videos(traces, landmarks)
    pairs = zip(traces, landmarks, strict=True)
    videos = np.stack([_video_correlations(t, p, components, folds) for t, p in pairs])
    if np.isnan(videos).all():
        raise ValueError(
            f"A correlation with the landmarks needs a video with {MIN_FRAMES * folds} frames that "
            f"have landmarks and a trace. Received: {len(videos)} videos, none of which has so "
            "many. Extract the faces of longer videos, or use fewer `folds`."
        )
    means = _nanmean(videos, axis=0)  # [components, annotators]
    best = int(np.argmax(_nanmean(means, axis=1)))
    return LandmarkCorrelation(
        int(np.nanargmax(means[best])), means[best], components[best], videos[:, best]
    )


def _videos(traces, landmarks):
    """Returns lists of traces `[annotators, frames, dims]` and of landmarks `[frames, 136]`."""
    if not isinstance(landmarks, (list, tuple)):
        traces, landmarks = [traces], [landmarks]
    traces, landmarks = list(traces), list(landmarks)
    if len(traces) != len(landmarks) or not traces:
        raise ValueError(
            "Every video must have traces and landmarks. Received: "
            f"{len(traces)} and {len(landmarks)}. Pass two lists of the same length."
        )
    traces = [np.asarray(values, np.float64) for values in traces]
    traces = [values[..., None] if values.ndim == 2 else values for values in traces]
    landmarks = [np.asarray(points, np.float64) for points in landmarks]
    annotators = traces[0].shape[:1]
    for i, (values, points) in enumerate(zip(traces, landmarks, strict=True)):
        fits = values.ndim == 3 and points.shape == (values.shape[1], 68, 2)
        if not fits or values.shape[:1] != annotators or 0 in values.shape:
            raise ValueError(
                "Traces must be [annotators, frames] of the same annotators, and landmarks "
                f"[frames, 68, 2] of the same frames. Received: traces {values.shape} and "
                f"landmarks {points.shape} in video {i + 1}. Match every annotator to the frames "
                "first (`match`)."
            )
    return traces, [points.reshape(len(points), -1) for points in landmarks]


def _video_correlations(traces, landmarks, components, folds):
    """Returns the correlations of one video, `[components, annotators]`."""
    result = np.full((len(components), len(traces)), np.nan)
    has_face = np.isfinite(landmarks).all(axis=1)
    # Annotators who rated the same frames share a regression.
    rated = np.isfinite(traces).all(axis=2) & has_face
    for frames in np.unique(rated, axis=0):
        if frames.sum() < MIN_FRAMES * folds:
            continue
        members = np.flatnonzero((rated == frames).all(axis=1))
        values = traces[members][:, frames].transpose(1, 0, 2)  # frames, annotators, dims
        predictions = _predict(landmarks[frames], values, components, folds)
        for i, predicted in enumerate(predictions):
            result[i, members] = _pearson(values, predicted).mean(axis=-1)
    return result


def _predict(landmarks, values, components, folds):
    """Yields for each number of components the predictions of unseen frames, as `values`."""
    flat = values.reshape(len(values), -1)
    # Means are those of the video. A mean of the other parts would be high where the part is low,
    # and correlate negatively with it.
    points, targets = landmarks - landmarks.mean(axis=0), flat - flat.mean(axis=0)
    predictions = np.empty((len(components), *flat.shape))
    for part in np.array_split(np.arange(len(flat)), folds):
        rest = np.setdiff1d(np.arange(len(flat)), part, assume_unique=True)
        axes = _principal_axes(points[rest] - points[rest].mean(axis=0), max(components))
        scores, unseen = points[rest] @ axes, points[part] @ axes
        for i, count in enumerate(components):
            slopes = np.linalg.lstsq(scores[:, :count], targets[rest], rcond=None)[0]
            predictions[i, part] = unseen[:, :count] @ slopes
    return predictions.reshape(len(components), *values.shape)


def _principal_axes(centred, count):
    """Returns the directions of largest variance, `[136, axes]`, none without variance."""
    variances, axes = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(-variances)[:count]
    order = order[variances[order] > 1e-10 * max(variances.max(), np.finfo(float).tiny)]
    return axes[:, order]


def _pearson(first, second):
    """Pearson's correlation along the first axis; 0 where one is constant."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    norms = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    # Rounding errors of a constant are no variance.
    varied = norms > 1e-12
    return np.where(varied, (first * second).sum(axis=0) / np.where(varied, norms, 1), 0)


def _nanmean(values, axis):
    """Mean without NaN; NaN where nothing else is."""
    counts = np.isfinite(values).sum(axis=axis)
    sums = np.nansum(values, axis=axis)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
