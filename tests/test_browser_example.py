"""The page of examples/browser in Chromium, on a photograph and without the internet.

It needs ONNX Runtime's files for the browser: `npm install` in examples/browser puts them there.
"""

import functools
import http.server
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from kollias_affect import catalogue, faces, models

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "browser"


@pytest.fixture
def page(visit_in_browser, tmp_path):
    """The page in Chromium, served from this machine."""
    if not (FOLDER / "node_modules" / "onnxruntime-web" / "dist").is_dir():
        pytest.skip(f"onnxruntime-web is not installed: run `npm install` in {FOLDER}")
    for name in ("index.html", "page.js", "network.js", "node_modules"):
        (tmp_path / name).symlink_to(FOLDER / name)
    shutil.copy(catalogue.runtime_file(), tmp_path / "model.onnx")
    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        page = visit_in_browser(address, address, "#status")
        page.set_default_timeout(60_000)
        page.wait_for_function("document.getElementById('status').textContent.match(/^Ready/)")
        yield page
        page.close()
        server.shutdown()


class Handler(http.server.SimpleHTTPRequestHandler):
    """A file server that prints nothing."""

    def log_message(self, *_):
        pass


def test_a_photograph_has_the_outputs_of_the_network_in_python(page, tmp_path):
    photograph = np.ascontiguousarray(skimage.data.astronaut()[0:300, 60:400])
    Image.fromarray(photograph).save(tmp_path / "photograph.png")
    (face,) = faces.faces_of(photograph, size=48, layout="eyes")
    points = face.in_frame
    page.set_input_files("#file", tmp_path / "photograph.png")
    page.wait_for_function("window.outputs")
    box = page.locator("#picture").bounding_box()
    scale = box["width"] / photograph.shape[1]
    places = [points[part].mean(axis=0).tolist() for part in (slice(36, 42), slice(42, 48))]
    starts = [(0.42, 0.4), (0.58, 0.4)]
    for (x, y), start in zip(places, starts, strict=True):
        page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + x * scale, box["y"] + y * scale)
        page.evaluate("window.outputs = null")
        page.mouse.up()
        page.wait_for_function("window.outputs")
    found = page.evaluate("window.outputs.expression")
    pixels = page.evaluate(
        "Array.from(document.getElementById('crop').getContext('2d')"
        ".getImageData(0, 0, 48, 48).data)"
    )
    crop = np.array(pixels, np.uint8).reshape(48, 48, 4)[..., :3]
    # The page knows the middles of the eyes and not their corners, so the box differs a little.
    assert np.abs(crop.astype(float) - face.crop).mean() < 16
    model, card = models.load(catalogue.model_file(catalogue.DEFAULT))
    images = crop[None].astype(np.float32) / 127.5 - 1
    expected = np.asarray(model.predict_on_batch({"images": images}))[0]
    assert list(found) == list(card["outputs"])
    assert np.abs(np.array(list(found.values())) - expected).max() < 1e-3
    assert page.locator("#outputs tr").count() == 7


def test_the_webcam_is_predicted_frame_by_frame(page):
    page.click("#webcam")  # Chromium's own moving test picture
    page.wait_for_function("window.outputs")
    page.evaluate("window.outputs = null")
    page.wait_for_function("window.outputs")
    values = page.evaluate("Object.values(window.outputs.expression)")
    assert sum(values) == pytest.approx(1, abs=1e-3)
