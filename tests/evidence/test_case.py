"""What a claim's runs prove: the same computation, rows that tuned runs share, and overflow."""

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

import fairtrial as ft
from fairtrial.data.load import load_dataset
from fairtrial.evidence.case import (
    count_seeds_for,
    is_same_computation,
    weigh_claims,
    weigh_pairs,
)
from fairtrial.evidence.cells import weigh_cells
from fairtrial.evidence.judge import join_pairs, judge
from fairtrial.evidence.optima import Optima
from fairtrial.evidence.pairs import pair_runs
from fairtrial.evidence.statistics.crossing import estimate_row_variance
from fairtrial.evidence.statistics.sampling import BOTH, Sampling
from fairtrial.evidence.statistics.sign_flip import list_subset_means
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


def test_tuned_sides_that_are_the_same_computation_are_equivalent(tmp_path):
    """Noise of scale 0 changes nothing, at the rate of the claim and at the best one."""
    claim = {
        "better": {"arm": "quiet"}, "than": {"arm": "plain"}, "on": "mse",
        "where": {"optimizer.learning_rate": 0.01},
    }  # fmt: skip
    rates = {"optimizer.learning_rate": [0.01, 0.1]}
    arms = [
        {"name": "plain", "vary": rates},
        {"name": "quiet", "vary": rates, "set": {"noise.weights": {"every": 5, "scale": 0.0}}},
    ]
    study = make_study([claim], seeds=6, vary={}, arms=arms)
    (row,) = ft.run(study, tmp_path).list_verdicts()
    assert (row["verdict"], row["difference"]) == ("equivalent", 0.0)
    assert (row["tuned"]["verdict"], row["tuned"]["survives"]) == ("equivalent", True)
    assert row["tuned"]["better_settings"] == [{"optimizer.learning_rate": 0.1}]


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


