"""How complete a trace is: what an annotator sees at its end."""

import numpy as np

from kollias_affect.annotations import traces

CONSTANT = 10.0  # seconds without a movement that are reported


def measure(trace, duration, presented=0, dropped=0):
    """Measures how complete a trace is.

    Args:
        trace: `traces.Trace`.
        duration: Length of the video in seconds.
        presented: Frames that the player showed or dropped while the trace was recorded.
        dropped: Frames that it dropped.

    Returns:
        Dict: `samples`; `rate` (samples per second of the covered time); `covered` (share of the
        video that is not in a gap); `late_start` and `early_end` (seconds); `gaps` (stretches of
        more than 0.5 s without a sample, the ends included); `constant` (stretches of at least
        10 s in which no value changes); `presented`, `dropped`, `dropped_share`; `least` and
        `greatest` value of each dimension.

    Example:
        >>> import numpy as np
        >>> times = np.arange(2, 8, 0.1)
        >>> trace = traces.Trace(times, np.sin(times)[:, None], times * 1000, times * 0)
        >>> findings = measure(trace, duration=10)
        >>> findings["covered"], findings["gaps"]
        (0.59, [[0.0, 2.0], [7.9, 10.0]])
    """
    times, values = trace.times, trace.values
    gaps = _gaps(times, duration)
    missing = sum(stop - start for start, stop in gaps)
    covered = 1 - missing / duration if duration > 0 else float(len(times) > 0)
    seconds = duration - missing
    return {
        "samples": len(times),
        "rate": round(len(times) / seconds, 2) if seconds > 0 else 0.0,
        "covered": round(float(np.clip(covered, 0, 1)), 4),
        "late_start": _rounded(times[0] if len(times) else duration),
        "early_end": _rounded(max(duration - times[-1], 0) if len(times) else duration),
        "gaps": [[_rounded(start), _rounded(stop)] for start, stop in gaps],
        "constant": [[_rounded(a), _rounded(b)] for a, b in _constant(times, values)],
        "presented": int(presented),
        "dropped": int(dropped),
        "dropped_share": round(dropped / presented, 4) if presented else 0.0,
        "least": [_rounded(v) for v in values.min(axis=0)] if len(times) else [],
        "greatest": [_rounded(v) for v in values.max(axis=0)] if len(times) else [],
    }


def _rounded(seconds):
    return round(float(seconds), 3)


def _gaps(times, duration):
    edges = np.concatenate([[0.0], times, [max(duration, times[-1] if len(times) else 0)]])
    wide = np.flatnonzero(np.diff(edges) > traces.gap_of(times))
    return [(float(edges[i]), float(edges[i + 1])) for i in wide]


def _constant(times, values):
    """Stretches of at least `CONSTANT` seconds in which no value changes and nothing is missing."""
    if not len(times):
        return []
    changes = (np.diff(values, axis=0) != 0).any(axis=1) | (np.diff(times) > traces.gap_of(times))
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    stops = np.concatenate([starts[1:] - 1, [len(times) - 1]])
    long = times[stops] - times[starts] >= CONSTANT
    return list(zip(times[starts[long]].tolist(), times[stops[long]].tolist(), strict=True))
