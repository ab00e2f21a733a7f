"""Frames that several threads search give the outputs of one thread."""

import threading
import time

import pytest

from kollias_affect import faces
from kollias_affect.faces.prefetch import parallel


def test_results_keep_the_order_of_the_items():
    def slow_first(number):
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(parallel(slow_first, iter_of(20), 3)) == list(range(20))


def iter_of(count, taken=None):
    for number in range(count):
        if taken is not None:
            taken.append(number)
        yield number


def test_waiting_items_are_bounded():
    taken = []
    results = parallel(lambda number: number, iter_of(100, taken), 2)
    assert next(results) == 0
    assert len(taken) <= 4
    results.close()


def test_several_threads_work_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    assert len(list(parallel(lambda _: together.wait(), iter_of(3), 3))) == 3


def test_an_error_comes_after_the_results_before_it():
    def fail(number):
        if number == 2:
            raise ValueError("two")
        return number

    seen = []
    with pytest.raises(ValueError, match="two"):
        for result in parallel(fail, iter_of(9), 2):
            seen.append(result)
    assert seen == [0, 1]


def test_the_outputs_do_not_depend_on_the_number_of_threads(face_video, tmp_path):
    for threads in (1, 3):
        faces.extract(face_video, tmp_path / str(threads), threads=threads)
    one, three = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "1", tmp_path / "3")
        if folder.is_dir()
    )
    assert one == three and len(one) > 20


def test_a_callable_is_called_in_one_thread(face_video, tmp_path):
    threads = set()

    def detect(image):
        threads.add(threading.get_ident())
        return []

    faces.extract(face_video, tmp_path, detector=detect, threads=3)
    assert len(threads) == 1


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_a_number_of_threads_that_is_none_is_refused(threads, face_video, tmp_path):
    with pytest.raises(ValueError, match="threads"):
        faces.extract(face_video, tmp_path, threads=threads)
