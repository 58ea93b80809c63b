"""Verdicts as `verdicts.json` holds them: one definition of their fields.

The file, its JSON Schema, the columns of `verdicts.parquet` and the table in `docs/evidence.md` are
made from the dataclasses below.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from fairtrial.errors import InputError
from fairtrial.files import write_file, write_json
from fairtrial.results.store import VERDICT_TABLE, VERDICTS

PARTS = (
    "objective", "unfinished", "noise_floor", "objective_and_unfinished",
    "unfinished_and_noise_floor",
)  # fmt: skip
"""The parts of a difference. Each of the last two stands for two that are known as a sum only."""
OF_PARTS = tuple(f"{name}{end}" for name in PARTS for end in ("", "_low", "_high", "_over"))

Word = Literal["holds", "reversed", "equivalent", "undecided"]
Number = Annotated[float | None, Field(allow_inf_nan=False)]
Over = Literal["seeds", "seeds and test rows", "test rows"]
Table = dict[str, Any]
STRICT = ConfigDict(extra="forbid")


def _say(description: str) -> Any:
    return Field(description=description)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Difference:
    """A mean difference with its interval."""

    difference: Annotated[
        Number, _say("mean over the seeds, in the metric's unit, positive where `better` is better")
    ]
    low: Annotated[Number, _say("lower end of its interval; null where it is infinite")]
    high: Annotated[Number, _say("upper end of its interval; null where it is infinite")]
    level: Annotated[float, _say("level of the interval: 0.9 with `equivalent`, else 0.95")]
    over: Annotated[Over, _say("what the interval counts as a sample")]
    bound: Annotated[
        Literal["at least", "at most", "unknown"] | None,
        _say("which bound the difference is, where some runs never reach a tolerance"),
    ]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TunedView(Difference):
    """A claim where each side has its best settings."""

    verdict: Word
    survives: Annotated[bool, _say("whether the verdict is the claim's own")]
    better_settings: Annotated[list[Table], _say("settings chosen for `better`")]
    than_settings: Annotated[list[Table], _say("settings chosen for `than`")]
    chosen_on: Annotated[str, _say("the metric that chose them")]
    warning: str


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LongerRuns(Difference):
    """A claim after its arms have been trained to their minima."""

    verdict: Word
    method: str
    seeds: int
    steps: Annotated[int | None, _say("the most steps of any arm")]
    unfinished: Annotated[list[str], _say("arms that are still not at their minimum")]
    note: str


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PairMean:
    """A pair of arms with its mean difference."""

    better: str
    than: str
    seeds: int
    difference: Number


def _list_parts() -> dict[str, Any]:
    """List the fields of the parts of a difference, by name."""
    said = {
        "objective": "the difference between the two minima",
        "unfinished": "what more steps would still change",
        "noise_floor": "what more steps at the same rate would not change",
        "objective_and_unfinished": "the sum of the first two parts",
        "unfinished_and_noise_floor": "the sum of the last two parts",
    }
    parts: dict[str, Any] = {}
    for name in PARTS:
        parts[name] = Annotated[Number, _say(f"part: {said[name]}")]
        parts |= {f"{name}_low": Number, f"{name}_high": Number, f"{name}_over": Over | None}
    return parts


# Each part of a difference is a mean with an interval.
Parts = make_dataclass(
    "Parts", _list_parts().items(), bases=(Difference,), kw_only=True, frozen=True
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Verdict(Parts):
    """What is found of one claim."""

    say: Annotated[str, _say("the claim in words")]
    on: Annotated[str, _say("the metric")]
    better: Annotated[Table, _say("what the claim selects as better")]
    than: Annotated[Table, _say("what it is compared with")]
    where: Annotated[Table, _say("what holds for both sides")]
    change: Annotated[Table | None, _say("`effect` of a claim that compares two effects")]
    margin: Annotated[float, _say("smaller differences do not matter")]
    verdict: Annotated[Word, _say("the verdict")]
    method: Annotated[
        Literal["sign-flip test", "anytime-valid bets"],
        _say("test that fits the seeds; with split rows, `sign-flip test` means Student's t"),
    ]
    rows: Annotated[
        Literal["drawn", "fixed", "split"],
        _say("where rows come from: drawn by each seed, fixed for all, split again by each"),
    ]
    seeds: Annotated[int, _say("how many seeds there are")]
    better_share: Annotated[Number, _say("share of the runs of `better` that are no bound")]
    than_share: Annotated[Number, _say("share of the runs of `than` that are no bound")]
    p: Annotated[Number, _say("two-sided, against “the difference is within the margin”")]
    p_adjusted: Annotated[Number, _say("`p`, adjusted for all claims")]
    p_equivalent: Annotated[Number, _say("against “it is beyond the margin”, adjusted")]
    adjustment: Annotated[str | None, _say("`step-down min-P` or `Holm's procedure`")]
    n_claims: Annotated[int | None, _say("how many claims p-values are adjusted for")]
    beats: Annotated[Number, _say("share of the seeds in which `better` is better, ties half")]
    effect: Annotated[Number, _say("difference over its standard deviation over the seeds")]
    correlation: Annotated[Number, _say("of the two sides over the seeds")]
    unpaired_seeds: Annotated[
        int | None, _say("seeds per side that would be as precise without pairing")
    ]
    dominant: Annotated[
        Literal["seeds", "test rows"] | None, _say("the main source of uncertainty of the two")
    ]
    largest_part: Annotated[str | None, _say("the part that tests show to be the largest")]
    cause: Annotated[str, _say("the parts in sentences")]
    cause_seeds: Annotated[
        int | None, _say("how many seeds the parts are over: those whose minima are known")
    ]
    cause_lacks: Annotated[
        list[str], _say("what keeps the difference from being split into three parts")
    ]
    tuned: Annotated[TunedView | None, _say("the claim where each side has its best settings")]
    offers_counterfactual: Annotated[
        bool, _say("whether the difference is mostly unfinished and can be trained on")
    ]
    counterfactual: Annotated[
        LongerRuns | None, _say("the claim after `--counterfactual` has trained on")
    ]
    pairs: Annotated[list[PairMean], _say("each pair of arms with its mean difference")]
    stated_at: Annotated[str | None, _say("when the claim was first stated, in UTC, if known")]
    runs_when_stated: Annotated[int | None, _say("how many runs the folder had then")]
    fingerprint: Annotated[str, _say("identifies the claim and the runs that were judged")]
    note: Annotated[str, _say("what else one should know, such as how many more seeds to run")]


FORM = TypeAdapter(list[Verdict])


def write_verdicts(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write `verdicts.json` and `verdicts.parquet`.

    A row that is not a `Verdict` is a fault of this program.
    """
    verdicts = dump_verdicts(rows)
    write_file(folder / VERDICT_TABLE, make_table(verdicts).write_parquet)
    write_json(folder / VERDICTS, verdicts)


