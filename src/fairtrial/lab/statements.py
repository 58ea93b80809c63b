"""What the lab report states, and what the evidence says of each statement."""

import math
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal

from fairtrial.results.verdicts import PARTS
from fairtrial.settings.base import Line, Settings

DECIDING = ("line", "fashion", "models")
"""Studies that repeat what the report did; claims of others go beyond it and decide nothing."""
HOLDS, REVERSED, EQUIVALENT, UNDECIDED = "holds", "reversed", "equivalent", "undecided"
IN_PART, NOT_COMPARABLE, NOT_RUN = "in part", "not comparable", "not run yet"
ORDER = (REVERSED, NOT_COMPARABLE, IN_PART, HOLDS, EQUIVALENT, UNDECIDED, NOT_RUN)
"""Verdicts by how much a reader should know of them."""
GROUPS = {
    HOLDS: "holds",
    REVERSED: "reversed",
    IN_PART: "in part",
    EQUIVALENT: "noise",
    UNDECIDED: "noise",
    NOT_COMPARABLE: "different things",
}
"""What a verdict says of the report: its difference, where there is none to see, was noise."""
MOST_ROWS = 20
MOST_CONCLUSION, MOST_WHY = 42, 34
"""Letters of a terminal's columns: with the verdict and the lines between them, 100 in all."""
SHORT_METRICS = {
    "parameter_error": "error",
    "steps_to_tolerance": "steps",
    "epochs_to_tolerance": "epochs",
    "first_rate_halving": "steps",
    "n_rate_halvings": "halvings",
    "generalization_gap": "gap",
    "train_cross_entropy": "nats",
    "early_loss_fluctuation": "spread",
    "late_fluctuation": "spread",
}
"""What a metric is called where there is little room."""


class Statement(Settings):
    """A statement of the lab report; `lab/statements.toml` says what each field is."""

    number: int
    problem: Literal[1, 2]
    heading: Line
    short: Line
    said: Line
    claims: list[Line] = []
    note: str = ""
    equivalent: list[Line] = []
    beyond: list[Line] = []
    also: list[Line] = []
    incomparable: str = ""
    check: Literal["", "repeats", "challenge"] = ""


@cache
def read_statements() -> tuple[Statement, ...]:
    """Read the 42 statements, in the report's order."""
    file = resources.files("fairtrial") / "lab" / "statements.toml"
    rows = tomllib.loads(file.read_text(encoding="utf-8"))["statement"]
    return tuple(Statement.model_validate(row) for row in rows)


# --------------------------------------------------------------------------------------- judging


def judge_statements(
    verdicts_by_study: Mapping[str, Sequence[Mapping[str, Any]]],
    checks: Mapping[str, Mapping[str, Any]],
    statements: Sequence[Statement] | None = None,
) -> list[dict[str, Any]]:
    """Say what the evidence says of every statement of the report, or of the given ones.

    `verdicts_by_study` holds what `verdicts.json` does, of the studies that have run. `checks` test
    a statement in place of claims, by their names: its `verdict`, a `note`, and maybe `why`.
    Returns a dict for each statement, ready for JSON:

    - the fields of `lab/statements.toml` but for the lists of claims;
    - `verdict`, see `combine_outcomes`; or `not comparable` if the report compared objectives in
      different units (then `on_shared` is the verdict of its claims), or `not run yet`;
    - `group`, of `GROUPS`, "" if there is no verdict yet; `checked`, the note of its check, or "";
    - `telling`, the place of the most telling of its `claims`: among those that decide the verdict,
      the one with the largest difference in margins; `why`, its figures in at most 34 letters;
    - `claims`, a dict for each: `study`, `number` (from 1), columns of `verdicts.json`, `expects`
      (the verdict that agrees with the statement), `outcome` (what it says of the statement),
      `decides` (False beyond the report) and `also` (another statement's claim).
    """
    claims = [
        _read_claim(row, study, number)
        for study, rows in verdicts_by_study.items()
        for number, row in enumerate(rows, 1)
    ]
    return [_judge(statement, claims, checks) for statement in statements or read_statements()]


def read_outcome(verdict: str, expects: str = HOLDS) -> str:
    """Say what a claim's verdict says of its statement.

    With `expects` it agrees: `holds`, or `equivalent` where the statement says that nothing
    changes. A difference of either sign speaks against that.

    Examples
    --------
    >>> read_outcome("equivalent"), read_outcome("equivalent", "equivalent")
    ('equivalent', 'holds')
    >>> read_outcome("holds", "equivalent")
    'reversed'
    """
    if expects == HOLDS or verdict == UNDECIDED:
        return verdict
    return HOLDS if verdict == EQUIVALENT else REVERSED


def combine_outcomes(outcomes: Sequence[str]) -> str:
    """Combine what the claims of a statement say of it into one verdict.

    - All the same: that.
    - Some hold, others do not: `in part`.
    - None holds, at least one is reversed: `reversed`.
    - None holds or is reversed, and they differ: `undecided`.

    Examples
    --------
    >>> combine_outcomes(["holds", "holds"]), combine_outcomes(["holds", "reversed"])
    ('holds', 'in part')
    >>> combine_outcomes(["reversed", "equivalent"]), combine_outcomes(["equivalent", "undecided"])
    ('reversed', 'undecided')
    """
    found = set(outcomes)
    if len(found) == 1:
        return outcomes[0]
    if HOLDS in found:
        return IN_PART
    return REVERSED if REVERSED in found else UNDECIDED


