"""Verification notices a stack that is wrong, and does not mistake rounding for it."""

import numpy as np
import pytest

from fairtrial.running.verify import (
    DeviationError,
    count_steps_together,
    refuse_deviation,
    verify_runs,
)
from fairtrial.study import Study
from fairtrial.training import stacked
from fairtrial.training.trace import Trace

STUDY = Study.from_toml("""
name = "Small"
seeds = 2
[task]
kind = "line"
rows = 40
[recipe]
loss = "mse"
optimizer = { kind = "sgd", learning_rate = 0.05 }
steps = 50
[vary]
loss = ["mse", "huber"]
""")


def make_trace(rates, at=None):
    at = np.arange(len(rates)) if at is None else np.array(at)
    curves = {"learning_rate": (at, np.array(rates, dtype=float))}
    return Trace(np.zeros(1), np.zeros(()), "completed", int(at[-1]), curves, {})


def test_lanes_agree_with_the_eager_driver():
    result = verify_runs(STUDY.list_runs(), 4)
    assert sorted(lane["run"] for lane in result["lanes"]) == [
        "huber #0", "huber #1", "mse #0", "mse #1",
    ]  # fmt: skip
    assert 0 <= result["largest_deviation"] <= 1e-5
    assert all(lane["trained"] == 50 for lane in result["lanes"])
    refuse_deviation(result)


def test_a_wrong_stack_is_an_error(monkeypatch):
    train = stacked.train

    def train_wrongly(stack, *arguments):
        rows = train(stack, *arguments)
        return [
            [Trace(t.W * 1.001, t.b, t.outcome, t.ended_at, t.curves, t.scores) for t in row]
            for row in rows
        ]

    monkeypatch.setattr(stacked, "train", train_wrongly)
    with pytest.raises(DeviationError, match="differs from the eager driver by"):
        refuse_deviation(verify_runs(STUDY.list_runs(), 1))


@pytest.mark.parametrize(
    ("stack", "reference", "together"),
    [
        (make_trace([1, 1, 1, 1]), make_trace([1, 1, 1, 1]), 4),
        (make_trace([1, 1, 1, 1]), make_trace([1, 1, 1]), 2),  # one ends at step 2
        (make_trace([1, 1, 0.5, 0.5]), make_trace([1, 1, 1, 0.5]), 1),  # halved before step 2
        (make_trace([1, 1, 0.5], at=[0, 5, 10]), make_trace([1] * 11), 5),  # thinned between
    ],
)
def test_steps_before_the_first_difference(stack, reference, together):
    assert count_steps_together(stack, reference) == together
