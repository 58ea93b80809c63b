"""The training step: loss, gradient, noise, update, schedule, stopping. The only tape is here.

Everything works on one run or on any number of lanes, whose axes stand last. The order within a
step: loss and gradient at the current parameters; clipping; noise; update; then the stall count
with the loss from before the update, and what it leads to.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from fairtrial.kinds.losses.classes import measure_labels
from fairtrial.kinds.losses.numbers import average_losses
from fairtrial.kinds.optimizers.averages import weigh_newest
from fairtrial.kinds.optimizers.schedules import schedule_rate
from fairtrial.parameters import Parameters
from fairtrial.training.hyperparameters import Kinds
from fairtrial.training.layout import spread, turn_back
from fairtrial.training.model import (
    PENALTIES,
    Numbers,
    predict_logits,
    predict_noisy_logits,
    predict_numbers,
    shrink,
)
from fairtrial.training.noise import Draws, inject, scale_features
from fairtrial.training.stopping import count_stall, has_stalled, lower_rates
from fairtrial.training.trace import (
    COMPLETED,
    DIVERGED,
    RATE_FLOOR,
    STOPPED_EARLY,
    TRAINING,
)
from fairtrial.training.updates import apply_updates, clip_gradients, find_directions, init_slots


class State(NamedTuple):
    """What changes from step to step, (...) per lane unless said otherwise."""

    parameters: Parameters
    slots: dict[str, Parameters]
    learning_rate: Any
    best_loss: Any
    stall: Any
    plateau: Any  # best and stall of what schedules count alone; () where none does
    n_halvings: Any  # of the rate, by its schedule
    first_halving: Any  # the step (epoch) after which it was first halved; -1 before that
    offset: Any  # noise on the targets, (..., N); () where no lane has any
    best_monitored: Any
    monitored_stall: Any
    best_parameters: Any  # like parameters; () where no lane restores them
    average: Any  # over an epoch, like parameters; () where none is kept
    running: Any  # a mean of the way that a lane ends with, like parameters; () where none does
    outcome: Any
    ended_at: Any


def init_state(kinds: Kinds, parameters: Parameters, numbers: Numbers, n_rows: int) -> State:
    """Make the state before the first step, at the starts; lane axes last.

    N, the number of training rows, is for noise on the targets.
    """
    rate = numbers["optimizer.learning_rate"]
    return State(
        parameters=parameters,
        slots=init_slots(kinds.optimizers, parameters),
        learning_rate=rate,
        best_loss=tf.fill(rate.shape, float("inf")),
        stall=tf.zeros(rate.shape, tf.int32),
        plateau=(tf.fill(rate.shape, float("inf")), tf.zeros(rate.shape, tf.int32))
        if kinds.plateaus
        else (),
        n_halvings=tf.zeros(rate.shape, tf.int32),
        first_halving=tf.fill(rate.shape, -1),
        best_monitored=tf.fill(rate.shape, float("inf")),
        monitored_stall=tf.zeros(rate.shape, tf.int32),
        best_parameters=parameters if kinds.restores_best else (),
        average=parameters if kinds.averages and "epochs" in numbers else (),
        running=parameters if kinds.running else (),
        offset=tf.zeros((*rate.shape, n_rows)) if kinds.list_injections("targets") else (),
        outcome=tf.fill(rate.shape, TRAINING),
        ended_at=tf.fill(rate.shape, -1),
    )


def measure_regression(kinds: Kinds, state: State, batch: tuple[Any, Any], numbers: Numbers) -> Any:
    """Compute the loss of linear regression; `batch` is X and y, of all rows or some; (...).

    Third of some rows come weights, as in `measure_classes`. Where a lane has noise on the targets,
    the positions of the rows among all rows come fourth.
    """
    residual, weights = _find_residual(state, batch)
    return average_losses(kinds.losses, residual, numbers, weights)


def _find_residual(state: State, batch: tuple[Any, ...]) -> tuple[Any, Any]:
    X, y, *more = batch
    weights, *positions = more or [None]
    if not isinstance(state.offset, tuple):
        y += _take_rows(state.offset, positions[0]) if positions else state.offset
    return y - predict_numbers(state.parameters, X), weights


def _take_rows(offset: Any, positions: Any) -> Any:
    """Take some rows of noise, (N,) or (S, L, N), by their positions, (B,) or (S, 1, B)."""
    if offset.shape.rank == 1:
        return tf.gather(offset, positions)
    return tf.gather(offset, tf.squeeze(positions, 1), axis=-1, batch_dims=1)


def measure_classes(kinds: Kinds, state: State, batch: tuple[Any, ...], numbers: Numbers) -> Any:
    """Compute the loss of softmax regression; `batch` is X, labels, and weights of rows; (...).

    Weights are 1, and 0 for the rows that only fill the last batch of an epoch. Where a lane has
    noise on the features, standard normals like X come fourth.
    """
    X, labels, weights, *noise = batch
    if noise:
        scale = scale_features(kinds, numbers)
        logits = predict_noisy_logits(state.parameters, X, noise[0], scale)
    else:
        logits = predict_logits(state.parameters, X)
    losses = measure_labels(kinds.losses, logits, labels, numbers)
    if kinds.weighs_classes:
        losses *= tf.gather(numbers["class_weights"], labels)
    return tf.tensordot(weights, losses, 1) / tf.reduce_sum(weights)


Measure = Callable[[Kinds, State, Any, Numbers], Any]


def update(
    measure: Measure,
    kinds: Kinds,
    state: State,
    batch: Any,
    numbers: Numbers,
    draws: Draws,
    step: Any,
    at: Any,
) -> tuple[State, Any, Any]:
    """Take one step, counted from 0, of every lane that is still training.

    `at` is what to note as the time of a divergence: the step, or the epoch. Returns the state
    after the update, the losses (...) before it, and the learning rates (...) that it was taken
    with, after noise and schedules. A lane whose loss is not finite, or with a vector of weights
    whose update would not be, keeps its parameters and ends as `diverged`.
    """
    loss, gradients = _differentiate(measure, kinds, state, batch, numbers)
    new, rate = _move(kinds, state, batch, gradients, numbers, draws, step)
    training = state.outcome == TRAINING
    finite = tf.math.is_finite(loss)
    n_lane_axes = loss.shape.rank
    # A matrix of weights is dear to look through at every step: `settle` does once an epoch.
    if new.parameters.b.shape.rank == n_lane_axes:
        finite &= _is_finite([new.parameters, *new.slots.values()], n_lane_axes)
    # The slots of a lane that has ended are never used again: they may go on.
    changed = (new.parameters, new.learning_rate)
    before = (state.parameters, state.learning_rate)
    parameters, kept_rate = _choose(training & finite, changed, before)
    diverged = training & ~finite
    if kinds.running:
        weight = weigh_newest(kinds.running, numbers, step)
        weight *= tf.cast(training & finite, tf.float32)
        new = new._replace(running=move_mean(state.running, parameters, weight))
    return (
        new._replace(
            parameters=parameters,
            learning_rate=kept_rate,
            outcome=tf.where(diverged, DIVERGED, state.outcome),
            ended_at=tf.where(diverged, at, state.ended_at),
        ),
        loss,
        rate,
    )


def _differentiate(
    measure: Measure, kinds: Kinds, state: State, batch: Any, numbers: Numbers
) -> tuple[Any, Parameters]:
    """Return the losses (...), penalties included, and their gradients, clipped."""
    with tf.GradientTape() as tape:
        tape.watch(state.parameters)
        loss = measure(kinds, state, batch, numbers)
        for name in sorted(kinds.penalties):
            weight = numbers[f"penalty.{name}"]
            penalty = PENALTIES[name](turn_back(state.parameters).W, loss.shape.rank)
            # The square of a large weight is infinite, in lanes without a penalty too.
            loss += tf.where(weight > 0, weight * penalty, 0.0)
        total = tf.reduce_sum(loss)  # Its gradient holds each lane's own.
    gradients = Parameters(*tape.gradient(total, list(state.parameters)))
    return loss, clip_gradients(kinds, gradients, numbers)


def _move(
    kinds: Kinds,
    state: State,
    batch: Any,
    gradients: Parameters,
    numbers: Numbers,
    draws: Draws,
    step: Any,
) -> tuple[State, Any]:
    """Inject noise and update every lane; the new state, and the rates (...) that it took."""
    directions = None
    if any(one.kind.needs_curvature for one in kinds.optimizers):
        residual, _ = _find_residual(state, batch)
        directions = find_directions(kinds, residual, batch[0], gradients, numbers)
    new = inject(kinds, state, draws, numbers, step)
    count = tf.cast(step + 1, tf.float32)
    rate = schedule_rate(kinds.schedules, new.learning_rate, numbers, step)
    parameters, slots = apply_updates(
        kinds.optimizers, new.parameters, gradients, new.slots, rate, numbers, count, directions
    )
    if "proximal" in kinds.penalties:
        most = rate * numbers["penalty.proximal"]
        shrunk = shrink(parameters.W, spread(most, parameters.W))
        parameters = parameters._replace(W=shrunk)
    return new._replace(parameters=parameters, slots=slots), rate


def judge(
    kinds: Kinds,
    state: State,
    loss: Any,
    numbers: Numbers,
    at: Any,
    last: Any,
    candidate: Parameters,
    monitored: Any = None,
    watched: Any = None,
) -> State:
    """Count stalls, and let schedule and stopping act on them.

    Parameters
    ----------
    loss : (...)
        The loss from before the update, or an epoch's mean.
    at, last : (), (...)
        The step, or the epoch: this one, and the one at which a lane's training is complete.
    candidate : Parameters
        What `restore_best` keeps if this is the best: the parameters that the loss was measured
        at, or those at the epoch's end.
    monitored, watched : (...), optional
        What stopping looks at, and what schedules look at, lower is better; the loss if absent.
    """
    training = state.outcome == TRAINING
    best_loss, stall = count_stall(loss, state.best_loss, state.stall)
    watched = loss if watched is None else watched
    rate, stall, below_floor, plateau, lowered = lower_rates(
        kinds, state.learning_rate, stall, state.plateau, watched, numbers
    )
    # Noise changes the rate in `update`; here only the schedule does.
    halved = rate < state.learning_rate
    new = state._replace(
        learning_rate=rate,
        best_loss=best_loss,
        stall=stall,
        plateau=plateau,
        n_halvings=state.n_halvings + tf.cast(halved, tf.int32),
        first_halving=tf.where(halved & (state.n_halvings == 0), at, state.first_halving),
    )
    better, stopping_stall = loss < state.best_loss, stall
    if monitored is not None:
        best, count = _count_monitored(kinds, state, monitored, lowered, numbers)
        new = new._replace(best_monitored=best, monitored_stall=count)
        better = monitored < state.best_monitored
        stopping_stall = tf.where(numbers["stopping.monitor"] == 0, stall, count)
    if state.best_parameters:
        new = new._replace(best_parameters=_choose(better, candidate, state.best_parameters))
    outcome = _find_outcome(at, last, stopping_stall, below_floor, numbers)
    ended_at = tf.where(outcome == TRAINING, state.ended_at, at)
    new = new._replace(outcome=outcome, ended_at=ended_at)
    return _advance(training, new, state)


def _advance(training: Any, new: State, state: State) -> State:
    """Take the new state in lanes that still train (...), and keep the old one in the others."""
    changed = [name for name in State._fields if getattr(new, name) is not getattr(state, name)]
    return state._replace(
        **{name: _choose(training, getattr(new, name), getattr(state, name)) for name in changed}
    )


def _count_monitored(
    kinds: Kinds, state: State, monitored: Any, lowered: Any, numbers: Numbers
) -> tuple[Any, Any]:
    """Count how long what stopping monitors has not improved: its best, and the count; (...)."""
    best, count = count_stall(monitored, state.best_monitored, state.monitored_stall)
    if kinds.plateaus:  # A lower rate starts the count of what both monitor.
        both = numbers["plateau.monitor"] == numbers["stopping.monitor"]
        count = tf.where(lowered & both, 0, count)
    return best, count


def _find_outcome(at: Any, last: Any, stall: Any, below_floor: Any, numbers: Numbers) -> Any:
    """Find what ends a lane at a step (epoch), if anything does; (...)."""
    outcome = tf.where(at >= last, COMPLETED, TRAINING)
    outcome = tf.where(has_stalled(stall, numbers), STOPPED_EARLY, outcome)
    return tf.where(below_floor, RATE_FLOOR, outcome)


def take_step(
    kinds: Kinds, state: State, batch: Any, numbers: Numbers, draws: Draws, step: Any
) -> tuple[State, Any, Any]:
    """Take one full-batch step: update, then judge by the loss from before the update.

    Parameters and returns are as in `update`; `batch` is X and y.
    """
    before = state.parameters
    state, loss, rate = update(
        measure_regression, kinds, state, batch, numbers, draws, step, step
    )  # fmt: skip
    return judge(kinds, state, loss, numbers, step, numbers["steps"] - 1, before), loss, rate


def settle(state: State, start: State, at: Any) -> State:
    """Take lanes whose weights an update made non-finite back to where they were finite.

    They get their parameters of `start`, before some steps on a matrix of weights, and end as
    `diverged` in the epoch `at`.
    """
    n_lane_axes = state.outcome.shape.rank
    lost = ~_is_finite([state.parameters], n_lane_axes)
    training = state.outcome == TRAINING
    everything = [state.parameters, *state.slots.values()]
    diverged = lost | (training & ~_is_finite(everything, n_lane_axes))
    return state._replace(
        parameters=_choose(lost, start.parameters, state.parameters),
        outcome=tf.where(diverged, DIVERGED, state.outcome),
        ended_at=tf.where(diverged, at, state.ended_at),
    )


def include(state: State, n_before: Any) -> State:
    """Include the parameters after a batch in the mean of the epoch, in lanes that still train.

    `n_before` of the epoch's iterates are in the mean already; at 0 the mean starts.
    """
    share = 1.0 / tf.cast(n_before + 1, tf.float32)
    mean = move_mean(state.average, state.parameters, share)
    return state._replace(average=_choose(state.outcome == TRAINING, mean, state.average))


def move_mean(mean: Parameters, newest: Parameters, weight: Any) -> Parameters:
    """Move a mean by the weight of the newest parameters in it, (...)."""
    return Parameters(
        *(old + (new - old) * spread(weight, old) for old, new in zip(mean, newest, strict=True))
    )


def end(kinds: Kinds, state: State, numbers: Numbers) -> Parameters:
    """Return the final parameters: the best ones, or a mean, in the lanes that end with them."""
    parameters = state.parameters
    if state.best_parameters:
        restore = numbers["stopping.restore_best"] > 0
        parameters = _choose(restore, state.best_parameters, parameters)
    if state.running:
        used = sum(numbers[one.use] for one in kinds.running)
        ends_with = (used > 0) & (state.outcome != DIVERGED)
        parameters = _choose(ends_with, state.running, parameters)
    return parameters


def change_layout(state: State, change: Callable[[Parameters], Parameters]) -> State:
    """Turn all weights of a state, or turn them back."""

    def visit(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: change(slot) for name, slot in value.items()}
        return change(value) if isinstance(value, Parameters) else value

    return State(*map(visit, state))


def keep_lanes(state: State, lanes: Sequence[int]) -> State:
    """Keep some lanes of a stack, in this order."""

    def take(values: Any, axis: int = -1) -> Any:
        return tf.gather(values, lanes, axis=axis)

    kept = tf.nest.map_structure(take, state._replace(offset=()))
    has_offset = not isinstance(state.offset, tuple)
    return kept._replace(offset=take(state.offset, -2)) if has_offset else kept


def _is_finite(values: Sequence[Parameters], n_lane_axes: int) -> Any:
    """Say which lanes' values, weights and biases, are all finite; (...)."""
    finite = True
    for value in [value for pair in values for value in pair]:
        axes = list(range(value.shape.rank - n_lane_axes))
        # A sum is finite only where its terms are, and is cheaper than a look at each.
        finite &= tf.math.is_finite(tf.reduce_sum(value, axes))
    return finite


def _choose(chosen: Any, new: Any, old: Any) -> Any:
    """Take the new values in the lanes chosen (...), and the old ones in the others."""
    if chosen.shape.rank == 0 and tf.executing_eagerly():
        return new if chosen else old  # One run: a choice of Python's, without operations.
    return tf.nest.map_structure(lambda new, old: tf.where(spread(chosen, old), new, old), new, old)
