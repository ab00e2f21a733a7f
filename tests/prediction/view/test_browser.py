"""The page as people use it, in Chromium."""

import time

import numpy as np
import pytest
from pages import RATE, numbered_pictures, write_h264

from kollias_affect.prediction import view
from kollias_affect.tasks import DIMENSIONS, EXPRESSIONS


@pytest.fixture
def show(visit_in_browser):
    """Returns a function that opens a file written by `write_page`, or a server."""

    def open_at(target, number=0, **options):
        address = getattr(target, "address", None)
        if address is None:
            address = view.write_page(target, **options.pop("page", {})).as_uri()
        origin = "file:" if address.startswith("file:") else address.rstrip("/")
        return visit_in_browser(f"{address}#{number}", origin, "body[data-open]", **options)

    return open_at


def until(page, condition, seconds=15):
    """Waits for a condition in JavaScript, without the `eval` that Playwright needs for it."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.02)


def values(page):
    """Dict from each row's name to its present value; NaN for a dash."""
    labels = page.locator(".curves .label").all_inner_texts()
    texts = page.locator(".curves .value").all_inner_texts()
    numbers = [float(t.replace("−", "-").replace("–", "nan")) for t in texts]
    return dict(zip(labels, numbers, strict=False))


def now(page):
    return float(page.get_attribute(".over", "aria-valuenow"))


def frame(page):
    return int(page.inner_text(".now").rpartition(" ")[2])


def click_at(page, share, place=".over"):
    page.locator(place).scroll_into_view_if_needed()
    box = page.locator(place).bounding_box()
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def ready(page):
    until(page, "document.querySelector('video')?.readyState >= 2")


def expected(out, number, name="talk"):
    import pandas as pd

    table = pd.read_csv(out / f"{name}.csv")
    return table[table["frame"] == number].iloc[0]


@pytest.mark.parametrize("served", [False, True], ids=["file", "server"])
def test_a_click_on_a_curve_leads_the_video_and_all_values_to_that_time(
    prediction, show, serve, served
):
    """The values shown are those of the frame that is shown.

    From a server, its picture tells its number; pictures of files are not for scripts to read.
    """
    times = np.sort(np.random.default_rng(3).choice(np.arange(240), 80, replace=False)) / RATE
    out = prediction(times=times, annotated=False)
    write_h264(out / "annotated" / "talk.mp4", numbered_pictures(80), times)
    page = show(serve(out) if served else out)
    ready(page)
    for share in (0.62, 0.13, 0.98):
        click_at(page, share)
        until(page, "!document.querySelector('video').seeking")
        page.wait_for_timeout(150)
        time_of_video = page.evaluate("document.querySelector('video').currentTime")
        shown = np.searchsorted(times, time_of_video + 1e-4, side="right") - 1
        if served:
            shown = page.evaluate(READ_NUMBER)
        assert frame(page) == shown + 1
        assert time_of_video == pytest.approx(share * (times[-1] + np.diff(times).mean()), abs=0.02)
        row = expected(out, shown + 1)
        for name, value in values(page).items():
            assert value == pytest.approx(row[name], abs=0.0051), name


# The picture's lower edge shows its number in binary.
READ_NUMBER = """() => {
  const canvas = new OffscreenCanvas(320, 240);
  const context = canvas.getContext("2d");
  context.drawImage(document.querySelector("video"), 0, 0);
  const row = context.getImageData(0, 220, 320, 1).data;
  let number = 0;
  for (let bit = 0; bit < 10; bit++) if (row[4 * (32 * bit + 16)] > 128) number |= 1 << bit;
  return number;
}"""


def test_the_cursor_and_the_point_move_while_the_video_plays(prediction, show):
    page = show(prediction())
    ready(page)
    page.click("button:has-text('Play')")
    until(page, "document.querySelector('video').currentTime > 0.5")
    page.keyboard.press("Space")  # the button has the focus: it is pressed
    until(page, "document.querySelector('video').paused")
    page.wait_for_timeout(150)
    cursor = page.locator(".over .cursor:not(.hover)").bounding_box()
    area = page.locator(".over").bounding_box()
    share = (cursor["x"] + 1 - area["x"]) / area["width"]
    assert share == pytest.approx(now(page) * RATE / 80, abs=0.01) and share > 0.15
    place = page.get_attribute(".point.chosen", "transform")
    x, y = map(float, place.removeprefix("translate(").rstrip(")").split())
    shown = values(page)
    assert (x, -y) == pytest.approx((shown["valence"], shown["arousal"]), abs=0.006)


