"""`fairtrial plan` and `fairtrial run`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairtrial.cli import options
from fairtrial.cli.terminal import GO_ON, print_json, print_table, say, show_progress, stoppable
from fairtrial.errors import InputError
from fairtrial.loading import load_tensorflow
from fairtrial.progress import Status

if TYPE_CHECKING:
    from fairtrial.running.engine import Engine
    from fairtrial.running.trial import Trial
    from fairtrial.study import Study


WIDTH = 80
StudyFile = Annotated[Path, options.path_argument(metavar="STUDY.toml", help="The study file.")]
OutOfStudy = Annotated[
    Path | None, options.path_option("--out", help="The results folder.", metavar="DIR")
]
UntilDecided = Annotated[
    bool, typer.Option("--until-decided", help="Add seeds to claims that are undecided.")
]
MaxSeeds = Annotated[
    int | None,
    typer.Option("--max-seeds", help="The most seeds of an arm with --until-decided (100).", min=1),
]
OneClaim = Annotated[
    int | None, typer.Option("--claim", help="Claim N alone; the first is 1.", metavar="N")
]


def plan(
    study_file: StudyFile,
    out: OutOfStudy = None,
    seeds: options.Seeds = None,
    data: options.Data = None,
    memory: options.Memory = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_code: options.AllowCode = False,
    claim: OneClaim = None,
    as_json: options.Json = False,
) -> None:
    """Show what a study will take and what its claims can detect; nothing is trained.

    Example: fairtrial plan study.toml --seeds 20
    """
    from fairtrial.cli.tables import wrap
    from fairtrial.evidence.power import say_power
    from fairtrial.running.forecast import plan as plan_study

    study, most = read_study(study_file, seeds, data, claim, until_decided, max_seeds, allow_code)
    forecast = plan_study(
        study, choose_folder(out, study_file), until_decided=until_decided, max_seeds=most,
        memory=options.to_bytes(memory),
    )  # fmt: skip
    if as_json:
        print_json(asdict(forecast))
        return
    print("\n".join(wrap(line, WIDTH) for line in str(forecast).splitlines()))
    if forecast.claims:
        print_table([
            {"claim": row["say"], "on": row["on"], "detects": say_power(row)}
            for row in forecast.claims
        ])  # fmt: skip


def read_study(
    study_file: Path,
    seeds: int | None,
    data: Path | None,
    claim: int | None,
    until_decided: bool,
    max_seeds: int | None,
    allow_code: bool,
) -> "tuple[Study, int]":
    """Read a study as the options say, and the most seeds that an arm may have."""
    from fairtrial.study import Study

    if max_seeds is not None and not until_decided:
        raise InputError("--max-seeds goes with --until-decided: give both, or neither.")
    study = Study.load(study_file, allow_code)
    if seeds is not None:
        study = study.take_seeds(seeds)
    if data is not None:
        study = study.take_data(data)
    return study if claim is None else study.narrow(claim), max_seeds or 100


def choose_folder(out: Path | None, study_file: Path) -> Path:
    """Choose the results folder of a study file."""
    return Path("out") / study_file.stem if out is None else out


def run(
    study_file: StudyFile,
    out: OutOfStudy = None,
    seeds: options.Seeds = None,
    data: options.Data = None,
    workers: options.Workers = None,
    scheduler: options.Scheduler = None,
    verify: options.Verify = 0,
    memory: options.Memory = None,
    until_decided: UntilDecided = False,
    max_seeds: MaxSeeds = None,
    allow_code: options.AllowCode = False,
    counterfactual: Annotated[
        bool, typer.Option("--counterfactual", help="Keep training the arms that are not finished.")
    ] = False,
    claim: OneClaim = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Train every run of a study file and judge its claims; go on where an earlier call ended.

    Example: fairtrial run study.toml --seeds 5 --out out/study
    """
    from fairtrial.results.stamp import digest_inputs, is_current
    from fairtrial.running.place import check_place

    study, most = read_study(study_file, seeds, data, claim, until_decided, max_seeds, allow_code)
    folder = choose_folder(out, study_file)
    check_place(folder)
    most_seeds = most if until_decided else None
    how = {"verify": verify, "max_seeds": most_seeds, "counterfactual": counterfactual}
    inputs = digest_inputs([study], how)
    if is_current(folder, inputs):
        say_done(study, folder, as_json)
        return
    trial = run_and_report(
        study, folder, inputs, partial(options.open_engine, workers, scheduler), quiet,
        until_decided=until_decided, max_seeds=most, counterfactual=counterfactual, verify=verify,
        memory=options.to_bytes(memory),
    )  # fmt: skip
    print_results(trial, folder, counterfactual, as_json)


def run_and_report(
    study: "Study",
    folder: Path,
    inputs: str,
    open_engine: "Callable[[], AbstractContextManager[Engine]]",
    quiet: bool,
    *,
    until_decided: bool,
    max_seeds: int,
    counterfactual: bool,
    verify: int,
    memory: int | None,
) -> "Trial":
    """Train a study and write its page, which grows meanwhile; `inputs` is the folder's stamp."""
    from fairtrial.data.load import check_data

    check_data(study.list_arms(), study.list_metrics())
    load_tensorflow(own_process=True)
    from fairtrial.report.growing import GrowingPage
    from fairtrial.results.stamp import write_stamp
    from fairtrial.running.run import run as run_study
    from fairtrial.training.programs import has_xla

    options.say_platform(has_xla())
    with stoppable(GO_ON), show_progress(quiet) as progress:
        with open_engine() as engine, GrowingPage(folder, progress) as page:
            trial = run_study(
                study, folder, until_decided=until_decided, max_seeds=max_seeds,
                counterfactual=counterfactual, verify=verify, memory=memory,
                progress=page.tell, note=say, engine=engine, grown=page.grow,
            )  # fmt: skip
        progress(Status("report page", 1.0))
        trial.report()
        write_stamp(folder, inputs)
    return trial


def print_results(trial: "Trial", folder: Path, counterfactual: bool, as_json: bool) -> None:
    """Print the runs and the verdicts of a trial, and where its page is, as the user wrote it."""
    from fairtrial.evidence.account import summarise_verdicts
    from fairtrial.results.store import RUNS, summarise_arms

    verdicts = trial.list_verdicts()
    if counterfactual and not any(row["counterfactual"] for row in verdicts):
        say(
            "Note: --counterfactual trains no arm longer here. It is for claims whose difference "
            "matters and is mostly unfinished training, on runs that are full batch, without noise "
            "on data or weights."
        )
    if as_json:
        print_json(verdicts)
        return
    print_table(summarise_arms(trial.folder), rest=f"they stand on the page and in {folder / RUNS}")
    if verdicts:
        print_table(summarise_verdicts(verdicts), apart="why")
    print(f"The report is {folder / options.PAGE}; the tables stand beside it.")


def say_done(study: "Study", folder: Path, as_json: bool) -> None:
    """Say that a folder holds all of a study, and what its verdicts are."""
    from fairtrial.results.verdicts import read_verdicts

    n_runs = len(study.list_runs())
    runs = "its run is" if n_runs == 1 else f"all {n_runs:,} runs are"
    say(f"Nothing to do: {runs} there, and the claims are judged.")
    verdicts = read_verdicts(folder) if study.claims else []
    if as_json:
        print_json(verdicts)
        return
    for row in verdicts:
        print(f"{row['verdict']:<10}  {row['say']}")
    print(f"The report is {folder / options.PAGE}; the tables stand beside it.")
