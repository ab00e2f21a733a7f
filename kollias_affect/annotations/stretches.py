"""Stretches of time: lists of pairs (start, stop) in seconds."""


def union(stretches, slack=0.0):
    """Joins stretches that overlap, or whose distance is at most `slack` seconds.

    Example:
        >>> union([(3, 5), (0, 1), (4, 6), (1.1, 2)], slack=0.2)
        [[0, 2], [3, 6]]
    """
    joined = []
    for start, stop in sorted(map(tuple, stretches)):
        if joined and start <= joined[-1][1] + slack:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    return joined


def length(stretches):
    """Returns the number of seconds that stretches cover together.

    Example:
        >>> length([(0, 2), (1, 3)])
        3
    """
    return sum(stop - start for start, stop in union(stretches))
