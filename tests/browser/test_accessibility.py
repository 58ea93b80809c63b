"""A page can be found one's way around in, and heard."""

from itertools import pairwise

from axe_playwright_python.sync_playwright import Axe

# Contrast depends on the scheme, layout on the width: two screens see all four.
SCREENS = ((1280, "light"), (320, "dark"))


def test_axe_finds_nothing(visit, file):
    page = (seen := visit(file)).page
    seen.open_folds()
    for width, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        seen.wait_for_charts()
        found = Axe().run(page)
        assert found.violations_count == 0, f"{width} px, {scheme}: {found.generate_report()}"


def test_headings_are_an_outline(visit, file):
    levels = (
        visit(file)
        .page.locator("h1, h2, h3, h4, h5, h6")
        .evaluate_all("(headings) => headings.map((heading) => Number(heading.tagName[1]))")
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_say_what_they_hold(visit, file):
    tables = visit(file).page.locator("main table").all()
    assert tables
    for table in tables:
        assert table.locator("> caption").text_content().strip()
        assert table.locator("thead th").count() > 0
        assert table.locator("th:not([scope])").count() == 0


def test_drawn_charts_are_told_in_words(visit, file):
    page = (seen := visit(file)).page
    seen.open_folds()
    figures = page.locator("figure").all()
    assert figures
    for figure in figures:
        title = figure.locator(".title").inner_text()
        told = figure.get_by_role("group").first.get_attribute("aria-label")
        assert told.startswith(title)
        assert len(told) > len(title) + 10
