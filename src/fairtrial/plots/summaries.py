"""Summaries of the tables of a results folder, for charts and pages.

Every function takes and returns Polars tables. `runs` has one row per run, with the columns
`setting` and `series` of `name_runs`, by which the functions group.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from fairtrial.results.store import list_settings

RATE = "optimizer.learning_rate"

TEXTS = {"setting": pl.String, "series": pl.String}
"""The columns that name an arm."""

N_POINTS = 150
"""Points that a curve keeps."""

OUTCOMES = {"stopped_early": "stopped early", "rate_floor": "reached the rate floor"}
"""Outcomes whose name differs from the words on the page."""

N_SINGLE_POINTS = 30
"""Points that the curve of a single seed keeps."""


def drop_diverged(runs: pl.DataFrame) -> pl.DataFrame:
    """Leave out diverged runs, whose last values would dominate every scale."""
    return runs.filter(pl.col("outcome") != "diverged")


def list_unique(table: pl.DataFrame, column: str) -> list[str]:
    """Return the values of a column in their order of appearance."""
    return table[column].unique(maintain_order=True).to_list()


Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""For each run, the steps (epochs) of a quantity, ascending, and its values."""


def split_curves(curves: pl.DataFrame, quantity: str) -> Curves:
    """Split the curves of a quantity by run, without values that are not finite.

    They have `run`, `at`, `quantity`, `value`; `at` ascending within a run.
    """
    wanted = curves.filter(pl.col("quantity") == quantity, pl.col("value").is_finite())
    lists = wanted.group_by("run", maintain_order=True).agg("at", "value")
    return {
        run: (at.to_numpy(), value.to_numpy())
        for run, at, value in zip(lists["run"], lists["at"], lists["value"], strict=True)
    }


def summarise_curves(curves: Curves, runs: pl.DataFrame, n_points: int = N_POINTS) -> pl.DataFrame:
    """Average the curves of each arm over its seeds, at `n_points` evenly spaced points at most.

    A run that ended keeps its last value, so every mean is over the same seeds. The first and the
    last point are kept. The table has `setting`, `series`, `at`, `mean`, `low`, `high` (smallest
    and largest over the seeds) and `n_seeds`, arms as in `runs` of `name_runs`.
    """
    arms: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    for run, setting, series in runs.select("run", "setting", "series").iter_rows():
        if run in curves:
            arms.setdefault((setting, series), []).append(curves[run])
    numbers = ("at", "mean", "low", "high", "n_seeds")
    parts = [pl.DataFrame(schema=TEXTS | dict.fromkeys(numbers, pl.Float64))] if not arms else []
    for (setting, series), own in arms.items():
        at = thin(np.unique(np.concatenate([steps for steps, _ in own])), n_points)
        values = np.full((len(own), len(at)), np.nan)
        for row, (steps, noted) in zip(values, own, strict=True):
            last = np.searchsorted(steps, at, side="right") - 1
            row[last >= 0] = noted[last[last >= 0]]
        summaries = (summary(values, axis=0) for summary in (np.nanmean, np.nanmin, np.nanmax))
        columns = dict(zip(numbers, (at, *summaries, len(own)), strict=True))
        named = {"setting": setting, "series": series or "all arms"}
        parts.append(pl.DataFrame(named | columns))
    return pl.concat(parts)


def thin(values: np.ndarray, n: int) -> np.ndarray:
    """Keep at most n values, evenly spaced, including the first and the last.

    Examples
    --------
    >>> thin(np.arange(9), 5)
    array([0, 2, 4, 6, 8])
    """
    if len(values) <= n:
        return values
    step = (len(values) - 1) / (n - 1)
    return values[sorted({round(i * step) for i in range(n)})]


