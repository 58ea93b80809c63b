"""How seeds were chosen and when claims were stated: what judging makes of it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from fairtrial.errors import InputError
from fairtrial.evidence.case import ANYTIME, SIGN_FLIP
from fairtrial.evidence.design import list_notices, say_stated, say_when
from fairtrial.evidence.judge import find_marginless, judge
from fairtrial.evidence.statistics.anytime import place_bets
from fairtrial.evidence.verdict import Basis, weigh
from fairtrial.lab.report import write_page
from fairtrial.results.design import DESIGN, note_look, read_design
from fairtrial.running.execute import Setup
from made_up import make_study

# With twelve seeds the sign-flip test finds p = .006, and bets find .48.
TEMPTING = {
    "say": "MAE predicts better",
    "better": {"loss": "mae"},
    "than": {"loss": "mse"},
    "on": "mae",
    "margin": 0.0,
}
SMALL = {
    "task": {"kind": "line", "rows": 40, "test_rows": 20},
    "recipe": {
        "loss": "mse", "optimizer": {"kind": "sgd", "learning_rate": 0.05}, "steps": 100,
    },
    "vary": {"loss": ["mse", "mae"]},
}  # fmt: skip


def make(seeds, *claims):
    return make_study(claims or [TEMPTING], seeds=seeds, **SMALL)


def list_declared(folder):
    design = read_design(folder)
    assert design is not None
    return design.seeds


def read(folder):
    return json.loads((folder / DESIGN).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def until(tmp_path_factory):
    """Twelve seeds, of which four were declared."""
    folder = tmp_path_factory.mktemp("design") / "until"
    ft.run(make(4), folder, until_decided=True, max_seeds=12)
    return folder


@pytest.fixture
def copy(until, tmp_path):
    return shutil.copytree(until, tmp_path / "copy")


# ------------------------------------------------------------------------ how seeds were chosen


def test_sign_flip_test_would_call_what_bets_leave_undecided(tmp_path):
    """The same twelve seeds, declared beforehand: then the test is the right one."""
    (row,) = ft.run(make(12), tmp_path / "fixed").list_verdicts()
    assert (row["method"], row["verdict"]) == (SIGN_FLIP, "reversed")


def test_design_is_there_before_the_first_run(tmp_path):
    seen = []
    folder = tmp_path / "out"
    Setup(progress=lambda status: seen.append((folder / DESIGN).exists())).run_missing(
        make(3), folder
    )
    assert seen and seen[0]
    design = read(folder)
    assert (design["chosen"], design["declared"], design["looks"]) == ("fixed", 3, [])
    assert [(one["say"], one["runs"]) for one in design["claims"]] == [("MAE predicts better", 0)]


def test_design_of_seeds_until_decided(until):
    design = read(until)
    assert (design["chosen"], design["declared"]) == ("until decided", 4)
    assert [look["seeds"] for look in design["looks"]] == [4, 6, 8, 10, 12]
    assert list_declared(until) == [0, 1, 2, 3]


@pytest.mark.parametrize("harm", ["removed", "broken", "[]", "field", "method"])
def test_verdicts_that_are_lost_do_not_change_the_test(harm, copy):
    path = copy / "verdicts.json"
    rows = json.loads(path.read_text())
    if harm == "removed":
        path.unlink()
    elif harm in ("field", "method"):
        rows[0].pop("dominant" if harm == "field" else "method")
        path.write_text(json.dumps(rows))
    else:
        path.write_text(harm)
    (row,) = judge(copy)
    assert (row["method"], row["verdict"], row["seeds"]) == (ANYTIME, "undecided", 12)


def test_a_test_that_does_not_fit_is_refused(copy):
    before = (copy / "verdicts.json").read_bytes()
    with pytest.raises(InputError, match="'sign-flip test' does not fit"):
        judge(copy, method=SIGN_FLIP)
    assert (copy / "verdicts.json").read_bytes() == before
    assert judge(copy)[0]["method"] == ANYTIME


def test_bets_on_fixed_seeds_are_not_remembered(tmp_path):
    ft.run(make(4), tmp_path / "out")
    assert judge(tmp_path / "out", method=ANYTIME)[0]["method"] == ANYTIME
    assert judge(tmp_path / "out")[0]["method"] == SIGN_FLIP
    assert read(tmp_path / "out")["chosen"] == "fixed"


def test_without_a_design_seeds_beyond_the_study_count_as_added(copy):
    (copy / DESIGN).unlink()
    (copy / "verdicts.json").unlink()
    (row,) = judge(copy)
    assert (row["method"], row["verdict"]) == (ANYTIME, "undecided")
    assert "design.json is missing" in row["note"]
    assert not (copy / DESIGN).exists(), "judging does not make one"
    assert row["stated_at"] is None and "not recorded" in say_stated(row)


def test_a_design_that_was_lost_does_not_come_back_by_running(copy):
    (copy / DESIGN).unlink()
    (copy / "verdicts.json").unlink()
    (row,) = ft.run(make(12), copy).list_verdicts()
    assert (row["method"], row["verdict"]) == (ANYTIME, "undecided")
    assert "had lost its design.json" in row["note"]
    assert read(copy)["chosen"] == "unknown"


def test_a_folder_of_an_older_version_keeps_its_seeds(tmp_path):
    ft.run(make(6), tmp_path / "out")
    (tmp_path / "out" / DESIGN).unlink()
    assert judge(tmp_path / "out")[0]["method"] == SIGN_FLIP
    (row,) = ft.run(make(6), tmp_path / "out").list_verdicts()
    assert row["method"] == SIGN_FLIP and row["runs_when_stated"] == 12
    (row,) = ft.run(make(8), tmp_path / "out").list_verdicts()
    assert row["method"] == ANYTIME


@pytest.mark.parametrize(
    "text",
    ["{broken", "[]", "{}", '{"chosen": "fixed"}', "null", '{"chosen": "best", "declared": 1}'],
)
def test_a_damaged_design_is_a_sentence(text, copy):
    (copy / DESIGN).write_text(text)
    for call in (
        lambda: judge(copy),
        lambda: Setup().run_missing(make(4), copy),
        lambda: write_page(copy),
    ):
        with pytest.raises(InputError, match=r"design\.json cannot be read: it is damaged, or of"):
            call()


@pytest.mark.parametrize("seeds", [3, [7, 5], "Ada", {"name": "Ada", "count": 2}])
def test_declared_seeds_come_back_as_they_were(seeds, tmp_path):
    study = make(seeds)
    Setup().run_missing(study, tmp_path / "out")
    assert list_declared(tmp_path / "out") == study.list_seeds()
    assert judge(tmp_path / "out")[0]["method"] == SIGN_FLIP


# ---------------------------------------------------------------------------- adding seeds


def test_running_again_with_more_seeds_is_another_look(tmp_path):
    folder, rows = tmp_path / "out", []
    for seeds in (6, 8, 10, 12):
        rows += ft.run(make(seeds), folder).list_verdicts()
    assert [row["method"] for row in rows] == [SIGN_FLIP, ANYTIME, ANYTIME, ANYTIME]
    assert [row["verdict"] for row in rows] == ["undecided"] * 4
    assert "--until-decided adds" in rows[0]["note"]
    assert "changed after a look at 6, 8 and 10 seeds" in rows[3]["note"]
    assert [look["seeds"] for look in read(folder)["looks"]] == [6, 8, 10, 12]
    assert read(folder)["declared"] == 6


@pytest.mark.parametrize("seeds", [5, [6, 7, 8, 9, 10, 11]])
def test_fewer_or_other_seeds_after_a_look_are_judged_by_bets(seeds, tmp_path):
    ft.run(make(6), tmp_path / "out")
    (row,) = ft.run(make(seeds), tmp_path / "out").list_verdicts()
    assert row["method"] == ANYTIME
    (row,) = ft.run(make(6), tmp_path / "out").list_verdicts()
    assert row["method"] == SIGN_FLIP, "the declared seeds, all of them and no others"


def test_seeds_may_change_before_the_first_look(tmp_path):
    Setup().run_missing(make(3), tmp_path / "out")
    (row,) = ft.run(make(6), tmp_path / "out").list_verdicts()
    assert row["method"] == SIGN_FLIP and read(tmp_path / "out")["declared"] == 6


def test_judging_another_file_is_a_look(tmp_path):
    folder, other = tmp_path / "out", tmp_path / "other.toml"
    Setup().run_missing(make(6), folder)
    other.write_text(
        '[[claims]]\nsay = "MSE fits"\nbetter = { loss = "mse" }\nthan = { loss = "mae" }\n'
        'on = "mse"\n'
    )
    (row,) = judge(folder, other)
    assert row["runs_when_stated"] == 12
    (row,) = ft.run(make(8), folder).list_verdicts()
    assert row["method"] == ANYTIME
    (notice,) = list_notices(ft.Trial(folder))
    assert notice == "1 claim from other.toml was judged on these runs."
    page = write_page(folder).read_text(encoding="utf-8")
    assert notice in page


def test_looking_again_at_the_same_is_no_further_look(until, copy):
    before = (copy / DESIGN).read_bytes()
    judge(copy)
    assert (copy / DESIGN).read_bytes() == before


def test_other_arms_with_the_same_seeds_are_no_extension(tmp_path):
    ft.run(make(6), tmp_path / "out")
    more = make(6).replace(vary={"loss": ["mse", "mae", "huber"]})
    (row,) = ft.run(more, tmp_path / "out").list_verdicts()
    assert row["method"] == SIGN_FLIP and row["runs_when_stated"] == 0


# ---------------------------------------------------------------------------- stated before


def test_claims_say_when_they_were_stated(tmp_path):
    folder = tmp_path / "out"
    (row,) = ft.run(make(6), folder).list_verdicts()
    assert row["runs_when_stated"] == 0 and say_stated(row).startswith("Stated before the runs (2")
    later = {**TEMPTING, "say": "MAE has the smaller squared error", "on": "mse"}
    rows = ft.run(make(6, TEMPTING, later), folder).list_verdicts()
    assert [row["runs_when_stated"] for row in rows] == [0, 12]
    assert say_stated(rows[1]).startswith("Stated after 12 runs were there (2")
    page = write_page(folder).read_text(encoding="utf-8")
    assert "Stated before the runs" in page and "Stated after 12 runs were there" in page


def test_a_changed_margin_is_told(tmp_path):
    folder = tmp_path / "out"
    ft.run(make(6, {**TEMPTING, "margin": 0.5}), folder)
    (row,) = ft.run(make(6, {**TEMPTING, "margin": 0.01}), folder).list_verdicts()
    assert row["runs_when_stated"] == 12
    told = "The claim was also stated with a margin of 0.5, before the runs."
    assert row["note"].startswith(told)
    assert told in write_page(folder).read_text(encoding="utf-8")


def test_a_margin_that_was_changed_in_the_results_folder_is_told(tmp_path):
    folder = tmp_path / "out"
    ft.run(make(6, {**TEMPTING, "margin": 0.5}), folder)
    path = folder / "study.toml"
    path.write_text(path.read_text().replace("margin = 0.5", "margin = 0.01"))
    assert ft.Trial(folder).list_verdicts() == [], "those were on the claim as it stood"
    (row,) = judge(folder)
    assert (row["margin"], row["runs_when_stated"]) == (0.01, 12)
    assert "also stated with a margin of 0.5" in row["note"]


def test_a_claim_of_changed_arms_is_another_claim(tmp_path):
    ft.run(make(3), tmp_path / "out")
    recipe = {**SMALL["recipe"], "steps": 90}
    (row,) = ft.run(make(3).replace(recipe=recipe), tmp_path / "out").list_verdicts()
    assert row["runs_when_stated"] == 6


def test_a_dropped_claim_is_told(tmp_path):
    folder = tmp_path / "out"
    other = {**TEMPTING, "say": "MAE has the smaller squared error", "on": "mse"}
    ft.run(make(6, TEMPTING, other), folder)
    ft.run(make(6), folder)
    (notice,) = list_notices(ft.Trial(folder))
    assert notice == (
        "A claim was stated before the runs and is not judged here: “MAE has the smaller squared "
        "error”."
    )
    assert "is not judged here" in write_page(folder).read_text(encoding="utf-8")


def test_claims_that_change_before_any_run_are_no_news(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("fairtrial.running.execute.plan_stacks", lambda *_, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Setup().run_missing(make(6, {**TEMPTING, "margin": 0.5}), folder)
    (row,) = ft.run(make(6), folder).list_verdicts()
    assert row["runs_when_stated"] == 0 and "also stated" not in row["note"]


@pytest.mark.parametrize(("n_runs", "said"), [(1, "after 1 run was"), (1200, "after 1,200 runs")])
def test_numbers_of_runs_in_words(n_runs, said):
    assert say_when(n_runs).startswith(said)


def test_claims_without_a_margin_are_named_in_one_line():
    bare = {name: value for name, value in TEMPTING.items() if name != "margin"}
    rest = " margin: any difference will count, however small."
    assert find_marginless(make(6, bare)) == f"The claim states no{rest}"
    assert find_marginless(make(6, bare, TEMPTING, bare)) == f"2 of 3 claims state no{rest}"
    assert find_marginless(make(6, TEMPTING, bare)) == f"1 of 2 claims states no{rest}"
    assert find_marginless(make(6)) == ""


# ------------------------------------------------------------------------------ one claim alone


def test_one_claim_alone_is_adjusted_for_all(tmp_path):
    """Eight seeds of one sign have p = 2 / 2**8, which eight claims make .0625: undecided."""
    claims = [
        {
            "say": f"claim {number}",
            "better": {"optimizer.learning_rate": 0.1},
            "than": {"optimizer.learning_rate": 0.001},
            "on": on,
            "margin": 0.0,
        }
        for number, on in enumerate(["mse", "mae", "rmse", "parameter_error"] * 2)
    ]
    rates = {"optimizer.learning_rate": [0.001, 0.1]}
    study = make_study(claims, **{**SMALL, "vary": rates})
    rows = ft.run(study, tmp_path / "whole").list_verdicts()
    (alone,) = ft.run(study.narrow(1), tmp_path / "alone").list_verdicts()
    assert alone["p"] == pytest.approx(2 / 2**8)
    assert alone["p_adjusted"] == pytest.approx(8 * 2 / 2**8)
    # Beside the others, which have the same seeds, the claim is judged jointly with them.
    assert rows[0]["p_adjusted"] < 0.05 < alone["p_adjusted"]
    assert (alone["verdict"], rows[0]["verdict"]) == ("undecided", "holds")
    assert "judged together with them" in alone["note"]
    assert ft.Trial(tmp_path / "alone").study.adjust_for_claims == 8
    assert judge(tmp_path / "alone") == [alone]
    (deeper,) = study.narrow(3).replace().claims
    assert study.narrow(3).narrow(1).n_claims == 8 and deeper.say == "claim 2"


def test_fewer_claims_than_there_are_cannot_be_adjusted_for():
    with pytest.raises(InputError, match="adjust_for_claims = 1 must be at least the number of"):
        make(6, TEMPTING, {**TEMPTING, "on": "mse"}).replace(adjust_for_claims=1)


def test_the_printed_command_keeps_to_the_test(until):
    page = write_page(until).read_text(encoding="utf-8")
    assert "--claim 1 --until-decided --max-seeds 12 --out claim-1" in page


@pytest.mark.parametrize("n_studies", [100, pytest.param(300, marks=pytest.mark.long)])
def test_bets_after_a_look_keep_their_level(n_studies):
    """First six seeds by the sign-flip test, then bets at 8, 10 and 12: at most 10 % by chance."""
    random = np.random.default_rng(7)
    called = 0
    for _ in range(n_studies):
        differences = random.normal(size=12)
        first = weigh(differences[:6], 0.0).p
        later = (
            weigh(differences[:n], 0.0, Basis(place_bets(differences[:n]))).p for n in (8, 10, 12)
        )
        called += min(first, *later) <= 0.05
    assert called / n_studies < 0.1


def test_looks_are_told_apart_by_what_they_show(until):
    design = read_design(until)
    assert design is not None
    look = design.looks[-1]
    assert note_look(design, replace(look, time="later")) == design
    assert len(note_look(design, replace(look, seeds=13)).looks) == len(design.looks) + 1


def test_pairs_keep_the_order_of_the_seeds(until):
    seeds = pl.read_parquet(until / "pairs.parquet")["seed"].to_list()
    assert seeds == list(range(12))
