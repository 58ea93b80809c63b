"""Train all runs of a study, here, and leave a results folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fairtrial.data.load import load_dataset
from fairtrial.study import Study
from fairtrial.training.stacked import Stack, train
from fairtrial.trial.plan import StackPlan, plan_stacks
from fairtrial.trial.scoreboard import score
from fairtrial.trial.store import STUDY, RunResult, write_tables, write_text


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes
    ----------
    what : str
        What is being trained, in words.
    n_training : int
        Lanes of the running stack that are still training.
    runs_done, n_runs : int
        Runs whose stack has finished, and all runs.
    share : float
        How much of the work is done, from 0 to 1, as if no run ended early.
    """

    what: str
    n_training: int
    runs_done: int
    n_runs: int
    share: float


Report = Callable[[Status], None]


def run_study(
    study: Study,
    folder: Path,
    report: Report = lambda status: None,
    memory: int | None = None,
) -> None:
    """Train every run of a study and write its results folder.

    Parameters
    ----------
    study : Study
        What to train.
    folder : Path
        Where the results go.
    report : callable
        Told how far the study is, about every second.
    memory : int, optional
        What a stack may take, in bytes; half of what is free if absent.

    Raises
    ------
    MachineError
        If the data cannot be had or the folder cannot be written.
    """
    runs = study.list_runs()
    plans = plan_stacks(runs, memory)
    n_runs, work = sum(plan.n_runs for plan in plans), sum(plan.work for plan in plans)
    results: dict[str, RunResult] = {}
    runs_done = work_done = 0
    for plan in plans:
        before = Status(describe(plan), plan.n_runs, runs_done, n_runs, work_done / work)

        def tell(n_training: int, at: int, before: Status = before, plan: StackPlan = plan) -> None:
            share = before.share + min(at / longest(plan), 1.0) * plan.work / work
            report(replace(before, n_training=n_training, share=share))

        results |= {result.run.name: result for result in train_stack(plan, tell)}
        runs_done += plan.n_runs
        work_done += plan.work
    report(Status("tables", 0, n_runs, n_runs, 1.0))
    # All at the end, so that an old folder stays whole when a new run of it is stopped.
    write_tables(folder, [results[run.name] for run in runs])
    write_text(folder / STUDY, study.to_toml())


def train_stack(plan: StackPlan, progress: Callable[[int, int], None]) -> list[RunResult]:
    """Load a stack's data, train it, and put every run on the scoreboard."""
    firsts = [row[0] for row in plan.runs]
    datasets = [load_dataset(run.arm.task, run.seed) for run in firsts]
    recipes = [run.arm.recipe for run in plan.runs[0]]
    began = time.perf_counter()
    traces = train(Stack(recipes, datasets, [run.seed for run in firsts]), progress)
    seconds = (time.perf_counter() - began) / plan.n_runs
    return [
        RunResult(run, trace, seconds, score(trace, dataset))
        for row, dataset, row_traces in zip(plan.runs, datasets, traces, strict=True)
        for run, trace in zip(row, row_traces, strict=True)
    ]


def describe(plan: StackPlan) -> str:
    """Say what a stack trains, for the progress line."""
    seeds = sorted({row[0].seed for row in plan.runs})
    some = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    return f"{plan.runs[0][0].arm.task.kind.replace('_', '-')}: {len(plan.runs[0])} arms, {some}"


def longest(plan: StackPlan) -> int:
    """Return the most steps (epochs) that a run of the stack may take."""
    recipes = [run.arm.recipe for run in plan.runs[0]]
    return int(np.max([recipe.steps or recipe.epochs or 1 for recipe in recipes]))
