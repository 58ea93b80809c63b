"""From the tables of a results folder to the smaller tables that charts and pages show.

Every function takes and returns Polars tables. `runs` has a row a run; `name_runs` gives it the two
columns that the others group by, `setting` and `series`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from fairtrial.report.appearance import show_kind

N_POINTS = 150
"""Points that a curve keeps on the page."""

OUTCOMES = {"stopped_early": "stopped early", "rate_floor": "reached the rate floor"}
"""Outcomes in words, where their own name is none."""

PLAIN_FIELDS = ("steps", "epochs", "batch_size", "validation")
"""Recipe fields without a dot in their name."""


def name_runs(runs: pl.DataFrame) -> pl.DataFrame:
    """Add `setting` and `series`, the two parts of an arm's name as a reader knows them.

    An arm is called "setting · what varies". The series is the loss or else the optimizer, where
    that alone tells the arms of a setting apart, and what varies in its own words otherwise.
    """
    parts = pl.col("arm").str.splitn(" · ", 2)
    first, second = parts.struct.field("field_0"), parts.struct.field("field_1")
    runs = runs.with_columns(
        setting=pl.when(second.is_null()).then(pl.lit("")).otherwise(first),
        series=pl.coalesce(second, first),
    )
    for field in ("loss.kind", "optimizer.kind"):
        if field in runs.columns and _tells_apart(runs, field):
            shown = pl.col(field).map_elements(show_kind, return_dtype=pl.String)
            return runs.with_columns(series=pl.coalesce(shown, "series"))
    return runs


def _tells_apart(runs: pl.DataFrame, field: str) -> bool:
    # Baselines have neither, and keep their names.
    arms = runs.select("arm", "setting", field).unique().drop_nulls(field)
    return bool(arms.select("setting", field).is_unique().all()) and arms[field].n_unique() > 1


def list_unique(table: pl.DataFrame, column: str) -> list[str]:
    """Return the values of a column in their order of appearance."""
    return table[column].unique(maintain_order=True).to_list()


def summarise_curves(
    curves: pl.DataFrame, runs: pl.DataFrame, quantity: str, n_points: int = N_POINTS
) -> pl.DataFrame:
    """Average the curves of each arm over its seeds.

    A run that ended keeps its last value, so the mean is over the same seeds everywhere.

    Parameters
    ----------
    curves : table
        `run`, `at`, `quantity`, `value`.
    runs : table
        As `name_runs` returns it.
    quantity : str
        Which of the curves.
    n_points : int
        At most so many points are kept of a curve, evenly, the first and the last among them.

    Returns
    -------
    table
        `setting`, `series`, `at`, `mean`, `low`, `high` (smallest and largest over the seeds) and
        `n_seeds`; sorted by `at` within an arm, arms as in `runs`.
    """
    wanted = curves.filter(pl.col("quantity") == quantity, pl.col("value").is_finite())
    parts = []
    for (setting, series), arm_runs in runs.group_by("setting", "series", maintain_order=True):
        arm = wanted.join(arm_runs.select("run"), on="run", how="semi")
        if arm.is_empty():
            continue
        wide = arm.pivot(on="run", index="at", values="value").sort("at")
        wide = wide.with_columns(pl.all().exclude("at").fill_null(strategy="forward"))
        values = pl.all().exclude("at")
        parts.append(
            _thin(wide, n_points).select(
                pl.lit(setting).alias("setting"),
                pl.lit(series).alias("series"),
                "at",
                pl.mean_horizontal(values).alias("mean"),
                pl.min_horizontal(values).alias("low"),
                pl.max_horizontal(values).alias("high"),
                pl.lit(wide.width - 1).alias("n_seeds"),
            )
        )
    return pl.concat(parts) if parts else _no_curves()


def _no_curves() -> pl.DataFrame:
    numbers = dict.fromkeys(("at", "mean", "low", "high", "n_seeds"), pl.Float64)
    return pl.DataFrame(schema={"setting": pl.String, "series": pl.String, **numbers})


def _thin(table: pl.DataFrame, n_rows: int) -> pl.DataFrame:
    if table.height <= n_rows:
        return table
    step = (table.height - 1) / (n_rows - 1)
    return table[sorted({round(i * step) for i in range(n_rows)})]


def measure_distance(curves: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """Return curves of a quantity `distance`: Euclidean, from (slope, intercept) to the truth."""
    wide = (
        curves.filter(pl.col("quantity").is_in(["slope", "intercept"]))
        .pivot(on="quantity", index=["run", "at"], values="value")
        .join(runs.select("run", "task.slope", "task.intercept"), on="run")
    )
    gap_slope = pl.col("slope") - pl.col("task.slope")
    gap_intercept = pl.col("intercept") - pl.col("task.intercept")
    return wide.select(
        "run",
        "at",
        pl.lit("distance").alias("quantity"),
        (gap_slope.pow(2) + gap_intercept.pow(2)).sqrt().alias("value"),
    )


def find_changes(curves: pl.DataFrame, runs: pl.DataFrame, quantity: str) -> pl.DataFrame:
    """Keep of each run's curve the points where its value changes, and the last one.

    Returns
    -------
    table
        `setting`, `series`, `seed`, `at`, `value`, for settings where any curve changes at all.
    """
    points = curves.filter(pl.col("quantity") == quantity, pl.col("value").is_finite())
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
    weights = parameters.filter(pl.col("parameter").is_in(["W", "b"])).select(
        "run", "parameter", value=pl.col("values").list.first().cast(pl.Float64)
    )
    wide = weights.pivot(on="parameter", index="run", values="value")
    return runs.join(wide.rename({"W": "slope", "b": "intercept"}), on="run", maintain_order="left")


def find_injections(runs: pl.DataFrame) -> dict[str, str | None]:
    """Find the arms with noise injected in training, each with the arm that differs in that only.

    Returns
    -------
    dict
        The arm's name, and the other arm's, or None where the study has no such arm.
    """
    noise = [name for name in runs.columns if name.startswith("noise.")]
    others = [
        name
        for name in runs.columns
        if name in PLAIN_FIELDS or ("." in name and not name.startswith("noise."))
    ]
    arms = runs.unique("arm", keep="first", maintain_order=True)
    has_noise = pl.any_horizontal(pl.lit(False), *(pl.col(name).is_not_null() for name in noise))
    has_noise = has_noise.alias("has noise")
    plain: dict[tuple[object, ...], str] = {}
    noisy: dict[str, tuple[object, ...]] = {}
    for *recipe, name, is_noisy in arms.select(*others, "arm", has_noise).iter_rows():
        if is_noisy:
            noisy[name] = tuple(recipe)
        else:
            plain.setdefault(tuple(recipe), name)
    return {name: plain.get(recipe) for name, recipe in noisy.items()}


def summarise_metrics(runs: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """Summarise each metric of each arm over its seeds.

    Returns
    -------
    table
        A row an arm and metric: `arm`, `setting`, `series`, `metric`, `mean`, `sd` (null with fewer
        than two seeds), `low`, `high`, `n` (runs that did not diverge and have a finite metric)
        and `n_seeds`.
    """
    long = runs.unpivot(
        on=list(metrics), index=["arm", "setting", "series", "outcome"], variable_name="metric"
    ).with_columns(pl.col("value").cast(pl.Float64))
    sound = pl.col("value").is_finite() & (pl.col("outcome") != "diverged")
    value = pl.col("value").filter(sound)
    return long.group_by("arm", "setting", "series", "metric", maintain_order=True).agg(
        mean=value.mean(),
        sd=value.std(),
        low=value.min(),
        high=value.max(),
        n=value.count(),
        n_seeds=pl.len(),
    )


def describe_outcomes(runs: pl.DataFrame) -> dict[str, str]:
    """Say for each arm how its runs ended, with the steps or epochs at which they did.

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
    """Write a number with so many significant digits, and no number as a dash.

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


def format_spread(mean: float | None, sd: float | None) -> str:
    """Write a mean and its standard deviation, both to the place where the latter has meaning.

    The standard deviation gets one digit, or two where the first is a 1.

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
