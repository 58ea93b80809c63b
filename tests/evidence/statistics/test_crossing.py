"""Seeds crossed with test rows: variance components, and the coverage of the interval."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.stats
import statsmodels.api as sm
from statsmodels.formula.api import ols

from fairtrial import images
from fairtrial.evidence.case import weigh_pairs
from fairtrial.evidence.pairs import pair_runs
from fairtrial.evidence.statistics.crossing import draw_row_means, estimate_row_variance
from fairtrial.evidence.statistics.sampling import BOTH, SEEDS, find_sampling
from fairtrial.evidence.statistics.sign_flip import list_subset_means
from made_up import make_runs, make_study

RANDOM = np.random.default_rng(12)


def draw(random, n_seeds, n_rows, of_seeds, of_rows, rest):
    return (
        random.normal(0.0, of_seeds, (n_seeds, 1))
        + random.normal(0.0, of_rows, (1, n_rows))
        + random.normal(0.0, rest, (n_seeds, n_rows))
    )


def test_against_the_analysis_of_variance():
    """Expected mean squares of rows: rest + S times the rows' component."""
    values = draw(RANDOM, 5, 12, 0.5, 1.0, 0.7)
    seeds, rows = np.indices(values.shape)
    frame = pd.DataFrame({"value": values.ravel(), "seed": seeds.ravel(), "row": rows.ravel()})
    anova = sm.stats.anova_lm(ols("value ~ C(seed) + C(row)", frame).fit())
    squares = anova["sum_sq"] / anova["df"]
    component = (squares["C(row)"] - squares["Residual"]) / 5
    assert estimate_row_variance(values) == pytest.approx(component / 12)


def test_no_rows_component_is_never_negative():
    assert estimate_row_variance(draw(RANDOM, 6, 300, 1.0, 0.0, 1.0)) < 0.01
    assert estimate_row_variance(np.ones((1, 5))) == estimate_row_variance(np.ones((5, 1))) == 0.0


@pytest.mark.parametrize("of_rows", [0.0, 1.0, 4.0])
def test_coverage(of_rows):
    """Of 400 intervals 95 % cover, whatever dominates; over the seeds alone they would not."""
    random, covered, alone = np.random.default_rng(3), 0, 0
    for _ in range(400):
        values = draw(random, 10, 40, 0.3, of_rows, 1.0)
        low, high = list_subset_means(values.mean(1), estimate_row_variance(values)).find_interval()
        covered += low <= 0.0 <= high
        low, high = list_subset_means(values.mean(1)).find_interval()
        alone += low <= 0.0 <= high
    assert 0.95 - 3 * 0.011 <= covered / 400 <= 0.99
    assert (alone / 400 < 0.8) == (of_rows > 0.5)


def test_test_and_interval_agree():
    means = list_subset_means(RANDOM.normal(0.5, 1.0, 9), 0.04)
    low, high = means.find_interval()
    assert means.test_above(low) == pytest.approx(0.025, abs=1e-6)
    assert means.test_below(high) == pytest.approx(0.025, abs=1e-6)
    plain = list_subset_means(RANDOM.normal(0.5, 1.0, 9)).find_interval()
    assert plain[0] < plain[1]


def test_a_little_blur_changes_little():
    differences = RANDOM.normal(0.5, 1.0, 9)
    sharp, blurred = (list_subset_means(differences, variance) for variance in (0.0, 1e-12))
    assert blurred.test_above(0.0) == pytest.approx(sharp.test_above(0.0), abs=1e-6)
    np.testing.assert_allclose(blurred.find_interval(), sharp.find_interval(), atol=1e-4)


# ------------------------------------------------------------------------------ of a claim

