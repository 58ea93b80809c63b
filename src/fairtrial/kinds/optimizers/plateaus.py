"""Schedules that act when the loss, or a validation metric, stalls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, ParamSpec, overload

from pydantic import Field

from fairtrial.kinds.mechanism.kind import Kind, Variant
from fairtrial.kinds.mechanism.registry import decorate
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.kinds.metrics.monitors import LOSS, Monitor
from fairtrial.kinds.optimizers.schedules import SCHEDULES
from fairtrial.settings.base import Count, Decay, Positive, Share

P = ParamSpec("P")
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
    *, lowers_by: Callable[..., float] | float = ..., label: str = ..., also: str = ...
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