def test_keys_play_step_and_jump(prediction, show):
    page = show(prediction())
    ready(page)
    page.keyboard.press("Space")
    until(page, "!document.querySelector('video').paused")
    page.keyboard.press("Space")
    until(page, "document.querySelector('video').paused")
    page.keyboard.press("Home")
    until(page, "document.querySelector('.now').textContent.endsWith('frame 1')")
    page.keyboard.press("ArrowRight")
    until(page, f"document.querySelector('.now').textContent.endsWith('frame {RATE + 1}')")
    for key, number in (("Period", RATE + 2), ("Comma", RATE + 1), ("ArrowLeft", 1), ("End", 80)):
        page.keyboard.press(key)
        until(page, f"document.querySelector('.now').textContent.endsWith('frame {number}')")


def test_the_time_is_a_slider_that_tells_its_values(prediction, show):
    page = show(prediction(outputs=DIMENSIONS))
    area = page.locator("[role=slider]")
    assert area.get_attribute("aria-label") == "Time"
    assert float(area.get_attribute("aria-valuemax")) == pytest.approx(80 / RATE, abs=0.01)
    assert "valence +" in area.get_attribute("aria-valuetext")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('[role=slider]')"):
            return
    raise AssertionError("the keyboard does not reach the time")


def test_choosing_a_person_shows_its_values(prediction, show):
    out = prediction(people=3)
    page = show(out)
    page.wait_for_timeout(200)
    seen = []
    for number in range(3):
        page.check(f".chip:has-text('{number}') input", force=True)
        page.wait_for_timeout(100)
        seen.append(values(page)["valence"])
    table = [round(float(np.sin(1 / 7 + 2 * i)), 2) for i in range(3)]
    assert seen == pytest.approx(table, abs=0.011)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("p")
    assert page.is_checked(".chip:has-text('0') input")
    assert page.locator(".point").count() == 3


def test_frames_without_a_face_are_gaps_and_not_zeros(prediction, show):
    """In the middle of a curve of constant value 0.5 nothing is drawn, not even a line."""
    import pandas as pd

    out = prediction(outputs=("valence",), annotated=False, without=range(31, 51))
    table = pd.read_csv(out / "talk.csv")
    table.loc[table["success"] == 1, "valence"] = 0.5
    table.to_csv(out / "talk.csv", index=False)
    page = show(out)
    page.wait_for_timeout(200)
    drawn = page.evaluate(
        """() => [0.2, 0.5, 0.8].map((share) => {
          const canvas = document.querySelector("canvas.curve");
          const x = Math.round(share * canvas.width);
          const data = canvas.getContext("2d").getImageData(x - 3, 0, 1, canvas.height).data;
          let blue = 0;
          for (let i = 0; i < data.length; i += 4) if (data[i + 2] > data[i] + 60) blue++;
          return blue;
        })"""
    )
    assert drawn[0] > 5 and drawn[1] == 0 and drawn[2] > 5
    click_at(page, 0.5)
    page.wait_for_timeout(100)
    assert np.isnan(values(page)["valence"])
    assert "no face" in page.get_attribute(".over", "aria-valuetext")


def test_without_a_video_the_curves_run_alone_with_a_note(prediction, show):
    out = prediction(annotated=False)
    page = show(out)
    assert "talk.mp4 is not beside the tables" in page.inner_text(".note")
    assert page.locator("video").count() == 0
    page.keyboard.press("Space")
    page.wait_for_timeout(600)
    page.keyboard.press("Space")
    assert 0.3 < now(page) < 3
    click_at(page, 0.5)
    page.wait_for_timeout(100)
    assert now(page) == pytest.approx(40 / RATE, abs=0.02)


def test_the_original_plays_with_boxes_that_choose(prediction, show, tmp_path):
    out = prediction(people=2, annotated=False, copy=tmp_path / "talk.mp4")
    page = show(out, page={"media": [tmp_path]})
    ready(page)
    page.wait_for_timeout(200)
    box = page.locator(".boxes rect").first.bounding_box()
    video = page.locator("video").bounding_box()
    scale = min(video["width"] / 320, video["height"] / 240)
    left = video["x"] + (video["width"] - 320 * scale) / 2
    assert box["x"] == pytest.approx(left + 40 * scale, abs=3)
    assert box["width"] == pytest.approx(50 * scale, abs=5)
    page.mouse.click(box["x"] + 10, box["y"] + 10)
    page.wait_for_timeout(100)
    assert page.is_checked(".chip:has-text('1') input")  # the box on top is that of person 1


def test_embedded_media_play(prediction, show, tmp_path):
    out = prediction()
    path = view.write_page(out, tmp_path / "mail" / "page.html", embed=True)
    for file in (out / "annotated").iterdir():
        file.unlink()
    (out / "annotated").rmdir()
    page = show(type("File", (), {"address": path.as_uri()}))
    ready(page)
    click_at(page, 0.5)
    until(page, "document.querySelector('video').currentTime > 1")


