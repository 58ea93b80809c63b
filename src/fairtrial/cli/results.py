"""The commands about results folders: `fairtrial judge`, `fairtrial report`, `fairtrial export`."""

from pathlib import Path
from typing import Annotated

import typer

from fairtrial.cli.options import AllowCode, Json, Quiet, allow_plugins, path_argument, path_option
from fairtrial.cli.terminal import print_json, print_table, say, show_progress, stoppable
from fairtrial.loading import load_tensorflow


def judge(
    folder: Annotated[Path, path_argument(metavar="DIR", help="A results folder.")],
    claims_file: Annotated[
        Path | None, path_option("--claims", help="Judge the claims of this file.", metavar="FILE")
    ] = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Judge the claims of a study from its results folder, without training.

    Example: fairtrial judge out/study --claims other.toml
    """
    from fairtrial.evidence.account import summarise_verdicts
    from fairtrial.evidence.judge import judge as judge_folder

    allow_plugins(folder, allow_code)
    with stoppable("Minimisers that were found are kept."):
        verdicts = judge_folder(folder, claims_file, note=say)
    if as_json:
        print_json(verdicts)
    else:
        print_table(summarise_verdicts(verdicts), apart="why")


def report(
    folder: Annotated[Path, path_argument(metavar="DIR", help="A results folder, or the lab's.")],
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
    allow_code: AllowCode = False,
    quiet: Quiet = False,
) -> None:
    """Build the report page of a study or of the lab again, without training.

    Its figures and tables too, for papers and slides: options may be combined.

    Example: fairtrial report out/study --figures pdf --tables latex
    """
    from fairtrial.lab.report import write_report

    allow_plugins(folder, allow_code)
    with stoppable("Files that were written are kept."), show_progress(quiet) as progress:
        written = write_report(
            folder, figures=figures, tables=tables, one_page=one_page, progress=progress
        )
    for place, n_files in written.items():
        print(f"{place}: {n_files} files" if place.is_dir() else place)
    if show:
        import webbrowser

        webbrowser.open(next(iter(written)).resolve().as_uri())


def export(
    folder: Annotated[Path, path_argument(metavar="DIR", help="The results folder.")],
    to: Annotated[str, typer.Option("--to", help="The format.", metavar="tensorboard|mlflow|csv")],
    out: Annotated[
        Path | None,
        path_option("--out", help="A new folder; DIR/FORMAT if absent.", metavar="PLACE"),
    ] = None,
    allow_code: AllowCode = False,
    quiet: Quiet = False,
) -> None:
    """Write a results folder for TensorBoard, for MLflow, or as CSV.

    Example: fairtrial export out/study --to csv
    """
    from fairtrial.export.formats import prepare_export

    allow_plugins(folder, allow_code)
    prepared = prepare_export(folder, to, out)
    if prepared.format.on_tensorflow:
        load_tensorflow(own_process=True)
    with stoppable(), show_progress(quiet) as progress:
        place = prepared.write(progress)
    print(place)
