"""The command line: its commands, and what becomes of errors."""

import sys
import warnings
from typing import Annotated

import typer

from fairtrial import __version__
from fairtrial.cli.data import app as data_app
from fairtrial.cli.lab import lab, replay
from fairtrial.cli.results import export, judge, report
from fairtrial.cli.runs import plan, run
from fairtrial.cli.studies import check, new, schema
from fairtrial.cli.terminal import StoppedError, leave, make_streams_safe, say
from fairtrial.errors import FairtrialError, MachineError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (lab, new, check, plan, run, judge, replay, report, export, schema):
    app.command()(command)
app.add_typer(data_app, name="data")


@app.callback(
    invoke_without_command=True,
    help="All else equal: which training choice matters, by how much, and why?",
)
def show_version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print what fairtrial is, or its version."""
    if version:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; errors are sentences and exit codes, never tracebacks."""
    make_streams_safe()
    if not {*sys.warnoptions} - {"ignore"}:
        # What libraries warn of is said in sentences, where it matters; also in worker processes,
        # which start with the options of this one.
        warnings.simplefilter("ignore")
        sys.warnoptions[:] = ["ignore"]
    try:
        try:
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
    except (ImportError, MemoryError) as error:
        reason = str(error) or "there is not enough memory"
        say(
            f"A library cannot be loaded: {reason}. Free some memory, or raise the limit on it "
            "(ulimit -v), or install fairtrial again; finished runs are kept."
        )
        leave(MachineError.exit_code)
    except OSError as error:  # Files have sentences already: this is the output.
        say(
            f"The output cannot be written: {error.strerror or error}. What the command has made "
            "is kept; send the output elsewhere."
        )
        leave(MachineError.exit_code)
