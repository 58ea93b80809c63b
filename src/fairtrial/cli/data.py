"""`fairtrial data`: what data sets there are, and putting them in place."""

from pathlib import Path
from typing import Annotated

import typer

from fairtrial.cli.options import path_option
from fairtrial.cli.terminal import print_table, say

app = typer.Typer(help="The data sets that fairtrial knows.", no_args_is_help=True)


@app.command("list")
def list_data() -> None:
    """List the data sets, and where they were found.

    Example: fairtrial data list
    """
    from fairtrial.data.catalog import list_datasets

    print_table([
        {
            "name": dataset.name,
            "what": dataset.what,
            "rows": f"{dataset.n_train_rows} + {dataset.n_test_rows}",
            "licence": dataset.licence,
            "found": str(dataset.found),
        }
        for dataset in list_datasets()
    ])  # fmt: skip


@app.command("fetch")
def fetch_data(
    name: Annotated[str, typer.Argument(help="A name from `fairtrial data list`.")],
    folder: Annotated[
        Path | None, path_option("--to", help="Where the files go.", metavar="DIR")
    ] = None,
) -> None:
    """Put a data set in place: find it, or download it, and check every file.

    Example: fairtrial data fetch fashion_mnist
    """
    from fairtrial.data.catalog import fetch

    print(fetch(name, folder, note=say))


@app.command("path")
def show_path(
    name: Annotated[str, typer.Argument(help="A name from `fairtrial data list`.")],
) -> None:
    """Print where a data set is; exit 1 where it is not on this machine.

    Example: fairtrial data path fashion_mnist
    """
    from fairtrial.data.catalog import find

    found = find(name)
    if found is None:
        say(f"{name} is not on this machine. Get it with: fairtrial data fetch {name}")
        raise typer.Exit(1)
    print(found)
