"""Settings that the pages show are settings: of a kind of that name, with values that it takes."""

import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from fairtrial.kinds.mechanism.kind import FAMILIES
from fairtrial.study.task import Task  # noqa: F401

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def list_tables(text):
    """List the tables in braces that name a kind, from the outermost brace to its end."""
    for start in (found.start() for found in re.finditer(r"\{ ?kind = \"", text)):
        depth, end = 0, start
        while end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
            if depth == 0:
                break
        yield text[start:end]


SHOWN = {
    f"{path.name}: {table}": table
    for path in [*PAGES, *SOURCES]
    for table in list_tables(path.read_text(encoding="utf-8"))
    if "..." not in table
}


def is_defined(name):
    """Say whether a page defines a kind itself."""
    return any(f"def {name}(" in path.read_text(encoding="utf-8") for path in PAGES)


@pytest.mark.parametrize("where", SHOWN)
def test_settings_on_pages_are_valid(where):
    values = tomllib.loads(f"shown = {SHOWN[where]}")["shown"]
    kinds = [kind for family in FAMILIES.values() for kind in family if kind.name == values["kind"]]
    if not kinds and is_defined(values["kind"]):
        return
    errors = []
    for kind in kinds:
        try:
            kind.settings.model_validate(values)
            return
        except ValidationError as error:
            errors.append(str(error))
    raise AssertionError(errors or f"no kind is called {values['kind']}")
