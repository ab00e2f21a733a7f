import threading

import pytest

from kollias_affect.faces.prefetch import prefetch


def test_items_keep_their_order():
    assert list(prefetch(i * i for i in range(50))) == [i * i for i in range(50)]
    assert list(prefetch(i for i in ())) == []


def test_items_come_from_another_thread():
    assert next(prefetch(threading.get_ident() for _ in range(3))) != threading.get_ident()


def test_no_more_than_depth_items_wait():
    made = []
    stage = prefetch((made.append(i) or i for i in range(100)), depth=3)
    next(stage)
    next(stage)
    assert len(made) <= 2 + 3
    stage.close()


def test_an_exception_is_raised_after_the_items_before_it():
    def broken():
        yield 1
        yield 2
        raise OSError("torn")

    stage = prefetch(broken())
    assert [next(stage), next(stage)] == [1, 2]
    with pytest.raises(OSError, match="torn"):
        next(stage)


def test_closing_closes_the_generator_and_ends_its_thread():
    closed = []

    def endless():
        try:
            while True:
                yield threading.current_thread()
        finally:
            closed.append(True)

    stage = prefetch(endless())
    thread = next(stage)
    stage.close()
    assert closed == [True] and not thread.is_alive()
