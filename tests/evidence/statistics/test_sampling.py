"""Tests of differences by what the rows of a task are: closed forms and simulations."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.stats

from fairtrial.evidence.statistics.sampling import ANYTIME, BOTH, ROWS, SEEDS, Sampling, is_joint
from fairtrial.evidence.verdict import decide, weigh
from fairtrial.study.claims import match_arms
from made_up import make_study

ROOT = Path(__file__).parents[2]
RANDOM = np.random.default_rng(6)


def most(share, n):
    return share + 3.0 * np.sqrt(share * (1.0 - share) / n)


def decide_rows(rows, margin=0.0, **others):
    rows = np.asarray(rows, float)
    differences = rows.mean(1)
    basis = Sampling(rows="fixed").find_basis(differences, rows, 1.0, **others)
    evidence = weigh(differences, margin, basis, is_same=others.get("is_same", False))
    return evidence, decide([evidence])[0].verdict


# --------------------------------------------------------------------------- equal counts (item 4)

SIX_DIFFER = np.concatenate([[1.0] * 3, [-1.0] * 3, np.zeros(354)])


def test_equal_counts_of_rows_that_differ_are_no_proof():
    """As 2 against 5 nearest neighbours on the digits: six of 360 rows differ, three each way."""
    evidence, verdict = decide_rows([SIX_DIFFER] * 6)
    half = 1.959964 * np.sqrt(6 / 359 / 360)
    assert half == pytest.approx(0.0134, abs=5e-5)
    assert (verdict, evidence.difference, evidence.basis.over) == ("undecided", 0.0, ROWS)
    assert evidence.wide == pytest.approx((-half, half))


@pytest.mark.parametrize(("n_seeds", "expected"), [(2, "undecided"), (6, "equivalent")])
def test_so_many_seeds_show_equivalence_within_a_margin(n_seeds, expected):
    assert decide_rows([SIX_DIFFER] * n_seeds, 0.05)[1] == expected


def test_no_row_that_differs_is_no_proof_either():
    """Of 0 in 360 the exact two-sided limit is 3.7 / 360; without seeds that vary, nothing less."""
    evidence, verdict = decide_rows(np.zeros((6, 360)), 0.005)
    limit = scipy.stats.binomtest(0, 360).proportion_ci(0.95).high
    assert verdict == "undecided"
    assert limit <= evidence.wide[1] <= 1.1 * limit


@pytest.mark.parametrize(
    ("n_seeds", "expected"), [(2, "undecided"), (4, "undecided"), (5, "equivalent")]
)
def test_the_same_computation_is_equivalent_once_seeds_suffice(n_seeds, expected):
    """One-sided, 1 of 2^n flips: 1/32 of five seeds."""
    rows = np.zeros((n_seeds, 360))
    evidence, verdict = decide_rows(rows, is_same=True)
    assert (verdict, evidence.p_equivalent) == (expected, 0.5**n_seeds)


def test_fixed_rows_keep_the_level(simulations):
    found = simulations.simulate_fixed_rows(0.02, 6, 500, np.random.default_rng(1))
    assert found["called"] <= most(0.05, 500)
    assert found["equivalent"] <= most(0.08, 500), "all rows that differ are of one sign here"


# ------------------------------------------------------------------------------- tables (item 6)


@pytest.mark.parametrize("n_seeds", [10, 20])
def test_splits_of_a_table_keep_the_level(simulations, n_seeds):
    n = 120
    found = simulations.simulate_tables(n_seeds, n, np.random.default_rng(n_seeds))
    assert found["called"] <= most(0.05, n)
    assert found["covered"] >= 1.0 - most(0.05, n)
    assert found["covered_plain"] < 0.85, "the correction is what covers"


def test_bets_on_splits_keep_the_level(simulations):
    found = simulations.simulate_table_looks(40, np.random.default_rng(3))
    assert found["called"] <= most(0.05, 40) < found["called_plain"]


def test_splits_that_agree_by_chance_have_the_variance_of_their_rows():
    """One row of 40 in each of eight splits: no spread, but not no error."""
    rows = np.zeros((8, 40))
    rows[:, 0] = 1.0
    differences = rows.mean(1)
    sampling = Sampling(rows="split", test_share=0.2)
    low, high = sampling.find_basis(differences, rows).tests.find_interval()
    variance = max(np.var(rows[0], ddof=1) / 40, 4 / 40**2)
    half = scipy.stats.t.isf(0.025, 7) * np.sqrt(variance * (1 / 8 + 0.25))
    assert (low, high) == pytest.approx((0.025 - half, 0.025 + half))


@pytest.mark.parametrize("method", ["sign-flip test", ANYTIME])
@pytest.mark.parametrize("rows", ["drawn", "fixed", "split"])
def test_two_seeds_never_suffice(method, rows):
    sampling = Sampling(method, rows, 0.2 if rows == "split" else 0.0)
    for differences in (np.array([1.0, 1.0]), np.array([0.5, 0.50001]), np.zeros(2)):
        marks = np.tile(differences[:, None], 50) if rows != "drawn" else None
        basis = sampling.find_basis(differences, marks, 1.0)
        assert decide([weigh(differences, 0.0, basis)])[0].verdict == "undecided"
        assert decide([weigh(differences, 9.0, basis)])[0].verdict == "undecided"


# -------------------------------------------------------------------------------- parts (item 7)


def test_parts_have_a_variance_of_their_own(simulations):
    found = simulations.simulate_parts(20, 80, np.random.default_rng(5))
    assert found["covered"] >= 1.0 - most(0.05, 160)
    assert found["covered_whole"] < 0.9


# ------------------------------------------------------------------------------------- arms


@pytest.mark.parametrize("n_seeds", [1, 2, 3])
def test_accuracies_of_few_seeds_cover(simulations, n_seeds):
    found = simulations.simulate_arms(0.3, n_seeds, 400, np.random.default_rng(n_seeds))
    assert found["covered"] >= 1.0 - most(0.05, 400)


# ------------------------------------------------------------------------------------ what is said

CLASSES = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 9}
RATES = {"better": {"optimizer.learning_rate": 0.1}, "than": {"optimizer.learning_rate": 0.2}}


@pytest.mark.parametrize(
    ("task", "claim", "expected"),
    [
        ("line", {"on": "mse"}, True),
        ("digits", {"on": "cross_entropy"}, True),
        ("digits", {"on": "accuracy"}, True),
        ("table", {"on": "mse"}, False),
        ("table", {"on": "mse", "over": "seeds"}, True),
    ],
)
def test_which_claims_are_judged_jointly(task, claim, expected, tmp_path):
    others = {"vary": {"optimizer.learning_rate": [0.1, 0.2]}}
    if task == "table":
        (tmp_path / "t.csv").write_text("a,y\n" + "1,2\n3,4\n" * 20)
        table = {"kind": "table", "path": str(tmp_path / "t.csv"), "target": "y"}
        others |= {"task": table | {"problem": "regression"}}
    if task == "digits":
        others |= {"task": task, "recipe": CLASSES}
    study = make_study([RATES | claim], **others)
    (claim,) = study.claims
    assert is_joint(claim, match_arms(study.list_arms(), claim)) == expected


def test_models_that_no_seed_changes_are_not_judged_jointly():
    """As their rows alone say how sure the difference is; a forest differs from seed to seed."""
    models = ("nearest_neighbours", "svm", "random_forest")
    claims = [
        {"better": {"arm": "svm"}, "than": {"arm": other}, "on": "accuracy"}
        for other in ("nearest_neighbours", "random_forest")
    ]
    baselines = [{"name": model, "model": model} for model in models]
    study = make_study(claims, task="digits", recipe=CLASSES, vary={}, baselines=baselines)
    arms = study.list_arms()
    assert [is_joint(one, match_arms(arms, one)) for one in study.claims] == [False, True]


def test_what_an_interval_is_over():
    rows = RANDOM.normal(size=(8, 20))
    differences = rows.mean(1)
    assert Sampling().find_basis(differences).over == SEEDS
    assert Sampling(rows="fixed").find_basis(differences).over == SEEDS
    assert Sampling(rows="fixed").find_basis(differences, rows).over == BOTH
    assert Sampling(rows="split", test_share=0.2).find_basis(differences).over == BOTH
    alone = Sampling(rows="split", test_share=0.2, over_seeds=True).find_basis(differences)
    assert (alone.over, alone.is_joint) == (SEEDS, True)


def test_rows_that_do_not_add_up_to_the_differences_are_not_theirs():
    """As of effects, whose pairs alone do not name all four arms."""
    rows = RANDOM.normal(size=(8, 20))
    assert Sampling(rows="fixed").find_basis(rows.mean(1) + 0.01, rows).over == SEEDS


def test_runs_without_marks_have_no_rows():
    pairs = pl.DataFrame({"better": ["a"], "than": ["b"], "seed": [0]})
    marks = {"a #0": (b"\xa0", 4), "b #0": (b"\x80", 4)}
    found = Sampling(rows="fixed", marks=marks).subtract_rows(pairs)
    np.testing.assert_array_equal(found, [[0, 0, 1, 0]])
    del marks["b #0"]
    assert Sampling(rows="fixed", marks=marks).subtract_rows(pairs) is None
