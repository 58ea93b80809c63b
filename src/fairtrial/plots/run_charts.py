"""From a table to a chart: where runs ended, and how good they are there."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import polars as pl

from fairtrial.plots.appearance import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    VERMILLION,
    Looks,
    colour_scale,
    dash_scale,
    shape_scale,
)
from fairtrial.plots.layout import (
    Chart,
    embed,
    lay_out,
    list_rows,
    make_panels,
    make_toggle,
    make_zoom,
)
from fairtrial.plots.summaries import list_unique


def draw_final_values(
    runs: pl.DataFrame, metric: str, title: str, looks: Looks, description: str, *, log: bool = True
) -> Chart:
    """Draw a metric of every run as a tick, and the mean of each arm as a larger mark.

    Parameters
    ----------
    runs : table
        `setting`, `series`, `seed` and the metric.
    metric : str
        Name of the column.
    title : str
        What the axis measures.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    log : bool
        Logarithmic axis; values that are not positive are left out.
    """
    value = pl.col(metric).cast(pl.Float64)
    usable = runs.filter(value.is_finite() & ((value > 0) if log else True))
    if runs["setting"].n_unique() > 1:
        other = pl.when(pl.col("setting") == "").then(pl.lit("others")).otherwise("setting")
        usable, runs = (table.with_columns(setting=other) for table in (usable, runs))
    each = usable.select("setting", "series", value=value)
    mean = each.group_by("setting", "series", maintain_order=True).agg(pl.col("value").mean())
    series, order = list_unique(runs, "series"), list_unique(runs, "setting")
    scale = alt.Scale(type="log", nice=False, padding=8) if log else alt.Scale(zero=False)
    base = alt.Chart().encode(
        x=alt.X("value:Q").title(title).axis(tickCount=6, format="~g").scale(scale),
        y=alt.Y("setting:N")
        .title(None)
        .sort(order)
        .axis(grid=True, tickBand="extent")
        .scale(paddingInner=0.2, paddingOuter=0.1),
        yOffset=alt.YOffset("series:N").sort(series),
        color=alt.Color("series:N")
        .scale(colour_scale(looks, series))
        .legend(title=None, symbolOpacity=1),
    )
    layers = []
    if usable.height > mean.height:
        ticks = base.properties(data=list_rows(each))
        layers.append(ticks.mark_tick(thickness=1, opacity=0.65, bandSize=8))
    marks = base.properties(data=list_rows(mean))
    layers.append(
        marks.mark_point(filled=True, size=55, opacity=1).encode(
            shape=alt.Shape("series:N")
            .scale(shape_scale(looks, series))
            .legend(title=None, symbolOpacity=1),
            tooltip=[
                alt.Tooltip("setting:N"),
                alt.Tooltip("series:N"),
                alt.Tooltip("value:Q", title=metric.replace("_", " ")),
            ],
        )
    )
    chart = alt.layer(*layers, height=12 * len(order) * len(series))
    return lay_out(chart, description)


def draw_reported(
    runs: pl.DataFrame,
    reported: Mapping[str, float],
    metric: str,
    title: str,
    looks: Looks,
    description: str,
) -> Chart:
    """Draw what was reported among what the seeds give, a row a series.

    Parameters
    ----------
    runs : table
        `series`, `seed` and the metric.
    reported : dict
        The reported value of each series, in the metric's unit.
    metric, title : str
        Name of the column, and what the axis measures.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    """
    one, mean, told = "one seed", "mean", "reported"
    value = pl.col(metric).cast(pl.Float64)
    each = runs.filter(value.is_finite()).select("series", pl.lit(one).alias("what"), value=value)
    means = each.group_by("series", maintain_order=True).agg(pl.col("value").mean())
    many = each.height > means.height
    shapes = {one: "M0,-1V1" if many else "circle"}
    tables = [each]
    if many:
        shapes[mean] = "circle"
        tables.append(means.select("series", pl.lit(mean).alias("what"), "value"))
    shapes[told] = "diamond"
    claims = [(name, told, float(value)) for name, value in reported.items()]
    tables.append(pl.DataFrame(claims, schema=each.schema, orient="row"))
    table, order = pl.concat(tables), list_unique(runs, "series")
    shape = alt.Scale(domain=list(shapes), range=list(shapes.values()))
    legend = alt.Legend(title=None, symbolStrokeColor=INK, symbolOpacity=1)
    base = alt.Chart(embed(table)).encode(
        x=alt.X("value:Q")
        .title(title)
        .scale(zero=False, padding=12)
        .axis(tickCount=6, format=".2~%"),
        y=alt.Y("series:N").title(None).sort(order),
        shape=alt.Shape("what:N").scale(shape).legend(legend),
        tooltip=["series:N", "what:N", alt.Tooltip("value:Q", title=title, format=".2%")],
    )
    colour = alt.Color("series:N").scale(colour_scale(looks, order)).legend(None)
    seeds = base.transform_filter(f"datum.what == '{one}'").mark_point(
        size=130 if many else 90, opacity=0.75, strokeWidth=1.5
    )
    claimed = base.transform_filter(f"datum.what == '{told}'").mark_point(
        size=150, opacity=1, strokeWidth=2.5, color=INK
    )
    layers = [seeds.encode(color=colour), claimed]
    if many:
        circles = base.transform_filter(f"datum.what == '{mean}'").mark_point(
            size=90, opacity=1, strokeWidth=2.5
        )
        layers.insert(1, circles.encode(color=colour))
    return lay_out(alt.layer(*layers, height=44 * len(order)), description)


OUTCOME_LOOKS = {
    "completed": (MUTED, "circle"),
    "stopped early": (BLUE, "square"),
    "reached the rate floor": (GREEN, "triangle-down"),
    "diverged": (VERMILLION, "cross"),
}
"""Colour and shape of each way in which a run can end."""


def draw_outcomes(runs: pl.DataFrame, unit: str, description: str) -> Chart:
    """Draw where each run ended, and how: a row an arm, a mark a run.

    Parameters
    ----------
    runs : table
        `setting`, `series`, `seed`, `outcome` (in words) and `ended_at`.
    unit : str
        "step" or "epoch": what `ended_at` counts.
    description : str
        The text alternative.
    """
    shown = runs.select(
        "seed", "outcome", "ended_at", arm=join_words(pl.col("setting"), pl.col("series"))
    )
    known = [name for name in OUTCOME_LOOKS if name in set(shown["outcome"])]
    order, toggle = list_unique(shown, "arm"), make_toggle(known, "outcome")
    colours = alt.Scale(domain=known, range=[OUTCOME_LOOKS[name][0] for name in known])
    shapes = alt.Scale(domain=known, range=[OUTCOME_LOOKS[name][1] for name in known])
    legend = alt.Legend(title=None, symbolOpacity=1)
    marks = (
        alt.Chart(list_rows(shown), height=15 * len(order))
        .mark_point(filled=True, size=42)
        .encode(
            x=alt.X("ended_at:Q").title(f"{unit} at which the run ended").axis(tickCount=6),
            y=alt.Y("arm:N").title(None).sort(order).axis(grid=True),
            color=alt.Color("outcome:N").scale(colours).legend(legend),
            shape=alt.Shape("outcome:N").scale(shapes).legend(legend),
            opacity=toggle.fade(0.75),
            tooltip=["arm:N", "seed:N", "outcome:N", alt.Tooltip("ended_at:Q", title=unit)],
        )
        .add_params(*toggle)
    )
    return lay_out(marks, description)


def join_words(*words: pl.Expr) -> pl.Expr:
    """Join what is not empty, with a dot between."""
    parts = [pl.when(word != "").then(word) for word in words]
    return pl.concat_str(parts, separator=" · ", ignore_nulls=True)


def draw_sensitivity(
    points: pl.DataFrame, title: str, looks: Looks, description: str, *, log: bool = False
) -> Chart:
    """Draw a metric against the learning rate, a line a series, a panel a setting.

    Parameters
    ----------
    points : table
        `setting`, `series`, `learning_rate`, `mean`, `low`, `high` (the smallest and the largest
        over the seeds) and `diverged` (a sentence; "" if no run did).
    title : str
        What the y axis measures.
    looks : mapping
        The look of each series.
    description : str
        The text alternative.
    log : bool
        Logarithmic y axis.
    """
    series, order = list_unique(points, "series"), list_unique(points, "setting")
    toggle = make_toggle(series)
    legend = alt.Legend(title=None, symbolOpacity=1)
    base = alt.Chart().encode(
        x=alt.X("learning_rate:Q")
        .title("learning rate")
        .axis(format="~g", values=points["learning_rate"].unique().sort().to_list())
        .scale(type="log", padding=12, nice=False),
        color=alt.Color("series:N").scale(colour_scale(looks, series)).legend(legend),
        tooltip=[
            "series:N", "learning_rate:Q", alt.Tooltip("mean:Q", format=".4g"), "low:Q", "high:Q",
            "diverged:N",
        ],
    )  # fmt: skip
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False)
    y = alt.Y("mean:Q").title(title).scale(scale).axis(tickCount=5, labelFlush=7, format="~g")
    layers = [
        base.mark_rule(strokeWidth=1.5).encode(
            y=alt.Y("low:Q").scale(scale), y2="high:Q", opacity=toggle.fade(0.6)
        ),
        base.mark_line(strokeWidth=1.5).encode(
            y=y,
            opacity=toggle.fade(),
            strokeDash=alt.StrokeDash("series:N").scale(dash_scale(looks, series)).legend(legend),
        ),
        base.mark_point(filled=True, size=45).encode(
            y=y,
            opacity=toggle.fade(),
            shape=alt.Shape("series:N").scale(shape_scale(looks, series)).legend(legend),
        ),
    ]
    layers[-1] = layers[-1].add_params(*toggle, make_zoom())
    layered = alt.layer(*layers, data=list_rows(points), height=190, width=240)
    chart = make_panels(layered, "setting", order, 3, 58)
    return lay_out(chart, description, panels=min(3, len(order)), narrowest=220, axes=58)


def draw_race(points: pl.DataFrame, description: str) -> Chart:
    """Draw accuracies with their intervals against seconds, each with its name beside it.

    Parameters
    ----------
    points : table
        `name`, `accuracy`, `low`, `high`, `seconds`.
    description : str
        The text alternative.
    """
    base = alt.Chart(list_rows(points), height=320).encode(
        x=alt.X("seconds:Q")
        .title("seconds a run")
        .scale(type="log", padding=60)
        .axis(format="~g", tickCount=5),
        tooltip=["name:N", alt.Tooltip("accuracy:Q", format=".2%"), "low:Q", "high:Q", "seconds:Q"],
    )
    y = alt.Y("accuracy:Q").title("test accuracy").axis(format=".0%", tickCount=6)
    rules = base.mark_rule(color=MUTED, strokeWidth=2).encode(
        y=alt.Y("low:Q").scale(zero=False), y2="high:Q"
    )
    marks = base.mark_point(filled=True, size=60, color=BLUE, opacity=1).encode(y=y)
    names = base.mark_text(align="left", dx=8, dy=-4, fontSize=12).encode(y=y, text="name:N")
    return lay_out(alt.layer(rules, marks.add_params(make_zoom()), names), description)
