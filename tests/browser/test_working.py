"""What a reader can do on a page: follow findings, sort and filter tables, question charts."""

import pytest
from playwright.sync_api import expect

from browser.pages import wait_for_frame


@pytest.fixture
def lab_page(visit, files):
    seen = visit(files("lab"))
    seen.wait_for_charts()
    return seen.page


def test_what_was_found_opens_its_evidence(lab_page):
    lab_page.locator("details.found > summary").evaluate_all("(all) => all.map((s) => s.click())")
    links = lab_page.locator("ul.found a")
    assert links.count() == 8
    for link in links.all():
        link.click()
        fold = lab_page.locator(link.get_attribute("href"))
        expect(fold).to_have_attribute("open", "")
        assert fold.locator("> summary").is_visible()


def test_an_address_with_a_claim_opens_it(visit, files):
    page = visit(files("study")).page
    page.goto(f"{page.url}#claim-2")
    page.reload()
    expect(page.locator("#claim-2")).to_have_attribute("open", "")


def read_column(table, place):
    return table.locator(f"tbody tr:visible > :nth-child({place})").all_inner_texts()


@pytest.fixture
def line_page(lab_page):
    """The page with the line study open."""
    lab_page.locator("#problem-1 details").evaluate_all("(all) => all.map((d) => (d.open = true))")
    return lab_page


def test_charts_are_drawn_when_their_fold_opens(visit, files):
    page = (seen := visit(files("lab"))).page
    seen.wait_for_charts()
    drawn = page.locator("main details .chart :is(svg, canvas)")
    assert drawn.count() == 0
    page.locator("#problem-1 > details > summary").click()
    seen.wait_for_charts()
    assert drawn.count() == page.locator("#problem-1 .chart:visible").count() > 0


def test_tables_sort_by_numbers_and_words(line_page):
    table = line_page.locator("#problem-1 table.sorts")
    headings = table.locator("thead th").all_inner_texts()
    place = next(k for k, name in enumerate(headings, 1) if name.startswith("test MSE"))
    button = table.locator("thead button").nth(place - 1)

    def read_numbers():
        texts = read_column(table, place)
        return [float(text.split()[0]) for text in texts if not text.startswith("—")]

    before = read_numbers()
    button.click()
    heading = table.locator("thead th").nth(place - 1)
    assert heading.get_attribute("aria-sort") == "ascending"
    assert read_numbers() == sorted(before) != before
    button.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert read_numbers() == sorted(before, reverse=True)
    assert read_column(table, place)[-1].startswith("—")  # The arm that diverged has no number.
    table.locator("thead button").first.click()
    names = read_column(table, 1)
    assert names == sorted(names, key=str.casefold)


def test_tables_filter_by_every_word(line_page):
    table = line_page.locator("#problem-1 table.sorts")
    n_rows = table.locator("tbody tr").count()
    field = line_page.locator("#problem-1 .filter input")
    field.fill("MSE  patience")
    assert read_column(table, 1) == ["patience scheduling · MSE"]
    assert line_page.locator("#problem-1 .filter output").inner_text() == f"1 of {n_rows} rows"
    field.fill("")
    assert table.locator("tbody tr:visible").count() == n_rows


@pytest.fixture
def curves(line_page):
    title = "Parameter error during training"
    figure = line_page.locator("figure", has=line_page.get_by_role("heading", name=title)).first
    figure.scroll_into_view_if_needed()
    return figure


def list_opacities(figure):
    wait_for_frame(figure.page)
    return figure.locator(".mark-line path").evaluate_all(
        "(lines) => lines.map((line) => Number(line.getAttribute('opacity') ?? 1))"
    )


def test_a_legend_shows_a_series_alone(curves):
    assert set(list_opacities(curves)) <= {1, 0}  # 0: the seed that measures the scales.
    curves.locator(".role-legend-label text", has_text="Huber").click()
    shown = [opacity for opacity in list_opacities(curves) if opacity]
    assert sorted(set(shown)) == [0.08, 1]
    assert shown.count(1) == 3  # One line in each panel.


def test_the_keyboard_shows_a_series_alone(curves):
    curves.page.keyboard.press("Tab")
    listed = curves.locator("select")
    listed.focus()
    assert listed.is_visible()
    listed.select_option("Huber")
    assert [opacity for opacity in list_opacities(curves) if opacity].count(1) == 3
    listed.select_option("all")
    assert 0.08 not in list_opacities(curves)


def test_single_seeds_show_on_demand(curves):
    assert 0.6 not in list_opacities(curves)
    curves.get_by_label("show single seeds").check()
    assert list_opacities(curves).count(0.6) == 3 * 4 * 3


def test_axes_zoom_with_shift_and_the_page_scrolls_without(curves):
    page = curves.page

    labels = curves.locator(".role-axis-label text")
    before, top = labels.all_text_contents(), page.evaluate("scrollY")
    curves.locator(".mark-line path").first.hover(force=True)
    page.mouse.wheel(0, 300)
    page.wait_for_function(f"() => scrollY !== {top}")
    assert labels.all_text_contents() == before
    curves.scroll_into_view_if_needed()
    curves.locator(".mark-line path").first.hover(force=True)
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Shift")
    expect(labels).not_to_have_text(before)