def dump_verdicts(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return verdicts as plain data, as `read_verdicts` does."""
    return FORM.dump_python(FORM.validate_python([dict(row) for row in rows]), mode="json")


COLUMN_TYPES = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "string": pl.String,
}
"""Polars' types by those of the JSON Schema; what is nested is a text of JSON."""


def make_table(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Make the table of verdicts: one row per claim, one column per field of `Verdict`.

    Fields that hold tables or lists are texts of JSON.
    """
    schema = {name: COLUMN_TYPES.get(kind, pl.String) for name, kind in _list_types()}
    nested = {name for name, kind in _list_types() if kind not in COLUMN_TYPES}
    return pl.DataFrame(
        {
            name: [_write(row[name]) if name in nested else row[name] for row in rows]
            for name in schema
        },
        schema,
        strict=False,
    )


def _write(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _list_types() -> Iterator[tuple[str, str]]:
    """List the fields of a verdict with their types in the JSON Schema, without null."""
    properties = FORM.json_schema()["$defs"]["Verdict"]["properties"]
    for field in fields(Verdict):
        found = properties[field.name]
        options = [one for one in found.get("anyOf", [found]) if one.get("type") != "null"]
        yield field.name, options[0].get("type", "object")


def read_verdicts(folder: Path) -> list[dict[str, Any]]:
    """Read `verdicts.json` as plain data; nothing where there is no such file.

    It is an `InputError` if it is damaged, or another version has written it.
    """
    path = folder / VERDICTS
    try:
        return FORM.dump_python(FORM.validate_json(path.read_bytes()), mode="json")
    except FileNotFoundError:
        return []
    except (OSError, ValidationError):
        raise InputError(
            f"{path} cannot be read: it is damaged, or another version of fairtrial has written "
            f"it. Judge the claims again, which trains nothing: fairtrial judge {folder}"
        ) from None


def format_schema() -> str:
    """Return the JSON Schema of `verdicts.json`."""
    return json.dumps(FORM.json_schema(), indent=2) + "\n"


def list_fields() -> Iterator[tuple[str, str]]:
    """List the fields of a verdict with what each is; the ends of the parts are left out."""
    properties = FORM.json_schema()["$defs"]["Verdict"]["properties"]
    for field in fields(Verdict):
        if description := properties[field.name].get("description"):
            yield field.name, description
