"""The short version of a page, on screen and on paper."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe

from fairtrial.lab.report import write_report

A4 = 794
"""Its width in pixels."""


@pytest.fixture(scope="module")
def short(line_of_five, tmp_path_factory):
    folder = shutil.copytree(line_of_five, tmp_path_factory.mktemp("short") / "line")
    return list(write_report(folder, one_page=True))[1]


def test_it_is_printed_on_one_sheet(visit, short):
    seen = visit(short, A4)
    seen.wait_for_charts()
    assert not seen.console and not [url for url in seen.requests if url.startswith("http")]
    pdf = seen.page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1


def test_all_of_a_verdict_is_on_the_paper(visit, short):
    page = visit(short, A4).page
    page.emulate_media(media="print")
    cells = page.locator("table tbody").locator("th, td").all()
    assert len(cells) == 15
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= A4
               for box in (cell.bounding_box() for cell in cells))  # fmt: skip


def test_axe_finds_nothing(visit, short):
    seen = visit(short)
    seen.wait_for_charts()
    found = Axe().run(seen.page)
    assert found.violations_count == 0, found.generate_report()
