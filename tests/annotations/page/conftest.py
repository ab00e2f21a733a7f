"""Chromium, with a gamepad that tests move."""

import pytest

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


@pytest.fixture
def open_page(visit_in_browser):
    """Returns a function that opens a server in the browser.

    No page may ask another server, nor raise an error.
    """

    def open_at(address, **options):
        origin = address.split("/?")[0].rstrip("/")
        return visit_in_browser(address, origin, "body[data-ready]", SCRIPT, **options)

    return open_at


@pytest.fixture
def log_in():
    """Returns a function that logs in on an opened page."""

    def log_in_as(page, name="A1", dimension="valence", device="keyboard", **choices):
        page.check(f"input[value={dimension}]")
        page.fill("input[name=name]", name)
        page.select_option("select[name=device]", device)
        for field, value in choices.items():
            page.select_option(f"select[name={field}]", value)
        page.click("button[type=submit]")
        page.wait_for_selector("header nav")
        return page

    return log_in_as
