"""The statements of the lab report on the page, with their verdicts and evidence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from fairtrial.lab.statements import NOT_COMPARABLE, NOT_RUN, UNDECIDED
from fairtrial.plots.trials import remember
from fairtrial.report.blocks import Block, Cell, Fold, Headline, Part, Rows, Section, Table, Text
from fairtrial.report.sections.claims import Entry, build_fold, build_verdicts, say_found
from fairtrial.results.results import Results

GROUPS = ("reversed", "different things", "in part", "noise", "undecided", "holds")
"""Groups of headlines, the most surprising first."""
BEYOND = "These claims go beyond the report and do not decide the statement:"
SHARED = "These claims belong to other statements and also decide this one:"


def list_statement_headlines(rows: Sequence[Mapping[str, Any]]) -> list[Headline]:
    """List the headlines, one per statement with a verdict, the most surprising first."""
    headlines = []
    for row in rows:
        # One seed cannot show that a difference is noise.
        has_one_seed = {claim["seeds"] for claim in row["claims"]} == {1}
        group = "undecided" if row["verdict"] == UNDECIDED and has_one_seed else row["group"]
        shown = name_statement(row), say_evidence(row), _name_fold(row)
        headlines += [Headline(row["verdict"], *shown, group)] if group else []
    return sorted(headlines, key=lambda headline: GROUPS.index(headline.group))


def build_statements(rows: Sequence[Mapping[str, Any]], trials: Mapping[str, Results]) -> Section:
    """Build the section of all statements, in the report's order, each with its evidence.

    The rows are those of `judge_statements`; the trials are the lab's studies by name.
    """
    counts = Counter(row["verdict"] for row in rows)
    counted = ", ".join(f"{count} “{verdict}”" for verdict, count in counts.most_common())
    lead = (
        "The report based its statements on single runs. Here each is tested with the same "
        f"settings, over the seeds of the studies below. {len(rows)} statements: {counted}."
    )
    parts = [
        Part(f"Problem {problem}: {heading}", [_build_fold(row, trials) for row in group])
        for (problem, heading), group in groupby(
            rows, key=lambda row: (row["problem"], row["heading"])
        )
    ]
    table = Part("All statements", [build_statement_table(rows)])
    heading = "The report's statements, tested"
    return Section("claims", heading, lead, [*parts, table])


def build_statement_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Build the table of all statements: verdict, and what the evidence says."""
    caption = "Each statement of the report with its verdict and the evidence"
    columns = ["statement", "verdict", "evidence"]
    cells = [
        [
            Cell(name_statement(row)),
            Cell(row["verdict"], f"word {row['verdict'].replace(' ', '-')}"),
            Cell(say_evidence(row), "text"),
        ]
        for row in rows
    ]
    return Table("statements", caption, columns, [Rows(cells)], sorts=True)


def name_statement(row: Mapping[str, Any]) -> str:
    """Return a statement with its number."""
    return f"{row['number']}. {row['said']}"


def _name_fold(row: Mapping[str, Any]) -> str:
    return f"statement-{row['number']}"


# ------------------------------------------------------------------------------------- sentences


def say_evidence(row: Mapping[str, Any]) -> str:
    """Summarise the evidence on a statement in one or two sentences."""
    if row["verdict"] == NOT_RUN:
        return "The studies that test it have not run yet."
    if row["verdict"] == NOT_COMPARABLE:
        return f"The report compared {row['why']}. On shared metrics: {row['on_shared']}."
    claims = [claim for claim in row["claims"] if claim["decides"]]
    if not claims:
        return row["checked"]
    if len(claims) == 1:
        return say_found(claims[0])
    counts = Counter(claim["outcome"] for claim in claims)
    agree = counts.pop("holds", 0)
    rest = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    said = f"{agree} of {len(claims)} claims {'agrees' if agree == 1 else 'agree'}"
    return f"{said}; the others: {rest}." if rest else f"{said}."


def say_telling(row: Mapping[str, Any]) -> str:
    """Describe the strongest claim; "" if at most one claim decides the statement."""
    n_deciding = sum(claim["decides"] for claim in row["claims"])
    if row["telling"] is None or n_deciding < 2:
        return ""
    claim = row["claims"][row["telling"]]
    say = claim["say"].removeprefix(f"{row['number']}. ")  # The heading has the number.
    return f"Strongest evidence: “{say}”: {say_found(claim)}"


# ------------------------------------------------------------------------------------------ folds


def _build_fold(row: Mapping[str, Any], trials: Mapping[str, Results]) -> Fold:
    """Build a statement's fold: a summary, and one fold per claim."""
    sentences = (say_evidence(row), row["incomparable"], say_telling(row), row["note"])
    blocks: list[Block] = [Text(sentence) for sentence in sentences if sentence]
    own = [claim for claim in row["claims"] if not claim["also"]]
    blocks += [_build_claim(claim, trials) for claim in own if claim["decides"]]
    if beyond := [claim for claim in own if not claim["decides"]]:
        blocks += [Text(BEYOND), *(_build_claim(claim, trials) for claim in beyond)]
    if shared := [claim for claim in row["claims"] if claim["also"]]:
        name = f"{_name_fold(row)}-shared"
        blocks += [Text(SHARED), build_verdicts(shared, name=name, sorts=False)]
    return Fold(name_statement(row), blocks, _name_fold(row), row["verdict"])


def _build_claim(claim: Mapping[str, Any], trials: Mapping[str, Results]) -> Fold:
    study, number = claim["study"], claim["number"]
    if study in trials:
        return _build_evidence(trials[study], number, f"{study}-claim")
    return build_fold(Entry(claim, None, number, f"{study}-claim"))


@remember
def _build_evidence(trial: Results, number: int, prefix: str) -> Fold:
    return build_fold(Entry(trial.list_verdicts()[number - 1], trial, number, prefix))
