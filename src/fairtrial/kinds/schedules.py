"""Schedules: what happens to the learning rate as a run goes on, or when its loss stalls.

A schedule is a factor on the rate; a list of schedules multiplies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, overload

from fairtrial.kinds.kind import Kind, KindSettings, Variant
from fairtrial.kinds.registry import Family, decorate
from fairtrial.kinds.tensors import tf
from fairtrial.settings.base import Count, NonNegative, Positive, Share

P = ParamSpec("P")


class ScheduleSettings(KindSettings):
    """Settings of a schedule."""

    @property
    def needs_length(self) -> bool:
        """Whether the rate of a step depends on how long the run is."""
        return self.definition.needs_length

    @property
    def on_stalls(self) -> bool:
        """Whether it acts when the loss stalls, and may end the run; else it is a factor."""
        return self.definition.on_stalls

    @property
    def is_one(self) -> bool:
        """Whether it is a factor of 1."""
        return self.definition.is_one

    @property
    def lowest_rate(self) -> float:
        """The rate below which it ends the run; 0 if it never does."""
        return getattr(self, "floor", 0.0) if self.on_stalls else 0.0


SCHEDULES: Family[ScheduleSettings] = Family("schedule", ScheduleSettings)


@dataclass(frozen=True, eq=False, kw_only=True)
class Schedule(Kind[P]):
    """A factor on the learning rate.

    Attributes
    ----------
    needs_length : bool
        Whether the factor depends on `progress`, and so on the length of the run. Runs that differ
        in their length alone are trained once where it does not.
    is_one : bool
        Whether the factor is always 1, so that no program contains it.
    """

    family = SCHEDULES
    data = ("progress", "step")
    compiled = True
    on_stalls = False

    needs_length: bool = True
    is_one: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class StallSchedule(Kind[P]):
    """A schedule that acts when the training loss stalls, and may end the run.

    One of its settings is `floor`, the rate below which it ends the run.
    """

    family = SCHEDULES
    data = ("rate", "stall")
    compiled = True
    on_stalls = True
    needs_length = False
    is_one = False


@overload
def schedule(function: Callable[Concatenate[Any, Any, P], Any], /) -> Schedule[P]: ...
@overload
def schedule(
    *, needs_length: bool = ..., is_one: bool = ..., label: str = ..., also: str = ...
) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], Schedule[P]]: ...
def schedule(function: Any = None, /, **facts: Any) -> Any:
    """Make a schedule of a function of progress and step; the facts are those of `Schedule`.

    Parameters
    ----------
    function : callable
        Of the share of the run's steps that are taken, (...) per lane, and the number of the step,
        from 0, both float32. It returns the factor on the learning rate, (...).
    """
    return decorate(Schedule, function, facts)


@overload
def stall_schedule(function: Callable[Concatenate[Any, Any, P], Any], /) -> StallSchedule[P]: ...
@overload
def stall_schedule(
    *, label: str = ..., also: str = ...
) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], StallSchedule[P]]: ...
def stall_schedule(function: Any = None, /, **facts: Any) -> Any:
    """Make a schedule of what happens when the loss stalls.

    Parameters
    ----------
    function : callable
        Of the rate (...) and the steps (epochs) since the last new lowest loss (...). It returns
        both as they are afterwards, and where the run ends (...).
    """
    return decorate(StallSchedule, function, facts)


@schedule(needs_length=False, is_one=True)
def constant(progress: Any, step: Any) -> Any:
    """Keep the learning rate that the optimizer says.

    References
    ----------
    Bottou, Curtis and Nocedal (2018), "Optimization methods for large-scale machine learning",
    section 4.
    """
    return tf.ones_like(progress)


@stall_schedule(also="plateau reducelronplateau")
def halve_on_plateau(
    rate: Any, stall: Any, *, patience: Count = 100, floor: Positive = 1e-6
) -> tuple[Any, Any, Any]:
    """Halve the learning rate after `patience` steps without a new lowest training loss.

    The count then starts again. The run ends (`rate_floor`) once the rate is below `floor`.

    References
    ----------
    `ReduceLROnPlateau` of Keras and PyTorch, with factor 0.5 and without cooldown.
    """
    halve = stall >= patience
    rate = tf.where(halve, rate * 0.5, rate)
    return rate, tf.where(halve, 0, stall), rate < floor


@schedule
def linear(progress: Any, step: Any) -> Any:
    """Lower the learning rate in a straight line, step by step, to 0 at the end of the run.

    References
    ----------
    `PolynomialDecay` of Keras, with power 1 and end 0.
    """
    return 1.0 - progress


@schedule
def cosine(progress: Any, step: Any) -> Any:
    """Lower the learning rate step by step along half a cosine (Loshchilov and Hutter 2017).

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".
    """
    # Half of one plus the cosine: more exact like this where little is left.
    return tf.square(tf.cos(math.pi / 2 * progress))


@schedule(needs_length=False, also="linearwarmup rampup")
def warmup(progress: Any, step: Any, *, steps: Count = 100) -> Any:
    """Raise the learning rate in a straight line over the first `steps` steps (batches).

    Step t, from 0, has the factor (t + 1) / steps, and 1 from `steps` on.

    References
    ----------
    Goyal et al. (2017), arXiv:1706.02677, section 2.2.
    """
    return tf.minimum((step + 1.0) / tf.cast(steps, tf.float32), 1.0)


@schedule(needs_length=False, also="exponentialdecay")
def exponential(progress: Any, step: Any, *, factor: Share = 0.96, every: Count = 100) -> Any:
    """Multiply the learning rate by `factor` every `every` steps (batches), smoothly.

    References
    ----------
    `ExponentialDecay` of Keras: `factor` to the power of step / every.
    """
    return tf.pow(factor, step / tf.cast(every, tf.float32))


@schedule(needs_length=False, also="stepdecay steplr piecewise staircase")
def stairs(progress: Any, step: Any, *, factor: Share = 0.1, every: Count = 1000) -> Any:
    """Multiply the learning rate by `factor` after every `every` steps (batches).

    References
    ----------
    `StepLR` of PyTorch, with `gamma` and `step_size`.
    """
    return tf.pow(factor, tf.floor(step / tf.cast(every, tf.float32)))


@schedule(needs_length=False, also="inversetimedecay timedecay")
def inverse_time(progress: Any, step: Any, *, decay: Positive = 1.0, every: Count = 100) -> Any:
    """Divide the learning rate by 1 + decay step / every.

    References
    ----------
    Robbins and Monro (1951), doi:10.1214/aoms/1177729586; `InverseTimeDecay` of Keras.
    """
    return 1.0 / (1.0 + decay * step / tf.cast(every, tf.float32))


@schedule(also="polynomialdecay poly")
def polynomial(progress: Any, step: Any, *, power: Positive = 2.0, end: NonNegative = 0.0) -> Any:
    """Lower the learning rate to the share `end` at the end of the run, by a power of what is left.

    References
    ----------
    `PolynomialDecay` of Keras, with its end as a share of the rate.
    """
    return (1.0 - end) * tf.pow(1.0 - progress, power) + end


def schedule_rate(schedules: tuple[Variant, ...], rate: Any, numbers: Any, step: Any) -> Any:
    """Return the rate that a step is taken with.

    Parameters
    ----------
    schedules : tuple of Variant
        The factors that the program contains.
    rate : (...)
        What the rate would be without them.
    numbers : mapping of str to (...)
        The schedules' numbers, in which lanes each acts, and `n_steps`, the most steps of the run.
    step : ()
        Counted from 0.

    Returns
    -------
    (...)
        As it was in lanes without a schedule.
    """
    if not schedules:
        return rate
    step = tf.cast(step, tf.float32)
    progress, factor = step / numbers["n_steps"], 1.0
    for each in schedules:
        own = each.apply(progress, step, numbers=numbers)
        factor *= tf.where(numbers[each.use] > 0, own, 1.0)
    return rate * factor


def apply_stalls(
    schedules: tuple[Variant, ...], rate: Any, stall: Any, numbers: Any
) -> tuple[Any, Any, Any]:
    """Apply the schedules that act on stalls, each in its lanes.

    Parameters
    ----------
    schedules : tuple of Variant
        Those that the program contains.
    rate, stall : (...)
        The learning rate; the steps (epochs) since the last new lowest loss.
    numbers : mapping of str to (...)
        The schedules' numbers, and in which lanes each acts.

    Returns
    -------
    rate, stall, ends : (...)
        After the schedules, and where the run ends.
    """
    ends = tf.zeros_like(stall, tf.bool)
    for each in schedules:
        acts = numbers[each.use] > 0
        new_rate, new_stall, over = each.apply(rate, stall, numbers=numbers)
        rate, stall = tf.where(acts, new_rate, rate), tf.where(acts, new_stall, stall)
        ends |= acts & over
    return rate, stall, ends
