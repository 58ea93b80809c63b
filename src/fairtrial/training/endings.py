"""What the runs of a stack leave when they end, cut out of its lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fairtrial.parameters import Parameters
from fairtrial.study.recipe import Recipe
from fairtrial.training.average import RecentPath
from fairtrial.training.step import State
from fairtrial.training.trace import (
    COMPLETED,
    OUTCOMES,
    TRAINING,
    End,
    Predictions,
    Trace,
    find_first,
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
        self.recipes, self.lanes = recipes, lanes
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
        return make_trace(
            self.recipes[place[-1]],
            last,
            mean,
            outcome=OUTCOMES[self.outcome[place]],
            ended_at=int(self.ended_at[place]),
            curves=curves,
            n_halvings=int(self.n_halvings[place]),
            first_halving=find_first(self.first_halving[place]),
        )


def cut_steps(
    left: Left, chunks: list[dict[str, np.ndarray]], recent: RecentPath | None
) -> list[list[Trace]]:
    """Cut the runs that end out of a full-batch stack: for each data set a trace a run."""
    curves = {
        name: np.concatenate([chunk[name][..., left.lanes] for chunk in chunks])
        for name in chunks[0]
    }

    def cut(place: tuple[int, int]) -> Trace:
        n_steps = int(left.ended_at[place]) + 1
        at = np.arange(n_steps)
        own = {name: (at, curve[(slice(n_steps), *place)]) for name, curve in curves.items()}
        lane = place[0], left.lanes[place[1]]
        mean = End(*recent.average(lane)) if recent else None
        return left.make_trace(place, own, left.make_end(place), mean)

    n_sets, n_runs = left.outcome.shape
    return [[cut((s, run)) for run in range(n_runs)] for s in range(n_sets)]


class Ends:
    """What the runs in some lanes may end with, measured in all lanes and fetched once."""

    def __init__(
        self,
        parameters: Parameters,
        scores: dict[str, Any],
        told: dict[str, Predictions],
        lanes: list[int],
    ):
        self._W, self._b = (value.numpy()[..., lanes] for value in parameters)
        self._scores = {name: np.asarray(values)[lanes] for name, values in scores.items()}
        # Copies, or each run would keep what all lanes tell.
        self._told = {
            prefix: Predictions(*(values[:, lanes] for values in one))
            for prefix, one in told.items()
        }

    def read(self, run: int) -> End:
        """Read what one of the runs, by its position among them, may end with."""
        return End(
            self._W[..., run],
            self._b[..., run],
            {name: float(values[run]) for name, values in self._scores.items()},
            {
                prefix: Predictions(*(values[:, run] for values in one))
                for prefix, one in self._told.items()
            },
        )


def cut_epochs(
    left: Left, epochs: list[dict[str, np.ndarray]], last: Ends, mean: Ends | None
) -> list[Trace]:
    """Cut the runs that end out of a stack trained in epochs."""
    curves = {name: np.stack([values[name] for values in epochs]) for name in epochs[0]}

    def cut(run: int, lane: int) -> Trace:
        n_epochs = int(left.ended_at[run])
        at = np.arange(1, n_epochs + 1)
        own = {
            name: (at, curve[:n_epochs, lane].astype(np.float64)) for name, curve in curves.items()
        }
        return left.make_trace((run,), own, last.read(run), mean.read(run) if mean else None)

    return [cut(run, lane) for run, lane in enumerate(left.lanes)]
