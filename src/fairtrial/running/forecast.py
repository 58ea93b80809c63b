"""What a study will take and what its claims can detect, before anything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import cpu_count

from fairtrial.data.load import check_data
from fairtrial.errors import InputError
from fairtrial.evidence.judge import list_warnings
from fairtrial.evidence.power import list_powers
from fairtrial.evidence.statistics.sampling import ANYTIME, SIGN_FLIP
from fairtrial.paths import locate
from fairtrial.progress import show_duration
from fairtrial.results.results import Results
from fairtrial.results.store import CURVES, RUNS, STUDY
from fairtrial.running.execute import plan_missing
from fairtrial.running.place import check_place
from fairtrial.running.plan import StackPlan, estimate_memory
from fairtrial.running.run import check_arguments
from fairtrial.study import Study


@dataclass(frozen=True)
class Forecast:
    """What a study will take and what its claims can detect.

    Attributes
    ----------
    name : str
        The study's.
    arms, seeds, runs : int
        How many there are.
    runs_done : int
        Runs that the results folder has already.
    stacks : int
        Programs that train the other runs.
    seconds : float
        Estimated time of training on two cores of an AMD EPYC; other machines differ by a factor.
    memory : int
        Estimated bytes of the stacks that train at once.
    claims : list of dict
        What each claim can detect; see `docs/evidence.md`.
    notes : list of str
        What one should know of the claims, as sentences.
    """

    name: str
    arms: int
    seeds: int
    runs: int
    runs_done: int
    stacks: int
    seconds: float
    memory: int
    claims: list[dict[str, Any]]
    notes: list[str]

    def __str__(self) -> str:
        done = f", of which {self.runs_done:,} are there already" if self.runs_done else ""
        lines = [
            f"{self.name}: {_count(self.arms, 'arm')} with {_count(self.seeds, 'seed')}, "
            f"{_count(self.runs, 'run')}{done}.",
            f"Training: {_count(self.stacks, 'stack')}, about {show_duration(self.seconds)} "
            f"(min:s), {self.memory / 2**20:,.0f} MiB.",
        ]
        return "\n".join([*lines, *self.notes])


def plan(
    study: Study,
    out: str | Path | None = None,
    *,
    until_decided: bool = False,
    max_seeds: int = 100,
    memory: int | None = None,
) -> Forecast:
    """Say what a study will take and what its claims can detect; nothing is trained.

    Parameters
    ----------
    study : Study
        What is planned; it may state no claims.
    out : str or Path, optional
        The results folder. Runs that it has count as done, and show how much differences vary.
    until_decided : bool
        Whether undecided claims get further seeds; the time is that of the study's own seeds.
    max_seeds : int
        How many seeds an arm may have then.
    memory : int, optional
        What all stacks that train at once may take, in bytes; half of what is free if absent.

    Returns
    -------
    Forecast
        Its text is what `fairtrial plan` prints.

    Raises
    ------
    InputError
        If the study breaks a rule, the data that it names cannot be used, or the folder holds files
        that fairtrial did not write.

    Examples
    --------
    >>> import fairtrial as ft
    >>> study = ft.Study.from_toml('''
    ... name = "Rates"
    ... seeds = 10
    ... task = { kind = "line", rows = 100 }
    ... recipe = { loss = "mse", optimizer = "sgd", steps = 200 }
    ... vary = { "optimizer.learning_rate" = [0.01, 0.1] }
    ... ''')
    >>> forecast = ft.plan(study)
    >>> forecast.runs, forecast.stacks
    (20, 1)
    """
    check_arguments(study, memory=memory, max_seeds=max_seeds)
    study, folder = study.replace(), None if out is None else locate(out)
    if folder is not None:
        check_place(folder)
    check_data(study.list_arms(), study.list_metrics())
    plans = plan_missing(study, folder, memory=memory)
    trial, unread = _open(folder)
    n_runs, n_missing = len(study.list_runs()), sum(one.n_runs for one in plans)
    return Forecast(
        name=study.name,
        arms=len(study.list_arms()),
        seeds=len(study.list_seeds()),
        runs=n_runs,
        runs_done=n_runs - n_missing,
        stacks=len(plans),
        seconds=sum(one.seconds for one in plans),
        memory=_estimate_memory(plans),
        claims=list_powers(study, ANYTIME if until_decided else SIGN_FLIP, trial),
        notes=[*list_warnings(study, max_seeds if until_decided else None), *unread],
    )


def _estimate_memory(plans: Sequence[StackPlan]) -> int:
    """Estimate what the largest stacks take that may train at once, in bytes."""
    sizes = []
    for one in plans:
        if not one.is_baseline:
            dataset, lane = estimate_memory(one.runs[0])
            sizes.append(len(one.runs) * (dataset + len(one.lanes[0]) * lane))
    return sum(sorted(sizes)[-cpu_count() :])


def _open(folder: Path | None) -> tuple[Results | None, list[str]]:
    """Open a results folder, if it holds a finished study; else with sentences why, if any."""
    if folder is None or not all((folder / name).is_file() for name in (STUDY, RUNS, CURVES)):
        return None, []
    trial = Results(folder)
    try:
        _ = trial.study
    except InputError as error:
        return None, [f"How much differences vary is not taken from the runs in {folder}: {error}"]
    return trial, []


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
