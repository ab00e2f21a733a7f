"""Runs an annotation server in a thread, and visits it without a browser."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid

import httpx
import numpy as np
from pages import serving


class Visitor(httpx.Client):
    """A page without a browser."""

    def log_in(self, name, role="annotator", **settings):
        """Logs in."""
        chosen = {"dimension": "valence", "mode": "bounded", "device": "mouse", **settings}
        self.send_json("api/session", name=name, role=role, **chosen)
        return self

    def send_json(self, path, **content):
        """Posts an object and returns the answer, which must be a success."""
        response = self.post(path, json=content)
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, path, **content):
        """Posts an object that must be refused; returns the status and the code."""
        response = self.post(path, json=content)
        return response.status_code, response.json().get("code")

    def listed(self):
        """Dict from a file name to the video in the list."""
        return {v["name"]: v for v in self.get("api/videos").json()["videos"]}

    def new_take(self, video, **fields):
        """Starts a take of the first person; returns its name."""
        found = self.listed()[video]
        request = {
            "take": uuid.uuid4().hex, "video": found["video"], "dimension": "valence",
            "person": found["persons"][0]["id"], "mode": "bounded", **fields,
        }  # fmt: skip
        return self.send_json("api/takes", **request)["take"]

    def batch(self, take, sequence=0, samples=(), writer="writer-1", segment=1, **fields):
        """Sends a batch."""
        return self.post(f"api/takes/{take}/batches", json=batch(
            sequence, samples, writer, segment, **fields))  # fmt: skip

    def record(self, take, values, times):
        """Records a whole trace and finishes the take."""
        samples = [[t, 1000 * t, *np.atleast_1d(v)] for t, v in zip(times, values, strict=True)]
        assert self.batch(take, samples=samples).status_code == 200
        return self.send_json(f"api/takes/{take}/finish")


def batch(sequence, samples=(), writer="writer-1", segment=1, **fields):
    """A batch as the page sends it."""
    return {
        "writer": writer, "sequence": sequence, "segment": segment,
        "samples": [list(map(float, row)) for row in samples], "events": [], "device": {},
        "origin": 0.0, "presented": 0, "dropped": 0, **fields,
    }  # fmt: skip


@contextlib.contextmanager
def running(paths, out, **options):
    """Yields a server in a thread, as `Prepared`."""
    from kollias_affect.annotations.server import start

    options = {"first_viewing": False, "countdown": 0, "order": "given", **options}
    with (
        start.prepare(paths, out, confirm=lambda unplayable: False, **options) as prepared,
        serving(prepared),
    ):
        yield prepared


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
