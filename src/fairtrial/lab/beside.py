"""The parts of the lab's page that compare the report's figures with the runs of its settings."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from fairtrial import plots
from fairtrial.evidence.accuracy import measure_accuracies
from fairtrial.lab.shipped import count_matches
from fairtrial.plots import vega
from fairtrial.plots.appearance import INK, Looks
from fairtrial.plots.summaries import (
    format_interval,
    format_spread,
    list_unique,
    list_weights,
    summarise_metrics,
)
from fairtrial.plots.trials import name_series
from fairtrial.report.blocks import Block, Cell, Figure, Part, Rows, Table, Text, make_name
from fairtrial.results.results import Results

FASHION = "fashion_mnist"
"""The data set of the report."""


def build_replayed(
    trial: Results, replay: Sequence[Mapping[str, Any]], replayed: Sequence[Mapping[str, str]]
) -> Part:
    """Build the part about the figures replayed with the random draws of the report.

    The trial is the line study, whose seeds are shown beside the entries of `replay.json` and the
    `replayed` entries of `reported.toml`.
    """
    runs, curves = list_weights(trial.runs, trial.parameters), trial.curves
    arms = {row["label"]: row["arm"] for row in replayed}
    groups: dict[str, list[list[Cell]]] = {}
    for entry in replay:
        match = Cell("✓ same", "yes") if entry["match"] else Cell("✗ differs", "no")
        values = [Cell(str(entry["reported"])), Cell(str(entry["replayed"])), match]
        label, quantity = str(entry["label"]), str(entry["quantity"])
        own = runs.filter(pl.col("arm") == arms.get(label, ""))
        values.append(Cell(_find_own(own, curves, quantity)))
        groups.setdefault(label, []).append([Cell(_show_quantity(quantity)), *values])
    n_seeds = runs["seed"].n_unique()
    own = "one seed" if n_seeds == 1 else f"mean ± sd, {n_seeds} seeds"
    table = Table(
        "replayed",
        "Figures of the report, replayed with its random draws, and the same quantities over the "
        "seeds of this study",
        ["quantity", "reported", "replayed", "match", f"this study ({own})"],
        [Rows(rows, label) for label, rows in groups.items()],
    )
    said = (
        f"{count_matches(replay)} of {len(replay)} reported figures match to every printed digit "
        "when they are replayed with the random draws of the report. The last column has new "
        "draws; it shows how much one run depends on its draws."
    )
    return Part("Comparison with the report", [Text(said), table])


def _show_quantity(quantity: str) -> str:
    kind, _, step = quantity.partition("@")
    names = {"slope": "W", "intercept": "b", "loss": "final loss", "stopped_at": "stopped at step"}
    return f"{kind} at step {step}" if step else names.get(kind, quantity)


def _find_own(arm: pl.DataFrame, curves: pl.DataFrame, quantity: str) -> str:
    """Summarise a replayed quantity over the runs of an arm, if there are any."""
    quantity, _, step = quantity.partition("@")
    if quantity == "stopped_at":
        values = arm.filter(pl.col("outcome") != "completed")["ended_at"]
    elif quantity == "loss":
        losses = curves.filter(quantity="loss").join(arm, on="run", how="semi")
        is_wanted = pl.col("at") == (int(step) if step else pl.col("at").max().over("run"))
        values = losses.filter(is_wanted)["value"]
    else:
        values = arm[quantity]
    if values.is_empty():
        return "—"
    found = pl.DataFrame({"value": values.cast(pl.Float64)})
    text = format_spread(*found.select(mean=pl.mean("value"), sd=pl.std("value")).row(0))
    n, n_runs = found.height, arm.height
    return text if n == n_runs else f"{text} ({n} of {n_runs} runs)"


def build_reported(trial: Results, values: Sequence[Mapping[str, str]]) -> Part:
    """Build the part about accuracies that the report took from single runs.

    The trial is the image study, with whose seeds the `value` entries of `reported.toml` are
    compared.
    """
    runs, looks = name_series(trial)
    of_arm = dict(runs.group_by("arm").agg(pl.col("accuracy")).iter_rows())
    summary = {row["arm"]: row for row in summarise_metrics(runs, ["accuracy"]).to_dicts()}
    rows: list[list[Cell]] = []
    reported: dict[str, dict[str, float]] = {}
    for value in values:
        row = summary.get(value["arm"])
        if row is None or row["mean"] is None:
            continue
        share = float(value["reported"]) / 100
        reported.setdefault(row["setting"], {})[row["series"]] = share
        names = [Cell(value["table"]), Cell(row["series"], "word"), Cell(value["reported"])]
        rows.append([*names, *_compare(row, of_arm[row["arm"]], share)])
    heading = "Comparison with the report"
    if not rows:
        return Part(heading, [Text("The report has no figures for these arms.")])
    blocks: list[Block] = [_make_table(rows, runs["seed"].n_unique())]
    for setting, shares in reported.items():
        name, title = make_name(setting or "baselines"), setting or "Baselines"
        said = f"{title}: the test accuracy of every seed, their mean, and the reported figure."
        chart = draw_reported(runs.filter(setting=setting), shares, looks, said)
        title += ": the reported figures among the seeds"
        caption = "Each reported figure comes from one run."
        blocks.append(Figure(f"reported-{name}", title, chart, caption))
    if trial.study.task.kind != FASHION:
        other = (
            "The report used Fashion-MNIST; these runs use the digits, so their figures cannot be "
            "compared."
        )
        blocks.insert(0, Text(other, notice=True))
    return Part(heading, blocks)


def _make_table(rows: list[list[Cell]], n_seeds: int) -> Table:
    over, here = ["one seed"], "here from one seed"
    if n_seeds > 1:
        over = ["mean", "sd", "smallest–largest", "place of the reported figure"]
        here = f"here over {n_seeds} seeds"
    return Table(
        "reported",
        f"Test accuracy after the last epoch, in per cent; in the report from one run, {here}",
        ["table", "model", "reported", *over],
        [Rows(rows)],
    )


def draw_reported(
    runs: pl.DataFrame, reported: Mapping[str, float], looks: Looks, description: str
) -> vega.Chart:
    """Draw the reported accuracy of each series beside those of the seeds, one row per series.

    The runs have `series` and `accuracy`; accuracies are shares.
    """
    one, mean, printed = "one seed", "mean", "reported"
    value = pl.col("accuracy").cast(pl.Float64)
    each = runs.filter(value.is_finite()).select("series", what=pl.lit(one), value=value)
    of_series = each.group_by("series", maintain_order=True)
    means = of_series.agg(pl.lit(mean).alias("what"), pl.col("value").mean())
    many = each.height > means.height
    given = pl.DataFrame({"series": [*reported], "what": printed, "value": [*reported.values()]})
    table = pl.concat([each, *([means] if many else []), given])
    shapes = {one: "M0,-1V1", mean: "circle"} if many else {one: "circle"}
    shapes[printed] = "diamond"
    order, title = list_unique(runs, "series"), "test accuracy"
    colour = vega.encode_looks(looks, order, "color", legend=None)
    scale = {"domain": list(shapes), "range": list(shapes.values())}
    from_here = {"zero": False, "padding": 12}
    legend, axis = vega.MARK_LEGEND | {"symbolStrokeColor": INK}, {"tickCount": 6, "format": ".2~%"}
    exact = vega.quantity("value", title=title, format=".2%")

    def draw(what: str, size: int, encoding: vega.Specification, **more: Any) -> vega.Specification:
        mark = vega.mark("point", size=size, **more)
        return vega.layer(mark, where=f"datum.what == '{what}'", **encoding)

    chart = {
        "data": vega.embed(table),
        "encoding": {
            "x": vega.quantity("value", title=title, scale=from_here, axis=axis),
            "y": vega.nominal("series", title=None, sort=order),
            "shape": vega.nominal("what", scale=scale, legend=legend),
            "tooltip": [vega.nominal("series"), vega.nominal("what"), exact],
        },
        "layer": [
            draw(one, 130 if many else 90, colour, opacity=0.75, strokeWidth=1.5),
            *([draw(mean, 90, colour, opacity=1, strokeWidth=2.5)] if many else []),
            draw(printed, 150, {}, opacity=1, strokeWidth=2.5, color=INK),
        ],
        "height": 44 * len(order),
    }  # fmt: skip
    return vega.lay_out(chart, description)


def _compare(row: Mapping[str, Any], values: Sequence[float], reported: float) -> list[Cell]:
    mean, low, high = (100 * row[name] for name in ("mean", "low", "high"))
    if row["n_seeds"] == 1:
        return [Cell(f"{mean:.2f}")]
    place = say_place(values, reported)
    sd = f"{100 * row['sd']:.2f}" if row["sd"] is not None else "—"
    return [Cell(f"{mean:.2f}"), Cell(sd), Cell(f"{low:.2f}–{high:.2f}"), Cell(place, "text")]


def say_place(values: Sequence[float], reported: float) -> str:
    """Say how a reported figure compares with the seeds.

    Examples
    --------
    >>> say_place([0.8, 0.81, 0.82], 0.83)
    'above every seed'
    >>> say_place([0.8, 0.81, 0.82], 0.815)
    'within the seeds: 1 of 3 is at least as high'
    """
    n, n_above = len(values), sum(value >= reported for value in values)
    n_below = sum(value <= reported for value in values)
    if not n_above:
        return "above every seed"
    if not n_below:
        return "below every seed"
    fewer, word = min((n_above, "high"), (n_below, "low"))
    return f"within the seeds: {fewer} of {n} {'is' if fewer == 1 else 'are'} at least as {word}"


def build_race(trial: Results) -> Part:
    """Build the part that compares the accuracy of features and baselines with their time."""
    rows = []
    for row in measure_accuracies(trial).to_dicts():
        accuracy = format_interval(*(100 * row[name] for name in ("accuracy", "low", "high")))
        rows.append([
            Cell(row["arm"]), Cell(accuracy, value=row["accuracy"]),
            Cell(str(row["seeds"]), value=row["seeds"]),
            Cell(f"{row['seconds']:,.0f}", value=row["seconds"]),
        ])  # fmt: skip
    columns = ["model", "test accuracy, %", "seeds", "seconds"]
    caption = (
        "Test accuracy with its 95 % interval, over seeds and test rows, or over the test rows "
        "only with one seed and where no seed changes the model; seconds per run, with the "
        "time to compute features that were not in the cache"
    )
    table = Table("accuracy-and-time", caption, columns, [Rows(rows)], sorts=True)
    figure = Figure(
        "accuracy-against-time",
        "Test accuracy against training time",
        plots.accuracy_against_time(trial),
        "Lines: 95 % intervals, as in the table. Time is on a log scale.",
    )
    return Part("Accuracy against training time", [figure, table])
