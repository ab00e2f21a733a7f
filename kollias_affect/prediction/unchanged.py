"""Frames whose face has not changed, which need no run of the network."""

import numpy as np

# One level of an 8-bit channel in the range [-1, 1] of the inputs of a network.
_LEVEL = 1 / 127.5


def sources(crops, level):
    """Returns, for each crop, the number of the crop whose outputs it takes.

    A crop takes the outputs of the last one that ran if the root mean square of the difference of
    the two, over all pixels and channels, is at most `level`. Landmarks, if there are any, must
    differ by at most as much in the range [-1, 1] of the network's inputs, `level / 127.5`, in
    every number. A crop is compared with the one that ran and not with its neighbour, so that
    changes do not add up: the bound holds for every frame, however long a face keeps still.

    Args:
        crops: Iterable of `(crop, landmarks)`: uint8 `[size, size, 3]`, and float `[68, 2]` in
            [-1, 1] or `None`.
        level: Bound in levels of 0 to 255. With 0 only equal crops are left out, and the outputs
            are those of all frames.

    Returns:
        Integers `[crops]`; a crop that runs has its own number.

    Example:

    >>> crops = [(np.full((2, 2, 3), value, np.uint8), None) for value in (10, 11, 12, 13)]
    >>> sources(crops, 1).tolist(), sources(crops, 0).tolist()
    ([0, 0, 2, 2], [0, 1, 2, 3])
    """
    found, last = [], None
    for number, (crop, landmarks) in enumerate(crops):
        if last is None or not _is_close(crop, landmarks, *last, level):
            last, source = (crop, landmarks), number
        found.append(source)
    return np.array(found, int)


def _is_close(crop, landmarks, other, other_landmarks, level):
    difference = crop.astype(np.int32) - other
    if np.mean(difference * difference) > level**2:
        return False
    if landmarks is None:
        return True
    return np.abs(landmarks - other_landmarks).max() <= level * _LEVEL
