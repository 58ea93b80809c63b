"""Problem 1 of the lab: a line by gradient descent, from tables to a section of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairtrial.errors import InputError
from fairtrial.report import charts
from fairtrial.report.blocks import Block, Cell, Figure, Fold, Part, Rows, Section, Table, Text
from fairtrial.report.folder import Results
from fairtrial.report.summaries import (
    describe_outcomes,
    find_changes,
    find_injections,
    format_spread,
    list_unique,
    list_weights,
    measure_distance,
    summarise_curves,
    summarise_metrics,
)

LineRows = Callable[[Path, str, int], tuple[np.ndarray, np.ndarray]]
"""From a results folder, an arm and a seed to the x (N,) and y (N,) that its run was trained on."""

N_DOTS = 250
"""Rows of data that a panel shows."""

METRICS = {
    "slope": "W",
    "intercept": "b",
    "parameter_error": "parameter error",
    "mse": "test MSE",
    "mae": "test MAE",
    "r2": "test R²",
}


def load_line_rows(folder: Path, arm: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the training rows of an arm again, as its study says.

    Returns
    -------
    tuple of (N,) arrays
        x and y.

    Raises
    ------
    InputError
        If the study file cannot be read or has no such arm.
    """
    from fairtrial.data.line import line_data
    from fairtrial.study import Study
    from fairtrial.study.task import LineTask

    study = Study.load(folder / "study.toml")
    task = {known.name: known.task for known in study.list_arms()}.get(arm)
    if not isinstance(task, LineTask):
        raise InputError(f"{folder / 'study.toml'} has no arm {arm!r} of a line. Run it again.")
    data = line_data(task, seed)
    return np.asarray(data.X)[:, 0], np.asarray(data.y)


def build_line_section(
    results: Results,
    replay: Sequence[Mapping[str, Any]],
    reported: Mapping[str, Sequence[Mapping[str, str]]],
    line_rows: LineRows = load_line_rows,
) -> Section:
    """Build Problem 1.

    Parameters
    ----------
    results : Results
        The line study's.
    replay : list of dict
        What `replay.json` holds.
    reported : dict
        What `read_reported` returns.
    line_rows : function
        Gives the data of a run.
    """
    runs = list_weights(results.runs, results.parameters)
    n_settings, n_seeds = runs["setting"].n_unique(), len(results.seeds)
    parts = []
    if replay:
        parts.append(_build_replay(runs, results.curves, replay, reported["table"]))
    parts += [
        _build_overview(runs, results.curves),
        _build_losses(runs, results.curves),
        _build_injections(runs, results.curves),
        _build_rates(runs, results.curves),
        _build_fits(runs, results.folder, line_rows),
        Part("Every arm", [build_arm_table(runs, METRICS, "step")]),
    ]
    lead = (
        f"The study “{results.name}” has {_count(n_settings, 'setting')} with "
        f"{_count(runs['series'].n_unique(), 'loss', 'losses')} each, "
        f"{_count(n_seeds, 'seed')}, {_count(runs.height, 'run')}. All arms of a seed see the same "
        "draws. Losses are different objectives, so arms are compared by what they have in common: "
        "how far (W, b) ends from the true line, and errors on fresh test rows."
    )
    return Section(
        "problem-1",
        "Problem 1: a line by gradient descent",
        lead,
        [part for part in parts if part is not None],
    )


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def say_band(n_seeds: int) -> str:
    """Say what lines and bands are."""
    if n_seeds == 1:
        return "One seed, so no band."
    return f"Line: mean over {n_seeds} seeds; band: smallest to largest over the seeds."


# ------------------------------------------------------------------------------ beside the report


def _build_replay(
    runs: pl.DataFrame,
    curves: pl.DataFrame,
    replay: Sequence[Mapping[str, Any]],
    settings: Sequence[Mapping[str, str]],
) -> Part:
    n_match = sum(bool(entry["match"]) for entry in replay)
    groups: dict[str, list[list[Cell]]] = {}
    for entry in replay:
        match = Cell("✓ same", "yes") if entry["match"] else Cell("✗ differs", "no")
        values = [Cell(str(entry["reported"])), Cell(str(entry["replayed"])), match]
        values.append(Cell(_find_own(runs, curves, entry, settings)))
        groups.setdefault(str(entry["label"]), []).append(
            [Cell(_show_quantity(str(entry["quantity"]))), *values]
        )
    n_seeds = runs["seed"].n_unique()
    own = "one seed" if n_seeds == 1 else f"mean ± sd, {n_seeds} seeds"
    table = Table(
        "The report's figures, what its own draws give again, and what the study's seeds give",
        ["quantity", "reported", "replayed", "match", f"this study ({own})"],
        [Rows(rows, label) for label, rows in groups.items()],
    )
    said = (
        f"{n_match} of {len(replay)} reported figures come out the same to every printed digit, "
        "with the report's own draws. The last column has fresh draws: it says how far one run "
        "speaks for its setting."
    )
    return Part("Beside the report", [Text(said), table])


