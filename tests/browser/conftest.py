"""Report pages of made-up results, opened in a real Chromium."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from browser.pages import PAGES, wait_for_frame
from fairtrial.lab.report import write_page

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 600_000.0
"""Milliseconds: what is waited for comes, however slow the machine is."""

expect.set_options(PATIENCE)


@pytest.fixture(scope="session")
def files(request, share) -> Callable[[str], Path]:
    """Writes each page once, when it is first asked for."""

    def write(name: str) -> Path:
        def copy_and_write(folder: Path) -> None:
            shutil.copytree(request.getfixturevalue(PAGES[name]), folder)
            write_page(folder)

        return share(f"page-{name}", copy_and_write) / "report.html"

    return write


def mostly_long(kept: str) -> list:
    """Take every page at length, and in short the one that stands for the others.

    All pages have one template. So that each of the two kinds is seen, what is read and pressed is
    tested on the page of a study, and how a page looks on that of a lab, which has more to show.
    Names that mean harm are looked at in `test_hostile.py` too.
    """
    return [pytest.param(name, marks=[pytest.mark.long] * (name != kept)) for name in PAGES]


@pytest.fixture(params=mostly_long("study"))
def file(request, files) -> Path:
    """The file of each page in turn."""
    return files(request.param)


# Not for the session: while Playwright is at work, nobody else can start an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium with a profile of its own."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        pytest.skip(f"There is no Chromium to test pages in (looked for {', '.join(NAMES)}).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            timeout=PATIENCE,
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open, and what has happened on it."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note from now on what a reader should never see."""
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.console.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._refuse)

    def _refuse(self, dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def wait_for_charts(self) -> None:
        """Wait until every chart that can be seen has been drawn, or has failed."""
        wait_for_frame(self.page)
        self.page.wait_for_function(
            """() => document.documentElement.dataset.charts === "drawn"
                && [...document.querySelectorAll(".chart")].every((place) =>
                    place.closest("details:not([open])") || place.matches(".failed")
                    || place.querySelector("svg, canvas"))"""
        )

    def open_folds(self) -> None:
        """Open all folds, as their reader would one by one, and wait for their charts."""
        self.page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
        self.wait_for_charts()

    def look(self, width: int = 1280, scheme: Literal["light", "dark"] = "light") -> Page:
        """Show the page at this width in this scheme, with its charts drawn for them."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.wait_for_charts()
        return self.page


def open_file(browser: Browser, path: Path, width: int = 1280) -> Visit:
    """Open a file, offline, in a context of its own."""
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    context.set_default_timeout(PATIENCE)
    visit = Visit(context.new_page())
    visit.watch()
    visit.page.goto(path.as_uri())
    return visit


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Visit]]:
    """Opens a file, offline, in a context of its own, and at the given width."""
    visits = []

    def open_another(path: Path, width: int = 1280) -> Visit:
        visits.append(open_file(browser, path, width))
        return visits[-1]

    yield open_another
    for visit in visits:
        visit.page.context.close()


@pytest.fixture(scope="module", params=mostly_long("lab"))
def opened(request, browser, files) -> Iterator[Visit]:
    """Each page in turn, all folds open, for tests that look at it and change only its size."""
    visit = open_file(browser, files(request.param))
    visit.wait_for_charts()
    visit.open_folds()
    yield visit
    visit.page.context.close()
