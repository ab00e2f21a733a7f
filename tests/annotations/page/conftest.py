"""Chromium, with a gamepad that tests move."""

import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Replaces the browser's gamepads, and keeps what the page sends and when keys arrive.
SCRIPT = """
window.__pad = null;
navigator.getGamepads = () => [null, window.__pad];
window.plug = (axes) => {
  window.__pad = {
    id: "Test stick (Vendor: 1234)", index: 1, connected: true, mapping: "standard", axes,
    buttons: Array.from({ length: 4 }, () => ({ pressed: false, value: 0 })), timestamp: 0,
  };
  window.dispatchEvent(new Event("gamepadconnected"));
};
window.unplug = () => {
  window.__pad = null;
  window.dispatchEvent(new Event("gamepaddisconnected"));
};
window.sent = []; window.acknowledged = [];
const original = window.fetch;
window.fetch = async (path, options) => {
  const isBatch = String(path).endsWith("/batches");
  if (isBatch) window.sent.push(JSON.parse(options.body));
  const response = await original(path, options);
  if (isBatch && response.ok) window.acknowledged.push(JSON.parse(options.body));
  return response;
};
window.keyTimes = [];
window.addEventListener("keydown", (e) => window.keyTimes.push([e.key, e.timeStamp]), true);
"""


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser is installed: none of {', '.join(NAMES)} is in PATH")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(
            executable_path=program, args=["--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Returns a function that opens a server in the browser.

    No page may ask another server, nor raise an error.
    """
    contexts, problems = [], []

    def open_at(address, **options):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        contexts.append(context)
        context.add_init_script(SCRIPT)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        origin = address.split("/?")[0].rstrip("/")

        def check(request):
            if not request.url.startswith((origin, "data:", "blob:")):
                problems.append(f"request to {request.url}")

        page.on("request", check)
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert not problems


@pytest.fixture
def log_in():
    """Returns a function that logs in on an opened page."""

    def log_in_as(page, name="Ada", dimension="valence", device="keyboard", **choices):
        page.check(f"input[value={dimension}]")
        page.fill("input[name=name]", name)
        page.select_option("select[name=device]", device)
        for field, value in choices.items():
            page.select_option(f"select[name={field}]", value)
        page.click("button[type=submit]")
        page.wait_for_selector("header nav")
        return page

    return log_in_as
