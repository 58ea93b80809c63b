"""The page of all kinds, and the starter file, are those of the registry."""

from pathlib import Path

from fairtrial.study.schema import read_starter
from scripts.write_kinds import format_reference

PAGE = Path(__file__).parent.parent.parent / "docs" / "kinds.md"


def test_page_is_that_of_the_registry():
    assert PAGE.read_text(encoding="utf-8") == format_reference()


def test_starter_names_all_kinds():
    text = read_starter()
    assert "# mse | mae | huber | hybrid | cross_entropy" in text
    assert "# normal | constant | given | uniform" in text
    assert "{loss}" not in text