def _judge(
    statement: Statement,
    claims: Sequence[Mapping[str, Any]],
    checks: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    says = {*statement.claims, *statement.also}
    own = [_weigh(claim, statement) for claim in claims if claim["say"] in says]
    check = checks.get(statement.check)
    outcomes = [claim["outcome"] for claim in own if claim["decides"]]
    outcomes += [check["verdict"]] if check else []
    found = combine_outcomes(outcomes) if outcomes else NOT_RUN
    verdict = NOT_COMPARABLE if statement.incomparable else found
    telling = _find_telling(own, found)
    return {
        **statement.model_dump(exclude={"claims", "equivalent", "beyond", "also"}),
        "verdict": verdict,
        "on_shared": found if statement.incomparable else None,
        "group": GROUPS.get(verdict, ""),
        "telling": telling,
        "why": _say_why(verdict, own, telling, check),
        "checked": check["note"] if check else "",
        "claims": own,
    }


def _read_claim(row: Mapping[str, Any], study: str, number: int) -> dict[str, Any]:
    names = (
        "say", "on", "margin", "verdict", "seeds", "difference", "low", "high", "bound", *PARTS,
        "note",
    )  # fmt: skip
    return {"study": study, "number": number, **{name: row.get(name) for name in names}}


def _weigh(claim: Mapping[str, Any], statement: Statement) -> dict[str, Any]:
    expects = EQUIVALENT if claim["say"] in statement.equivalent else HOLDS
    return {
        **claim,
        "expects": expects,
        "outcome": read_outcome(claim["verdict"], expects),
        "decides": claim["study"] in DECIDING and claim["say"] not in statement.beyond,
        "also": claim["say"] in statement.also,
    }


# ------------------------------------------------------------------------------------ in few words


def _find_telling(claims: Sequence[Mapping[str, Any]], found: str) -> int | None:
    """Find the claim that says most: one that has the verdict, or speaks against the statement."""

    def rank(place: int) -> tuple[bool, float]:
        outcome, difference = claims[place]["outcome"], claims[place]["difference"]
        # Differences of several metrics can be ordered by how many margins they are.
        size = -1.0 if difference is None else abs(difference) / (claims[place]["margin"] or 1.0)
        return outcome != HOLDS if found == IN_PART else outcome == found, size

    places = [place for place, claim in enumerate(claims) if claim["decides"]]
    return max(places, key=rank, default=None)


def _say_why(
    verdict: str,
    claims: Sequence[Mapping[str, Any]],
    telling: int | None,
    check: Mapping[str, Any] | None,
) -> str:
    if verdict == NOT_COMPARABLE:
        return "losses in different units"
    if telling is None:
        return shorten(str(check.get("why", "checked")), MOST_WHY) if check else ""
    if verdict != IN_PART:
        return _show_difference(claims[telling])
    counts = Counter(claim["outcome"] for claim in claims if claim["decides"])
    n, held = counts.total(), counts.pop(HOLDS, 0)
    other, n_other = counts.most_common(1)[0]
    return f"{held} of {n} {'holds' if held == 1 else 'hold'}, {n_other} {other}"


def _show_difference(claim: Mapping[str, Any]) -> str:
    """Show a difference with its interval and metric, to the digits that its margin calls for."""
    from fairtrial.plots.appearance import show_metric  # Charts take seconds to load.

    if claim["difference"] is None:
        return "cannot be judged"
    digits = max(0, math.ceil(-math.log10(claim["margin"]))) if claim["margin"] else 3
    difference, low, high = (
        f"{value:z.{digits}f}" if value is not None else sign
        for value, sign in ((claim["difference"], ""), (claim["low"], "-∞"), (claim["high"], "∞"))
    )
    metric = SHORT_METRICS.get(claim["on"]) or show_metric(claim["on"])
    if claim.get("bound"):
        end = {"at least": low, "at most": high}.get(claim["bound"])
        text = f"{claim['bound']} {end} {metric}" if end else "which side is not known"
    elif claim["low"] is None and claim["high"] is None:  # One seed has no interval.
        text = f"{difference} {metric}, one seed"
    else:
        text = f"{difference} [{low}, {high}] {metric}"
    return shorten(text, MOST_WHY)


def shorten(text: str, most: int) -> str:
    """Shorten a text to so many letters.

    Examples
    --------
    >>> shorten("plateaus at a higher loss", 12)
    'plateaus at…'
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def summarise_statements(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """Make the rows of a short table for the terminal, of what `judge_statements` returns.

    There are at most 20, which fit in 100 columns. Statements that are wrong, or compare different
    things, are all there; the other verdicts have about as many rows each. The last row counts the
    statements that are left out.
    """
    shown = _choose_rows(rows, MOST_ROWS if len(rows) <= MOST_ROWS else MOST_ROWS - 1)
    table: list[dict[str, object]] = [
        {
            "the report concluded": shorten(f"{row['number']}. {row['short']}", MOST_CONCLUSION),
            "verdict": row["verdict"],
            "why": shorten(row["why"], MOST_WHY),
        }
        for row in shown
    ]
    if len(rows) > len(shown):
        more = f"and {len(rows) - len(shown)} more on the page, report.html"
        table.append({"the report concluded": more, "verdict": "", "why": ""})
    return table


def _choose_rows(rows: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Choose all rows that contradict the report, then as many of each other verdict."""
    groups = {verdict: [row for row in rows if row["verdict"] == verdict] for verdict in ORDER}
    taken = dict.fromkeys(ORDER, 0)
    for verdict in (REVERSED, NOT_COMPARABLE):
        taken[verdict] = min(len(groups[verdict]), most - sum(taken.values()))
    while sum(taken.values()) < min(most, len(rows)):
        for verdict in ORDER:
            if taken[verdict] < len(groups[verdict]) and sum(taken.values()) < most:
                taken[verdict] += 1
    return [row for verdict in ORDER for row in groups[verdict][: taken[verdict]]]
