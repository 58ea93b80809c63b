"""Schedules: factors on the learning rate, which multiply, and what happens on stalls."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Literal, overload

from pydantic import Field

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P, Variant
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.kinds.metrics.monitors import LOSS, Monitor, read_monitor
from fairtrial.kinds.metrics.numbers import MetricSettings
from fairtrial.settings.base import Count, Decay, NonNegative, Positive, Share


class ScheduleSettings(KindSettings):
    """Settings of a schedule."""

    needs_length = Fact[bool]()  # Whether the rate of a step depends on how long the run is.
    # Whether it acts when the loss stalls, and may end the run; else it is a factor.
    on_stalls = Fact[bool]()

    @property
    def watched(self) -> MetricSettings | None:
        """The metric on the validation rows that it watches; None for the training loss."""
        return read_monitor(getattr(self, "monitor", LOSS))

    @property
    def counts_alone(self) -> bool:
        """Whether it counts other stalls than those of the training loss."""
        return self.on_stalls and any(
            getattr(self, name) != value
            for name, value in (("monitor", "loss"), ("threshold", 0.0), ("cooldown", 0))
        )

    raises_rate = Fact[bool]()  # Whether the rate may rise above the one that the optimizer has.
    is_one = Fact[bool]()  # Whether it is a factor of 1.
    # What a schedule that acts on stalls multiplies the rate by each time.
    lowers_by = Fact[float]()

    @property
    def lowest_rate(self) -> float:
        """The rate below which it ends the run; 0 if it never does."""
        return getattr(self, "floor", 0.0) if self.on_stalls else 0.0


SCHEDULES: Family[ScheduleSettings] = Family("schedule", ScheduleSettings)

__getattr__ = SCHEDULES.get_attribute


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
    raises_rate : bool or callable
        Whether the factor may be above 1, maybe as a function of the settings.
    """

    family = SCHEDULES
    data = ("progress", "step")
    compiled = True
    on_stalls = False
    lowers_by = 1.0

    needs_length: bool = True
    is_one: bool = False
    raises_rate: Callable[..., bool] | bool = True


@overload
def schedule(function: Callable[Concatenate[Any, Any, P], Any], /) -> Schedule[P]: ...
@overload
def schedule(**facts: Any) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], Schedule[P]]: ...
def schedule(function: Any = None, /, **facts: Any) -> Any:
    """Make a schedule of a function of progress and step; the facts are those of `Schedule`.

    Parameters
    ----------
    function : callable
        Of the share of the run's steps that are taken, (...) per lane, and the number of the step,
        from 0, both float32. It returns the factor on the learning rate, (...).
    """
    return decorate(Schedule, function, facts)


@schedule(needs_length=False, is_one=True, raises_rate=False)
def constant(progress: Any, step: Any) -> Any:
    """Keep the learning rate that the optimizer says.

    References
    ----------
    Bottou, Curtis and Nocedal (2018), "Optimization methods for large-scale machine learning",
    section 4.
    """
    return tf.ones_like(progress)


@schedule(raises_rate=False)
def linear(progress: Any, step: Any) -> Any:
    """Lower the learning rate in a straight line, step by step, to 0 at the end of the run.

    References
    ----------
    `PolynomialDecay` of Keras, with power 1 and end 0.
    """
    return 1.0 - progress


@schedule(raises_rate=False)
def cosine(progress: Any, step: Any) -> Any:
    """Lower the learning rate step by step along half a cosine (Loshchilov and Hutter 2017).

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".
    """
    # Half of one plus the cosine: more exact like this where little is left.
    return tf.square(tf.cos(math.pi / 2 * progress))


@schedule(needs_length=False, raises_rate=False, also="cosinedecayrestarts sgdr warmrestarts")
def cosine_restarts(
    progress: Any,
    step: Any,
    *,
    first: Count = 1000,
    stretch: Annotated[float, Field(ge=1, le=100)] = 2.0,
    shrink: Annotated[float, Field(gt=0, le=1)] = 1.0,
    end: Decay = 0.0,
) -> Any:
    """Lower the learning rate along half a cosine again and again, each time from the start.

    The first time takes `first` steps (batches), each next one `stretch` times as many, from
    `shrink` times the rate. The lowest share of the rate is `end`.

    References
    ----------
    Loshchilov and Hutter (2017), arXiv:1608.03983; `CosineDecayRestarts` of Keras, and
    `CosineAnnealingWarmRestarts` of PyTorch, which has no `shrink`.
    """
    times = step / tf.cast(first, tf.float32)
    more = tf.where(stretch > 1.0, stretch - 1.0, 1.0)

    def begin(period: Any) -> Any:
        """Return when a period begins, in units of the first one."""
        return tf.where(stretch > 1.0, (tf.pow(stretch, period) - 1.0) / more, period)

    grown = tf.math.log(1.0 + times * more) / tf.math.log(1.0 + more)
    # The nearest period, or the one before: powers and logarithms are rounded.
    nearest = tf.round(tf.where(stretch > 1.0, grown, times))
    period = tf.where(times < begin(nearest) * (1.0 - 1e-6), nearest - 1.0, nearest)
    share = tf.clip_by_value((times - begin(period)) / tf.pow(stretch, period), 0.0, 1.0)
    height = tf.pow(shrink, period) * tf.square(tf.cos(math.pi / 2 * share))
    return (1.0 - end) * height + end


