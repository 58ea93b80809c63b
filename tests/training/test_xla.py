"""Without XLA the same programs run as plain graphs, and give the same."""

import numpy as np
import pytest
import tensorflow as tf

from fairtrial.data.load import load_dataset
from fairtrial.study.recipe import Recipe
from fairtrial.study.task import LineTask
from fairtrial.training import programs, stacked


def train():
    recipes = [
        Recipe.model_validate({
            "loss": loss,
            "optimizer": {"kind": "sgd", "learning_rate": 0.05},
            "steps": 40,
            "noise": {"weights": {"every": 7}},
        })
        for loss in ("mse", "mae")
    ]  # fmt: skip
    stacked.compile_steps.cache_clear()
    dataset = load_dataset(LineTask(kind="line", rows=30, test_rows=2), 5)
    return stacked.train(stacked.Stack(recipes, [dataset], [5]))[0]


def test_plain_graphs_train_alike(monkeypatch):
    compiled = train()
    monkeypatch.setattr(programs, "has_xla", lambda: False)
    try:
        plain = train()
    finally:
        stacked.compile_steps.cache_clear()
    for ours, theirs in zip(compiled, plain, strict=True):
        np.testing.assert_allclose(ours.W, theirs.W, rtol=1e-5)
        np.testing.assert_allclose(ours.b, theirs.b, rtol=1e-5)
        assert (ours.outcome, ours.ended_at) == (theirs.outcome, theirs.ended_at)


@pytest.mark.parametrize("error", [tf.errors.UnimplementedError(None, None, "no"), ValueError()])
def test_a_platform_without_xla_is_noticed(error, monkeypatch):
    def refuse(function, jit_compile):
        def call(*arguments):
            raise error

        return call

    monkeypatch.setattr(programs.tf, "function", refuse)
    programs.has_xla.cache_clear()
    assert not programs.has_xla()
    programs.has_xla.cache_clear()
