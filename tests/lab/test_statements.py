"""The statements of the lab report: all are there and tested, and judged by the stated rules."""

import io
import re
from collections import defaultdict

import pytest

from fairtrial.cli import terminal
from fairtrial.evidence.case import count_seeds_for
from fairtrial.lab.shipped import open_shipped
from fairtrial.lab.statements import (
    DECIDING,
    combine_outcomes,
    judge_statements,
    read_outcome,
    read_statements,
    summarise_statements,
)
from fairtrial.study import Study
from fairtrial.study.claims import match_arms
from small_lab import name_claims

STUDIES = (*DECIDING, "grid", "features")
# The order of the report's sections, and within them of the list that the statements come from.
IN_ORDER = [
    *(1, 2, 18, 19, 20, 21, 22),
    *(3, 4, 23, 24, 5, 25, 6, 26, 27),
    *(7, 28, 29, 8, 9, 30, 31, 32, 33),
    *(10, 34, 35, 11),
    *(12, 36, 37, 13, 38, 14, 15, 39, 16, 40, 17, 41, 42),
]
SAME = "6. 5,000 steps end closer than 2,000 (the report: longer training adds nothing)"


@pytest.fixture(scope="module")
def shipped():
    return {name: Study.load(open_shipped(name)) for name in STUDIES}


def verdict(say, word, difference=-0.0673, on="parameter_error", margin=0.005):
    low, high = (None, None) if difference is None else (difference - 0.0176, difference + 0.0153)
    return {
        "say": say, "verdict": word, "on": on, "margin": margin, "difference": difference,
        "low": low, "high": high, "seeds": 20, "note": "",
    }  # fmt: skip


def judge_rows(verdicts, checks=None):
    return judge_statements(verdicts, checks or {}, name_claims(verdicts))


def judge(number, rows, study="line", checks=None):
    return next(row for row in judge_rows({study: rows}, checks) if row["number"] == number)


# ------------------------------------------------------------------------------- what is shipped


def test_all_42_statements_are_there_in_the_order_of_the_report():
    statements = read_statements()
    assert [statement.number for statement in statements] == IN_ORDER
    assert sorted(IN_ORDER) == list(range(1, 43))
    assert all(len(f"{one.number}. {one.short}") <= 42 for one in statements)


def test_every_claim_belongs_to_a_statement(shipped):
    says = sorted(claim.say for study in shipped.values() for claim in study.claims)
    assert sorted(say for one in read_statements() for say in one.claims) == says


def test_texts_of_claims_begin_with_the_number_of_their_statement():
    for statement in read_statements():
        assert all(say.startswith(f"{statement.number}. ") for say in statement.claims)


def test_every_statement_is_tested(shipped):
    deciding = {claim.say for name in DECIDING for claim in shipped[name].claims}
    for statement in read_statements():
        assert deciding.intersection(statement.claims) or statement.check, statement.number


def test_named_claims_exist(shipped):
    says = [claim.say for study in shipped.values() for claim in study.claims]
    assert len(set(says)) == len(says)
    for statement in read_statements():
        assert {*statement.also, *statement.beyond} <= {*says}
        assert {*statement.equivalent} <= {*statement.claims}


def test_a_metric_has_one_margin_over_all_studies(shipped):
    margins = defaultdict(set)
    for study in shipped.values():
        for claim in study.claims:
            # Of the parameter error or of the test accuracy: other units, so another margin.
            unit = study.task.has_classes if claim.on.endswith("_fluctuation") else ""
            margins[claim.on, unit].add(claim.margin)
    assert all(len(found) == 1 and min(found) > 0 for found in margins.values()), margins


def test_claims_mix_no_losses_or_optimizers_that_they_do_not_name(shipped):
    for name in ("line", "fashion", "grid"):
        arms = shipped[name].list_arms()
        for claim in shipped[name].claims:
            for family in {"loss", "optimizer"} - {*claim.better}:
                kind = f"{family}.kind"
                pairs = match_arms(arms, claim)
                assert all(a.settings[kind] == b.settings[kind] for a, b in pairs), claim.say


def test_seeds_suffice_for_every_claim(shipped):
    for name, study in shipped.items():
        assert len(study.list_seeds()) >= count_seeds_for(study), name


# --------------------------------------------------------------------------------------- judging


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["holds"], "holds"),
        (["holds", "holds"], "holds"),
        (["reversed", "reversed"], "reversed"),
        (["equivalent"], "equivalent"),
        (["holds", "reversed"], "in part"),
        (["holds", "undecided"], "in part"),
        (["equivalent", "reversed", "undecided"], "reversed"),
        (["equivalent", "undecided"], "undecided"),
    ],
)
def test_verdicts_combine(outcomes, expected):
    assert combine_outcomes(outcomes) == expected
    assert combine_outcomes(outcomes[::-1]) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("equivalent", "holds"),
        ("holds", "reversed"),
        ("reversed", "reversed"),
        ("undecided", "undecided"),
    ],
)
def test_a_statement_of_no_difference_agrees_with_equivalence(word, expected):
    assert read_outcome(word, "equivalent") == expected
    assert read_outcome(word) == word


