"""A page loads nothing, complains of nothing and draws all its charts."""


def test_nothing_is_asked_for_and_nothing_complains(visit, file):
    seen = visit(file)
    seen.wait_for_charts()
    seen.open_folds()
    assert seen.requests == [file.as_uri()]
    assert seen.console == []
    assert seen.dialogs == []


def test_trouble_would_be_seen(visit, file, tmp_path):
    trouble = '<script>alert(1)</script><img src="http://localhost/x.png" alt="">'
    copy = tmp_path / "report.html"
    copy.write_text(file.read_text(encoding="utf-8").replace("</main>", f"{trouble}</main>"))
    seen = visit(copy)
    for part in ("script-src", "img-src"):
        while not any(part in message for message in seen.console):
            seen.page.wait_for_event("console")
    assert any("Content Security Policy" in message for message in seen.console)
    assert seen.dialogs == []


def test_every_chart_is_drawn(visit, file):
    page = (seen := visit(file)).page
    seen.wait_for_charts()
    seen.open_folds()
    assert page.locator(".chart").count() > 0
    assert page.locator(".chart.failed").count() == 0
    assert page.locator(".chart:not(:has(svg, canvas))").count() == 0
