"""The options that commands share, and what becomes of their values."""

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairtrial.cli.terminal import say
from fairtrial.errors import InputError
from fairtrial.paths import expand_path

if TYPE_CHECKING:
    from fairtrial.running.engine import Engine

PAGE = "report.html"

path_argument = partial(typer.Argument, parser=expand_path)
path_option = partial(typer.Option, parser=expand_path)

Out = Annotated[Path, path_option("--out", help="The results folder.", metavar="DIR")]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds", help="The number of seeds: 0, 1, ... or those of the study's name.", min=1
    ),
]
Verify = Annotated[
    int,
    typer.Option("--verify", help="Train K lanes again, eagerly, and compare.", metavar="K", min=0),
]
Memory = Annotated[
    float | None,
    typer.Option(
        "--memory",
        help="Memory for training, in GiB; by default half of the free memory.",
        min=0.01,
        max=1e6,
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", help="Train in N processes, by Dask.", metavar="N", min=1)
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="Train on this Dask cluster.", metavar="ADDRESS")
]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Let the study's plugins run: files of Python code.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Data = Annotated[
    Path | None, path_option("--data", help="A folder with Fashion-MNIST.", metavar="DIR")
]


def allow_plugins(folder: Path, allow_code: bool) -> None:
    """Remember that the plugins of a results folder's study may run."""
    study_file = folder / "study.toml"
    if allow_code and study_file.is_file():
        from fairtrial.study import Study

        Study.load(study_file, allow_code)


def say_platform(has_xla: bool) -> None:
    """Say so where programs are not compiled."""
    if not has_xla:
        say("Note: XLA does not compile for this machine; the same programs run as plain graphs.")


def open_engine(
    workers: int | None, scheduler: str | None
) -> "contextlib.AbstractContextManager[Engine]":
    """Open the engine that the options name."""
    if workers is None and scheduler is None:
        from fairtrial.running.engine import Here

        return contextlib.nullcontext(Here())
    if workers is not None and scheduler is not None:
        raise InputError("--workers starts a cluster and --scheduler names one: give one of them.")
    from fairtrial.running.cluster import connect, start_workers

    return start_workers(workers) if workers is not None else connect(str(scheduler))


def to_bytes(gibibytes: float | None) -> int | None:
    """Turn an option in GiB into bytes."""
    return None if gibibytes is None else int(gibibytes * 2**30)
