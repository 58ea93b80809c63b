"""`fairtrial lab` and `fairtrial replay`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fairtrial.cli import options
from fairtrial.cli.terminal import GO_ON, print_json, print_table, say, show_progress, stoppable
from fairtrial.loading import load_tensorflow


def lab(
    out: options.Out = Path("out/lab"),
    full: Annotated[
        bool, typer.Option("--full", help="Add the long parts: more seeds, features and grids.")
    ] = False,
    seeds: options.Seeds = None,
    data: options.Data = None,
    verify: options.Verify = 1,
    memory: options.Memory = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Test every statement of the lab report: run the shipped studies and write one report.

    Example: fairtrial lab --out out/lab
    """
    from fairtrial.lab import shipped
    from fairtrial.running.place import check_place

    studies = shipped.list_studies(seeds, full)
    if data is not None:
        studies = {name: study.take_data(data) for name, study in studies.items()}
    check_place(out, tuple(studies))
    if shipped.is_lab_done(studies, out, verify):
        say("Nothing to do: every study of the lab has been run and judged.")
    else:
        load_tensorflow(own_process=True)
        from fairtrial.lab.run import note_undecidable, prepare_lab, run_lab
        from fairtrial.training.programs import has_xla

        options.say_platform(has_xla())
        prepared = prepare_lab(studies)
        if prepared.data["fallback"]:
            say(f"Note: {prepared.data['fallback']}")
        note_undecidable(prepared, say)
        say(f"The report grows while the lab runs: open {out / options.PAGE} in a browser.")
        with stoppable(GO_ON), show_progress(quiet) as progress:
            run_lab(prepared, out, progress, say, verify, options.to_bytes(memory))
            shipped.stamp_lab(studies, out, verify, bool(prepared.data["fallback"]))
    conclusions = shipped.read_json(out / shipped.CONCLUSIONS)
    if as_json:
        print_json(conclusions)
    else:
        print_conclusions(conclusions, out)


def print_conclusions(conclusions: list[dict[str, Any]], out: Path) -> None:
    """Print what the lab has found, and where its page is."""
    from fairtrial.lab import shipped
    from fairtrial.lab.statements import summarise_statements

    print_table(summarise_statements(conclusions))
    replayed = shipped.read_json(out / shipped.REPLAY)
    matches = f"{shipped.count_matches(replayed)} of {len(replayed)} match"
    print(f"The numbers that the lab report printed, replayed: {matches}.")
    print(f"All 42 statements, with their evidence: {out / options.PAGE}")


def replay(
    file: Annotated[
        Path | None,
        options.path_argument(metavar="[FILE]", help="A replay file; the shipped one if none."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Put reported numbers beside what the same settings give; exit 1 on a mismatch.

    Example: fairtrial replay
    """
    from fairtrial.lab.replay import SHIPPED, ReplayFile

    reported = ReplayFile.load(file or SHIPPED)
    load_tensorflow(own_process=True)
    from fairtrial.lab.replay import replay as replay_file

    with stoppable(), show_progress() as progress:
        comparisons = replay_file(reported, progress)
    if as_json:
        print_json(comparisons)
    else:
        print_table([
            {**row, "match": "yes" if row["match"] else "NO"} for row in comparisons
        ])  # fmt: skip
    if not all(row["match"] for row in comparisons):
        raise typer.Exit(1)
