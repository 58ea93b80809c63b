"""The parts of a page about the runs: final results, curves, learning rates."""

import polars as pl

from fairtrial import plots
from fairtrial.plots.appearance import capitalise, show_metric
from fairtrial.plots.of_training import draw_curves
from fairtrial.plots.summaries import (
    OUTCOMES,
    TEXTS,
    drop_diverged,
    find_injections,
    list_unique,
    summarise_curves,
)
from fairtrial.plots.trials import choose_metric, find_unit, name_series, read_curves
from fairtrial.report.blocks import Block, Figure, Part, Text, fold_others, make_name
from fairtrial.results.results import Results

MOST_FOLDS = 40
"""Settings with loss curves on the page, at most."""
AT_THE_END = "-at-the-end"
"""End of the name of the figure with the final results of all arms."""


def build_results(trial: Results) -> Part:
    """Build the part about the final results of every arm."""
    metric = choose_metric(trial)
    title = show_metric(metric)
    many = trial.runs["seed"].n_unique() > 1
    marks = "Large mark: mean over the seeds. Thin tick: one seed." if many else "One mark per arm."
    n_diverged = (trial.runs["outcome"] == "diverged").sum()
    if n_diverged == trial.runs.height:
        text = f"All {n_diverged} runs diverged, so there are no final results to show. "
        text += "Smaller learning rates may help, or standardise = true where targets are large."
        return Part("Final results", [Text(text, notice=True), *_build_outcomes(trial)])
    marks += f" Diverged runs are left out ({n_diverged})." if n_diverged else ""
    final = plots.final_values(trial, metric)
    name = f"{make_name(metric)}{AT_THE_END}"
    blocks: list[Block] = [Figure(name, f"Final {title} of every arm", final, marks)]
    if sensitivity := plots.sensitivity(trial, metric):
        means = " Mean over the seeds; lines: smallest to largest value." if many else ""
        caption = f"Arms that differ only in their learning rate.{means}"
        title = f"{capitalise(title)} against the learning rate"
        blocks.append(Figure("learning-rate-sensitivity", title, sensitivity, caption))
    return Part("Final results", [*blocks, *_build_outcomes(trial)])


def _build_outcomes(trial: Results) -> list[Block]:
    counts = trial.runs["outcome"].replace(OUTCOMES).value_counts(sort=True)
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.iter_rows())
    n_runs = trial.runs.height
    if counts.height == 1 and trial.runs["outcome"][0] == "completed":
        return [Text(f"All {n_runs:,} runs completed; none stopped early or diverged.")]
    marks = f"One mark per run: {said}."
    return [Figure("outcomes", "Outcome of each run", plots.outcomes(trial), marks)]


def build_curves(trial: Results) -> list[Part]:
    """Build the parts about the course of training."""
    if drop_diverged(trial.runs).is_empty():
        return []
    n_seeds, unit = trial.runs["seed"].n_unique(), find_unit(trial.runs)
    lines = (
        "Lines: one seed."
        if n_seeds == 1
        else f"Lines: mean over {n_seeds} seeds. Bands: smallest to largest value."
    )
    said = "A run that ended keeps its last value. Diverged runs are left out."
    blocks: list[Block] = [Text(f"{lines} {said}")]
    if read_curves(trial, "parameter_error"):
        chart, title = plots.curves(trial, "parameter_error"), "Parameter error during training"
        caption = "Distance of weights and intercept from the true ones, on a log scale."
        blocks.append(Figure("parameter-error-on-the-way", title, chart, caption))
    blocks += [
        Figure(
            f"train-and-validation-{make_name(metric)}",
            f"Training and validation {show_metric(metric)} per {unit}",
            plots.train_and_validation(trial, metric),
            "The gap between the two shows how much better the model fits its training rows.",
        )
        for metric in ("accuracy", "cross_entropy", "mse")  # Of classes, or of numbers.
        if read_curves(trial, f"train_{metric}")
    ]
    parts = [Part("Curves", [*blocks, *_build_losses(trial)]), *_build_injections(trial)]
    if rates := plots.learning_rates(trial):
        caption = "One line per run" if n_seeds > 1 else "One seed"
        caption += "; a dot marks each change of the rate, such as a halving. Log scale."
        figure = Figure("learning-rates", f"Learning rate at each {unit}", rates, caption)
        parts.append(Part("Learning rates that change", [figure]))
    return parts


def _build_losses(trial: Results) -> list[Block]:
    """Build the loss curves, one figure per setting; all but the first are folded."""
    named, _ = name_series(trial)
    injected = set(named.filter(pl.col("arm").is_in(list(find_injections(named))))["setting"])
    with_loss = list(read_curves(trial, "loss"))
    named = drop_diverged(named.filter(pl.col("run").is_in(with_loss)))
    settings = [name for name in list_unique(named, "setting") if name not in injected]
    unlike = named["loss.kind"].n_unique() > 1 if "loss.kind" in named.columns else False
    figures = [
        Figure(
            f"loss-{make_name(setting)}",
            f"Training loss{f': {setting}' if setting else ''}",
            plots.curves(trial, "loss", named.filter(setting=setting)["arm"].unique().to_list()),
            "Log scale. Each loss has its own, so the panels cannot be compared."
            if unlike
            else "Log scale.",
        )
        for setting in settings[:MOST_FOLDS]
    ]
    return fold_others(figures)


def _build_injections(trial: Results) -> list[Part]:
    """Build the loss curves of runs with injected noise, beside those without."""
    named, looks = name_series(trial)
    named = drop_diverged(named)
    bases = find_injections(named)
    if not bases:
        return []
    losses, unit = summarise_curves(read_curves(trial, "loss"), named), find_unit(named)
    arms = {arm: tuple(names) for arm, *names in named.select("arm", *TEXTS).iter_rows()}
    settings: dict[str, list[tuple[str, ...]]] = {}
    for arm, base in bases.items():
        settings.setdefault(arms[arm][0], []).extend([arms[base]] if base else [])
    figures: list[Block] = []
    for setting, wanted in settings.items():
        plain = pl.DataFrame(wanted, TEXTS, orient="row")
        reference = losses.join(plain, on=list(TEXTS), how="semi").with_columns(
            setting=pl.lit(setting)
        )
        names = ", ".join(sorted(set(plain["setting"])))
        chart = draw_curves(
            losses.filter(setting=setting), looks,
            f"Training loss at each {unit} for {setting}, one panel per series.", "loss", unit,
            by_series=True, reference=None if reference.is_empty() else reference, share_y=False,
        )  # fmt: skip
        caption = f"Grey: the same recipe without the noise ({names})." if names else ""
        figures.append(Figure(f"loss-{make_name(setting)}", setting, chart, caption))
    note = Text("Training loss with injected noise, beside the same recipe without it. Log scale.")
    return [Part("Noise injected during training", [note, *figures])]
