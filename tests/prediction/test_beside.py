"""The thread beside the main one."""

import threading

import pytest

from kollias_affect.prediction.beside import Beside


def test_jobs_run_in_their_order_and_report_their_errors():
    done = []

    def fail(stopped):
        done.append("fail")
        raise OSError("disk full")

    with Beside() as beside:
        beside.submit("a", fail)
        beside.submit("b", lambda stopped, x: done.append(x), "later")
        errors = beside.errors()
    assert done == ["fail", "later"]
    assert list(errors) == ["a"] and str(errors["a"]) == "disk full"


def test_a_running_job_ends_when_the_block_is_interrupted():
    started, ended, waiting = threading.Event(), threading.Event(), []

    def endless(stopped):
        started.set()
        try:
            while True:
                stopped.raise_if_set()
                stopped.wait(0.01)
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt), Beside() as beside:
        beside.submit("a", endless)
        beside.submit("b", lambda stopped: waiting.append("ran"))
        assert started.wait(10)
        raise KeyboardInterrupt
    assert ended.is_set() and not waiting