RATE = {"kind": "sgd", "learning_rate": 0.1}
DIGITS = {
    "task": "digits",
    "recipe": {"loss": "cross_entropy", "optimizer": RATE, "epochs": 1, "batch_size": 9},
    "vary": {"optimizer.kind": ["sgd", "adam"]},
}
ADAM_OVER_SGD = {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy"}


def make(claim, right, **others):
    study = make_study([claim], seeds=len(right["sgd"]), **DIGITS | others)

    def measure(arm, seed):
        return {"accuracy": float(np.mean(right[arm.recipe.optimizer.kind][seed]))}

    runs = make_runs(study, measure)
    table = pl.DataFrame(
        {
            "run": runs["run"],
            "n_test_rows": [len(right["sgd"][0])] * runs.height,
            "right": [
                np.packbits(right[arm.recipe.optimizer.kind][seed]).tobytes()
                for arm in study.list_arms()
                for seed in study.list_seeds()
            ],
        }
    )
    pairs = pair_runs(study.claims[0], study.list_arms(), runs, study.list_seeds())
    return study.claims[0], pairs, SimpleNamespace(test_rows=table)


def find_basis(claim, pairs, trial):
    sampling = find_sampling(claim, pairs.arms, "sign-flip test", trial)
    return weigh_pairs(pairs.differences, claim.margin, sampling, pairs.table).basis


def test_packed_rows_are_subtracted_in_their_order():
    right = {kind: RANDOM.random((4, 200)) < 0.6 for kind in ("sgd", "adam")}
    claim, pairs, trial = make(ADAM_OVER_SGD, right)
    expected = right["adam"].astype(float) - right["sgd"]
    basis = find_basis(claim, pairs, trial)
    least = 4 / 200**2
    assert basis.shared_variance == pytest.approx(max(estimate_row_variance(expected), least))
    assert basis.over == BOTH
    np.testing.assert_allclose(pairs.differences, expected.mean(1), atol=1e-12)


def test_over_seeds_alone():
    right = {kind: RANDOM.random((4, 13)) < 0.6 for kind in ("sgd", "adam")}
    basis = find_basis(*make(ADAM_OVER_SGD | {"over": "seeds"}, right))
    assert (basis.over, basis.shared_variance) == (SEEDS, 0.0)


def test_runs_on_other_test_rows_are_nothing_to_it():
    """A run of another arm with more rows does not stretch those of the claim."""
    right = {kind: RANDOM.random((4, 13)) < 0.6 for kind in ("sgd", "adam")}
    claim, pairs, trial = make(ADAM_OVER_SGD, right)
    before = find_basis(claim, pairs, trial).shared_variance
    other = {"run": "other #0", "n_test_rows": 4000, "right": bytes(500)}
    trial.test_rows = pl.concat([trial.test_rows, pl.DataFrame([other])])
    assert find_basis(claim, pairs, trial).shared_variance == before


def check_student(basis, values, share):
    """Nadeau and Bengio's interval: 1/n + t/(1 - t) in the place of 1/n, n - 1 degrees."""
    n = len(values)
    error = np.std(values, ddof=1) * np.sqrt(1 / n + share / (1 - share))
    half = scipy.stats.t.ppf(0.975, n - 1) * error
    expected = values.mean() - half, values.mean() + half
    assert basis.tests.find_interval() == pytest.approx(expected)
    p = scipy.stats.t.sf(values.mean() / error, n - 1)
    assert basis.tests.test_above(0.0) == pytest.approx(max(p, 0.5**n))
    assert (basis.over, basis.is_joint) == (BOTH, False)


def test_draws_of_rows_are_correlated_as_the_rows_are():
    """By NumPy's correlations; other numbers of rows, and rows that are all alike, are alone."""
    shared = RANDOM.normal(size=300)
    rows = [shared + RANDOM.normal(size=300), -5.0 * shared, RANDOM.normal(size=90), np.zeros(300)]
    drawn = draw_row_means(rows, 20_000)
    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = np.corrcoef(rows[0], rows[1])[0, 1]
    np.testing.assert_allclose(np.cov(drawn), expected, atol=0.05)
    assert np.all(draw_row_means(rows, 20_000) == drawn)


def test_splits_of_one_table_hang_together(tmp_path):
    """With a fifth of test rows a quarter of the variance is added."""
    pl.DataFrame({"a": range(40), "y": range(40)}).write_csv(tmp_path / "t.csv")
    path = str(tmp_path / "t.csv")
    task = {"kind": "table", "path": path, "target": "y", "problem": "regression", "test": 0.2}
    study = make_study([{"better": {"loss": "mse"}, "than": {"loss": "mae"}}], task=task)
    values = RANDOM.normal(size=8)
    runs = make_runs(
        study, lambda arm, seed: {"mse": values[seed] if arm.recipe.loss.kind == "mse" else 0.0}
    )
    pairs = pair_runs(study.claims[0], study.list_arms(), runs, study.list_seeds())
    check_student(find_basis(study.claims[0], pairs, SimpleNamespace()), -values, 0.2)


def test_splits_of_images_of_ones_own_hang_together_too(tmp_path):
    X = RANDOM.integers(0, 256, (40, 2, 2))
    task = images(X, np.arange(40) % 2, file=tmp_path / "mine.npz", test=0.25)
    optimizer = {"kind": "sgd", "learning_rate": 0.1}
    recipe = {"loss": "cross_entropy", "optimizer": optimizer, "epochs": 2, "batch_size": 8}
    vary = {"optimizer.kind": ["sgd", "adam"]}
    claim = {"better": {"optimizer": "adam"}, "than": {"optimizer": "sgd"}, "on": "accuracy"}
    study = make_study([claim], task=task, recipe=recipe, vary=vary)
    values = RANDOM.normal(size=8)
    runs = make_runs(
        study,
        lambda arm, seed: {"accuracy": values[seed] * (arm.recipe.optimizer.kind == "adam")},
    )
    pairs = pair_runs(study.claims[0], study.list_arms(), runs, study.list_seeds())
    nothing = SimpleNamespace(test_rows=pl.DataFrame({"run": [], "right": [], "n_test_rows": []}))
    check_student(find_basis(study.claims[0], pairs, nothing), values, 0.25)
