"""The command serves or writes the page; tests/prediction/view tests the page."""

import re
import subprocess
import sys

import httpx
import pytest


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    """Nothing is trained here, so that TensorBoard need not be imported."""


@pytest.fixture
def out(tmp_path):
    """An output folder of a prediction with one video."""
    header = "input,frame,timestamp,face_id,success,valence,arousal"
    (tmp_path / "talk.csv").write_text(f"{header}\ntalk.mp4,1,0.0,0,1,0.5,0.25\n")
    return tmp_path


def test_the_command_prints_an_address_that_answers_and_ends_at_an_interrupt(out):
    command = [sys.executable, "-m", "kollias_affect", "view", str(out), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
        (entry,) = httpx.get(f"{address}index.json", timeout=20).json()["entries"]
        process.send_signal(2)
        assert process.wait(20) in (0, 130)  # the server may see it first
    assert line.startswith("1 input. Open ") and entry["name"] == "talk.mp4"


def test_the_page_is_saved_and_its_path_printed(ok, out, tmp_path):
    path = tmp_path / "pages" / "page.html"
    assert ok("view", out, "--save", path).strip() == str(path)
    assert "talk.mp4" in path.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--embed",), "--embed needs --save FILE"),
        (("--media", "absent"), "--media must be a video, an image or a folder"),
        (("--token", "short"), "--token must be at least 8"),
        (("--host", "192.0.2.1"), "--host and --port must be an address of this machine"),
    ],
)
def test_wrong_options_are_refused(refused, out, arguments, message):
    assert message in refused("view", out, *arguments)


def test_a_folder_of_something_else_is_refused(refused, tmp_path):
    assert "Run `kollias-affect predict` first" in refused("view", tmp_path)
    assert "which is no folder" in refused("view", tmp_path / "absent")
