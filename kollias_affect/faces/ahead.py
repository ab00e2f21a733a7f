"""Work done ahead in a thread: a stage of a pipeline runs beside the one that uses it."""

import collections
import concurrent.futures

_END = object()


def ahead(items, depth=2):
    """Yields the items of a generator, which runs in a thread up to `depth` items ahead.

    Decoding, dlib and OpenCV work without Python's lock, so that stages joined by this run on
    several cores. Their order, and an exception of theirs, are as without it.

    Args:
        items: generator; closed at the end, or when this one is closed.
        depth: items that may wait; so memory is bounded.
    """
    pool = concurrent.futures.ThreadPoolExecutor(1)
    try:
        waiting = collections.deque(pool.submit(next, items, _END) for _ in range(depth))
        while (item := waiting.popleft().result()) is not _END:
            waiting.append(pool.submit(next, items, _END))
            yield item
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()
