"""Running a study: train what is missing, and judge its claims; with more seeds on demand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairtrial.errors import InputError, check_amount, describe_object, show_object
from fairtrial.evidence.judge import judge, list_warnings
from fairtrial.forks import refuse_fork
from fairtrial.paths import locate
from fairtrial.progress import Progress
from fairtrial.running.counterfactual import run_counterfactuals
from fairtrial.running.engine import Engine
from fairtrial.running.execute import Grown, Note, Setup
from fairtrial.running.trial import Trial
from fairtrial.study import Run, Study
from fairtrial.study.claims import match_claim

# How many seeds a look adds: a quarter of those there are, so that looks stay few.
GROWTH, FEWEST_MORE = 4, 2


def run(
    study: Study,
    out: str | Path,
    *,
    until_decided: bool = False,
    max_seeds: int = 100,
    counterfactual: bool = False,
    verify: int = 0,
    memory: int | None = None,
    progress: Progress = lambda status: None,
    note: Note = lambda sentence: None,
    engine: Engine | None = None,
    grown: Grown = lambda so_far: None,
) -> Trial:
    """Train every run of a study that its folder does not have yet, and judge its claims.

    Parameters
    ----------
    study : Study
        What to train; it may state no claims.
    out : str or Path
        The results folder; what earlier calls have left there is reused.
    until_decided : bool
        Whether undecided claims get further seeds. They are judged by tests that allow it.
    max_seeds : int
        How many seeds an arm may have then.
    counterfactual : bool
        Whether arms train longer where most of a difference is unfinished training.
    verify : int
        How many lanes, drawn at random, train again with the eager driver, to be compared; on this
        machine, whatever the engine.
    memory : int, optional
        What all stacks that train at once may take, in bytes; half of what is free if absent.
    progress, note : callable
        Called with how far the study is, and with sentences that the user should know.
    engine : Engine, optional
        Where stacks train; this machine if absent.
    grown : callable
        Called with what there is after each finished stack but the last; see `SoFar`.

    Returns
    -------
    Trial
        The results and the verdicts.

    Raises
    ------
    InputError
        If the study breaks a rule, or is to be trained until decided and claims nothing, the data
        that it names cannot be used, or the folder holds files that fairtrial did not write.
    MachineError
        If the data cannot be had, the memory does not hold a run, the folder cannot be written or
        is in use.
    DeviationError
        If a verified lane differs from the eager driver.

    Examples
    --------
    >>> import tempfile
    >>> import fairtrial as ft
    >>> study = ft.Study.from_toml('''
    ... name = "Rates"
    ... seeds = 3
    ... task = { kind = "line", rows = 100 }
    ... recipe = { loss = "mse", optimizer = "sgd", steps = 200 }
    ... vary = { "optimizer.learning_rate" = [0.01, 0.1] }
    ... ''')
    >>> trial = ft.run(study, out=tempfile.mkdtemp())
    >>> trial.runs["arm"].to_list()[2:4]
    ['optimizer.learning_rate=0.01', 'optimizer.learning_rate=0.1']
    """
    check_arguments(study, verify=verify, memory=memory, max_seeds=max_seeds)
    check_callbacks(engine, progress=progress, note=note, grown=grown)
    for warning in list_warnings(study, max_seeds if until_decided else None):
        note(f"Note: {warning}")
    folder, setup = locate(out), Setup(verify, memory, progress, note, engine, grown)
    if until_decided:
        run_until_decided(study, folder, max_seeds, setup)
    else:
        setup.run_missing(study, folder)
        if study.claims:
            judge(folder)
    if counterfactual and study.claims:
        run_counterfactuals(folder, setup)
    return Trial(folder)


def check_arguments(study: object, *, verify: int = 0, memory: int | None, max_seeds: int) -> None:
    """Refuse what is no study, amounts that are not whole numbers or too small, and forks."""
    refuse_fork(will_use=False)
    if not isinstance(study, Study):
        raise InputError(
            f"{describe_object(study)} is not a study: load one with Study.load(path)."
        )
    amounts = {"verify": (verify, 0), "max_seeds": (max_seeds, 1)}
    if memory is not None:
        amounts["memory"] = memory, 1
    for name, (value, least) in amounts.items():
        check_amount(name, value, least, " of bytes" if name == "memory" else "")


def check_callbacks(engine: object, **callbacks: object) -> None:
    """Refuse what is no engine, and callbacks that cannot be called."""
    if engine is not None and not callable(getattr(engine, "train", None)):
        raise InputError(
            f"engine = {show_object(engine)} is no engine: give one that a with statement opens, "
            "as in `with fairtrial.start_workers(2) as engine:`, or leave it out."
        )
    for name, callback in callbacks.items():
        if not callable(callback):
            raise InputError(
                f"{name} = {show_object(callback)} is no function: give one, or leave it out."
            )


def run_until_decided(
    study: Study, folder: Path, max_seeds: int, setup: Setup
) -> list[dict[str, Any]]:
    """Train a study, and go on with further seeds for the claims that it leaves undecided.

    Each look is legal: claims are judged by bets that are valid at any time, and only the arms of
    undecided claims get more seeds, up to `max_seeds` each. Returns what `verdicts.json` holds.
    """
    first = study.list_seeds()
    if not study.claims:
        raise InputError("Nothing can be decided: the study states no claims. Add some.")
    if len(first) > max_seeds:
        raise InputError(
            f"The study has {len(first)} seeds, and --max-seeds allows {max_seeds} (in Python "
            "max_seeds): allow more, or begin with fewer."
        )
    more: list[Run] = []
    n_seeds = dict.fromkeys(range(len(study.claims)), len(first))
    further = study.list_seeds(max_seeds)[len(first) :]
    while True:
        setup.run_missing(study, folder, more=more, until_decided=True, is_first=not more)
        verdicts = judge(folder)
        undecided = [
            number
            for number, row in enumerate(verdicts)
            if row["verdict"] == "undecided" and row["p"] is not None  # None: it cannot be judged.
            and n_seeds[number] < max_seeds
        ]  # fmt: skip
        if not undecided:
            return verdicts
        for number in undecided:
            grown = max(n_seeds[number] // GROWTH, FEWEST_MORE)
            n_seeds[number] = min(max_seeds, n_seeds[number] + grown)
        more = list_more_runs(study, n_seeds, further, len(first))


def list_more_runs(
    study: Study, n_seeds: dict[int, int], further: Sequence[int], n_first: int
) -> list[Run]:
    """List the runs beyond the study's own: for each arm, as many as its neediest claim has.

    `n_seeds` counts the seeds of each claim, by its number; `further` are seeds beyond the study's
    own, in order, which has `n_first`.
    """
    arms = study.list_arms()
    needed: dict[str, int] = {}
    for number, claim in enumerate(study.claims):
        for arm in (arm for match in match_claim(arms, claim) for arm in match.arms):
            needed[arm.name] = max(needed.get(arm.name, 0), n_seeds[number] - n_first)
    return [Run(arm, seed) for arm in arms for seed in further[: needed.get(arm.name, 0)]]
