"""Prefetching: a stage of a pipeline runs in a thread beside the stage that uses its items."""

import collections
import concurrent.futures

_END = object()


def prefetch(items, depth=2):
    """Yields the items of a generator that runs in a thread, up to `depth` items ahead.

    Decoding, dlib and OpenCV release Python's lock, so joined stages run on several cores. The
    order of the items does not change, and an exception is raised after the items before it.

    Args:
        items: Generator. It is closed at the end, or when this generator is closed.
        depth: Maximum number of items that wait, which bounds the memory.

    Yields:
        The items.
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