@schedule(raises_rate=False, also="onecyclelr onecycle superconvergence")
def one_cycle(
    progress: Any,
    step: Any,
    *,
    rise: Share = 0.3,
    start: Share = 0.04,
    end: Share = 4e-6,
    along: Literal["cosine", "line"] = "cosine",
) -> Any:
    """Raise the learning rate to that of the optimizer, and lower it to almost 0.

    The share `rise` of the steps goes up from the share `start` of the rate, the rest goes down to
    the share `end`, which the last step has. Momentum stays as it is. PyTorch names the same shares
    `pct_start`, 1 / `div_factor` and 1 / (`div_factor` `final_div_factor`).

    References
    ----------
    Smith and Topin (2018), arXiv:1708.07120; `OneCycleLR` of PyTorch with two phases and without
    its cycle of the momentum.
    """
    top = rise - tf.math.divide_no_nan(progress, step)  # The highest step is one before.

    def move(low: Any, high: Any, share: Any) -> Any:
        share = tf.clip_by_value(share, 0.0, 1.0)
        rest, angle = 1.0 - share, math.pi / 2 * share
        if along == "cosine":
            share, rest = tf.square(tf.sin(angle)), tf.square(tf.cos(angle))
        return low * rest + high * share  # So small ends keep their digits.

    up = move(start, 1.0, progress / tf.maximum(top, 1e-9))
    return tf.where(progress <= top, up, move(1.0, end, (progress - top) / (1.0 - rise)))


@schedule(needs_length=False, raises_rate=False, also="linearwarmup rampup")
def warmup(progress: Any, step: Any, *, steps: Count = 100) -> Any:
    """Raise the learning rate in a straight line over the first `steps` steps (batches).

    Step t, from 0, has the factor (t + 1) / steps, and 1 from `steps` on.

    References
    ----------
    Goyal et al. (2017), arXiv:1706.02677, section 2.2.
    """
    return tf.minimum((step + 1.0) / tf.cast(steps, tf.float32), 1.0)


@schedule(needs_length=False, raises_rate=False, also="exponentialdecay")
def exponential(progress: Any, step: Any, *, factor: Share = 0.96, every: Count = 100) -> Any:
    """Multiply the learning rate by `factor` every `every` steps (batches), smoothly.

    References
    ----------
    `ExponentialDecay` of Keras: `factor` to the power of step / every.
    """
    return tf.pow(factor, step / tf.cast(every, tf.float32))


@schedule(needs_length=False, raises_rate=False, also="stairs stepdecay steplr piecewise staircase")
def step(progress: Any, step: Any, *, factor: Share = 0.1, every: Count = 1000) -> Any:
    """Multiply the learning rate by `factor` after every `every` steps (batches).

    References
    ----------
    `StepLR` of PyTorch, with `gamma` and `step_size`.
    """
    return tf.pow(factor, tf.floor(step / tf.cast(every, tf.float32)))


@schedule(needs_length=False, raises_rate=False, also="inversetimedecay timedecay")
def inverse_time(progress: Any, step: Any, *, decay: Positive = 1.0, every: Count = 100) -> Any:
    """Divide the learning rate by 1 + decay step / every.

    References
    ----------
    Robbins and Monro (1951), doi:10.1214/aoms/1177729586; `InverseTimeDecay` of Keras.
    """
    return 1.0 / (1.0 + decay * step / tf.cast(every, tf.float32))


@schedule(raises_rate=lambda end: end > 1.0, also="polynomialdecay poly")
def polynomial(progress: Any, step: Any, *, power: Positive = 2.0, end: NonNegative = 0.0) -> Any:
    """Lower the learning rate to the share `end` at the end of the run, by a power of what is left.

    References
    ----------
    `PolynomialDecay` of Keras, with its end as a share of the rate.
    """
    return (1.0 - end) * tf.pow(1.0 - progress, power) + end


