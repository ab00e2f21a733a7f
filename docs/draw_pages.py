"""Takes the pictures of `annotate.md` and `view.md` in Chromium, from synthetic clips.

Usage: python docs/draw_pages.py [FOLDER] (default: docs/)
It needs Playwright, and Chromium as the program `chromium`.
"""

import contextlib
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from playwright.sync_api import sync_playwright

from kollias_affect import EXPRESSIONS, datasets, prediction
from kollias_affect._web import running
from kollias_affect.annotations import recordings
from kollias_affect.annotations.server import start
from kollias_affect.annotations.store import Batch, Store
from kollias_affect.faces import Video

FRAMES, RATE = 200, 25
NAMES = ("interview", "talk_show", "reaction", "example")
WIDTH = 1180  # pixels of a picture


def videos(folder):
    """Writes synthetic clips that browsers play; returns their paths and labels."""
    clips = datasets.load(
        "synthetic", folder / "clips", subjects=4, clips_per_subject=1, frames=FRAMES
    )
    paths = {}
    for name, clip in zip(NAMES, clips, strict=True):
        paths[folder / f"{name}.mp4"] = clip
        frames = list(Video(folder / "clips" / "videos" / f"{clip.key}.mp4"))
        large = (np.repeat(np.repeat(frame.image, 2, 0), 2, 1) for frame in frames)
        times = [frame.time for frame in frames]
        prediction.write_video(zip(times, large, strict=True), folder / f"{name}.mp4", RATE)
    return paths


@contextlib.contextmanager
def served(prepared):
    """Answers the requests to a server in a thread."""
    server = running.server_of(prepared.app)
    sockets = {"sockets": [prepared.listener]}
    thread = threading.Thread(target=server.run, kwargs=sockets, daemon=True)
    thread.start()
    yield prepared.address
    server.should_exit = server.force_exit = True
    thread.join(10)


def trace(seed, late=0.0, noise=0.08):
    """Times and values of an annotator."""
    times = np.arange(0, FRAMES / RATE, 0.05)
    shape = 0.5 * np.sin(0.85 * (times - late)) + 0.25 * np.sin(2.1 * (times - late))
    wander = np.cumsum(np.random.default_rng(seed).normal(0, noise, len(times)))
    return times, np.clip(shape + wander - np.linspace(0, wander[-1], len(times)), -1, 1)


def fill(out):
    """Stores what four annotators recorded, and an open take."""
    with Store(out) as store:
        known = {video["name"]: video for video in store.videos.all()}
        for number, late in enumerate((0.0, 0.2, 0.4, 2.6), start=1):
            times, values = trace(number, late, noise=0.2 if number == 4 else 0.04)
            found = recordings.Recording(
                "interview.mp4", "1", f"A{number}", "valence", times, values
            )
            recordings.save(store, found, known["interview.mp4"], {"kind": "keyboard"})
        for take in store.takes.list():
            store.reviews.judge(take["id"], take["annotator"], "accept")
        settings = {"dimension": "valence", "mode": "bounded", "device": "keyboard"}
        session = store.people.session(store.people.log_in("A1", "annotator", settings))
        for video in known.values():
            store.videos.watch(session["annotator"], video, [(0.0, video["duration"])])
        person = store.videos.persons(known["talk_show.mp4"]["id"])[0]["id"]
        take = store.takes.create(
            "open-take", session, known["talk_show.mp4"]["id"], person, "valence", "bounded"
        )
        times, values = trace(9)
        samples = np.column_stack([times, 1000 * times, values])[times <= 3.5]
        store.takes.add(take["id"], Batch("picture", 0, 1, samples))


