"""`fairtrial run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairtrial.cli.options import (
    PAGE,
    AllowCode,
    Data,
    Json,
    Memory,
    Quiet,
    Scheduler,
    Seeds,
    Verify,
    Workers,
    name_data_folder,
    open_engine,
    say_platform,
    to_bytes,
)
from fairtrial.cli.terminal import GO_ON, print_json, print_table, say, show_progress, stoppable
from fairtrial.errors import InputError
from fairtrial.loading import load_tensorflow
from fairtrial.paths import expand_path
from fairtrial.progress import Status

if TYPE_CHECKING:
    from fairtrial.study import Study


def run(
    study_file: Annotated[
        Path, typer.Argument(metavar="STUDY.toml", help="The study file.", parser=expand_path)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The results folder.", metavar="DIR", parser=expand_path),
    ] = None,
    seeds: Seeds = None,
    data: Data = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    verify: Verify = 0,
    memory: Memory = None,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add seeds to claims that are undecided.")
    ] = False,
    max_seeds: Annotated[
        int | None,
        typer.Option(
            "--max-seeds", help="The most seeds of an arm with --until-decided (100).", min=1
        ),
    ] = None,
    allow_code: AllowCode = False,
    counterfactual: Annotated[
        bool,
        typer.Option("--counterfactual", help="Keep training the arms that are not finished."),
    ] = False,
    claim: Annotated[
        int | None,
        typer.Option("--claim", help="Train and judge claim N alone, counted from 1.", metavar="N"),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train every run of a study file and judge its claims; go on where an earlier call ended.

    Example: fairtrial run study.toml --seeds 5 --out out/study
    """
    from fairtrial.results.stamp import digest_inputs, is_current, write_stamp
    from fairtrial.running.place import check_place
    from fairtrial.study import Study

    if max_seeds is not None and not until_decided:
        raise InputError("--max-seeds goes with --until-decided: give both, or neither.")
    study, most = Study.load(study_file, allow_code), max_seeds or 100
    if seeds is not None:
        study = study.take_seeds(seeds)
    if claim is not None:
        study = study.narrow(claim)
    folder = Path("out") / study_file.stem if out is None else out
    check_place(folder)
    options = {
        "verify": verify,
        "max_seeds": most if until_decided else None,
        "counterfactual": counterfactual,
    }
    inputs = digest_inputs([study], options)
    if is_current(folder, inputs):
        say_done(study, folder, as_json)
        return
    name_data_folder(data)
    from fairtrial.data.load import check_data

    check_data(study.list_arms(), study.list_metrics())
    load_tensorflow(own_process=True)
    from fairtrial.evidence.account import summarise_verdicts
    from fairtrial.report.growing import GrowingPage
    from fairtrial.results.store import RUNS, summarise_arms
    from fairtrial.running.run import run as run_study
    from fairtrial.training.programs import has_xla

    say_platform(has_xla())
    with stoppable(GO_ON), show_progress(quiet) as progress:
        with open_engine(workers, scheduler) as engine, GrowingPage(folder, progress) as page:
            trial = run_study(
                study, folder, until_decided=until_decided, max_seeds=most,
                counterfactual=counterfactual, verify=verify, memory=to_bytes(memory),
                progress=page.tell, note=say, engine=engine, grown=page.grow,
            )  # fmt: skip
        progress(Status("report page", 1.0))
        written, verdicts = trial.report(), trial.list_verdicts()
        write_stamp(folder, inputs)
    if counterfactual and not any(row["counterfactual"] for row in verdicts):
        say(
            "Note: --counterfactual trains no arm longer here. It is for claims whose difference "
            "matters and is mostly unfinished training, on runs that are full batch, without noise "
            "on data or weights."
        )
    if as_json:
        print_json(verdicts)
        return
    print_table(summarise_arms(folder), rest=f"they stand on the page and in {folder / RUNS}")
    if verdicts:
        print_table(summarise_verdicts(verdicts), apart="why")
    print(f"The report is {written}; the tables stand beside it.")


def say_done(study: Study, folder: Path, as_json: bool) -> None:
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
    print(f"The report is {folder / PAGE}; the tables stand beside it.")
