"""The pages that every test of this folder is true of."""

from playwright.sync_api import Page

from small_lab import HOSTILE

PAGES = {"lab": "lab", "study": "line_of_five", "hostile": "hostile_lab"}
"""Each page with the fixture whose results it shows."""
HOSTILE_SETTING = HOSTILE[1]


def wait_for_frame(page: Page) -> None:
    """Wait until what has just changed, such as the width, has reached the page's script."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
