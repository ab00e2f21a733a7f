"""Settings of the property tests of annotations, small videos, and running servers."""

import contextlib

import hypothesis
import numpy as np
import pytest
from annotation_visits import Visitor, running
from pages import FRAMES, RATE, numbered_pictures, write_h264

# The same examples on every machine.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("quick")


@pytest.fixture(scope="session")
def numbered_video(tmp_path_factory):
    """MP4 of four seconds at 30 frames per second whose frames show their number, from 0."""
    path = tmp_path_factory.mktemp("numbered") / "numbers.mp4"
    return write_h264(path, numbered_pictures(), np.arange(FRAMES) / RATE)


@pytest.fixture(scope="session")
def second_video(tmp_path_factory):
    """Another video, of two seconds."""
    path = tmp_path_factory.mktemp("second") / "second.mp4"
    pictures = (255 - picture for picture in numbered_pictures(60))
    return write_h264(path, pictures, np.arange(60) / RATE)


@pytest.fixture(scope="session")
def late_video(tmp_path_factory):
    """A video of two seconds whose first frame has the time stamp 1.5 s."""
    path = tmp_path_factory.mktemp("late") / "late.mp4"
    return write_h264(path, numbered_pictures(60), 1.5 + np.arange(60) / RATE)


@pytest.fixture(scope="session")
def long_video(tmp_path_factory):
    """A video of fifteen minutes and less than a megabyte."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    pictures = (np.full((240, 320, 3), i % 250, np.uint8) for i in range(900))
    return write_h264(path, pictures, np.arange(900))


@pytest.fixture
def serve(tmp_path):
    """Returns a function that starts a server of videos in `tmp_path / "out"`."""
    with contextlib.ExitStack() as stack:
        yield lambda *paths, out=None, **options: stack.enter_context(
            running(paths, out or tmp_path / "out", **options)
        )


@pytest.fixture
def visit():
    """Returns a function that opens a server, and optionally logs in."""
    with contextlib.ExitStack() as stack:

        def open_page(prepared, name=None, **options):
            visitor = stack.enter_context(Visitor(base_url=prepared.address, timeout=20))
            return visitor.log_in(name, **options) if name else visitor

        yield open_page