def _show_quantity(quantity: str) -> str:
    kind, _, step = quantity.partition("@")
    names = {"slope": "W", "intercept": "b", "loss": "final loss", "stopped_at": "stopped at step"}
    return f"{kind} at step {step}" if step else names.get(kind, quantity)


def _find_own(
    runs: pl.DataFrame,
    curves: pl.DataFrame,
    entry: Mapping[str, Any],
    settings: Sequence[Mapping[str, str]],
) -> str:
    """Summarise over the seeds what a replayed quantity is in the study, if it has such an arm."""
    table, _, series = str(entry["label"]).rpartition(", ")
    known = {row["name"]: row["setting"] for row in settings if row["study"] == "line"}
    setting = known.get(table, table).casefold()
    arm = runs.filter(
        pl.col("setting").str.to_lowercase() == setting,
        pl.col("series").str.to_lowercase() == series.casefold(),
    )
    quantity, _, step = str(entry["quantity"]).partition("@")
    if quantity == "stopped_at":
        values = arm.filter(pl.col("outcome") != "completed")["ended_at"]
    elif quantity == "loss":
        of_arm = curves.filter(pl.col("quantity") == "loss").join(arm, on="run", how="semi")
        if step:
            values = of_arm.filter(pl.col("at") == int(step))["value"]
        else:
            values = of_arm.sort("at").group_by("run").last()["value"]
    else:
        values = (
            arm[quantity] if quantity in ("slope", "intercept") else pl.Series([], dtype=pl.Float64)
        )
    if values.is_empty():
        return "—"
    mean, sd = values.cast(pl.Float64).to_frame("v").select(
        mean=pl.col("v").mean(), sd=pl.col("v").std()
    ).row(0)  # fmt: skip
    return _show_share(format_spread(mean, sd), len(values), arm.height)


# ------------------------------------------------------------------------------------- the figures


def _build_overview(runs: pl.DataFrame, curves: pl.DataFrame) -> Part:
    distance = summarise_curves(measure_distance(curves, runs), runs, "distance")
    n_seeds = runs["seed"].n_unique()
    final = charts.draw_final_values(
        runs,
        "parameter_error",
        "parameter error, log scale",
        "Parameter error at the end of every run, a row a setting, a mark a loss: the smaller, the "
        "closer to the true line.",
    )
    marks = "One seed." if n_seeds == 1 else "Large mark: mean over the seeds; thin tick: one seed."
    paths = charts.draw_curves(
        distance,
        "How far (W, b) is from the true line at each step, a panel a setting, a line a loss.",
        facet="setting",
        y_title="parameter error",
    )
    return Part(
        "How close each arm gets",
        [
            Figure("Parameter error at the end, every arm", final, marks),
            Figure(
                "Parameter error on the way",
                paths,
                "Distance of (W, b) from the truth, log scale, the same in all panels. "
                f"{say_band(n_seeds)} A run that has ended keeps its last value.",
            ),
        ],
    )


def _build_losses(runs: pl.DataFrame, curves: pl.DataFrame) -> Part:
    losses = summarise_curves(curves, runs, "loss")
    injected = set(runs.filter(pl.col("arm").is_in(list(find_injections(runs))))["setting"])
    settings = [name for name in list_unique(losses, "setting") if name not in injected]
    note = Text(
        "Each loss is its own objective with its own scale: read each panel by itself, never one "
        f"against another. Log scale. {say_band(runs['seed'].n_unique())}"
    )
    first, *others = [_draw_loss(losses, name) for name in settings or list(injected)]
    blocks: list[Block] = [note, first]
    blocks += [Fold(f"Loss curves: {figure.title}", [figure]) for figure in others]
    return Part("Loss curves", blocks)


def _draw_loss(
    losses: pl.DataFrame, setting: str, reference: pl.DataFrame | None = None, caption: str = ""
) -> Figure:
    chart = charts.draw_curves(
        losses.filter(pl.col("setting") == setting),
        f"Training loss at each step for {setting or 'all arms'}, a panel a loss.",
        facet="series",
        y_title="loss",
        reference=reference,
        share_y=False,
        panels=4,
    )
    return Figure(setting or "all arms", chart, caption)


