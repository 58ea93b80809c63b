"""The one definition of verdicts: the file, its schema, and the table in the docs."""

import json
from dataclasses import fields
from pathlib import Path

import polars as pl
import pytest
from jsonschema import Draft202012Validator

import fairtrial as ft
from commands import call
from fairtrial.errors import InputError
from fairtrial.results.verdicts import Verdict, format_schema, list_fields, read_verdicts
from made_up import make_study

DOCS = Path(__file__).parents[2] / "docs" / "evidence.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    claim = {"better": {"loss": "mse"}, "than": {"loss": "mae"}}
    ft.run(make_study([claim], seeds=3), folder)
    return folder


def test_the_file_follows_its_schema(folder):
    schema = json.loads(format_schema())
    Draft202012Validator.check_schema(schema)
    rows = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(rows)
    assert {*rows[0]} == {field.name for field in fields(Verdict)}
    assert read_verdicts(folder) == rows


def test_verdicts_parquet_has_the_fields_of_the_dataclass(folder):
    table = pl.read_parquet(folder / "verdicts.parquet")
    (row,) = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    assert table.columns == [field.name for field in fields(Verdict)]
    types = {"difference": pl.Float64, "seeds": pl.Int64, "offers_counterfactual": pl.Boolean}
    assert {name: table.schema[name] for name in types} == types
    for name, value in table.row(0, named=True).items():
        is_nested = isinstance(row[name], dict | list)
        assert (json.loads(value) if is_nested else value) == row[name], name


def test_the_schema_is_printed():
    assert call("schema", "--verdicts").stdout == format_schema()


def test_the_docs_have_the_table_of_fields():
    """After a change of the fields, the table is what `list_fields` says."""
    rows = [f"| `{name}` | {what} |" for name, what in list_fields()]
    table = "\n".join(["| field | what it is |", "|---|---|", *rows])
    text = DOCS.read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- verdicts: begin -->\n")
    assert rest.partition("\n<!-- verdicts: end -->")[0] == table


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[0].pop("level"),
        lambda rows: rows[0].update(verdict="maybe"),
        lambda rows: rows[0].update(choice=0.0),
        lambda rows: rows[0].update(difference="large"),
        lambda rows: rows.append("a claim"),
    ],
)
def test_a_file_of_another_version_is_refused_in_a_sentence(change, folder, tmp_path):
    rows = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    change(rows)
    (tmp_path / "verdicts.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(InputError, match="another version of fairtrial has written it"):
        read_verdicts(tmp_path)


def test_a_folder_without_verdicts_has_none(tmp_path):
    assert read_verdicts(tmp_path) == []
