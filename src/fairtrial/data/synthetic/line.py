"""Rows of synthetic tasks: a line or many features, with several kinds of noise."""

from __future__ import annotations

from fairtrial.data.dataset import Dataset
from fairtrial.data.sources import find_source
from fairtrial.study.task import AnyTask


def line_data(task: AnyTask, seed: int) -> Dataset:
    """Draw the training and the test rows of a synthetic task; see `load_dataset`."""
    return find_source(task).load(task, seed, None)


linear_data = line_data
