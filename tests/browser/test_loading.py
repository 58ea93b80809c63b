"""What a page loads would be seen; `test_open_page.py` says that it loads nothing."""


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
