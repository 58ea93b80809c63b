"""The commands about files of the user: `fairtrial new`, `fairtrial schema`, `fairtrial check`."""

from pathlib import Path
from typing import Annotated

import typer

from fairtrial.cli.options import path_argument, path_option
from fairtrial.cli.terminal import stoppable
from fairtrial.errors import InputError
from fairtrial.loading import load_tensorflow


def new(
    file: Annotated[Path, path_argument(metavar="[FILE]", help="The study file.")] = Path(
        "study.toml"
    ),
) -> None:
    """Write a commented study file to start from, and beside it the schema that editors read.

    Example: fairtrial new study.toml
    """
    from fairtrial.study.schema import write_starter

    schema = write_starter(file)
    print(f"{file} is a study to start from; {schema} lets editors complete and check it.")
    print(f"Run it with: fairtrial run {file}")


def schema(
    out: Annotated[
        Path | None, path_option("--out", help="Write it to a file.", metavar="FILE")
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


def check(
    file: Annotated[Path, path_argument(metavar="KINDS.py", help="A file of kinds.")],
) -> None:
    """Run a file of your own kinds and check them by the laws of their families.

    This runs the file once. Studies that name it still need --allow-code.

    Example: fairtrial check my_kinds.py
    """
    from fairtrial.kinds.mechanism.plugins import try_plugin

    if file.suffix == ".toml":
        raise InputError(
            f"{file} is a study, and `fairtrial check` checks a Python file of kinds: give the "
            f"file that its plugins name. `fairtrial plan {file}` checks the study and trains "
            "nothing."
        )
    kinds = try_plugin(str(file.absolute()))
    if not kinds:
        raise InputError(f"{file} has no kinds: decorate a function, as with @fairtrial.loss.")
    load_tensorflow(own_process=True)
    from fairtrial.laws import find_breaches

    with stoppable():
        breaches = [one for kind in kinds for one in find_breaches(kind)]
    for kind in kinds:
        print(f"{kind.family.name} {kind.name}: {kind.description.splitlines()[0]}")
    if breaches:
        raise InputError("\n".join(f"{file}: {one}" for one in breaches))
    print("All keep the laws of their families.")
