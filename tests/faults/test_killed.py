"""Killed at 30 random moments, a study ends with the same tables, to the last byte."""

import subprocess
import sys
from pathlib import Path

import polars as pl

from fairtrial.trial.store import CURVES, PARAMETERS, RUNS

N_KILLS = 30


def test_killed_at_random_moments(tmp_path):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path), str(N_KILLS)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    n_kills, n_folders, *n_parts = map(int, done.stdout.split())
    assert n_kills == len(n_parts) == N_KILLS
    # Kills met every stage: before the first part, between parts, and after the last.
    assert 0 in n_parts and len({n for n in n_parts if 0 < n < 32}) >= 3
    whole = tmp_path / "whole"
    for folder in [tmp_path / f"killed {number}" for number in range(n_folders)]:
        for name in (CURVES, PARAMETERS):
            assert (folder / name).read_bytes() == (whole / name).read_bytes()
        one, other = (pl.read_parquet(place / RUNS).drop("seconds") for place in (folder, whole))
        assert one.equals(other)
        assert list(folder.rglob(".writing-*")) == []
