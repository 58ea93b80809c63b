"""The short version of the page; `tests/browser` prints it."""

import json
import re
import shutil

import pytest

from fairtrial.evidence.account import explain
from fairtrial.lab.conclusions import say_evidence
from fairtrial.lab.report import make_document, shorten, write_report
from fairtrial.report.blocks import Figure, Table


def list_all(document, kind):
    blocks = [block for s in document.sections for block in s.list_blocks()]
    return [block for block in blocks if isinstance(block, kind)]


@pytest.mark.parametrize("name", ["", "line", "fashion"])
def test_one_page_has_every_verdict_with_reason_and_final_results(name, lab):
    folder = lab / name
    short = shorten(folder, make_document(folder))
    (table,) = list_all(short, Table)
    told = [[cell.text for cell in row] for row in table.rows]
    if name:
        rows = json.loads((folder / "verdicts.json").read_text())
        expected = [(row["say"], row["verdict"], explain(row)) for row in rows]
    else:
        rows = json.loads((folder / "conclusions.json").read_text())
        expected = [
            (f"{row['number']}. {row['said']}", row["verdict"], say_evidence(row)) for row in rows
        ]
    assert [(row[0], row[1], row[-1]) for row in told] == expected
    studies = 1 if name else 2
    assert [f.name[-10:] for f in list_all(short, Figure)] == ["at-the-end"] * studies
    assert len(short.headlines) == min(3, len(rows))


def test_one_page_is_beside_the_page_and_has_no_links(lab, tmp_path):
    folder = shutil.copytree(lab / "line", tmp_path / "line")
    written = write_report(folder, one_page=True)
    assert written == {folder / "report.html": 1, folder / "one-page.html": 1}
    text = (folder / "one-page.html").read_text(encoding="utf-8")
    text = re.sub("<script.*?</script>", "", text, flags=re.S)
    assert text.count('href="#') == 1  # To skip to the results.
    assert "fairtrial run study.toml" in text


def test_one_page_of_a_study_without_claims(lab, tmp_path):
    folder = shutil.copytree(lab / "line", tmp_path / "line")
    (folder / "verdicts.json").unlink()
    short = shorten(folder, make_document(folder))
    assert not list_all(short, Table) and list_all(short, Figure)
