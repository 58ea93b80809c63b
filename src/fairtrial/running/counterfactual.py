"""What a difference would be with all the steps that it takes: the same arms, trained on."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairtrial.errors import InputError
from fairtrial.evidence.account import decide_together, summarise_evidence
from fairtrial.evidence.case import SIGN_FLIP, Case, weigh_claims, weigh_pairs
from fairtrial.evidence.cause import NEAR, find_known, is_enough
from fairtrial.evidence.optima import Optima
from fairtrial.evidence.pairs import Pairs, pair_runs
from fairtrial.evidence.verdict import Decided, Evidence, weigh
from fairtrial.results.results import Results
from fairtrial.results.verdicts import write_verdicts
from fairtrial.running.execute import Setup
from fairtrial.study import Arm, Study
from fairtrial.study.arms import ArmEntry
from fairtrial.study.recipe import Recipe

FOLDER = "counterfactual"
# Each round is so many times as long as the one before; the last one 256 times the recipe's own.
FACTOR, N_ROUNDS = 4, 4

Goals = dict[tuple[str, str], tuple[Arm, float]]  # by arm and metric: how near is near enough


def run_counterfactuals(folder: Path, setup: Setup) -> list[dict[str, Any]]:
    """Train the arms of claims that are not finished to their ends, and judge those claims again.

    The extra runs go to `counterfactual/` in the folder: the same recipes and seeds without early
    stopping, four times as long, and again, until each arm's metric is within 1 % of the difference
    from that of its exact minimiser. Seeds that were added by looking have no part in it. Returns
    what `verdicts.json` holds then: `counterfactual` is filled in where it was offered. It is an
    `InputError` if the claims have not been judged, or the data has changed since the runs.
    """
    trial, optima = Results(folder), Optima(folder)
    study, rows = trial.study, trial.list_verdicts()
    if not rows:
        raise InputError(
            f"The claims of {folder} are not judged on these runs. Judge them with: fairtrial "
            f"judge {folder}"
        )
    seeds, arms = study.list_seeds(), study.list_arms()
    cases = weigh_claims(trial, study, rows[0]["method"])
    offered = [number for number, row in enumerate(rows) if row["offers_counterfactual"]]
    for arm in {arm.name: arm for n in offered for p in cases[n].pairs.arms for arm in p}.values():
        trial.refuse_changed_data(arm)
    goals = _set_goals([cases[number] for number in offered])
    unknown = {
        arm.name
        for (_, metric), (arm, near) in goals.items()
        if not is_enough(find_known(optima.find(arm, seeds, metric), metric, near))
    }
    runs, factors = trial.runs, dict[str, int]()
    for number in range(1, N_ROUNDS + 1):
        left = _find_unfinished(runs, goals, optima, seeds, unknown)
        if not left:
            break
        factors |= {arm.name: FACTOR**number for arm in left}
        longer = make_longer_study(study, [arm for arm in arms if arm.name in factors], factors)
        trained = setup.run_missing(longer, folder / FOLDER, is_first=False).runs
        runs = _replace_runs(trial.runs, trained, longer, arms, factors)
    unfinished = {arm.name for arm in _find_unfinished(runs, goals, optima, seeds, unknown)}
    again = {number: pair_runs(cases[number].claim, arms, runs, seeds) for number in offered}
    decided = _decide_again(cases, again, study.n_claims - len(cases))
    for number, pairs in again.items():
        rows[number]["counterfactual"] = _describe(
            pairs, *decided[number], runs, unfinished, unknown
        )
    optima.write()
    write_verdicts(folder, rows)
    return rows


def _set_goals(cases: Sequence[Case]) -> Goals:
    goals: Goals = {}
    for case in cases:
        metric, near = case.claim.on, NEAR * abs(case.evidence.difference)
        for arm in (arm for pair in case.pairs.arms for arm in pair):
            _, before = goals.get((arm.name, metric), (arm, np.inf))
            goals[arm.name, metric] = (arm, min(near, before))
    return goals


def _find_unfinished(
    runs: pl.DataFrame, goals: Goals, optima: Optima, seeds: Sequence[int], unknown: set[str]
) -> list[Arm]:
    """Find the arms whose mean gap to their own minima is still too large in some metric.

    The mean is over the seeds whose minimum is known.
    """
    unfinished = {}
    for (name, metric), (arm, near) in goals.items():
        if name in unknown:
            continue
        values = dict(runs.filter(pl.col("arm") == name).select("seed", metric).iter_rows())
        minima = optima.find(arm, seeds, metric)
        is_known = find_known(minima, metric, near)
        known = [*itertools.compress(zip(seeds, minima, strict=True), is_known)]
        reached = np.array([values[seed] for seed, _ in known], float)  # NaN where there is none.
        gaps = np.abs(reached - [one.metrics[metric] for _, one in known])
        gaps -= [one.ranges[metric] for _, one in known]  # Each is near enough.
        if not np.mean(np.maximum(gaps, 0.0)) < near:
            unfinished[name] = arm
    return list(unfinished.values())


def make_longer_study(study: Study, arms: Sequence[Arm], factors: dict[str, int]) -> Study:
    """Make a study of some arms, each so many times as long, and without early stopping."""
    recipes = [
        arm.recipe.model_copy(
            update={"steps": factors[arm.name] * (arm.recipe.steps or 1), "stopping": None}
        )
        for arm in arms
    ]
    # An arm has nothing of this recipe but what it sets itself: each sets all that it has.
    bare = Recipe(loss=recipes[0].loss, optimizer=recipes[0].optimizer, steps=1)
    return Study(
        name=f"{study.name}: trained to the end",
        seeds=study.seeds,
        plugins=study.plugins,
        task=arms[0].task,
        recipe=bare,
        metrics=study.list_metrics(),
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


def _replace_runs(
    runs: pl.DataFrame,
    trained: pl.DataFrame,
    longer: Study,
    arms: Sequence[Arm],
    factors: dict[str, int],
) -> pl.DataFrame:
    """Put the longer runs, under the names of their arms, in the place of the shorter ones."""
    replaced = [arm.name for arm in arms if arm.name in factors]
    names = {entry.name: name for entry, name in zip(longer.arms, replaced, strict=True)}
    trained = trained.with_columns(pl.col("arm").replace(names))
    others = runs.filter(~pl.col("arm").is_in(replaced))
    return pl.concat([others, trained], how="diagonal_relaxed")


def _decide_again(
    cases: Sequence[Case], again: dict[int, Pairs], n_more: int
) -> dict[int, tuple[Evidence, Decided]]:
    """Decide all claims together, with what the longer runs say in the place of the shorter."""
    evidence = {number: _weigh_again(cases[number], pairs) for number, pairs in again.items()}
    judged = {
        number: evidence.get(number, case.evidence)
        for number, case in enumerate(cases)
        if not case.pairs.problem
    }
    decided = decide_together(judged, n_more)
    return {number: (evidence[number], decided[number]) for number in again}


def _weigh_again(case: Case, pairs: Pairs) -> Evidence:
    """Weigh what the longer runs show; their seeds are those that the study declares."""
    if pairs.problem:
        return weigh(np.array([]), case.claim.margin)
    sampling = replace(case.sampling, method=SIGN_FLIP, marks={})
    return weigh_pairs(pairs.differences, case.claim.margin, sampling, pairs.table)


def _describe(
    pairs: Pairs,
    evidence: Evidence,
    decided: Decided,
    runs: pl.DataFrame,
    unfinished: set[str],
    unknown: set[str],
) -> dict[str, Any]:
    names = {arm.name for pair in pairs.arms for arm in pair}
    steps = runs.filter(pl.col("arm").is_in(names))["steps"].max()
    if names & unknown:  # Nothing tells when they would have got there.
        evidence, decided = weigh(np.array([]), 0.0), Decided("undecided", None, None)
    short = sorted(names & unfinished)
    return {
        **summarise_evidence(evidence, decided.verdict),
        "verdict": decided.verdict,
        "method": SIGN_FLIP,
        "seeds": evidence.n_seeds,
        "steps": steps,
        "unfinished": short,
        "note": pairs.problem or _tell(steps, short, sorted(names & unknown)),
    }


def _tell(steps: Any, unfinished: Sequence[str], unknown: Sequence[str]) -> str:
    if unknown:
        return f"No minimum is known that they could reach: {'; '.join(unknown)}."
    if unfinished:
        return (
            f"Even with {steps:,} steps these have not come within 1 % of the difference from "
            f"their minimum: {'; '.join(unfinished)}."
        )
    return f"Trained to the end, {steps:,} steps at most."
