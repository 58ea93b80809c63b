"""A page is read with a mouse or a keyboard, on wide and narrow screens, and on paper."""

from playwright.sync_api import expect

A4 = 718
"""What fits between the margins of a page, at 96 pixels an inch."""
FOCUSABLE = "a[href], summary, button, input, select, textarea, [tabindex='0']"


def test_folds_open_and_close_by_mouse_and_keyboard(visit, file):
    page = (seen := visit(file)).page
    seen.wait_for_charts()
    assert page.locator("details[open]").count() == 0
    for fold in page.locator("main .part > details").all()[:3]:
        summary = fold.locator("> summary")
        inside = fold.locator("> :not(summary)").first
        summary.click()
        assert inside.is_visible()
        summary.click()
        assert not inside.is_visible()
        for key in ("Enter", "Space"):
            summary.press(key)
            assert inside.is_visible()
            summary.press(key)
            assert not inside.is_visible()


def test_tab_goes_everywhere_in_order_and_is_seen(visit, file):
    page = (seen := visit(file)).page
    seen.wait_for_charts()
    expected = page.locator(FOCUSABLE).evaluate_all(
        """(all) => all.filter((e) => e.checkVisibility({ visibilityProperty: true }))
            .map((e, i) => { e.dataset.stop = i; return String(i); })"""
    )
    stops = []
    for _ in expected:
        page.keyboard.press("Tab")
        stop, outline, inside = page.evaluate(
            """() => {
                const e = document.activeElement, box = e.getBoundingClientRect();
                return [e.dataset.stop, getComputedStyle(e).outlineStyle,
                    box.bottom > 0 && box.top < innerHeight && box.right > 0];
            }"""
        )
        assert outline != "none", stop
        assert inside, stop
        stops.append(stop)
    assert stops == expected
    places = page.locator("[data-stop]")
    for kind in (".skip", "nav a", "summary", ".scroll"):
        assert places.and_(page.locator(kind)).count() > 0, kind


def test_the_first_stop_skips_to_the_results(visit, file):
    page = visit(file).page
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    assert link.inner_text() == "Skip to the results"
    assert link.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.locator("main :focus").count() == 1
    assert page.locator("nav :focus").count() == 0


def test_contents_lead_to_every_section_and_part(visit, file):
    page = visit(file).page
    links = page.locator("nav.beside a").all()
    targets = {link.get_attribute("href") for link in links}
    sections = page.locator("main > section").all()
    assert {f"#{section.get_attribute('id')}" for section in sections} <= targets
    for link in links:
        link.click()
        heading = page.locator(link.get_attribute("href")).locator("h2, h3").first
        assert heading.inner_text() == link.inner_text()
        expect(heading).to_be_in_viewport()


def test_contents_stay_in_sight_on_wide_screens(visit, file):
    page = visit(file).page
    contents = page.locator("nav.beside a").first
    page.locator("footer").scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 900
    expect(contents).to_be_in_viewport()
    assert not page.locator("nav.above").is_visible()
    page.emulate_media(media="print")
    assert not contents.is_visible()


def test_contents_are_folded_on_narrow_screens(visit, file):
    page = visit(file, 390).page
    assert not page.locator("nav.beside").is_visible()
    link = page.locator("nav.above a").last
    assert not link.is_visible()
    page.locator("nav.above summary").click()
    link.click()
    assert not link.is_visible()
    expect(page.locator(link.get_attribute("href")).locator("h3").first).to_be_in_viewport()


def test_verdicts_can_be_read_on_paper(visit, file):
    page = visit(file, A4).page
    page.emulate_media(media="print")
    cells = page.locator("#claims table").first.locator("tbody").locator("th, td").all()
    assert cells
    for cell in cells:
        box = cell.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= A4, cell.inner_text()
    assert page.pdf().startswith(b"%PDF")
