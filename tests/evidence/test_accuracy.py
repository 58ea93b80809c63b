"""Accuracies of arms: means, and intervals that cover both new seeds and new test rows."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest, norm

from by_hand import recipe
from fairtrial.errors import InputError
from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.kinds.baselines.models import random_forest, svm
from fairtrial.study.arm import Arm
from fairtrial.study.task import DigitsTask, ImagesTask

TASK = DigitsTask(kind="digits")
IMAGES = ImagesTask(kind="images", path="mine.npz", test=0.2)


class Made:
    """A trial of classes with made-up rows told right: (S, N) of bool for each arm."""

    folder = "made up"

    def __init__(self, arms, models=None, task=TASK):
        self.arms = {name: Arm(name, task, recipe()) for name in arms}
        self.arms |= {name: Arm(name, task, model) for name, model in (models or {}).items()}
        rows = [
            (f"{arm} #{seed}", arm, seed, 2.0 + seed, np.packbits(right).tobytes(), len(right))
            for arm, runs in arms.items()
            for seed, right in enumerate(runs)
        ]
        names = ["run", "arm", "seed", "seconds", "right", "n_test_rows"]
        table = pl.DataFrame(rows, schema=names, orient="row")
        self.runs = table.select("run", "arm", "seed", "seconds", outcome=pl.lit("completed"))
        self.test_rows = table.select("run", "n_test_rows", "right")


def test_mean_and_interval_of_one_seed_are_those_of_a_share():
    right = np.arange(1000) % 5 > 0
    row = measure_accuracies(Made({"a": [right]})).row(0, named=True)
    half = 1.959964 * np.sqrt(0.8 * 0.2 / 999)
    assert (row["accuracy"], row["seeds"], row["seconds"]) == (0.8, 1, 2.0)
    assert (row["low"], row["high"]) == pytest.approx((0.8 - half, 0.8 + half))


def test_what_all_seeds_share_took_all_their_time():
    right = [[True, False]] * 3
    models = {"svm": svm(), "forest": random_forest()}
    found = measure_accuracies(Made({"svm": right, "forest": right}, models))
    assert dict(found.select("arm", "seconds").iter_rows()) == {"svm": 9.0, "forest": 3.0}


def test_where_seeds_split_anew_each_took_its_own_time():
    found = measure_accuracies(Made({"svm": [[True, False]] * 3}, {"svm": svm()}, IMAGES))
    assert found["seconds"].item() == 3.0


def test_where_seeds_split_anew_the_same_rows_count_once():
    """Student's interval, with 1/S + t/(1 - t) in the place of 1/S."""
    right = np.arange(100)[None] < np.array([70, 75, 80, 90])[:, None]
    row = measure_accuracies(Made({"a": right}, task=IMAGES)).row(0, named=True)
    half = 3.182446 * np.std([0.7, 0.75, 0.8, 0.9], ddof=1) * np.sqrt(1 / 4 + 0.2 / 0.8)
    assert row["high"] - row["accuracy"] == pytest.approx(half)


def test_the_most_accurate_stands_first():
    found = measure_accuracies(Made({"a": [[True, False]] * 2, "b": [[True, True]] * 2}))
    assert found["arm"].to_list() == ["b", "a"]
    assert found["seconds"].to_list() == [2.5, 2.5]


@pytest.mark.parametrize("n_seeds", [1, 2, 5])
@pytest.mark.parametrize("of_seed", [0.05, 0.3])
def test_intervals_cover_what_new_seeds_and_new_rows_would_give(n_seeds, of_seed):
    """With normal quantiles two seeds cover 73 % where seeds differ by 0.3.

    One seed covers new test rows, and says so: its own accuracy is then the truth.
    """
    rng, n_rows, n_studies = np.random.default_rng(3), 300, 400
    covered = 0
    for _ in range(n_studies):
        of_row = rng.normal(1.0, 1.0, n_rows)  # How easy each row is.
        luck = rng.normal(0.0, of_seed, n_seeds)
        right = of_row + luck[:, None] + rng.normal(0.0, 1.0, (n_seeds, n_rows)) > 0
        row = measure_accuracies(Made({"a": right})).row(0, named=True)
        spread = np.sqrt(2.0 + (of_seed**2 if n_seeds > 1 else 0.0))
        truth = norm.cdf((1.0 + (luck[0] if n_seeds == 1 else 0.0)) / spread)
        covered += row["low"] <= truth <= row["high"]
        assert row["over"] == ("test rows" if n_seeds == 1 else "seeds and test rows")
    assert covered / n_studies >= 0.95 - 3 * 0.0109


def test_an_arm_that_no_seed_changes_has_the_interval_of_its_rows():
    right = [np.arange(1000) % 5 > 0] * 3
    row = measure_accuracies(Made({"a": right})).row(0, named=True)
    half = 1.959964 * np.sqrt(0.8 * 0.2 / 999)
    assert (row["over"], row["seeds"]) == ("test rows", 3)
    assert (row["low"], row["high"]) == pytest.approx((0.8 - half, 0.8 + half))


def test_no_wrong_row_is_not_proof_of_none():
    """The interval reaches as far as the exact one of 0 wrong rows of 400."""
    row = measure_accuracies(Made({"a": [np.ones(400, bool)]})).row(0, named=True)
    exact = binomtest(400, 400).proportion_ci(0.95).low
    assert row["high"] == 1.0 and exact - 0.001 < row["low"] <= exact


def test_diverged_runs_are_left_out():
    right = np.arange(100)[None] < np.array([80, 90, 0])[:, None]
    made, sound = Made({"a": right}), Made({"a": right[:2]})
    made.runs = made.runs.with_columns(
        outcome=pl.when(pl.col("seed") == 2).then(pl.lit("diverged")).otherwise("outcome")
    )
    row, expected = (measure_accuracies(each).row(0, named=True) for each in (made, sound))
    assert row == expected
    assert (row["accuracy"], row["seeds"]) == (pytest.approx(0.85), 2)
    made.runs = made.runs.with_columns(outcome=pl.lit("diverged"))
    with pytest.raises(InputError, match="all of its runs diverged"):
        measure_accuracies(made)


def test_without_classes_there_is_nothing_to_measure():
    empty = Made({"a": [[True]]})
    empty.test_rows = empty.test_rows.clear()
    with pytest.raises(InputError, match="no accuracies"):
        measure_accuracies(empty)