def list_single_curves(
    curves: Curves, runs: pl.DataFrame, n_points: int = N_SINGLE_POINTS
) -> pl.DataFrame:
    """Return the curve of each run, thinned: `setting`, `series`, `seed`, `at`, `value`."""
    rows = []
    for run, *named in runs.select("run", "setting", "series", "seed").iter_rows():
        if run in curves:
            at, value = curves[run]
            step = math.ceil(len(at) / n_points)
            kept = sorted({*range(0, len(at), step), len(at) - 1})
            rows += [(*named, at[place], value[place]) for place in kept]
    schema = TEXTS | {"seed": pl.Int64, "at": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


def find_changes(curves: pl.DataFrame, runs: pl.DataFrame, quantity: str) -> pl.DataFrame:
    """Keep the points of each curve where its value changes, and the last one.

    The table has `setting`, `series`, `seed`, `at`, `value`, for settings in which any curve
    changes.
    """
    points = curves.filter(pl.col("value").is_finite(), quantity=quantity)
    points = runs.select("run", "setting", "series", "seed").join(points, on="run")
    points = points.sort("at", maintain_order=True)
    arm = ["setting", "series"]
    moving = points.filter(pl.col("value").n_unique().over("run") > 1).select("setting").unique()
    is_new = (pl.col("value") != pl.col("value").shift().over("run")).fill_null(True)
    is_last = pl.col("at") == pl.col("at").max().over("run")
    kept = points.join(moving, on="setting", how="semi").filter(is_new | is_last)
    rank = pl.int_range(pl.len()).over("run")
    every = (pl.len().over("run") / N_POINTS).ceil().cast(pl.Int64)
    kept = kept.filter((rank % every == 0) | is_last)
    order = runs.select(arm).unique(maintain_order=True)
    return order.join(kept, on=arm, maintain_order="left").select(*arm, "seed", "at", "value")


def list_weights(runs: pl.DataFrame, parameters: pl.DataFrame) -> pl.DataFrame:
    """Return `runs` with the final `slope` and `intercept` of each line."""
    value = pl.col("values").list.first().cast(pl.Float64)
    for parameter, column in (("W", "slope"), ("b", "intercept")):
        own = parameters.filter(parameter=parameter).select("run", value.alias(column))
        runs = runs.join(own, on="run", how="left", maintain_order="left")
    return runs


def find_injections(runs: pl.DataFrame) -> dict[str, str | None]:
    """Find the arms with injected noise, each with the same arm without that noise, or None."""
    noise = [name for name in runs.columns if name.startswith("noise.")]
    others = [name for name in list_settings(runs.drop(*TEXTS, strict=False)) if name not in noise]
    arms = runs.unique("arm", keep="first", maintain_order=True)
    plain, noisy = dict[str, str](), dict[str, str]()
    for arm in arms.to_dicts():
        recipe = repr([arm[name] for name in others])  # Lists cannot be keys.
        if any(arm[name] is not None for name in noise):
            noisy[arm["arm"]] = recipe
        else:
            plain.setdefault(recipe, arm["arm"])
    return {name: plain.get(recipe) for name, recipe in noisy.items()}


def summarise_metrics(runs: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Summarise each metric of each arm over its seeds.

    The table has `arm`, `setting`, `series`, `metric`, `mean`, `sd` (null with fewer than two
    seeds), `low`, `high`, `n` (runs that did not diverge and have a finite metric) and `n_seeds`.
    """
    long = runs.unpivot(
        on=list(metrics), index=["arm", "setting", "series", "outcome"], variable_name="metric"
    ).with_columns(pl.col("value").cast(pl.Float64))
    sound = pl.col("value").is_finite() & (pl.col("outcome") != "diverged")
    value = pl.col("value").filter(sound)
    return long.group_by("arm", "setting", "series", "metric", maintain_order=True).agg(
        mean=value.mean(), sd=value.std(), low=value.min(), high=value.max(), n=value.count(),
        n_seeds=pl.len(),
    )  # fmt: skip


def describe_outcomes(runs: pl.DataFrame) -> dict[str, str]:
    """Say for each arm how its runs ended, and at which steps or epochs.

    Examples
    --------
    >>> describe_outcomes(pl.DataFrame({"arm": ["a", "a"], "ended_at": [9, 5],
    ...     "outcome": ["completed", "diverged"]}))
    {'a': '1 completed at 9, 1 diverged at 5'}
    """
    counted = runs.group_by("arm", "outcome", maintain_order=True).agg(
        n=pl.len(), low=pl.col("ended_at").min(), high=pl.col("ended_at").max()
    )
    said: dict[str, list[str]] = {}
    for arm, outcome, n, low, high in counted.iter_rows():
        steps = f"{low:,}" if low == high else f"{low:,}\u2060–\u2060{high:,}"
        ended = OUTCOMES.get(outcome, outcome)
        said.setdefault(arm, []).append(f"{n} {ended} at {steps}")
    return {arm: ", ".join(parts) for arm, parts in said.items()}


def format_number(value: float | None, digits: int = 4) -> str:
    """Write a number with some significant digits; a missing number is a dash.

    Examples
    --------
    >>> format_number(2.95187), format_number(0.000123456), format_number(None)
    ('2.952', '0.0001235', '—')
    """
    if value is None or not math.isfinite(value):
        return "—"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    places = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}"


def format_interval(mean: float | None, low: float | None, high: float | None) -> str:
    """Write a mean with its interval, rounded to two digits of the interval's half width.

    Examples
    --------
    >>> format_interval(2.95187, 2.9472, 2.9565), format_interval(2.95187, None, None)
    ('2.9519 [2.9472, 2.9565]', '2.952')
    """
    if mean is None or low is None or high is None or not math.isfinite(high - low):
        return format_number(mean)
    half = (high - low) / 2
    if half == 0.0:
        return format_number(mean)
    places = 1 - math.floor(math.log10(half))
    if not 0 <= places <= 6:
        return f"{format_number(mean)} [{format_number(low)}, {format_number(high)}]"
    return f"{mean:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def format_spread(mean: float | None, sd: float | None) -> str:
    """Write a mean and its standard deviation, both rounded to the same place.

    The standard deviation has one digit, or two if the first is 1.

    Examples
    --------
    >>> format_spread(2.95187, 0.0123), format_spread(2.95187, 0.058), format_spread(2.95187, None)
    ('2.952 ± 0.012', '2.95 ± 0.06', '2.952')
    """
    if mean is None or sd is None or not math.isfinite(sd):
        return format_number(mean)
    if sd == 0:
        return f"{mean:g} ± 0"
    leading = f"{sd:.1e}"
    places = -int(leading[4:]) + (leading[0] == "1")
    if not 0 <= places <= 7:
        return f"{format_number(mean)} ± {format_number(sd, 2)}"
    return f"{mean:.{places}f} ± {sd:.{places}f}"


def bin_numbers(values: np.ndarray, n_bins: int, ends: tuple[float, float]) -> pl.DataFrame:
    """Count numbers in equal bins: `low`, `high`, `rows` and `share` (of all numbers, per unit).

    Numbers beyond the ends are in no bin, but count in the total.
    """
    counts, edges = np.histogram(values, n_bins, ends)
    share = counts / (len(values) * np.diff(edges))
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], "rows": counts, "share": share})


def find_ends(values: np.ndarray) -> tuple[float, float]:
    """Find the range of some numbers without the outermost thousandth at either end."""
    low, high = map(float, np.quantile(values, [0.001, 0.999]))
    room = 1e-12 * max(abs(low), abs(high))  # Bins need numbers between their edges.
    if high - low > room:
        return low, high
    return low - max(0.5, room), high + max(0.5, room)


def summarise_rates(
    runs: pl.DataFrame, metric: str, names: Mapping[str, tuple[str, str]]
) -> pl.DataFrame:
    """Summarise a metric over the seeds, for arms that differ only in their learning rate.

    `names` are setting and series of each arm, named without its learning rate. The table has
    `setting`, `series`, `learning_rate` (ascending), `mean`, `low`, `high`, `diverged` (a sentence;
    "" if no run diverged). Series with fewer than two rates at which some run did not diverge are
    left out.
    """
    others = [name for name in list_settings(runs.drop(*TEXTS, strict=False)) if name != RATE]
    # A list is not a key of a group, but its text is.
    lists = [name for name in others if isinstance(runs.schema[name], pl.List)]
    value, is_diverged = pl.col(metric).cast(pl.Float64), pl.col("outcome") == "diverged"
    sound = value.filter(value.is_finite() & ~is_diverged)
    said = pl.format("{} of {} runs diverged", is_diverged.sum(), pl.len())
    points = (
        runs.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(", "))
        .filter(pl.col(RATE).is_not_null())
        .group_by(*others, RATE, maintain_order=True)
        .agg(
            pl.col("arm").first(), mean=sound.mean(), low=sound.min(), high=sound.max(),
            diverged=pl.when(is_diverged.any()).then(said).otherwise(pl.lit("")),
        )
        .with_row_index("place")
        # A rate at which every run diverged has no mean to draw.
        .filter(pl.col("mean").count().over(others) > 1)
        .sort(pl.col("place").min().over(others), RATE)
    )  # fmt: skip
    firsts = points.select(pl.col("arm").sort_by("place").first().over(others))["arm"]
    named = [(names[arm][0], names[arm][1] or "all arms") for arm in firsts]
    rate = pl.col(RATE).cast(pl.Float64).alias("learning_rate")
    return pl.DataFrame(named, TEXTS, orient="row").hstack(
        points.select("mean", "low", "high", "diverged", rate)
    )