def picture(page, path, height=760):
    """Takes a picture of a page, which is as high as its content."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.wait_for_timeout(300)
    page.screenshot(path=path, full_page=True)
    image = Image.open(path).convert("RGB")
    few = image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def log_in(page, name, role="annotator"):
    """Fills in the log-in page."""
    page.wait_for_selector("body[data-ready]")
    page.fill("input[name=name]", name)
    page.select_option("select[name=role]", role)


def draw_annotation(browser, folder, paths, out):
    """Takes the pictures of `annotate.md`."""
    store = out / "annotations"
    options = {"countdown": 0, "order": "given", "persons": ["talk_show.mp4=left"]}
    options["persons"] += ["talk_show.mp4=right"]
    *others, practice = paths
    given = {"confirm": lambda unplayable: False, "practice": practice, **options}
    with start.prepare(others, store, **given):
        pass
    fill(store)
    with start.prepare(others, store, **given) as prepared, served(prepared) as address:
        page = browser.new_page(viewport={"width": WIDTH, "height": 760})
        page.goto(address)
        log_in(page, "A1")
        picture(page, folder / "annotate_login.png")
        page.click("button[type=submit]")
        page.wait_for_selector(".columns")
        picture(page, folder / "annotate_videos.png")
        record(page, folder)
        page = browser.new_context(viewport={"width": WIDTH, "height": 760}).new_page()
        page.goto(address)
        log_in(page, "E1", "expert")
        page.click("button[type=submit]")
        page.wait_for_selector(".columns")
        page.locator("li:has-text('interview.mp4') button:has-text('Valence: 4')").first.click()
        page.wait_for_selector("table.matrix")
        page.wait_for_timeout(1500)  # for the first frame
        picture(page, folder / "annotate_compare.png")


def record(page, folder):
    """Records a take with the keyboard, and looks at it."""
    page.locator("li:has-text('reaction.mp4') button:has-text('Annotate')").first.click()
    page.wait_for_selector("[data-state=ready]")
    page.wait_for_timeout(1000)
    page.keyboard.press("Space")
    page.wait_for_selector("section[data-state=recording]")
    for key, milliseconds in (("ArrowUp", 700), ("ArrowDown", 1000), ("ArrowUp", 1100)):
        page.keyboard.down(key)
        page.wait_for_timeout(milliseconds)
        page.keyboard.up(key)
        page.wait_for_timeout(200)
    page.keyboard.press("m")
    page.wait_for_timeout(300)
    picture(page, folder / "annotate_record.png")
    page.wait_for_selector("table.facts")
    for time in (1.2, 2.0):
        page.evaluate(f"document.querySelector('video').currentTime = {time}")
        page.wait_for_timeout(300)
        page.click("button[name=drop]")
    page.evaluate("document.querySelector('video').currentTime = 2.6")
    page.wait_for_timeout(300)
    picture(page, folder / "annotate_review.png")


def draw_view(browser, folder, paths, out):
    """Takes the picture of `view.md`: the curves are the clips' labels and invented numbers."""
    films = out / "films"
    films.mkdir()
    random = np.random.default_rng(0)
    for path, clip in list(paths.items())[:2]:
        shutil.copy(path, films)
        steps = random.normal(0, 0.4, (FRAMES, len(EXPRESSIONS))).cumsum(axis=0)
        powers = np.exp(steps)
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        table = pd.DataFrame({"input": path.name, "frame": np.arange(1, FRAMES + 1)})
        table["timestamp"], table["face_id"], table["success"] = clip.times, 0, clip.valid
        table["success"] = table["success"].astype(int)
        places = zip(("X", "Y", "Width", "Height"), (84, 62, 210, 210), strict=True)
        table = table.assign(FaceScore=0.9, **{f"FaceRect{name}": n for name, n in places})
        table[["valence", "arousal"]] = clip.valence_arousal
        table[list(EXPRESSIONS)] = probabilities
        table.loc[table["success"] == 0, table.columns[5:]] = np.nan
        prediction.write_table(table, films / f"{path.stem}.csv")
    page = browser.new_page(viewport={"width": 1400, "height": 860})
    page.goto(prediction.write_page(films).as_uri())
    page.wait_for_selector("body[data-open]")
    page.wait_for_timeout(800)
    box = page.locator(".over").bounding_box()
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 20)
    page.mouse.move(5, 5)
    picture(page, folder / "view.png", height=820)


def main(folder):
    """Takes all pictures."""
    with tempfile.TemporaryDirectory() as work, sync_playwright() as running_playwright:
        out = Path(work)
        paths = videos(out)
        program = shutil.which("chromium")
        arguments = ["--autoplay-policy=no-user-gesture-required"]
        browser = running_playwright.chromium.launch(executable_path=program, args=arguments)
        draw_annotation(browser, folder, paths, out)
        draw_view(browser, folder, paths, out)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
