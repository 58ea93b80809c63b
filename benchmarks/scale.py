"""What planning and assembling a large study costs: time, memory, and the size of what is written.

Nothing is trained: parts are filled with made-up results of the size that training leaves.

    python benchmarks/scale.py --runs 100000
"""

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from fairtrial.results.fingerprint import fingerprint_runs
from fairtrial.results.saved_stacks import Result, find_parts, make_part, write_part
from fairtrial.results.store import CURVES, PARAMETERS, RUNS, write_tables
from fairtrial.running.plan import plan_stacks
from fairtrial.study import Study

N_POINTS = 100  # of each of five curves a run
METRICS = ("mse", "mae", "rmse", "r2", "parameter_error")


def make_study(n_runs: int) -> Study:
    """Make a study of small runs: a hundred seeds, and arms for the rest."""
    rates = np.geomspace(0.001, 0.1, max(1, n_runs // 400)).tolist()
    return Study.from_toml("""
        name = "Many small runs"
        seeds = 100
        task = { kind = "line", rows = 200, test_rows = 200 }
        recipe = { loss = "mse", optimizer = "sgd", steps = 100 }
        """).replace(
        vary={"loss": ["mse", "mae", "huber", "hybrid"], "optimizer.learning_rate": rates}
    )


def make_trace(number: int) -> Any:
    """Make up what a run leaves."""
    from fairtrial.training.trace import Trace  # Loads TensorFlow, which the others do without.

    random, at = np.random.default_rng(number), np.arange(N_POINTS)
    names = ("loss", "learning_rate", "slope", "intercept", "parameter_error")
    curves = {name: (at, random.normal(size=N_POINTS)) for name in names}
    W, b = random.normal(size=1).astype(np.float32), np.float32(random.normal())
    return Trace(W, b, "completed", N_POINTS - 1, curves, {})


def plan(n_runs: int, folder: Path) -> dict[str, float]:
    """Time what happens before the first stack trains, and measure the plans."""
    began = time.perf_counter()
    runs = make_study(n_runs).list_runs()
    fingerprints = fingerprint_runs(runs)
    find_parts(folder, fingerprints, print)
    plans = plan_stacks(runs, 2**29)
    seconds = time.perf_counter() - began
    sizes = [len(zlib.compress(pickle.dumps(one))) for one in plans[:20]]
    return {"runs": len(runs), "stacks": len(plans), "seconds": seconds, "plan_bytes": max(sizes)}


def fill(n_runs: int, folder: Path) -> dict[str, float]:
    """Write the parts of all stacks."""
    runs = make_study(n_runs).list_runs()
    for number, one in enumerate(plan_stacks(runs, 2**29)):
        here = [run for row in one.runs for run in row]
        write_part(folder, make_part([
            Result(fingerprint, make_trace(1000 * number + position), 0.01,
                   dict.fromkeys(METRICS, float(position)))
            for position, fingerprint in enumerate(fingerprint_runs(here))
        ]))  # fmt: skip
    sizes = [path.stat().st_size for path in folder.glob("parts/*.parquet")]
    return {"parts": len(sizes), "bytes": sum(sizes)}


def assemble(n_runs: int, folder: Path) -> dict[str, float]:
    """Time finding all parts, and the tables made of them."""
    runs = make_study(n_runs).list_runs()
    fingerprints = fingerprint_runs(runs)
    began = time.perf_counter()
    parts, _ = find_parts(folder, fingerprints, print)
    found = time.perf_counter() - began
    write_tables(folder, runs, fingerprints, parts)
    sizes = {f"{name}_bytes": (folder / name).stat().st_size for name in (RUNS, CURVES, PARAMETERS)}
    return {"seconds_finding": found, "seconds": time.perf_counter() - began, **sizes}


STAGES = {"plan": plan, "fill": fill, "assemble": assemble}


def main() -> None:
    """Run each stage in a process of its own, for its peak memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--stage", choices=STAGES)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.stage:
        figures = STAGES[options.stage](options.runs, options.folder)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(figures | {"peak_bytes": peak}))
        return
    with tempfile.TemporaryDirectory() as folder:
        for stage in STAGES:
            command = [sys.executable, __file__, "--stage", stage, "--folder", folder]
            done = subprocess.run(
                [*command, "--runs", str(options.runs)], capture_output=True, text=True, check=True
            )
            print(stage, done.stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
