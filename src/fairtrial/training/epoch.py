"""The epoch, for every driver: order and lay out the rows, update, settle, evaluate, judge.

A step on all rows, of a run whose rows are evaluated while it trains, is an epoch of one batch.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from fairtrial.data.dataset import Dataset
from fairtrial.data.split import (
    count_batch_rows,
    count_batches,
    split_parts,
)
from fairtrial.kinds.metrics.numbers import HELD_OUT, TRAIN
from fairtrial.parameters import Parameters
from fairtrial.study.recipe import Recipe
from fairtrial.training.evaluation import (
    assess,
    evaluate,
    name_scores,
    predict,
    predict_rows,
    score_parts,
    score_rows,
)
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.layout import MANY, turn, turn_back
from fairtrial.training.model import Numbers
from fairtrial.training.monitors import Monitors
from fairtrial.training.noise import Draws, NamedDraws, open_feature_noise
from fairtrial.training.rows import Held, hold, hold_sets, lay_out_epoch, order_epoch
from fairtrial.training.step import (
    State,
    change_layout,
    include,
    judge,
    measure_classes,
    measure_regression,
    settle,
    update,
)
from fairtrial.training.trace import TRAINING, Predictions, record_parameters

# Makes a program of a function of tensors.
Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


class Epochs:
    """The epochs of one run, or of all runs of a stack.

    The runs share rows, features, and batches; `recipe` is that of any of them. A stack of
    regressions has S data sets, alike in shape. Without `compiled`, which makes the programs, every
    operation is eager.
    """

    def __init__(
        self,
        recipe: Recipe,
        datasets: Sequence[Dataset],
        seeds: Sequence[int],
        kinds: Kinds,
        numbers: Numbers,
        compiled: Compile | None = None,
    ):
        self._kinds, self.numbers, self._seeds = kinds, numbers, seeds
        self._in_steps = recipe.steps is not None
        self.n_done = 0
        # A stack of regressions has an axis for data sets, and one for the lanes of each.
        self._has_sets = numbers["optimizer.learning_rate"].shape.rank == 2
        splits = [
            split_parts(dataset, recipe.validation, seed)
            for dataset, seed in zip(datasets, seeds, strict=True)
        ]
        self._parts, self._train = splits[0], [split[TRAIN] for split in splits]
        self._held = {
            prefix: hold_sets([split[prefix] for split in splits]) if self._has_sets else hold(part)
            for prefix, part in self._parts.items()
        }
        self.n_rows = len(self._train[0])
        self._batch_size = count_batch_rows(recipe, self.n_rows)
        self._n_batches = count_batches(recipe, self.n_rows)
        self._rows: list[tuple[Any, ...]] = []
        # Parameters that are not measured on the training rows yet.
        self._unmeasured: Parameters | None = None
        truths = [one.true_parameters for one in datasets if one.true_parameters is not None]
        self._truth = stack_truths(truths) if self._has_sets else next(iter(truths), None)
        self._is_regression, divisor = not datasets[0].n_classes, datasets[0].divisor
        self._take_batches = compile_batches(kinds, self._batch_size, divisor, compiled)
        self._evaluate = compile_pass(evaluate, divisor, compiled)
        self._predict = compile_pass(predict, divisor, compiled)
        self._monitors = Monitors(
            kinds.monitors, numbers, datasets, seeds, self._held.get(HELD_OUT, list),
            compile_pass(predict_rows, divisor, compiled),
        )  # fmt: skip

    def take(
        self, state: State, draws: Any, *, needs_mean: bool = True
    ) -> tuple[State, dict[str, Any]]:  # fmt: skip
        """Take one epoch of every lane that is still training.

        `draws` gives the injected noise; for compiled programs it has the keys of `NamedDraws`.
        `needs_mean` says whether a run may end with this epoch, so that the mean of its iterates is
        needed.

        Returns the state, and what comes next in the curves, (...) each. Runs by epochs are
        measured after their epochs, and runs by steps before their steps, as their loss is. Where
        training rows are read piece by piece, their metrics come with the next epoch, which reads
        them anyway, or from `measure_rest`.
        """
        self.n_done += 1
        start, step = state, (self.n_done - 1) * self._n_batches
        first, at = step, self.n_done - (1 if self._in_steps else 0)
        total, rates, sums = 0.0, [], dict[str, Any]()
        for rows in self._lay_out():
            places = map(tf.constant, (at, step, step - first if needs_mean else -1))
            state, losses, rate, scores = self._take_batches(
                state, start, rows, self.numbers, draws, self._unmeasured, *places
            )
            sums = {name: sums.get(name, 0.0) + score for name, score in scores.items()}
            step, total = step + rows[2].shape[0] // self._batch_size, total + losses
            rates.append(rate)
        loss = total / self._n_batches
        measured = start.parameters if self._in_steps else state.parameters
        held = self._held
        is_read = not isinstance(held[TRAIN], Held)
        if is_read:
            held = {prefix: read for prefix, read in held.items() if prefix != TRAIN}
        scores = score_parts(self._evaluate, measured, held)
        last = self.numbers["steps"] - 1 if self._in_steps else self.numbers["epochs"]
        watched = self._monitors.choose(loss, measured, scores, state.outcome == TRAINING)
        state = judge(self._kinds, state, loss, self.numbers, at, last, measured, *watched)
        values = {"loss": loss, "learning_rate": rates[0], **scores}
        values |= {TRAIN + name: score / self.n_rows for name, score in sums.items()}
        self._unmeasured = measured if is_read else None
        if self._is_regression:
            values |= record_parameters(measured, self._truth)
        return state, values

    def measure_rest(self) -> dict[str, Any]:
        """Measure on the training rows what the last `take` left to be measured, if anything.

        Returns the metrics that come next in the curves, (...) each.
        """
        last, self._unmeasured = self._unmeasured, None
        return score_parts(self._evaluate, last, {TRAIN: self._held[TRAIN]}) if last else {}

    def assess(
        self, parameters: Parameters, known: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Predictions]]:
        """Measure parameters that a run may end with; nothing for numbers, whose metrics follow.

        `known` is what `take` and `measure_rest` returned, if they measured these parameters.
        """
        if self._is_regression:
            return {}, {}
        if known is not None:
            known = {name: known[name] for name in known if name not in ("loss", "learning_rate")}
        return assess(
            self._evaluate, self._predict, parameters, self._held, self._parts,
            None if self._in_steps else known,
        )  # fmt: skip

    def keep_lanes(self, lanes: Sequence[int]) -> None:
        """Go on with some lanes alone, in this order; nothing may be left to be measured."""
        assert self._unmeasured is None
        self.numbers = {
            name: tf.gather(values, lanes, axis=-1) for name, values in self.numbers.items()
        }
        self._monitors.watch(self.numbers)

    def _lay_out(self) -> Iterator[tuple[Any, ...]] | list[tuple[Any, ...]]:
        if self._rows:
            return self._rows
        if self._in_steps:
            orders = [np.arange(len(part)) for part in self._train]
        else:
            orders = [
                order_epoch(part, seed, self.n_done)
                for part, seed in zip(self._train, self._seeds, strict=True)
            ]
        noise = None
        if self._kinds.list_injections("features"):
            noise = open_feature_noise(self._seeds[0], self.n_done)
        are_kept = self._in_steps and noise is None  # All steps take the same rows.
        rows = lay_out_epoch(
            self._train, orders, self._batch_size, noise,
            has_sets=self._has_sets, is_numbered=bool(self._kinds.list_injections("targets")),
            are_kept=are_kept,
        )  # fmt: skip
        if are_kept:
            self._rows = [*rows]
            return self._rows
        return rows


def stack_truths(truths: Sequence[np.ndarray]) -> Any:
    """Stack the true parameters of data sets, if there are any; (D + 1, S, 1)."""
    return tf.constant(np.stack(truths, -1)[..., None], tf.float32) if truths else None


# ------------------------------------------------------------------------------------ the programs


def take_batches(
    kinds: Kinds,
    batch_size: int,
    divisor: int,
    state: State,
    start: State,
    rows: tuple[Any, ...],
    numbers: Numbers,
    draws: Draws,
    unmeasured: Parameters | None,
    at: Any,
    first_step: Any,
    n_before: Any,
) -> tuple[State, Any, Any, dict[str, Any]]:
    """Take a step with each of some batches of an epoch.

    Parameters
    ----------
    start : State
        At the start of the epoch.
    rows : tuple of tensor
        What `lay_out_epoch` gives.
    unmeasured : Parameters or None
        Parameters to measure on these rows, if any; not of stacks on several data sets.
    at, first_step : ()
        The epoch, and the number of the first of these steps.
    n_before : ()
        Where means are kept, how many iterates of the epoch are in the mean already; -1 in an epoch
        whose mean is not needed.

    Returns
    -------
    state, losses, rate, scores
        The new state, the sum of the batches' losses, and the rate of the first batch; (...). Then
        the sums over rows of what `score_rows` measures of `unmeasured`, by name; (...) each.
    """
    X, y = rows[:2]
    measure = measure_classes if y.dtype.is_integer else measure_regression
    n_batches = X.shape[-2] // batch_size

    def take(number: Any, state: State, total: Any, first_rate: Any, sums: Any) -> Any:
        features, *others = (
            _cut(one, number * batch_size, batch_size, 2 if one.shape.rank == X.shape.rank else 1)
            for one in rows
        )
        batch = (tf.cast(features, tf.float32) / divisor, *others)
        state, loss, rate = update(
            measure, kinds, state, batch, numbers, draws, first_step + number, at
        )
        scores = score_rows(unmeasured, *batch[:2]) if unmeasured else {}
        sums = {name: sums[name] + tf.tensordot(batch[2], scores[name], 1) for name in sums}
        return number + 1, state, total + loss, tf.where(number == 0, rate, first_rate), sums

    is_stack_of_classes = y.dtype.is_integer and state.outcome.shape.rank == 1
    turns = is_stack_of_classes and kinds.elementwise and X.shape[-1] >= MANY and n_batches > 1
    if turns:
        state = change_layout(state, turn)
        unmeasured = turn(unmeasured) if unmeasured else None
    zeros = tf.zeros(state.outcome.shape)
    sums = dict.fromkeys(name_scores(y), zeros) if unmeasured else {}
    begin = (tf.constant(0), state, zeros, zeros, sums)
    _, state, total, first_rate, sums = _loop(take, n_batches, begin, n_before)
    state = change_layout(state, turn_back) if turns else state
    return settle(state, start, at), total, first_rate, sums


def _loop(take: Callable[..., Any], n_batches: int, begin: Any, n_before: Any) -> Any:
    """Take a step with each batch; where a mean is kept, include the parameters after it.

    `take` and `begin` have the batch's number, the state, and sums.
    """

    def take_until(until: Any, number: Any, state: State, *sums: Any) -> Any:
        return tf.while_loop(lambda number, *_: number < until, take, (number, state, *sums))

    def take_and_include(number: Any, state: State, *sums: Any) -> Any:
        # A loop in a loop, so that an epoch without a mean pays nothing for it.
        until = tf.where(n_before < 0, n_batches, number + 1)
        _, state, *new_sums = take_until(until, number, state, *sums)
        return until, include(state, tf.maximum(n_before, 0) + number), *new_sums

    if not begin[1].average:
        return take_until(n_batches, *begin)
    return tf.while_loop(lambda number, *_: number < n_batches, take_and_include, begin)


def _cut(values: Any, first: Any, n_rows: int, n_from_last: int) -> Any:
    """Cut rows out of values, whose axis of rows is counted from the last one."""
    axis = values.shape.rank - n_from_last
    sizes = [n_rows if place == axis else size for place, size in enumerate(values.shape)]
    return tf.slice(values, [first if place == axis else 0 for place in range(len(sizes))], sizes)


@lru_cache(maxsize=32)
def compile_batches(
    kinds: Kinds, batch_size: int, divisor: int, compiled: Compile | None
) -> Callable[..., Any]:
    """Make the program of `take_batches`, for runs of these kinds, any numbers, any shape.

    A compiled one takes the keys of `NamedDraws` in the place of the draws.
    """
    if compiled is None:
        return partial(take_batches, kinds, batch_size, divisor)

    def run_batches(
        state: State, start: State, rows: Any, numbers: Any, keys: Any, *more: Any
    ) -> tuple[State, Any, Any, dict[str, Any]]:
        draws = NamedDraws(keys)
        return take_batches(
            kinds, batch_size, divisor, state, start, rows, numbers, draws, *more
        )  # fmt: skip

    return compiled(run_batches)


@lru_cache(maxsize=16)
def compile_pass(
    function: Callable[..., Any], divisor: int, compiled: Compile | None
) -> Callable[..., Any]:
    """Make the program that runs `evaluate`, `predict` or `predict_rows` in all lanes."""

    def run_pass(parameters: Parameters, X: Any, y: Any) -> Any:
        return function(parameters, X, y, divisor)

    return compiled(run_pass) if compiled else run_pass