def _build_injections(runs: pl.DataFrame, curves: pl.DataFrame) -> Part | None:
    bases = find_injections(runs)
    if not bases:
        return None
    losses = summarise_curves(curves, runs, "loss")
    places = {
        arm: (setting, series)
        for arm, setting, series in runs.select("arm", "setting", "series").unique().iter_rows()
    }
    settings: dict[str, list[str | None]] = {}
    for arm, base in bases.items():
        settings.setdefault(places[arm][0], []).append(base)
    figures: list[Block] = []
    for setting, arms in settings.items():
        wanted = pl.DataFrame(
            [places[arm] for arm in arms if arm],
            schema={"setting": pl.String, "series": pl.String},
            orient="row",
        )
        reference = losses.join(wanted, on=["setting", "series"], how="semi")
        reference = reference.with_columns(setting=pl.lit(setting))
        names = sorted(set(wanted["setting"]))
        caption = f"Grey: the same recipe without it ({', '.join(names)})." if names else ""
        figures.append(
            _draw_loss(losses, setting, None if reference.is_empty() else reference, caption)
        )
    note = Text(
        "Training loss while noise is injected, each beside the same recipe without it. Log scale. "
        f"{say_band(runs['seed'].n_unique())}"
    )
    return Part("Noise injected while training", [note, *figures])


def _build_rates(runs: pl.DataFrame, curves: pl.DataFrame) -> Part | None:
    changes = find_changes(curves, runs, "learning_rate")
    if changes.is_empty():
        return None
    chart = charts.draw_learning_rates(
        changes,
        "Learning rate of every run at each step, a panel a setting, a line a run.",
    )
    many = runs["seed"].n_unique() > 1
    caption = "A line a run, so one for each seed." if many else "One seed."
    return Part(
        "Learning rates that change",
        [Figure("Learning rate at each step", chart, f"{caption} Log scale.")],
    )


def _build_fits(runs: pl.DataFrame, folder: Path, line_rows: LineRows) -> Part:
    seed = runs["seed"].min()
    lines = runs.filter(pl.col("seed") == seed)
    samples = []
    for setting, arm in (
        lines.unique("setting", keep="first", maintain_order=True)
        .select("setting", "arm")
        .iter_rows()
    ):
        x, y = line_rows(folder, arm, int(seed))  # pyright: ignore[reportArgumentType]
        samples.append(pl.DataFrame({"setting": setting, "x": x[:N_DOTS], "y": y[:N_DOTS]}))
    rows = pl.concat(samples).with_columns(pl.col("x", "y").cast(pl.Float64))
    chart = charts.draw_fits(
        rows,
        lines,
        "Data rows and the line that each loss fitted to them, a panel a setting, with the true "
        "line behind.",
    )
    caption = (
        f"Seed {seed}; dots: the first {N_DOTS} rows it was trained on; wide grey line: the truth. "
        "Where lines lie on one another, the losses agree."
    )
    return Part("Data and fitted lines", [Figure("The fitted lines", chart, caption)])


# ------------------------------------------------------------------------------------- every arm


def build_arm_table(runs: pl.DataFrame, metrics: Mapping[str, str], unit: str) -> Table:
    """Build the table of all arms: each metric over the seeds, and how the runs ended.

    Parameters
    ----------
    runs : table
        As `name_runs` returns it.
    metrics : dict
        Columns with the names that readers know; those that `runs` lacks are left out.
    unit : str
        "step" or "epoch": what `ended_at` counts.
    """
    known = {name: title for name, title in metrics.items() if name in runs.columns}
    summary = summarise_metrics(runs, list(known))
    outcomes = describe_outcomes(runs)
    groups: dict[str, list[list[Cell]]] = {}
    for arm, setting, series in (
        runs.select("arm", "setting", "series").unique(maintain_order=True).iter_rows()
    ):
        of_arm = {row["metric"]: row for row in summary.filter(pl.col("arm") == arm).to_dicts()}
        cells = [Cell(_show_summary(of_arm[name])) for name in known]
        groups.setdefault(setting, []).append([Cell(series), *cells, Cell(outcomes[arm], "text")])
    n_seeds = runs["seed"].n_unique()
    over = "One seed" if n_seeds == 1 else f"Mean ± standard deviation over {n_seeds} seeds"
    return Table(
        f"{over}; outcomes with the {unit} at which runs ended",
        ["arm", *known.values(), "outcome"],
        [Rows(rows, setting) for setting, rows in groups.items()],
    )


def _show_summary(row: Mapping[str, Any]) -> str:
    return _show_share(format_spread(row["mean"], row["sd"]), row["n"], row["n_seeds"])


def _show_share(text: str, n: int, n_runs: int) -> str:
    return text if n == n_runs else f"{text} ({n} of {n_runs} runs)"
