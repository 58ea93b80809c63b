"""The parts of a page about the runs: their curves, their rates, and where they ended."""

from __future__ import annotations

import polars as pl

from fairtrial import plots
from fairtrial.errors import FairtrialError
from fairtrial.plots import curve_charts
from fairtrial.plots.appearance import capitalise, show_metric
from fairtrial.plots.of_runs import choose_metric, find_unit, name_series
from fairtrial.plots.summaries import (
    OUTCOMES,
    drop_diverged,
    find_injections,
    list_unique,
    summarise_curves,
)
from fairtrial.report.blocks import Block, Figure, Fold, Part, Text, make_name
from fairtrial.report.seeds import count_seeds
from fairtrial.trial.trial import Trial

MOST_FOLDS = 40
"""Settings whose loss curves are shown."""
AT_THE_END = "-at-the-end"
"""How the name ends of the figure that shows where all arms ended."""


def say_band(n_seeds: int) -> str:
    """Say what lines and bands are."""
    if n_seeds == 1:
        return "One seed, so no band."
    return f"Line: mean over {n_seeds} seeds; band: smallest to largest over the seeds."


def build_results(trial: Trial) -> Part:
    """Build the part about how good each arm is in the end, and on the way there."""
    metric = choose_metric(trial)
    title = show_metric(metric)
    many = count_seeds(trial) > 1
    marks = "Large mark: mean over the seeds; thin tick: one seed." if many else "One seed."
    n_diverged = (trial.runs["outcome"] == "diverged").sum()
    if n_diverged == trial.runs.height:
        text = f"All {n_diverged} runs diverged: there is nothing to show of where they ended."
        return Part("How good each arm is", [Text(text, notice=True), *_build_outcomes(trial)])
    marks += f" {n_diverged} runs that diverged are left out." if n_diverged else ""
    blocks: list[Block] = [
        Figure(
            f"{make_name(metric)}{AT_THE_END}",
            f"{capitalise(title)} at the end, every arm",
            plots.final_values(trial, metric),
            marks,
        )
    ]
    sensitivity = plots.sensitivity(trial, metric)
    if sensitivity is not None:
        blocks.append(
            Figure(
                "learning-rate-sensitivity",
                f"{capitalise(title)} against the learning rate",
                sensitivity,
                "Arms that differ in their learning rate only. Mean over the seeds"
                + (", with a rule from the smallest to the largest." if many else "."),
            )
        )
    return Part("How good each arm is", [*blocks, *_build_outcomes(trial)])


def _build_outcomes(trial: Trial) -> list[Block]:
    counts = trial.runs["outcome"].replace(OUTCOMES).value_counts(sort=True)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.iter_rows())
    n_runs = trial.runs.height
    if counts.height == 1 and trial.runs["outcome"][0] == "completed":
        return [Text(f"All {n_runs:,} runs went on to their end; none stopped early or diverged.")]
    figure = Figure(
        "outcomes",
        "Where each run ended, and how",
        plots.outcomes(trial),
        f"One mark per run: {said}.",
    )
    return [figure]


def build_curves(trial: Trial) -> list[Part]:
    """Build the parts about what happened while the runs were trained."""
    said = "A run that has ended keeps its last value; runs that diverged are left out."
    blocks: list[Block] = [Text(f"{say_band(count_seeds(trial))} {said}")]
    if drop_diverged(trial.runs).is_empty():
        return []
    quantities = set(trial.curves["quantity"].unique())
    if "parameter_error" in quantities:
        blocks.append(
            Figure(
                "parameter-error-on-the-way",
                "Parameter error on the way",
                plots.curves(trial, "parameter_error"),
                "Distance of weights and intercept from the truth, log scale, the same in all "
                "panels.",
            )
        )
    blocks += _build_shares(trial)
    blocks += _build_losses(trial)
    parts = [Part("Curves", blocks)]
    if injections := _build_injections(trial):
        parts.append(injections)
    rates = plots.learning_rates(trial)
    if rates is not None:
        many = count_seeds(trial) > 1
        caption = "One line per run" if many else "One seed"
        figure = Figure(
            "learning-rates",
            f"Learning rate at each {find_unit(trial.runs)}",
            rates,
            f"{caption}; a dot where the rate changes, as at a halving. Log scale.",
        )
        parts.append(Part("Learning rates that change", [figure]))
    return parts


def _build_shares(trial: Trial) -> list[Block]:
    """Build the figures of training and validation rows, epoch by epoch."""
    figures: list[Block] = []
    for metric, title in (("accuracy", "accuracy"), ("cross_entropy", "cross-entropy")):
        try:
            chart = plots.train_and_validation(trial, metric)
        except FairtrialError:
            continue  # Not of classes.
        figure = Figure(
            f"train-and-validation-{make_name(metric)}",
            f"Training and validation {title} per epoch",
            chart,
            "The gap between the two is what the model has learned of its training rows alone.",
        )
        figures.append(figure)
    return figures


def _build_losses(trial: Trial) -> list[Block]:
    """Build the loss curves, a figure a setting; all but the first are folded."""
    named, _ = name_series(trial)
    injected = set(named.filter(pl.col("arm").is_in(list(find_injections(named))))["setting"])
    with_loss = trial.curves.filter(pl.col("quantity") == "loss")["run"].unique()
    named = drop_diverged(named.filter(pl.col("run").is_in(with_loss.implode())))
    settings = [name for name in list_unique(named, "setting") if name not in injected]
    unlike = named["loss.kind"].n_unique() > 1 if "loss.kind" in named.columns else False
    figures = [
        Figure(
            f"loss-{make_name(setting)}",
            f"Training loss{f': {setting}' if setting else ''}",
            plots.curves(trial, "loss", named.filter(setting=setting)["arm"].unique().to_list()),
            "Each loss is its own objective with its own scale: read each panel by itself."
            if unlike
            else "",
        )
        for setting in settings[:MOST_FOLDS]
    ]
    folds: list[Block] = [Fold(figure.title, [figure]) for figure in figures[1:]]
    return [*figures[:1], *folds]


def _build_injections(trial: Trial) -> Part | None:
    """Build the loss curves under noise that is injected in training, beside those without."""
    named, looks = name_series(trial)
    named = drop_diverged(named)
    bases = find_injections(named)
    if not bases:
        return None
    losses = summarise_curves(trial.curves, named, "loss")
    places = {
        arm: (setting, series)
        for arm, setting, series in named.select("arm", "setting", "series").unique().iter_rows()
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
        names = ", ".join(sorted(set(wanted["setting"])))
        chart = curve_charts.draw_curves(
            losses.filter(setting=setting),
            looks,
            f"Training loss at each step for {setting}, a panel a series.",
            facet="series",
            y_title="loss",
            x_title=find_unit(named),
            reference=None
            if reference.is_empty()
            else reference.with_columns(setting=pl.lit(setting)),
            share_y=False,
            panels=4,
        )
        caption = f"Grey: the same recipe without it ({names})." if names else ""
        figures.append(Figure(f"loss-{make_name(setting)}", setting, chart, caption))
    note = Text(
        "Training loss while noise is injected, each beside the same recipe without it. Log scale."
    )
    return Part("Noise injected while training", [note, *figures])