def test_a_video_that_cannot_be_played_is_replaced_by_the_note(prediction, show):
    out = prediction()
    path = view.write_page(out)
    (out / "annotated" / "talk.mp4").write_bytes(b"broken" * 100)
    page = show(type("File", (), {"address": path.as_uri()}))
    until(page, "document.querySelector('.note') !== null")
    assert page.locator("video").count() == 0
    assert "no longer where it was" in page.inner_text(".note")


def test_images_are_listed_with_their_faces(pictures, prediction, show):
    prediction()
    out = pictures(["a.png", "b.png"], faces=3)
    page = show(out)
    assert page.locator("nav section").count() == 2
    page.click("nav button:has-text('b.png')")
    page.wait_for_selector("body[data-open='2']")
    page.wait_for_selector(".screen img")
    page.wait_for_timeout(150)
    assert values(page)["valence"] == pytest.approx(np.sin(1 / 7), abs=0.006)
    page.keyboard.press("p")
    page.wait_for_timeout(100)
    assert values(page)["valence"] == pytest.approx(np.sin(1 / 7 + 2), abs=0.006)
    assert page.locator("[role=slider]").count() == 0
    page.keyboard.press("n")
    page.wait_for_selector("body[data-open='0']")
    page.go_back()
    page.wait_for_selector("body[data-open='2']")


def test_names_of_files_and_outputs_never_run(prediction, show):
    out = prediction(annotated=False)
    evil = "<img src=x onerror='window.evil=1'>"
    text = (out / "talk.csv").read_text().replace("talk.mp4", f"{evil}</script>.mp4")
    text = text.replace(",happiness,", f",{evil},", 1)
    (out / "talk.csv").write_text(text)
    page = show(out)
    page.wait_for_timeout(300)
    assert evil in page.inner_text("h1") and evil in page.inner_text(".curves")
    assert page.evaluate("window.evil") is None
    assert page.locator("main img").count() == 0


def test_the_window_zooms_and_follows(prediction, show):
    page = show(prediction(annotated=False, times=np.arange(3000) / RATE))
    page.keyboard.press("End")
    for _ in range(3):
        page.keyboard.press("+")
    assert page.is_visible(".frame")
    whole, part = (page.locator(s).bounding_box() for s in (".whole", ".frame"))
    assert part["width"] / whole["width"] == pytest.approx(1 / 8, abs=0.02)
    assert part["x"] + part["width"] == pytest.approx(whole["x"] + whole["width"], abs=3)
    page.keyboard.press("Home")
    page.wait_for_timeout(100)
    assert page.locator(".frame").bounding_box()["x"] == pytest.approx(whole["x"], abs=3)
    click_at(page, 0.5)
    page.wait_for_timeout(100)
    assert now(page) == pytest.approx(3000 / RATE / 16, abs=0.5)
    click_at(page, 0.5, ".whole")
    page.wait_for_timeout(100)
    assert now(page) == pytest.approx(1500 / RATE, abs=0.5)
    page.keyboard.press("0")
    assert page.is_hidden(".frame")


@pytest.mark.parametrize("width", [360, 800, 1300])
def test_every_width_of_a_window_fits(prediction, show, width):
    page = show(prediction(people=2), viewport={"width": width, "height": 700})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    narrow = page.locator("canvas.curve").first.bounding_box()["width"]
    page.set_viewport_size({"width": width + 200, "height": 700})
    page.wait_for_timeout(200)
    canvas = page.locator("canvas.curve").first
    assert canvas.bounding_box()["width"] > narrow
    assert canvas.evaluate("c => Math.abs(c.width - c.clientWidth * devicePixelRatio) <= 1")


def test_the_colours_follow_the_scheme(prediction, show):
    page = show(prediction(annotated=False), color_scheme="light")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


@pytest.mark.nightly
def test_two_hundred_thousand_rows_stay_fluent(prediction, show):
    """All curves of nearly two hours are drawn again at once."""
    out = prediction(times=np.arange(200_000) / RATE, annotated=False)
    start = time.perf_counter()
    page = show(out)
    assert time.perf_counter() - start < 20
    assert set(values(page)) >= {*DIMENSIONS, *EXPRESSIONS}
    slowest = page.evaluate(
        """async () => {
          let slowest = 0;
          for (const key of ["+", "+", "-", "-", "0", "p", "End", "Home"]) {
            const start = performance.now();
            window.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            slowest = Math.max(slowest, performance.now() - start);
            await new Promise(requestAnimationFrame);
          }
          return slowest;
        }"""
    )
    assert slowest < 300  # milliseconds; 70 on an idle machine