def schedule_rate(schedules: tuple[Variant, ...], rate: Any, numbers: Any, step: Any) -> Any:
    """Return the rate (...) that a step is taken with: unchanged in lanes without a schedule.

    The numbers (...) are those of the schedules, in which lanes each acts, and `n_steps`, the most
    steps of the run. Steps are counted from 0.
    """
    if not schedules:
        return rate
    step = tf.cast(step, tf.float32)
    progress, factor = step / numbers["n_steps"], 1.0
    for each in schedules:
        own = each.apply(progress, step, numbers=numbers)
        factor *= tf.where(numbers[each.use] > 0, own, 1.0)
    return rate * factor


NoCount = Annotated[int, Field(ge=0, lt=2**31)]

MONITOR = "What must improve: the training loss, or a metric on the validation rows."
THRESHOLD = "By which share of the best so far it must be better to count as better."
COOLDOWN = "Steps (epochs) after each lowering of the rate that do not count as stalls."


@dataclass(frozen=True, eq=False, kw_only=True)
class StallSchedule(Kind[P]):
    """A schedule that acts when what it monitors stalls, and may end the run.

    One of its settings is `floor`, the rate below which it ends the run. All of them also have
    `monitor`, `threshold` and `cooldown`.

    Attributes
    ----------
    lowers_by : callable or float
        What it multiplies the rate by each time, maybe as a function of the settings.
    """

    family = SCHEDULES
    data = ("rate", "stall")
    compiled = True
    on_stalls = True
    needs_length = False
    is_one = False
    raises_rate = False

    lowers_by: Callable[..., float] | float = 0.5

    def add_fields(self) -> dict[str, Any]:
        """Return what counts as a stall, which all of them have."""
        return {
            "monitor": (Monitor, Field(LOSS, description=MONITOR)),
            "threshold": (Decay, Field(0.0, description=THRESHOLD)),
            "cooldown": (NoCount, Field(0, description=COOLDOWN)),
        }


@overload
def stall_schedule(function: Callable[Concatenate[Any, Any, P], Any], /) -> StallSchedule[P]: ...
@overload
def stall_schedule(
    **facts: Any,
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


@stall_schedule(lowers_by=lambda factor: factor, also="reducelronplateau")
def reduce_on_plateau(
    rate: Any, stall: Any, *, factor: Share = 0.1, patience: Count = 10, floor: Positive = 1e-6
) -> tuple[Any, Any, Any]:
    """Multiply the learning rate by `factor` after `patience` steps (epochs) without a new best.

    What is best is said by `monitor` and `threshold`. The count then starts again, after `cooldown`
    steps (epochs). The run ends (`rate_floor`) once the rate is below `floor`. PyTorch waits for
    one step more than its patience, and has a threshold of 1e-4.

    References
    ----------
    `ReduceLROnPlateau` of PyTorch, with a relative threshold, and of Keras, whose patience this is.
    """
    lower = stall >= patience
    rate = tf.where(lower, rate * factor, rate)
    return rate, tf.where(lower, 0, stall), rate < floor


@stall_schedule(also="plateau")
def halve_on_plateau(
    rate: Any, stall: Any, *, patience: Count = 100, floor: Positive = 1e-6
) -> tuple[Any, Any, Any]:
    """Halve the learning rate after `patience` steps (epochs) without a new best.

    It is `reduce_on_plateau` with the factor 1/2.

    References
    ----------
    `ReduceLROnPlateau` of Keras and PyTorch, with factor 0.5.
    """
    return reduce_on_plateau.function(rate, stall, factor=0.5, patience=patience, floor=floor)


def apply_stalls(
    schedules: tuple[Variant, ...], rate: Any, stall: Any, numbers: Any
) -> tuple[Any, Any, Any]:
    """Apply the schedules that act on stalls, each in its lanes; return also where the run ends.

    The stall (...) is the steps (epochs) since the last new lowest loss. The numbers (...) are
    those of the schedules, and in which lanes each acts.
    """
    ends = tf.zeros_like(stall, tf.bool)
    for each in schedules:
        acts = numbers[each.use] > 0
        new_rate, new_stall, over = each.apply(rate, stall, numbers=numbers)
        rate, stall = tf.where(acts, new_rate, rate), tf.where(acts, new_stall, stall)
        ends |= acts & over
    return rate, stall, ends
