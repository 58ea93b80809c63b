"""Whatever a study's names hold is shown as it is, and nothing else happens."""

import pytest

from browser.pages import HOSTILE_SETTING, wait_for_frame
from small_lab import HOSTILE


@pytest.fixture
def hostile(files):
    return files("hostile")


def test_hostile_names_are_text(visit, hostile):
    page = (seen := visit(hostile)).page
    seen.open_folds()
    words = page.locator("main").inner_text()
    for name in HOSTILE:
        assert name in words
    assert page.locator("main img").count() == 0
    assert page.locator("main script:not([type='application/json'])").count() == 0
    assert seen.dialogs == []


def test_hostile_names_are_text_in_charts(visit, hostile):
    page = (seen := visit(hostile)).page
    seen.open_folds()
    tooltip = page.locator("#vg-tooltip-element")
    charts = page.locator(".chart:visible:has(svg)").all()
    # Of a long label a chart shows the beginning; the whole stands in the tooltip.
    chart = next(chart for chart in charts if HOSTILE_SETTING[:12] in chart.text_content())
    told = []
    for mark in chart.locator(".mark-symbol path").all()[:8]:
        mark.hover(force=True)
        wait_for_frame(page)
        told.append(tooltip.inner_text())  # Of a mark behind another one, it is the other's.
    assert any(HOSTILE_SETTING in words for words in told)
    assert page.locator(":is(.chart, #vg-tooltip-element) :is(img, script)").count() == 0
    assert seen.dialogs == []