def test_one_statement_may_say_that_one_thing_changes_and_another_does_not():
    faster = "6. A start at W = b = 0.5 converges faster than a random one"
    row = judge(6, [verdict(faster, "holds", 300.0), verdict(SAME, "equivalent", 0.0001)])
    assert row["verdict"] == "holds" and row["group"] == "holds"
    row = judge(6, [verdict(faster, "holds", 300.0), verdict(SAME, "holds", 0.3)])
    assert row["verdict"] == "in part"
    assert row["why"] == "1 of 2 holds, 1 reversed"
    assert row["claims"][row["telling"]]["say"] == SAME


def test_the_most_telling_claim_gives_its_figures():
    row = judge(4, [])
    assert row["verdict"] == "not comparable" and row["on_shared"] == "not run yet"
    rows = [verdict("21. a", "reversed", -0.01), verdict("21. b", "reversed", -0.0673)]
    row = judge(21, rows)
    assert row["verdict"] == row["group"] == "reversed"
    assert row["why"] == "-0.067 [-0.085, -0.052] error"
    assert [claim["number"] for claim in row["claims"]] == [1, 2]


def test_objectives_in_different_units_are_not_compared():
    row = judge(4, [verdict("4. Huber is best", "reversed")])
    assert row["verdict"] == "not comparable" and row["on_shared"] == "reversed"
    assert row["group"] == "different things" and "unit" in row["incomparable"]


def test_claims_beyond_the_report_do_not_decide():
    say = "16. Beyond the report: stopping early helps"
    rows = {"fashion": [verdict("16. Overfits", "holds")], "grid": [verdict(say, "reversed")]}
    row = next(row for row in judge_rows(rows) if row["number"] == 16)
    assert row["verdict"] == "holds" and len(row["claims"]) == 2
    assert judge(16, [verdict(say, "holds")], "grid")["verdict"] == "not run yet"


def test_claims_of_other_statements_may_decide_too():
    row = judge(38, [verdict("12. At 10 epochs Adam beats SGD", "reversed")], "fashion")
    assert row["verdict"] == "reversed" and row["claims"][0]["also"]


def test_checks_and_what_has_not_run():
    check = {"verdict": "holds", "note": "4 runs trained twice.", "why": "4 of 4 runs the same"}
    row = judge(11, [], checks={"repeats": check})
    assert (row["verdict"], row["why"]) == ("holds", "4 of 4 runs the same")
    assert row["checked"] == "4 runs trained twice."
    assert judge(42, [])["verdict"] == "not run yet"
    assert judge(27, [])["verdict"] == "not run yet" and judge(27, [])["group"] == ""


def test_noise_is_what_shows_no_difference():
    assert judge(31, [verdict("31. MAE better", "equivalent")])["group"] == "noise"
    row = judge(31, [verdict("31. MAE better", "undecided", None)])
    assert (row["group"], row["why"]) == ("noise", "cannot be judged")


# -------------------------------------------------------------------------------- on the terminal


def make_rows():
    """All statements, each with long figures, in all verdicts."""
    words = ("reversed", "holds", "equivalent", "undecided")
    numbers = [one.number for one in read_statements()]
    rows = [
        verdict(f"{number}. x", words[place % 4], -1234.5678 if place % 2 else -0.00123,
                "late_fluctuation" if place % 3 else "steps_to_tolerance", 0.0005)
        for place, number in enumerate(numbers)
    ]  # fmt: skip
    return judge_rows({"line": rows})


def test_the_table_fits_100_columns_and_25_lines(capsys, monkeypatch):
    table = summarise_statements(make_rows())
    terminal.print_table(table)
    piped = capsys.readouterr().out.splitlines()
    assert len(piped) <= 25
    assert max(len(line.expandtabs()) for line in piped) <= 100
    assert table[-1]["the report concluded"] == "and 23 more on the page, report.html"
    drawn = io.StringIO()
    drawn.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", drawn)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    terminal.print_table(table)
    lines = re.sub("\x1b\\[[0-9;]*m", "", drawn.getvalue()).splitlines()
    assert len(lines) == len(table) + 4 <= 25  # No row is folded.
    assert max(map(len, lines)) <= 100


def test_every_verdict_is_among_the_rows_and_reversed_ones_stand_first():
    rows = make_rows()
    table = summarise_statements(rows)
    assert {row["verdict"] for row in table} == {"", *(row["verdict"] for row in rows)}
    assert table[0]["verdict"] == "reversed"
    few = summarise_statements(rows[:5])
    assert len(few) == 5 and all(row["verdict"] for row in few)


@pytest.mark.parametrize(
    ("bound", "low", "high", "why"),
    [
        ("at least", 448.1, None, "at least 448 steps"),
        ("at most", None, -12.0, "at most -12 steps"),
        ("unknown", None, None, "which side is not known"),
    ],
)
def test_a_difference_of_which_a_bound_is_known(bound, low, high, why):
    row = verdict("19. MSE converges faster", "holds", 500.0, "steps_to_tolerance", 50)
    found = judge(19, [row | {"bound": bound, "low": low, "high": high}])
    assert found["why"] == why
