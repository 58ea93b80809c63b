"""What a difference would have been with all the steps that it takes: the same arms, trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairtrial.evidence.judge import judge, summarise_evidence
from fairtrial.evidence.optima import Optima
from fairtrial.evidence.pairs import Pairs, pair_runs
from fairtrial.evidence.verdict import decide, weigh
from fairtrial.study import Arm, Study
from fairtrial.study.arms import ArmEntry
from fairtrial.study.claims import Claim
from fairtrial.trial.files import write_json
from fairtrial.trial.store import VERDICTS
from fairtrial.trial.trial import Trial, run

FOLDER = "counterfactual"
# An arm is trained to the end once its metric is so near that of its minimum, as a share of the
# difference in question.
SHARE = 0.01
# Each round is so many times as long as the one before; the last one 256 times the recipe's own.
FACTOR, N_ROUNDS = 4, 4


def run_counterfactuals(folder: Path, **options: Any) -> list[dict[str, Any]]:
    """Train the arms of claims whose cause is budget to their ends, and judge those claims again.

    Parameters
    ----------
    folder : Path
        A results folder whose claims have been judged. The extra runs go to `counterfactual/` in
        it: the same recipes without early stopping, four times as long, and again, until each
        arm's metric is within 1 % of the difference from that of its exact minimiser.
    options : Any
        As of `run`.

    Returns
    -------
    list of dict
        What `verdicts.json` holds then: `counterfactual` is filled in where there is one.

    Raises
    ------
    FairtrialError
        As of `run`.
    """
    trial, optima = Trial(folder), Optima(folder)
    rows, study = judge(folder), trial.study
    arms, seeds = study.list_arms(), study.list_seeds()
    paired = {
        number: pair_runs(claim, arms, trial.runs, seeds)
        for number, claim in enumerate(study.claims)
        if rows[number]["offers_counterfactual"]
    }
    goals = _set_goals(study.claims, paired, rows)
    runs, rounds = trial.runs, 0
    while rounds < N_ROUNDS and (left := _find_unfinished(runs, goals, optima, seeds)):
        rounds += 1
        longer = make_longer_study(study, left, FACTOR**rounds)
        trained = run(longer, folder / FOLDER, **options).runs
        names = {entry.name: arm.name for entry, arm in zip(longer.arms, left, strict=True)}
        trained = trained.with_columns(pl.col("arm").replace(names))
        others = runs.filter(~pl.col("arm").is_in([arm.name for arm in left]))
        runs = pl.concat([others, trained], how="diagonal_relaxed")
    unfinished = {arm.name for arm in _find_unfinished(runs, goals, optima, seeds)}
    optima.write()
    _fill_in(rows, study.claims, paired, runs, arms, seeds, unfinished)
    write_json(folder / VERDICTS, rows)
    return rows


Goals = dict[tuple[str, str], tuple[Arm, float]]  # by arm and metric: how near is near enough


def _set_goals(
    claims: Sequence[Claim], paired: dict[int, Pairs], rows: Sequence[dict[str, Any]]
) -> Goals:
    goals: Goals = {}
    for number, pairs in paired.items():
        metric, near = claims[number].on, SHARE * abs(rows[number]["difference"])
        for arm in (arm for pair in pairs.arms for arm in pair):
            _, before = goals.get((arm.name, metric), (arm, np.inf))
            goals[arm.name, metric] = (arm, min(near, before))
    return goals


def _find_unfinished(
    runs: pl.DataFrame, goals: Goals, optima: Optima, seeds: Sequence[int]
) -> list[Arm]:
    """Find the arms whose mean gap to their own minimum is still too large in some metric."""
    unfinished = {}
    for (name, metric), (arm, near) in goals.items():
        minima = optima.find(arm, seeds)
        if minima[0].problem:
            continue
        values = dict(runs.filter(pl.col("arm") == name).select("seed", metric).iter_rows())
        gaps = [
            abs((values[seed] or np.inf) - one.metrics[metric])
            for seed, one in zip(seeds, minima, strict=True)
        ]
        if not np.mean(gaps) < near:
            unfinished[name] = arm
    return list(unfinished.values())


def make_longer_study(study: Study, arms: Sequence[Arm], factor: int) -> Study:
    """Make a study of some arms, so many times as long, and without early stopping."""
    recipes = [
        arm.trained.model_copy(
            update={"steps": factor * (arm.trained.steps or 1), "stopping": None}
        )
        for arm in arms
    ]  # fmt: skip
    return Study(
        name=f"{study.name}: trained to the end",
        seeds=study.seeds,
        task=arms[0].task,
        recipe=recipes[0],
        arms=[
            ArmEntry(
                name=f"{arm.name}, {recipe.steps:,} steps",
                set={
                    "task": arm.task.model_dump(exclude_none=True),
                    **recipe.model_dump(exclude_none=True),
                },
            )
            for arm, recipe in zip(arms, recipes, strict=True)
        ],
    )


def _fill_in(
    rows: Sequence[dict[str, Any]],
    claims: Sequence[Claim],
    paired: dict[int, Pairs],
    runs: pl.DataFrame,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    unfinished: set[str],
) -> None:
    """Put what the longer runs say into the verdicts."""
    again = {number: pair_runs(claims[number], arms, runs, seeds) for number in paired}
    evidence = {
        number: weigh(
            np.array([]) if pairs.problem else pairs.differences, claims[number].margin
        )
        for number, pairs in again.items()
    }  # fmt: skip
    decided = decide(list(evidence.values()), [claims[number].margin for number in evidence])
    for (number, one), (verdict, _) in zip(evidence.items(), decided, strict=True):
        names = {arm.name for pair in again[number].arms for arm in pair}
        longest = runs.filter(pl.col("arm").is_in(names))["steps"].max()
        short = sorted(names & unfinished)
        rows[number]["counterfactual"] = {
            **summarise_evidence(one),
            "verdict": verdict,
            "steps": longest,
            "unfinished": short,
            "note": again[number].problem or _tell(longest, short),
        }


def _tell(steps: Any, unfinished: Sequence[str]) -> str:
    if unfinished:
        return (
            f"Even with {steps:,} steps these have not come within 1 % of the difference from "
            f"their minimum: {'; '.join(unfinished)}."
        )
    return f"Trained to the end, {steps:,} steps at most."
