"""Stages of a pipeline in threads: one that runs ahead, and one that several threads share."""

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


def parallel(function, items, threads):
    """Yields `function(item)` for the items of a generator, in their order, from several threads.

    Up to two items a thread are in work or wait, which bounds the memory. An exception is raised
    after the results before it.

    Args:
        function: Function of one item, which several threads call at the same time.
        items: Generator. It is closed at the end, or when this generator is closed.
        threads: Number of threads.

    Yields:
        The results.
    """
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    waiting = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()
