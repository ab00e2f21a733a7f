"""Fixtures that several test modules share."""

import importlib.util
import inspect
import json
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from moving_faces import write_frames
from shared_values import PARITY, SHARED

from kollias_affect.clip import Clip

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is in PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=program,
            args=[
                "--autoplay-policy=no-user-gesture-required",
                "--use-fake-ui-for-media-stream",  # a webcam with a moving picture
                "--use-fake-device-for-media-stream",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit_in_browser(browser):
    """Returns a function that opens a page in the browser.

    No page may ask for anything outside its origin, nor raise an error.
    """
    contexts, problems = [], []

    def visit(address, origin, ready, script=None, **options):
        size = {"width": 1280, "height": 800}
        context = browser.new_context(**{"viewport": size, **options})
        contexts.append(context)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))

        def check(request):
            if not request.url.startswith((origin, "data:", "blob:")):
                problems.append(f"request to {request.url}")

        page.on("request", check)
        page.goto(address)
        page.wait_for_selector(ready)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture(scope="session")
def shared_videos():
    """Folder of real videos, which are not part of the repository."""
    folder = SHARED / "data" / "video"
    if not folder.is_dir():
        pytest.skip(f"real videos are not part of the repository: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def shared_faces():
    """Folder of real photographs, which are not part of the repository."""
    folder = SHARED / "data" / "faces"
    if not folder.is_dir():
        pytest.skip(f"real photographs are not part of the repository: {folder} is absent")
    return folder


@pytest.fixture(scope="session")
def synthetic_root(tmp_path_factory):
    """Folder of two synthetic subjects with one extracted, labelled clip of 24 frames each."""
    from kollias_affect import datasets

    root = tmp_path_factory.mktemp("synthetic")
    datasets.load("synthetic", root, subjects=2, clips_per_subject=1, frames=24)
    return root


@pytest.fixture(scope="session")
def face_video(synthetic_root):
    """Synthetic video of 24 frames with one face, which is hidden in four frames."""
    return synthetic_root / "videos" / "subject01_1.mp4"


@pytest.fixture
def write_video(tmp_path):
    """Returns a function that writes uint8 RGB pictures to a video and returns its path."""

    def write(pictures, name="video.mp4", **options):
        return write_frames(tmp_path / name, pictures, **options)

    return write


@pytest.fixture
def make_clip(tmp_path):
    """Returns a function that creates a `Clip` whose frame `i` has the grey level `level + i`.

    Frames in `missing` have no image.
    """
    import cv2

    def make(key="a", frames=10, level=0, missing=(), size=96, **fields):
        folder = tmp_path / key
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for i in range(frames):
            path = folder / f"{i + 1:05d}.png"
            if i not in missing and not path.exists():
                cv2.imwrite(str(path), np.full((size, size, 3), level + i, np.uint8))
            paths.append("" if i in missing else str(path))
        random = np.random.default_rng(level)
        defaults = {
            "times": np.arange(frames) / 25,
            "landmarks": random.uniform(-1, 1, (frames, 68, 2)),
            "valence_arousal": random.uniform(-1, 1, (frames, 2)),
        }
        return Clip(key=key, paths=paths, **{**defaults, **fields})

    return make


@pytest.fixture
def small_files():
    """Lets this process write files of 64 KiB at most; more is an error as on a full disk."""
    resource = pytest.importorskip("resource", reason="only POSIX limits the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def config_is_complete():
    """Returns a check that the config of a Keras object holds every argument and rebuilds it."""

    def check(thing):
        arguments = set(inspect.signature(type(thing).__init__).parameters) - {"self", "kwargs"}
        config = thing.get_config()
        assert arguments <= set(config), arguments - set(config)
        assert type(thing).from_config(config).get_config() == config

    return check


@pytest.fixture(scope="module")
def plain_tensorboard():
    """Leaves the pictures of TensorBoard out, which take longer than a small training."""
    import keras

    from kollias_affect import evaluation

    with pytest.MonkeyPatch.context() as patch:
        plain = lambda folder, *_, **__: keras.callbacks.TensorBoard(folder)  # noqa: E731
        patch.setattr(evaluation, "AffectTensorBoard", plain)
        yield


@pytest.fixture(scope="module")
def eager_functions():
    """Runs `tf.function`s eagerly: tracing takes longer than a few steps of small networks."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def random_inputs():
    """Returns a function from a model and a batch size to float32 inputs in [-1, 1] by name."""

    def draw(model, batch=2):
        random = np.random.default_rng(0)
        return {
            tensor.name: random.uniform(-1, 1, (batch, *tensor.shape[1:])).astype(np.float32)
            for tensor in model.inputs
        }

    return draw


@pytest.fixture(scope="session")
def recipe():
    """Module of the recipe by which the authors' reference outputs were recorded."""
    if not PARITY.is_dir():
        pytest.skip(f"the authors' reference outputs are not part of the repository: {PARITY}")
    spec = importlib.util.spec_from_file_location("recipe", PARITY / "recipe.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def expected(recipe):
    """The authors' reference outputs, by network."""
    return json.loads((PARITY / "original_networks.json").read_text())
