"""The server is killed while somebody records."""

import random
import threading
import time

import httpx
import numpy as np
import pytest
from annotation_visits import KilledServer, Visitor

from kollias_affect.annotations.store import Store


def record_while_killed(server, page, take, kills, generator):
    """Sends batches without a pause while the server is killed; returns what was acknowledged."""
    acknowledged, done = [], threading.Event()

    def send():
        sequence = 0
        while not done.is_set():
            rows = [[(sequence % 100) / 50, sequence, k / 100] for k in range(30)]
            try:
                answer = page.batch(take, sequence, rows)
            except httpx.TransportError:
                time.sleep(0.005)  # as the page does: the same batch again
                continue
            assert answer.status_code == 200, answer.text
            acknowledged.append(sequence)
            sequence += 1

    thread = threading.Thread(target=send)
    thread.start()
    try:
        for _ in range(kills):
            time.sleep(generator.uniform(0.02, 0.4))
            server.kill()
            server.start()
        time.sleep(0.2)
    finally:
        done.set()
        thread.join()
    return acknowledged


@pytest.mark.parametrize("kills", [1, pytest.param(100, marks=pytest.mark.nightly)])
def test_a_killed_server_loses_no_acknowledged_batch_and_doubles_none(
    kills, numbered_video, tmp_path
):
    server = KilledServer(numbered_video, tmp_path)
    server.start()
    try:
        with Visitor(base_url=server.address, timeout=20) as page:
            take = page.log_in("A1").new_take("numbers.mp4")
            acknowledged = record_while_killed(server, page, take, kills, random.Random(kills))
            # The session outlives the server.
            assert page.listed()["numbers.mp4"]["takes"][0]["samples"] == 30 * len(acknowledged)
    finally:
        server.kill()
    with Store(tmp_path, read_only=True) as store:
        stored = np.concatenate(store.takes.segments(store.takes.get(take)["id"]))
    assert len(acknowledged) > kills
    np.testing.assert_array_equal(stored[::30, 1], acknowledged)
    assert len(stored) == 30 * len(acknowledged)
