"""Averages: what a run ends with, its last parameters or a mean of those on its way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, overload

from fairtrial.kinds.mechanism.kind import Fact, Kind, KindSettings, P, Variant
from fairtrial.kinds.mechanism.registry import Family, decorate
from fairtrial.kinds.mechanism.tensors import tf
from fairtrial.settings.base import Decay, Share


class AverageSettings(KindSettings):
    """Settings of an average."""

    is_running = Fact[bool]()  # Whether it is made on the way, step by step.
    needs_length = Fact[bool]()  # Whether it depends on how long the run is.
    is_last = Fact[bool]()  # Whether the run ends with its last parameters,
    is_last_mean = Fact[
        bool
    ]()  # or with the mean of its last iterates, as the cause compares them.


AVERAGES: Family[AverageSettings] = Family("average", AverageSettings)


@dataclass(frozen=True, eq=False, kw_only=True)
class Average(Kind[P]):
    """A mean that is made on the way.

    Attributes
    ----------
    needs_length : bool
        Whether it depends on the number of the run's steps. Then the run may not end early.
    """

    family = AVERAGES
    data = ("step", "n_steps")
    compiled = True
    is_running = True
    is_last = is_last_mean = False

    needs_length: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class End(Average[P]):
    """The last parameters, or the mean of the last iterates: nothing is made on the way."""

    data = ()
    compiled = is_running = False

    is_last: bool = False
    is_last_mean: bool = False


@overload
def average(function: Callable[Concatenate[Any, Any, P], Any], /) -> Average[P]: ...
@overload
def average(**facts: Any) -> Callable[[Callable[Concatenate[Any, Any, P], Any]], Average[P]]: ...
def average(function: Any = None, /, **facts: Any) -> Any:
    """Make an average of a function that says what the newest parameters count.

    Parameters
    ----------
    function : callable
        Of the number of the step (batch), from 0, and the number of the run's steps (...), both
        float32. It returns the weight of the parameters after the step in the new mean, (...) from
        0 to 1; the mean before it has the rest.
    """
    return decorate(Average, function, facts)


@decorate(End, None, {"is_last": True})
def none() -> None:
    """End with the last parameters.

    References
    ----------
    Bottou, Curtis and Nocedal (2018), "Optimization methods for large-scale machine learning",
    section 4.
    """


@decorate(End, None, {"is_last_mean": True})
def last_epoch() -> None:
    """End with the mean of the parameters after each batch of the last epoch.

    Full batch: after each of the last tenth of the steps that were taken, at least 20.

    References
    ----------
    Polyak and Juditsky (1992), doi:10.1137/0330046.
    """


@average(also="exponentialmovingaverage movingaverage")
def ema(step: Any, n_steps: Any, *, decay: Decay = 0.99) -> Any:
    """End with an exponential moving average of the parameters after each step (batch).

    `decay` is what the mean keeps at each step. It begins with the parameters after the first step.

    References
    ----------
    `use_ema` of Keras' optimizers, with `ema_momentum`.
    """
    return tf.where(step > 0, 1.0 - decay, 1.0)


@average(needs_length=True, also="polyak swa")
def tail(step: Any, n_steps: Any, *, share: Share = 0.1) -> Any:
    """End with the mean of the parameters after each of the last `share` of the steps (batches).

    References
    ----------
    Polyak and Juditsky (1992), doi:10.1137/0330046; Jain et al. (2018), Journal of Machine Learning
    Research 18 (223), for the tail.
    """
    n_last = tf.maximum(tf.round(share * n_steps), 1.0)
    return 1.0 / tf.maximum(step - (n_steps - n_last) + 1.0, 1.0)


def weigh_newest(averages: tuple[Variant, ...], numbers: Any, step: Any) -> Any:
    """Say what the parameters after a step count in the mean that each lane ends with; (...).

    The numbers (...) are those of the averages, in which lanes each acts, and `n_steps`, the most
    steps of the run. Steps are counted from 0.
    """
    step, weight = tf.cast(step, tf.float32), tf.ones_like(numbers["n_steps"])
    for each in averages:
        own = each.apply(step, numbers["n_steps"], numbers=numbers)
        weight = tf.where(numbers[each.use] > 0, own, weight)
    return weight