ADAM_OVER_SGD = {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy"}
AT_ONE_RATE = {"where": {"optimizer.learning_rate": 0.1}}


def make_trial(right, means=None, claim=ADAM_OVER_SGD | AT_ONE_RATE, **settings):
    """Four arms of digits, two optimizers at two rates, with these rows right, by arm.

    `means` are the rows that the means of the last iterates have right.
    """
    study = make_study(
        [claim], seeds=6, task="digits", recipe=CLASSES | {"validation": 0.2} | settings,
        vary={"optimizer.kind": ["sgd", "adam"], "optimizer.learning_rate": [0.1, 0.2]},
    )  # fmt: skip

    def measure(arm, seed):
        # On validation rows the higher rate is best.
        best = arm.recipe.optimizer.learning_rate
        return {"accuracy": right[arm.name][seed].mean(), "validation_accuracy": best}

    runs = make_runs(study, measure)
    trial = SimpleNamespace(
        runs=runs, test_rows=pack_rows(right), averages=pack_rows(means or {}), parameters=None,
        folder=None, refuse_changed_data=lambda arm: None,
    )  # fmt: skip
    return study, trial


def pack_rows(right):
    rows = [
        (f"{arm} #{seed}", 40, np.packbits(one).tobytes(), one.mean())
        for arm in right
        for seed, one in enumerate(right[arm])
    ]
    schema = {
        "run": pl.String, "n_test_rows": pl.Int64, "right": pl.Binary, "accuracy": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


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
    for evidence, rate in ((case.evidence, 0.1), (case.tuned_evidence, 0.2)):
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
    study, trial = make_trial(draw_rows(4))
    (case,) = weigh_claims(trial, study)
    part = case.weigh_part(np.linspace(0.0, 0.1, 6))
    assert (part.over, part.shared_variance) == ("seeds", 0.0)
    assert case.weigh_part(case.pairs.differences) is case.evidence.basis


def draw_rows(seed):
    random = np.random.default_rng(seed)
    return {arm.name: random.random((6, 40)) < 0.5 for arm in make_trial_arms()}


def name_arms(study):
    return {
        (arm.recipe.optimizer.kind, arm.recipe.optimizer.learning_rate): arm.name
        for arm in study.list_arms()
    }


def test_parts_are_crossed_with_their_own_rows():
    """The rows of the means, and those of the ends less those of the means, seed by seed."""
    right, means = draw_rows(6), draw_rows(5)
    study, trial = make_trial(right, means)
    (case,) = weigh_claims(trial, study)
    adam, sgd = (name_arms(study)[kind, 0.1] for kind in ("adam", "sgd"))
    unfinished = means[adam].astype(float) - means[sgd]
    floor = right[adam].astype(float) - right[sgd] - unfinished
    for name, rows in (("unfinished", unfinished), ("noise_floor", floor)):
        np.testing.assert_allclose(case.cause.parts[name], rows.mean(1), atol=1e-12)
        basis = case.weigh_part(case.cause.parts[name], case.cause.rows[name])
        expected = max(estimate_row_variance(rows), 4 / 40**2)
        assert (basis.over, basis.shared_variance) == (BOTH, pytest.approx(expected))
    assert "objective" not in case.cause.rows, "it is 0, whatever the rows"
    sums = case.cause.details["unfinished"] - case.cause.details["objective"]
    np.testing.assert_allclose(sums, unfinished)


def test_rows_do_not_count_in_the_parts_of_a_claim_over_seeds():
    right = draw_rows(8)
    study, trial = make_trial(right, right, ADAM_OVER_SGD | AT_ONE_RATE | {"over": "seeds"})
    (case,) = weigh_claims(trial, study)
    assert case.cause.parts and not case.cause.rows


def test_runs_that_end_with_their_means_have_no_noise_floor():
    right = draw_rows(9)
    study, trial = make_trial(right, right, average="last_epoch")
    (case,) = weigh_claims(trial, study)
    assert "noise_floor" not in case.cause.rows and "unfinished" in case.cause.rows
    part = case.weigh_part(case.cause.parts["noise_floor"])
    assert part.tests.find_interval() == (0.0, 0.0)


def test_rows_at_a_minimum_are_those_of_logistic_regression():
    arm = make_study(
        task="digits", recipe=CLASSES | {"penalty": {"l2": 0.1}}, vary={}
    ).list_arms()[0]  # fmt: skip
    (minimum,) = Optima().find(arm, [0])
    data = load_dataset(arm.task, 0)
    X, test_X = (rows.astype(float) / data.divisor for rows in (data.X, data.test_X))
    model = LogisticRegression(C=1 / (2 * len(X) * 0.1), tol=1e-9, max_iter=5000).fit(X, data.y)
    np.testing.assert_array_equal(minimum.right, model.predict(test_X) == data.test_y)


EFFECT = {
    "of": {"optimizer.learning_rate": 0.2},
    "against": {"optimizer.learning_rate": 0.1},
}


def test_cells_of_effects_are_crossed_with_the_rows_of_all_four_arms():
    right = draw_rows(7)
    study, trial = make_trial(right, claim=ADAM_OVER_SGD | {"effect": EFFECT})
    cases = weigh_claims(trial, study)
    pairs = join_pairs(cases)
    names = name_arms(study)
    assert pairs["than_against"].to_list() == [names["sgd", 0.1]] * 6
    (cell,) = weigh_cells(pairs, [0.0], cases[0].sampling).to_dicts()
    by = {key: right[name].astype(float) for key, name in names.items()}
    rows = by["adam", 0.2] - by["adam", 0.1] - by["sgd", 0.2] + by["sgd", 0.1]
    variance = max(estimate_row_variance(rows), 4 / 40**2)
    low, high = list_subset_means(rows.mean(1), variance).find_interval()
    assert cell["over"] == BOTH
    assert (cell["low"], cell["high"]) == pytest.approx((low, high), abs=1e-6)


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


def test_seeds_for_a_study(tmp_path):
    plain = [LOSSES | {"margin": margin} for margin in (0.0, 0.1, 0.2, 0.3)]
    assert count_seeds_for(make_study(plain, vary={"loss": ["mse", "mae"]})) == 6
    rates = {"better": {"optimizer.learning_rate": 0.1}, "than": {"optimizer.learning_rate": 0.2}}
    others = {"task": "digits", "recipe": CLASSES, "vary": {"optimizer.learning_rate": [0.1, 0.2]}}
    assert count_seeds_for(make_study([rates | {"on": "accuracy"}] * 4, **others)) == 6
    (tmp_path / "t.csv").write_text("a,y\n" + "1,2\n3,4\n" * 20)
    task = {"kind": "table", "path": str(tmp_path / "t.csv"), "target": "y"}
    split = make_study(plain, task=task | {"problem": "regression"}, vary={"loss": ["mse", "mae"]})
    assert count_seeds_for(split) == 8, "seeds that split the same rows are not judged jointly"
