"""Whatever a study's names hold is shown as it is, and nothing else happens."""

import pytest

from browser.pages import HOSTILE_SETTING, wait_for_frame
from small_lab import HOSTILE

pytestmark = pytest.mark.parametrize("opened", ["hostile"], indirect=True, scope="module")


def test_hostile_names_are_text(opened):
    page = opened.page
    words = page.locator("main").inner_text()
    for name in HOSTILE:
        assert name in words
    assert page.locator("main img").count() == 0
    assert page.locator("main script:not([type='application/json'])").count() == 0
    assert opened.dialogs == []


def test_hostile_names_are_text_in_charts(opened):
    page = opened.page
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
    assert opened.dialogs == []
