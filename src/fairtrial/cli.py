"""The commands: thin, no logic. TensorFlow is loaded by those that train, and not before."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairtrial import __version__
from fairtrial.data_commands import app as data_app
from fairtrial.errors import FairtrialError, InputError, MachineError
from fairtrial.loading import load_tensorflow, refuse_optimised
from fairtrial.options import (
    Data,
    Json,
    Memory,
    Out,
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
from fairtrial.paths import expand_path
from fairtrial.terminal import (
    StoppedError,
    leave,
    make_console,
    make_streams_safe,
    print_json,
    print_table,
    say,
    show_progress,
    stoppable,
)

if TYPE_CHECKING:
    from fairtrial.study import Study

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")

PAGE = "report.html"
GO_ON = "Stacks that have finished are kept; the same command goes on from there."


@app.callback(
    invoke_without_command=True,
    help="All else equal: which training choice matters, by how much, and why?",
)
def show_version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Say what fairtrial is, or its version."""
    if version:
        print(__version__)
        raise typer.Exit


@app.command()
def lab(
    out: Out = Path("out/lab"),
    full: Annotated[
        bool, typer.Option("--full", help="Add what takes long: more seeds, features, grids.")
    ] = False,
    seeds: Seeds = None,
    data: Data = None,
    verify: Verify = 1,
    memory: Memory = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Test every statement of the lab report: run the shipped studies and write one report.

    Example: fairtrial lab --out out/lab
    """
    from fairtrial.shipped import is_lab_done, list_studies, read_conclusions, stamp_lab
    from fairtrial.trial.place import check_place

    name_data_folder(data)
    studies = list_studies(seeds, full)
    check_place(out, tuple(studies))
    if is_lab_done(studies, out, verify):
        say("Nothing to do: every study of the lab has been run and judged.")
    else:
        load_tensorflow(own_process=True)
        from fairtrial.lab import note_undecidable, prepare_lab, run_lab
        from fairtrial.training.xla import has_xla

        say_platform(has_xla())
        prepared = prepare_lab(studies)
        if prepared.data["fallback"]:
            say(f"Note: {prepared.data['fallback']}")
        note_undecidable(prepared, say)
        say(f"The report grows while the lab runs: open {out / PAGE} in a browser.")
        with stoppable(GO_ON), show_progress(quiet) as report:
            run_lab(prepared, out, report, say, verify, to_bytes(memory))
            stamp_lab(studies, out, verify, bool(prepared.data["fallback"]))
    conclusions = read_conclusions(out)
    if as_json:
        print_json(conclusions)
        return
    from fairtrial.statements import summarise_statements

    print_table(summarise_statements(conclusions))
    n_match, n_reported = count_matches(out / "replay.json")
    print(f"The numbers that the lab report printed, replayed: {n_match} of {n_reported} match.")
    print(f"All 42 statements, with their evidence: {out / PAGE}")


@app.command()
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
        typer.Option("--max-seeds", help="How many seeds an arm may have then (100).", min=1),
    ] = None,
    counterfactual: Annotated[
        bool,
        typer.Option(
            "--counterfactual", help="Train arms on where their training is not finished."
        ),
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
    from fairtrial.study import Study
    from fairtrial.trial.place import check_place
    from fairtrial.trial.stamp import digest_inputs, is_current, write_stamp

    if max_seeds is not None and not until_decided:
        raise InputError("--max-seeds goes with --until-decided: give both, or neither.")
    study, most = Study.load(study_file), max_seeds or 100
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

    check_data(study.list_arms())
    load_tensorflow(own_process=True)
    from fairtrial.evidence.account import summarise_verdicts
    from fairtrial.evidence.answer import answer
    from fairtrial.report.growing import GrowingPage
    from fairtrial.report.report import write_page
    from fairtrial.training.xla import has_xla
    from fairtrial.trial.progress import Status
    from fairtrial.trial.store import RUNS, summarise_arms

    say_platform(has_xla())
    with stoppable(GO_ON), show_progress(quiet) as report:
        with open_engine(workers, scheduler) as engine, GrowingPage(folder, report) as page:
            verdicts = answer(
                study, folder, until_decided=until_decided, max_seeds=most,
                counterfactual=counterfactual, verify=verify, memory=to_bytes(memory),
                report=page.report, note=say, engine=engine, grown=page.grow,
            )  # fmt: skip
        report(Status("report page", 1.0))
        written = write_page(folder)
        write_stamp(folder, inputs)
    if counterfactual and not any(row["counterfactual"] for row in verdicts):
        say(
            "Note: longer training is offered for no claim. It is offered where the difference "
            "matters, most of it is unfinished training, and the runs are full batch, without "
            "noise on data or weights."
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
    from fairtrial.trial.verdicts import read_verdicts

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


@app.command()
def new(
    file: Annotated[
        Path, typer.Argument(metavar="[FILE]", help="The study file.", parser=expand_path)
    ] = Path("study.toml"),
) -> None:
    """Write a commented study file to start from, and beside it the schema that editors read.

    Example: fairtrial new study.toml
    """
    from fairtrial.study.starter import write_starter

    schema = write_starter(file)
    print(f"{file} is a study to start from; {schema} lets editors complete and check it.")
    print(f"Run it with: fairtrial run {file}")


@app.command()
def schema(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write it to a file.", metavar="FILE", parser=expand_path),
    ] = None,
    of_verdicts: Annotated[
        bool, typer.Option("--verdicts", help="That of verdicts.json instead.")
    ] = False,
) -> None:
    """Print the JSON Schema of study files, for editors and programs.

    Example: fairtrial schema --out fairtrial.schema.json
    """
    from fairtrial.study import schema as of_studies
    from fairtrial.trial import verdicts

    text = verdicts.format_schema() if of_verdicts else of_studies.format_schema()
    if out is None:
        print(text, end="")
    else:
        of_studies.write_schema(out, text)


@app.command()
def claims(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A results folder.", parser=expand_path)
    ],
    claims_file: Annotated[
        Path | None,
        typer.Option(
            "--claims", help="Judge the claims of this file.", metavar="FILE", parser=expand_path
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge the claims of a study from its results folder, without training.

    Example: fairtrial claims out/study --claims other.toml
    """
    from fairtrial.evidence.account import summarise_verdicts
    from fairtrial.evidence.judge import judge

    with stoppable("Minimisers that were found are kept."):
        verdicts = judge(folder, claims_file, note=say)
    if as_json:
        print_json(verdicts)
    else:
        print_table(summarise_verdicts(verdicts), apart="why")


@app.command()
def replay(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A replay file; the shipped one if none.", parser=expand_path
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put reported numbers beside what the same settings give; exit 1 on a mismatch.

    Example: fairtrial replay
    """
    from fairtrial.trial.replay import SHIPPED, ReplayFile

    reported = ReplayFile.load(file or SHIPPED)
    load_tensorflow(own_process=True)
    from fairtrial.trial.progress import Status
    from fairtrial.trial.replay import replay as replay_file

    with stoppable(), show_progress() as report:
        comparisons = replay_file(
            reported, lambda done, of, label: report(Status(label, done / of, 1, done, of))
        )
    if as_json:
        print_json(comparisons)
    else:
        print_table([
            {**row, "match": "yes" if row["match"] else "NO"} for row in comparisons
        ])  # fmt: skip
    if not all(row["match"] for row in comparisons):
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A results folder, or the lab's.", parser=expand_path),
    ],
    figures: Annotated[
        str | None,
        typer.Option(
            "--figures", help="Write each figure into DIR/figures.", metavar="svg|pdf|png"
        ),
    ] = None,
    tables: Annotated[
        str | None,
        typer.Option(
            "--tables", help="Write each table into DIR/tables.", metavar="latex|csv|markdown"
        ),
    ] = None,
    one_page: Annotated[
        bool, typer.Option("--one-page", help="Write a short version too, to print.")
    ] = False,
    show: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    quiet: Quiet = False,
) -> None:
    """Build the report page of a study or of the lab again, without training.

    Its figures and tables too, for papers and slides: options may be combined.

    Example: fairtrial report out/study --figures pdf --tables latex
    """
    from fairtrial.report.report import write_report

    with stoppable("Files that were written are kept."), show_progress(quiet) as tell:
        written = write_report(
            folder, figures=figures, tables=tables, one_page=one_page, report=tell
        )
    for place, n_files in written.items():
        print(f"{place}: {n_files} files" if place.is_dir() else place)
    if show:
        import webbrowser

        webbrowser.open(next(iter(written)).resolve().as_uri())


@app.command()
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The results folder.", parser=expand_path)
    ],
    to: Annotated[str, typer.Option("--to", help="The format.", metavar="tensorboard|mlflow|csv")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="A new folder; DIR/FORMAT if absent.", metavar="PLACE", parser=expand_path
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a results folder for TensorBoard, for MLflow, or as CSV.

    Example: fairtrial export out/study --to csv
    """
    from fairtrial.export.formats import prepare_export

    prepared = prepare_export(folder, to, out)
    if prepared.format.on_tensorflow:
        load_tensorflow(own_process=True)
    with stoppable(), show_progress(quiet) as report:
        place = prepared.write(report)
    print(place)


@app.command()
def bench(
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", help="Write JSON to a file; - prints it.", metavar="FILE", parser=expand_path
        ),
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", help="Measure one workload.", metavar="WORKLOAD")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", help="How often each is timed (3).", min=1)
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small sizes, timed once: to see that it works.")
    ] = False,
) -> None:
    """Time fairtrial on this machine, beside PyTorch and JAX where they are installed.

    Workloads: line, softmax, softmax-batch-32, softmax-3-lanes, growth.

    Example: fairtrial bench --only softmax --json speed.json
    """
    load_tensorflow(own_process=True)
    from dataclasses import asdict

    from fairtrial.bench.workloads import FULL, QUICK, run_bench, summarise
    from fairtrial.trial.files import write_json

    console = make_console()
    with stoppable(), console.status("") as status:
        rows = run_bench(
            only, QUICK if quick else FULL, repeats or (1 if quick else 3), say, status.update
        )
    figures = [asdict(row) for row in rows]
    if json_file == Path("-"):
        print_json(figures)
        return
    if json_file is not None:
        write_json(json_file, figures)
    print_table(summarise(rows))


def count_matches(path: Path) -> tuple[int, int]:
    """Count the matching and all comparisons of a lab's `replay.json`."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return sum(row["match"] for row in rows), len(rows)


def main() -> None:
    """Run the command line; errors are sentences and exit codes, never tracebacks."""
    make_streams_safe()
    if not sys.warnoptions:  # What libraries warn of is said in sentences, where it matters.
        warnings.simplefilter("ignore")
        os.environ["PYTHONWARNINGS"] = "ignore"  # In workers too.
    try:
        try:
            refuse_optimised()
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except SystemExit as end:
        if end.code != StoppedError.exit_code:  # What Typer makes of Ctrl-C.
            raise
        say("Stopped.")
        leave(StoppedError.exit_code)
    except StoppedError as error:
        say(str(error))
        leave(error.exit_code)  # Stacks that were dropped may compute for a moment yet.
    except FairtrialError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except OSError as error:  # Files have sentences already: this is the output.
        say(
            f"The output cannot be written: {error.strerror or error}. What the command has made "
            "is kept; send the output elsewhere."
        )
        leave(MachineError.exit_code)
