"""A page with all its folds open: what it loads, its charts, and how it is read and heard.

Each test says at which width and in which scheme it looks; the next one goes on from there where it
can, since every change draws all charts again.
"""

from itertools import pairwise

from axe_playwright_python.sync_playwright import Axe

from browser.pages import wait_for_frame
from fairtrial.plots.appearance import DARK_SHADES

WIDTHS = (320, 1920, 390)
# Contrast depends on the scheme, layout on the width: two screens see all four.
SCREENS = ((1280, "dark"), (320, "light"))


def test_nothing_is_asked_for_and_nothing_complains(opened):
    assert opened.requests == [opened.page.url]
    assert opened.page.url.startswith("file:")
    assert opened.console == []
    assert opened.dialogs == []


def test_every_chart_is_drawn(opened):
    page = opened.page
    assert page.locator(".chart").count() > 0
    assert page.locator(".chart.failed").count() == 0
    assert page.locator(".chart:not(:has(svg, canvas))").count() == 0


def test_headings_are_an_outline(opened):
    levels = opened.page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
        "(headings) => headings.map((heading) => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_say_what_they_hold(opened):
    tables = opened.page.locator("main table").all()
    assert tables
    for table in tables:
        assert table.locator("> caption").text_content().strip()
        assert table.locator("thead th").count() > 0
        assert table.locator("th:not([scope])").count() == 0


def test_drawn_charts_are_told_in_words(opened):
    figures = opened.look().locator("figure").all()
    assert figures
    for figure in figures:
        title = figure.locator(".title").inner_text()
        told = figure.get_by_role("group").first.get_attribute("aria-label")
        assert told.startswith(title)
        assert len(told) > len(title) + 10


def collect_colours(page):
    """The colours of marks and their texts in charts drawn as SVG, as #RRGGBB."""
    colours = page.locator(".chart svg :is(path, rect, text, line)").evaluate_all(
        "(marks) => marks.flatMap((mark) => ['fill', 'stroke'].map((a) => mark.getAttribute(a)))"
    )
    return {colour.upper() for colour in colours if colour and colour.startswith("#")}


def test_dark_charts_have_dark_shades(opened):
    light = collect_colours(opened.look()) & set(DARK_SHADES)
    assert light
    dark = collect_colours(opened.look(scheme="dark"))
    assert {DARK_SHADES[colour] for colour in light} <= dark
    assert not light & dark


def test_axe_finds_nothing(opened):
    for width, scheme in SCREENS:
        found = Axe().run(opened.look(width, scheme))
        assert found.violations_count == 0, f"{width} px, {scheme}: {found.generate_report()}"


def test_no_width_scrolls_sideways_or_cuts_a_chart_off(opened):
    for width in WIDTHS:
        page = opened.look(width)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        cut_off = page.locator(".chart").evaluate_all(
            """(places) => places.map((place) => [place, place.querySelector("svg, canvas")])
                .filter(([place, drawn]) => drawn.clientWidth > place.clientWidth)
                .map(([place, drawn]) => place.ariaLabel)"""
        )
        assert cut_off == [], width


def test_tables_that_scroll_say_so(opened):
    page = opened.look(390)
    wait_for_frame(page)
    scrolls = page.locator("main .scroll").evaluate_all(
        """(places) => places.map((place) => [
            place.scrollWidth > place.clientWidth,
            getComputedStyle(place.querySelector("caption span"), "::after").content,
        ])"""
    )
    assert any(is_wider for is_wider, _ in scrolls)
    assert all(("Scroll sideways" in hint) == is_wider for is_wider, hint in scrolls)
