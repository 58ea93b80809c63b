from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from fairtrial.plots.names import name_runs
from fairtrial.plots.summaries import (
    bin_numbers,
    find_changes,
    find_ends,
    find_injections,
    format_number,
    format_spread,
    list_single_curves,
    split_curves,
    summarise_curves,
    summarise_metrics,
)


@pytest.fixture
def line():
    """Twelve arms of three seeds with made-up curves; one run diverged."""
    runs, curves = [], []
    at = np.arange(400)
    for setting in ("learning rate 0.001", "halved"):
        for loss in ("mse", "mae"):
            for seed in range(3):
                arm = f"{setting} · {loss}"
                run = f"{arm} #{seed}"
                diverged = arm == "halved · mae" and seed == 0
                error = float("nan") if diverged else 0.01 * (1 + seed)
                runs.append(
                    {"run": run, "arm": arm, "entry": setting, "varied": ["loss"], "seed": seed,
                     "loss.kind": loss, "ended_at": 399,
                     "outcome": "diverged" if diverged else "completed", "parameter_error": error}
                )  # fmt: skip
                values = {
                    "loss": np.exp(-at / 90) + 1 + 0.1 * seed,
                    "learning_rate": np.where((setting == "halved") & (at > 200), 0.005, 0.01),
                }
                curves += [
                    pl.DataFrame({"run": run, "at": at, "quantity": name, "value": value})
                    for name, value in values.items()
                ]
    return Made(name_runs(pl.DataFrame(runs)), pl.concat(curves))


class Made(NamedTuple):
    runs: pl.DataFrame
    curves: pl.DataFrame


def test_mean_curve_keeps_last_value_of_ended_runs():
    runs = name_runs(pl.DataFrame({"run": ["r0", "r1"], "arm": ["a", "a"], "seed": [0, 1]}))
    curves = pl.DataFrame(
        {"run": ["r0", "r0", "r0", "r1"], "at": [0, 1, 2, 0], "value": [3.0, 2.0, 1.0, 5.0]}
    ).with_columns(quantity=pl.lit("loss"))
    bands = summarise_curves(split_curves(curves, "loss"), runs)
    assert bands["mean"].to_list() == [4.0, 3.5, 3.0]
    assert bands["low"].to_list() == [3.0, 2.0, 1.0]
    assert bands["high"].to_list() == [5.0, 5.0, 5.0]
    assert bands["n_seeds"].to_list() == [2, 2, 2]


def test_curves_are_thinned_with_both_ends(line):
    bands = summarise_curves(split_curves(line.curves, "loss"), line.runs, n_points=50)
    counts = bands.group_by("setting", "series").len()["len"]
    assert counts.max() == 50
    first = bands.filter(setting="learning rate 0.001", series="MSE")
    assert (first["at"][0], first["at"][-1]) == (0, 399)


def test_mean_curve_agrees_with_numpy(line):
    bands = summarise_curves(split_curves(line.curves, "loss"), line.runs, n_points=1000)
    got = bands.filter(setting="learning rate 0.001", series="MSE")["mean"].to_numpy()
    at = np.arange(400)
    expected = np.mean([np.exp(-at / 90) + 1 + 0.1 * seed for seed in range(3)], axis=0)
    np.testing.assert_allclose(got, expected)


def test_single_curves_are_thinned_with_both_ends(line):
    single = list_single_curves(split_curves(line.curves, "loss"), line.runs, n_points=10)
    one = single.filter(setting="halved", series="MSE", seed=2)
    assert (one["at"][0], one["at"][-1]) == (0, 399)
    assert 10 <= one.height <= 11
    np.testing.assert_allclose(one["value"], np.exp(-one["at"].to_numpy() / 90) + 1.2)


def test_bins_count_every_number_once():
    values = np.array([0.0, 0.1, 0.1, 0.6, 5.0])
    bars = bin_numbers(values, 2, (0.0, 1.0))
    assert bars["rows"].to_list() == [3, 1]
    np.testing.assert_allclose(bars["share"], [3 / 5 / 0.5, 1 / 5 / 0.5])


@pytest.mark.parametrize("values", [[1e9, 1e9 + 1e-7], [1e20] * 3, [0.0] * 3, [-1e300, -1e300]])
def test_bins_of_numbers_that_are_almost_equal(values):
    ends = find_ends(np.array(values))
    assert bin_numbers(np.array(values), 50, ends)["rows"].sum() == len(values)


def test_changes_have_every_halving_and_no_constant_setting(line):
    changes = find_changes(line.curves, line.runs, "learning_rate")
    assert changes["setting"].unique().to_list() == ["halved"]
    one = changes.filter(series="MSE", seed=0)
    assert one["at"].to_list() == [0, 201, 399]
    assert one["value"].to_list() == [0.01, 0.005, 0.005]


def test_find_injections_compares_every_other_setting():
    runs = pl.DataFrame(
        {
            "arm": ["mean", "noisy"],
            "average": ["last_epoch", "none"],
            "noise.data.every": [None, 5],
        }
    )
    assert find_injections(runs) == {"noisy": None}


def test_find_injections_returns_the_arm_without_noise():
    runs = pl.DataFrame(
        {
            "arm": ["plain", "noisy", "other"],
            "loss.kind": ["mse", "mse", "mae"],
            "steps": [10, 10, 10],
            "noise.data.every": [None, 5, 5],
        }
    )
    assert find_injections(runs) == {"noisy": "plain", "other": None}


def test_metrics_omit_and_count_diverged_runs(line):
    table = summarise_metrics(line.runs, ["parameter_error"])
    row = table.filter(arm="halved · mae").row(0, named=True)
    assert (row["n"], row["n_seeds"]) == (2, 3)
    assert row["mean"] == pytest.approx(np.mean([0.02, 0.03]))
    assert row["sd"] == pytest.approx(np.std([0.02, 0.03], ddof=1))


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (2.95187, None, "2.952"),
        (2.95187, 0.058, "2.95 ± 0.06"),
        (2.95187, 0.0123, "2.952 ± 0.012"),
        (2.5, 0.0, "2.5 ± 0"),
        (None, None, "—"),
        (float("nan"), float("nan"), "—"),
        (12.0, 5.0, "12 ± 5"),
        (1.0, 0.0996, "1.00 ± 0.10"),
    ],
)
def test_format_spread(mean, sd, text):
    assert format_spread(mean, sd) == text


def test_format_number_of_extreme_values():
    assert format_number(1.5e12) == "1.500e+12"
    assert format_number(float("inf")) == "—"
    assert format_number(0.0) == "0"
