"""What the runs of a stack leave when they end, cut out of its lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fairtrial.parameters import Parameters
from fairtrial.study.recipe import Recipe
from fairtrial.training.step import State
from fairtrial.training.trace import (
    COMPLETED,
    TRAINING,
    End,
    Predictions,
    Trace,
    make_trace,
)


class Left:
    """What the runs in some lanes leave when they end, fetched from the program once."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        parameters: Parameters,
        state: State,
        lanes: list[int],
        at: int,
    ):
        self.recipes = recipes
        self.W, self.b, self.outcome, self.ended_at, self.n_halvings, self.first_halving = (
            value.numpy()[..., lanes]
            for value in (
                *parameters, state.outcome, state.ended_at, state.n_halvings, state.first_halving,
            )
        )  # fmt: skip
        # Lanes of longer runs go on.
        complete = self.outcome == TRAINING
        self.outcome[complete], self.ended_at[complete] = COMPLETED, at

    def make_end(self, place: tuple[int, ...]) -> End:
        """Make the end that has the parameters themselves."""
        return End(self.W[(..., *place)], self.b[(..., *place)])

    def make_trace(
        self, place: tuple[int, ...], curves: Any, last: End, mean: End | None
    ) -> Trace:  # fmt: skip
        """Make the trace of the run at a place of the lane axes."""
        states = self.outcome, self.ended_at, self.n_halvings, self.first_halving
        noted = (one[place] for one in states)
        return make_trace(self.recipes[place[-1]], last, mean, curves, noted)


class Ends:
    """What the runs in some lanes may end with, measured in all lanes and fetched once."""

    def __init__(
        self,
        parameters: Parameters,
        scores: dict[str, Any],
        predicted: dict[str, Predictions],
        lanes: list[int],
    ):
        self._W, self._b = (np.asarray(value)[..., lanes] for value in parameters)
        self._scores = {name: np.asarray(values)[..., lanes] for name, values in scores.items()}
        # Copies, or each run would keep what all lanes tell.
        self._predicted = {
            prefix: Predictions(*(values[..., lanes] for values in one))
            for prefix, one in predicted.items()
        }

    def read(self, place: tuple[int, ...]) -> End:
        """Read what one of the runs, by its place among them, may end with."""
        own = (..., *place)
        return End(
            self._W[own],
            self._b[own],
            {name: float(values[own]) for name, values in self._scores.items()},
            {
                prefix: Predictions(*(values[own] for values in one))
                for prefix, one in self._predicted.items()
            },
        )


def cut_traces(
    left: Left,
    curves: Mapping[str, np.ndarray],
    first: int,
    find_last: Callable[[tuple[int, ...]], End],
    find_mean: Callable[[tuple[int, ...]], End] | None,
) -> list[list[Trace]]:
    """Cut the runs that end out of a stack: for each data set a trace of each run.

    Their curves (T, ...) begin with step (epoch) `first`. `find_last` and `find_mean` find the end
    of a run by its place among those that end, and the mean of its last iterates, where means are
    kept.
    """

    def cut(place: tuple[int, ...]) -> Trace:
        at = np.arange(first, int(left.ended_at[place]) + 1)
        own = {name: (at, curve[(slice(len(at)), *place)]) for name, curve in curves.items()}
        return left.make_trace(place, own, find_last(place), find_mean and find_mean(place))

    *sets, n_runs = left.outcome.shape
    return [[cut((*one, run)) for run in range(n_runs)] for one in np.ndindex(*sets)]
