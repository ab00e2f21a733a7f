"""The server is killed while somebody records."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import numpy as np
import pytest
from annotation_visits import Visitor

from kollias_affect.annotations.store import Store


class KilledServer:
    """A server process that is killed and started again on the same port."""

    def __init__(self, video, out):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        arguments = f"annotate {video} --out {out} --port {self.port} --no-open --no-first-viewing"
        self.command = [sys.executable, "-m", "kollias_affect", *arguments.split()]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                return httpx.get(f"{self.address}api/config", timeout=5)
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError("the server does not start")

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


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


@pytest.mark.parametrize("kills", [2, pytest.param(100, marks=pytest.mark.nightly)])
def test_a_killed_server_loses_no_acknowledged_batch_and_doubles_none(
    kills, numbered_video, tmp_path
):
    server = KilledServer(numbered_video, tmp_path)
    server.start()
    try:
        with Visitor(base_url=server.address, timeout=20) as page:
            take = page.log_in("Ada").new_take("numbers.mp4")
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
