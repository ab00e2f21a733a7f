"""The command starts, asks, refuses; what the server does is tested with it."""

import json
import re
import subprocess
import sys

import httpx
import pytest

from kollias_affect.annotations import texts
from kollias_affect.annotations.server import start


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    """Nothing is trained here, so that TensorBoard need not be imported."""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A video that browsers play."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            picture = np.full((48, 64, 3), 20 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_the_command_prints_an_address_that_answers_and_ends_at_an_interrupt(video, tmp_path):
    command = [sys.executable, "-m", "kollias_affect", "annotate", str(video), "--port", "0",
               "--out", str(tmp_path / "out"), "--no-open"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        address = re.search(r"http://127\.0\.0\.1:\d+/", lines[2])[0]
        assert httpx.get(f"{address}api/config", timeout=20).json()["first_viewing"] is True
        process.send_signal(2)
        assert process.wait(20) in (0, 130)  # the server may see it first
    assert (
        lines[0].startswith("clip.mp4: new")
        and lines[1].startswith("1 video.")
        and (tmp_path / "out/annotations.sqlite").is_file()
    )


def test_texts_are_printed_for_translators(ok):
    assert json.loads(ok("annotate", "--print-texts")) == texts.default()


def test_videos_that_browsers_do_not_play_are_refused_with_the_remedy(
    refused, write_video, tmp_path, numbered_pictures
):
    path = write_video(numbered_pictures, "old.avi")
    message = refused("annotate", path, "--out", tmp_path / "out", "--port", 0, "--no-open")
    assert "picture codec mpeg4" in message and "--convert" in message and "old.avi" in message


@pytest.fixture
def numbered_pictures():
    """A few pictures."""
    import numpy as np

    return [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(5)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--person", "nobody.mp4=left"], "--person must be VIDEO=LABEL"),
        (["--person", "clip.mp4"], "--person must be VIDEO=LABEL"),
        (["--playlist", "absent.csv"], "absent.csv"),
        (["--guidelines", "absent.md"], "absent.md"),
        (["--texts", "absent.json"], "absent.json"),
        (["--token", "x"], "--token must be"),
        (["--countdown", "-1"], "countdown"),
        (["--practice", "absent.mp4"], "absent.mp4"),
        (["--read-only"], "--read-only"),
        (["--host", "203.0.113.7"], "--host and --port"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_refused(refused, video, tmp_path, options, message):
    out = ["--out", tmp_path / "out", "--port", 0, "--no-open"]
    assert message in refused("annotate", video, *out, *options)


def test_copies_are_made_on_request(write_video, numbered_pictures, tmp_path):
    path = write_video(numbered_pictures, "old.avi")
    lines = []
    arguments = {"confirm": lambda unplayable: True, "report": lines.append}
    with start.prepare([path], tmp_path / "out", **arguments) as prepared:
        assert prepared.count == 1
    assert len(list((tmp_path / "out" / "copies").glob("*.mp4"))) == 1
    with start.prepare([path], tmp_path / "out", confirm=None) as prepared:  # nothing to ask
        assert prepared.count == 1


def test_guidelines_of_the_owner_replace_the_default(video, tmp_path, monkeypatch):
    (tmp_path / "own.md").write_text("# Our rules\n\nBe kind.")
    seen = {}
    monkeypatch.setattr(start.app, "create_app", lambda store, chosen: seen.update(chosen=chosen))
    options = {"confirm": None, "guidelines": tmp_path / "own.md"}
    with start.prepare([video], tmp_path / "out", **options):
        assert "<h1>Our rules</h1>" in seen["chosen"].guidelines
