"""Killed at random moments, a study ends with the same tables, to the last byte."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from fairtrial.results.store import CURVES, PARAMETERS, RUNS


@pytest.mark.parametrize(
    ("n_kills", "n_stages", "n_seeds"),
    [(3, 1, 2), pytest.param(30, 3, 8, marks=pytest.mark.long)],
)
def test_killed_at_random_moments(tmp_path, n_kills, n_stages, n_seeds):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, script, str(tmp_path), str(n_kills), str(n_seeds)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found, n_folders, *n_parts = map(int, done.stdout.split())
    assert found == len(n_parts) == n_kills
    # Kills met every stage: before the first part, between parts, and after the last.
    assert 0 in n_parts and len({n for n in n_parts if 0 < n < 4 * n_seeds}) >= n_stages
    whole = tmp_path / "whole"
    for folder in [tmp_path / f"killed {number}" for number in range(n_folders)]:
        for name in (CURVES, PARAMETERS):
            assert (folder / name).read_bytes() == (whole / name).read_bytes()
        one, other = (pl.read_parquet(place / RUNS).drop("seconds") for place in (folder, whole))
        assert one.equals(other)
        assert list(folder.rglob(".writing-*")) == []
