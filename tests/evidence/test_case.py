"""What a claim's runs prove: the same computation, rows that tuned runs share, and overflow."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import fairtrial as ft
from fairtrial.evidence.case import (
    count_seeds_for,
    is_same_computation,
    weigh_claims,
    weigh_pairs,
)
from fairtrial.evidence.cells import weigh_cells
from fairtrial.evidence.judge import judge
from fairtrial.evidence.pairs import pair_runs
from fairtrial.evidence.statistics.crossing import estimate_row_variance
from fairtrial.evidence.statistics.sampling import Sampling
from fairtrial.results.results import Results
from made_up import make_runs, make_study

CLASSES = {"loss": "cross_entropy", "optimizer": "sgd", "epochs": 1, "batch_size": 9}
NEIGHBOURS = {
    "task": "digits", "recipe": CLASSES, "vary": {},
    "baselines": [
        {"name": f"{n} neighbours", "model": {"kind": "nearest_neighbours", "neighbours": n}}
        for n in (2, 5)
    ],
}  # fmt: skip


def test_two_against_five_neighbours_on_the_digits(tmp_path):
    """Both have 347 of 360 rows right and differ on 6: 0 ± 1.96 times their standard error."""
    claim = {
        "better": {"arm": "2 neighbours"}, "than": {"arm": "5 neighbours"}, "on": "accuracy",
    }  # fmt: skip
    (row,) = ft.run(make_study([claim], seeds=6, **NEIGHBOURS), tmp_path).list_verdicts()
    rows = Results(tmp_path).test_rows
    first, other = (
        np.unpackbits(
            np.frombuffer(rows.filter(pl.col("run") == f"{n} neighbours #0")["right"][0], np.uint8)
        )
        for n in (2, 5)
    )
    assert (first.sum(), other.sum(), np.sum(first != other)) == (347, 347, 6)
    half = 1.959964 * np.sqrt(6 / 359 / 360)
    assert (row["verdict"], row["difference"]) == ("undecided", 0.0)
    assert (row["low"], row["high"]) == pytest.approx((-half, half))
    assert (row["over"], row["rows"], row["level"]) == ("test rows", "fixed", 0.95)
    assert "it needs more test rows" in row["note"]


# ------------------------------------------------------------------------- the same computation

LOSSES = {"better": {"loss": "mse"}, "than": {"loss": "mae"}, "on": "mse"}


def pair_equal(values):
    """Runs of equal metrics that ended with these parameters, by loss."""
    study = make_study([LOSSES], seeds=6, vary={"loss": ["mse", "mae"]})
    runs = make_runs(study, lambda arm, seed: {"mse": 1.0})
    parameters = pl.DataFrame([
        {"run": f"{arm.name} #{seed}", "parameter": "W", "shape": [1], "values": [values[arm.name]]}
        for arm in study.list_arms()
        for seed in range(6)
    ])  # fmt: skip
    pairs = pair_runs(study.claims[0], study.list_arms(), runs, study.list_seeds())
    return pairs, SimpleNamespace(parameters=parameters)


def test_identical_parameters_are_the_same_computation():
    assert is_same_computation(*pair_equal({"mse": 0.5, "mae": 0.5}))
    assert not is_same_computation(*pair_equal({"mse": 0.5, "mae": 0.5000001}))
    pairs, trial = pair_equal({"mse": 0.5, "mae": 0.5})
    trial.parameters = trial.parameters.filter(pl.col("run") != "mae #3")
    assert not is_same_computation(pairs, trial)


@pytest.mark.parametrize(("is_same", "expected"), [(True, 1 / 64), (False, 1.0)])
def test_equal_values_prove_something_of_the_same_computation_alone(is_same, expected):
    pairs, _ = pair_equal({"mse": 0.5, "mae": 0.5})
    found = weigh_pairs(pairs.differences, 0.0, Sampling(), pairs.table, is_same=is_same)
    assert (found.p_equivalent, found.wide) == (expected, (0.0, 0.0))


# -------------------------------------------------------------------------------------- overflow


def test_differences_that_overflow_end_in_a_sentence(tmp_path):
    study = make_study([LOSSES], seeds=6, vary={"loss": ["mse", "mae"]})
    ft.run(study, tmp_path)
    trial = Results(tmp_path)
    runs = trial.runs.with_columns(
        mse=pl.when(pl.col("arm") == "mae")
        .then(1e160 * (1 + pl.col("seed")))
        .otherwise(pl.col("mse"))
    )
    runs.write_parquet(tmp_path / "runs.parquet")
    (row,) = judge(tmp_path)
    assert (row["verdict"], row["difference"], row["p"]) == ("undecided", None, None)
    assert row["note"].startswith("Cannot be judged: a difference of 6e+160 is too large")
    cells = weigh_cells(Results(tmp_path).pairs, [0.0], Sampling())
    assert cells["verdict"].to_list() == ["undecided"]


# ------------------------------------------------------------------------------- parts and cells


def make_trial(right):
    """Four arms of digits, two optimizers at two rates, with these rows right, by arm."""
    claim = {
        "better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy",
        "where": {"optimizer.learning_rate": 0.1},
    }  # fmt: skip
    study = make_study(
        [claim], seeds=6, task="digits", recipe=CLASSES | {"validation": 0.2},
        vary={"optimizer.kind": ["sgd", "adam"], "optimizer.learning_rate": [0.1, 0.2]},
    )  # fmt: skip

    def measure(arm, seed):
        # On validation rows the higher rate is best.
        best = arm.recipe.optimizer.learning_rate
        return {"accuracy": right[arm.name][seed].mean(), "validation_accuracy": best}

    runs = make_runs(study, measure)
    rows = [
        (f"{arm} #{seed}", 40, np.packbits(one).tobytes())
        for arm in right
        for seed, one in enumerate(right[arm])
    ]
    names = ["run", "n_test_rows", "right"]
    test_rows = pl.DataFrame(rows, schema=names, orient="row")
    trial = SimpleNamespace(
        runs=runs, test_rows=test_rows, parameters=None, folder=None,
        averages=pl.DataFrame({"run": []}, schema={"run": pl.String}),
    )  # fmt: skip
    trial.refuse_changed_data = lambda arm: None
    return study, trial


def test_tuned_differences_have_the_variance_of_their_own_rows():
    random = np.random.default_rng(3)
    right = {
        arm.name: random.random((6, 40)) < 0.3 + 0.15 * place
        for place, arm in enumerate(make_trial_arms())
    }
    study, trial = make_trial(right)
    (case,) = weigh_claims(trial, study)
    by = {
        (a.recipe.optimizer.kind, a.recipe.optimizer.learning_rate): right[a.name].astype(float)
        for a in study.list_arms()
    }
    for evidence, rate in ((case.evidence, 0.1), (case.weigh_tuned(), 0.2)):
        rows = by["adam", rate] - by["sgd", rate]
        np.testing.assert_allclose(evidence.differences, rows.mean(1), atol=1e-12)
        expected = max(estimate_row_variance(rows), 4 / 40**2)
        assert evidence.basis.shared_variance == pytest.approx(expected)


def make_trial_arms():
    return make_study(
        seeds=6, task="digits", recipe=CLASSES | {"validation": 0.2},
        vary={"optimizer.kind": ["sgd", "adam"], "optimizer.learning_rate": [0.1, 0.2]},
    ).list_arms()  # fmt: skip


def test_a_part_whose_rows_are_not_known_is_over_the_seeds():
    random = np.random.default_rng(4)
    right = {arm.name: random.random((6, 40)) < 0.5 for arm in make_trial_arms()}
    study, trial = make_trial(right)
    (case,) = weigh_claims(trial, study)
    part = case.weigh_part(np.linspace(0.0, 0.1, 6))
    assert (part.over, part.shared_variance) == ("seeds", 0.0)
    assert case.weigh_part(case.pairs.differences) is case.evidence.basis


def test_cells_of_a_table_have_its_correction():
    """The same half-width as Nadeau and Bengio's: 12 splits with a fifth of test rows."""
    values = np.random.default_rng(5).normal(size=12)
    pairs = pl.DataFrame({"better": "a", "than": "b", "seed": range(12), "difference": values})
    pairs = pairs.with_columns(better_value="difference", than_value=0.0)
    cells = weigh_cells(pairs, [0.0, 9.0], Sampling(rows="split", test_share=0.2))
    error = values.std(ddof=1) * np.sqrt(1 / 12 + 0.25)
    factors = {0.95: 2.200985, 0.9: 1.795885}
    for row, verdict in zip(cells.to_dicts(), ("undecided", "equivalent"), strict=True):
        assert (row["verdict"], row["over"]) == (verdict, "seeds and test rows")
        half = factors[row["level"]] * error
        assert row["high"] - values.mean() == pytest.approx(half, rel=1e-5)


def test_seeds_for_a_study():
    plain = [LOSSES | {"margin": margin} for margin in (0.0, 0.1, 0.2, 0.3)]
    assert count_seeds_for(make_study(plain, vary={"loss": ["mse", "mae"]})) == 6
    rates = {"better": {"optimizer.learning_rate": 0.1}, "than": {"optimizer.learning_rate": 0.2}}
    others = {"task": "digits", "recipe": CLASSES, "vary": {"optimizer.learning_rate": [0.1, 0.2]}}
    assert count_seeds_for(make_study([rates | {"on": "accuracy"}] * 4, **others)) == 8
