"""Time fairtrial on this machine, beside PyTorch and JAX if they are installed."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.peers.workloads import FULL, NAMES, QUICK, run_bench, summarise
from fairtrial.cli.terminal import print_json, print_table, say, show_progress, stoppable
from fairtrial.errors import FairtrialError
from fairtrial.files import write_json


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks and print a table; return the exit code."""
    options = read_options(arguments)
    sizes, repeats = (QUICK, 1) if options.quick else (FULL, 3)
    try:
        with stoppable(), show_progress() as progress:
            rows = run_bench(options.only, sizes, options.repeats or repeats, progress, say)
        figures = [asdict(row) for row in rows]
        if options.json == Path("-"):
            print_json(figures)
            return 0
        if options.json is not None:
            write_json(options.json, figures)
        print_table(summarise(rows), apart="failure")
    except FairtrialError as error:
        say(str(error))
        return error.exit_code
    return 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="measure one workload")
    parser.add_argument("--repeats", type=count, metavar="N", help="turns of each system (3)")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes, one turn: to test the benchmarks"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write JSON to a file; - prints it"
    )
    return parser.parse_args(arguments)


def count(text: str) -> int:
    """Read a number of turns."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
