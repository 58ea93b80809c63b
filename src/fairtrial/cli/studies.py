"""The commands about study files: `fairtrial new` and `fairtrial schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairtrial.paths import expand_path


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
    from fairtrial.results import verdicts
    from fairtrial.study import schema as of_studies

    text = verdicts.format_schema() if of_verdicts else of_studies.format_schema()
    if out is None:
        print(text, end="")
    else:
        of_studies.write_schema(out, text)
